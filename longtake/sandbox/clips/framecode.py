"""A code in the picture of every sandbox frame: which job made it, and which frame of the job it is.

Two rows of 24 black or white cells in a band along the upper edge, a twelfth of the picture; coarse enough to survive
any re-encode or scaling. Bits: 1, 0, then 24 bits of job number, 14 bits of frame number, 8 bits of checksum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 24, 2
BAND = 1 / 12
"""Share of the picture's height."""
JOB_BITS, FRAME_BITS, CHECK_BITS = 24, 14, 8


class FrameCode(NamedTuple):
    """What one frame tells of itself."""

    job: int
    frame: int


def _checksum(job: int, frame: int) -> int:
    value = (job << FRAME_BITS) | frame
    return (value * 0x9E3779B1 >> 7) & 0xFF


def _cells(height: int, width: int) -> list[tuple[int, int, int, int]]:
    edges_x = np.linspace(0, width, COLUMNS + 1).round().astype(int)
    edges_y = np.linspace(0, height * BAND, ROWS + 1).round().astype(int)
    return [
        (int(edges_y[row]), int(edges_y[row + 1]), int(edges_x[column]), int(edges_x[column + 1]))
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]


def stamp(luma: NDArray[np.uint8], job: int, frame: int) -> None:
    """Draws the code into a luma plane of shape (height, width), in place, with video-range black 16 and white 235."""
    bits = f"10{job:0{JOB_BITS}b}{frame:0{FRAME_BITS}b}{_checksum(job, frame):0{CHECK_BITS}b}"
    for bit, (top, bottom, left, right) in zip(bits, _cells(*luma.shape), strict=True):
        luma[top:bottom, left:right] = 235 if bit == "1" else 16


def read(luma: NDArray[np.uint8]) -> FrameCode | None:
    """Reads the code of a luma plane of shape (height, width); None where there is no valid one."""
    bits = ""
    for top, bottom, left, right in _cells(*luma.shape):
        inset_y, inset_x = (bottom - top) // 4, (right - left) // 4
        bits += "1" if luma[top + inset_y : bottom - inset_y, left + inset_x : right - inset_x].mean() > 125 else "0"
    job = int(bits[2 : 2 + JOB_BITS], 2)
    frame = int(bits[2 + JOB_BITS : 2 + JOB_BITS + FRAME_BITS], 2)
    if bits[:2] != "10" or int(bits[-CHECK_BITS:], 2) != _checksum(job, frame):
        return None
    return FrameCode(job, frame)
