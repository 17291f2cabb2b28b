"""The Prefect server of the command line: the configured one, else one real loopback server per PREFECT_HOME.

Every client holds a shared lock on one file as long as it lives; the server (`.process`) leaves when nobody holds it.
The kernel drops locks at death, so nothing is left behind however a process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from deployments.local.server.access import private_home, secret_of, without_keys
from flows._prefect_settings import prefect_home, read_settings, settings_files
from flows._proxies import prepare_proxies
from flows._server_reach import require_address, require_answer
from longtake.domain.errors import ConfigurationError

_LOG_KEPT_BYTES = 1_000_000
_LOG_LINES_READ = 100
_ERROR_LINE = re.compile(r"[a-z]\w*(\.\w+)*\.?[A-Z]\w*(Error|Exception|Interrupt|Exit)\b|[A-Z]\w*(Error|Exception)\b")
_ERROR_CHARACTERS = 600
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Places:
    """The files that clients and server meet at."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "longtake"

    @property
    def clients(self) -> Path:
        """Held shared by every client."""
        return self.folder / "clients.lock"

    @property
    def starting(self) -> Path:
        """Held by the one client that starts a server."""
        return self.folder / "starting.lock"

    @property
    def server(self) -> Path:
        """Held by the server as long as it lives."""
        return self.folder / "server.lock"

    @property
    def address(self) -> Path:
        """JSON with `api_url`, `port` and `pid`, written before the server is ready."""
        return self.folder / "server.json"

    @property
    def secret(self) -> Path:
        """What the server asks for; whoever can read it may use the server."""
        return self.folder / "secret"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def written_address(self) -> dict[str, Any]:
        """What the last server wrote; empty if there was none."""
        try:
            return json.loads(self.address.read_bytes())
        except (OSError, ValueError):
            return {}


@dataclass
class ServerHandle:
    """The server that flows of this process talk to. A local one stays while any handle to it is open."""

    api_url: str
    places: Places | None = None
    _presence: IO[bytes] | None = None
    _closed: threading.Event = field(default_factory=threading.Event)
    _child: subprocess.Popen[bytes] | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is the loopback server of this PREFECT_HOME."""
        return self.places is not None

    def wait_until_ready(self, timeout_seconds: float = 120) -> None:
        """Returns as soon as a local server answers; the first start of a home makes its database, which takes longest.

        Raises:
            ConfigurationError: It does not start; the message ends with what its log says last. Or Prefect's settings
                cannot be used.
        """
        read_settings()  # a local server starts meanwhile
        if self.places is None:
            require_answer(self.api_url)
            return
        deadline = time.monotonic() + timeout_seconds
        while not _answers(self.api_url):
            if time.monotonic() > deadline or (self._child is not None and self._child.poll() is not None):
                raise _not_started(self.places.log)
            time.sleep(0.05)
            self._renew()
        threading.Thread(target=self._keep_alive, name="longtake-server", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the server; the last one to leave ends it."""
        self._closed.set()
        if self._presence is not None:
            self._presence.close()

    def _renew(self) -> None:
        """Starts the server again if it died, on its old port if that is free."""
        if self.places is not None:
            self.api_url, started = _running_or_started(self.places)
            self._child = started or self._child
            _publish(self.api_url, secret_of(self.places.secret))

    def _keep_alive(self) -> None:
        while self.places is not None and not self._closed.wait(1.0):
            if self._child is not None:
                self._child.poll()
            if not is_held(self.places.server):
                with contextlib.suppress(ConfigurationError):
                    self._renew()


def join_server() -> ServerHandle:
    """Finds or starts the server and sets `PREFECT_API_URL`, without waiting for it to be ready.

    Call it before Prefect is imported: what is imported meanwhile costs no time of its own.

    Raises:
        ConfigurationError: No server can be started here.
    """
    if url := before_prefect():
        _adopted(url)
        return ServerHandle(url)
    places = Places(prefect_home())
    try:
        private_home(places.home)
        places.folder.mkdir(exist_ok=True, mode=0o700)
        presence = places.clients.open("ab")
    except OSError as error:
        raise ConfigurationError(f"PREFECT_HOME cannot be used: {error}") from error
    fcntl.flock(presence, fcntl.LOCK_SH)
    handle = ServerHandle("", places, presence)
    try:
        handle._renew()  # pyright: ignore[reportPrivateUsage]
    except BaseException:
        handle.close()
        raise
    return handle


def before_prefect() -> str | None:
    """Puts into the environment what Prefect must find there when it is imported; returns the server's address.

    Prefect's makers are told nothing from here.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    if url := _configured_url():
        require_address(url)
    prepare_proxies(url)
    return url


def require_configured() -> None:
    """Holds a configured server to an answer, where one is configured; for commands that begin none.

    Raises:
        ConfigurationError: It gives none, or Prefect's settings cannot be used.
    """
    before_prefect()
    if (url := read_settings().api.url) and not _adopted(url):
        require_answer(url)


def _adopted(url: str) -> bool:
    """Takes the secret of the home along where the address is that of its running server, another terminal's."""
    places = Places(prefect_home())
    if url != places.written_address().get("api_url") or not is_held(places.server):
        return False
    _publish(url, secret_of(places.secret))
    return True


def ensure_server() -> ServerHandle:
    """`join_server`, and waits until it is ready."""
    handle = join_server()
    try:
        handle.wait_until_ready()
    except BaseException:
        handle.close()
        raise
    return handle


def _configured_url() -> str | None:
    files = settings_files()
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    if not any("PREFECT_API_URL" in file.names for file in files):
        return None  # so Prefect need not be imported to ask: 0.8 s
    return read_settings().api.url


def _running_or_started(places: Places) -> tuple[str, subprocess.Popen[bytes] | None]:
    child = None
    with _locked(places.starting):
        if not is_held(places.server):
            child = _spawn(places)
        return str(places.written_address()["api_url"]), child


def _spawn(places: Places) -> subprocess.Popen[bytes]:
    big = places.log.exists() and places.log.stat().st_size > _LOG_KEPT_BYTES
    with places.log.open("wb" if big else "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "deployments.local.server.process"],
            cwd=Path(__file__).parents[3],  # where our packages are, so that none of another folder goes before them
            env=without_keys(os.environ) | {"PREFECT_HOME": str(places.home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C ends the run, which still has its last words to say to the server
        )
    while places.written_address().get("pid") != child.pid:
        if child.poll() is not None:
            raise _not_started(places.log)
        time.sleep(0.01)
    return child


def _publish(api_url: str, secret: str) -> None:
    wanted = {"PREFECT_API_URL": api_url, "PREFECT_API_AUTH_STRING": secret}
    if wanted.items() <= os.environ.items():
        return
    os.environ |= wanted
    if "prefect.context" in sys.modules:  # it has read its settings already
        from prefect.context import refresh_global_settings_context  # noqa: PLC0415 - imported by now

        refresh_global_settings_context()


def _answers(api_url: str) -> bool:
    try:
        # The socket listens before the server runs, so the answer comes as soon as there can be one.
        # The environment's proxy is asked nothing about this machine.
        with _DIRECT.open(f"{api_url}/health", timeout=5) as reply:
            return reply.status == 200
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a file."""
    if not path.exists():
        return False
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _not_started(log: Path) -> ConfigurationError:
    """Tells the error that its log ends with, else the log's last lines."""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES_READ:] if log.exists() else ["(no log)"]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    told = errors[-1][:_ERROR_CHARACTERS] if errors else "\n".join(lines[-5:])
    return ConfigurationError(f"the local Prefect server does not start:\n{told}\nMore in its log, {log}")
