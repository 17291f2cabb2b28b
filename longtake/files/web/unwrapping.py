"""What media hosts wrap around a file: gzip and its kin, S3's signed chunks. The file inside is what was paid for.

Judged by the bytes first: objects are stored under wrong headers, and compressed without one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from longtake.domain.errors import MachineError, UnreadableClipError

LAYERS = 4
READ_BYTES = 1 << 18
_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot")
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})(;[^\r\n]{0,200})?\r\n")
_UNKNOWN = frozenset({"br", "zstd", "compress", "x-compress"})


def encodings(header: str) -> tuple[str, ...]:
    """The names in a `Content-Encoding`, in the order in which they were applied."""
    return tuple(name for part in header.lower().split(",") if (name := part.strip()))


def is_compressed(header: str) -> bool:
    """Whether a `Content-Encoding` names a compression; many that stand there are none (`aws-chunked`, `utf-8`)."""
    return bool({"gzip", "x-gzip", "deflate", *_UNKNOWN} & set(encodings(header)))


def unwrap(file: Path, named: Sequence[str], largest_bytes: int) -> None:
    """Replaces a file's bytes by what is wrapped in them; leaves them where nothing is. Blocking.

    Args:
        file: Stays the same file, since it carries a lock.
        named: Encodings that the host named, in the order in which they were applied.
        largest_bytes: More than this is no clip.

    Raises:
        UnreadableClipError: The wrapping is damaged, or holds more.
        MachineError: Wrapped in a way that is not known here.
    """
    inner = file.with_name(f"{file.name}.inner")
    left = list(named)
    try:
        for _ in range(LAYERS):
            with file.open("rb") as source:
                way = _way(source.read(1024), left)
                source.seek(0)
                if way is None:
                    return
                _write(_inside(source, way), inner, largest_bytes)
            # In place: the lock and the name belong to this file.
            with inner.open("rb") as source, file.open("r+b") as target:
                while block := source.read(READ_BYTES):
                    target.write(block)
                target.truncate()
            if left and left[-1].removeprefix("x-") == way:
                left.pop()
    finally:
        inner.unlink(missing_ok=True)


def _way(head: bytes, named: Sequence[str]) -> str | None:
    """How a file that begins so is wrapped, None where it is not."""
    if head[4:8] in _BOXES or not head:
        return None
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if (match := _CHUNK_HEAD.match(head)) and (b"chunk-signature" in (match[2] or b"") or "aws-chunked" in named):
        return "aws-chunked"
    is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    last = named[-1].removeprefix("x-") if named else ""
    if is_zlib or last == "deflate":
        return "deflate"
    return last if last in _UNKNOWN else None


def _inside(source: BinaryIO, way: str) -> Iterator[bytes]:
    if way == "gzip":
        return _inflated(source, 31)
    if way == "deflate":
        head = source.read(2)
        source.seek(0)
        is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head, "big") % 31 == 0
        return _inflated(source, 15 if is_zlib else -15)
    if way == "aws-chunked":
        return _chunks(source)
    raise MachineError(
        f"our machine: the media host sends the clip compressed as {way!r}, which is not undone here; it is kept as it "
        "came. Run again later, or ask the vendor for the plain file"
    )


def _inflated(source: BinaryIO, window_bits: int) -> Iterator[bytes]:
    """One member after the other, in pieces of bounded size."""
    work, begun = zlib.decompressobj(window_bits), False
    try:
        while block := source.read(READ_BYTES):
            while block:
                if work.eof:  # the next member, or padding
                    if not block.strip(b"\0"):
                        break
                    work = zlib.decompressobj(window_bits)
                yield work.decompress(block, READ_BYTES)
                begun = True
                block = work.unconsumed_tail or work.unused_data
    except zlib.error as error:
        raise UnreadableClipError(f"its compressed form is damaged ({error})") from None
    if begun and not work.eof:
        yield work.flush()
        if not work.eof:
            raise UnreadableClipError("its compressed form is cut short")


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    """The data of S3's chunks: a length in hexadecimal, a signature, the bytes; the last one has none."""
    while match := _CHUNK_HEAD.fullmatch(source.readline(300)):
        left = int(match[1], 16)
        if left == 0:
            return
        while left:
            block = source.read(min(left, READ_BYTES))
            if not block:
                raise UnreadableClipError("its chunks are cut short")
            left -= len(block)
            yield block
        source.readline(3)
    raise UnreadableClipError("its chunks are damaged")


def _write(pieces: Iterator[bytes], target: Path, largest_bytes: int) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > largest_bytes:
                raise UnreadableClipError(f"unpacked it has more than the {largest_bytes} bytes that the clip can have")
            file.write(piece)
