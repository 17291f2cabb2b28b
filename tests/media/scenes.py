"""Small moving scenes and the clips made of them: what the tests of frames, tail, inspect, echo and drift look at.

A scene is a list of RGB pictures (height, width, 3); `write_clip` encodes any of them, with or without sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from longtake.sandbox.clips import framecode

Picture = NDArray[np.uint8]
WIDTH_PX, HEIGHT_PX = 320, 180


def landscape(height_px: int, width_px: int, seed: int = 1, steepness: float = 1.1) -> NDArray[np.float64]:
    """A picture with the spectrum of a natural one, RGB, 0–255: clouds of 1/f noise, and some hard-edged boxes."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height_px)[:, None], np.fft.rfftfreq(width_px)[None, :])
    frequency[0, 0] = 1
    planes = []
    for _ in range(3):
        spectrum = np.fft.rfft2(random.normal(size=(height_px, width_px))) / frequency**steepness
        spectrum[0, 0] = 0
        plane = np.fft.irfft2(spectrum, (height_px, width_px))
        planes.append(plane / plane.std())
    common = planes[0]
    picture = np.stack([common * 36 + plane * 10 + 120 for plane in planes], axis=-1)
    for _ in range(max(2, width_px // 60)):
        top, left = random.integers(0, height_px - 12), random.integers(0, width_px - 12)
        bottom, right = top + random.integers(8, 40), left + random.integers(8, 40)
        picture[top:bottom, left:right] = random.uniform(30, 220, 3)
    return np.clip(picture, 0, 255)


def _window(picture: NDArray[np.float64], top: float, left: float, height: int, width: int) -> NDArray[np.float64]:
    """The picture from a sub-pixel position, by bilinear interpolation."""
    row, column = int(top), int(left)
    down, along = top - row, left - column
    block = picture[row : row + height + 1, column : column + width + 1]
    upper = block[:-1, :-1] * (1 - along) + block[:-1, 1:] * along
    lower = block[1:, :-1] * (1 - along) + block[1:, 1:] * along
    return upper * (1 - down) + lower * down


def _whole(picture: NDArray[np.float64]) -> Picture:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def pan(
    count: int, px_per_picture: float = 2.0, seed: int = 1, size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)
) -> list[Picture]:
    """The camera moves to the right, a little downwards."""
    width, height = size
    ground = landscape(height + int(count * px_per_picture * 0.2) + 4, width + int(count * px_per_picture) + 4, seed)
    return [_whole(_window(ground, i * px_per_picture * 0.2, i * px_per_picture, height, width)) for i in range(count)]


def zoom(
    count: int, per_picture: float = 0.004, seed: int = 2, size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)
) -> list[Picture]:
    """The camera moves in."""
    width, height = size
    ground = landscape(height * 2, width * 2, seed)
    pictures = []
    for i in range(count):
        scale = 1.8 / (1 + per_picture) ** i
        rows = np.clip(height + (np.arange(height) - height / 2) * scale, 0, height * 2 - 2)
        columns = np.clip(width + (np.arange(width) - width / 2) * scale, 0, width * 2 - 2)
        row, column = rows.astype(int)[:, None], columns.astype(int)[None, :]
        down, along = (rows - rows.astype(int))[:, None, None], (columns - columns.astype(int))[None, :, None]
        upper = ground[row, column] * (1 - along) + ground[row, column + 1] * along
        lower = ground[row + 1, column] * (1 - along) + ground[row + 1, column + 1] * along
        pictures.append(_whole(upper * (1 - down) + lower * down))
    return pictures


def ball(
    count: int, path: Callable[[int], tuple[float, float]] | None = None, radius_px: float = 8, seed: int = 3
) -> list[Picture]:
    """A locked-off camera; one small ball moves. `path` gives its place (0–1, 0–1) at each picture."""
    ground = landscape(HEIGHT_PX, WIDTH_PX, seed)
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    pictures = []
    for i in range(count):
        across, down = path(i) if path else (0.1 + 0.8 * i / max(count, 1), 0.5 + 0.2 * np.sin(i / 9))
        distance = np.hypot(columns - across * WIDTH_PX, rows - down * HEIGHT_PX)
        share = np.clip(radius_px - distance + 0.5, 0, 1)[:, :, None]
        pictures.append(_whole(ground * (1 - share) + np.array([235.0, 225.0, 40.0]) * share))
    return pictures


def swing(count: int, period: int) -> list[Picture]:
    """Motion that repeats itself exactly every `period` pictures: a ball on a round path."""
    turn = 2 * np.pi / period
    return ball(count, lambda i: (0.5 + 0.3 * np.cos(i * turn), 0.5 + 0.3 * np.sin(i * turn)), radius_px=14)


def still(count: int, seed: int = 4, grain: float = 0.0) -> list[Picture]:
    """Nothing moves; `grain` is the spread of the film grain, in steps of 255."""
    ground = landscape(HEIGHT_PX, WIDTH_PX, seed)
    random = np.random.default_rng(seed + 100)
    if not grain:
        return [_whole(ground)] * count
    return [_whole(ground + random.normal(0, grain, (HEIGHT_PX, WIDTH_PX, 1))) for _ in range(count)]


def flat(count: int, level: int = 0) -> list[Picture]:
    """One colour throughout; level 0 is black."""
    return [np.full((HEIGHT_PX, WIDTH_PX, 3), level, np.uint8)] * count


def coded(pictures: Sequence[Picture], job: int, first: int = 0) -> list[Picture]:
    """The scene with `longtake.sandbox.clips.framecode` in every picture's top sixth."""
    stamped = []
    for i, picture in enumerate(pictures):
        luma = np.zeros(picture.shape[:2], np.uint8)
        framecode.stamp(luma, job, first + i)
        copy = picture.copy()
        rows = picture.shape[0] // 6
        copy[:rows] = np.where(luma[:rows, :, None] > 125, 255, 0)
        stamped.append(copy)
    return stamped


def brightened(pictures: Iterable[Picture], by: float = 10, contrast: float = 1.0) -> list[Picture]:
    """The scene shifted in brightness and stretched in contrast."""
    return [_whole((picture.astype(float) - 128) * contrast + 128 + by) for picture in pictures]


def faded(pictures: Sequence[Picture], black_at: int) -> list[Picture]:
    """The scene faded out towards one picture, and in again after it."""
    shares = [min(1.0, abs(number - black_at) / 20) for number in range(len(pictures))]
    return [_whole(picture * max(0.0, share - 0.3)) for picture, share in zip(pictures, shares, strict=True)]


def tone(
    seconds: float, hertz: float = 440, level: float = 0.3, rate: int = 44100, channels: int = 2
) -> NDArray[np.float32]:
    """A sine of shape (channels, samples)."""
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[None, :], channels, axis=0).astype(np.float32)


def write_clip(
    target: Path,
    pictures: Sequence[Picture],
    *,
    fps: Fraction | int = 24,
    crf: int = 18,
    sound: NDArray[np.float32] | None = None,
    sound_rate: int = 44100,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    preset: str = "veryfast",
    extra: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    sample_aspect_ratio: Fraction | None = None,
    colour_range: int | None = None,
) -> Path:
    """Encodes pictures and, if given, sound of shape (channels, samples); `pts` counts in pictures unless told."""
    options: dict[str, Any] = {"options": container_options} if container_options else {}
    with av.open(str(target), "w", **options) as output:
        rate = Fraction(fps)
        video = output.add_stream(codec, rate=rate, options={"crf": str(crf), "preset": preset, **(extra or {})})
        # One thread each: x264's slices differ from run to run otherwise.
        video.codec_context.thread_type, video.codec_context.thread_count = "FRAME", 1
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pix_fmt
        if colour_range is not None:
            video.codec_context.color_range = colour_range
        if sample_aspect_ratio is not None:
            video.codec_context.sample_aspect_ratio = sample_aspect_ratio
        audio = None
        if sound is not None:
            layout = {1: "mono", 2: "stereo"}[sound.shape[0]]
            audio = output.add_stream("aac", rate=sound_rate, layout=layout, options={"aac_coder": "fast"})
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = pts[i] if pts is not None else i
            frame.time_base = 1 / rate
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=audio.layout.name)
            frame.sample_rate, frame.pts, frame.time_base = sound_rate, 0, Fraction(1, sound_rate)
            output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return target
