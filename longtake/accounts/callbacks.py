"""A vendor's callback as an early look: the receiver and its address book. Polling stays the truth.

Whoever calls an address that was given away makes the poller look sooner, and nothing else: no body is parsed, no word
of it believed. Off unless `LONGTAKE_CALLBACK_URL` is set; `docs/callbacks.md` tells how to switch it on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from longtake.accounts.transport import CALLBACK_MARK
from longtake.domain.errors import ConfigurationError
from longtake.domain.request import ShotRequest
from longtake.settings import settings
from longtake.vendors import VENDORS

log = logging.getLogger("longtake.accounts.callbacks")

DEFAULT_LISTEN = "127.0.0.1:8799"
MAX_HEAD_BYTES = 8 * 2**10
MAX_BODY_BYTES = 64 * 2**10
MAX_CONNECTIONS = 64
MAX_ADDRESSES = 10_000
"""The oldest address is forgotten beyond it: memory does not grow with a run, and no run has so many jobs in flight."""
CONNECTION_SECONDS = 5.0
"""Everything a caller does ends within it; the vendor itself waits 10 s."""

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]{1,16}) (?P<path>[!-~]+?)(?:[?#][!-~]*)? HTTP/1\.[01]\r\n")


@dataclass
class _Address:
    """One address given away. `look_soon` is None until the answer to its submit has named the job."""

    look_soon: Callable[[], None] | None = None
    was_called: bool = False


class Callbacks:
    """Gives addresses away and hears who calls them; one per run and process.

    Args:
        base_url: Public https address under which `host:port` is reached, without query.
        host: Where to listen.
        port: Where to listen; 0 takes a free one.
    """

    def __init__(self, base_url: str, host: str, port: int) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = host
        self.port = port
        self._addresses: dict[str, _Address] = {}
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens from now on.

        Raises:
            ConfigurationError: The place to listen is taken or not ours.
        """
        try:
            self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=MAX_HEAD_BYTES)
        except OSError as error:
            raise ConfigurationError(
                f"LONGTAKE_CALLBACK_LISTEN: {self.host}:{self.port} cannot be listened on ({error.strerror}); one "
                "render has it at a time: give another, or unset LONGTAKE_CALLBACK_URL to go by polling alone"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("callbacks to %s are taken at %s:%d", self.base_url, self.host, self.port)

    async def close(self) -> None:
        """Stops listening and hangs up."""
        if self._server is not None:
            self._server.close()
        for caller in self._callers:
            caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)

    def new_address(self) -> str:
        """An address for one purchase, which nobody can guess and nothing may store."""
        token = _new_token()
        while len(self._addresses) >= MAX_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        self._addresses[token] = _Address()
        return f"{self.base_url}/{token}"

    def expect(self, url: str | None, look_soon: Callable[[], None]) -> None:
        """Says whose address it is, once that is known; one that is not ours is left alone."""
        address = self._addresses.get(_token(url or ""))
        if address is None:
            return
        address.look_soon = look_soon
        if address.was_called:
            look_soon()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = asyncio.current_task()
        if caller is None or len(self._callers) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._callers.add(caller)
        try:
            async with asyncio.timeout(CONNECTION_SECONDS):
                writer.write(_reply(self._heard(await reader.readuntil(b"\r\n\r\n"))))
                await writer.drain()
                await _drop_body(reader)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # whoever hangs up, sends too much or is too slow is cut
        finally:
            self._callers.discard(caller)
            writer.transport.abort()

    def _heard(self, head: bytes) -> HTTPStatus:
        line = _REQUEST_LINE.match(head)
        if line is None:
            return HTTPStatus.BAD_REQUEST
        address = self._addresses.get(_token(line["path"].decode("ascii")))
        if address is None:
            return HTTPStatus.NOT_FOUND
        if line["method"] != b"POST":
            return HTTPStatus.METHOD_NOT_ALLOWED
        address.was_called = True
        if address.look_soon is not None:
            address.look_soon()
        return HTTPStatus.NO_CONTENT


async def receiver_from_environment() -> Callbacks | None:
    """The receiver that the environment asks for, listening; None where it asks for none.

    Raises:
        ConfigurationError: An address that no vendor would call, or a place where nobody can listen.
    """
    base_url = settings().callback_url.strip()
    if not base_url:
        return None
    host, port = _listen_at(settings().callback_listen.strip() or DEFAULT_LISTEN)
    callbacks = Callbacks(base_url, host, port)
    _require_callable(callbacks)
    await callbacks.open()
    return callbacks


def _listen_at(written: str) -> tuple[str, int]:
    host, _, port = written.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"LONGTAKE_CALLBACK_LISTEN: {written!r} is not host:port, such as {DEFAULT_LISTEN}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _require_callable(callbacks: Callbacks) -> None:
    """Holds the addresses against every vendor that calls back: a refused one would refuse every shot."""
    try:
        parts = urlsplit(callbacks.base_url)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        plain = False
    if not plain:
        raise ConfigurationError("LONGTAKE_CALLBACK_URL: give https://host[:port][/prefix], without user and query")
    for adapter in VENDORS.values():
        wire = next((model.wire for model in adapter.models if model.calls_back), None)
        if wire is None:
            continue
        request = ShotRequest(prompt="-", model=wire, callback_url=f"{callbacks.base_url}/{_new_token()}")
        for found in adapter.violations(request):
            if found.column == "callback_url":
                raise ConfigurationError(f"LONGTAKE_CALLBACK_URL: at {adapter.title} {found.rule}; {found.fix}")


def _new_token() -> str:
    return CALLBACK_MARK + secrets.token_urlsafe(32)


def _token(address: str) -> str:
    # A proxy in front may take the prefix away or leave it.
    return address.rpartition("/")[2]


def _reply(status: HTTPStatus) -> bytes:
    allow = "Allow: POST\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    length = "" if status is HTTPStatus.NO_CONTENT else "Content-Length: 0\r\n"
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{allow}{length}Connection: close\r\n\r\n".encode("ascii")


async def _drop_body(reader: asyncio.StreamReader) -> None:
    """Reads a body to its end, unseen: hanging up on bytes not read would take the reply away from the caller."""
    left = MAX_BODY_BYTES
    while left > 0 and (chunk := await reader.read(left)):
        left -= len(chunk)
