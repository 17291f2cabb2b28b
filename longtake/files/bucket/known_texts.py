"""Texts that were read or written once, found again by the MD5 of their bytes, which is a plain object's ETag.

A text is what an object holds exactly where the two are equal, and its MD5 is always taken here: whatever an index
claims, only bytes that are the object's are taken for it. They are held packed, as the index has them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator

from longtake.files.store import Seen

LARGEST_TEXT_BYTES = 64 * 1024
PACK_BYTES = 256 * 1024
"""Texts are packed by so much."""
GZIP = 16 + zlib.MAX_WBITS
LARGEST_PACK_BYTES = 64 * PACK_BYTES
"""What unpacks to more is none of ours."""
_PLAIN_ETAG = re.compile(r'\d+ "?([0-9a-f]{32})"?')


def content_mark(seen: Seen | None) -> bytes | None:
    """The MD5 that a store tells of an object's bytes; None where its ETag is something else (parts, KMS)."""
    match = _PLAIN_ETAG.fullmatch(seen.stamp) if seen is not None and seen.stamp is not None else None
    return bytes.fromhex(match[1]) if match else None


def mark_of(data: bytes) -> bytes:
    """The MD5 of bytes."""
    return hashlib.md5(data, usedforsecurity=False).digest()


class KnownTexts:
    """Texts by their MD5. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: list[bytes] = []
        self._pack_of: dict[bytes, int] = {}
        self._loose: dict[bytes, bytes] = {}
        self._loose_bytes = 0
        self._new: set[int] = set()
        """Packs that no index holds yet."""

    def __len__(self) -> int:
        return len(self._pack_of) + len(self._loose)

    def add(self, data: bytes) -> None:
        """Remembers a text."""
        mark = mark_of(data)
        if len(data) > LARGEST_TEXT_BYTES or not _is_text(data):
            return
        with self._lock:
            if mark in self._loose or mark in self._pack_of:
                return
            self._loose[mark] = data
            self._loose_bytes += len(data)
            if self._loose_bytes >= PACK_BYTES:
                self._pack()

    def find(self, marks: Collection[bytes]) -> dict[bytes, bytes]:
        """The texts of these marks, as far as they are known."""
        with self._lock:
            found = {mark: self._loose[mark] for mark in marks if mark in self._loose}
            packs = {self._pack_of[mark] for mark in marks if mark in self._pack_of}
            for number in packs:
                for data in unpacked(self._packs[number]):
                    if (mark := mark_of(data)) in marks:
                        found[mark] = data
        return found

    def take(self, pack: bytes) -> None:
        """Takes in a pack that an index holds, whoever made it."""
        marks = [mark_of(data) for data in unpacked(pack)]
        with self._lock:
            for mark in marks:
                self._pack_of.setdefault(mark, len(self._packs))
            self._packs.append(pack)

    def unwritten_packs(self) -> list[bytes]:
        """Packs that no index holds yet."""
        with self._lock:
            self._pack()
            return [self._packs[number] for number in sorted(self._new)]

    def are_written(self, packs: Collection[bytes]) -> None:
        """Notes that an index holds these packs now."""
        with self._lock:
            self._new = {number for number in self._new if self._packs[number] not in packs}

    def _pack(self) -> None:
        if self._loose:
            self._pack_of |= dict.fromkeys(self._loose, len(self._packs))
            self._new.add(len(self._packs))
            self._packs.append(packed(self._loose.values()))
            self._loose, self._loose_bytes = {}, 0


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def packed(texts: Iterable[bytes]) -> bytes:
    """Texts as an index holds them: one JSON string a line, gzipped."""
    lines = "".join(f"{json.dumps(text.decode(), ensure_ascii=False)}\n" for text in texts)
    return gzip.compress(lines.encode(), compresslevel=6, mtime=0)


def unpacked(pack: bytes) -> Iterator[bytes]:
    """The texts of a pack; what is torn or no text of ours is passed over."""
    try:
        lines = zlib.decompressobj(GZIP).decompress(pack, LARGEST_PACK_BYTES).split(b"\n")
    except zlib.error:
        return
    for line in lines:
        try:
            text: object = json.loads(line)
            if isinstance(text, str):
                yield text.encode()
        except (ValueError, RecursionError):
            continue


def split(packs: bytes) -> list[bytes]:
    """Packs that lie one behind the other; what follows on something else is left out."""
    found: list[bytes] = []
    start = 0
    while start < len(packs):
        end, engine, size_bytes = start, zlib.decompressobj(GZIP), 0
        try:
            while not engine.eof and end < len(packs):
                piece = packs[end : end + PACK_BYTES]
                size_bytes += len(engine.decompress(piece, LARGEST_PACK_BYTES))
                if engine.unconsumed_tail or size_bytes > LARGEST_PACK_BYTES:
                    return found
                end += len(piece)
        except zlib.error:
            return found
        end -= len(engine.unused_data)
        found.append(packs[start:end])
        start = end
    return found
