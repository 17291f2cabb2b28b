"""Giving vendors a way to read files that they cannot reach: our own store's presigned links, the vendor's own free
upload, or inline data. Never a public third-party host.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from longtake.accounts.assets import AssetLibrary
from longtake.accounts.session import AccountSession
from longtake.domain.errors import UnfitClipError
from longtake.domain.request import MediaKind, Reference, ShotRequest
from longtake.domain.violations import Violation, refusal
from longtake.files.sources import copy_source
from longtake.files.store import PRESIGN_SECONDS, Store
from longtake.media.reading.file_kinds import media_type, told_as
from longtake.vendors import Adapter
from longtake.vendors.limits import MB, Limits, MediaLimits

INLINE_LIMIT_BYTES = 8 * 2**20
_HEAD_LETTERS = 88
"""Of base64: the first 66 bytes, which tell what a file is."""
FOLDER = "references"
CLIP_STORE_FIX = "configure a ClipStore (s3:// with a public_endpoint_url)"


@dataclass
class Hosting:
    """Hosts files for vendors, each distinct one once.

    Args:
        store: Where files go by their content's hash; one that cannot presign links is no way. None: there is none.
        presign_seconds: How long its links live; None: as long as the store says.
        assets: The vendors' libraries, for models that take nothing but their assets.
    """

    store: Store | None = None
    presign_seconds: float | None = None
    assets: AssetLibrary = field(default_factory=AssetLibrary)
    _links: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)
    _locks: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict)

    @property
    def link_seconds(self) -> float:
        """How long the store's links live."""
        if self.presign_seconds is not None:
            return self.presign_seconds
        return self.store.presign_seconds if self.store is not None else PRESIGN_SECONDS

    def way(self, kind: MediaKind, adapter: Adapter, limits: MediaLimits, size_bytes: int | None = None) -> str | None:
        """How a file of this kind would reach the vendor: `store`, `upload`, `inline`, or None.

        Where its size is not known yet, it is taken to fit.
        """
        takes_links = bool(limits.schemes & {"http", "https"}) or self.registers(kind, adapter, limits)
        if takes_links and self.store is not None and self.store.can_presign:
            return "store"
        most = adapter.upload_max_bytes
        fits = size_bytes is None or most is None or size_bytes <= most
        if takes_links and fits and adapter.upload(kind) is not None:
            return "upload"
        return "inline" if "data" in limits.schemes else None

    def registers(self, kind: MediaKind, adapter: Adapter, limits: MediaLimits) -> bool:
        """Whether files of this kind must be registered as the vendor's assets, and can be."""
        only_assets = "asset" in limits.schemes and not limits.schemes & {"http", "https"}
        return only_assets and adapter.registration(kind, "") is not None

    async def given(
        self,
        link: str,
        kind: MediaKind,
        session: AccountSession,
        limits: MediaLimits,
        *,
        sha256: str = "",
        source: str = "",
    ) -> str:
        """A link that the vendor can read, as the model takes it: itself, or an asset of the file behind it.

        Args:
            link: The link.
            kind: What it leads to.
            session: The account's session.
            limits: What the model takes of this kind.
            sha256: The hash of the file, where it is known.
            source: How the row names it.

        Raises:
            RefusedReferenceError: The vendor's library refused it.
            VendorError: The library cannot be asked.
        """
        if not self.registers(kind, session.adapter, limits):
            return link

        async def itself() -> str:
            return link

        return await self.assets.address(kind, session, itself, sha256=sha256, url=source or link)

    def _no_way(self, kind: MediaKind, adapter: Adapter, size_bytes: int | None) -> str:
        """Why a file cannot reach the vendor, in words."""
        if self.store is not None and not self.store.can_presign:
            rest = f"; the ClipStore {self.store.url} gives no links"
        else:
            rest = ""
        if adapter.upload(kind) is None or size_bytes is None:
            return (
                f"{adapter.title} cannot read this {kind}: it is not public, and the vendor has no upload for it{rest}"
            )
        return f"it has {size_bytes} bytes, {adapter.title}'s upload takes at most {adapter.upload_max_bytes}{rest}"

    def violations(self, request: ShotRequest, limits: Limits, adapter: Adapter) -> list[Violation]:
        """Why files of a request could not reach the vendor; no I/O."""
        found: list[Violation] = []
        inline_bytes = 0
        for reference in request.references:
            kind = reference.role.kind
            if reference.scheme not in ("file", "s3"):
                continue
            size_bytes = reference.facts.size_bytes if reference.facts is not None else None
            way, shown = self.way(kind, adapter, limits.media(kind), size_bytes), reference.source.rpartition("/")[2]
            if way is None:
                rule = self._no_way(kind, adapter, size_bytes)
                found.append(refusal(reference.role.column, shown, rule, f"give a public URL, or {CLIP_STORE_FIX}"))
            elif way == "inline" and reference.facts is not None:
                inline_bytes += reference.facts.size_bytes
                if reference.facts.size_bytes > INLINE_LIMIT_BYTES:
                    rule = f"it has {reference.facts.size_bytes} bytes, at most {INLINE_LIMIT_BYTES} are sent inline"
                    found.append(refusal(reference.role.column, shown, rule, f"compress it, or {CLIP_STORE_FIX}"))
        # Base64 makes four bytes of three; what is not a file stays well below a megabyte.
        if not found and limits.max_body_bytes and inline_bytes * 4 / 3 > limits.max_body_bytes - MB:
            rule = f"its files have {inline_bytes / MB:.1f} MB, more than one request to {adapter.title} can carry"
            column = request.references[0].role.column
            found.append(refusal(column, f"{inline_bytes} bytes", rule, f"give public URLs, or {CLIP_STORE_FIX}"))
        return found

    async def link(self, path: Path, kind: MediaKind, session: AccountSession, limits: MediaLimits) -> str:
        """An address (or data URI) under which the vendor can read a local file.

        Raises:
            UnfitClipError: There is no way to host it.
            VendorError: The vendor refused the upload.
        """
        size_bytes = path.stat().st_size
        way = self.way(kind, session.adapter, limits, size_bytes)
        if way is None and self.way(kind, session.adapter, limits) is not None:
            raise UnfitClipError(f"{self._no_way(kind, session.adapter, size_bytes)}; {CLIP_STORE_FIX}")
        if way is None:
            raise UnfitClipError(
                f"{session.adapter.title} cannot read local files: configure a ClipStore (`s3://` with a "
                "`public_endpoint_url`) that can give it a link"
            )
        sha256 = await asyncio.to_thread(_file_hash, path)
        hosted = partial(self._hosted, way, path, sha256, kind, session)
        if self.registers(kind, session.adapter, limits):
            return await self.assets.address(kind, session, hosted, sha256=sha256)
        return await hosted()

    async def _hosted(self, way: str, path: Path, sha256: str, kind: MediaKind, session: AccountSession) -> str:
        place = (sha256, session.account.name if way == "upload" else way)
        async with self._locks.setdefault(place, asyncio.Lock()):
            known = self._links.get(place)
            if known is None or known[1] < time.time():
                known = await self._host(way, path, sha256, kind, session)
                if way != "inline":
                    self._links[place] = known
            return known[0]

    async def reference(self, reference: Reference, session: AccountSession, limits: MediaLimits) -> Reference:
        """The reference with an address that the vendor can read; public ones are left as they are.

        Raises:
            UnfitClipError: There is no way to host it.
            VendorError: The vendor refused the upload.
        """
        kind = reference.role.kind
        if reference.scheme in ("http", "https"):
            url = await self.given(reference.wire_url, kind, session, limits, source=reference.source)
        elif reference.scheme == "file":
            url = await self.link(Path(reference.wire_url), kind, session, limits)
        elif reference.scheme == "data" and self.registers(kind, session.adapter, limits):
            with tempfile.TemporaryDirectory(prefix="longtake-") as place:
                path = Path(place) / "inline"
                await asyncio.to_thread(copy_source, reference.wire_url, path)
                url = await self.link(path, kind, session, limits)
        elif reference.scheme == "data":
            url = _retyped(reference.wire_url, kind)
        elif reference.scheme != "s3":
            return reference
        else:
            with tempfile.TemporaryDirectory(prefix="longtake-") as place:
                path = Path(place) / reference.source.rpartition("/")[2]
                await asyncio.to_thread(copy_source, reference.source, path)
                url = await self.link(path, kind, session, limits)
        return reference if url == reference.wire_url else reference.model_copy(update={"url": url})

    async def _host(
        self, way: str, path: Path, sha256: str, kind: MediaKind, session: AccountSession
    ) -> tuple[str, float]:
        if way == "inline":
            return await asyncio.to_thread(_data_uri, path, kind), 0.0
        if way == "upload":
            return await session.client.upload(path, kind), time.time() + session.adapter.upload_seconds / 2
        return await asyncio.to_thread(self._store_and_sign, path, sha256, kind), time.time() + self.link_seconds / 2

    def _store_and_sign(self, path: Path, sha256: str, kind: MediaKind = "video") -> str:
        key = f"{FOLDER}/{sha256}{Path(told_as(path, kind)[0]).suffix.lower()}"
        if self.store is None:
            raise UnfitClipError("there is no ClipStore")
        if self.store.size(key) != path.stat().st_size:
            self.store.write(key, path.read_bytes())
        link = self.store.presign(key, self.link_seconds)
        if link is None:
            raise UnfitClipError(f"{self.store.url} cannot presign links: set its public_endpoint_url")
        return link


def _retyped(uri: str, kind: MediaKind) -> str:
    """A data address under the media type of its content."""
    head, _, data = uri.partition(",")
    try:
        found = media_type(base64.b64decode(data[:_HEAD_LETTERS]), kind)
    except ValueError:
        return uri
    return uri if found is None or not head.lower().endswith(";base64") else f"data:{found};base64,{data}"


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _data_uri(path: Path, kind: MediaKind) -> str:
    size = path.stat().st_size
    if size > INLINE_LIMIT_BYTES:
        raise UnfitClipError(f"{path.name} has {size} bytes, too many to be sent inline; configure a ClipStore")
    return f"data:{told_as(path, kind)[1]};base64,{base64.b64encode(path.read_bytes()).decode()}"
