"""HTTP to vendors: the one client, its time limits, what may be re-sent, and the border that takes our key out.

A call that may buy something is sent once, on a connection of its own. Calls that only look may be repeated. Whatever
comes back passes `Transport._reply`, and nothing of it holds the account's key from there on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from longtake.accounts.account import Account
from longtake.domain.errors import NotSentError, UnknownOutcomeError, VendorUnavailableError
from longtake.domain.redaction import SHORTEST_HIDDEN, strike
from longtake.files.web.tls import trusted
from longtake.settings import settings
from longtake.vendors import Call, Reply, ids_in_text
from longtake.vendors.answers.bodies import cleaned, text_and_json, unpack

LOOK_TIMEOUT_SECONDS = 30.0
UPLOAD_TIMEOUT_SECONDS = 300.0
CONNECT_TIMEOUT_SECONDS = 10.0
GRACE_SECONDS = 1.0
"""A call that hangs at one place is ended by httpx, which knows the place; one that drips ends so much later."""
REPLY_LIMIT_BYTES = 8 * 2**20
SHOWN_CHARACTERS = 2000
READ_CHARACTERS = 20_000
"""So much of a text is searched for secrets before the shown part is cut off: half a key is no key that is known."""
CALLBACK_MARK = "ltcb_"
"""How the secret part of a callback address begins, so that it is known wherever a vendor repeats it."""

# `LocalProtocolError`: our own side refused a header or a length before the first byte was written.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_SIGNED = re.compile(r"(https?:\\?/\\?/[^\s\"'<>?]+)\?[^\s\"'<>]+")  # JSON may escape its slashes
_DATA = re.compile(r"(data:[\w/+.-]+;base64,)[A-Za-z0-9+/=]{32,}")
_CALLBACK = re.compile(rf"{CALLBACK_MARK}[\w-]+")
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{6,}")


def submit_timeout_seconds() -> float:
    """How long one submit may take; `LONGTAKE_SUBMIT_TIMEOUT_SECONDS`, default 60.

    Raises:
        ConfigurationError: It is set to what is no time.
    """
    return settings().submit_timeout_seconds


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without keys, bearer tokens, signed queries, callback addresses' tokens and inline data."""
    for secret in secrets:
        if len(secret) >= 4:
            text = strike(text, secret)
    text = _CALLBACK.sub(f"{CALLBACK_MARK}***", text)
    text = _BEARER.sub(r"\1***", _DATA.sub(r"\1…", text))
    return _SIGNED.sub(r"\1", text)


@dataclass(frozen=True)
class PreparedCall:
    """A call that is ready to leave: what can go wrong on our side has not."""

    request: httpx.Request
    timeout_seconds: float


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

    def prepare(self, call: Call) -> PreparedCall:
        """Makes a call that may buy something ready to leave; no I/O.

        Raises:
            NotSentError: It cannot be put into a request.
        """
        seconds = submit_timeout_seconds()
        try:
            return PreparedCall(self._request(self._fresh, call, seconds), seconds)
        except (ValueError, TypeError, RecursionError, httpx.InvalidURL) as error:
            raise NotSentError(self.redact(f"the request cannot be made: {_named(error)}")) from None

    async def send_once(self, call: Call | PreparedCall) -> Reply:
        """Sends a call that may buy something, exactly once.

        Raises:
            NotSentError: The connection was never made; nothing arrived.
            UnknownOutcomeError: It may have arrived: no answer, a broken one, or none in time.
        """
        ready = call if isinstance(call, PreparedCall) else self.prepare(call)
        try:
            return await self._send(self._fresh, ready.request, ready.timeout_seconds)
        except _NOT_SENT as error:
            raise NotSentError(self.redact(f"no connection to {self.account.base_url}: {_named(error)}")) from None
        except Exception as error:  # whatever it is, the request may have left
            raise UnknownOutcomeError(self.redact(f"no answer to the submit: {_named(error)}")) from None

    async def send_again(self, call: Call, *, timeout_seconds: float = LOOK_TIMEOUT_SECONDS) -> Reply:
        """Sends a call that may be repeated.

        Raises:
            VendorUnavailableError: No answer this time.
        """
        try:
            reply = await self._send(self._kept, self._request(self._kept, call, timeout_seconds), timeout_seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            raise VendorUnavailableError(self.redact(f"no answer: {_named(error)}")) from None
        if reply.torn and reply.body is None:
            raise VendorUnavailableError(f"half an answer: {reply.torn}")
        return reply

    async def send_file(self, call: Call, path: Path, name: str, media_type: str) -> Reply:
        """Sends a local file as multipart, under a name and media type; repeatable, it buys nothing.

        Raises:
            VendorUnavailableError: No answer this time.
        """
        try:
            with path.open("rb") as file:
                request = self._request(self._kept, call, UPLOAD_TIMEOUT_SECONDS, (name, file, media_type))
                return await self._send(self._kept, request, UPLOAD_TIMEOUT_SECONDS)
        except (httpx.HTTPError, TimeoutError) as error:
            raise VendorUnavailableError(self.redact(f"the upload was not answered: {_named(error)}")) from None

    def _request(
        self, client: httpx.AsyncClient, call: Call, timeout_seconds: float, file: tuple[str, object, str] | None = None
    ) -> httpx.Request:
        base = self.account.base_url
        if call.host == "upload":
            base = self.account.upload_base_url or base
        return client.build_request(
            call.method,
            base + call.path,
            params=dict(call.query) or None,
            json=call.json,
            data=dict(call.form) or None,
            files={call.upload_field: file} if file else None,  # pyright: ignore[reportArgumentType]
            headers={
                "Authorization": f"Bearer {self._secret}",
                "Accept": "application/json",
                # Packing has been seen to cut answers short, and they are small.
                "Accept-Encoding": "identity",
            },
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds)),
        )

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request, timeout_seconds: float) -> Reply:
        """Sends a request and reads the answer as far as it comes: half of one may name a job as well."""
        response: httpx.Response | None = None
        body = bytearray()
        torn = ""
        try:
            # httpx counts the time between bytes: an answer that drips would never end.
            async with asyncio.timeout(timeout_seconds + GRACE_SECONDS):
                response = await client.send(request, stream=True)
                try:
                    # The bytes as they came: httpx drops what its decoder does not like.
                    async for chunk in response.stream:  # pyright: ignore[reportGeneralTypeIssues]
                        body += chunk
                        if len(body) > REPLY_LIMIT_BYTES:
                            torn = f"longer than {REPLY_LIMIT_BYTES} bytes"
                            break
                finally:
                    await response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            if response is None:
                raise
            torn = self.redact(_named(error))
        return self._reply(response, bytes(body), torn)

    def _reply(self, response: httpx.Response, body: bytes, torn: str) -> Reply:
        text, parsed = text_and_json(unpack(body, response.headers.get("content-encoding", "").lower()))
        return Reply(
            status=response.status_code,
            body=cleaned(parsed, self._strike),
            text=self.redact(text[:READ_CHARACTERS])[:SHOWN_CHARACTERS],
            headers={name: self._strike(value) for name, value in response.headers.items()},
            torn=torn,
            named=() if parsed is not None else tuple(map(self._strike, ids_in_text(text))),
        )

    def _strike(self, text: str) -> str:
        """A part of an answer without the key and our callbacks' secrets; links keep their signatures, to be used."""
        if len(self._secret) >= SHORTEST_HIDDEN:
            text = strike(text, self._secret)
        return _CALLBACK.sub(f"{CALLBACK_MARK}***", text)


def _over_tls(**limits: int) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(verify=trusted(), limits=httpx.Limits(**limits))


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
