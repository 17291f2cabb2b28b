"""Reads a film back: the code in every picture, and the sound as a player hears it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from longtake.media.stitching.receipt import StitchReceipt
from longtake.sandbox.clips import framecode
from tests.media.nasty_clips import BEEP_AT_SECONDS, BEEP_HZ, BEEP_SECONDS, Recipe


@dataclass(frozen=True)
class Film:
    """A decoded film. `lumas` in order of display; `sound` placed by time stamps, shape (2, samples)."""

    lumas: list[np.ndarray]
    times: list[Fraction]
    sound: np.ndarray
    back_to_back: np.ndarray
    steps_of_dts: set[int]
    has_sound: bool
    rate_hz: int


def read_film(path: Path) -> Film:
    """Decodes everything; any error or damaged picture fails."""
    lumas, times = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        for frame in container.decode(stream):
            assert not frame.is_corrupt
            lumas.append(_luma(frame))
            times.append(frame.pts * tick)
    with av.open(str(path)) as container:
        decoding = [packet.dts for packet in container.demux(video=0) if packet.size]
    placed, blocks = np.zeros((2, 0), np.float32), [np.zeros((2, 0), np.float32)]
    with av.open(str(path)) as container:
        has_sound, rate_hz = bool(container.streams.audio), 0
        if has_sound:
            stream = container.streams.audio[0]
            rate_hz = stream.codec_context.sample_rate
            end = 0
            spans = []
            for frame in container.decode(stream):
                start = round(Fraction(frame.pts) * Fraction(frame.time_base) * rate_hz)
                block = frame.to_ndarray()
                spans.append((start, block))
                blocks.append(block)
                end = max(end, start + block.shape[1])
            placed = np.zeros((2, end), np.float32)
            for start, block in spans:
                placed[:, start : start + block.shape[1]] = block
    steps = set(np.diff(decoding).tolist())
    return Film(lumas, times, placed, np.concatenate(blocks, axis=1), steps, has_sound, rate_hz)


def _luma(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    deep = frame.format.name.endswith("10le")
    values = np.frombuffer(bytes(plane), np.uint16 if deep else np.uint8)
    values = values.reshape(plane.height, -1)[:, : plane.width]
    return (values >> 2).astype(np.uint8) if deep else values.copy()


def code_of(luma: np.ndarray, recipe: Recipe, aspect: Fraction = Fraction(1)) -> framecode.FrameCode | None:
    """The code of a clip's picture that was fitted with bars into the film's."""
    height, width = luma.shape
    shown_width, shown_height = recipe.display_size
    factor = min(Fraction(width) * aspect / shown_width, Fraction(height, shown_height))
    inner_width, inner_height = round(shown_width * factor / aspect), round(shown_height * factor)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    return framecode.read(luma[top : top + inner_height, left : left + inner_width])


def expected_frames(recipe: Recipe, fps: Fraction, head: int = 0, tail: int = 0) -> list[int]:
    """The numbers of the clip's pictures that a film of this rate shows, each held until the next is nearly due."""
    times = [*recipe.picture_times(), recipe.seconds]
    if not recipe.times and recipe.fps == fps:
        return list(range(head, recipe.frames - tail))
    begin, end = times[head], times[recipe.frames - tail]
    count = max(round((end - begin) * fps), 1)
    rate = (recipe.frames - 1) / times[-2] if recipe.times else recipe.fps
    due = [begin + number / fps + min(1 / (4 * fps), 1 / (2 * rate)) for number in range(count)]
    return [max(n for n in range(recipe.frames - tail) if times[n] <= at) for at in due]


def assert_film_is_right(path: Path, recipes: list[Recipe], receipt: StitchReceipt) -> Film:
    """Every picture in order, none lost or doubled; steady time stamps; every clip's sound in its place."""
    film = read_film(path)
    fps, aspect = receipt.format.fps, receipt.format.sample_aspect
    expected, seen = [], []
    for recipe, clip in zip(recipes, receipt.clips, strict=True):
        frames = expected_frames(recipe, fps, clip.trimmed_head, clip.trimmed_tail)
        assert clip.frames_used == len(frames)
        first = len(expected)
        expected += [(recipe.job, number) for number in frames]
        seen += [code_of(luma, recipe, aspect) for luma in film.lumas[first : len(expected)]]
    assert seen == expected
    assert len(film.lumas) == len(expected) == receipt.frames_expected == receipt.frames_found
    assert film.times == [number / fps for number in range(len(expected))]
    assert len(film.steps_of_dts) == 1
    if film.has_sound:
        assert receipt.sound_seconds is not None
        assert abs(receipt.sound_seconds - len(expected) / fps) <= 1 / film.rate_hz
        for recipe, clip in zip(recipes, receipt.clips, strict=True):
            if clip.trimmed_head == clip.trimmed_tail == 0:
                assert_sound_is_right(
                    film.sound, film.rate_hz, recipe, clip.starts_at_seconds, float(clip.frames_used / fps)
                )
    return film


def beep_offset_seconds(sound: np.ndarray, rate_hz: int, at_seconds: float) -> float:
    """How much later than expected a beep comes, by correlation within 30 ms."""
    reach = int(0.03 * rate_hz)
    start = round(at_seconds * rate_hz)
    time = np.arange(int(BEEP_SECONDS * rate_hz)) / rate_hz
    shape = np.exp(2j * np.pi * BEEP_HZ * time)
    piece = sound[0, max(start - reach, 0) : start + reach + time.size].astype(complex)
    strength = np.abs(np.correlate(piece, shape, "valid"))
    return (int(strength.argmax()) - min(reach, start)) / rate_hz


def loudest_hz(sound: np.ndarray, rate_hz: int) -> float:
    """The strongest frequency of a piece of sound."""
    mono = sound[0] * np.hanning(sound.shape[1])
    spectrum = np.abs(np.fft.rfft(mono, rate_hz))
    return float(spectrum.argmax())


def level(sound: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(sound)))) if sound.size else 0.0


def assert_sound_is_right(
    sound: np.ndarray, rate_hz: int, recipe: Recipe, start_seconds: float, seconds: float
) -> None:
    """The clip's own note at its place and pitch, its beep on time, silence where it has none."""

    def piece(begin: float, end: float) -> np.ndarray:
        return sound[:, round((start_seconds + begin) * rate_hz) : round((start_seconds + end) * rate_hz)]

    if recipe.sound_codec is None:
        assert level(piece(0.05, seconds - 0.05)) < 1e-3, recipe.name
        return
    begin = float(recipe.sound_from)
    end = min(float(recipe.sound_seconds or recipe.seconds), seconds)
    assert abs(loudest_hz(piece(begin + 0.02, BEEP_AT_SECONDS - 0.02), rate_hz) - recipe.hum_hz) < 4, recipe.name
    assert 0.05 < level(piece(begin + 0.02, BEEP_AT_SECONDS - 0.02)) < 0.09, recipe.name
    assert abs(beep_offset_seconds(sound, rate_hz, start_seconds + BEEP_AT_SECONDS)) < 0.002, recipe.name
    if begin:
        assert level(piece(0.02, begin - 0.05)) < 1e-3, recipe.name
    if end + 0.1 < seconds:
        assert level(piece(end + 0.06, seconds - 0.01)) < 1e-3, recipe.name
