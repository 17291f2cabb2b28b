"""Where a reference may come from: the manifest's own folder or bucket, listed roots, the web, the vendor, the cell.

Addresses are resolved and checked here; nothing is fetched, and local files are only looked at.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from longtake.domain.addresses import bucket_of, data_uri_bytes, is_s3
from longtake.domain.request import Role
from longtake.manifests.cells import CONTROL, CellError, check_web_address
from longtake.manifests.spelling import other_case, spelled_on_disk

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_DATA_HEAD = re.compile(r"data:([a-z]+)/[a-z0-9.+-]+(;[a-z0-9.+-]+=[a-z0-9.+-]+)*;base64", re.IGNORECASE)
_CHAINED_AFTER_HOST = re.compile(r"::[A-Za-z][A-Za-z0-9+.-]*:")
_KINDS_FIX = "give an http(s) address, s3://, a path below the manifest's folder, asset:// or a data URI"


class KnownReferences(NamedTuple):
    """References that were checked before, and may be named again from anywhere.

    Args:
        addresses: Absolute paths and `s3://` addresses, as they are written.
        roots: Folders and buckets that they still must lie in.
    """

    addresses: Collection[str] = frozenset()
    roots: Sequence[str] = ()


class Roots:
    """The folders and buckets that references may come from.

    Args:
        base: The manifest's folder or `s3://` prefix; relative paths start here.
        extra: More folders and `s3://bucket[/prefix]` that absolute paths and `s3://` references may lie in.
        known: References that may be named though they lie in neither.
    """

    def __init__(self, base: str, extra: Sequence[str] = (), known: KnownReferences | None = None) -> None:
        self.base = base
        own = [bucket_of(base)] if is_s3(base) else []
        roots = [root.strip() for root in extra if root.strip()]
        self._buckets = own + [root.rstrip("/") for root in roots if is_s3(root)]
        self._extra_folders = [_real_folder(str(Path(root).expanduser())) for root in roots if not is_s3(root)]
        self._folders = self._extra_folders + ([] if is_s3(base) else [_real_folder(base)])
        self._known = known or KnownReferences()
        self._known_folders = [_real_folder(root) for root in self._known.roots if not is_s3(root)]
        # Thousands of files share a few folders, whose links are followed once.
        self._real_parent = cache(_real_folder)

    def resolve(self, value: str, role: Role) -> str:
        """The address that a reference stands for.

        Args:
            value: The reference as written, stripped.
            role: The part it plays; a data URI must be of its kind.

        Returns:
            An absolute path, or an `s3://`, http(s), `asset://` or data address.

        Raises:
            CellError: It is of no such kind, leaves its folder or bucket, or is no readable file.
        """
        scheme = match.group(1).lower() if (match := _SCHEME.match(value)) else ""
        if "|" in value:
            raise CellError("| separates values and is no part of one", "write %7C in an address, or rename the file")
        if scheme == "data":
            return _checked_data(value, role)
        if CONTROL.search(value):
            raise CellError("the reference holds a control character", "take it out")
        rest = value[len(scheme) + 1 :]
        if scheme in ("http", "https"):
            check_web_address(value)
            if _CHAINED_AFTER_HOST.search(rest):
                raise CellError("chained addresses (::) are not followed", "give one plain address")
            return f"{scheme}:{rest}"
        if "::" in value:
            raise CellError("chained addresses (::) are not followed", "give one plain address")
        if scheme == "asset":
            if not re.fullmatch(r"//[^\s/?#\\]+", rest):
                raise CellError("this is not a vendor's asset id", "write asset:// and the id")
            return f"asset:{rest}"
        if scheme == "s3":
            return self._checked_object(f"s3:{rest}")
        if len(scheme) == 1:
            raise CellError("this is a path of a Windows drive", "put the file below the manifest's folder")
        if scheme:
            raise CellError(f"{scheme}: addresses are not taken", f"{_KINDS_FIX} (./{value[:20]}... if it is a file)")
        return self._checked_path(value)

    def _checked_path(self, value: str) -> str:
        if "\\" in value:
            raise CellError("the path holds a backslash", "write / between folders")
        if value.endswith("/"):
            raise CellError("this is a folder", "name a picture, video or sound file")
        if value.startswith("~"):
            raise CellError("a home folder (~) is not followed", "put the file below the manifest's folder")
        parts = value.split("/")
        if ".." in parts:
            rule = "the path leaves its folder with .."
            raise CellError(rule, "put the file below the manifest's folder, or in LONGTAKE_REFERENCE_ROOTS")
        if not value.startswith("/"):
            if is_s3(self.base):
                return self._checked_object("/".join([self.base, *(part for part in parts if part not in ("", "."))]))
            return self._checked_file(f"{self.base}/{value}", self._folders)
        if value in self._known.addresses:
            return self._checked_file(value, [*self._known_folders, *self._extra_folders])
        own = f"{self.base}/"
        if value.startswith(own) and not any(map(value.startswith, self._extra_folders)):
            fix = f"write it from the manifest's folder: {value.removeprefix(own)}"
            raise CellError("the path is absolute, which means nothing on another machine", fix)
        return self._checked_file(value, self._extra_folders)

    def _checked_file(self, path: str, folders: Sequence[str]) -> str:
        real = self._real_path(path)
        if not any(real.startswith(folder) for folder in folders):
            rule = "the file lies outside the manifest's folder and the listed roots"
            raise CellError(rule, "put it below the manifest's folder, or its folder in LONGTAKE_REFERENCE_ROOTS")
        try:
            is_file = stat.S_ISREG(os.stat(real).st_mode)  # noqa: PTH116  # twice as fast as Path.stat
        except OSError as error:
            if (spelled := spelled_on_disk(path)) is not None and spelled != path:
                return self._checked_file(spelled, folders)
            fix = f"write {other}" if (other := other_case(real)) else "mend the path, or put the file there"
            raise CellError(f"there is no such file ({error.strerror})", fix) from None
        if not is_file:
            raise CellError("this is not a file", "name a picture, video or sound file")
        if not os.access(real, os.R_OK):
            raise CellError("the file cannot be read", "mend its permissions")
        return real

    def _real_path(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        real = f"{self._real_parent(folder)}{name}"
        return os.path.realpath(real) if name in ("", ".") or os.path.islink(real) else real  # noqa: PTH114

    def _checked_object(self, address: str) -> str:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not is_s3(address) or not bucket or not key or key.endswith("/"):
            raise CellError("this is not an object's address", "write s3://bucket/key")
        if not {"", ".", ".."}.isdisjoint(key.split("/")):
            raise CellError("the key holds an empty, . or .. part", "write the key plainly")
        known = self._known.roots if address in self._known.addresses else ()
        if not any(address.startswith(f"{root}/") for root in (*self._buckets, *known)):
            rule = "the object lies outside the manifest's own bucket and the listed roots"
            raise CellError(rule, "copy it there, or list its bucket in LONGTAKE_REFERENCE_ROOTS")
        return address


def absolute(value: str, base: str) -> str:
    """A reference that means the same from anywhere: relative paths get their base, all others stay as written."""
    if _SCHEME.match(value) or value.startswith(("/", "~")) or ".." in value.split("/"):
        return value
    return f"{base}/{value}"


def _real_folder(folder: str) -> str:
    return f"{os.path.realpath(folder).rstrip('/')}/"


def _checked_data(value: str, role: Role) -> str:
    head, _, _ = value.partition(",")
    match = _DATA_HEAD.fullmatch(head)
    if match is None:
        raise CellError("this is not a well-formed data URI", f"write data:{role.kind}/<type>;base64,<data>")
    if match.group(1).lower() != role.kind:
        raise CellError(f"the data URI is of {match.group(1)}, not {role.kind}", f"give data:{role.kind}/…")
    try:
        data = data_uri_bytes(value)
    except ValueError as error:
        raise CellError(str(error), "encode the file in plain base64 with its padding") from None
    if not data:
        raise CellError("the data URI is empty", "give the file's bytes in base64")
    return f"data{value[4:]}"
