"""Whether a PNG, TIFF, BMP or WAV is whole, by what it says of its parts and without unpacking it into memory."""

from __future__ import annotations

import struct
import zlib
from typing import Any, BinaryIO, cast

from PIL import Image

from longtake.domain.errors import UnreadableClipError

_BLOCK_BYTES = 1 << 16
_PLACEHOLDER_BYTES = 256 * 2**20
"""Recorders that cannot seek back leave a number there that is far too large: the largest one, signed (ElevenLabs, sox)
or not (FFmpeg), a billion samples, an hour. From here on no vendor would take what the number says."""
_SLACK_BYTES = 64
"""Some count the header as sound, or a last odd byte."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PIECES = ((273, 279), (324, 325))
"""Tags of a TIFF: where its strips lie and how long they are, or its tiles."""
_BITS_OF_SAMPLES, _PACKING = 258, 259
_PLAIN_BMP = (0, 3)
# Columns and rows of Adam7: first column, first row, step across, step down.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def check_png(file: BinaryIO) -> None:
    """Reads a PNG to its end: every checksum, and as many bytes of pixels as its size asks for.

    Raises:
        UnreadableClipError: Cut short or damaged.
    """
    file.seek(8)
    wanted, unpacked = 0, 0
    stream = zlib.decompressobj()
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise UnreadableClipError("cut short: a PNG without its end")
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            break
        checksum = zlib.crc32(kind)
        first = b""
        while length:
            block = file.read(min(length, _BLOCK_BYTES))
            if not block:
                raise UnreadableClipError("cut short: a PNG without its end")
            length -= len(block)
            checksum = zlib.crc32(block, checksum)
            first = first or block
            while kind == b"IDAT" and block and unpacked <= wanted:
                unpacked += len(stream.decompress(block, _BLOCK_BYTES))
                block = stream.unconsumed_tail
        if file.read(4) != struct.pack(">I", checksum):
            raise UnreadableClipError(f"damaged picture (checksum of {kind.decode('latin-1')!r})")
        if kind == b"IHDR":
            wanted = _png_bytes(first)
    if unpacked < wanted:
        raise UnreadableClipError("cut short: a PNG without all its pixels")


def _png_bytes(header: bytes) -> int:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    bits = depth * _CHANNELS.get(colour, 1)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in passes]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)


def check_tiff(picture: Image.Image, size_bytes: int) -> None:
    """Looks whether every strip or tile that a TIFF names lies within the file, and is large enough if not packed.

    Raises:
        UnreadableClipError: Cut short or damaged.
    """
    tags: Any = cast(Any, picture).tag_v2
    starts, counts = next(((tags[a], tags[b]) for a, b in _PIECES if a in tags and b in tags), ((), ()))
    if not starts or len(starts) != len(counts):
        raise UnreadableClipError("damaged picture (a TIFF that does not tell where its pixels are)")
    end = max(start + count for start, count in zip(starts, counts, strict=True))
    if end > size_bytes:
        raise UnreadableClipError(f"cut short: its pixels end at byte {end}, the file at {size_bytes}")
    bits = sum(tags.get(_BITS_OF_SAMPLES) or (1,))
    if tags.get(_PACKING, 1) == 1 and sum(counts) < picture.width * picture.height * bits // 8:
        raise UnreadableClipError("cut short: a TIFF without all its pixels")


def check_bmp(file: BinaryIO, size_bytes: int) -> bool:
    """Looks whether all rows of a BMP are there; False where it is packed, and its length tells nothing.

    Raises:
        UnreadableClipError: Cut short.
    """
    file.seek(0)
    head = file.read(34)
    start, size = struct.unpack_from("<II", head, 10)
    if size < 40:
        return False
    width, height = struct.unpack_from("<ii", head, 18)
    bits, packing = struct.unpack_from("<HI", head, 28)
    if packing not in _PLAIN_BMP:
        return False
    end = start + (width * bits + 31) // 32 * 4 * abs(height)
    if end > size_bytes:
        raise UnreadableClipError(f"cut short: its pixels end at byte {end}, the file at {size_bytes}")
    return True


def check_wav(file: BinaryIO, size_bytes: int) -> None:
    """Looks whether the sound that a WAV names is there; a recorder's placeholder names none.

    A file of 64-bit lengths (RF64, BW64) tells the length of its sound in a chunk of its own.

    Raises:
        UnreadableClipError: Cut short.
    """
    place, long_length = 12, None
    while place + 8 <= size_bytes:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        place += 8
        if kind == b"ds64":
            sizes = file.read(16)
            long_length = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else None
        if kind == b"data":
            if long_length is not None and length == 0xFFFFFFFF:
                length = long_length
            if place + length > size_bytes + _SLACK_BYTES and length < _PLACEHOLDER_BYTES:
                claimed = place + length
                raise UnreadableClipError(f"cut short: its header says {claimed} bytes, the file has {size_bytes}")
            return
        place += length + length % 2
