"""The Prefect server killed and started again in mid-run: the run completes, is billed once, and no slot is lost."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.flows.own_server import OwnServer, own_server, postgres, postgres_programs, redis
from tests.flows.project import Project, deployed, worker_of
from tests.flows.test_local_server import wait_for

LIMIT = "/v2/concurrency_limits/longtake-evolink-default"
DOWN_SECONDS = 5
ROWS = 9


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[OwnServer]:
    with own_server(tmp_path / "home") as server:
        yield server


@pytest.fixture
def on_postgres_and_redis(tmp_path: Path) -> Iterator[OwnServer]:
    """The settings of `deployments/production/compose.yaml`."""
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed (Debian package redis-server)")
    if importlib.util.find_spec("prefect_redis") is None:
        pytest.skip("prefect-redis is not installed; it is no part of the lock, only of the production image")
    with ExitStack() as stack:
        database, messages = stack.enter_context(postgres()), stack.enter_context(redis(tmp_path))
        settings = {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
            "PREFECT_SERVER_DOCKET_URL": f"{messages}/1",
            "PREFECT_REDIS_MESSAGING_URL": f"{messages}/0",
        }
        yield stack.enter_context(own_server(tmp_path / "home", settings))


def check_restart(server: OwnServer, folder: Path) -> None:
    folder.mkdir()
    with deployed(server, folder) as project, worker_of(project, "worker"):
        project.sandbox.settings.job_seconds = 4
        manifest = project.write_reels("restart", ROWS)
        run = project.run("render-manifest-sandbox", manifest=manifest, output="out").raise_for_status().json()["id"]
        wait_for(lambda: project.billed("restart") >= 4, 240)
        assert active_slots(project) > 0

        server.kill()
        time.sleep(DOWN_SECONDS)
        server.start()

        end = project.end_of(run)
        assert end["state_type"] == "COMPLETED", end["state"]["message"]
        assert f"{ROWS}/{ROWS} rows done" in end["state"]["message"]
        assert end["run_count"] == 1
        assert project.billed("restart") == ROWS
        assert project.sandbox.peak_in_flight("evolink") <= 3
        wait_for(lambda: active_slots(project) == 0, 10)


def active_slots(project: Project) -> int:
    return project.call("GET", LIMIT).raise_for_status().json()["active_slots"]


@pytest.mark.slow
def test_a_run_outlives_its_server_on_sqlite(on_sqlite: OwnServer, tmp_path: Path):
    check_restart(on_sqlite, tmp_path / "project")


@pytest.mark.slow
def test_a_run_outlives_its_server_on_postgres_and_redis(on_postgres_and_redis: OwnServer, tmp_path: Path):
    check_restart(on_postgres_and_redis, tmp_path / "project")
