"""The files of the purchases that this process read or wrote lately, so that what is known is not read back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

MOST_PURCHASES = 1024
"""More than a run has between purchase and clip; what falls out is read anew."""


class Recent:
    """Texts by name of the latest purchases. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[str, dict[str, bytes | None]] = OrderedDict()

    def get(self, identity: str) -> dict[str, bytes | None] | None:
        """A purchase's files as known; None where it is not among the latest."""
        with self._lock:
            if (files := self._files.get(identity)) is None:
                return None
            self._files.move_to_end(identity)
            return dict(files)

    def put(self, identity: str, files: Mapping[str, bytes | None]) -> None:
        """Takes in all files of a purchase, as just read."""
        with self._lock:
            self._files[identity] = dict(files)
            self._files.move_to_end(identity)
            while len(self._files) > MOST_PURCHASES:
                self._files.popitem(last=False)

    def add(self, identity: str, name: str, data: bytes | None) -> None:
        """Takes in one more file, just written; nothing where the others are not known."""
        with self._lock:
            if (files := self._files.get(identity)) is not None:
                files[name] = data

    def drop(self, identity: str) -> None:
        """Forgets a purchase: another writer is at it."""
        with self._lock:
            self._files.pop(identity, None)
