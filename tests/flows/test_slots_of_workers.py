"""A dead worker leaves jobs at the vendors: a run into another output keeps to the limits.

Judged by the vendors' own count. Limits of 1, 3 and 10 stand side by side, one vendor each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.sandbox.jobs import Job
from tests.flows.own_server import own_server
from tests.flows.project import Project, deployed, worker_of
from tests.flows.test_local_server import wait_for
from tests.flows.test_slots_after_death import LIMITS, keeps_to_its_limits
from tests.flows.test_workers import CRASHED, family, runs_below

DEPLOYMENT = "render-manifest-sandbox"
FULL = sum(LIMITS.values())
LOOKED_AT_SECONDS = 20.0
"""How long a run that must wait is seen to wait."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project on a server of its own, with no worker yet, and a limit for each vendor; jobs end when told to."""
    (tmp_path / "project").mkdir()
    with own_server(tmp_path / "home") as server, deployed(server, tmp_path / "project") as project:
        for vendor, limit in LIMITS.items():
            body = {"name": f"longtake-{vendor}-default", "limit": limit, "active": True, "slot_decay_per_second": 0}
            project.call("POST", "/v2/concurrency_limits/", body).raise_for_status()
        project.sandbox.settings.jobs_per_key = None
        project.sandbox.settings.job_seconds = 3600
        yield project


def started(project: Project, name: str, **parameters: object) -> str:
    """A run of as many one-shot reels as the limits allow together."""
    rows = [
        f"{name}-{vendor}-{number},1,{vendor},{name} prompt {number} for {vendor},4,480p"
        for vendor, limit in LIMITS.items()
        for number in range(limit)
    ]
    header = "reel,shot,vendor,prompt,duration_seconds,resolution"
    (project.folder / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    run = project.run(DEPLOYMENT, manifest=f"{name}.csv", output=f"out-{name}", **parameters)
    return str(run.raise_for_status().json()["id"])


def known_jobs(project: Project, name: str) -> int:
    purchases = Ledger(open_store(str(project.folder / f"out-{name}"))).load().values()
    return sum(one.accepted is not None for one in purchases)


def still_in_flight(project: Project) -> list[Job]:
    return [job for job in project.sandbox.jobs() if job.status in ("queued", "running")]


def waits_while_those_jobs_run(project: Project, dead: str, run: str) -> None:
    """The run is under way, and buys nothing while the jobs of the dead one fill every limit."""
    wait_for(lambda: project.read(run)["state_type"] == "RUNNING", 240)
    wait_for((project.folder / "out-hare" / "report.html").exists, 120)  # its shots are queued
    begun = time.monotonic()
    while time.monotonic() - begun < LOOKED_AT_SECONDS:
        assert project.billed("hare") == 0
        time.sleep(0.5)
    assert len(still_in_flight(project)) == FULL, dead


def both_come_to_their_end(project: Project, first: str, other: str) -> None:
    """Retry of the first takes its jobs up and gives their slots back, which the other has waited for."""
    project.sandbox.settings.job_seconds = 1.0
    for job in still_in_flight(project):
        job.end("succeeded")
    end = project.press_retry(first, 400)
    assert end["state_type"] == "COMPLETED", end["state"]["message"]
    end = project.end_of(other, 300)
    assert end["state_type"] == "COMPLETED", end["state"]["message"]
    assert (project.billed("fox"), project.billed("hare"), project.sandbox.bill.count()) == (FULL, FULL, 2 * FULL)
    assert keeps_to_its_limits(project.sandbox)


@pytest.mark.slow
def test_a_run_into_another_output_waits_for_the_jobs_of_a_dead_worker(project: Project):
    with worker_of(project, "victim") as victim:
        dead = started(project, "fox")
        wait_for(lambda: known_jobs(project, "fox") == FULL, 240)
        assert runs_below(victim) == {dead}
        for process in family(victim):  # the worker, its tether and the flow run's own process
            process.kill()
        psutil.wait_procs(family(victim), 20)
    with worker_of(project, "successor"):
        project.call("POST", f"/flow_runs/{dead}/set_state", CRASHED | {"force": True}).raise_for_status()
        other = started(project, "hare")
        waits_while_those_jobs_run(project, dead, other)
        both_come_to_their_end(project, dead, other)
