"""A look at a reference from within a child: what others wrote is opened under a bound on memory."""

from __future__ import annotations

import io
from contextlib import closing

from longtake.domain.request import MediaFacts
from longtake.files.served import Served, open_served
from longtake.media.own_memory import allow_growth
from longtake.media.reading.probe import LargePictureError, probe_media

GROWTH_BYTES = 384 * 2**20
"""What a look may take beyond the libraries."""


def look(source: str | bytes | Served, *, takes_large: bool = True) -> MediaFacts:
    """`probe_media` of a local path, of bytes, or of a file that the parent serves.

    Args:
        source: The file.
        takes_large: Whether a picture may be decoded that takes hundreds of megabytes.

    Raises:
        LargePictureError: Such a picture where it was not asked for.
        UnreadableClipError: As `probe_media`, or it needs more memory than it may take.
    """
    allow_growth(GROWTH_BYTES)
    if isinstance(source, str):
        return probe_media(source, takes_large=takes_large)
    with closing(io.BytesIO(source) if isinstance(source, bytes) else open_served(source)) as file:
        return probe_media(file, takes_large=takes_large)


def look_unless_large(source: str | bytes | Served) -> MediaFacts | None:
    """`look`, or None where that takes much memory: ask `look` then, when no other does."""
    try:
        return look(source, takes_large=False)
    except LargePictureError:
        return None
