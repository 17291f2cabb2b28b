"""HTTP to vendors: the one client, its time limits, what may be re-sent, and redaction.

A call that may buy something is sent once, on a connection of its own. Calls that only look may be repeated.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from longtake.accounts import Account
from longtake.errors import NotSentError, UnknownOutcomeError, VendorUnavailableError
from longtake.redaction import spellings
from longtake.trust import trusted
from longtake.vendors import Call, Reply

LOOK_TIMEOUT_SECONDS = 30.0
UPLOAD_TIMEOUT_SECONDS = 300.0
CONNECT_TIMEOUT_SECONDS = 10.0
GRACE_SECONDS = 1.0
"""A call that hangs at one place is ended by httpx, which knows the place; one that drips ends so much later."""
REPLY_LIMIT_BYTES = 4 * 2**20
SHOWN_CHARACTERS = 2000
CALLBACK_MARK = "ltcb_"
"""How the secret part of a callback address begins, so that it is known wherever a vendor repeats it."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_SIGNED = re.compile(r"(https?:\\?/\\?/[^\s\"'<>?]+)\?[^\s\"'<>]+")  # JSON may escape its slashes
_DATA = re.compile(r"(data:[\w/+.-]+;base64,)[A-Za-z0-9+/=]{32,}")
_CALLBACK = re.compile(rf"{CALLBACK_MARK}[\w-]+")
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{6,}")


def submit_timeout_seconds() -> float:
    """How long one submit may take; `LONGTAKE_SUBMIT_TIMEOUT_SECONDS`, default 60."""
    return float(os.environ.get("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "60"))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without keys, bearer tokens, signed queries, callback addresses' tokens and inline data."""
    for secret in secrets:
        if len(secret) >= 4:
            for spelling in spellings(secret):
                text = text.replace(spelling, "***")
    text = _CALLBACK.sub(f"{CALLBACK_MARK}***", text)
    text = _BEARER.sub(r"\1***", _DATA.sub(r"\1…", text))
    return _SIGNED.sub(r"\1", text)


class Transport:
    """One account's connection to its vendor.

    The key is sent to the account's own `base_url` and `upload_base_url`, and nowhere else; redirects are not followed.
    """

    def __init__(self, account: Account, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.account = account
        self._secret = account.api_key.get_secret_value()
        # A kept connection may die under a POST and leave open whether it arrived: submits get a fresh one each.
        self._fresh = httpx.AsyncClient(
            transport=transport or _over_tls(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )
        self._kept = httpx.AsyncClient(
            transport=transport or _over_tls(max_connections=32),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._fresh.aclose()
        await self._kept.aclose()

    def redact(self, text: str) -> str:
        """The text without this account's key and other secrets."""
        return redact(text, [self._secret])

    async def send_once(self, call: Call) -> Reply:
        """Sends a call that may buy something, exactly once.

        Raises:
            NotSentError: The connection was never made; nothing arrived.
            UnknownOutcomeError: It may have arrived: no answer, a broken one, or none in time.
        """
        try:
            return await self._send(self._fresh, call, submit_timeout_seconds())
        except _NOT_SENT as error:
            raise NotSentError(self.redact(f"no connection to {self.account.base_url}: {error}")) from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise UnknownOutcomeError(self.redact(f"no answer to the submit: {_named(error)}")) from None

    async def send_again(self, call: Call, *, timeout_seconds: float = LOOK_TIMEOUT_SECONDS) -> Reply:
        """Sends a call that may be repeated.

        Raises:
            VendorUnavailableError: No answer this time.
        """
        try:
            return await self._send(self._kept, call, timeout_seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            raise VendorUnavailableError(self.redact(f"no answer: {_named(error)}")) from None

    async def send_file(self, call: Call, path: Path) -> Reply:
        """Sends a local file as multipart; repeatable, it buys nothing.

        Raises:
            VendorUnavailableError: No answer this time.
        """
        try:
            with path.open("rb") as file:
                return await self._send(self._kept, call, UPLOAD_TIMEOUT_SECONDS, (path.name, file))
        except (httpx.HTTPError, TimeoutError) as error:
            raise VendorUnavailableError(self.redact(f"the upload was not answered: {_named(error)}")) from None

    async def _send(
        self, client: httpx.AsyncClient, call: Call, timeout_seconds: float, file: tuple[str, object] | None = None
    ) -> Reply:
        base = self.account.base_url
        if call.host == "upload":
            base = self.account.upload_base_url or base
        request = client.build_request(
            call.method,
            base + call.path,
            params=dict(call.query) or None,
            json=call.json,
            data=dict(call.form) or None,
            files={call.upload_field: file} if file else None,  # pyright: ignore[reportArgumentType]
            headers={"Authorization": f"Bearer {self._secret}", "Accept": "application/json"},
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds)),
        )
        # httpx counts the time between bytes: an answer that drips would never end.
        async with asyncio.timeout(timeout_seconds + GRACE_SECONDS):
            response = await client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > REPLY_LIMIT_BYTES:
                        break
            finally:
                await response.aclose()
        return self._reply(response, bytes(body))

    def _reply(self, response: httpx.Response, body: bytes) -> Reply:
        text = body.decode("utf-8", "replace")
        try:
            parsed: object = json.loads(text)
        except ValueError:
            parsed = None
        shown = self.redact(text)[:SHOWN_CHARACTERS]  # not the other way: half a key is no key that is known
        return Reply(status=response.status_code, body=parsed, text=shown, headers=dict(response.headers))


def _over_tls(**limits: int) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(verify=trusted(), limits=httpx.Limits(**limits))


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
