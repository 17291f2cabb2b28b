"""Where output goes: a directory or `s3://`, behind one small face.

Exclusive creation (for the ledger), atomic publishing (for clips and reels), listing without a cache, presigned links.
All calls block; async callers run them in a thread.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple, cast

from longtake.domain.errors import StorageError, UnsafeStoreError
from longtake.files.local.copies import WorkingCopies

PRESIGN_SECONDS = 7 * 24 * 3600 - 60.0
"""How long links live where nobody says: as long as S3 signs them for."""


def validate_key(key: str) -> str:
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts or "\0" in key:
        raise StorageError(f"{key!r} is no key of an output store")
    return key


class Seen(NamedTuple):
    """What a list tells of an object beside its name: its bytes and its stamp; None where it does not."""

    size_bytes: int | None = None
    stamp: str | None = None


class Store(ABC):
    """An output store. Keys are relative, with `/`."""

    url: str
    presign_seconds: float = PRESIGN_SECONDS
    """How long its links should live."""

    @cached_property
    def copies(self) -> WorkingCopies:
        """The clips that a run works with, at hand on this machine."""
        return WorkingCopies(self)

    @property
    def can_presign(self) -> bool:
        """Whether it has links that anyone can read for a while."""
        return False

    @abstractmethod
    def create(self, key: str, data: bytes) -> bool:
        """Creates an object that must not exist; durable on return. False where it exists already."""

    @abstractmethod
    def read(self, key: str) -> bytes | None:
        """The whole object, None where there is none."""

    @abstractmethod
    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Many small objects at once; missing ones are left out."""

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Replaces an object atomically."""

    def write_pieces(self, key: str, pieces: Iterable[bytes]) -> None:
        """As `write`; where the store can, the pieces are never in memory together."""
        whole = io.BytesIO()
        whole.writelines(pieces)
        self.write(key, whole.getvalue())

    @abstractmethod
    def list(self, prefix: str) -> list[str]:
        """Every key below a folder, unsorted, never from a cache."""

    def survey(self, prefix: str) -> Mapping[str, Seen]:
        """Every object below a folder with what the list tells of it, never from a cache."""
        return dict.fromkeys(self.list(prefix), Seen())

    def read_seen(self, seen: Mapping[str, Seen]) -> dict[str, bytes]:
        """As `read_many`, of objects as a survey just showed them; what is known to be in one is not asked for."""
        return self.read_many(seen)

    def keep_in_view(self, folders: Iterable[str]) -> None:
        """From now on what stands in these folders is known by a list at most a minute old and by what is written here.

        For what people are shown, never for the ledger. Where asking costs nothing, nothing changes.
        """
        del folders

    def keep_index(self) -> None:  # noqa: B027 - most stores have nothing to note
        """Notes in the store what is known of it, where a later run is spared requests by that; never fails."""

    @abstractmethod
    def folders(self, prefix: str = "") -> list[str]:
        """The keys of the folders directly below a folder, in order; "" is the store itself."""

    @abstractmethod
    def size(self, key: str) -> int | None:
        """Bytes of an object, None where there is none."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """A seekable reader; ranged reads where the store is remote.

        Raises:
            FileNotFoundError: There is no such object.
        """

    @abstractmethod
    def publish(self, local: Path, key: str) -> None:
        """Moves a finished local file to its key; readers see all of it or none."""

    @abstractmethod
    def link(self, source: str, key: str) -> None:
        """Makes `key` show the bytes of `source`, replacing what was there, without sending them again.

        The two are files of their own from then on: whoever writes into one leaves the other as it is.
        """

    @abstractmethod
    def move(self, source: str, key: str) -> bool:
        """Gives an object another key; False where something stands there.

        Raises:
            FileNotFoundError: There is no such object.
        """

    @abstractmethod
    def stamp(self, key: str) -> str | None:
        """What changes whenever an object's bytes do, cheap to ask for; None where there is none."""

    def listed_stamp(self, key: str) -> str | None:
        """As lists tell the stamp of a film that was just published, cheap to ask for; None where they tell none."""
        del key

    def ages(self, keys: Iterable[str]) -> dict[str, float]:
        """How many seconds ago objects were written, by the store's own clock, as far as it can tell."""
        del keys
        return {}

    def reserve(self, key: str, size_bytes: int) -> None:
        """Takes room that `give_room` frees when nothing else is left; where a store has no such bound, nothing.

        Raises:
            OSError: There is no room.
        """
        del key, size_bytes

    def give_room(self, key: str) -> bool:
        """Frees what was reserved; False where nothing was."""
        del key
        return False

    def part_links(self, prefix: str) -> int:
        """Makes films below a folder that share their bytes with other names files of their own; returns how many."""
        del prefix
        return 0

    @abstractmethod
    def remove(self, key: str) -> None:
        """Removes an object if it is there."""

    @abstractmethod
    def local(self, key: str) -> Path | None:
        """The object as a local file, None where the store is remote."""

    @abstractmethod
    def presign(self, key: str, seconds: float) -> str | None:
        """A link that anyone can read for a while, None where the store has none to give."""

    @abstractmethod
    def work_folder(self, key: str) -> Path:
        """A local folder for unfinished files that belong to `key`; on the same file system where that is local."""

    def fetch(self, key: str, target: Path) -> Path:
        """A local copy of an object (or the object itself where the store is local)."""
        if (path := self.local(key)) is not None and path.exists():
            return path
        with self.open(key) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        return target

    def sha256(self, key: str) -> str | None:
        """The hash of an object's bytes, None where there is none."""
        try:
            with self.open(key) as source:
                return hashlib.file_digest(cast(Any, source), "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def prove_exclusive(self) -> None:
        """Shows that a second exclusive create fails, as the ledger needs.

        Raises:
            UnsafeStoreError: It succeeded, or the store cannot be written.
        """
        try:
            is_exclusive = self._creates_once(f".longtake-probe-{uuid.uuid4().hex}")
        except Exception as error:  # the S3 libraries raise errors of many families
            words = str(error) or type(error).__name__
            raise UnsafeStoreError(f"{self.url} cannot keep the output: {words}") from error
        if not is_exclusive:
            raise UnsafeStoreError(
                f"{self.url} lets a second exclusive create succeed, so two runs could buy the same shot; "
                "use a directory or an S3 store with conditional writes"
            )

    def _creates_once(self, key: str) -> bool:
        # A PUT whose answer was lost is repeated below us and then finds itself: the first answer proves nothing.
        self.create(key, b"1")
        try:
            return not self.create(key, b"2") and self.read(key) == b"1"
        finally:
            self.remove(key)
