"""Shots without a cut in all that looks like one (flashes, whip pans, fades, things that cross), and shots with a cut.

Every shot is a list of RGB pictures of `scenes`' size; a number makes it another one of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.media import scenes
from tests.media.scenes import HEIGHT_PX, WIDTH_PX, Picture

COUNT = 48
Shot = Callable[[int], list[Picture]]
Plane = NDArray[np.float64]


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(1000 + seed)


def _whole(picture: NDArray[Any]) -> Picture:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _mixed(one: Picture, other: Picture, share: float) -> Picture:
    return _whole(one * (1.0 - share) + other * share)


def pan(seed: int) -> list[Picture]:
    """From slow to fast: 0.5 to 9 px a picture."""
    return scenes.pan(COUNT, (0.5, 2, 4, 6, 9)[seed % 5], seed=seed)


def zoom(seed: int) -> list[Picture]:
    """From slow to a crash zoom."""
    return scenes.zoom(COUNT, (0.002, 0.006, 0.015, 0.03)[seed % 4], seed=seed)


def ball(seed: int) -> list[Picture]:
    """A locked-off camera."""
    return scenes.ball(COUNT, radius_px=(6, 14, 40)[seed % 3], seed=seed)


def grain(seed: int) -> list[Picture]:
    """Nothing moves but the grain."""
    return scenes.still(COUNT, seed, grain=(2.0, 6.0, 12.0)[seed % 3])


def shake(seed: int) -> list[Picture]:
    """A camera in a hand that runs."""
    random, reach = _random(seed), 3 + 3 * (seed % 4)
    ground = scenes.landscape(HEIGHT_PX + 40, WIDTH_PX + 40, seed)
    places = np.clip(np.cumsum(random.normal(0, reach, (COUNT, 2)) * 0.5, axis=0) + 20, 0, 39).astype(int)
    return [_whole(ground[top : top + HEIGHT_PX, left : left + WIDTH_PX]) for top, left in places]


def _panned(seed: int, places: list[float], blur: bool = True) -> list[Picture]:
    """One world seen from places along it, blurred by the motion of half a picture's time."""
    ground = scenes.landscape(HEIGHT_PX, WIDTH_PX + int(max(places)) + 8, seed)
    shown: list[Picture] = []
    for before, place in pairwise([places[0], *places]):
        way = (
            np.linspace(place - (place - before) / 2, place, max(1, int(abs(place - before) / 4))) if blur else [place]
        )
        shown.append(_whole(np.mean([ground[:, int(at) : int(at) + WIDTH_PX] for at in way], axis=0)))
    return shown


def whip_pan(seed: int) -> list[Picture]:
    """Still, then the camera is torn to another place within a few pictures, and still again."""
    length, far = (3, 4, 6, 9)[seed % 4], 250 + 60 * (seed % 5)
    turn = [0.5 - 0.5 * np.cos(np.pi * (number + 1) / length) for number in range(length)]
    before = 14 + seed % 9
    return _panned(seed, [0.0] * before + [far * share for share in turn] + [float(far)] * (COUNT - before - length))


def flash(seed: int) -> list[Picture]:
    """A photographer's flash: one to four pictures, all white or much brighter."""
    shot = scenes.pan(COUNT, 1.0, seed=seed)
    at, length, strength = 12 + seed % 20, 1 + seed % 4, (1.0, 0.85, 0.6)[seed % 3]
    white = np.full_like(shot[0], 255)
    return [_mixed(one, white, strength) if at <= n < at + length else one for n, one in enumerate(shot)]


def lightning(seed: int) -> list[Picture]:
    """A dark scene, lit from one side for a moment, twice."""
    random = _random(seed)
    dark = [_whole(one * 0.25) for one in scenes.pan(COUNT, 0.7, seed=seed)]
    side = np.linspace(2.8, 0.4, WIDTH_PX)[None, :, None]
    lit = {int(at) + more for at in random.integers(8, 40, 2) for more in range(1 + seed % 3)}
    return [_whole(one * (1 + side)) if n in lit else one for n, one in enumerate(dark)]


def strobe(seed: int) -> list[Picture]:
    """Light that goes on and off every few pictures."""
    period = 2 + seed % 5
    return [_whole(one * (0.2 if (n // period) % 2 else 1.0)) for n, one in enumerate(scenes.ball(COUNT, seed=seed))]


def light_switch(seed: int) -> list[Picture]:
    """The light goes on or off for good."""
    at, shot = 10 + seed % 25, scenes.ball(COUNT, seed=seed)
    low, add = (0.15, 0.35, 0.55)[seed % 3], (0, 20)[seed % 2]
    is_on = seed % 2 == 0
    return [_whole(one * low + add) if (n < at) == is_on else one for n, one in enumerate(shot)]


def colour_change(seed: int) -> list[Picture]:
    """Coloured light comes on."""
    at, tint = 10 + seed % 25, np.array([(1.3, 0.6, 0.5), (0.5, 0.7, 1.4), (0.7, 1.3, 0.6)][seed % 3])
    return [_whole(one * tint) if n >= at else one for n, one in enumerate(scenes.pan(COUNT, 1.0, seed=seed))]


def fade(seed: int) -> list[Picture]:
    """To black or white and back, within one scene."""
    length, level = (4, 8, 12)[seed % 3], 255.0 * (seed % 2)
    shot, middle = scenes.pan(COUNT, 1.0, seed=seed), COUNT // 2
    shares = [max(0.0, 1 - max(0, abs(n - middle) - 2) / length) for n in range(COUNT)]
    return [_mixed(one, np.full_like(one, int(level)), share) for one, share in zip(shot, shares, strict=True)]


def fade_between(seed: int) -> list[Picture]:
    """To black or white, and out of it into another scene: no hard cut."""
    length, level = (5, 8, 12)[seed % 3], 255 * (seed % 2)
    first, second = scenes.pan(COUNT, 1.0, seed=seed), scenes.pan(COUNT, 1.0, seed=seed + 500)
    middle, shown = COUNT // 2, list[Picture]()
    for n in range(COUNT):
        share = max(0.0, 1 - max(0, abs(n - middle) - 1) / length)
        one = (first if n < middle else second)[n]
        shown.append(_mixed(one, np.full_like(one, level), share))
    return shown


def dissolve(seed: int) -> list[Picture]:
    """One scene becomes another within six to eighteen pictures: no hard cut."""
    length = (6, 10, 18)[seed % 3]
    first, second = scenes.pan(COUNT, 1.0, seed=seed), scenes.zoom(COUNT, seed=seed + 500)
    start = COUNT // 2 - length // 2
    shares = [min(1.0, max(0.0, (n - start) / length)) for n in range(COUNT)]
    return [_mixed(one, other, share) for one, other, share in zip(first, second, shares, strict=True)]


def crossing(seed: int) -> list[Picture]:
    """Something large passes close before the camera within a few pictures."""
    random, at, speed = _random(seed), 10 + seed % 20, (60, 90, 140)[seed % 3]
    width, colour = int(WIDTH_PX * (0.5, 0.8, 1.2)[seed % 3]), random.uniform(10, 230, 3)
    shown: list[Picture] = []
    for n, behind in enumerate(scenes.pan(COUNT, 0.6, seed=seed)):
        right, one = (n - at) * speed, behind.copy()
        one[:, max(0, right - width) : max(0, min(WIDTH_PX, right))] = colour.astype(np.uint8)
        shown.append(one)
    return shown


def explosion(seed: int) -> list[Picture]:
    """A bright cloud that fills most of the picture within three to eight pictures, and thins out."""
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    away = np.hypot(columns - WIDTH_PX * (0.3 + 0.1 * (seed % 5)), rows - HEIGHT_PX / 2)
    at, growth = 10 + seed % 15, (70, 40, 25)[seed % 3]
    shown: list[Picture] = []
    for n, one in enumerate(scenes.ball(COUNT, seed=seed)):
        age = n - at
        share = np.clip((min(age * growth, 240) - away) / 30, 0, 1) * max(0.0, 1 - age / 24) if age >= 0 else 0 * away
        shown.append(_whole(one * (1 - share[..., None]) + np.array([255.0, 210, 120]) * share[..., None]))
    return shown


def particles(seed: int) -> list[Picture]:
    """Confetti or rain: bright specks, each picture others."""
    random, count = _random(seed), (60, 200, 500)[seed % 3]
    shown: list[Picture] = []
    for behind in scenes.pan(COUNT, 0.8, seed=seed):
        one = behind.copy()
        for top, left in random.integers(0, (HEIGHT_PX - 5, WIDTH_PX - 3), (count, 2)):
            one[top : top + 5, left : left + 2] = 240
        shown.append(one)
    return shown


def waves(seed: int) -> list[Picture]:
    """Water that never looks the same."""
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    speed = (0.3, 0.8, 1.6)[seed % 3]
    shown: list[Picture] = []
    for n in range(COUNT):
        plane = np.zeros((HEIGHT_PX, WIDTH_PX))
        for number in range(9):
            angle, long = number * 0.7 + seed, 9 + 5 * number
            phase = (columns * np.cos(angle) + rows * np.sin(angle)) / long * 2 * np.pi
            plane += np.sin(phase + n * speed * (0.6 + 0.15 * number)) * (5 + number)
        shown.append(_whole(np.stack([plane * 0.7 + 70, plane + 100, plane + 140], axis=-1)))
    return shown


def refocus(seed: int) -> list[Picture]:
    """The picture goes out of focus and back within a few pictures."""
    length = (3, 6, 12)[seed % 3]
    shown: list[Picture] = []
    for n, one in enumerate(scenes.pan(COUNT, 0.8, seed=seed)):
        radius = max(0.0, 9 * (1 - abs(n - COUNT / 2) / length))
        shown.append(np.asarray(Image.fromarray(one).filter(ImageFilter.GaussianBlur(radius))))
    return shown


def turn(seed: int) -> list[Picture]:
    """The camera rolls, slowly or fast."""
    ground = Image.fromarray(_whole(scenes.landscape(400, 400, seed)))
    speed = (0.5, 2.0, 5.0, 9.0)[seed % 4]
    box = (40, 110, 40 + WIDTH_PX, 110 + HEIGHT_PX)
    return [np.asarray(ground.rotate(n * speed, Image.Resampling.BILINEAR).crop(box)) for n in range(COUNT)]


def jerk(seed: int) -> list[Picture]:
    """Pictures that were dropped: motion jumps by several pictures at once, once or twice."""
    drops = {15 + seed % 7, 30 + seed % 5}
    places, at = list[float](), 0.0
    for n in range(COUNT):
        at += 1.5 * (3 + seed % 6 if n in drops else 1)
        places.append(at)
    return _panned(seed, places, blur=False)


CLEAN: dict[str, Shot] = {
    shot.__name__: shot
    for shot in (
        pan, zoom, ball, grain, shake, whip_pan, flash, lightning, strobe, light_switch, colour_change, fade,
        fade_between, dissolve, crossing, explosion, particles, waves, refocus, turn, jerk,
    )
}  # fmt: skip
"""Without a hard cut, by kind."""


def _between(first: Shot, second: Shot, seed: int, at: int) -> list[Picture]:
    return first(seed)[:at] + second(seed + 700)[at:]


def _place(seed: int) -> int:
    return 4 + (seed * 7) % (COUNT - 8)


def cut_of_pans(seed: int) -> list[Picture]:
    return _between(pan, pan, seed, _place(seed))


def cut_of_zooms(seed: int) -> list[Picture]:
    return _between(zoom, pan, seed, _place(seed))


def cut_of_still_shots(seed: int) -> list[Picture]:
    return _between(ball, ball, seed, _place(seed))


def cut_in_grain(seed: int) -> list[Picture]:
    return _between(grain, grain, seed, _place(seed))


def cut_in_shaken_shots(seed: int) -> list[Picture]:
    return _between(shake, shake, seed, _place(seed))


def cut_to_a_dark_scene(seed: int) -> list[Picture]:
    return _between(pan, lambda n: [_whole(one * 0.3) for one in ball(n)], seed, _place(seed))


def cut_of_flat_light(seed: int) -> list[Picture]:
    """Both scenes have little contrast and the same brightness."""
    return [_whole(one * 0.3 + 80.0) for one in _between(pan, ball, seed, _place(seed))]


def cut_of_like_layout(seed: int) -> list[Picture]:
    """Both have a bright sky over dark ground."""
    sky = np.linspace(70, -70, HEIGHT_PX)[:, None, None]
    return [_whole(one * 0.55 + 55 + sky) for one in _between(pan, ball, seed, _place(seed))]


def cut_between_waves(seed: int) -> list[Picture]:
    return _between(waves, pan, seed, _place(seed))


def cut_to_another_place(seed: int) -> list[Picture]:
    """The same world from another place: the whip pan without its way."""
    at = _place(seed)
    return _panned(seed, [n * 0.5 for n in range(at)] + [320 + n * 0.5 for n in range(COUNT - at)], blur=False)


CUTS: dict[str, Shot] = {
    shot.__name__: shot
    for shot in (
        cut_of_pans, cut_of_zooms, cut_of_still_shots, cut_in_grain, cut_in_shaken_shots, cut_to_a_dark_scene,
        cut_of_flat_light, cut_of_like_layout, cut_between_waves, cut_to_another_place,
    )
}  # fmt: skip
"""With one hard cut, at `cut_place`, by kind."""


def cut_place(seed: int) -> int:
    """The first picture after the cut of the shots in `CUTS`."""
    return _place(seed)
