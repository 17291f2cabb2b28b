"""Colours: what is encoded anew looks as it did, in every coding, and across every joint. The table: `colour_table`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import numpy as np
import pytest

from longtake.domain.errors import MachineError, UnfitClipError
from longtake.media.cutting.frames import contact_sheet, last_frame
from longtake.media.cutting.tail import cut_tail, make_fit
from longtake.media.reading.colour import BT709, BT2020, HLG, PQ, Colour, check_convertible, conversion, decided
from longtake.media.reading.light import convert
from longtake.media.reading.pictures import all_pictures, as_seen
from longtake.media.reading.probe import probe_clip
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from tests.media.colour_table import (
    CODINGS,
    COLOURS,
    FRAMES,
    LIMITS,
    WAYS,
    Coding,
    difference,
    make_clip,
    read_clip,
    tags_of,
)

WITHIN, WITHIN_JPEG = 2.0, 2.0
"""Of 255. JPEG rounds once more, which shows where HDR was tone-mapped before."""
QUICK = ("BT.709", "BT.601 full", "untagged HD", "BT.2020 10 bit", "HLG HEVC")


def too_far_off(name: str, folder: Path) -> dict[str, float]:
    """The ways in which a colour of this coding is too far off, and how far."""
    clip = make_clip(folder / "clip.mp4", CODINGS[name])
    found = {way: round(difference(CODINGS[name], clip, way, folder), 2) for way in WAYS}
    print(name, max(found.values()), found)
    return {way: largest for way, largest in found.items() if largest > limit(way)}


def limit(way: str) -> float:
    """How far a colour may be off."""
    return WITHIN_JPEG if way in ("poster", "contact sheet") else WITHIN


@pytest.mark.parametrize("name", QUICK)
def test_twelve_colours_stay_within_two_of_255_in_every_way_a_film_is_made(name: str, tmp_path: Path) -> None:
    assert too_far_off(name, tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CODINGS if name not in QUICK])
def test_twelve_colours_stay_within_two_of_255_in_every_other_coding(name: str, tmp_path: Path) -> None:
    assert too_far_off(name, tmp_path) == {}


def test_no_flash_where_the_header_and_the_pictures_of_a_clip_say_different_things(tmp_path: Path) -> None:
    """Its container says BT.709, its stream BT.601: an encoded head must look as the copied rest does."""
    params = ":colormatrix=smpte170m:colorprim=smpte170m:transfer=smpte170m"
    clip = make_clip(tmp_path / "clip.mp4", CODINGS["BT.601 NTSC"], says=(1, 1, 1, 1), params=params)
    assert probe_clip(clip).colour == (1, 1, 1, 1)
    assert next(all_pictures(clip)).colorspace == 6
    source, _ = read_clip(clip)
    receipt = stitch_clips([clip, clip], tmp_path / "film.mp4", StitchOptions(trims=((0, 0), (3, 0))))
    assert 0 < receipt.clips[1].frames_copied < FRAMES - 3
    seen, _ = read_clip(tmp_path / "film.mp4")
    assert np.abs(seen - source[0]).max() <= WITHIN
    assert len({tags_of(frame) for frame in all_pictures(tmp_path / "film.mp4")}) == 1


@pytest.mark.parametrize("name", ["BT.709", "BT.601 PAL", "BT.709 full", "BT.2020", "untagged SD"])
def test_what_is_encoded_anew_says_what_it_is(name: str, tmp_path: Path) -> None:
    coding = CODINGS[name]
    clip = make_clip(tmp_path / "clip.mp4", coding)
    receipt = stitch_clips([clip], tmp_path / "film.mp4", StitchOptions(size=(160, 96)))
    cut_tail(clip, 10 / 24, tmp_path / "tail.mp4", LIMITS)
    # What was left open is decided, and then said.
    for film in ("film.mp4", "tail.mp4"):
        assert probe_clip(tmp_path / film).colour == coding.tags
        assert tags_of(next(all_pictures(tmp_path / film))) == coding.tags
    assert receipt.clips[0].colour == ""


def test_a_film_of_untagged_clips_stays_untagged_where_pictures_are_copied(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CODINGS["untagged SD"])
    stitch_clips([clip, clip], tmp_path / "film.mp4", StitchOptions(trims=((0, 0), (3, 0))))
    assert {frame.colorspace for frame in all_pictures(tmp_path / "film.mp4")} == {2}


def test_clips_of_other_colours_are_converted_into_the_films_and_the_receipt_says_so(tmp_path: Path) -> None:
    names = ("BT.709", "BT.709", "BT.601 NTSC", "BT.2020 10 bit", "HLG HEVC")
    clips = [make_clip(tmp_path / f"{number}.mp4", CODINGS[name]) for number, name in enumerate(names)]
    receipt = stitch_clips(clips, tmp_path / "film.mp4")
    assert receipt.format.colour == "BT.709"
    assert [clip.colour for clip in receipt.clips] == [
        "",
        "",
        "colours converted from BT.601 to BT.709",
        "colours converted from BT.2020 to BT.709",
        "tone-mapped from BT.2020 HDR (HLG) to BT.709",
    ]
    assert {tags_of(frame) for frame in all_pictures(tmp_path / "film.mp4")} == {(1, 1, 1, 1)}


@pytest.mark.parametrize("name", ["BT.601 NTSC", "BT.601 full", "untagged SD", "BT.709 10 bit"])
def test_a_clip_of_bt_709_takes_on_the_colours_of_the_film_it_comes_into(name: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CODINGS[name])
    plain = make_clip(tmp_path / "plain.mp4", CODINGS["BT.709"])
    source, _ = read_clip(plain)
    stitch_clips([clip, plain, clip], tmp_path / "film.mp4")
    seen, _ = read_clip(tmp_path / "film.mp4")
    assert np.abs(seen - source[0]).max() <= WITHIN
    assert len({tags_of(frame) for frame in all_pictures(tmp_path / "film.mp4")}) == 1


def test_a_crossfade_of_two_colour_spaces_begins_and_ends_in_the_same_colours(tmp_path: Path) -> None:
    plain = make_clip(tmp_path / "plain.mp4", CODINGS["BT.709"])
    for name in ("BT.601 full", "untagged SD"):
        clip = make_clip(tmp_path / "clip.mp4", CODINGS[name])
        for clips in ([plain, clip], [clip, plain], [clip, plain, clip]):
            stitch_clips(clips, tmp_path / "film.mp4", StitchOptions(crossfade_seconds=0.25))
            seen, _ = read_clip(tmp_path / "film.mp4")
            # Against what was meant, so that the clips' own rounding adds to ours.
            assert np.abs(seen - np.array(COLOURS)).max() <= WITHIN + 1


def test_most_of_the_clips_decide_the_colours_where_nothing_is_copied(tmp_path: Path) -> None:
    names = ("BT.709", "BT.601 NTSC", "BT.601 NTSC")
    clips = [make_clip(tmp_path / f"{number}.mp4", CODINGS[name]) for number, name in enumerate(names)]
    receipt = stitch_clips(clips, tmp_path / "film.mp4", StitchOptions(size=(160, 96)))
    assert [clip.colour for clip in receipt.clips] == ["colours converted from BT.709 to BT.601", "", ""]


def test_ten_bits_stay_ten_bits_where_the_film_has_them(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CODINGS["BT.2020 10 bit"])
    options = StitchOptions(trims=((0, 0), (3, 0)), crossfade_seconds=0.25)
    receipt = stitch_clips([clip, clip], tmp_path / "film.mp4", options)
    assert receipt.format.pixel_format == "yuv420p10le"
    assert {frame.format.name for frame in all_pictures(tmp_path / "film.mp4")} == {"yuv420p10le"}


@pytest.mark.parametrize("name", ["PQ", "HLG HEVC"])
def test_hdr_that_is_encoded_with_eight_bits_is_tone_mapped_and_the_receipt_says_so(name: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CODINGS[name])
    words = f"tone-mapped from {conversion_source(name)} to BT.709"
    tail = cut_tail(clip, 10 / 24, tmp_path / "tail.mp4", LIMITS)
    fit = make_fit(clip, tmp_path / "fit.mp4", LIMITS.model_copy(update={"max_side_px": 240}))
    film = stitch_clips([clip], tmp_path / "film.mp4", StitchOptions(size=(160, 96)))
    assert (tail.colour, film.clips[0].colour) == (words, words)
    assert words in fit.changes
    assert "8 bits a colour instead of those of yuv420p10le" in fit.changes
    for made in ("tail", "fit", "film"):
        assert tags_of(next(all_pictures(tmp_path / f"{made}.mp4"))) == (1, 1, 1, 1)


def held(clip: Path, target: Path, degrees: int) -> Path:
    """The same film as a phone stores it that was held so: turned for display."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as output:
        video = output.add_stream_from_template(source.streams.video[0])
        video.set_display_rotation(-degrees)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)
    return target


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("name", ["PQ", "HLG HEVC"])
def test_hdr_of_a_phone_held_upright_is_tone_mapped_as_it_is_level(name: str, degrees: int, tmp_path: Path) -> None:
    level = make_clip(tmp_path / "clip.mov", CODINGS[name])
    clip = held(level, tmp_path / "held.mov", degrees)
    assert probe_clip(clip).rotation_degrees == degrees
    limits = LIMITS.model_copy(update={"max_side_px": 240})
    receipt = make_fit(clip, tmp_path / "fit.mp4", limits)
    make_fit(level, tmp_path / "level.mp4", limits)
    words = "; ".join(receipt.changes)
    for part in (
        f"tone-mapped from {conversion_source(name)} to BT.709",
        "turned upright",
        "8 bits a colour instead of",
    ):
        assert part in words
    upright, straight = (np.asarray(as_seen(next(all_pictures(tmp_path / f"{each}.mp4")))) for each in ("fit", "level"))
    back = np.rot90(upright, degrees // 90)
    assert back.shape == straight.shape
    assert np.abs(back.astype(int) - straight).mean() <= 1


def conversion_source(name: str) -> str:
    """How the receipt calls a coding."""
    return str(Colour(*CODINGS[name].tags))


def test_a_full_disk_is_no_fault_of_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CODINGS["HLG HEVC"])

    def full(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    for make in (
        lambda: stitch_clips([clip], tmp_path / "out.mp4", StitchOptions(size=(160, 96))),
        lambda: cut_tail(clip, 10 / 24, tmp_path / "out.mp4", LIMITS),
        lambda: last_frame(clip, tmp_path / "out.png"),
    ):
        with pytest.raises(MachineError, match="no table of colours can be written"):
            make()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_transparency_that_is_lost_is_told(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov", Coding((1, 1, 1, 1), "yuva444p10le", "prores_ks"))
    source, _ = read_clip(clip)
    receipt = make_fit(clip, tmp_path / "fit.mp4", LIMITS.model_copy(update={"max_side_px": 240}))
    assert "its transparency left out" in receipt.changes
    seen, _ = read_clip(tmp_path / "fit.mp4")
    assert np.abs(seen - source[0]).max() <= WITHIN


def test_hdr_that_is_copied_stays_hdr(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", CODINGS["HLG HEVC"])
    receipt = stitch_clips([clip, clip], tmp_path / "film.mp4")
    assert [(each.action, each.colour) for each in receipt.clips] == [("copied", "")] * 2
    assert tags_of(next(all_pictures(tmp_path / "film.mp4"))) == CODINGS["HLG HEVC"].tags
    assert make_fit(clip, tmp_path / "fit.mp4", LIMITS).changes == ()


def test_a_clip_of_sdr_in_a_film_of_hdr_has_the_white_of_the_standard(tmp_path: Path) -> None:
    """BT.2408: white of SDR is 203 nits: 58 % of PQ, 75 % of HLG."""
    plain = make_clip(tmp_path / "plain.mp4", CODINGS["BT.709"])
    for name, share in (("PQ", 0.5807), ("HLG", 0.75)):
        clip = make_clip(tmp_path / "clip.mp4", CODINGS[name])
        receipt = stitch_clips([clip, clip, plain], tmp_path / "film.mp4")
        assert receipt.clips[2].colour == f"colours converted from BT.709 to {conversion_source(name)}"
        seen, _ = read_clip(tmp_path / "film.mp4")
        assert seen[-1, 1] == pytest.approx(share * 255, abs=WITHIN)
        assert seen[-1, 2] == pytest.approx(0, abs=WITHIN)


def test_tone_mapping_keeps_greys_grey_order_and_what_is_darker_than_the_knee() -> None:
    ramp = np.repeat(np.linspace(0, 1, 101)[:, None], 3, axis=1)
    for curve in (PQ, HLG):
        toned = convert(ramp, (BT2020, curve), (BT709, BT709))
        assert np.abs(toned - toned[:, :1]).max() < 0.001
        assert (np.diff(toned[:, 0]) >= -1e-9).all()
        assert toned[0, 0] == pytest.approx(0, abs=0.001)
        assert toned[-1, 0] == pytest.approx(1, abs=0.001)
    # 50 nits, 44 % of PQ, are below the knee, and shown as 50 nits.
    fifty = convert(np.full((1, 3), 0.4402), (BT2020, PQ), (BT709, BT709))
    assert 203 * fifty[0, 0] ** 2.4 == pytest.approx(50, abs=0.3)
    # The white of paper stays near white, with room left for what is brighter.
    paper = convert(np.full((1, 3), 0.75), (BT2020, HLG), (BT709, BT709))
    assert 0.8 < paper[0, 0] < 0.95


@pytest.mark.parametrize(
    ("tags", "size", "pixels", "meant"),
    [
        ((0, 2, 2, 2), (640, 360), "yuv420p", (1, 6, 6, 6)),
        ((0, 2, 2, 2), (1280, 720), "yuv420p", (1, 1, 1, 1)),
        ((0, 2, 2, 2), (720, 1280), "yuvj420p", (2, 1, 1, 1)),
        ((1, 2, 9, 2), (640, 360), "yuv420p10le", (1, 9, 9, 14)),
        ((1, 2, 2, 18), (640, 360), "yuv420p10le", (1, 9, 9, 18)),
        ((1, 2, 5, 2), (1280, 720), "yuv420p", (1, 5, 5, 6)),
        ((2, 6, 2, 2), (1280, 720), "yuvj420p", (2, 6, 6, 6)),
        ((0, 0, 1, 13), (1280, 720), "gbrp", (2, 0, 1, 13)),
        ((1, 1, 1, 1), (64, 64), "yuv420p", (1, 1, 1, 1)),
    ],
)
def test_what_is_not_tagged_is_decided_as_players_do(
    tags: tuple[int, int, int, int], size: tuple[int, int], pixels: str, meant: tuple[int, int, int, int]
) -> None:
    assert decided(tags, size, pixels) == meant


def test_colours_that_cannot_be_converted_are_refused_by_the_clips_name_and_never_relabelled(tmp_path: Path) -> None:
    strange = tmp_path / "strange.mp4"
    for tags, words in (((1, 8, 1, 1), "matrix 8"), ((1, 10, 9, 14), "matrix 10"), ((1, 14, 9, PQ), "matrix 14")):
        make_clip(strange, Coding((1, 1, 1, 1), "yuv420p10le"), says=tags)
        for make in (
            lambda: stitch_clips([strange], tmp_path / "out.mp4", StitchOptions(size=(160, 96))),
            lambda: cut_tail(strange, 10 / 24, tmp_path / "out.mp4", LIMITS),
            lambda: make_fit(strange, tmp_path / "out.mp4", LIMITS.model_copy(update={"max_side_px": 240})),
            lambda: last_frame(strange, tmp_path / "out.png"),
        ):
            with pytest.raises(UnfitClipError, match=rf"^strange\.mp4: its colours have {words}"):
                make()
        assert not list(tmp_path.glob("out*"))
        # Copied it is what it was; and a sheet of pictures for people shows an empty place.
        assert stitch_clips([strange, strange], tmp_path / "film.mp4").clips[0].action == "copied"
        contact_sheet([strange, strange], tmp_path / "sheet.jpg")
    with pytest.raises(UnfitClipError, match="transfer 17"):
        check_convertible(Colour(1, 1, 1, 17), Colour(1, 1, 1, 1))


def test_bars_are_black_in_every_range(tmp_path: Path) -> None:
    for name in ("BT.709", "BT.709 full", "BT.2020 10 bit"):
        clip = make_clip(tmp_path / "clip.mp4", CODINGS[name])
        other = make_clip(tmp_path / "tall.mp4", CODINGS[name], size=(192, 320))
        stitch_clips([clip, clip, other], tmp_path / "film.mp4")
        *_, last = all_pictures(tmp_path / "film.mp4")
        luma = np.frombuffer(bytes(last.planes[0]), np.uint16 if "10" in last.format.name else np.uint8)
        assert abs(int(luma[0]) - {"BT.709": 16, "BT.709 full": 0}.get(name, 64)) <= 1, name


def test_conversion_is_told_in_words() -> None:
    assert conversion(Colour(1, 6, 6, 6), Colour(1, 5, 5, 6)) == ""
    assert conversion(Colour(2, 1, 1, 1), Colour(1, 1, 1, 1)) == "colours converted from BT.709 full range to BT.709"
