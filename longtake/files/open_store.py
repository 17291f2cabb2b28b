"""Which store an address means: a folder, or `s3://`. A further kind of store is a line here."""

from __future__ import annotations

from pathlib import Path

from longtake.domain.addresses import has_scheme, is_s3
from longtake.domain.errors import ConfigurationError
from longtake.files.directory import DirectoryStore
from longtake.files.store import Store


def open_store(
    url: str,
    *,
    public_endpoint_url: str | None = None,
    endpoint_url: str | None = None,
    key: str | None = None,
    secret: str | None = None,
) -> Store:
    """The store behind a directory path or an `s3://` address.

    Raises:
        ConfigurationError: It is neither.
    """
    if is_s3(url):
        from longtake.files.s3 import S3Store  # noqa: PLC0415 - half a second that local output need not pay

        return S3Store(url, public_endpoint_url=public_endpoint_url, endpoint_url=endpoint_url, key=key, secret=secret)
    if has_scheme(url):
        raise ConfigurationError(f"{url!r} is neither a directory nor s3://")
    return DirectoryStore(Path(url))
