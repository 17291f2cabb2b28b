"""What a film keeps of its clips' marks, and what it loses."""

from __future__ import annotations

from longtake.domain.marks import LONGEST_JOINED, Manifest, Marks, joined_aigc, lost_marks

ONE = {"Label": "1", "ContentProducer": "producer A", "ProduceID": "a1", "ReservedCode1": "", "PropagateID": ""}
OTHER = {"Label": "2", "ContentProducer": "producer B", "ProduceID": "b1", "ReservedCode1": "code", "Note": "x"}


def marks(**fields: str) -> Marks:
    return Marks(aigc=(fields,))


def test_a_film_of_clips_without_aigc_has_none() -> None:
    assert joined_aigc([Marks(), Marks(c2pa=Manifest(size_bytes=9))]) == {}


def test_a_film_of_one_producers_clip_says_what_the_clip_says() -> None:
    whole = joined_aigc([marks(**ONE)])
    assert whole == ONE | {"ContentPropagator": "", "ReservedCode2": ""}
    assert list(whole) == [
        "Label",
        "ContentProducer",
        "ProduceID",
        "ReservedCode1",
        "ContentPropagator",
        "PropagateID",
        "ReservedCode2",
    ]


def test_a_film_of_two_producers_names_both_once_and_keeps_the_surest_label() -> None:
    film = joined_aigc([marks(**OTHER), marks(**ONE), Marks(), marks(**ONE | {"ProduceID": "a2"})])
    assert film["Label"] == "1"
    assert film["ContentProducer"] == "producer B; producer A"
    assert film["ProduceID"] == "b1; a1; a2"
    assert film["ReservedCode1"] == "code"
    assert film["Note"] == "x"


def test_nothing_is_lost_of_what_was_joined_and_all_that_was_not_is_named() -> None:
    clips = [marks(**ONE), marks(**OTHER)]
    film = Marks(aigc=(joined_aigc(clips),))
    assert [lost_marks(clip, film) for clip in clips] == [(), ()]
    assert lost_marks(clips[0], Marks()) == ("AIGC",)
    assert lost_marks(clips[1], Marks(aigc=(ONE,))) == (
        "AIGC ContentProducer",
        "AIGC ProduceID",
        "AIGC ReservedCode1",
        "AIGC Note",
    )


def test_a_field_that_grows_without_end_is_left_out_and_told() -> None:
    clips = [marks(**ONE | {"ReservedCode1": f"{number:05}" * 1600}) for number in range(10)]
    film = joined_aigc(clips)
    assert film["ReservedCode1"] == ""
    assert film["ContentProducer"] == "producer A"
    assert len(film["ProduceID"]) < LONGEST_JOINED
    assert lost_marks(clips[0], Marks(aigc=(film,))) == ("AIGC ReservedCode1",)


def test_a_manifest_is_lost_unless_the_film_has_one_of_its_own() -> None:
    clip = Marks(c2pa=Manifest(size_bytes=9), other=("trainedAlgorithmicMedia", "comment: AI-generated"))
    assert lost_marks(clip, Marks()) == ("the C2PA manifest", "trainedAlgorithmicMedia", "comment: AI-generated")
    assert lost_marks(clip, Marks(c2pa=Manifest(size_bytes=9000))) == ("comment: AI-generated",)
    assert lost_marks(clip, clip) == ()


def test_what_could_not_be_read_counts_as_lost() -> None:
    assert lost_marks(Marks(unread=("AIGC of 9 bytes",)), Marks()) == ("AIGC of 9 bytes",)


def test_names_tell_what_there_is_and_never_what_it_says() -> None:
    assert Marks().names == ()
    full = Marks(c2pa=Manifest(size_bytes=9), aigc=(ONE, OTHER), other=("trainedAlgorithmicMedia",), watermark=True)
    assert full.names == ("C2PA", "AIGC", "trainedAlgorithmicMedia", "watermark")
    assert full.producers == ("producer A", "producer B")
