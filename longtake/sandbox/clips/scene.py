"""What a sandbox clip shows: a wandering sun, hills that pass, a shape that bounces, a light that changes, the prompt's
words. Drawn into yuv420p planes, the same for the same job.
"""

from __future__ import annotations

import colorsys
import math
import random
import textwrap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from longtake.sandbox.clips import framecode

Plane = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Luma and the two chroma differences, video range."""

_GOLDEN_ANGLE = 0.381966
_LIGHT_SECONDS = 7.0
_LIGHT_STEP = 12
"""The light changes with every so manieth picture: what stays the same between costs the encoder nothing."""
_FINE = 4
"""Shapes are drawn so many times larger, then scaled down, for smooth edges."""
_TURNS = 24
_WORDS_MOST = 120


class _Shape(NamedTuple):
    """How much of a shape covers each pixel (0–256), for luma and for chroma."""

    luma: NDArray[np.uint16]
    chroma: NDArray[np.uint16]


class Scene:
    """One clip's pictures.

    Args:
        width: Even px.
        height: Even px.
        job: What colours, hills, shape and its path are made from.
        prompt: Words for the lower edge, "" for none.
        fps: Frames per second.
    """

    def __init__(self, width: int, height: int, job: int, prompt: str = "", fps: int = 24) -> None:
        self.width, self.height, self._fps = width, height, fps
        chance = random.Random(job)  # noqa: S311 - a picture, not a secret
        self._hue = (job * _GOLDEN_ANGLE) % 1
        self._phase = chance.random()
        self._start = chance.random()
        self._down = np.linspace(0, 1, height, dtype=np.float32)
        self._hills = [_Hills(width, height, top, pace, chance) for top, pace in ((0.50, 0.03), (0.66, 0.10))]
        kind = chance.randrange(3)
        self._side = max(16, height // 6 // 4 * 4)
        self._shapes = [_shape(kind, self._side, turn / _TURNS) for turn in range(_TURNS if kind else 1)]
        self._sun = _shape(0, max(16, height // 7 // 4 * 4), 0.0)
        self._words = _words(prompt, width, height) if prompt.strip() else None

    def picture(self, index: int) -> Plane:
        """The picture of this number, shape (height * 3/2, width); the caller's to write into."""
        width, height = self.width, self.height
        seconds = index / self._fps
        lit = index // _LIGHT_STEP * _LIGHT_STEP / self._fps
        light = 0.5 + 0.5 * math.sin(2 * math.pi * (lit / _LIGHT_SECONDS + self._phase))
        picture = np.empty((height * 3 // 2, width), np.uint8)
        luma = picture[:height]
        chroma = picture[height:].reshape(2, height // 2, width // 2)
        planes = (luma, chroma[0], chroma[1])
        self._sky(planes, light)
        across = (self._start + seconds * 0.045) % 1
        sun = self._sun.luma.shape[0]
        place = across * (width + sun) - sun, height * (0.40 - 0.22 * math.sin(math.pi * across))
        _blend(planes, self._sun, place, _colour(self._hue + 0.06, 0.25, 0.75 + 0.25 * light))
        for number, hills in enumerate(self._hills):
            shade = (0.26, 0.17)[number] + 0.22 * light
            hills.draw(planes, _colour(self._hue + 0.04 * number, 0.5, shade), seconds)
        self._bounce(planes, seconds, light)
        if self._words is not None:
            self._words.lay_on(planes)
        chroma[:, : math.ceil(height * framecode.BAND / 2)] = 128  # the code is black and white
        return picture

    def _sky(self, planes: tuple[Plane, Plane, Plane], light: float) -> None:
        above = _colour(self._hue, 0.55, 0.22 + 0.38 * light)
        below = _colour(self._hue + 0.09, 0.30, 0.48 + 0.44 * light)
        share = np.minimum(self._down * 1.6, 1)
        for plane, high, low in zip(planes, above, below, strict=True):
            rows = share if plane is planes[0] else share[::2]
            plane[:] = np.round(high + (low - high) * rows[: plane.shape[0]]).astype(np.uint8)[:, None]

    def _bounce(self, planes: tuple[Plane, Plane, Plane], seconds: float, light: float) -> None:
        """The shape crosses the picture and back, and leaps as it goes."""
        way = (self._start + seconds * 0.11) % 2
        across = way if way < 1 else 2 - way
        leap = abs(math.sin(math.pi * (seconds * 0.9 + self._phase)))
        ground = self.height * 0.80 - self._side
        shape = self._shapes[int(seconds * _TURNS * 0.5) % len(self._shapes)]
        place = across * (self.width - self._side), ground - leap * self.height * 0.24
        _blend(planes, shape, place, _colour(self._hue + 0.5, 0.75, 0.62 + 0.33 * light))


class _Hills:
    """A row of hills that passes."""

    def __init__(self, width: int, height: int, top: float, pace: float, chance: random.Random) -> None:
        self._pace_px = pace * width
        self._wide = 2 * width
        places = np.arange(self._wide) / self._wide * 2 * math.pi
        edge = sum(np.sin(places * waves + chance.random() * 2 * math.pi) / waves for waves in (2, 3, 5, 9))
        self._rise = top + 0.08 * np.asarray(edge, np.float32) / 0.9
        edges = np.round(self._rise * height).astype(int)
        self._first = int(edges.min()) // 2 * 2
        self._full = min(height, (int(edges.max()) + 2) // 2 * 2)
        rows = np.arange(self._first, self._full)[:, None]
        # Twice as wide as the hills themselves, so that any part is one piece.
        self._there = np.tile(rows >= edges[None, :], (1, 2))
        self._there_chroma = np.ascontiguousarray(self._there[::2, ::2])

    def draw(self, planes: tuple[Plane, Plane, Plane], colour: Colour, seconds: float) -> None:
        """Draws them in one colour, as far on as the time says."""
        shift = int(seconds * self._pace_px) // 2 * 2 % self._wide
        for number, plane in enumerate(planes):
            scale = 2 if number else 1
            there = self._there_chroma if number else self._there
            start = shift // scale
            part = there[:, start : start + plane.shape[1]]
            first = self._first // scale
            np.copyto(plane[first : first + part.shape[0]], colour[number], where=part)
            plane[first + part.shape[0] :] = colour[number]


class _Words(NamedTuple):
    """Letters with a dark rim, ready to be laid on: what of the picture stays (0–256), and what is added to it."""

    stays: tuple[NDArray[np.uint16], ...]
    added: tuple[NDArray[np.uint16], ...]
    left: int
    top: int

    def lay_on(self, planes: tuple[Plane, Plane, Plane]) -> None:
        """Writes them over the picture."""
        for number, (plane, stays, added) in enumerate(zip(planes, self.stays, self.added, strict=True)):
            scale = 2 if number else 1
            x, y = self.left // scale, self.top // scale
            under = plane[y : y + stays.shape[0], x : x + stays.shape[1]]
            under[:] = (
                under * stays[: under.shape[0], : under.shape[1]] + added[: under.shape[0], : under.shape[1]]
            ) >> 8


def _words(prompt: str, width: int, height: int) -> _Words | None:
    """The prompt's beginning in at most two lines at the lower edge; None where no letter of it can be drawn."""
    size = max(10, min(height, width) // 20)
    font = ImageFont.load_default(size)
    columns = max(8, int(width * 0.86 / (size * 0.52)))
    lines = textwrap.wrap(" ".join(prompt[:_WORDS_MOST].split()), columns, max_lines=2, placeholder=" …")
    letters, rimmed = Image.new("L", (width, size * 4)), Image.new("L", (width, size * 4))
    for image, rim in ((letters, 0), (rimmed, max(1, size // 9))):
        draw = ImageDraw.Draw(image)
        for number, line in enumerate(lines):
            place = (width / 2, size + number * size * 1.3)
            draw.text(place, line, fill=255, font=font, anchor="mm", stroke_width=rim)
    if (box := rimmed.getbbox()) is None:
        return None
    left, top = box[0] // 2 * 2, box[1] // 2 * 2
    right, bottom = min(width, box[2] + box[2] % 2), box[3] + box[3] % 2
    inner, outer = (_cover(image.crop((left, top, right, bottom))) for image in (letters, rimmed))
    stays, added = [], []
    for number, colours in enumerate(((222, 16), (128, 128), (128, 128))):
        ink, rim = (inner.chroma, outer.chroma) if number else (inner.luma, outer.luma)
        stays.append(256 - np.maximum(rim, ink))
        added.append(ink * np.uint16(colours[0]) + (np.maximum(rim, ink) - ink) * np.uint16(colours[1]))
    lower = (height - (bottom - top) - height // 16) // 2 * 2
    return _Words(tuple(stays), tuple(added), left, max(0, lower))


def _shape(kind: int, side: int, turn: float) -> _Shape:
    """A disc, a square or a triangle, turned by a share of a full turn."""
    large = Image.new("L", (side * _FINE, side * _FINE))
    draw, middle = ImageDraw.Draw(large), side * _FINE / 2
    if kind == 0:
        draw.ellipse((0, 0, side * _FINE - 1, side * _FINE - 1), fill=255)
    else:
        corners = 5 - kind
        angles = [2 * math.pi * (turn / corners + number / corners) for number in range(corners)]
        draw.polygon([(middle + middle * math.cos(a), middle + middle * math.sin(a)) for a in angles], fill=255)
    return _cover(large.resize((side, side), Image.Resampling.BOX))


def _cover(image: Image.Image) -> _Shape:
    luma = np.asarray(image, np.uint16)
    luma = (luma + (luma >> 7)).astype(np.uint16)
    height, width = luma.shape
    chroma = luma.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3)) >> 2
    return _Shape(luma, chroma.astype(np.uint16))


def _blend(planes: tuple[Plane, Plane, Plane], shape: _Shape, place: tuple[float, float], colour: Colour) -> None:
    """Lays a shape of one colour over the picture, cut off at its edges."""
    left, top = round(place[0]) // 2 * 2, round(place[1]) // 2 * 2
    for number, plane in enumerate(planes):
        scale = 2 if number else 1
        cover = shape.chroma if number else shape.luma
        x, y = left // scale, top // scale
        rows = slice(max(0, y), min(plane.shape[0], y + cover.shape[0]))
        columns = slice(max(0, x), min(plane.shape[1], x + cover.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        part = cover[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        under = plane[rows, columns]
        under[:] = (under * (256 - part) + part * np.uint16(colour[number])) >> 8


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, min(1.0, value))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / 1.8556),
        round(128 + 224 * (red - luma) / 1.5748),
    )
