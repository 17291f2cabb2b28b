"""The environment's proxies: none is asked about this machine, and one that cannot be used stops nothing else.

Only Prefect's client and S3 read them; vendors and media hosts are reached without.
"""

from __future__ import annotations

import importlib.util
import os
import urllib.request
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from longtake.domain.errors import ConfigurationError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def prepare_proxies(api_url: str | None) -> None:
    """Leaves in the environment what httpx can read: it fails over any other, even where it would never use it.

    Args:
        api_url: The Prefect server that is configured; None for one of this machine.

    Raises:
        ConfigurationError: The way to the server leads through a proxy that cannot be used.
    """
    for name in ("NO_PROXY", "no_proxy"):
        listed = os.environ.get(name, "")
        there = [entry for entry in map(str.strip, listed.split(",")) if entry and _is_host(entry)]
        if "*" not in there:
            os.environ[name] = ",".join([*there, *(host for host in LOOPBACK if host not in there)])
    faults = {name: fault for name in _PROXIES if (fault := _fault(os.environ.get(name, "")))}
    if faults and api_url is not None and not _is_direct(api_url):
        raise ConfigurationError(
            "\n".join(f"{name}: {fault}" for name, fault in faults.items())
            + f"\nMend it or unset it, or add {urlsplit(api_url).hostname}, the Prefect server, to NO_PROXY"
        )
    for name in faults:
        del os.environ[name]


def proxy_to(api_url: str) -> str | None:
    """The variable whose proxy is on the way to a server; None where the way is direct."""
    names = (f"{urlsplit(api_url).scheme}_proxy", "all_proxy")
    found = (name for plain in names for name in (plain, plain.upper()) if os.environ.get(name))
    return None if _is_direct(api_url) else next(found, None)


def _is_direct(api_url: str) -> bool:
    host = urlsplit(api_url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return bool(urllib.request.proxy_bypass(host))


def _is_host(entry: str) -> bool:
    """Whether httpx can read an entry of NO_PROXY; IPv6 in brackets and IPv6 networks it cannot."""
    try:
        return bool(ip_address(entry))
    except ValueError:
        pass
    try:
        return bool(httpx.URL(entry if "://" in entry else f"all://*{entry}"))
    except httpx.InvalidURL:
        return False


def _fault(proxy: str) -> str | None:
    """What keeps httpx from using a proxy; a login that stands in the address is not repeated."""
    if not proxy:
        return None
    try:
        url = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}").url
    except (ValueError, httpx.InvalidURL):
        url = None
    if url is None or not url.host or " " in proxy:
        return "no address of a proxy, such as http://proxy.example:3128"
    if not url.scheme.startswith("socks") or all(map(importlib.util.find_spec, ("socksio", "python_socks"))):
        return None
    return f"{url.scheme}://{url.netloc.decode()} speaks SOCKS, for which `pip install socksio python-socks` is needed"
