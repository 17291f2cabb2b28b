"""Whether a configured Prefect server can be reached, told in a line before all begins; no proxy on the way to ours."""

from __future__ import annotations

import base64
import importlib.util
import os
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from ipaddress import ip_address
from urllib.parse import urlsplit

from longtake.domain.errors import ConfigurationError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TRIES = 3
_TRY_SECONDS = 5.0


def direct_to_loopback() -> None:
    """Lets no library of this process, or of those it starts, ask a proxy about this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        there = os.environ.get(name, "")
        if there.strip() != "*":
            missing = [host for host in LOOPBACK if host not in there.replace(" ", "").split(",")]
            os.environ[name] = ",".join([*filter(None, [there]), *missing])
    if importlib.util.find_spec("socksio") is None:
        # httpx fails over such a proxy even where it would never use it.
        for name in ("ALL_PROXY", "all_proxy"):
            if os.environ.get(name, "").lower().startswith("socks"):
                del os.environ[name]


def port_taken(port: int, option: str, error: OSError) -> ConfigurationError:
    """What to say where a port cannot be listened on."""
    return ConfigurationError(f"port {port} cannot be had ({error.strerror}): name another with {option}, or 0 for any")


def require_answer(api_url: str) -> None:
    """Asks a configured server whether it is there and lets us in.

    Raises:
        ConfigurationError: It is not, does not, or is no Prefect server.
    """
    told = _shown(api_url)
    words = ""
    for attempt in range(_TRIES):
        time.sleep(attempt)
        try:
            status = _status(api_url, os.environ.get("PREFECT_API_AUTH_STRING"), os.environ.get("PREFECT_API_KEY"))
            if status in (401, 403):  # the login may stand in a profile, which only Prefect can read
                status = _status(api_url, *_logins_of_settings())
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            words = f"{reason.strerror if isinstance(reason, OSError) and reason.strerror else reason}".strip()
            continue
        if status < 300:
            return
        if status in (401, 403):
            raise ConfigurationError(
                f"{told}: it asks for a login; set PREFECT_API_AUTH_STRING (or PREFECT_API_KEY) to the right one"
            )
        words = f"HTTP {status}, which is no Prefect API; such addresses end with /api"
        if status < 500:
            break
    raise ConfigurationError(
        f"{told}: no Prefect server answers there ({words or 'no reason given'}). Start it, or unset PREFECT_API_URL: "
        "without it a server of your own is started here"
    )


def _logins_of_settings() -> tuple[str | None, str | None]:
    from prefect.settings import get_current_settings  # noqa: PLC0415 - slow, and asked only where it is refused

    api = get_current_settings().api
    login, key = (each.get_secret_value() if each else None for each in (api.auth_string, api.key))
    return login, key


def _status(api_url: str, login: str | None, key: str | None) -> int:
    host = urlsplit(api_url).hostname or ""
    is_cloud = host.endswith("prefect.cloud")  # whose addresses have no such page
    request = urllib.request.Request(f"{api_url.rstrip('/')}/{'health' if is_cloud else 'admin/version'}")  # noqa: S310
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    elif key:
        request.add_header("Authorization", f"Bearer {key}")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if _is_loopback(host) else []))
    try:
        with opener.open(request, timeout=_TRY_SECONDS) as reply:
            return reply.status if reply.headers.get_content_type() == "application/json" else 404
    except urllib.error.HTTPError as error:
        return error.code


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(api_url: str) -> str:
    """The address without a login that may stand in it."""
    parts = urlsplit(api_url)
    return f"PREFECT_API_URL={parts._replace(netloc=parts.netloc.rpartition('@')[2]).geturl()}"
