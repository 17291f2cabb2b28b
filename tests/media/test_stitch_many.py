"""Many clips in one film: every picture in order, no drift, steady memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.media.stitching.receipt import StitchReceipt
from tests.media.film_reading import assert_film_is_right, beep_offset_seconds
from tests.media.nasty_clips import BEEP_AT_SECONDS, BY_NAME, Recipe, make

STITCH = (
    "import json, resource, sys; from longtake.media.stitching.stitch import stitch_clips\n"
    "receipt = stitch_clips(json.loads(sys.stdin.read()), sys.argv[1])\n"
    "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
    "print(json.dumps([int(peak.split()[1]) / 1024, receipt.model_dump_json()]))\n"
)


def stitch_apart(clips: list[Path], film: Path) -> tuple[float, StitchReceipt]:
    """Stitches in a process of its own; its peak memory in MB, and the receipt."""
    names = json.dumps([str(clip) for clip in clips])
    done = subprocess.run(
        [sys.executable, "-c", STITCH, str(film)], input=names, capture_output=True, check=True, text=True
    )
    peak_mb, receipt = json.loads(done.stdout)
    return peak_mb, StitchReceipt.model_validate_json(receipt)


def test_forty_clips_are_in_order_without_drift_or_growing_memory(nasty: dict[str, Path], tmp_path: Path) -> None:
    names = ["plain", "silent", "mono_22k", "clock_600", "sound_short", "start_at_1s", "fragmented", "sound_long"] * 5
    small_mb, _ = stitch_apart([nasty[name] for name in names[:4]], tmp_path / "few.mp4")
    peak_mb, receipt = stitch_apart([nasty[name] for name in names], tmp_path / "film.mp4")
    film = assert_film_is_right(tmp_path / "film.mp4", [BY_NAME[name] for name in names], receipt)
    assert receipt.frames_found == 1000
    for clip in (0, 39):
        at = receipt.clips[clip].starts_at_seconds + BEEP_AT_SECONDS
        assert abs(beep_offset_seconds(film.sound, film.rate_hz, at)) < 0.002
        assert abs(beep_offset_seconds(film.back_to_back, film.rate_hz, at)) < 0.002
    assert all((join.click_ratio or 0) <= 1 for join in receipt.joins)
    assert peak_mb < 200
    assert peak_mb < small_mb + 20


@pytest.mark.slow
def test_two_hundred_clips_of_121_pictures(tmp_path: Path) -> None:
    # Small pictures: the test keeps every one of them.
    recipes = [Recipe(f"clip{job}", job, 160, 96, frames=121) for job in range(1, 41)]
    for recipe in recipes:
        make(recipe, tmp_path / f"{recipe.name}.mp4")
    order = recipes * 5
    peak_mb, receipt = stitch_apart([tmp_path / f"{recipe.name}.mp4" for recipe in order], tmp_path / "film.mp4")
    film = assert_film_is_right(tmp_path / "film.mp4", order, receipt)
    assert receipt.frames_found == 24_200
    for clip in (0, 199):
        at = receipt.clips[clip].starts_at_seconds + BEEP_AT_SECONDS
        assert abs(beep_offset_seconds(film.sound, film.rate_hz, at)) < 0.002
        assert abs(beep_offset_seconds(film.back_to_back, film.rate_hz, at)) < 0.002
    assert all((join.click_ratio or 0) <= 1 for join in receipt.joins)
    assert peak_mb < 200
