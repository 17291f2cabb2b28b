"""Where output goes: a directory or `s3://`, behind one small face.

Exclusive creation (for the ledger), atomic publishing (for clips and reels), listing without a cache, presigned links.
All calls block; async callers run them in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from longtake.errors import StorageError, UnsafeStoreError


def _checked(key: str) -> str:
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts or "\0" in key:
        raise StorageError(f"{key!r} is no key of an output store")
    return key


class Store(ABC):
    """An output store. Keys are relative, with `/`."""

    url: str

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

    @abstractmethod
    def list(self, prefix: str) -> list[str]:
        """Every key below a folder, unsorted, never from a cache."""

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
        """Makes `key` show the bytes of `source`, replacing what was there, without sending them again."""

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
            UnsafeStoreError: It succeeded.
        """
        key = f".longtake-probe-{uuid.uuid4().hex}"
        try:
            # A PUT whose answer was lost is repeated below us and then finds itself: the first answer proves nothing.
            self.create(key, b"1")
            created_twice = self.create(key, b"2")
            kept = self.read(key)
        finally:
            self.remove(key)
        if created_twice or kept != b"1":
            raise UnsafeStoreError(
                f"{self.url} lets a second exclusive create succeed, so two runs could buy the same shot; "
                "use a directory or an S3 store with conditional writes"
            )


class DirectoryStore(Store):
    """A folder of the local file system."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.url = str(self.root)

    def _path(self, key: str) -> Path:
        return self.root / _checked(key)

    def create(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
        _sync_folder(path.parent.parent)
        return True

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return {key: data for key in keys if (data := self.read(key)) is not None}

    def write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        found: list[str] = []
        folders = [prefix.strip("/")]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._path(folder)) as entries:
                    for entry in entries:
                        key = f"{folder}/{entry.name}"
                        (folders if entry.is_dir(follow_symlinks=False) else found).append(key)
            except (FileNotFoundError, NotADirectoryError):
                continue
        return found

    def size(self, key: str) -> int | None:
        try:
            return self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, key: str) -> BinaryIO:
        return self._path(key).open("rb")

    def publish(self, local: Path, key: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with local.open("rb") as file:
            os.fsync(file.fileno())
        try:
            local.replace(path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            near = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
            shutil.copyfile(local, near)
            near.replace(path)
            local.unlink()
        _sync_folder(path.parent)

    def link(self, source: str, key: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            try:
                os.link(self._path(source), temporary)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without hard links
                shutil.copyfile(self._path(source), temporary)
            temporary.replace(path)
        finally:
            # replace() of two links to one file leaves both names
            temporary.unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def local(self, key: str) -> Path | None:
        return self._path(key)

    def presign(self, key: str, seconds: float) -> str | None:
        del key, seconds
        return None

    def work_folder(self, key: str) -> Path:
        folder = self._path(key).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder


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
        import s3fs  # noqa: PLC0415  # half a second that local output need not pay

        connect: Any = s3fs.S3FileSystem

        self.url = url.rstrip("/")
        self._root = self.url.removeprefix("s3://")
        if not self._root.partition("/")[0]:
            raise StorageError(f"{url!r} names no bucket")
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

    def _path(self, key: str) -> str:
        return f"{self._root}/{_checked(key)}"

    def create(self, key: str, data: bytes) -> bool:
        bucket, _, object_key = self._path(key).partition("/")
        try:
            self._fs.call_s3("put_object", Bucket=bucket, Key=object_key, Body=data, IfNoneMatch="*")
        except FileExistsError:
            return False
        except OSError as error:
            if "PreconditionFailed" in str(error) or "ConditionalRequestConflict" in str(error):
                return False
            if "At least one of the pre-conditions" in str(error) or getattr(error, "errno", None) == errno.EEXIST:
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
        self._fs.pipe_file(self._path(key), data)

    def list(self, prefix: str) -> list[str]:
        start = len(self._root) + 1
        return [str(path)[start:] for path in self._fs.find(self._path(prefix.strip("/")))]

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
        folder = Path(tempfile.gettempdir()) / f"longtake-{os.getuid()}" / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder


def open_store(
    url: str,
    *,
    public_endpoint_url: str | None = None,
    endpoint_url: str | None = None,
    key: str | None = None,
    secret: str | None = None,
) -> Store:
    """The store behind a directory path or an `s3://` address."""
    if url.startswith("s3://"):
        return S3Store(url, public_endpoint_url=public_endpoint_url, endpoint_url=endpoint_url, key=key, secret=secret)
    if "://" in url:
        raise StorageError(f"{url!r} is neither a directory nor s3://")
    return DirectoryStore(Path(url))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
