"""Bytes wherever they lie: output stores, the guarded web, sources by their address, locks and names of files.

`open_store` opens what an address names; it is imported from the file of its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.files.directory import DirectoryStore
    from longtake.files.s3 import S3Store
    from longtake.files.store import Store
    from longtake.files.web.guard import GuardedClient
else:
    __getattr__ = face(
        __name__,
        {
            "store": "Store",
            "directory": "DirectoryStore",
            "s3": "S3Store",
            "web.guard": "GuardedClient",
        },
    )

__all__ = ["DirectoryStore", "GuardedClient", "S3Store", "Store"]
