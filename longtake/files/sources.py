"""What a row refers to, by its address: fetched into a file, and hashed, whichever scheme the address has."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

from longtake.domain.addresses import WEB, data_uri_bytes, is_s3, scheme_of
from longtake.domain.identity import ContentDigest
from longtake.files.open_store import open_store
from longtake.files.web.guard import GuardedClient
from longtake.files.web.ranged import RangedFile, open_ranged

_CHUNK_BYTES = 1 << 20


async def fetch_source(source: str, target: Path, media: GuardedClient) -> None:
    """Writes the bytes behind any address but a vendor's own into a file.

    Args:
        source: http(s), `s3://`, a data URI or a path.
        target: Where they go.
        media: The guarded client, for http(s).
    """
    if scheme_of(source) not in WEB:
        await asyncio.to_thread(copy_source, source, target)
        return
    file = await open_ranged(source, media)
    try:
        await asyncio.to_thread(_drain, file, target)
    finally:
        file.stop()


def copy_source(source: str, target: Path) -> None:
    """Writes the bytes of an object, a data URI or a local file into a file; blocking."""
    scheme = scheme_of(source)
    if scheme == "data":
        target.write_bytes(data_uri_bytes(source))
    elif scheme == "s3":
        folder, _, name = source.rpartition("/")
        open_store(folder).fetch(name, target)
    else:
        shutil.copyfile(source, target)


def _drain(file: RangedFile, target: Path) -> None:
    with file, target.open("wb") as sink:
        while data := file.read(_CHUNK_BYTES):
            sink.write(data)


_digests: dict[tuple[object, ...], str] = {}


def content_digest(source: str) -> str:
    """SHA-256 (hex) of the bytes behind a local path or `s3://` address, read again only when they have changed.

    Raises:
        OSError: It cannot be read.
    """
    if is_s3(source):
        return _object_digest(source)
    with Path(source).open("rb") as file:
        found = os.fstat(file.fileno())
        key = (source, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if key not in _digests:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def _object_digest(source: str) -> str:
    try:
        files = file_system(source)
        found = files.info(source)
        key = (source, found.get("ETag"), found.get("size"), str(found.get("LastModified")))
        if key not in _digests:
            with files.open(source, "rb", cache_type="readahead") as file:
                _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise
    except Exception as error:  # botocore's own errors are no OSError
        raise OSError(f"{source}: {error}") from error
    return _digests[key]


class KnownDigests:
    """Digests as they were when each was first asked for, so that one run sees one content of every file."""

    def __init__(self, digest: ContentDigest = content_digest) -> None:
        self._digest = digest
        self._known: dict[str, str] = {}

    def __call__(self, source: str) -> str:
        if source not in self._known:
            self._known[source] = self._digest(source)
        return self._known[source]


def file_system(source: str) -> Any:
    """The file system of fsspec in which an object or a local file lies."""
    if not is_s3(source):
        from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

        return LocalFileSystem()
    variables = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _connected(variables, os.getpid())


@lru_cache(maxsize=4)
def _connected(variables: tuple[tuple[str, str], ...], process: int) -> Any:
    """One S3 client for each set of AWS variables; making one takes longer than asking it."""
    del variables, process
    import s3fs  # noqa: PLC0415  # half a second that local manifests need not pay

    connect: Any = s3fs.S3FileSystem
    return connect(use_listings_cache=False, skip_instance_cache=True, default_block_size=1 << 22)
