"""What a clip looks like on average: brightness, contrast, colour and sharpness of pictures spread evenly over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
"""Every clip is measured at this size, so that sharpness compares across resolutions."""
SAMPLES = 8
"""Pictures measured per clip, evenly spread."""


class Look(NamedTuple):
    """Means over some pictures, of 255; `detail` is the finest detail as a percentage of the contrast."""

    luma: float
    spread: float
    blue: float
    red: float
    saturation: float
    detail: float

    def colour_from(self, other: Look) -> float:
        """Distance of the mean colours in the blue–red plane (Cb, Cr), of 255."""
        return float(np.hypot(self.blue - other.blue, self.red - other.red))


def sampled_pictures(frames: int) -> frozenset[int]:
    """The numbers of the pictures to measure of a clip of so many."""
    return frozenset(np.linspace(0, frames - 1, min(SAMPLES, frames)).round().astype(int).tolist())


def measured(frame: VideoFrame) -> Look:
    """One picture."""
    planes = cast(
        NDArray[np.uint8],
        frame.to_ndarray(format="yuv444p", width=WIDTH, height=HEIGHT, interpolation=Interpolation.AREA, threads=1),
    )
    luma, blue, red = cast(NDArray[Any], planes.astype(np.float32))
    # The 4-neighbour Laplacian: what is left of a picture beside its smooth parts.
    fine = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    spread = float(luma.std())
    return Look(
        luma=float(luma.mean()),
        spread=spread,
        blue=float(blue.mean()),
        red=float(red.mean()),
        saturation=float(np.hypot(blue - 128, red - 128).mean()),
        detail=100 * float(fine.std()) / max(spread, 1.0),
    )


def mean(looks: Sequence[Look]) -> Look:
    """The clip's."""
    return Look(*(float(np.mean(values)) for values in zip(*looks, strict=True)))
