"""Tails and fitted copies: exactly the pictures asked for, inside every limit, lossless only where that is true."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from longtake.domain.errors import UnfitClipError, UnreadableClipError
from longtake.media.checking.inspect import inspect_clip
from longtake.media.checking.policy import GatePolicy
from longtake.media.cutting.tail import TailLimits, cut_tail, make_fit
from longtake.media.reading.clock import exact
from longtake.media.reading.pictures import all_pictures, as_seen
from longtake.media.reading.probe import probe_clip
from longtake.media.workers import in_child
from longtake.sandbox.clips import framecode
from tests.media import nasty_clips, scenes

SMALL = TailLimits(min_seconds=0.25, min_side_px=100)
WHOLE = GatePolicy(frame_rate="strict", sound="strict")


def codes(clip: Path) -> list[framecode.FrameCode | None]:
    """The code of every picture as a viewer sees it."""
    aspect = probe_clip(clip).sample_aspect
    greys = [np.asarray(as_seen(frame, aspect).convert("L"), float) for frame in all_pictures(clip)]
    return [framecode.read((grey * 0.86 + 16).astype(np.uint8)) for grey in greys]


def packets(clip: Path) -> list[Any]:
    with av.open(str(clip)) as container:
        return [packet for packet in container.demux(container.streams.video[0]) if packet.size]


def payloads(clip: Path) -> list[bytes]:
    return [bytes(packet) for packet in packets(clip)]


def lengths(clip: Path) -> tuple[Fraction, float, float]:
    """Seconds of picture, of sound (0 if none) and of the whole file."""
    with av.open(str(clip)) as container:
        video, sound = container.streams.video[0], container.streams.audio
        return (
            video.duration * exact(video.time_base),
            float(sound[0].duration * exact(sound[0].time_base)) if sound else 0.0,
            container.duration / 1_000_000,
        )


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, a keyframe every second, with B-frames and sound."""
    pictures = scenes.coded(scenes.pan(97), job=4)
    target = tmp_path_factory.mktemp("long") / "clip.mp4"
    extra = {"g": "24", "keyint_min": "24", "sc_threshold": "0", "bf": "2"}
    return scenes.write_clip(target, pictures, sound=scenes.tone(97 / 24), extra=extra, preset="fast")


@pytest.mark.parametrize("frames", [12, 24, 25, 26, 49, 50, 73, 96])
def test_a_tail_has_exactly_the_pictures_asked_for(frames: int, long_clip: Path, tmp_path: Path) -> None:
    receipt = cut_tail(long_clip, frames / 24, tmp_path / "tail.mp4", SMALL)
    assert codes(tmp_path / "tail.mp4") == [(4, number) for number in range(97 - frames, 97)]
    assert (receipt.frames, receipt.first_frame) == (frames, 97 - frames)
    first, *_ = packets(tmp_path / "tail.mp4")
    assert (first.is_keyframe, first.pts) == (True, 0)
    picture, sound, whole = lengths(tmp_path / "tail.mp4")
    assert picture == Fraction(frames, 24)
    assert sound == pytest.approx(float(picture), abs=0.0001)
    assert whole == pytest.approx(float(picture), abs=0.001)
    assert receipt.bytes == (tmp_path / "tail.mp4").stat().st_size
    assert inspect_clip(tmp_path / "tail.mp4", policy=WHOLE).findings == ()


def test_a_tail_is_copied_without_loss_only_from_a_keyframe_on(long_clip: Path, tmp_path: Path) -> None:
    for frames, method in ((1, "copied"), (25, "copied"), (49, "copied"), (24, "re-encoded"), (26, "re-encoded")):
        receipt = cut_tail(long_clip, frames / 24, tmp_path / "tail.mp4", TailLimits(min_seconds=0, min_side_px=100))
        assert receipt.method == method
        assert (payloads(tmp_path / "tail.mp4") == payloads(long_clip)[-frames:]) == (method == "copied")
        assert bool(receipt.reason) == (method == "re-encoded")


def test_a_re_encoded_tail_looks_like_its_source_and_needs_no_edit_list(long_clip: Path, tmp_path: Path) -> None:
    cut_tail(long_clip, 1.5, tmp_path / "tail.mp4", SMALL)
    assert all(packet.pts == packet.dts for packet in packets(tmp_path / "tail.mp4"))
    source = [frame.to_ndarray() for frame in all_pictures(long_clip)][-36:]
    tail = [frame.to_ndarray() for frame in all_pictures(tmp_path / "tail.mp4")]
    error = np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in zip(source, tail, strict=True)])
    assert 10 * np.log10(255**2 / error) > 38


@pytest.mark.parametrize("seconds", [97 / 24, 4.05, 15, 99])
def test_a_clip_no_longer_than_asked_is_passed_untouched(seconds: float, long_clip: Path, tmp_path: Path) -> None:
    receipt = cut_tail(long_clip, seconds, tmp_path / "tail.mp4", SMALL)
    assert (receipt.method, receipt.frames, receipt.first_frame) == ("untouched", 97, 0)
    assert (tmp_path / "tail.mp4").read_bytes() == long_clip.read_bytes()


def test_every_nasty_clip_has_an_exact_tail(nasty: dict[str, Path], tmp_path: Path) -> None:
    for name, clip in nasty.items():
        recipe = nasty_clips.BY_NAME[name]
        facts = probe_clip(clip)
        receipt = cut_tail(clip, 0.5, tmp_path / "tail.mp4", SMALL.model_copy(update={"min_fps": 20}))
        assert receipt.frames == round(Fraction(1, 2) * facts.fps), name
        found = codes(tmp_path / "tail.mp4")
        assert found[-1] == (recipe.job, recipe.frames - 1), name
        if name != "varying_rate":  # whose pictures are set to an even rate, some of them twice
            assert found == [(recipe.job, number) for number in range(receipt.first_frame, recipe.frames)], name
        assert (receipt.width, receipt.height) == recipe.display_size, name
        assert probe_clip(tmp_path / "tail.mp4").has_audio == bool(recipe.sound_codec), name
        assert inspect_clip(tmp_path / "tail.mp4", policy=WHOLE).passed, name


def test_the_sound_is_cut_with_the_picture(nasty: dict[str, Path], tmp_path: Path) -> None:
    """The beep stands half a second in, where the picture flashes: 13 pictures before the end of 25."""
    for name in ("plain", "mono_22k", "start_at_1s", "surround", "fragmented"):
        cut_tail(nasty[name], 17 / 24, tmp_path / "tail.mp4", SMALL)
        with av.open(str(tmp_path / "tail.mp4")) as container:
            rate = container.streams.audio[0].rate
            sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        beep = np.flatnonzero(np.abs(sound) > 0.3)
        flash = 12 - (25 - 17)
        assert beep[0] / rate == pytest.approx(flash / 24, abs=0.004), name


def test_limits_that_a_cut_cannot_keep_are_named(long_clip: Path, tmp_path: Path) -> None:
    slow = scenes.write_clip(tmp_path / "slow.mp4", scenes.pan(60), fps=Fraction(24000, 1001))
    for clip, seconds, limits, words in (
        (slow, 2, TailLimits(min_side_px=100), "min_fps is 24, it has 23.976"),
        (long_clip, 1.9, TailLimits(min_side_px=100), "min_seconds is 2"),
        (long_clip, 0, TailLimits(min_side_px=100), "min_seconds is 2"),
        (long_clip, 3, TailLimits(), "min_side_px is 300, it has 180"),
        (long_clip, 3, TailLimits(min_side_px=100, max_side_px=200), "max_side_px is 200, it has 320"),
        (long_clip, 3, TailLimits(min_side_px=100, min_pixels=409_600), "min_pixels is 409600, it has 57600"),
        (long_clip, 3, TailLimits(min_side_px=100, max_pixels=50_000), "max_pixels is 50000"),
        (long_clip, 3, TailLimits(min_side_px=100, max_aspect=1.5), "max_aspect is 1.5, it has 1.77778"),
        (long_clip, 3, TailLimits(min_side_px=100, max_bytes=2_000), "max_bytes is 2000"),
    ):
        with pytest.raises(UnfitClipError, match=words.replace(".", r"\.")):
            cut_tail(clip, seconds, tmp_path / "tail.mp4", limits)
        assert not (tmp_path / "tail.mp4").exists()


def test_a_tail_never_passes_the_longest_length(long_clip: Path, tmp_path: Path) -> None:
    for most, frames in ((2.5, 60), (2.51, 60), (2.0, 48)):
        limits = TailLimits(min_side_px=100, max_seconds=most)
        assert cut_tail(long_clip, 99, tmp_path / "tail.mp4", limits).frames == frames
        assert lengths(tmp_path / "tail.mp4")[2] <= most


def test_a_tail_too_large_is_encoded_more_coarsely(long_clip: Path, tmp_path: Path) -> None:
    limits = TailLimits(min_side_px=100, max_bytes=120_000)
    receipt = cut_tail(long_clip, 49 / 24, tmp_path / "tail.mp4", limits)
    assert (receipt.method, receipt.reason) == ("re-encoded", "it has more than 120000 bytes")
    assert receipt.bytes <= 120_000
    assert codes(tmp_path / "tail.mp4") == [(4, number) for number in range(48, 97)]


def test_sound_longer_than_the_longest_length_is_cut_to_the_picture(nasty: dict[str, Path], tmp_path: Path) -> None:
    limits = SMALL.model_copy(update={"max_seconds": 1.1})
    receipt = cut_tail(nasty["sound_long"], 9, tmp_path / "tail.mp4", limits)
    assert (receipt.method, receipt.frames) == ("copied", 25)
    assert lengths(tmp_path / "tail.mp4")[2] <= 1.1
    assert payloads(tmp_path / "tail.mp4") == payloads(nasty["sound_long"])


def test_broken_clips_have_no_tail_and_leave_nothing_behind(broken: dict[str, Path], tmp_path: Path) -> None:
    for clip in broken.values():
        with pytest.raises(UnreadableClipError):
            cut_tail(clip, 0.5, tmp_path / "tail.mp4", SMALL)
    assert list(tmp_path.iterdir()) == []


async def test_a_tail_is_cut_in_a_child_process_and_its_refusal_comes_back(long_clip: Path, tmp_path: Path) -> None:
    receipt = await in_child(cut_tail, long_clip, 2.0, tmp_path / "tail.mp4", SMALL, deadline_seconds=60)
    assert receipt.frames == 48
    with pytest.raises(UnfitClipError, match="min_side_px"):
        await in_child(cut_tail, long_clip, 2.0, tmp_path / "tail.mp4", TailLimits(), deadline_seconds=60)


FITS = {
    "trimmed to its end": ({}, {"max_seconds": 2.0}, "trimmed from 2.50 to 2.00 s"),
    "faster": ({"fps": Fraction(24000, 1001)}, {}, "re-timed from 23.976 to 24.000"),
    "half as fast": ({"fps": 120}, {"min_seconds": 0.2}, "re-timed from 120.000 to 60.000"),
    "larger": ({}, {"min_pixels": 90_000}, "scaled from 320×180 to 400×226"),
    "smaller": ({}, {"max_side_px": 200}, "scaled from 320×180 to 200×112"),
    "coarser": ({}, {"max_bytes": 120_000}, "encoded anew"),
    "another codec": ({"codec": "libsvtav1", "preset": "12", "crf": 40}, {}, "transcoded from av1 to h264"),
    "square pixels": ({"sample_aspect_ratio": Fraction(4, 3)}, {}, "square pixels"),
    "as it is": ({}, {}, ""),
}


@pytest.mark.parametrize("name", FITS)
def test_a_fitted_copy_keeps_every_limit(name: str, tmp_path: Path) -> None:
    options, bounds, change = FITS[name]
    pictures = scenes.coded(scenes.pan(60), job=8)
    clip = scenes.write_clip(tmp_path / "clip.mp4", pictures, **options)
    limits = TailLimits(**{"min_side_px": 100, "min_seconds": 0.3, **bounds})
    receipt = make_fit(clip, tmp_path / "fit.mp4", limits)
    assert change in "; ".join(receipt.changes)
    assert bool(change) == bool(receipt.changes)
    facts = probe_clip(tmp_path / "fit.mp4")
    width, height = facts.display_size
    assert (width, height) == (receipt.width, receipt.height)
    assert limits.min_side_px <= min(width, height) <= max(width, height) <= limits.max_side_px
    assert limits.min_fps <= facts.fps <= limits.max_fps
    assert limits.min_seconds <= facts.duration_seconds <= limits.max_seconds
    assert facts.size_bytes <= limits.max_bytes
    assert facts.video_codec == "h264"
    assert codes(tmp_path / "fit.mp4")[-1] == (8, 59)
    # A fitted copy needs no fitting, and nothing of it is a second first picture.
    assert make_fit(tmp_path / "fit.mp4", tmp_path / "again.mp4", limits).changes == ()


def test_a_fitted_copy_may_keep_the_start_instead(long_clip: Path, tmp_path: Path) -> None:
    limits = TailLimits(min_side_px=100, max_seconds=2)
    make_fit(long_clip, tmp_path / "fit.mp4", limits, keep="start")
    assert codes(tmp_path / "fit.mp4") == [(4, number) for number in range(48)]


def test_what_cannot_be_made_fit_is_refused_with_the_limit(long_clip: Path, tmp_path: Path) -> None:
    for bounds, words in (
        ({"min_seconds": 5}, "min_seconds is 5"),
        ({"max_aspect": 1.2}, "max_aspect is 1.2"),
        ({"min_side_px": 400, "max_side_px": 500}, "min_side_px is 400"),
        ({"max_bytes": 900}, "max_bytes is 900"),
    ):
        with pytest.raises(UnfitClipError, match=words):
            make_fit(long_clip, tmp_path / "fit.mp4", TailLimits(**{"min_side_px": 100, **bounds}))
    assert list(tmp_path.iterdir()) == []


def test_receipts_travel_between_processes(long_clip: Path, tmp_path: Path) -> None:
    receipt = cut_tail(long_clip, 9, tmp_path / "tail.mp4", SMALL)
    assert pickle.loads(pickle.dumps(receipt)) == receipt
    assert pickle.loads(pickle.dumps((cut_tail, make_fit, SMALL))) == (cut_tail, make_fit, SMALL)
