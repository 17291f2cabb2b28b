"""Pixels of a clip by resolution and ratio, as EvoLink's overview page tabulates them; the other vendors follow it."""

from __future__ import annotations

import math

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")

# 480p to 1080p are documented. 2k and 4k have no published table: 16:9 is the standard size, the others keep its area.
_LANDSCAPE: dict[str, dict[str, tuple[int, int]]] = {
    "480p": {"16:9": (864, 496), "4:3": (752, 560), "1:1": (640, 640), "21:9": (992, 432)},
    "720p": {"16:9": (1280, 720), "4:3": (1112, 834), "1:1": (960, 960), "21:9": (1470, 630)},
    "1080p": {"16:9": (1920, 1080), "4:3": (1664, 1248), "1:1": (1440, 1440), "21:9": (2206, 946)},
    "2k": {"16:9": (2560, 1440), "4:3": (2216, 1662), "1:1": (1920, 1920), "21:9": (2940, 1260)},
    "4k": {"16:9": (3840, 2160), "4:3": (3326, 2494), "1:1": (2880, 2880), "21:9": (4398, 1886)},
}


def pixels(resolution: str, ratio: str) -> tuple[int, int]:
    """Width and height in px of a clip; `ratio` is one of `RATIOS`."""
    table = _LANDSCAPE[resolution]
    if ratio in table:
        return table[ratio]
    height, width = table[":".join(reversed(ratio.split(":")))]
    return width, height


def nearest_ratio(width: int, height: int) -> str:
    """The one of `RATIOS` that a picture of this size comes nearest to."""

    def distance(ratio: str) -> float:
        across, down = ratio.split(":")
        return abs(math.log(width / height) - math.log(int(across) / int(down)))

    return min(RATIOS, key=distance)
