"""The quality gate: every fault is named with its place, nothing sound is faulted, nothing crashes it."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from longtake.domain.errors import UnreadableClipError
from longtake.media.checking.inspect import Expected, Finding, Inspection, inspect_clip
from longtake.media.checking.policy import GatePolicy
from longtake.sandbox.clips import framecode
from tests.media import nasty_clips, scenes
from tests.media.scenes import Picture

CHECKS = ("decodable", "duration", "size", "frame_rate", "sound", "black", "frozen", "cuts", "silent", "clipped")
STRICT = GatePolicy(**dict.fromkeys(CHECKS, "strict"))
SECONDS = 3
ASKED = Expected(duration_seconds=SECONDS, width=320, height=180, fps=Fraction(24))


@pytest.fixture(scope="module")
def pan() -> list[Picture]:
    return scenes.pan(24 * SECONDS, 1.5)


@pytest.fixture(scope="module")
def hum() -> np.ndarray:
    return scenes.tone(SECONDS)


def inspected(folder: Path, pictures: Sequence[Picture], **options: Any) -> Inspection:
    return inspect_clip(scenes.write_clip(folder / "clip.mp4", pictures, **options), ASKED, STRICT)


def faults(inspection: Inspection) -> list[str]:
    return [finding.check for finding in inspection.findings]


def only(inspection: Inspection) -> Finding:
    assert len(inspection.findings) == 1, inspection.findings
    return inspection.findings[0]


def test_a_sound_clip_has_no_findings(tmp_path: Path, pan: list[Picture], hum: np.ndarray) -> None:
    inspection = inspected(tmp_path, pan, sound=hum)
    assert inspection.findings == ()
    assert inspection.passed
    assert (inspection.facts.width, inspection.facts.frames, inspection.facts.has_audio) == (320, 72, True)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 24), (48, 72), (30, 50), (0, 72)], ids=["head", "tail", "middle", "whole"]
)
def test_black_is_found_where_it_is(first: int, last: int, tmp_path: Path, pan: list[Picture]) -> None:
    pictures = [*pan[:first], *scenes.flat(last - first), *pan[last:]]
    finding = only(inspected(tmp_path, pictures))
    assert finding.check == "black"
    assert (finding.start_seconds, finding.end_seconds) == pytest.approx((first / 24, last / 24), abs=0.001)


@pytest.mark.parametrize("colour_range", [1, 2])
def test_near_black_and_night_are_not_black(colour_range: int, tmp_path: Path, pan: list[Picture]) -> None:
    near = [(picture * 0.1 + 14).astype(np.uint8) for picture in pan]
    night = [(picture * 0.09).astype(np.uint8) for picture in pan]
    for pictures in (near, night):
        assert "black" not in faults(inspected(tmp_path, pictures, colour_range=colour_range))


def test_three_black_pictures_are_no_black_stretch(tmp_path: Path, pan: list[Picture]) -> None:
    assert inspected(tmp_path, [*pan[:30], *scenes.flat(3), *pan[33:]]).passed


@pytest.mark.parametrize("crf", [18, 26, 34])
def test_a_frozen_clip_is_found_through_the_jumps_at_its_keyframes(crf: int, tmp_path: Path) -> None:
    finding = only(inspected(tmp_path, scenes.still(72), crf=crf, extra={"g": "24"}))
    assert finding.check == "frozen"
    assert (finding.start_seconds, finding.end_seconds) == pytest.approx((0, 3), abs=0.05)


def test_a_frozen_tail_is_found_where_it_begins(tmp_path: Path, pan: list[Picture]) -> None:
    finding = only(inspected(tmp_path, [*pan[:36], *[pan[35]] * 36]))
    assert finding.check == "frozen"
    assert (finding.start_seconds, finding.end_seconds) == pytest.approx((35 / 24, 3), abs=0.05)


MOVING = {
    "every picture twice": lambda: [picture for picture in scenes.pan(36, 2) for _ in (0, 1)],
    "every picture three times, slowly": lambda: [picture for picture in scenes.pan(24, 0.6) for _ in range(3)],
    "a very slow pan": lambda: scenes.pan(72, 0.08),
    "a small ball before a still ground": lambda: scenes.ball(72, radius_px=3),
    "stills of half a second": lambda: [picture for picture in scenes.pan(6, 20) for _ in range(12)],
}


@pytest.mark.parametrize("name", MOVING)
def test_slow_or_stuttering_motion_is_not_frozen(name: str, tmp_path: Path) -> None:
    assert inspected(tmp_path, MOVING[name](), crf=26).findings == ()


def test_silence_is_found_where_it_is(tmp_path: Path, pan: list[Picture], hum: np.ndarray) -> None:
    half = hum.copy()
    half[:, 44100 * 3 // 2 :] = 0
    for sound, start in ((hum * 0, 0.0), (half, 1.5), (hum[:, : 44100 * 3 // 2], 1.5)):
        finding = only(inspected(tmp_path, pan, sound=sound))
        assert finding.check == "silent"
        assert (finding.start_seconds, finding.end_seconds) == pytest.approx((start, 3), abs=0.11)


def test_quiet_sound_and_a_short_pause_are_not_silence(tmp_path: Path, pan: list[Picture], hum: np.ndarray) -> None:
    paused = hum * 0.02
    paused[:, 44100 : 44100 + 30000] = 0
    assert inspected(tmp_path, pan, sound=paused).passed


def test_clipped_sound_is_found_and_loud_sound_is_not(tmp_path: Path, pan: list[Picture]) -> None:
    time = np.arange(44100 * SECONDS) / 44100
    chord = sum(np.sin(2 * np.pi * hertz * time + hertz) for hertz in (150, 420, 1310)) / 2.4
    voice = (chord * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)))[None].astype(np.float32)
    loud = voice / np.abs(voice).max()
    whole = np.repeat(np.clip(loud * 12, -1, 1), 2, axis=0)
    part = np.where((time > 1) & (time < 2), np.clip(loud * 12, -1, 1), loud * 0.8)
    square = np.clip(scenes.tone(SECONDS, level=3), -1, 1)
    assert inspected(tmp_path, pan, sound=loud).passed
    assert inspected(tmp_path, pan, sound=scenes.tone(SECONDS, level=0.99)).passed
    for sound in (whole, square):
        findings = inspected(tmp_path, pan, sound=sound).findings
        assert {finding.check for finding in findings} == {"clipped"}
        assert sum((finding.end_seconds or 0) - (finding.start_seconds or 0) for finding in findings) > 1.5
    finding = only(inspected(tmp_path, pan, sound=part))
    assert (finding.check, finding.start_seconds, finding.end_seconds) == (
        "clipped",
        pytest.approx(1, abs=0.2),
        pytest.approx(2, abs=0.2),
    )


def test_length_size_rate_and_sound_are_held_against_what_was_asked(tmp_path: Path, pan: list[Picture]) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", pan)
    wrong = {
        "duration": (Expected(duration_seconds=3.26), Expected(duration_seconds=2.74)),
        "size": (Expected(width=640, height=360), Expected(height=192)),
        "frame_rate": (Expected(fps=Fraction(25)), Expected(fps=Fraction(24000, 1001))),
        "sound": (Expected(audio=True),),
    }
    right = (Expected(duration_seconds=3.25), Expected(width=320), Expected(fps=Fraction(24)), Expected(audio=False))
    for check, expectations in wrong.items():
        for expected in expectations:
            assert only(inspect_clip(clip, expected, STRICT)).check == check
    assert all(inspect_clip(clip, expected, STRICT).passed for expected in right)


def test_sound_that_nobody_asked_for_fails_no_clip(tmp_path: Path, pan: list[Picture], hum: np.ndarray) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", pan, sound=hum)
    inspection = inspect_clip(clip, Expected(audio=False), STRICT)
    assert (only(inspection).check, inspection.passed) == ("sound", True)


def test_missing_pictures_are_seen_as_a_gap(tmp_path: Path, pan: list[Picture]) -> None:
    times = [number for number in range(72) if number not in (40, 41, 42)]
    finding = only(inspected(tmp_path, pan[:69], pts=times))
    assert finding.check == "frame_rate"
    assert (finding.start_seconds, finding.end_seconds) == pytest.approx((39 / 24, 43 / 24), abs=0.001)


def test_strictness_decides_what_a_finding_means(tmp_path: Path) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", scenes.flat(30))
    for strictness, findings, passed in (("strict", 1, False), ("warn", 1, True), ("off", 0, True)):
        inspection = inspect_clip(clip, policy=GatePolicy(black=strictness))
        assert (len(inspection.findings), inspection.passed) == (findings, passed)
    assert str(inspect_clip(clip).findings[0]) == "black: black from 0.00 to 1.25 s"


def test_the_good_nasty_clips_are_whole(nasty: dict[str, Path]) -> None:
    for name, clip in nasty.items():
        recipe = nasty_clips.BY_NAME[name]
        width, height = recipe.display_size
        expected = Expected(duration_seconds=float(recipe.seconds), width=width, height=height)
        inspection = inspect_clip(clip, expected, STRICT)
        found = set(faults(inspection))
        assert found <= ({"frame_rate"} if name == "varying_rate" else set()), f"{name}: {inspection.findings}"


def test_no_broken_file_is_passed(broken: dict[str, Path]) -> None:
    for name, file in broken.items():
        try:
            inspection = inspect_clip(file)
        except UnreadableClipError:
            continue
        assert not inspection.passed, name


def _with_hole(whole: bytes, first: float, last: float) -> bytes:
    """The clip with a stretch of its coded pictures zeroed, its index as it was."""
    start = whole.index(b"mdat") + 4
    size = len(whole) - start
    begin, end = start + int(size * first), start + int(size * last)
    return whole[:begin] + bytes(end - begin) + whole[end:]


def test_a_clip_that_opens_at_full_length_and_decodes_short_is_caught(tmp_path: Path, pan: list[Picture]) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", pan, container_options={"movflags": "+faststart"})
    for first, last in ((0.3, 0.6), (0.6, 1.0), (0.95, 1.0)):
        (tmp_path / "hole.mp4").write_bytes(_with_hole(clip.read_bytes(), first, last))
        inspection = inspect_clip(tmp_path / "hole.mp4", ASKED)
        assert inspection.facts.frames == 72
        assert not inspection.passed
        place = inspection.findings[0]
        assert place.check == "decodable"
        assert place.start_seconds is not None
        assert first < place.start_seconds < 3


def test_a_single_flipped_bit_in_the_pictures_is_noticed(tmp_path: Path, pan: list[Picture]) -> None:
    """With PyAV's default of slice threads, FFmpeg's H.264 decoder hides all of this."""
    options, same_bytes = {"movflags": "+faststart"}, {"x264-params": "mbtree=0"}
    clip = scenes.write_clip(tmp_path / "clip.mp4", pan, extra=same_bytes, container_options=options).read_bytes()
    start, random_place = clip.index(b"mdat") + 1000, random.Random(3)
    noticed = 0
    for _ in range(20):
        place = random_place.randrange(start, len(clip))
        (tmp_path / "flip.mp4").write_bytes(clip[:place] + bytes([clip[place] ^ 0x10]) + clip[place + 1 :])
        noticed += not inspect_clip(tmp_path / "flip.mp4").passed
    assert noticed >= 6  # none with slice threads


def _mutated(whole: bytes, chance: random.Random) -> bytes:
    data, size = bytearray(whole), len(whole)
    at, length = chance.randrange(size), chance.choice([1, 8, 300, 4000])
    kind = chance.choice(["flip", "zeros", "noise", "cut", "insert", "delete", "double", "index", "swap"])
    if kind == "flip":
        for _ in range(chance.choice([1, 3, 20])):
            data[chance.randrange(size)] ^= 1 << chance.randrange(8)
    elif kind == "index":
        for _ in range(chance.choice([1, 2, 6])):
            data[min(size - 1, data.find(b"moov") + chance.randrange(2500))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "delete":
        del data[at : at + length]
    elif kind in ("insert", "double"):
        data[at:at] = chance.randbytes(length) if kind == "insert" else data[at : at + length]
    elif kind == "swap":
        other = chance.randrange(size)
        data[at : at + 100], data[other : other + 100] = data[other : other + 100], data[at : at + 100]
    else:
        data[at : at + length] = chance.randbytes(length) if kind == "noise" else bytes(length)
    return bytes(data)


def _codes(clip: Path) -> list[framecode.FrameCode | None]:
    with av.open(str(clip)) as container:
        greys = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [framecode.read((grey * 0.86 + 16).astype(np.uint8)) for grey in greys]


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder, pictures = tmp_path_factory.mktemp("layouts"), scenes.coded(scenes.pan(30), job=7)
    options = ("+faststart", "+write_colr", "frag_keyframe+empty_moov+delay_moov")
    return [
        scenes.write_clip(
            folder / "clip.mp4",
            pictures,
            sound=scenes.tone(1.25),
            extra={"x264-params": "mbtree=0"},  # the same bytes each time
            container_options={"movflags": flags},
        ).read_bytes()
        for flags in options
    ]


def _fuzz(layouts: list[bytes], seeds: range, folder: Path) -> tuple[int, int]:
    """How many mutated files passed, and how many of them with damage that shows."""
    expected = Expected(duration_seconds=1.25, width=320, height=180, fps=Fraction(24), audio=True)
    policy = GatePolicy(duration="strict", size="strict", frame_rate="strict", sound="strict")
    whole = [framecode.FrameCode(7, number) for number in range(30)]
    passed = unnoticed = 0
    for seed in seeds:
        clip = folder / f"{seed}.mp4"
        clip.write_bytes(_mutated(layouts[seed % 3], random.Random(seed)))
        try:
            inspection = inspect_clip(clip, expected, policy)
        except UnreadableClipError:
            clip.unlink()
            continue
        if inspection.passed:
            passed += 1
            unnoticed += [code for code in _codes(clip) if code is not None] != whole
        clip.unlink()
    return passed, unnoticed


def test_damaged_files_crash_nothing_and_pass_only_whole(layouts: list[bytes], tmp_path: Path) -> None:
    passed, unnoticed = _fuzz(layouts, range(150), tmp_path)
    assert 0 < passed < 60
    assert unnoticed <= 2


@pytest.mark.slow
def test_a_thousand_damaged_files_crash_nothing_and_pass_only_whole(layouts: list[bytes], tmp_path: Path) -> None:
    # H.264 carries no checksum: a few flipped bits make another valid picture, which no decoder can tell.
    _, unnoticed = _fuzz(layouts, range(1000, 2000), tmp_path)
    assert unnoticed <= 10


def test_a_hole_in_the_pictures_is_seen_though_the_decoder_is_content(layouts: list[bytes], tmp_path: Path) -> None:
    for place in range(5000, len(layouts[0]) - 5000, 6000):
        (tmp_path / "hole.mp4").write_bytes(layouts[0][:place] + bytes(300) + layouts[0][place + 300 :])
        assert not inspect_clip(tmp_path / "hole.mp4").passed, place


def test_the_verdict_travels_between_processes(tmp_path: Path) -> None:
    inspection = inspect_clip(scenes.write_clip(tmp_path / "clip.mp4", scenes.flat(30)), ASKED)
    assert pickle.loads(pickle.dumps(inspection)) == inspection
    assert pickle.loads(pickle.dumps((inspect_clip, ASKED, STRICT))) == (inspect_clip, ASKED, STRICT)
