"""Timelines from receipts alone, read by OpenTimelineIO: takes, gaps, markers, names, and what holds for any film."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import opentimelineio as otio
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake.domain.job import Clip
from longtake.files.directory import DirectoryStore
from longtake.rendering.timeline.build import is_sealed, timeline_text
from longtake.rendering.timeline.keep import Kept, keep_timeline
from longtake.rendering.timeline.take import Take

RATES = ["24/1", "24000/1001", "25/1", "30000/1001", "30/1", "60/1"]


def take(shot_id: str, frames: int = 100, fps: str = "24", **fields: Any) -> Take:
    number = fields.get("take", 1)
    clip = Clip(
        key=f"ledger/{shot_id}-{number}", sha256=f"{shot_id}-{number}", size_bytes=1, width=16, height=16,
        frames=frames, duration_seconds=0, fps=fps, has_audio=fields.pop("has_audio", True),
    )  # fmt: skip
    own: dict[str, Any] = {"shot_id": shot_id, "clip": clip, "key": f"clips/{shot_id}-{number}.mp4"}
    return Take(**own | fields)


def receipt_of(takes: Sequence[Take], crossfade: int = 0, **more: Any) -> dict[str, Any]:
    """As a film tells of itself that joins whole clips."""
    last = len(takes) - 1
    clips: list[dict[str, Any]] = [
        {
            "shot_id": one.shot_id, "sha256": one.clip.sha256, "frames": one.clip.frames, "fps": one.clip.fps,
            "trimmed_head": 0, "trimmed_tail": 0, "frames_used": one.clip.frames - (crossfade if n < last else 0),
        }
        for n, one in enumerate(takes)
    ]  # fmt: skip
    return {
        "sha256": "film",
        "frames": sum(clip["frames_used"] for clip in clips),
        "format": {"fps": "24/1", "width": 16, "height": 16},
        "clips": clips,
        "joins": [{"crossfade_frames": crossfade}] * last,
    } | more


def read(receipt: dict[str, Any], takes: Sequence[Take], reel: str = "r") -> Any:
    return otio.adapters.read_from_string(timeline_text(reel, f"reels/{reel}.mp4", receipt, takes), "otio_json")


def test_takes_that_were_not_chosen_stand_on_muted_tracks_where_the_film_shows_the_chosen_one() -> None:
    chosen = [take("r/1"), take("r/2", take=2)]
    others = [take("r/2", 90), take("r/2", 120, take=3), take("r/1", 200, "48", take=2)]
    timeline = read(receipt_of(chosen), [*others, *chosen])
    film, *muted = timeline.video_tracks()
    assert [clip.name for clip in film] == ["r/1", "r/2"]
    assert film.enabled
    assert not any(track.enabled for track in muted)
    found = {clip.name: clip for track in muted for clip in track.find_clips()}
    assert not any(clip.enabled for clip in found.values())
    begins = {name: (clip.range_in_parent().start_time.value, clip.duration().value) for name, clip in found.items()}
    assert begins == {"r/2 take 1": (100, 90), "r/2 take 3": (100, 100), "r/1 take 2": (0, 100)}
    assert timeline.duration().value == 200


def test_a_muted_take_begins_where_the_film_fades_to_the_chosen_one() -> None:
    chosen = [take("r/1"), take("r/2"), take("r/3", take=2)]
    timeline = read(receipt_of(chosen, 6), [take("r/3"), *chosen])
    film, muted = timeline.video_tracks()
    (other,) = muted.find_clips()
    begins = film.range_of_child_at_index(film.index(film[-1])).start_time
    assert muted.range_of_child(other).start_time == begins == otio.opentime.RationalTime(188, 24)


def test_a_shot_that_is_missing_is_a_gap_without_length_with_a_marker_in_its_place() -> None:
    takes = [take("r/2"), take("r/10")]
    timeline = read(receipt_of(takes, missing=["r/1", "r/9", "r/11"]), takes)
    (film,) = timeline.video_tracks()
    kinds = [type(item).__name__ for item in film]
    assert kinds == ["Gap", "Clip", "Gap", "Clip", "Gap"]
    assert [film[n].markers[0].comment for n in (0, 2, 4)] == [f"r/{n} is missing" for n in (1, 9, 11)]
    assert film.duration().value == timeline.audio_tracks()[0].duration().value == 200


def test_nothing_stands_between_the_clips_of_a_crossfade() -> None:
    takes = [take("r/1"), take("r/3"), take("r/4", has_audio=False)]
    timeline = read(receipt_of(takes, 6, missing=["r/2"]), takes)
    film, sound = timeline.video_tracks()[0], timeline.audio_tracks()[0]
    assert [type(item).__name__ for item in film] == ["Clip", "Transition", "Clip", "Transition", "Clip"]
    assert [type(item).__name__ for item in sound] == ["Clip", "Transition", "Clip", "Gap"]
    assert [marker.comment for marker in film[2].markers] == ["r/2 is missing"]
    assert (film[1].in_offset.value, film[1].out_offset.value) == (0, 6)
    assert film.duration() == sound.duration() == otio.opentime.RationalTime(288, 24)


def test_findings_echoes_and_drift_are_markers_where_they_are() -> None:
    found = [
        {
            "check": "frozen",
            "severity": "warn",
            "message": "still\nfrom 1.00",
            "start_seconds": 1.0,
            "end_seconds": 2.0,
        },
        {"check": "black", "severity": "strict", "message": "at its end", "start_seconds": 4.1, "end_seconds": 99.0},
        {"check": "length", "severity": "warn", "message": "short", "start_seconds": None},
        {"check": "odd", "message": "no place", "start_seconds": float("nan"), "end_seconds": "x"},
    ]
    takes = [take("r/1"), take("r/2", findings=tuple(found))]
    figures = {"brightness": -40.0, "contrast_ratio": 1.0, "colour": 1.0, "saturation_ratio": 1, "sharpness_ratio": 1}
    receipt = receipt_of(
        takes,
        echoes=[{"shot_id": "r/2", "trimmed": True, "frames": 7, "reason": "alike", "verdict": "found"}],
        drift=[{"shot_id": "r/1", "link": 0} | figures, {"shot_id": "r/2", "link": 1} | figures],
    )
    receipt["clips"][1] |= {"trimmed_head": 7, "frames_used": 93}
    receipt["frames"] = 193
    (film,) = read(receipt, takes).video_tracks()
    assert not film[0].markers
    told = [(m.name, m.color, m.marked_range.start_time.value, m.marked_range.duration.value) for m in film[1].markers]
    assert told == [
        ("frozen", "ORANGE", 24, 24),
        ("black", "RED", 98, 2),
        ("length", "ORANGE", 7, 1),
        ("odd", "ORANGE", 7, 1),
        ("echo", "GREEN", 7, 1),
        ("drift", "ORANGE", 7, 1),
    ]
    assert film[1].markers[0].comment == "still␊from 1.00"
    assert film[1].source_range.start_time.value == 7


def test_what_is_told_of_a_clip_has_no_prompt_and_no_link() -> None:
    origin = {"vendor": "evolink/default", "wire_model": "m", "job_id": "j", "identity": "i"}
    takes = [take("r/1", origin=origin, chosen="by a person")]
    told = json.loads(timeline_text("r", "reels/r.mp4", receipt_of(takes), takes))
    facts = told["tracks"]["children"][0]["children"][0]["metadata"]["longtake"]
    assert set(facts) == {
        "shot_id", "take", "chosen", "vendor", "wire_model", "job_id", "identity", "sha256", "frames", "fps", "width",
        "height",
    }  # fmt: skip


def test_any_name_makes_a_timeline_that_is_read_and_an_address_that_leads_back() -> None:
    for name in ("a b", "ü/ä", "100%", "#1", "it's", 'say "x"', "映画", "half \ud83d emoji", "a\nb", "\0", "?q=1&x"):
        takes = [take(f"{name}/1", key=f"clips/{name}/1.mp4".encode("utf-8", "replace").decode())]
        timeline = read(receipt_of(takes, missing=[f"{name}/2"]), takes, name)
        clip = timeline.video_tracks()[0][0]
        assert unquote(clip.media_reference.target_url) == f"../{takes[0].key}"
        assert not set(clip.media_reference.target_url) & set(" #?'\"\n\0")
        assert "\n" not in timeline.name + clip.name


@st.composite
def films(draw: st.DrawFn) -> tuple[dict[str, Any], list[Take]]:
    """A receipt as any film has it, by the rules of a stitch, and its takes."""
    fps = Fraction(draw(st.sampled_from(RATES)))
    count = draw(st.integers(1, 5))
    wish = draw(st.integers(0, 40))
    takes, clips, used = [], [], []
    for number in range(count):
        own = Fraction(draw(st.sampled_from(RATES)))
        frames = draw(st.integers(1, 400))
        head = draw(st.integers(0, frames - 1))
        tail = draw(st.integers(0, frames - 1 - head))
        shown = frames - head - tail if own == fps else max(round(Fraction(frames - head - tail) / own * fps), 1)
        one = take(f"r/{number}", frames, str(own), has_audio=draw(st.booleans()))
        takes.append(one)
        used.append(shown)
        told = {"shot_id": one.shot_id, "sha256": one.clip.sha256, "frames": frames, "trimmed_head": head}
        told |= {"trimmed_tail": tail}
        if draw(st.booleans()):  # as told from this release on
            told |= {"fps": str(own), "seconds": float(frames / own), "shown_from_seconds": float(head / own)}
        clips.append(told)
    joins = [min(wish, before // 2, after // 2) for before, after in pairwise(used)]
    for told, shown, after in zip(clips, used, [*joins, 0], strict=True):
        told["frames_used"] = shown - after
    receipt = {"sha256": "film", "frames": sum(used) - sum(joins), "format": {"fps": str(fps)}, "clips": clips}
    missing = [f"r/{number}" for number in draw(st.lists(st.integers(-2, 9), max_size=3))]
    return receipt | {"joins": [{"crossfade_frames": n} for n in joins], "missing": missing}, takes


@given(films())
@settings(max_examples=60, deadline=None)
def test_the_ranges_of_any_film_add_up_and_lie_in_their_media(film: tuple[dict[str, Any], list[Take]]) -> None:
    receipt, takes = film
    timeline = read(receipt, takes)
    rate = float(Fraction(receipt["format"]["fps"]))
    whole = otio.opentime.RationalTime(receipt["frames"], rate)
    assert all(track.duration() == whole for track in timeline.tracks)
    clips = list(timeline.video_tracks()[0].find_clips())
    assert sum(clip.source_range.duration.value for clip in clips) == receipt["frames"]
    for clip, take_ in zip(clips, takes, strict=True):
        available = clip.media_reference.available_range
        assert clip.source_range.start_time.value >= 0
        assert clip.source_range.end_time_exclusive() <= available.end_time_exclusive()
        length = Fraction(take_.clip.frames) / Fraction(take_.clip.fps)
        assert available.end_time_exclusive().to_seconds() <= length + Fraction(1 + 1e-3) / Fraction(rate)


def test_a_timeline_is_written_again_when_it_changes_and_a_persons_is_kept(tmp_path: Any) -> None:
    store, takes = DirectoryStore(tmp_path), [take("r/1")]
    receipt, key = receipt_of(takes), "reels/r.otio"

    def keep(before: object, **more: Any) -> Kept:
        return keep_timeline(store, "r", "reels/r.mp4", receipt | more, takes, before=before)

    first = keep(None)
    stamp = store.stamp(key)
    assert keep(first.sha256) == first
    assert store.stamp(key) == stamp
    second = keep(first.sha256, missing=["r/2"])
    assert first != second
    assert store.list("reels") == [key]
    store.write(key, b"a person's")
    third = keep(second.sha256)
    assert third.sha256 == first.sha256
    assert store.read("reels/r.edited-1.otio") == b"a person's"
    assert "reels/r.edited-1.otio" in third.told
    store.remove(key)
    assert keep(third.sha256) == first
    assert store.size(key)
    assert keep_timeline(store, "r", "reels/r.mp4", {"clips": [{}]}, takes, before=None) == Kept(None)


def test_one_of_our_own_is_known_without_any_note_of_it_and_one_that_was_edited_is_kept(tmp_path: Any) -> None:
    store, takes = DirectoryStore(tmp_path), [take("r/1")]
    receipt, key = receipt_of(takes), "reels/r.otio"
    keep_timeline(store, "r", "reels/r.mp4", receipt | {"missing": ["r/2"]}, takes, before=None)
    ours = store.read(key)
    assert ours is not None
    assert is_sealed(ours)
    # A run that was killed before it noted the hash: the film has other bytes now, and no receipt tells of this one.
    assert keep_timeline(store, "r", "reels/r.mp4", receipt, takes, before=None).told == ""
    assert store.list("reels") == [key]
    for edited in (ours.replace(b"r/2", b"r/3"), ours + b"\n", ours.replace(b'"seal"', b'"sea"'), b""):
        assert not is_sealed(edited)
        store.write(key, edited)
        told = keep_timeline(store, "r", "reels/r.mp4", receipt, takes, before=None).told
        aside = told.partition("kept as ")[2].partition(",")[0]
        assert store.read(aside) == edited


def test_a_seal_holds_for_any_name() -> None:
    for name in ('"seal": "' + "0" * 64 + '"', "0" * 64, "\u2028 \\ é"):
        takes = [take(f"{name}/1")]
        text = timeline_text(name, "reels/r.mp4", receipt_of(takes), takes)
        assert is_sealed(text.encode())
        json.loads(text)
