"""A clip copied byte for byte to be signed: its index gets the `AIGC` fields, an earlier manifest makes room."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import BinaryIO

from longtake.domain.marks import Marks
from longtake.media.reading.boxes import Box, children, top_level
from longtake.media.reading.mark_texts import metadata_of
from longtake.media.reading.marks import C2PA_UUID, read_marks
from longtake.media.reading.opening import reading

_TABLES = {b"stco": ">I", b"co64": ">Q"}
"""Where the media lie in the file, counted from its begin."""
_HOLDERS = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
_ABSOLUTE = frozenset({b"mvex", b"saio", b"iloc"})
"""Boxes that tell places in ways that are not moved here."""
_BLOCK_BYTES = 2**20


def copy_to_sign(clip: Path, target: Path, own: Marks) -> str:
    """Copies a clip, with the `AIGC` fields of its own and these; returns why they are not written, "" if they are.

    A manifest in it becomes empty room: C2PA's library, which would replace it, then misplaces the media where it lies
    behind them. The clip itself goes into the film's manifest with its own.

    Raises:
        UnreadableClipError: No whole MP4 file.
    """
    fields = metadata_of([read_marks(clip), own]) if own.aigc else {}
    with reading(clip), clip.open("rb") as source, target.open("wb") as copy:
        size_bytes = clip.stat().st_size
        moov = next((box for box in top_level(source, size_bytes) if box.kind == b"moov"), None) if fields else None
        index = _index(source, moov) if moov else b""
        obstacle = _obstacle(index) if moov else ""
        grown = _grown(index, fields, moov) if moov and not obstacle else None
        if moov is None or grown is None:
            source.seek(0)
            shutil.copyfileobj(source, copy, _BLOCK_BYTES)
        else:
            source.seek(0)
            _copy(source, copy, moov.start)
            copy.write(grown)
            source.seek(moov.end)
            shutil.copyfileobj(source, copy, _BLOCK_BYTES)
    _void_manifests(target)
    return (obstacle or "its index has no room for places so far behind") if fields and grown is None else ""


def _void_manifests(film: Path) -> None:
    with film.open("r+b") as file:
        for box in list(top_level(file, film.stat().st_size)):
            file.seek(box.content)
            if box.kind == b"uuid" and file.read(len(C2PA_UUID)) == C2PA_UUID:
                file.seek(box.start + 4)
                file.write(b"free")
                file.seek(box.content)
                for at in range(box.content, box.end, _BLOCK_BYTES):
                    file.write(bytes(min(_BLOCK_BYTES, box.end - at)))


def _index(source: BinaryIO, moov: Box) -> bytes:
    source.seek(moov.content)
    return source.read(moov.end - moov.content)


def _obstacle(index: bytes) -> str:
    kinds = {box.kind for box in children(index, 0, len(index))}
    if b"meta" in kinds:
        return "its index has a list of metadata of its own"
    if b"mvex" in kinds or any(kind in index for kind in _ABSOLUTE):
        return "it is made of fragments, or tells places in ways that are not moved"
    return ""


def _grown(index: bytes, fields: dict[str, str], moov: Box) -> bytes | None:
    """The whole index box with the fields in it; None where a place would no longer fit its number."""
    added = _listed(fields)
    head = 16 if len(index) + len(added) + 16 >= 2**32 else 8
    size = head + len(index) + len(added)
    data = bytearray(index)
    if not _move(data, 0, len(data), moov.end, size - (moov.end - moov.start)):
        return None
    front = struct.pack(">I4sQ", 1, b"moov", size) if head == 16 else struct.pack(">I4s", size, b"moov")
    return front + bytes(data) + added


def _move(data: bytearray, start: int, end: int, behind: int, by: int) -> bool:
    """Moves every place behind the index by so many bytes."""
    for box in list(children(bytes(data), start, end)):
        if box.kind in _HOLDERS and not _move(data, box.content, box.end, behind, by):
            return False
        if (form := _TABLES.get(box.kind)) is None:
            continue
        size = struct.calcsize(form)
        for at in range(box.content + 8, box.end - size + 1, size):
            (place,) = struct.unpack_from(form, data, at)
            if place >= behind:
                if place + by >= 2 ** (8 * size):
                    return False
                struct.pack_into(form, data, at, place + by)
    return True


def _listed(fields: dict[str, str]) -> bytes:
    """A list of metadata with names, as FFmpeg and QuickTime write it."""
    names = b"".join(_box(b"mdta", name.encode()) for name in fields)
    items = b"".join(
        _box(struct.pack(">I", number), _box(b"data", struct.pack(">II", 1, 0), text.encode()))
        for number, text in enumerate(fields.values(), 1)
    )
    handler = _box(b"hdlr", bytes(8), b"mdta", bytes(13))
    keys = _box(b"keys", bytes(4), struct.pack(">I", len(fields)), names)
    return _box(b"meta", bytes(4), handler, keys, _box(b"ilst", items))


def _box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _copy(source: BinaryIO, target: BinaryIO, count: int) -> None:
    while count > 0:
        block = source.read(min(count, _BLOCK_BYTES))
        if not block:
            return
        target.write(block)
        count -= len(block)
