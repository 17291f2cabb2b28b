"""How the sound goes over a film's joins: clicks, measured against the material on either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from longtake.media.stitching.sound import Sound

_FLOOR = 1e-4


class SeamMeter:
    """Watches a film's sound pass by and scores each join.

    A click is a sharp bend: the largest second difference within 5 ms of the join, over the 99.9th percentile of
    those of the two clips. Above 1 a join stands out.

    Args:
        joins: The samples at which clips join, increasing.
        rate_hz: Samples per second.
    """

    def __init__(self, joins: Sequence[int], rate_hz: int) -> None:
        self._bounds, self._near = [*joins], rate_hz // 200
        self._begin = 0
        self._position = 0
        self._last = np.zeros((2, 2), np.float32)
        self._bends: list[NDArray[np.float32]] = []
        self._edges: list[tuple[float, float]] = []
        self._levels: list[float] = []

    def watch(self, blocks: Iterable[Sound]) -> Iterator[Sound]:
        """Passes blocks on as they are."""
        for block in blocks:
            joined = np.concatenate([self._last, block], axis=1)
            self._take(np.abs(np.diff(joined, 2, axis=1)).max(axis=0))
            self._last = joined[:, -2:]
            yield block

    def _take(self, bends: NDArray[np.float32]) -> None:
        while self._bounds and self._position + bends.size >= self._bounds[0]:
            here = self._bounds.pop(0) - self._position
            self._bends.append(bends[:here])
            self._close_clip()
            bends, self._position = bends[here:], self._position + here
        self._bends.append(bends)
        self._position += bends.size

    def _close_clip(self) -> None:
        bends = np.concatenate(self._bends)
        self._bends = []
        inner = bends[self._near : -self._near]
        rank = int(inner.size * 0.999)
        self._levels.append(float(np.partition(inner, rank)[rank]) if inner.size else 0.0)
        edges = (float(bends[part].max(initial=0)) for part in (slice(self._near), slice(-self._near, None)))
        self._edges.append((next(edges), next(edges)))

    def result(self) -> list[float]:
        """One score for each join. The meter is spent."""
        self._close_clip()
        scores: list[float] = []
        for number in range(len(self._edges) - 1):
            near = max(self._edges[number][1], self._edges[number + 1][0])
            level = max(self._levels[number], self._levels[number + 1], _FLOOR)
            scores.append(round(near / level, 3))
        return scores
