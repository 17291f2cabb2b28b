"""The sound of a film: one track of full length, on time at both ends, no clicks, as loud as told."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from longtake.media.stitching.loudness import Meter, limited
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.seams import SeamMeter
from longtake.media.stitching.stitch import stitch_clips
from tests.media.film_reading import Film, assert_film_is_right, beep_offset_seconds, level, read_film
from tests.media.nasty_clips import BEEP_AT_SECONDS, BY_NAME, FRAMES, Recipe, make

CLIP_SECONDS = FRAMES / 24


def assert_whole(film: Film, seconds: float) -> None:
    """The track is as long as the pictures; the last packet decodes to some silence behind what is shown."""
    assert 0 <= film.sound.shape[1] - round(seconds * film.rate_hz) < 1024


@pytest.mark.parametrize("pattern", ["".join(each) for each in itertools.product("sp", repeat=3)])
def test_silent_clips_may_stand_anywhere(nasty: dict[str, Path], tmp_path: Path, pattern: str) -> None:
    names = [{"s": "silent", "p": "plain"}[letter] for letter in pattern]
    receipt = stitch_clips([nasty[name] for name in names], tmp_path / "film.mp4")
    film = assert_film_is_right(tmp_path / "film.mp4", [BY_NAME[name] for name in names], receipt)
    assert film.has_sound
    assert_whole(film, 3 * CLIP_SECONDS)


def test_a_film_of_silent_clips_may_have_no_track(nasty: dict[str, Path], tmp_path: Path) -> None:
    options = StitchOptions(silent_film="no-track")
    receipt = stitch_clips([nasty["silent"]] * 2, tmp_path / "film.mp4", options)
    assert not assert_film_is_right(tmp_path / "film.mp4", [BY_NAME["silent"]] * 2, receipt).has_sound
    assert receipt.sound_seconds is None
    with_one = stitch_clips([nasty["silent"], nasty["plain"]], tmp_path / "film.mp4", options)
    assert with_one.sound_seconds == pytest.approx(2 * CLIP_SECONDS, abs=1 / 40000)


def test_picture_and_sound_are_together_at_both_ends_by_stamps_and_back_to_back(
    nasty: dict[str, Path], tmp_path: Path
) -> None:
    names = ["plain", "surround", "sound_short", "mono_22k", "b_frames", "quicktime", "silent", "baseline_mp3"] * 3
    names.append("plain")
    stitch_clips([nasty[name] for name in names], tmp_path / "film.mp4")
    film = read_film(tmp_path / "film.mp4")
    for at in (BEEP_AT_SECONDS, 24 * CLIP_SECONDS + BEEP_AT_SECONDS):
        assert abs(beep_offset_seconds(film.sound, film.rate_hz, at)) < 0.002
        assert abs(beep_offset_seconds(film.back_to_back, film.rate_hz, at)) < 0.002
    assert film.back_to_back.shape[1] - film.sound.shape[1] in range(2)


def loud_clips(folder: Path) -> list[Path]:
    """Two clips whose hum is cut off at a peak, so that joining them bare clicks."""
    paths = []
    for job in (36, 37):
        recipe = Recipe("cut", job, frames=37, sound_seconds=Fraction(2), beeps=False)
        paths.append(folder / f"{job}.mp4")
        make(recipe, paths[-1])
    return paths


def test_joins_do_not_click_and_the_receipt_can_tell(tmp_path: Path) -> None:
    clips = loud_clips(tmp_path)
    faded = stitch_clips(clips * 2, tmp_path / "film.mp4")
    assert all(join.click_ratio is not None and join.click_ratio <= 1 for join in faded.joins)
    assert faded.picture_seconds == 4 * 37 / 24
    bare = stitch_clips(clips * 2, tmp_path / "film.mp4", StitchOptions(fade_seconds=0))
    assert max(join.click_ratio or 0 for join in bare.joins) > 1.5


def test_a_click_is_found_at_the_join_where_it_is() -> None:
    time = np.arange(48000) / 48000
    wave = np.repeat((0.2 * np.sin(2 * np.pi * 300 * time))[None], 2, axis=0).astype(np.float32)
    wave[:, 32000:] += 0.1
    meter = SeamMeter([16000, 32000], 48000)
    passed = np.concatenate(list(meter.watch(iter(np.split(wave, 6, axis=1)))), axis=1)
    assert np.array_equal(passed, wave)
    calm, click = meter.result()
    assert calm <= 1
    assert click > 50


@pytest.mark.parametrize("wanted", [-23.0, -14.0])
def test_loudness_is_brought_to_the_level_and_peaks_stay_below(
    nasty: dict[str, Path], tmp_path: Path, wanted: float
) -> None:
    clips = [nasty[name] for name in ("plain", "mono_22k", "sound_short", "plain")]
    receipt = stitch_clips(clips, tmp_path / "film.mp4", StitchOptions(loudness_lufs=wanted))
    assert receipt.loudness_before is not None
    assert receipt.loudness_after is not None
    assert receipt.loudness_after.integrated_lufs == pytest.approx(wanted, abs=0.7)
    film = read_film(tmp_path / "film.mp4")
    meter = Meter(film.rate_hz)
    meter.add(film.sound)
    found = meter.result()
    assert found.integrated_lufs == pytest.approx(wanted, abs=1)
    assert found.true_peak_dbtp is not None
    assert found.true_peak_dbtp < -0.5
    assert_whole(film, 4 * CLIP_SECONDS)
    assert abs(beep_offset_seconds(film.sound, film.rate_hz, 3 * CLIP_SECONDS + BEEP_AT_SECONDS)) < 0.002


def test_silence_is_never_amplified(nasty: dict[str, Path], tmp_path: Path) -> None:
    receipt = stitch_clips([nasty["silent"]] * 2, tmp_path / "film.mp4", StitchOptions(loudness_lufs=-14))
    assert receipt.loudness_before is not None
    assert receipt.loudness_before.integrated_lufs is None
    assert receipt.gain_db == 0
    assert level(read_film(tmp_path / "film.mp4").sound) < 1e-4


@pytest.mark.parametrize("block", [1000, 11025, 12000])
def test_the_limiter_moves_nothing_in_time(block: int) -> None:
    random = np.random.default_rng(3)
    wave = np.repeat(np.convolve(random.normal(0, 0.3, 96000), np.hanning(33) / 16, "same")[None], 2, 0)
    wave = wave.astype(np.float32)
    wave[:, 40000:40400] *= 12
    blocks = [wave[:, start : start + block] for start in range(0, wave.shape[1], block)]
    out = np.concatenate(list(limited(blocks, 48000, -6.0)), axis=1)
    assert out.shape == wave.shape
    assert np.abs(out[:, 60000:90000] - wave[:, 60000:90000]).max() < 1e-3
    assert np.abs(out).max() <= 10 ** (-6 / 20) + 0.01


def test_a_crossfade_keeps_the_power_of_the_sound(tmp_path: Path) -> None:
    clips = []
    for job in (1, 9):
        clips.append(tmp_path / f"{job}.mp4")
        make(Recipe("hum", job, frames=48), clips[-1])
    stitch_clips(clips, tmp_path / "film.mp4", StitchOptions(crossfade_seconds=0.5))
    film = read_film(tmp_path / "film.mp4")
    middle = round(1.75 * film.rate_hz)
    around = [level(film.sound[:, middle + shift - 2000 : middle + shift + 2000]) for shift in (-15000, 0, 15000)]
    assert max(around) / min(around) < 1.1


def test_damaged_sound_stops_the_film(nasty: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(nasty["plain"].read_bytes())
    with av.open(str(nasty["plain"])) as clip:
        entries = [(entry.pos, entry.size) for entry in clip.streams.audio[0].index_entries]
    for position, size in entries[10:20]:
        data[position : position + size] = bytes(size)
    (tmp_path / "hurt.mp4").write_bytes(data)
    with pytest.raises(Exception, match=r"hurt\.mp4"):
        stitch_clips([nasty["plain"], tmp_path / "hurt.mp4"], tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()
