"""A look at a reference from within a child: what others wrote is opened under a bound on memory."""

from __future__ import annotations

import io
from contextlib import closing

from longtake.domain.request import MediaFacts
from longtake.files.served import Served, open_served
from longtake.media.own_memory import allow_growth
from longtake.media.reading.probe import probe_media

GROWTH_BYTES = 384 * 2**20
"""What a look may take beyond the libraries."""


def look(source: str | bytes | Served) -> MediaFacts:
    """`probe_media` of a local path, of bytes, or of a file that the parent serves.

    Raises:
        UnreadableClipError: As `probe_media`, or it needs more memory than it may take.
    """
    allow_growth(GROWTH_BYTES)
    if isinstance(source, str):
        return probe_media(source)
    with closing(io.BytesIO(source) if isinstance(source, bytes) else open_served(source)) as file:
        return probe_media(file)
