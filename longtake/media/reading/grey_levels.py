"""Pictures of numbers: greys of 16 or 32 bits and floats, such as depth maps, brought to 8 bits without losing any."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from longtake.domain.errors import UnreadableClipError

_LEVELS = (1.0, 255.0, 65535.0)
"""What white is in pictures of numbers: of floats, of 8 and of 16 bits; the first that holds them all."""
_BITS, _PHOTOMETRIC, _SAMPLES, _PLANES, _EXTRA, _FORMAT = 258, 262, 277, 284, 338, 339
_BAND_ROWS = 256
_WHITE_IS_ZERO, _APART, _SIGNED = 0, 2, 2


class Numbers:
    """What a picture file says of its numbers; asked before it is loaded, for only then it is known.

    Raises:
        UnreadableClipError: They lie in an order that would be read wrongly.
    """

    def __init__(self, opened: Image.Image) -> None:
        tags: Any = getattr(opened, "tag_v2", {}) if opened.format == "TIFF" else {}
        self.is_png = opened.format == "PNG"
        bits = max(cast("tuple[int, ...]", tags.get(_BITS) or (8,)))
        samples = tags.get(_SAMPLES, 1)
        if bits == 16 and samples > 1 and tags.get(_PLANES) == _APART:
            raise UnreadableClipError("a TIFF of 16 bits whose colours lie apart is not read here: save it interleaved")
        self.is_deep = any(";16" in str(tile) for tile in getattr(opened, "tile", ()))
        self.is_signed = (tags.get(_FORMAT) or (1,))[0] == _SIGNED
        self.bits = bits
        # Of 8 bits and fewer Pillow turns them over by itself.
        self.is_negative = bits > 8 and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        self.left_out = max(0, len(tags.get(_EXTRA) or ()) - 1)

    def are_in(self, image: Image.Image) -> bool:
        """Whether a picture holds numbers rather than colours of 8 bits."""
        is_signed_grey = self.is_signed and image.mode == "L"
        return image.mode in ("F", "I") or image.mode.startswith("I;") or is_signed_grey

    def as_grey(self, image: Image.Image) -> tuple[Image.Image, list[str]]:
        """The picture in 8 bits of grey, and in words how: Pillow alone would cut off all above 255."""
        least, most, odd = self._extent(image)
        white = self._white(image, least, most)
        if white:
            changes = [f"8 bits of grey instead of {self._stored(image)}, {white:g} as white"]
            least, spread = 0.0, white
        else:
            changes = [f"grey values of {least:g} to {most:g} spread over 8 bits"]
            spread = (most - least) or 1
        grey = np.empty((image.height, image.width), np.uint8)
        for rows, values in self._bands(image):
            is_number = np.isfinite(values)
            scaled = (np.where(is_number, values, least) - least) * (255 / spread)
            band: NDArray[np.uint8] = np.round(np.clip(scaled, 0, 255)).astype(np.uint8)
            band = 255 - band if self.is_negative else band
            band[~is_number] = 0
            grey[rows] = band
        if self.is_negative:
            changes.append("turned over, for its zero is white")
        if odd:
            changes.append(f"{odd} values that are no numbers as black")
        return Image.fromarray(grey), changes

    def _extent(self, image: Image.Image) -> tuple[float, float, int]:
        """The least and the largest number, and how many values are none."""
        least, most, odd = math.inf, -math.inf, 0
        for _, values in self._bands(image):
            numbers = values[np.isfinite(values)]
            odd += values.size - numbers.size
            if numbers.size:
                least, most = min(least, float(numbers.min())), max(most, float(numbers.max()))
        return (least, most, odd) if least <= most else (0.0, 0.0, odd)

    def _bands(self, image: Image.Image) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Some rows at a time: all of a hundred megapixels at once, several times over, is too much."""
        for top in range(0, image.height, _BAND_ROWS):
            bottom = min(image.height, top + _BAND_ROWS)
            yield slice(top, bottom), self._values(image.crop((0, top, image.width, bottom)))

    def _stored(self, image: Image.Image) -> str:
        if image.mode == "F":
            return "floats"
        bits = 16 if self.is_png or image.mode.startswith("I;16") else self.bits
        return f"{bits} bits with a sign" if self.is_signed else f"{bits} bits"

    def _values(self, image: Image.Image) -> NDArray[np.float32]:
        plain = np.asarray(image)
        if self.bits == 32 and not self.is_signed and image.mode == "I":
            plain = plain.view(np.uint32)
        elif self.bits == 16 and self.is_signed:
            plain = plain.astype(np.int32)
            plain = np.where(plain > 0x7FFF, plain - 0x10000, plain)
        elif self.bits == 8 and self.is_signed:
            plain = plain.view(np.int8)
        return plain.astype(np.float32)

    def _white(self, image: Image.Image, least: float, most: float) -> float:
        """The value that is white, 0 where the picture does not tell."""
        if self.is_png or (image.mode.startswith("I;16") and not self.is_signed):
            return _LEVELS[-1]
        if self.is_signed and self.bits <= 16 and least >= 0:
            return float(2 ** (self.bits - 1) - 1)
        white = next((level for level in _LEVELS if least >= 0 and most <= level), 0.0)
        # Floats up to 40 are metres rather than a picture that is nearly black.
        return 0.0 if image.mode == "F" and 1 < most <= white / 2 else white
