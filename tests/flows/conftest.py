"""A real Prefect server for the tests, in a home of its own; further homes for tests that kill their servers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.local.server.join import Places, ServerHandle, ensure_server
from longtake.vendors import VENDORS

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class PrefectServer:
    """The server that this process and, with `environment()`, its child processes use."""

    handle: ServerHandle
    home: Path
    fresh_database: Path
    """As it was before any test used the server."""

    @property
    def api_url(self) -> str:
        return self.handle.api_url

    def environment(self) -> dict[str, str]:
        return clean_environment(self.home) | {"PREFECT_API_URL": self.api_url} | login()


def login() -> dict[str, str]:
    """What a terminal sets to use the server of this process."""
    return {"PREFECT_API_AUTH_STRING": os.environ["PREFECT_API_AUTH_STRING"]}


def basic_login(home: Path | None = None) -> tuple[str, str]:
    """The same for plain HTTP, to the server of a home."""
    secret = Places(home).secret.read_text() if home else os.environ.get("PREFECT_API_AUTH_STRING", ":")
    user, _, password = secret.partition(":")
    return user, password


def clean_environment(home: Path) -> dict[str, str]:
    """This process's environment without any Prefect setting or vendor key, and with `home` as Prefect's."""
    foreign = ("PREFECT_", "LONGTAKE_", *(f"{vendor.upper()}_" for vendor in VENDORS))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PREFECT_HOME": str(home)}


def _refresh_settings() -> None:
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as ours, closing(sqlite3.connect(target)) as theirs:
        ours.backup(theirs)


def _first_server(home: Path, fresh: Path) -> ServerHandle:
    """The server of a home. One process of the tests makes a database, seconds of CPU; the others copy it."""
    with fresh.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not fresh.exists():
            handle = ensure_server()
            _copy_database(home / "prefect.db", fresh)
            return handle
    _copy_database(fresh, home / "prefect.db")
    return ensure_server()


@pytest.fixture(scope="package")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[PrefectServer]:
    home = tmp_path_factory.mktemp("prefect-home")
    base = tmp_path_factory.getbasetemp()
    fresh = (base if worker_id == "master" else base.parent) / "fresh-prefect.db"
    before, ours = dict(os.environ), clean_environment(home) | {"PREFECT_LOGGING_LEVEL": "WARNING"}
    os.environ.clear()
    os.environ.update(ours)
    _refresh_settings()
    handle = _first_server(home, fresh)
    yield PrefectServer(handle, home, fresh)
    handle.close()
    os.environ.clear()
    os.environ.update(before)
    _refresh_settings()


@pytest.fixture
def new_home(prefect_server: PrefectServer, tmp_path: Path) -> Callable[[], Path]:
    """Makes Prefect homes whose database is there already, so that a server on them starts in seconds."""

    def make() -> Path:
        home = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
        home.mkdir()
        _copy_database(prefect_server.fresh_database, home / "prefect.db")
        return home

    return make


@pytest.fixture(scope="package")
def deployed(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """One deployed project with a worker for all tests of this folder: it takes half a minute to make."""
    from tests.flows.project import deployed_project

    with deployed_project(prefect_server, tmp_path_factory.mktemp("project")) as made:
        yield made


@pytest.fixture
def project(deployed):
    """The deployed project, its sandbox quick again and without faults."""
    deployed.sandbox.settings.job_seconds = 0.5
    deployed.sandbox.faults.clear()
    return deployed
