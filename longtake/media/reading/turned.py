"""How a picture file asks to be turned for display (EXIF orientation)."""

from __future__ import annotations

import contextlib

from PIL import Image

_TAG = 0x0112


def orientation(picture: Image.Image) -> int:
    """1 for upright, 2 to 8 as EXIF counts them; 1 where the file says nothing that is understood.

    Of a PNG that is not loaded yet, only what stands before its pixels is known; of a TIFF that is, nothing.
    """
    if picture.format == "PNG" and not {"exif", "Raw profile type exif"} & picture.info.keys():
        return 1  # to ask Pillow would load all of it
    with contextlib.suppress(Exception):  # whatever a phone wrote there, the picture itself is sound
        told = picture.getexif().get(_TAG, 1)
        return told if isinstance(told, int) and 1 <= told <= 8 else 1
    return 1


def lies_on_its_side(picture: Image.Image) -> bool:
    """Whether its width is its height as displayed, beyond what Pillow turns by itself (TIFF)."""
    return picture.format != "TIFF" and orientation(picture) >= 5
