"""Whether a configured Prefect server can be reached and used, told in a line before all begins."""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from flows._prefect_settings import read_settings, source_of
from flows._proxies import proxy_to
from longtake.domain.errors import ConfigurationError
from longtake.domain.text import one_line

_TRIES = 3
_TRY_SECONDS = 4.0
_ALL_TRIES_SECONDS = 6.0
_EXAMPLE = "http://127.0.0.1:4200/api"


def port_taken(port: int, option: str, error: OSError) -> ConfigurationError:
    """What to say where a port cannot be listened on."""
    return ConfigurationError(f"port {port} cannot be had ({error.strerror}): name another with {option}, or 0 for any")


def require_address(api_url: str) -> None:
    """Looks whether a server's address is one, which Prefect does not tell in words.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        parts = urlsplit(api_url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or re.search(r"[\s\"'<>]", api_url):
        raise ConfigurationError(
            f"{_told(api_url)}: no address of a Prefect server. Write it as {_EXAMPLE}, or {_unset()}"
        )


def require_answer(api_url: str) -> None:
    """Asks a configured server whether it is there, lets us in and is one that this Prefect can use.

    Raises:
        ConfigurationError: It is not, does not, or is no such server.
    """
    settings, way = read_settings(), proxy_to(api_url)
    words, begun = "", time.monotonic()
    for attempt in range(_TRIES):
        time.sleep(attempt)
        try:
            status, answer = _asked(api_url, settings)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            words = _reason(error)
        else:
            if status < 300 and _is_usable(answer, api_url):
                return
            if status in (401, 403):
                raise ConfigurationError(
                    f"{_told(api_url)}: it asks for a login; set PREFECT_API_AUTH_STRING (or PREFECT_API_KEY) to the "
                    "right one"
                )
            words = f"HTTP {status}, which is no Prefect API; such addresses end with /api, as {_EXAMPLE} does"
            if status < 500:
                break
        if time.monotonic() - begun > _ALL_TRIES_SECONDS:
            break
    if way:
        words += f", by the proxy of {way}"
    raise ConfigurationError(f"{_told(api_url)}: no Prefect server answers there ({words}). Start it, or {_unset()}")


def _asked(api_url: str, settings: Any) -> tuple[int, Any]:
    """The status and the JSON that the server answers with to the login, headers, trust and way that Prefect takes."""
    host = urlsplit(api_url).hostname or ""
    page = "health" if host.endswith("prefect.cloud") else "admin/version"  # which Prefect Cloud has not
    headers = dict(settings.client.custom_headers)
    if login := settings.api.auth_string:
        headers["Authorization"] = f"Basic {base64.b64encode(login.get_secret_value().encode()).decode()}"
    elif key := settings.api.key:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    with (
        httpx.Client(verify=_trust(settings), timeout=_TRY_SECONDS, follow_redirects=True, headers=headers) as client,
        client.stream("GET", f"{api_url.rstrip('/')}/{page}") as reply,
    ):
        if reply.status_code >= 300:
            return reply.status_code, None
        return reply.status_code, json.loads(next(reply.iter_bytes(), b"null")) if _is_json(reply) else None


def _is_json(reply: httpx.Response) -> bool:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "timed out"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)).strip() or type(error).__name__


def _is_usable(answer: object, api_url: str) -> bool:
    """Whether the answer is a Prefect server's: its version, or Prefect Cloud's word that it is well."""
    if answer is True:
        return True
    if not isinstance(answer, str) or not re.match(r"\d+\.", answer):
        return False
    from prefect import __version__ as ours  # noqa: PLC0415 - slow, and imported by now

    if answer.partition(".")[0] != ours.partition(".")[0]:
        raise ConfigurationError(
            f"{_told(api_url)}: a server of Prefect {answer}, which Prefect {ours} cannot use. Name another, or "
            f"{_unset()}"
        )
    return True


def _trust(settings: Any) -> ssl.SSLContext:
    """As Prefect's own client trusts."""
    file = settings.api.ssl_cert_file
    try:
        context = ssl.create_default_context(cafile=file)
    except OSError as error:
        raise ConfigurationError(
            f"PREFECT_API_SSL_CERT_FILE={file}, from {source_of('PREFECT_API_SSL_CERT_FILE')}, cannot be used: "
            f"{error.strerror}"
        ) from None
    if settings.api.tls_insecure_skip_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _told(api_url: str) -> str:
    """The address, without a login that may stand in it, and the file that it comes from."""
    scheme, _, rest = api_url.rpartition("//")
    bare = f"{scheme}{'//' if scheme else ''}{rest.rpartition('@')[2]}"
    source = source_of("PREFECT_API_URL")
    return f"PREFECT_API_URL={one_line(bare)}" + ("" if source == "the environment" else f", from {source}")


def _unset() -> str:
    source = source_of("PREFECT_API_URL")
    how = "unset PREFECT_API_URL" if source == "the environment" else f"take PREFECT_API_URL out of {source}"
    return f"{how}: without it a server of your own is started here"
