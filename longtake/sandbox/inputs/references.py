"""Fetches what an order refers to, as the vendor's own servers would."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from longtake.sandbox.inputs.assets import Assets
from longtake.sandbox.inputs.measuring import Fetched, measure
from longtake.sandbox.inputs.media_rules import MIB, MediaRules, check
from longtake.sandbox.order import Input, Refused, Why

_FETCH_SECONDS = 20.0
# Loading the certificates takes 20 ms of the server's time, so once is enough.
_TRUST = httpx.create_ssl_context(trust_env=False)


class ReferenceDesk:
    """Fetches references for every vendor of one sandbox."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def gather(
        self, vendor: str, inputs: tuple[Input, ...], rules: MediaRules, *, allow_loopback: bool
    ) -> tuple[Fetched, ...]:
        """Every reference of an order, fetched and within the rules.

        Raises:
            Refused: One cannot be had, is of the wrong sort, or breaks a limit.
        """
        for wanted in inputs:
            scheme = _scheme(wanted.url)
            if rules.https_only and not _is_https_or_loopback(wanted.url):
                raise Refused(Why.BAD_REQUEST, f"{wanted.role}: https:// addresses only")
            if scheme not in rules.schemes[wanted.kind]:
                allowed = ", ".join(sorted(rules.schemes[wanted.kind]))
                raise Refused(Why.BAD_REQUEST, f"{wanted.role}: {scheme or 'this'} address is not accepted ({allowed})")
        fetched = await asyncio.gather(*(self._fetch(vendor, wanted, rules, allow_loopback) for wanted in inputs))
        check(fetched, rules)
        return tuple(fetched)

    async def _fetch(self, vendor: str, wanted: Input, rules: MediaRules, allow_loopback: bool) -> Fetched:
        scheme = _scheme(wanted.url)
        if scheme == "asset":
            asset = self._assets.find(vendor, wanted.url.removeprefix("asset://"))
            if asset is None:
                raise Refused(Why.BAD_REFERENCE, f"{wanted.role}: no such asset {wanted.url}")
            if not asset.is_active or asset.kind not in (wanted.kind, None):
                raise Refused(Why.BAD_REFERENCE, f"{wanted.role}: asset {wanted.url} is not an active {wanted.kind}")
            if not asset.content:
                return Fetched(wanted.kind, wanted.role, wanted.url)
            content, shown = asset.content, wanted.url
        else:
            content = await fetch_content(
                wanted.url, rules.bytes_of(wanted.kind), allow_loopback=allow_loopback, what=wanted.role
            )
            shown = "data:" if scheme == "data" else wanted.url.split("?", 1)[0]
        return await asyncio.to_thread(measure, wanted.kind, wanted.role, shown, content)


def _is_https_or_loopback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme != "http" or parts.hostname in ("127.0.0.1", "localhost", "::1")


def _scheme(url: str) -> str:
    scheme = urlsplit(url).scheme.lower()
    return "http" if scheme == "https" else scheme


def _inline(url: str, what: str) -> bytes:
    head, _, tail = url.partition(",")
    if not head.endswith(";base64"):
        raise Refused(Why.BAD_REFERENCE, f"{what}: inline data must be base64")
    try:
        return base64.b64decode(tail, validate=True)
    except binascii.Error as error:
        raise Refused(Why.BAD_REFERENCE, f"{what}: inline data is not base64") from error


async def fetch_content(url: str, most_bytes: int, *, allow_loopback: bool, what: str) -> bytes:
    """The bytes behind an http(s) address or in a data URI; raises `Refused` as `download` does."""
    if _scheme(url) == "data":
        return _inline(url, what)
    return await download(url, most_bytes, allow_loopback=allow_loopback, what=what)


async def _is_private(host: str) -> bool:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(not ipaddress.ip_address(address[0]).is_global for *_, address in found)


async def download(url: str, most_bytes: int, *, allow_loopback: bool, what: str) -> bytes:
    """Fetches an address as the vendor's servers would; `what` names it in a refusal.

    Raises:
        Refused: It cannot be had, or is larger than `most_bytes`.
    """
    parts = urlsplit(url)
    if not allow_loopback and (parts.scheme != "https" or await _is_private(parts.hostname or "")):
        raise Refused(Why.BAD_REFERENCE, f"{what}: the address cannot be reached from the Internet")
    content = bytearray()
    client = httpx.AsyncClient(
        verify=_TRUST,
        timeout=_FETCH_SECONDS,
        follow_redirects=allow_loopback,
        max_redirects=5,
        trust_env=False,
    )
    try:
        async with client, client.stream("GET", url) as response:
            if response.status_code != 200:
                raise Refused(Why.BAD_REFERENCE, f"{what}: fetching it gave HTTP {response.status_code}")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > most_bytes:
                    raise Refused(Why.BAD_REFERENCE, f"{what}: larger than {most_bytes // MIB} MB")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Refused(Why.BAD_REFERENCE, f"{what}: could not be fetched ({type(error).__name__})") from error
    return bytes(content)
