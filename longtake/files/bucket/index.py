"""The index of an output, `index/<hash>.jsonl.gz`: its small texts, so that a later run reads none of them one by one.

It proves nothing: what it holds counts only where the store's listing names the same bytes (`known_texts`). It may be
removed at any time, and what is missing in it is read from the objects themselves.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Collection

from longtake.files.bucket.known_texts import KnownTexts, packed, split
from longtake.files.bucket.requests import Bucket
from longtake.files.store import Seen

log = logging.getLogger("longtake.files.bucket.index")

FOLDER = "index"
MOST_FILES, TEXTS_OF_A_PACK = 2, 128
"""More files are made one."""
LARGEST_FILE_BYTES = 256 << 20
"""What is larger is none of ours."""
_NAME = re.compile(rf"{FOLDER}/[0-9a-f]{{24}}\.jsonl\.gz")


class Index:
    """The index of one output; nothing that goes wrong with it is of any consequence but more requests."""

    def __init__(self, bucket: Bucket, texts: KnownTexts) -> None:
        self._bucket = bucket
        self._texts = texts
        self._files: set[str] | None = None

    def read(self) -> bool:
        """Takes in what the index holds, once; False where that was done before."""
        if self._files is not None:
            return False
        self._files = set()
        try:
            ours = {key for key, seen in self._bucket.list(FOLDER) if _is_ours(key, seen)}
            for data in self._bucket.get_many(ours).values():
                if isinstance(data, bytes):
                    for pack in split(data):
                        self._texts.take(pack)
            self._files = ours
        except Exception as error:  # the S3 libraries raise errors of many families
            log.debug("the index of %s cannot be read: %s", self._bucket.root, error)
        return True

    def write(self, listed: Callable[[], Collection[bytes]]) -> None:
        """Adds what was learned since it was read or written last.

        Args:
            listed: The marks of all objects whose texts are worth keeping, asked for when files are made one.
        """
        try:
            if packs := self._texts.unwritten_packs():
                self.read()
                self._put(b"".join(packs))
                self._texts.are_written(packs)
            if len(self._files or ()) > MOST_FILES:
                self._make_one(listed())
        except Exception as error:  # as above
            log.debug("the index of %s cannot be written: %s", self._bucket.root, error)

    def _put(self, data: bytes) -> str:
        key = f"{FOLDER}/{hashlib.sha256(data).hexdigest()[:24]}.jsonl.gz"
        self._bucket.put(key, data)
        self._files = {*(self._files or ()), key}
        return key

    def _make_one(self, listed: Collection[bytes]) -> None:
        found = self._texts.find(listed)
        texts = [found[mark] for mark in listed if mark in found]  # what is read together lies together
        if not texts:
            return
        starts = range(0, len(texts), TEXTS_OF_A_PACK)
        key = self._put(b"".join(packed(texts[start : start + TEXTS_OF_A_PACK]) for start in starts))
        # Removed once all that they hold is durable; who is about to read one of them reads the objects instead.
        for other in (self._files or set()) - {key}:
            self._bucket.delete(other)
        self._files = {key}


def _is_ours(key: str, seen: Seen) -> bool:
    return _NAME.fullmatch(key) is not None and (seen.size_bytes or 0) <= LARGEST_FILE_BYTES
