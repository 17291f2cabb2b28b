"""Who may use the local Prefect server: whoever can read the secret of its PREFECT_HOME, from this machine alone.

Its blocks hold vendors' keys. Other users of the machine reach its port, and so does any web page whose name is made to
point at 127.0.0.1; neither gets past the secret (Prefect's "auth string") and the check of the Host header.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

LOGIN_PATH = "/longtake"
HOSTS = ["127.0.0.1", "localhost"]
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OF_A_KEY = re.compile("KEY|SECRET|TOKEN|PASSW|CREDENTIAL|NOTIFY_URL", re.IGNORECASE)
# Prefect's pages keep the password in the browser under this name and ask for it where it is not there.
_LOGIN_PAGE = b"""<!doctype html><meta charset="utf-8"><title>Longtake</title>
<form><label>Password of this Prefect server <input type="password" autofocus></label> <button>Open</button></form>
<script>
const open = password => { localStorage.setItem("prefect-password", btoa(password)); location.replace("/"); };
const given = decodeURIComponent(location.hash.slice(1));
if (given) { history.replaceState(null, "", location.pathname); open(given); }
document.forms[0].onsubmit = event => { event.preventDefault(); open(document.querySelector("input").value); };
</script>
"""


def private_home(home: Path) -> None:
    """Makes a PREFECT_HOME, and what Prefect keeps in it, readable by its owner alone.

    A folder that serves others too, such as /tmp, keeps its mode; the files in it are closed all the same.

    Raises:
        OSError: It cannot be made.
    """
    is_new = not home.exists()
    home.mkdir(parents=True, exist_ok=True)
    found = home.stat()
    is_ours = found.st_uid == os.getuid() and not found.st_mode & stat.S_ISVTX
    if is_new or (is_ours and found.st_mode & _OTHERS and home != Path.home()):
        home.chmod(0o700)
    for kept in (*home.glob("prefect.db*"), home / "longtake", home / "concurrency_leases", home / "storage"):
        with contextlib.suppress(OSError):
            if (mode := kept.stat().st_mode) & _OTHERS:
                kept.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def secret_of(file: Path) -> str:
    """The secret in this file, made where there is none yet. All who come at once get the same.

    Raises:
        ConfigurationError: It cannot be read or made, or it is not ours.
    """
    try:
        if not file.exists():
            fresh = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:  # noqa: PTH123
                made.write(f"longtake:{secrets.token_urlsafe(32)}")
            try:
                with contextlib.suppress(FileExistsError):  # another was first
                    file.hardlink_to(fresh)
            finally:
                fresh.unlink()
        found = file.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"{file} is not ours: remove it, and who made it may not keep this PREFECT_HOME")
        if found.st_mode & _OTHERS:
            file.chmod(0o600)
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigurationError(f"the secret of the local Prefect server cannot be used: {error}") from error


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for the server, which outlives the command that starts it and needs no key but Prefect's own."""
    return {
        name: value for name, value in environment.items() if name.startswith("PREFECT_") or not _OF_A_KEY.search(name)
    }


def login_address(origin: str, secret: str) -> str:
    """An address that opens the UI. The secret stands behind the `#`, which no browser sends and no log gets."""
    return f"{origin}{LOGIN_PATH}#{secret}"


def guarded(app: ASGIApp) -> ASGIApp:
    """The server's app, for this machine's own names alone, with the page that logs in."""
    from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415 - the server's process alone

    async def with_login(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != LOGIN_PATH:
            await app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", b"default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'none'"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _LOGIN_PAGE})

    return TrustedHostMiddleware(with_login, allowed_hosts=HOSTS, www_redirect=False)
