"""An output store below a prefix of an S3 bucket, with conditional writes for the ledger."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mimetypes
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import s3fs

from longtake.domain.errors import ConfigurationError, StorageError
from longtake.files.private_folder import private_folder
from longtake.files.store import Store, validate_key

CONFLICT_PAUSES_SECONDS = (0.1, 0.3, 1.0, 3.0)
"""Between creates that met another writer's."""
_MEDIA_TYPES = mimetypes.MimeTypes()
_MEDIA_TYPES.add_type("image/webp", ".webp")  # unknown to Python before 3.13


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
            if (created := self._created(key, data)) is not None:
                return created
            time.sleep(pause_seconds)
        raise StorageError(f"{self.url}/{key}: the store names a conflict again and again, and nothing stands there")

    def _created(self, key: str, data: bytes) -> bool | None:
        """Whether it was created; None where the store names a conflict with another writer and nothing stands there.

        Such a create is to be made again, as S3 says: the other's may come to nothing.
        """
        bucket, _, object_key = self._path(key).partition("/")
        try:
            self._fs.call_s3("put_object", Bucket=bucket, Key=object_key, Body=data, IfNoneMatch="*")
        except FileExistsError:
            return False
        except OSError as error:
            if "ConditionalRequestConflict" in str(error):
                return None if self.size(key) is None else False
            if "PreconditionFailed" in str(error) or "At least one of the pre-conditions" in str(error):
                return False
            if getattr(error, "errno", None) == errno.EEXIST:
                return False
            raise
        return True

    def read(self, key: str) -> bytes | None:
        try:
            return cast(bytes, self._fs.cat_file(self._path(key)))
        except FileNotFoundError:
            return None

    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        paths = {self._path(key): key for key in keys}
        if not paths:
            return {}
        found: Any = self._fs.cat(list(paths), on_error="return")
        if len(paths) == 1 and not isinstance(found, dict):
            found = {next(iter(paths)): found}
        kept: dict[str, bytes] = {}
        for path, data in cast(Mapping[str, object], found).items():
            if isinstance(data, bytes):
                kept[paths[path]] = data
            elif not isinstance(data, FileNotFoundError):
                raise StorageError(f"{path} could not be read: {type(data).__name__}")
        return kept

    def write(self, key: str, data: bytes) -> None:
        media_type = _MEDIA_TYPES.guess_type(key)[0]
        self._fs.pipe_file(self._path(key), data, **({"ContentType": media_type} if media_type else {}))

    def list(self, prefix: str) -> list[str]:
        start = len(self._root) + 1
        return [str(path)[start:] for path in self._fs.find(self._path(prefix.strip("/")))]

    def folders(self, prefix: str = "") -> list[str]:
        start = len(self._root) + 1
        try:
            found: list[dict[str, Any]] = self._fs.ls(self._path(prefix) if prefix else self._root, detail=True)
        except FileNotFoundError:
            return []
        return sorted(str(entry["name"])[start:] for entry in found if entry["type"] == "directory")

    def size(self, key: str) -> int | None:
        try:
            return int(self._fs.info(self._path(key))["size"])
        except FileNotFoundError:
            return None

    def open(self, key: str) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(self._path(key), "rb"))

    def publish(self, local: Path, key: str) -> None:
        self._fs.put_file(str(local), self._path(key))
        local.unlink()

    def link(self, source: str, key: str) -> None:
        self._fs.copy(self._path(source), self._path(key))

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
        bucket, _, object_key = self._path(key).partition("/")
        try:
            head: Any = self._fs.call_s3("head_object", Bucket=bucket, Key=object_key)
            asked_at = parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])
            return float((asked_at - head["LastModified"]).total_seconds())
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def stamp(self, key: str) -> str | None:
        try:
            found: dict[str, Any] = self._fs.info(self._path(key))
        except FileNotFoundError:
            return None
        return f"{found['size']} {found.get('ETag')} {found.get('LastModified')}"

    def remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

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
