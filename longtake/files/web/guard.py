"""Fetching media from addresses that are not ours: no private hosts, no key, no surprises.

Names are resolved here and every address is checked before a connection is made to exactly that address, at every
redirect, so that no name can point inside later. `LONGTAKE_ALLOW_HOSTS` names the exceptions.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urljoin, urlsplit

import anyio.to_thread
import httpcore
import httpx

from longtake import __version__
from longtake.domain.addresses import unsigned_url
from longtake.domain.errors import UnsafeAddressError
from longtake.files.web.tls import trusted
from longtake.settings import settings

MAX_REDIRECTS = 5
FETCH_ERRORS = (httpx.HTTPError, httpx.InvalidURL)
"""What a fetch may raise beside our own errors."""
_HEADERS = {"User-Agent": f"longtake/{__version__}"}
"""Hosts refuse the bare names of HTTP libraries."""


def allowed_hosts() -> frozenset[str]:
    """Hosts of `LONGTAKE_ALLOW_HOSTS` (separated by commas or spaces), lower case."""
    return frozenset(settings().allow_hosts.lower().replace(",", " ").split())


def check_url(url: str) -> None:
    """Refuses what is not plain http(s) to a host.

    Raises:
        UnsafeAddressError: Another scheme, no host, or a user in the address.
    """
    try:
        parts, _ = urlsplit(url), httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise UnsafeAddressError("what was given as a link is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise UnsafeAddressError(f"{unsigned_url(url)[:200]} is not a plain http(s) address")


def check_address(host: str, address: str, allowed: Iterable[str]) -> None:
    """Refuses an address inside: loopback, private, link-local, multicast, reserved.

    Raises:
        UnsafeAddressError: It is one, and neither it nor the host's name is allowed.
    """
    if host.lower() in allowed or address in allowed:
        return
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if not inner.is_global or inner.is_multicast:
        raise UnsafeAddressError(
            f"{host} is at the private address {address}; name it in LONGTAKE_ALLOW_HOSTS if media may come from there"
        )


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to an address that was checked, never to a name."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._inner: httpcore.AsyncNetworkBackend = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())
        self._allowed = allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found: list[Any] = await anyio.to_thread.run_sync(_resolve, host, port)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            check_address(host, address, self._allowed)
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise UnsafeAddressError(f"{path}: sockets are not fetched from")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _resolve(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise httpcore.ConnectError(f"{host} does not resolve: {error}") from None


class GuardedClient:
    """An HTTP client for media alone. It never holds a key; an async context manager.

    `downloads` bounds the clips that are fetched at once; it is held while bytes come, not while a host is waited for.
    """

    def __init__(self, *, timeout_seconds: float = 60.0, max_downloads: int = 8) -> None:
        transport = httpx.AsyncHTTPTransport(verify=trusted(), trust_env=False)
        # httpx offers no public way to choose the network backend of its pool.
        transport._pool = httpcore.AsyncConnectionPool(  # pyright: ignore[reportPrivateUsage]
            ssl_context=trusted(),
            max_connections=100,
            max_keepalive_connections=20,
            network_backend=_CheckedBackend(allowed_hosts()),
        )
        timeout = httpx.Timeout(timeout_seconds, connect=10.0)
        self._client = httpx.AsyncClient(
            transport=transport, timeout=timeout, follow_redirects=False, trust_env=False, headers=_HEADERS
        )
        self.downloads = asyncio.Semaphore(max_downloads)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def stream(self, url: str, headers: dict[str, str] | None = None) -> AsyncGenerator[httpx.Response]:
        """Opens a GET, following redirects with every hop checked; the body is not read.

        Raises:
            UnsafeAddressError: An address inside, or of another scheme, at any hop.
            httpx.HTTPError: The connection failed, or the host sends on and on to other addresses.
        """
        for _ in range(MAX_REDIRECTS + 1):
            check_url(url)
            request = self._client.build_request("GET", url, headers=headers)
            response = await self._client.send(request, stream=True)
            if response.is_redirect:
                url = urljoin(url, response.headers.get("location", ""))
                await response.aclose()
                continue
            try:
                yield response
            finally:
                await response.aclose()
            return
        raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects", request=httpx.Request("GET", url))
