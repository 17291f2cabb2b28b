"""Makes the clips that films are tested with: each differs from `plain` in one thing that breaks naive joining.

Every picture carries a code (job and frame), every clip hums its own note and beeps once, half a second in, as its
picture flashes. So a film made of them can be read back picture by picture and sample by sample.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from longtake.sandbox.clips import framecode

FRAMES = 25
BEEP_HZ, BEEP_SECONDS, BEEP_AT_SECONDS = 3000, 0.04, 0.5


@dataclass(frozen=True)
class Recipe:
    """How to make one clip. `times` are those of a clip of varying rate, in 1/1000 s."""

    name: str
    job: int
    width: int = 320
    height: int = 192
    fps: Fraction = Fraction(24)
    frames: int = FRAMES
    codec: str = "libx264"
    pixels: str = "yuv420p"
    crf: int = 24
    extra: dict[str, str] = field(default_factory=dict)
    aspect: Fraction | None = None
    turned: int = 0
    times: Sequence[int] | None = None
    container: str = "mp4"
    container_options: dict[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int, int] | None = None
    start_seconds: Fraction = Fraction(0)
    sound_codec: str | None = "aac"
    rate_hz: int = 44100
    layout: str = "stereo"
    sound_from: Fraction = Fraction(0)
    sound_seconds: Fraction | None = None
    tracks: int = 1
    grain: int = 0
    beeps: bool = True
    ambience: float = 0.0

    @property
    def hum_hz(self) -> float:
        """The clip's own note."""
        return 300 + 37 * (self.job % 40)

    def picture_times(self) -> list[Fraction]:
        """When each picture is shown, from the clip's start."""
        if self.times:
            return [Fraction(time, 1000) for time in self.times]
        return [number / self.fps for number in range(self.frames)]

    @property
    def seconds(self) -> Fraction:
        """Length of the picture track."""
        times = self.picture_times()
        return times[-1] + (times[-1] - times[-2] if self.times else 1 / self.fps)

    @property
    def display_size(self) -> tuple[int, int]:
        """Upright, in square pixels."""
        size = (round(self.width * (self.aspect or 1)), self.height)
        return size[::-1] if self.turned in (90, 270) else size


@lru_cache(maxsize=64)
def _ground(width: int, height: int) -> np.ndarray:
    random = np.random.default_rng(width * height)
    coarse = random.integers(60, 190, (height // 16 + 2, width // 16 + 8)).astype(np.float32)
    rows, columns = np.linspace(0, coarse.shape[0] - 1.01, height), np.linspace(0, coarse.shape[1] - 1.01, width + 96)
    r, c = rows.astype(int), columns.astype(int)
    down, along = (rows - r)[:, None], (columns - c)[None, :]
    upper = coarse[r][:, c] * (1 - along) + coarse[r][:, c + 1] * along
    lower = coarse[r + 1][:, c] * (1 - along) + coarse[r + 1][:, c + 1] * along
    return np.clip(upper * (1 - down) + lower * down + random.normal(0, 3, (height, width + 96)), 16, 235)


@lru_cache(maxsize=4)
def _grain(width: int, height: int, spread: int) -> np.ndarray:
    return np.random.default_rng(9).normal(0, spread, (height, width)).astype(np.int16)


def luma_of(recipe: Recipe, number: int) -> np.ndarray:
    """The upright luma of one picture, as shape (height, width) of the coded picture turned upright."""
    width, height = (recipe.height, recipe.width) if recipe.turned in (90, 270) else (recipe.width, recipe.height)
    shift = number * 2 % 96
    luma = _ground(width, height)[:, shift : shift + width].astype(np.uint8)
    if recipe.grain:
        noise = np.roll(_grain(width, height, recipe.grain), (number * 7919, number * 104729), axis=(0, 1))
        luma = np.clip(luma + noise, 16, 235).astype(np.uint8)
    if recipe.picture_times()[number] <= BEEP_AT_SECONDS < recipe.picture_times()[number] + 1 / recipe.fps:
        luma[height // 2 :, :] = 235
    framecode.stamp(luma, recipe.job, number)
    return luma


def wave_of(recipe: Recipe, rate_hz: int, seconds: Fraction) -> np.ndarray:
    """The clip's sound in mono from its first picture on, shape (samples,)."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = 0.1 * np.sin(2 * np.pi * recipe.hum_hz * time)
    if recipe.ambience:
        wave += np.random.default_rng(recipe.job).normal(0, recipe.ambience, time.size)
    if not recipe.beeps:
        return wave.astype(np.float32)
    inside = (time >= BEEP_AT_SECONDS) & (time < BEEP_AT_SECONDS + BEEP_SECONDS)
    wave[inside] += 0.5 * np.sin(2 * np.pi * BEEP_HZ * (time[inside] - BEEP_AT_SECONDS))
    return wave.astype(np.float32)


def make(recipe: Recipe, target: Path) -> None:
    """Encodes a clip."""
    options = {"movie_timescale": "96000", **recipe.container_options}
    with av.open(str(target), "w", format=recipe.container, options=options) as output:
        video: Any = output.add_stream(recipe.codec, rate=recipe.fps)
        video.width, video.height, video.pix_fmt = recipe.width, recipe.height, recipe.pixels
        # The same bytes each time: see `longtake.media.stitching.conform`.
        video.codec_context.thread_type, video.codec_context.thread_count = "FRAME", 1
        video.options = {"crf": str(recipe.crf), "preset": "veryfast", "x264-params": "mbtree=0", **recipe.extra}
        if recipe.codec == "libx265":
            video.codec_context.codec_tag = "hvc1"
            video.options = {"crf": str(recipe.crf), "preset": "veryfast", "x265-params": "log-level=none:pools=1"}
        if recipe.aspect:
            video.codec_context.sample_aspect_ratio = recipe.aspect
        if recipe.colour:
            context = video.codec_context
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = recipe.colour
        base = Fraction(1, 1000) if recipe.times else 1 / recipe.fps
        video.codec_context.time_base = base
        if recipe.turned:
            video.set_display_rotation(-recipe.turned)
        tracks = []
        for _ in range(recipe.tracks if recipe.sound_codec else 0):
            track: Any = output.add_stream(recipe.sound_codec, rate=recipe.rate_hz, layout=recipe.layout)
            if recipe.sound_codec == "aac":
                track.options = {"aac_coder": "fast"}
            tracks.append(track)
        offset = round(recipe.start_seconds / base)
        for number in range(recipe.frames):
            frame = _frame(recipe, number)
            frame.pts = offset + (recipe.times[number] if recipe.times else number)
            frame.time_base = base
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for number, track in enumerate(tracks):
            _sound(recipe, output, track, recipe if number == 0 else Recipe("other", recipe.job + 20))


def _frame(recipe: Recipe, number: int) -> av.VideoFrame:
    luma = luma_of(recipe, number)
    # What is turned clockwise for display is stored turned the other way.
    luma = np.ascontiguousarray(np.rot90(luma, recipe.turned // 90))
    deep = recipe.pixels.endswith("10le")
    if recipe.colour and recipe.colour[0] == 2:
        luma = np.clip((luma.astype(np.float32) - 16) * 255 / 219, 0, 255).astype(np.uint8)
    height, width = luma.shape
    chroma = height if recipe.pixels.startswith(("yuv444", "yuvj444")) else height // 2
    chroma_width = width if chroma == height else width // 2
    planes = [luma, np.full((chroma, chroma_width), 118, np.uint8), np.full((chroma, chroma_width), 138, np.uint8)]
    frame = av.VideoFrame(width, height, recipe.pixels)
    for plane, values in zip(frame.planes, planes, strict=True):
        data = values.astype(np.uint16) * 4 if deep else values
        padded = np.zeros((values.shape[0], plane.line_size // data.itemsize), data.dtype)
        padded[:, : values.shape[1]] = data
        plane.update(padded.tobytes())
    return frame


def _sound(recipe: Recipe, output: Any, track: Any, voice: Recipe) -> None:
    seconds = recipe.sound_seconds if recipe.sound_seconds is not None else recipe.seconds
    rate, channels = recipe.rate_hz, {"mono": 1, "stereo": 2, "5.1": 6}[recipe.layout]
    wave = wave_of(voice, rate, seconds)[round(recipe.sound_from * rate) :]
    layers = np.repeat(wave[None], channels, axis=0)
    if channels == 6:
        layers[2:] *= 0
    format_name = {"aac": "fltp", "libmp3lame": "fltp", "pcm_s16le": "s16"}[recipe.sound_codec or "aac"]
    if format_name == "s16":
        layers = (layers.T.reshape(1, -1) * 32767).astype(np.int16)
    frame: Any = av.AudioFrame.from_ndarray(np.ascontiguousarray(layers), format=format_name, layout=recipe.layout)
    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
    frame.pts = round((recipe.start_seconds + recipe.sound_from) * rate)
    output.mux(track.encode(frame))
    output.mux(track.encode(None))


_VARYING = [0, 42, 83, 167, 208, 250, 292, 333, 417, 458, 500, 542, 583, 667, 708, 750, 792, 833, 917, 958, 1000]

GOOD = (
    Recipe("plain", 1),
    Recipe("other_crf", 2, crf=34),
    Recipe("silent", 3, sound_codec=None),
    Recipe("mono_22k", 4, rate_hz=22050, layout="mono"),
    Recipe("surround", 5, rate_hz=48000, layout="5.1"),
    Recipe("hevc", 6, codec="libx265"),
    Recipe("ten_bit", 7, pixels="yuv420p10le"),
    Recipe("fps_25", 8, fps=Fraction(25), frames=26),
    Recipe("fps_30", 9, fps=Fraction(30), frames=31),
    Recipe("fps_29_97", 10, fps=Fraction(30000, 1001), frames=31),
    Recipe("varying_rate", 11, times=_VARYING, frames=len(_VARYING)),
    Recipe("other_size", 12, width=480, height=288),
    Recipe("portrait", 13, width=192, height=320),
    Recipe("wide_pixels", 14, width=240, aspect=Fraction(4, 3)),
    Recipe("turned", 15, width=192, height=320, turned=90),
    Recipe("b_frames", 16, extra={"bf": "6", "preset": "fast"}, container_options={"movflags": "+faststart"}),
    Recipe("no_b_frames", 17, extra={"bf": "0"}),
    Recipe("start_at_1s", 18, start_seconds=Fraction(1)),
    Recipe("clock_600", 19, container_options={"video_track_timescale": "600"}),
    Recipe("sound_short", 20, sound_seconds=Fraction(7, 10)),
    Recipe("sound_long", 21, sound_seconds=Fraction(3, 2)),
    Recipe("sound_late", 22, sound_from=Fraction(1, 4)),
    Recipe("two_tracks", 23, tracks=2),
    Recipe("fragmented", 24, container_options={"movflags": "frag_keyframe+empty_moov+delay_moov"}),
    Recipe("quicktime", 25, container="mov", sound_codec="pcm_s16le"),
    Recipe("full_range", 26, pixels="yuvj420p", colour=(2, 5, 1, 6)),
    Recipe("baseline_mp3", 27, extra={"profile": "baseline", "preset": "ultrafast"}, sound_codec="libmp3lame"),
    Recipe("many_keyframes", 28, extra={"g": "6", "keyint_min": "6", "sc_threshold": "0"}),
)
BY_NAME = {recipe.name: recipe for recipe in GOOD}


def bytes_of(recipe: Recipe) -> bytes:
    """A clip as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        make(recipe, Path(folder) / "clip")
        return (Path(folder) / "clip").read_bytes()


def _sound_only() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        track: Any = output.add_stream("aac", rate=44100, layout="stereo")
        _sound(Recipe("sound", 1), output, track, Recipe("sound", 1))
    return file.getvalue()


def _webm() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        video: Any = output.add_stream("libx264", rate=24)
        video.width, video.height = 320, 192
        for number in range(5):
            frame = _frame(Recipe("webm", 1), number)
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return file.getvalue()


def bad_clips() -> dict[str, bytes]:
    """Files that must be refused, by name; the cuts cover three layouts at every tenth and one byte short."""
    layouts = {
        "index_first": Recipe("cut", 30, container_options={"movflags": "+faststart"}),
        "index_last": Recipe("cut", 30),
        "fragmented": Recipe("cut", 30, container_options={"movflags": "frag_keyframe+empty_moov+delay_moov"}),
    }
    bad = {
        "empty": b"",
        "one_byte": b"\0",
        "zeros": bytes(20_000),
        "noise": np.random.default_rng(5).bytes(50_000),
        "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 20,
        "json": b'{"error": {"code": "expired", "message": "the link has expired"}}',
        "xml": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "playlist": b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n",
        "concat_script": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "type_only": bytes([0, 0, 0, 24]) + b"ftypisom" + bytes(4) + b"isommp42",
        "sound_only": _sound_only(),
        "one_picture": bytes_of(Recipe("one", 31, frames=1)),
        "matroska": _webm(),
    }
    for layout, recipe in layouts.items():
        whole = bytes_of(recipe)
        for tenth in range(1, 10):
            bad[f"{layout}_cut_{tenth}0"] = whole[: len(whole) * tenth // 10]
        bad[f"{layout}_cut_last_byte"] = whole[:-1]
    return bad


def make_all(
    folder: Path, recipes: Sequence[Recipe] = GOOD, wanted: Callable[[Recipe], bool] = bool
) -> dict[str, Path]:
    """Writes the good clips into a folder; their paths by name."""
    paths = {}
    for recipe in filter(wanted, recipes):
        paths[recipe.name] = folder / f"{recipe.name}.{recipe.container}"
        make(recipe, paths[recipe.name])
    return paths
