"""Twelve colours in every coding, made into films and pictures in every way, and read back by formulas of their own.

Nothing here uses Longtake's or FFmpeg's conversions: planes are computed from RGB and read back to RGB by ITU-T H.273,
BT.709, BT.2020 and BT.2100 as printed. `tests/benchmarks/bench_colours.py` prints the whole table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from longtake.media.cutting.frames import contact_sheet, last_frame, poster
from longtake.media.cutting.tail import TailLimits, cut_tail, make_fit
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips

COLOURS = (
    (198, 29, 30), (255, 255, 255), (0, 0, 0), (128, 128, 128), (235, 20, 20), (20, 235, 20),
    (20, 20, 235), (220, 220, 30), (30, 220, 220), (220, 30, 220), (224, 172, 105), (20, 60, 120),
)  # fmt: skip
COLUMNS, ROWS, FRAMES = 4, 3, 24
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""Weights of red and blue by matrix."""
PQ, HLG = 16, 18
LIMITS = TailLimits(min_seconds=0.25, min_side_px=100, min_fps=20)


@dataclass(frozen=True)
class Coding:
    """How a clip holds its colours: range, matrix, primaries, transfer; `tagged` whether it says so."""

    tags: tuple[int, int, int, int]
    pixels: str = "yuv420p"
    codec: str = "libx264"
    size: tuple[int, int] = (320, 192)
    tagged: bool = True


CODINGS = {
    "BT.709": Coding((1, 1, 1, 1)),
    "BT.709 full": Coding((2, 1, 1, 1), "yuvj420p"),
    "BT.709 sRGB curve": Coding((1, 1, 1, 13)),
    "BT.709 4:2:2": Coding((1, 1, 1, 1), "yuv422p"),
    "BT.709 4:4:4": Coding((1, 1, 1, 1), "yuv444p"),
    "BT.709 10 bit": Coding((1, 1, 1, 1), "yuv420p10le"),
    "BT.709 HEVC": Coding((1, 1, 1, 1), codec="libx265"),
    "BT.601 NTSC": Coding((1, 6, 6, 6)),
    "BT.601 PAL": Coding((1, 5, 5, 6)),
    "BT.601 full": Coding((2, 5, 1, 6), "yuvj420p"),
    "SMPTE 240M": Coding((1, 7, 7, 7)),
    "untagged SD": Coding((1, 6, 6, 6), tagged=False),
    "untagged HD": Coding((1, 1, 1, 1), size=(1280, 768), tagged=False),
    "BT.2020": Coding((1, 9, 9, 14)),
    "BT.2020 10 bit": Coding((1, 9, 9, 14), "yuv420p10le"),
    "BT.2020 HEVC 10 bit": Coding((1, 9, 9, 14), "yuv420p10le", "libx265"),
    "Display P3": Coding((1, 1, 12, 1)),
    "PQ": Coding((1, 9, 9, PQ), "yuv420p10le"),
    "HLG": Coding((1, 9, 9, HLG), "yuv420p10le"),
    "HLG HEVC": Coding((1, 9, 9, HLG), "yuv420p10le", "libx265"),
}


def bits_of(pixels: str) -> int:
    """Bits a colour, by FFmpeg's name of the format."""
    return int(pixels[-4:-2]) if pixels.endswith("le") else 8


def coded(rgb: np.ndarray, coding: Coding) -> np.ndarray:
    """Luma and chroma of RGB from 0 to 1, as the integers that a file holds."""
    spread, matrix, *_ = coding.tags
    red_weight, blue_weight = LUMA[matrix]
    red, green, blue = rgb
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    chroma = np.array([(blue - luma) / (2 - 2 * blue_weight), (red - luma) / (2 - 2 * red_weight)])
    step = 2 ** (bits_of(coding.pixels) - 8)
    if spread == 2:
        return np.round([luma * (256 * step - 1), *(chroma * (256 * step - 1) + 128 * step)]).clip(0, 256 * step - 1)
    return np.round([(16 + 219 * luma) * step, *((128 + 224 * chroma) * step)])


def shown(codes: np.ndarray, tags: tuple[int, int, int, int], bits: int) -> np.ndarray:
    """RGB from 0 to 1 of luma and chroma."""
    spread, matrix, *_ = tags
    red_weight, blue_weight = LUMA[matrix]
    step, most = 2 ** (bits - 8), 2**bits - 1
    luma, blue_chroma, red_chroma = codes
    if spread == 2:
        luma, blue_chroma, red_chroma = luma / most, (blue_chroma - 128 * step) / most, (red_chroma - 128 * step) / most
    else:
        luma = (luma / step - 16) / 219
        blue_chroma, red_chroma = (blue_chroma / step - 128) / 224, (red_chroma / step - 128) / 224
    red = luma + (2 - 2 * red_weight) * red_chroma
    blue = luma + (2 - 2 * blue_weight) * blue_chroma
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip([red, green, blue], 0, 1)


def make_clip(
    target: Path,
    coding: Coding,
    *,
    size: tuple[int, int] | None = None,
    says: tuple[int, int, int, int] | None = None,
    params: str = "",
) -> Path:
    """A clip of twelve patches, a keyframe every six pictures; `says` where its tags lie, `params` for x264."""
    width, height = size or coding.size
    with av.open(str(target), "w") as output:
        video: Any = output.add_stream(coding.codec, rate=24)
        video.width, video.height, video.pix_fmt = width, height, coding.pixels
        context = video.codec_context
        context.thread_count = 1
        video.options = {"crf": "8", "preset": "veryfast", "x264-params": f"keyint=6:scenecut=0{params}"}
        if coding.codec == "libx265":
            context.codec_tag = "hvc1"
            video.options = {"crf": "6", "preset": "veryfast", "x265-params": "log-level=none:pools=1:keyint=6"}
        if coding.tagged:
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = says or coding.tags
        for number in range(FRAMES):
            frame = _patches(coding, width, height)
            frame.pts, frame.time_base = number, Fraction(1, 24)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return target


def _patches(coding: Coding, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, coding.pixels)
    opaque = 2 ** bits_of(coding.pixels) - 1
    codes = np.array([[*coded(np.array(colour) / 255, coding), opaque] for colour in COLOURS])
    kind = np.uint16 if bits_of(coding.pixels) > 8 else np.uint8
    for number, plane in enumerate(frame.planes):
        rows = np.arange(plane.height) * ROWS // plane.height
        columns = np.arange(plane.width) * COLUMNS // plane.width
        values = codes[rows[:, None] * COLUMNS + columns[None, :], number].astype(kind)
        padded = np.zeros((plane.height, plane.line_size // values.itemsize), kind)
        padded[:, : plane.width] = values
        plane.update(padded.tobytes())
    return frame


Box = tuple[int, int, int, int]
"""Left, top, width and height of the picture within the film's."""


def tags_of(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """What a decoded picture says; nothing said is taken as players do."""
    spread, matrix = int(frame.color_range), int(frame.colorspace)
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    by_size = 1 if frame.width >= 1280 or frame.height > 576 else 6
    return spread or 1, matrix if matrix != 2 else by_size, primaries, transfer


def read_clip(path: Path, box: Box | None = None) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The twelve colours of every picture, RGB of 0 to 255, shape (pictures, 12, 3), and what the film says of them."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            tags, bits = tags_of(frame), bits_of(frame.format.name)
            found.append([shown(codes, tags, bits) * 255 for codes in _centres(frame, box)])
    return np.array(found), tags


def _centres(frame: av.VideoFrame, box: Box | None) -> list[np.ndarray]:
    left, top, width, height = box or (0, 0, frame.width, frame.height)
    kind = np.uint16 if bits_of(frame.format.name) > 8 else np.uint8
    planes = [np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    centres = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            x, y = left + (column + 0.5) * width / COLUMNS, top + (row + 0.5) * height / ROWS
            codes = []
            for plane in planes[:3]:
                across, down = round(x * plane.shape[1] / frame.width), round(y * plane.shape[0] / frame.height)
                codes.append(plane[down - 2 : down + 2, across - 2 : across + 2].mean())
            centres.append(np.array(codes))
    return centres


def read_picture(path: Path, box: Box | None = None) -> np.ndarray:
    """The twelve colours of a picture file, shape (1, 12, 3)."""
    pixels = np.asarray(Image.open(path).convert("RGB"), float)
    left, top, width, height = box or (0, 0, pixels.shape[1], pixels.shape[0])
    places = [(round(left + (n % COLUMNS + 0.5) * width / COLUMNS), n // COLUMNS) for n in range(len(COLOURS))]
    downs = [round(top + (row + 0.5) * height / ROWS) for row in range(ROWS)]
    return np.array([[pixels[downs[row] - 2 : downs[row] + 2, x - 2 : x + 2].mean(axis=(0, 1)) for x, row in places]])


def expected(colours: np.ndarray, source: Coding, target: tuple[int, int, int, int]) -> np.ndarray:
    """What the colours of a clip should be in SDR of BT.709, where that is what they were made into."""
    _, _, primaries, transfer = source.tags
    if primaries not in (9, 12) or target[2] == primaries:
        return colours
    turn = {
        9: [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
        12: [[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]],
    }[primaries]
    made = {PQ: _toned, HLG: _toned}.get(transfer, _scenic)
    return np.array([[made(colour / 255, np.array(turn), transfer) for colour in picture] for picture in colours])


def _scenic(colour: np.ndarray, turn: np.ndarray, _transfer: int) -> list[float]:
    """By the camera's curve of BT.709."""
    light = turn @ [v / 4.5 if v < 0.081 else ((v + 0.099) / 1.099) ** (1 / 0.45) for v in colour]
    return [255 * (4.5 * v if v < 0.018 else 1.099 * v**0.45 - 0.099) for v in light.clip(0, 1)]


def _pq(nits: float) -> float:
    power = (max(nits, 0) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def _nits(signal: float) -> float:
    power = max(signal, 0) ** (1 / 78.84375)
    return 10_000 * (max(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)


def _toned(colour: np.ndarray, turn: np.ndarray, transfer: int) -> list[float]:
    """By the roll-off of BT.2390 from 1,000 to 203 nits, on the brightest of the three."""
    light = np.array([_nits(v) for v in colour])
    if transfer == HLG:
        scene = [v * v / 3 if v <= 0.5 else (math.exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12 for v in colour]
        light = 1000 * np.array(scene) * (np.dot(scene, [0.2627, 0.678, 0.0593]) or 1) ** 0.2
    light = (turn @ light).clip(0)
    level, most = min(_pq(light.max()) / _pq(1000), 1), _pq(203) / _pq(1000)
    knee = 1.5 * most - 0.5
    if level > knee:
        t = (level - knee) / (1 - knee)
        level = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    light *= _nits(level * _pq(1000)) / max(light.max(), 1e-9)
    return [255 * min(v / 203, 1) ** (1 / 2.4) for v in light]


SCREEN = (2, 0, 1, 13)


def _film(folder: Path, clips: list[Path], **options: Any) -> Path:
    stitch_clips(clips, folder / "film.mp4", StitchOptions(**options))
    return folder / "film.mp4"


def _beside(folder: Path, clip: Path, coding: Coding) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Third in a film of BT.709."""
    plain = make_clip(folder / "plain.mp4", CODINGS["BT.709"])
    seen, tags = read_clip(_film(folder, [plain, plain, clip], size=None))
    return seen[2 * FRAMES :], tags


def _smaller(folder: Path, clip: Path, coding: Coding) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A clip of the same coding and another size, in the film of this one."""
    size = coding.size[0] * 3 // 4, coding.size[1] * 3 // 4
    other = Coding(coding.tags, coding.pixels, coding.codec, size)
    small = make_clip(folder / "small.mp4", other)
    return read_clip(_film(folder, [clip, clip, small]))


def _of_film(**options: Any) -> Callable[..., tuple[np.ndarray, tuple[int, int, int, int]]]:
    count, box = options.pop("count", 1), options.pop("box", None)
    return lambda folder, clip, _: read_clip(_film(folder, [clip] * count, **options), box)


def _of_copy(make: Callable[[Path, Path], Any]) -> Callable[..., tuple[np.ndarray, tuple[int, int, int, int]]]:
    def made(folder: Path, clip: Path, _: Coding) -> tuple[np.ndarray, tuple[int, int, int, int]]:
        make(clip, folder / "copy.mp4")
        return read_clip(folder / "copy.mp4")

    return made


def _of_picture(
    make: Callable[[Path, Path], Any], suffix: str, margin: int = 0
) -> Callable[..., tuple[np.ndarray, tuple[int, int, int, int]]]:
    def made(folder: Path, clip: Path, _: Coding) -> tuple[np.ndarray, tuple[int, int, int, int]]:
        make(clip, folder / f"picture.{suffix}")
        box = (margin, margin, 320, 192) if margin else None
        return read_picture(folder / f"picture.{suffix}", box), SCREEN

    return made


WAYS: dict[str, Callable[..., tuple[np.ndarray, tuple[int, int, int, int]]]] = {
    "copied": _of_film(count=2),
    "another size": _of_film(size=(480, 288)),
    "another rate": _of_film(fps=Fraction(30)),
    "padded": _of_film(size=(320, 320), box=(0, 64, 320, 192)),
    "cropped": _of_film(size=(320, 160), fit="crop", box=(0, -16, 320, 192)),
    "head trimmed": _of_film(count=2, trims=((0, 0), (3, 0))),
    "end trimmed": _of_film(count=2, trims=((0, 5), (0, 0))),
    "crossfade": _of_film(count=2, crossfade_seconds=0.25),
    "smaller clip beside it": _smaller,
    "in a film of BT.709": _beside,
    "tail": _of_copy(lambda clip, copy: cut_tail(clip, 10 / 24, copy, LIMITS)),
    "fitted copy": _of_copy(lambda clip, copy: make_fit(clip, copy, LIMITS.model_copy(update={"max_side_px": 240}))),
    "last frame": _of_picture(last_frame, "png"),
    "poster": _of_picture(poster, "jpg"),
    "contact sheet": _of_picture(lambda clip, sheet: contact_sheet([clip], sheet), "jpg", margin=8),
}


def difference(coding: Coding, clip: Path, way: str, folder: Path) -> float:
    """The largest difference of any of the twelve colours in any picture, of 255."""
    source, _ = read_clip(clip)
    made, tags = WAYS[way](folder, clip, coding)
    return float(np.abs(made - expected(source[:1], coding, tags)).max())
