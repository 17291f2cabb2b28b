"""References that a vendor takes only as assets of its library: registered there, waited for, and remembered.

    references/assets/<hash>.json    the asset's id at an account, by the bytes behind it

Registering is free and buys nothing, so it may be repeated; a library that bills it is not used.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from longtake.accounts.session import AccountSession
from longtake.domain.errors import (
    ContentRefusedError,
    RefusedReferenceError,
    RejectedRequestError,
    TerminalVendorError,
    TransientVendorError,
    UnexpectedReplyError,
    VendorUnavailableError,
)
from longtake.domain.request import MediaKind
from longtake.files.store import Store
from longtake.vendors import AssetState

FOLDER = "references/assets"
GAP_SECONDS = 2.0
LONGEST_AUDIT_SECONDS = 300.0
TRIES = 4
AT_ONCE = 4


@dataclass
class AssetLibrary:
    """The assets of a run, each registered once.

    Args:
        memory: Where ids are kept for later runs; None: they are forgotten.
    """

    memory: Store | None = None
    _ready: dict[str, str] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def address(
        self,
        kind: MediaKind,
        session: AccountSession,
        link: Callable[[], Awaitable[str]],
        *,
        sha256: str = "",
        url: str = "",
    ) -> str:
        """`asset://` of a file that has passed the vendor's audit.

        Args:
            kind: What it is.
            session: The account's session.
            link: Makes a link under which the vendor can read it; called only where it must be registered anew.
            sha256: The hash of its bytes, where they are known; else `url` tells it apart, in this run alone.
            url: Its address.

        Raises:
            RefusedReferenceError: The vendor refused it.
            VendorError: The vendor cannot be asked, or has not ended its audit; nothing was bought.
        """
        place = "\n".join((session.account.name, session.account.base_url, kind, sha256 or url))
        key = f"{FOLDER}/{hashlib.sha256(place.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}.json"
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key in self._refused:
                raise RefusedReferenceError(self._refused[key])
            if key not in self._ready:
                async with self._turn:
                    self._ready[key] = await self._registered(key, kind, session, link, is_kept=bool(sha256))
            return f"asset://{self._ready[key]}"

    async def require_passed(self, asset_id: str, session: AccountSession) -> None:
        """Waits for the audit of an asset that a person registered; one that the vendor tells nothing of is let pass.

        Raises:
            RefusedReferenceError: The vendor refused it.
            VendorUnavailableError: Its audit has not ended.
        """
        async with self._turn:
            try:
                state = await session.client.asset_state(asset_id)
            except (TerminalVendorError, TransientVendorError, UnexpectedReplyError):
                return
            try:
                await self._wait(asset_id, session, state)
            except RefusedReferenceError as error:
                raise RefusedReferenceError(f"{session.adapter.title} refused this asset: {error}") from None

    async def _registered(
        self, key: str, kind: MediaKind, session: AccountSession, link: Callable[[], Awaitable[str]], *, is_kept: bool
    ) -> str:
        if is_kept and (asset_id := await asyncio.to_thread(self._remembered, key)):
            try:
                await self._wait(asset_id, session, await session.client.asset_state(asset_id))
            except (RefusedReferenceError, TerminalVendorError, UnexpectedReplyError):
                pass  # the library has it no more: it is registered anew, which costs nothing
            else:
                return asset_id
        try:
            asset_id = await self._submitted(kind, session, await link())
            if is_kept and self.memory is not None:
                record = {"asset_id": asset_id, "account": session.account.name, "at": time.time()}
                await asyncio.to_thread(self.memory.write, key, json.dumps(record).encode())
            await self._wait(asset_id, session, AssetState())
        except (ContentRefusedError, RejectedRequestError, RefusedReferenceError) as error:
            words = str(error)[:500]
            self._refused[key] = f"{session.adapter.title} refused it as an asset: {words}"
            raise RefusedReferenceError(self._refused[key]) from None
        return asset_id

    async def _submitted(self, kind: MediaKind, session: AccountSession, link: str) -> str:
        tried = 1
        while True:
            try:
                return await session.client.register(kind, link)
            except TransientVendorError as error:
                if tried == TRIES:
                    raise
                told = error.retry_after_seconds or 0.0
            await asyncio.sleep(max(min(told, 60.0), _gap_seconds(session) * 2**tried / 2))
            tried += 1

    async def _wait(self, asset_id: str, session: AccountSession, state: AssetState) -> None:
        end, trouble = time.monotonic() + LONGEST_AUDIT_SECONDS, ""
        while not state.is_ready:
            if state.is_refused:
                raise RefusedReferenceError(state.words)
            if time.monotonic() >= end:
                rule = f"the audit of asset {asset_id} has not ended after {LONGEST_AUDIT_SECONDS:g} s"
                raise VendorUnavailableError(f"{rule}; the next run asks again{trouble}")
            await asyncio.sleep(_gap_seconds(session))
            try:
                state = await session.client.asset_state(asset_id)
            except (TransientVendorError, UnexpectedReplyError) as error:
                trouble = f" (last: {error})"

    def _remembered(self, key: str) -> str:
        data = self.memory.read(key) if self.memory is not None else None
        try:
            told: object = json.loads(data) if data else {}
        except ValueError:
            return ""
        asset_id = told.get("asset_id") if isinstance(told, dict) else None
        return asset_id if isinstance(asset_id, str) else ""


def _gap_seconds(session: AccountSession) -> float:
    return min(GAP_SECONDS, session.account.poll_interval_seconds)
