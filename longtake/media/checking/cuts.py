"""Hard cuts inside a clip: from one picture to the next everything is another scene.

Flashes, light that is switched, whip pans, fades and things that cross before the camera change a picture as much. At a
cut one scene is before, one after, nothing between, and what comes after shows nothing that was before.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise, product
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

Waves = NDArray[np.complex128]

REACH = 6
"""So many pictures before a cut are held against so many after it: a flash is over by then, what crosses has passed."""
STEADY = 3
"""So many pictures on either side of a cut show one scene; within a whip pan no two do."""
LEAST_CHANGE = 3.0
"""Mean change of a pixel, of 255, brightness of the whole left out, below which nothing is a cut."""
LEAST_DETAIL = 1.5
"""Spread of the fine detail below which a picture is black, white or fog, and belongs to any scene."""
ALIKE = 0.3
"""Correlation of the fine detail, wherever it moved, from which two pictures show one scene. Measured: cuts up to 0.2,
all else from 0.4 on, most of it above 0.9 (`tests/benchmarks/bench_cuts.py`)."""
_HALF, _RADIUS = 2, 6


class Cut(NamedTuple):
    """The first picture of the new scene, counted from 0, and when it is shown."""

    picture: int
    seconds: float


class CutWatch:
    """Looks at small grey pictures in order, a dozen at a time; `found` is whole after `finish`."""

    def __init__(self) -> None:
        self.found: list[Cut] = []
        self._number = 0
        self._seen: deque[tuple[float, NDArray[np.uint8]]] = deque(maxlen=2 * REACH)
        self._changes: list[float] = []

    def see(self, small: NDArray[np.uint8], seconds: float) -> None:
        """The next picture."""
        self._changes.append(_change(self._seen[-1][1], small) if self._seen else 0.0)
        self._seen.append((seconds, small))
        self._number += 1
        if self._number >= REACH:
            self._decide(self._number - REACH)

    def finish(self) -> None:
        """After the last picture."""
        for number in range(max(1, self._number - REACH + 1), self._number):
            self._decide(number)

    def _decide(self, number: int) -> None:
        """Whether the scene changes at a picture that is among those seen last."""
        if number < 1 or not self._is_largest(number):
            return
        split = number - (self._number - len(self._seen))
        pictures = [small for _, small in self._seen]
        if _is_cut(pictures[max(0, split - REACH) : split], pictures[split : split + REACH]):
            self.found.append(Cut(number, self._seen[split][0]))

    def _is_largest(self, number: int) -> bool:
        """Whether no change near it is larger, so that nothing else need be looked at."""
        change = self._changes[number]
        near = self._changes[max(1, number - STEADY) : number + STEADY + 1]
        return change >= LEAST_CHANGE and change == max(near)


def _change(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    difference = after.astype(np.float32) - before
    return float(np.abs(difference - difference.mean()).mean())


def _is_cut(before: list[NDArray[np.uint8]], after: list[NDArray[np.uint8]]) -> bool:
    """Whether one scene is before and one after, and no picture after shows what any before it shows."""
    last, first = _waves(before[-1]), _waves(after[0])
    if _likeness(last, first) >= ALIKE:  # nearly always, and then nothing else need be looked at
        return False
    earlier, later = [*map(_waves, before[:-1]), last], [first, *map(_waves, after[1:])]
    beside = [*earlier[-STEADY:], *later[:STEADY]]
    if any(waves is None for waves in beside):  # it comes out of black, white or fog
        return False
    for side in (earlier[-STEADY:], later[:STEADY]):
        if any(_likeness(one, other) < ALIKE for one, other in pairwise(side)):
            return False
    return all(_likeness(one, other) < ALIKE for one, other in product(earlier, later))


def _waves(small: NDArray[np.uint8]) -> Waves | None:
    """A picture's fine detail by its waves, so that every shift is compared at once; None where there is none."""
    height, width = small.shape[0] // _HALF, small.shape[1] // _HALF
    halved = small.reshape(height, _HALF, width, _HALF).mean(axis=(1, 3))
    fine = halved - _smooth(_smooth(halved).T).T
    if float(fine.std()) < LEAST_DETAIL:
        return None
    # Twice the size, so that what moves out on one side does not come in on the other.
    return cast(Any, np.fft.rfft2(fine / np.linalg.norm(fine), (2 * height, 2 * width)))


def _smooth(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over a stretch of each column."""
    padded = np.pad(picture, ((_RADIUS + 1, _RADIUS), (0, 0)), mode="edge").cumsum(axis=0)
    return (padded[2 * _RADIUS + 1 :] - padded[: -2 * _RADIUS - 1]) / (2 * _RADIUS + 1)


def _likeness(one: Waves | None, other: Waves | None) -> float:
    """The best correlation over all shifts; 0 where one of them has no detail."""
    return 0.0 if one is None or other is None else float(np.fft.irfft2(one * other.conj()).max())
