"""Whether a configured Prefect server can be reached and used, told in a line before all begins."""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from flows._prefect_settings import read_settings, source_of
from flows._proxies import is_loopback
from longtake.domain.errors import ConfigurationError
from longtake.domain.text import one_line

_TRIES = 3
_TRY_SECONDS = 4.0
_ALL_TRIES_SECONDS = 6.0
_ANSWER_BYTES = 1000
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
    parts, settings = urlsplit(api_url), read_settings()
    words, begun = "", time.monotonic()
    for attempt in range(_TRIES):
        time.sleep(attempt)
        try:
            status, answer = _asked(parts, settings)
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            words = f"{reason.strerror if isinstance(reason, OSError) and reason.strerror else reason}".strip()
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
    raise ConfigurationError(
        f"{_told(api_url)}: no Prefect server answers there ({words or 'no reason given'}). Start it, or {_unset()}"
    )


def _asked(parts: SplitResult, settings: Any) -> tuple[int, Any]:
    """The status and the JSON that the server answers with to the login, headers and trust that Prefect will use."""
    host = parts.hostname or ""
    is_cloud = host.endswith("prefect.cloud")  # whose addresses have no such page
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(  # noqa: S310 - http or https, see above
        f"{bare.geturl().rstrip('/')}/{'health' if is_cloud else 'admin/version'}",
        headers=dict(settings.client.custom_headers),
    )
    if login := settings.api.auth_string:
        request.add_header("Authorization", _basic(login.get_secret_value()))
    elif key := settings.api.key:
        request.add_header("Authorization", f"Bearer {key.get_secret_value()}")
    elif parts.username:
        request.add_header("Authorization", _basic(f"{unquote(parts.username)}:{unquote(parts.password or '')}"))
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=_trust(settings))]
    if is_loopback(host):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TRY_SECONDS) as reply:
            if reply.headers.get_content_type() != "application/json":
                return 404, None
            return reply.status, json.loads(reply.read(_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        return error.code, None


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


def _basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


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
