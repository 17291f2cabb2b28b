"""An output store below a prefix of an S3 bucket, with conditional writes for the ledger."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import s3fs

from longtake.domain.errors import ConfigurationError, PublishConflictError, StorageError
from longtake.files.bucket.index import Index
from longtake.files.bucket.known_texts import KnownTexts, content_mark, mark_of
from longtake.files.bucket.requests import Bucket, seen_as
from longtake.files.bucket.view import View
from longtake.files.private_folder import private_folder
from longtake.files.store import Seen, Store, validate_key

CONFLICT_PAUSES_SECONDS = (0.1, 0.3, 1.0, 3.0)
"""Between creates that met another writer's."""
WORTH_AN_INDEX = 8
"""For fewer texts that are not known the index is not read."""
INDEXED = ("budget/", "clips/", "decisions/", "ledger/", "reels/", "repairs/")
"""Folders with many small texts."""


class S3Store(Store):
    """A prefix of an S3 bucket, through s3fs. The standard AWS variables apply where nothing is given.

    Args:
        url: `s3://bucket[/prefix]`.
        public_endpoint_url: The endpoint as vendors see it; links are presigned for it. None: no links are given.
        endpoint_url: The endpoint as we see it.
        key: Access key id.
        secret: Secret access key.
    """

    def __init__(
        self,
        url: str,
        *,
        public_endpoint_url: str | None = None,
        endpoint_url: str | None = None,
        key: str | None = None,
        secret: str | None = None,
    ) -> None:
        connect: Any = s3fs.S3FileSystem

        self._root = url.removeprefix("s3://").rstrip("/")
        if not self._root.partition("/")[0]:
            raise ConfigurationError(f"{url!r} names no bucket")
        self.url = f"s3://{self._root}"
        options: dict[str, Any] = {
            "key": key,
            "secret": secret,
            "use_listings_cache": False,
            "skip_instance_cache": True,
            "default_block_size": 1 << 20,
            "config_kwargs": {"retries": {"max_attempts": 5, "mode": "standard"}, "max_pool_connections": 64},
        }
        if endpoint_url:
            options["endpoint_url"] = endpoint_url
        self._fs: Any = connect(**options)
        self._bucket = Bucket(self._fs, self._root)
        self._texts = KnownTexts()
        self._index = Index(self._bucket, self._texts)
        self._view = View((), self.survey)
        self._sizes: dict[str, int] = {}
        """Of films that were published here."""
        self._stamps: dict[str, str] = {}
        """Of those that nobody has asked for yet."""
        self._signer: Any = None
        if public_endpoint_url:
            self._signer = connect(**(options | {"endpoint_url": public_endpoint_url}))

    @property
    def can_presign(self) -> bool:
        return self._signer is not None

    def _path(self, key: str) -> str:
        return f"{self._root}/{validate_key(key)}"

    def create(self, key: str, data: bytes) -> bool:
        for pause_seconds in CONFLICT_PAUSES_SECONDS:
            if (created := self._created(validate_key(key), data)) is not None:
                return created
            time.sleep(pause_seconds)
        raise StorageError(f"{self.url}/{key}: the store names a conflict again and again, and nothing stands there")

    def _created(self, key: str, data: bytes) -> bool | None:
        """Whether it was created; None where the store names a conflict with another writer and nothing stands there.

        Such a create is to be made again, as S3 says: the other's may come to nothing.
        """
        try:
            self._bucket.put(key, data, only_new=True)
        except OSError as error:
            if "ConditionalRequestConflict" in str(error):
                return None if self.size(key) is None else False
            if _stands_there(error):
                return False
            raise
        self._know(key, data)
        return True

    def read(self, key: str) -> bytes | None:
        if self._view.covers(key):
            seen = self._view.seen(key)
            return self.read_seen({key: seen}).get(key) if seen is not None else None
        try:
            return self._bucket.get(validate_key(key))
        except FileNotFoundError:
            return None

    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}
        for key, found in self._bucket.get_many(map(validate_key, keys)).items():
            if isinstance(found, bytes):
                kept[key] = found
            elif not isinstance(found, FileNotFoundError):
                raise StorageError(f"{self._path(key)} could not be read: {type(found).__name__}")
        return kept

    def survey(self, prefix: str) -> Mapping[str, Seen]:
        return dict(self._bucket.list(prefix))

    def read_seen(self, seen: Mapping[str, Seen]) -> dict[str, bytes]:
        marks = {key: mark for key, each in seen.items() if (mark := content_mark(each)) is not None}
        texts = self._texts.find(frozenset(marks.values()))
        if len(seen) - len(texts) >= WORTH_AN_INDEX and self._index.read():
            texts = self._texts.find(frozenset(marks.values()))
        known = {key: texts[mark] for key, mark in marks.items() if mark in texts}
        read = self.read_many(key for key in seen if key not in known)
        for key, data in read.items():
            self._know(key, data)
        return known | read

    def keep_in_view(self, folders: Iterable[str]) -> None:
        self._view = View(folders, self.survey)

    def keep_index(self) -> None:
        self._index.write(self._listed_marks)

    def _listed_marks(self) -> dict[bytes, None]:
        listed = (seen for folder in INDEXED for seen in self.survey(folder).values())
        return {mark: None for seen in listed if (mark := content_mark(seen)) is not None}

    def write(self, key: str, data: bytes) -> None:
        if self._view.covers(key) and content_mark(self._view.seen(key)) == mark_of(data):
            return
        self._view.note(key, self._bucket.put(validate_key(key), data))
        self._know(key, data)

    def _know(self, key: str, data: bytes) -> None:
        if key.startswith(INDEXED):
            self._texts.add(data)

    def list(self, prefix: str) -> list[str]:
        return self._view.below(prefix) if self._view.covers(f"{prefix}/") else list(self.survey(prefix))

    def folders(self, prefix: str = "") -> list[str]:
        return sorted(self._bucket.folders(prefix))

    def size(self, key: str) -> int | None:
        seen = self._seen(key)
        return seen.size_bytes if seen is not None else None

    def stamp(self, key: str) -> str | None:
        seen = self._seen(key)
        return seen.stamp if seen is not None else None

    def listed_stamp(self, key: str) -> str | None:
        return self._stamps.pop(key, None) or self.stamp(key)

    def _seen(self, key: str) -> Seen | None:
        return self._view.seen(key) if self._view.covers(key) else self._look(key)

    def _look(self, key: str) -> Seen | None:
        try:
            told = self._bucket.head(validate_key(key))
        except FileNotFoundError:
            return None
        return seen_as(int(told["ContentLength"]), str(told["ETag"]))

    def open(self, key: str) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(self._path(key), "rb"))

    def fetch(self, key: str, target: Path) -> Path:
        pieces = self._bucket.chunks(validate_key(key))
        with target.open("wb") as sink:
            for piece in pieces:
                sink.write(piece)
        return target

    def sha256(self, key: str) -> str | None:
        if self._view.covers(key) and self._view.seen(key) is None:
            return None
        digest = hashlib.sha256()
        try:
            for piece in self._bucket.chunks(validate_key(key)):
                digest.update(piece)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def publish(self, local: Path, key: str) -> None:
        size_bytes, seen = local.stat().st_size, self._bucket.put_file(local, validate_key(key))
        self._sizes[key] = size_bytes
        if seen is not None and seen.stamp is not None:
            self._stamps[key] = seen.stamp
        if self._view.covers(key):
            self._view.note(key, seen or self._look(key))
        local.unlink()

    def link(self, source: str, key: str) -> None:
        is_new = self._view.covers(key) and self._view.seen(key) is None
        try:
            etag = self._copy(validate_key(source), validate_key(key), only_new=is_new)
        except OSError as error:
            if not _stands_there(error):
                raise
            # A copy whose answer was lost is repeated below us and then finds itself.
            if (there := self._look(key)) is None or there != self._look(source):
                self._view.forget(key)
                words = f"{key}: something was put there a moment ago; the next run looks at it"
                raise PublishConflictError(words) from None
            self._view.note(key, there)
        else:
            size_bytes = self._sizes.get(source)
            if self._view.covers(key):
                self._view.note(key, self._look(key) if size_bytes is None else seen_as(size_bytes, etag))

    def _copy(self, source: str, key: str, *, only_new: bool) -> str:
        try:
            return self._bucket.copy(source, key, only_new=only_new)
        except (OSError, NotImplementedError) as error:
            if only_new and "NotImplemented" in f"{type(error).__name__} {error}":
                return self._bucket.copy(source, key)
            raise

    def move(self, source: str, key: str) -> bool:
        if self.size(key) is not None:
            return False
        self.link(source, key)
        self.remove(source)
        return True

    def ages(self, keys: Iterable[str]) -> dict[str, float]:
        names = list(keys)
        with ThreadPoolExecutor(16) as threads:
            told = dict(zip(names, threads.map(self._age, names), strict=True))
        return {key: age for key, age in told.items() if age is not None}

    def _age(self, key: str) -> float | None:
        try:
            head = self._bucket.head(key)
            asked_at = parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])
            return float((asked_at - head["LastModified"]).total_seconds())
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._bucket.delete(validate_key(key))
        self._view.note(key, None)

    def local(self, key: str) -> Path | None:
        del key
        return None

    def presign(self, key: str, seconds: float) -> str | None:
        if self._signer is None:
            return None
        return str(self._signer.sign(self._path(key), expiration=int(seconds)))

    def work_folder(self, key: str) -> Path:
        name = hashlib.sha256(f"{self.url}/{PurePosixPath(key).parent}".encode()).hexdigest()[:24]
        return private_folder("work", name)


def _stands_there(error: OSError) -> bool:
    """Whether a store refused a write because an object stands at its key."""
    if isinstance(error, FileExistsError) or getattr(error, "errno", None) == errno.EEXIST:
        return True
    return "PreconditionFailed" in str(error) or "At least one of the pre-conditions" in str(error)
