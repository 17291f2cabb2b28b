"""The boxes of an MP4 or MOV file: is the file whole, is it fragmented, how is its picture turned.

What the demuxer does not tell: it opens a file cut short, and knows nothing of the display matrix before decoding.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from longtake.domain.errors import UnreadableClipError

MOV_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot", b"uuid"})
"""Box types that a file of the MOV family may begin with."""

_MOOV_MAX_BYTES = 64 * 2**20


class Box(NamedTuple):
    """One box: its type, where its content begins, the offset just behind it, and where it begins itself."""

    kind: bytes
    content: int
    end: int
    start: int


class BoxFacts(NamedTuple):
    """What the boxes alone tell of a file. `rotations` holds clockwise degrees by track id, None for a mirrored one."""

    brand: bytes
    fragmented: bool
    rotations: dict[int, int | None]


def top_level(file: BinaryIO, size_bytes: int) -> Iterator[Box]:
    """The boxes of a whole file in order.

    Bytes behind the last box that are no box at all are passed over: some hosts append a line end.

    Raises:
        UnreadableClipError: A box reaches past the end of the file.
    """
    offset, seen = 0, set[bytes]()
    while offset < size_bytes:
        file.seek(offset)
        box = box_at(file.read(min(16, size_bytes - offset)), offset, size_bytes)
        is_foreign = box is None or not _is_printable(box.kind)
        if is_foreign and {b"moov", b"mdat"} <= seen and b"moof" not in seen:
            return
        if box is None or is_foreign:
            raise UnreadableClipError(f"what stands at byte {offset} of {size_bytes} is no part of an MP4 file")
        if box.end > size_bytes:
            name = box.kind.decode("ascii", "replace")
            raise UnreadableClipError(f"cut short: its '{name}' box ends at byte {box.end}, the file at {size_bytes}")
        seen.add(box.kind)
        yield box
        offset = box.end


def read_boxes(file: BinaryIO, size_bytes: int) -> BoxFacts:
    """Walks the whole file and looks into its index.

    Raises:
        UnreadableClipError: Cut short, or no index.
    """
    brand, moov, fragmented = b"", b"", False
    for box in top_level(file, size_bytes):
        if box.kind == b"ftyp" and not brand:
            file.seek(box.content)
            brand = file.read(4)
        elif box.kind == b"moov":
            if box.end - box.content > _MOOV_MAX_BYTES:
                raise UnreadableClipError(f"its index has {box.end - box.content} bytes, more than any clip needs")
            file.seek(box.content)
            moov = file.read(box.end - box.content)
        elif box.kind == b"moof":
            fragmented = True
    if not moov:
        raise UnreadableClipError("no index ('moov' box): the file was never finished, or its end is missing")
    tracks = [box for box in children(moov, 0, len(moov)) if box.kind == b"trak"]
    rotations = dict(filter(None, (_rotation(moov, track) for track in tracks)))
    return BoxFacts(brand, fragmented, rotations)


def _is_printable(kind: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def box_at(head: bytes, offset: int, end: int) -> Box | None:
    """The box that begins at an offset, by its first 16 bytes, of a stretch with this end; None where none can."""
    if len(head) < 8:
        return None
    size, kind = struct.unpack(">I4s", head[:8])
    length = 8
    if size == 1:
        if len(head) < 16:
            return None
        size, length = struct.unpack(">Q", head[8:16])[0], 16
    elif size == 0:
        size = end - offset
    return Box(kind, offset + length, offset + size, offset) if size >= length else None


def children(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes of a stretch of bytes in order, as far as they can be followed."""
    while start < end:
        box = box_at(data[start : start + 16], start, end)
        if box is None or box.end > end:
            return
        yield box
        start = box.end


def _rotation(moov: bytes, track: Box) -> tuple[int, int | None] | None:
    for box in children(moov, track.content, track.end):
        if box.kind == b"tkhd":
            content = moov[box.content : box.end]
            wide = content[:1] == b"\x01"
            track_at, matrix_at = (20, 52) if wide else (12, 40)
            if len(content) < matrix_at + 36:
                return None
            track_id = struct.unpack_from(">I", content, track_at)[0]
            a, b, _, c, d = struct.unpack_from(">5i", content, matrix_at)
            if a * d - b * c <= 0:
                return track_id, None
            return track_id, round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
    return None
