"""Mutated files through probe, gate and stitch: no crash, no hang, no film that is not what it says."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from longtake.domain.errors import LongtakeError, MediaError
from longtake.media.checking.inspect import inspect_clip
from longtake.media.reading.probe import probe_clip
from longtake.media.stitching.stitch import stitch_clips
from longtake.media.workers import in_child
from tests.media.film_reading import code_of, read_film
from tests.media.nasty_clips import BY_NAME, FRAMES

SOURCES = ("b_frames", "plain", "fragmented", "hevc", "quicktime", "many_keyframes", "varying_rate", "other_size")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One kind of damage: flips anywhere or in the index, a hole, a piece lost, doubled or moved, a cut."""
    index = data.find(b"moov")
    kind = chance.choice(("flip", "flip_index", "flip_index", "flip_index", "hole", "lost", "doubled", "cut", "number"))
    at = chance.randrange(len(data))
    length = chance.randrange(1, 400)
    if kind in ("flip", "flip_index", "number"):
        changed = bytearray(data)
        low, high = (0, len(data)) if kind == "flip" else (index, min(index + 3000, len(data)))
        for _ in range(chance.choice((1, 2, 6, 20))):
            spot = chance.randrange(low, high)
            if kind == "number":
                changed[spot : spot + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            else:
                changed[spot] ^= 1 << chance.randrange(8)
        return bytes(changed)
    if kind == "hole":
        return data[:at] + bytes(min(length, len(data) - at)) + data[at + length :]
    if kind == "lost":
        return data[:at] + data[at + length :]
    if kind == "doubled":
        return data[: at + length] + data[at:]
    return data[:at]


def fuzz(sources: dict[str, Path], folder: Path, seed: int, count: int, progress=None) -> dict[str, int]:
    """Runs mutated files through all three; returns how they ended. Raises on any wrong success."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    clip, film = folder / "mutated.mp4", folder / "film.mp4"
    ended = {"refused by probe": 0, "refused by gate": 0, "refused by stitch": 0, "done": 0}
    for number in range(count):
        name = chance.choice(SOURCES)
        clip.write_bytes(mutated(sources[name].read_bytes(), chance))
        film.unlink(missing_ok=True)
        begin = time.monotonic()
        ended[_one(sources["plain"], clip, film)] += 1
        took = time.monotonic() - begin
        if took > 10:
            raise AssertionError(f"seed {seed}, file {number}: {took:.1f} s")
        if list(folder.glob(".*")):
            raise AssertionError(f"seed {seed}, file {number}: leftovers")
    return ended


def _one(plain: Path, clip: Path, film: Path) -> str:
    try:
        facts = probe_clip(clip)
    except MediaError:
        return "refused by probe"
    try:
        passed = inspect_clip(clip).passed
    except MediaError:
        passed = False
    try:
        receipt = stitch_clips([plain, clip, plain], film)
    except LongtakeError:
        assert not film.exists()
        return "refused by stitch" if passed else "refused by gate"
    # Even a clip that the gate refuses must not spoil its neighbours or the count.
    if receipt.clips[1].frames != facts.frames:
        raise AssertionError("the receipt counts other pictures than the probe")
    if passed:
        assert_neighbours_are_whole(film, receipt.frames_found, receipt.clips[1].frames_used)
    return "done" if passed else "refused by gate"


def assert_neighbours_are_whole(film: Path, found: int, used: int) -> None:
    """All pictures are there, and those of the clips before and after are the right ones."""
    lumas = read_film(film).lumas
    codes = [code_of(luma, BY_NAME["plain"]) for luma in lumas]
    own = [(1, frame) for frame in range(FRAMES)]
    if len(lumas) != found or found != 2 * FRAMES + used or codes[:FRAMES] != own or codes[-FRAMES:] != own:
        raise AssertionError("a film passed that is not whole")


@pytest.mark.parametrize("seed", range(3))
async def test_mutated_files_do_no_harm(nasty: dict[str, Path], tmp_path: Path, seed: int) -> None:
    ended = await in_child(fuzz, nasty, tmp_path / "fuzz", seed, 50, deadline_seconds=120)
    assert sum(ended.values()) == 50
    assert ended["refused by probe"] + ended["refused by gate"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
async def test_two_thousand_mutated_files_do_no_harm(nasty: dict[str, Path], tmp_path: Path, seed: int) -> None:
    ended = await in_child(fuzz, nasty, tmp_path / "fuzz", seed, 100, deadline_seconds=300)
    assert sum(ended.values()) == 100
