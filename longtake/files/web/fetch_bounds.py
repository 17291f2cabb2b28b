"""How large, how slow and how long a download may be, by what the clip can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

MOST_BITS_PER_PIXEL = 2.0
"""Several times what any vendor's coding takes; a picture of a clip is some tenths of a bit per pixel."""
FRAMES_PER_SECOND = 60
LEAST_BYTES = 64 * 2**20
"""No clip is refused for its size below this: sound, several tracks, an odd coding."""
FREE_PIXELS, FREE_SECONDS = 3840 * 2160, 20.0
"""What a clip can be at most where the vendor was free to choose."""
SLOW_LINE_BYTES_PER_SECOND = 64 * 1024


class WantedClip(Protocol):
    """What a clip should look like; None where the vendor is free to choose."""

    @property
    def clip_seconds(self) -> float | None: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...


@dataclass(frozen=True)
class FetchBounds:
    """Bounds of one download; what passes them is left off.

    Attributes:
        largest_bytes: The most bytes that the clip can have.
        total_seconds: The longest that one try may take.
        least_bytes_per_second: The least mean rate over a window.
        window_seconds: The length of that window.
    """

    largest_bytes: int = LEAST_BYTES
    total_seconds: float = LEAST_BYTES / SLOW_LINE_BYTES_PER_SECOND
    least_bytes_per_second: int = 1024
    window_seconds: float = 20.0

    @classmethod
    def of(cls, wanted: WantedClip) -> Self:
        """The bounds for a clip that should look so."""
        pixels = wanted.width * wanted.height if wanted.width and wanted.height else FREE_PIXELS
        frames = (wanted.clip_seconds or FREE_SECONDS) * FRAMES_PER_SECOND
        largest = max(LEAST_BYTES, int(pixels * frames * MOST_BITS_PER_PIXEL / 8))
        return cls(largest, largest / SLOW_LINE_BYTES_PER_SECOND)
