"""Copies of a remote store's clips that a run works with, so that each is sent once and fetched at most once.

They are found by the hash of their bytes. Nothing depends on them: what is not there is fetched.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from longtake.domain.errors import StorageError
from longtake.files.local.process_folder import process_folder

MOST_BYTES = 2**30
"""So much all copies of a store may take; those that were used longest ago go first."""
ROOM_BYTES = 2**28
"""So much of the disk stays free for what cannot be done without: the clips that are being fetched."""


class ClipStore(Protocol):
    """What is needed of an output store here."""

    def local(self, key: str) -> Path | None:
        """An object as a local file, None where the store is remote."""
        ...

    def publish(self, local: Path, key: str) -> None:
        """Moves a finished local file to its key."""
        ...

    def fetch(self, key: str, target: Path) -> Path:
        """A local copy of an object."""
        ...


class WorkingCopies:
    """The copies of one store's clips; of a local store there are none, for its files are at hand. All calls block.

    Args:
        store: Where the clips lie.
        most_bytes: How much they may take together.
    """

    def __init__(self, store: ClipStore, most_bytes: int = MOST_BYTES) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._is_local = store.local("clip.mp4") is not None
        self._kept: OrderedDict[str, tuple[Path, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._fetching: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def publish(self, local: Path, key: str, sha256: str) -> None:
        """Moves a finished local file to its key, as `Store.publish`; where that is remote, its bytes stay at hand."""
        spare = self._linked(local)
        try:
            self._store.publish(local, key)
        except BaseException:
            if spare is not None:  # the file may be filled anew under its own name
                spare.unlink(missing_ok=True)
            raise
        if spare is not None:
            self._keep(spare, sha256)

    def fetch(self, key: str, sha256: str, target: Path) -> Path:
        """A clip as a local file, not to be written to: the store's own where that is local, else at `target`.

        Raises:
            FileNotFoundError: There is no such object.
            StorageError: Its bytes are not those that were recorded.
        """
        if self._is_local:
            return self._store.fetch(key, target)
        with self._lock:
            turn = self._fetching[sha256]
        with turn:  # who comes meanwhile waits for the copy
            if self._give(sha256, target):
                return target
            self._store.fetch(key, target)
            with target.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                target.unlink(missing_ok=True)
                raise StorageError(
                    f"{key} holds other bytes ({found[:12]}…) than were recorded ({sha256[:12]}…); "
                    "remove it, and the next run fetches the clip again"
                )
            self.keep(target, sha256)
        return target

    def keep(self, local: Path, sha256: str) -> None:
        """Keeps at hand what was fetched; nobody may write to the file any more."""
        if (spare := self._linked(local)) is not None:
            self._keep(spare, sha256)

    def release(self, hashes: Iterable[str]) -> None:
        """Lets go of clips that are not wanted any more."""
        with self._lock:
            for sha256 in hashes:
                self._drop(sha256)
                self._fetching.pop(sha256, None)

    def clear(self) -> None:
        """Lets go of all."""
        self.release(list(self._kept))

    def _give(self, sha256: str, target: Path) -> bool:
        with self._lock:
            path, size_bytes = self._kept.get(sha256, (None, 0))
            if path is None:
                return False
            self._kept.move_to_end(sha256)
            try:
                target.unlink(missing_ok=True)
                # A name of its own, so that letting go of the copy takes it from nobody who reads it.
                os.link(path, target)
                return target.stat().st_size == size_bytes
            except OSError:  # a folder of temporary files that was swept
                self._drop(sha256)
                return False

    def _linked(self, local: Path) -> Path | None:
        """Another name for a file's bytes; None where none is needed or can be had, or the disk is nearly full."""
        if self._is_local:
            return None
        try:
            folder = process_folder("copies")
            if shutil.disk_usage(folder).free < ROOM_BYTES:
                self.clear()
                return None
            os.link(local, spare := folder / uuid.uuid4().hex)
        except OSError:  # as on a file system without links
            return None
        return spare

    def _keep(self, spare: Path, sha256: str) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._drop(sha256)
            self._kept[sha256] = spare, spare.stat().st_size
            taken = sum(size_bytes for _, size_bytes in self._kept.values())
            while taken > self._most_bytes:
                _, size_bytes = next(iter(self._kept.values()))
                self._drop(next(iter(self._kept)))
                taken -= size_bytes

    def _drop(self, sha256: str) -> None:
        path, _ = self._kept.pop(sha256, (None, 0))
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
