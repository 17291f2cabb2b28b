"""A Prefect server as `prefect server start` runs it in production: killed and started again by a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from deployments.local.server.process import SETTINGS
from tests.flows.conftest import ROOT, clean_environment
from tests.flows.project import PREFECT

POSTGRES = Path("/usr/lib/postgresql")
STARTS_WITHIN_SECONDS = 120


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class OwnServer:
    """A server on a port that it keeps. `settings` come on top of those of the local server."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def environment(self) -> dict[str, str]:
        return clean_environment(self.home) | {"PREFECT_API_URL": self.api_url}

    def start(self) -> None:
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "deployments.local._tether"),
                    *(*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)),
                ],
                cwd=ROOT,
                env=clean_environment(self.home) | SETTINGS | self.settings,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self.home / "server.log").read_text()[-3000:]
            assert self.process.poll() is None, (self.home / "server.log").read_text()[-3000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children(recursive=True):
            process.kill()
        self.process.stdin.close()
        self.process.wait(20)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.api_url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def own_server(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[OwnServer]:
    """A running server that ends with the block."""
    home.mkdir(parents=True, exist_ok=True)
    server = OwnServer(home, settings or {})
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    return next(iter(sorted(POSTGRES.glob("*/bin"), reverse=True)), None)


@contextmanager
def postgres() -> Iterator[str]:
    """An empty database of its own on loopback; yields Prefect's connection address."""
    programs, port = postgres_programs(), free_port()
    assert programs is not None
    # PostgreSQL refuses to run as root, and pytest's folders are root's alone.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="longtake-postgres-"))
    try:
        if user:
            shutil.chown(folder, user)
        initialise = [programs / "initdb", "-D", folder, "-U", "prefect", "-A", "trust", "--no-sync"]
        subprocess.run(initialise, user=user, cwd=folder, check=True, capture_output=True)
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"]
        command = [programs / "postgres", "-D", folder, *options]
        with subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for_port(port)
                yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
            finally:
                process.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """An empty Redis of its own on loopback; yields its address."""
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for_port(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nothing listens on {port}"
        time.sleep(0.1)
