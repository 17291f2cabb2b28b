"""Small pictures side by side as one, for a page that has room for one: the takes of a shot."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

_INK, _EMPTY = (255, 255, 255), (64, 64, 64)
_GAP_PX, _LABEL_PX, _MOST_COLUMNS = 6, 13, 4


def side_by_side(pictures: Sequence[tuple[str, bytes | None]], width_px: int = 640) -> bytes | None:
    """One JPEG with all pictures in rows of four at most, each with its label in a corner.

    Args:
        pictures: Label and file of each; one that is missing or cannot be read is an empty place.
        width_px: Width of the whole.

    Returns:
        None where none of them can be read.
    """
    columns = min(len(pictures), _MOST_COLUMNS)
    cell_px = (width_px - (columns - 1) * _GAP_PX) // columns if columns else 0
    read = [(label, _small(data, cell_px)) for label, data in pictures]
    heights = [image.height for _, image in read if image is not None]
    if not heights:
        return None
    height_px, font = max(heights), ImageFont.load_default(_LABEL_PX)
    rows = -(-len(read) // columns)
    whole = Image.new("RGB", (width_px, rows * (height_px + _GAP_PX) - _GAP_PX), _INK)
    draw = ImageDraw.Draw(whole)
    for place, (label, image) in enumerate(read):
        left, top = place % columns * (cell_px + _GAP_PX), place // columns * (height_px + _GAP_PX)
        draw.rectangle((left, top, left + cell_px - 1, top + height_px - 1), _EMPTY)
        if image is not None:
            whole.paste(image, (left, top + (height_px - image.height) // 2))
        draw.text((left + 6, top + 4), label, _INK, font, stroke_width=2, stroke_fill=(0, 0, 0))
    written = io.BytesIO()
    whole.save(written, "JPEG", quality=82)
    return written.getvalue()


def _small(data: bytes | None, width_px: int) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(data or b""), formats=("JPEG",)) as opened:
            opened.draft("RGB", (width_px, width_px))
            height_px = max(1, min(round(opened.height * width_px / opened.width), 2 * width_px))
            return opened.convert("RGB").resize((width_px, height_px))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
