"""Reads the marks of an MP4 or MOV file from its boxes: a C2PA manifest, `AIGC` fields, IPTC's source type.

Nothing is decoded, no size is believed, and what is read is bounded; whether a manifest holds is not looked at.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from longtake.domain.marks import Manifest, Marks
from longtake.media.reading.boxes import Box, box_at
from longtake.media.reading.mark_texts import fields_in, source_types_in, words_in
from longtake.media.reading.opening import Source, open_bytes, reading

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
MOST_BOXES, MOST_DEPTH = 100_000, 8
MOST_MANIFEST_BYTES, MOST_TEXT_BYTES, MOST_TEXTS_BYTES = 64 * 2**20, 2**20, 8 * 2**20
MOST_FOUND = 16
"""Sets of fields, other marks, and complaints each: beyond, a file is not honest."""

_TEXTS = frozenset({b"AIGC", b"XML ", b"ID32"})
"""Boxes, in capitals, that hold text wherever they stand."""
_HOLDERS = frozenset({b"moov", b"trak", b"udta", b"ilst"})
_UUID_BYTES, _BLOCK_BYTES = 16, 2**20


def read_marks(source: Source) -> Marks:
    """The marks of a file; of one that is damaged, those that can be read.

    Raises:
        UnreadableClipError: No regular file, or empty.
    """
    with reading(source), open_bytes(source) as (file, size_bytes):
        return _Look(file, size_bytes).marks()


class _Look:
    """One walk over the boxes that may hold marks."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file, self._size_bytes = file, size_bytes
        self._boxes_left, self._bytes_left = MOST_BOXES, MOST_TEXTS_BYTES
        self._manifest = hashlib.sha256()
        self._manifest_bytes = 0
        self._aigc: list[dict[str, str]] = []
        self._other: list[str] = []
        self._unread: list[str] = []

    def marks(self) -> Marks:
        for box in self._boxes(0, self._size_bytes):
            self._see(box, b"", 1)
        size = self._manifest_bytes
        sha256 = self._manifest.hexdigest() if size <= MOST_MANIFEST_BYTES else ""
        return Marks(
            c2pa=Manifest(size_bytes=size, sha256=sha256) if size else None,
            aigc=tuple(self._aigc[:MOST_FOUND]),
            other=tuple(self._other[:MOST_FOUND]),
            unread=tuple(self._unread[:MOST_FOUND]),
        )

    def _boxes(self, start: int, end: int) -> Iterator[Box]:
        """The boxes of a stretch, as far as they can be followed."""
        while start + 8 <= end:
            if self._boxes_left == 0:
                self._complain(f"more than {MOST_BOXES:,} boxes: what comes behind them was not looked at")
                return
            self._boxes_left -= 1
            box = box_at(self._bytes(start, min(16, end - start)), start, end)
            if box is None or box.end > end:
                return
            yield box
            start = box.end

    def _see(self, box: Box, inside: bytes, depth: int) -> None:
        if box.kind == b"uuid":
            self._see_uuid(box)
        elif box.kind == b"meta":
            self._see_meta(box, depth)
        elif box.kind in _HOLDERS and depth < MOST_DEPTH:
            for child in self._boxes(box.content, box.end):
                self._see(child, box.kind, depth + 1)
        elif inside == b"udta" or box.kind.upper() in _TEXTS:
            has_head = box.kind[:1] == b"\xa9"  # QuickTime's words: behind their length and language
            self._text(_name(box.kind), box.content + (4 if has_head else 0), box.end)

    def _see_uuid(self, box: Box) -> None:
        found = self._bytes(box.content, min(_UUID_BYTES, box.end - box.content))
        if found == C2PA_UUID:
            self._manifest_bytes += box.end - box.start
            if self._manifest_bytes <= MOST_MANIFEST_BYTES:
                for at in range(box.start, box.end, _BLOCK_BYTES):
                    self._manifest.update(self._bytes(at, min(_BLOCK_BYTES, box.end - at)))
        elif found == XMP_UUID:
            self._text("XMP", box.content + _UUID_BYTES, box.end)

    def _see_meta(self, box: Box, depth: int) -> None:
        """QuickTime's has boxes at once, ISO's a version and flags before them."""
        is_plain = self._bytes(box.content + 4, 4) in (b"hdlr", b"keys", b"ilst")
        children = list(self._boxes(box.content + (0 if is_plain else 4), box.end)) if depth < MOST_DEPTH else []
        keys = next((self._keys(child) for child in children if child.kind == b"keys"), [])
        for child in children:
            if child.kind != b"ilst":
                self._see(child, b"meta", depth + 1)
                continue
            for item in self._boxes(child.content, child.end):
                self._see_item(item, keys)

    def _keys(self, box: Box) -> list[str]:
        """The names that the items of the list beside it are numbered by."""
        names = self._boxes(box.content + 8, box.end)
        return [_name(self._bytes(name.content, min(256, name.end - name.content))) for name in names]

    def _see_item(self, item: Box, keys: Sequence[str]) -> None:
        number = int.from_bytes(item.kind, "big")
        name = keys[number - 1] if 0 < number <= len(keys) else _name(item.kind)
        for part in self._boxes(item.content, item.end):
            if part.kind == b"name":
                name = _name(self._bytes(part.content + 4, min(256, part.end - part.content - 4)))
            elif part.kind == b"data":
                self._text(name, part.content + 8, part.end)

    def _text(self, name: str, start: int, end: int) -> None:
        size = end - start
        if size <= 0:
            return
        if size > min(MOST_TEXT_BYTES, self._bytes_left):
            if name.upper().endswith("AIGC") or name in ("XMP", "XMP_"):
                self._complain(f"{name} of {size:,} bytes is more than is read")
            return
        self._bytes_left -= size
        text = _decoded(self._bytes(start, size))
        for fields, too_long in fields_in(name, text):
            if fields not in self._aigc:
                self._aigc.append(fields)
            for words in too_long:
                self._complain(f"AIGC {words}")
        for found in (*source_types_in(text), *words_in(name, text)):
            if found not in self._other:
                self._other.append(found)

    def _complain(self, words: str) -> None:
        if words not in self._unread:
            self._unread.append(words)

    def _bytes(self, start: int, count: int) -> bytes:
        self._file.seek(start, io.SEEK_SET)
        return self._file.read(max(count, 0))


def _name(kind: bytes) -> str:
    return "".join(each if each.isprintable() else "?" for each in kind.decode("latin-1")).strip() or "?"


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")
