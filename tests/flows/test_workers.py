"""One run over three worker processes, two of which die on the way: the limit holds, Retry finishes, nothing is paid
twice."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.flows.own_server import own_server
from tests.flows.project import Project, deployed, worker_of
from tests.flows.test_local_server import wait_for

DEPLOYMENT = "render-manifest-sandbox"
LIMIT = 6
CRASHED = {"state": {"type": "CRASHED", "message": "its process is gone"}}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project on a server of its own, with no worker yet, whose account may have six jobs in flight."""
    (tmp_path / "project").mkdir()
    with own_server(tmp_path / "home") as server, deployed(server, tmp_path / "project") as project:
        body = {"name": "longtake-evolink-default", "limit": LIMIT, "active": True, "slot_decay_per_second": 0}
        project.call("POST", "/v2/concurrency_limits/", body).raise_for_status()
        yield project


def check(project: Project, reels: int, reels_per_run: int, *, wait_for_automation: bool) -> None:
    with ExitStack() as stack:
        # Each takes a third of the runs at most, so that all have work.
        workers = [stack.enter_context(worker_of(project, name, "--limit", "3")) for name in ("one", "two", "three")]
        manifest = project.write_reels("many", reels)
        parameters = {"manifest": manifest, "output": "out", "reels_per_run": reels_per_run}
        parent = project.run(DEPLOYMENT, **parameters).raise_for_status().json()["id"]
        wait_for(lambda: all(runs_below(worker) - {parent} for worker in workers), 300)
        wait_for(lambda: project.billed("many") >= reels // 6, 400)

        beside = [worker for worker in workers if parent not in runs_below(worker)]
        for process in family(beside[0]):
            process.kill()
        wait_for(lambda: project.billed("many") >= reels // 3, 400)
        worker_itself(beside[1]).terminate()  # and it takes its runs along
        wait_for(lambda: not runs_below(beside[1]), 300)
        if not wait_for_automation:  # of bootstrap.py, which does this after 90 s
            mark_the_dead(project, workers)

        end = project.end_of(parent, 400)
        while end["state_type"] != "COMPLETED":
            # A worker leaves a run alone that comes again before it has let go of it.
            wait_for(lambda: parent not in set().union(*(runs_below(worker) for worker in workers)), 120)
            time.sleep(3)
            end = project.press_retry(parent, 600)
        assert f"{reels}/{reels} rows done" in end["state"]["message"]
    assert project.billed("many") == reels
    assert project.sandbox.bill.count() == reels
    assert not project.sandbox.bill.duplicates()
    assert 1 < project.sandbox.peak_in_flight("evolink") <= LIMIT
    assert len(list((project.folder / "out/reels").glob("*.mp4"))) == reels
    wait_for(lambda: active_slots(project) == 0, 90)


@pytest.mark.slow
def test_two_of_three_workers_die_and_retry_pays_nothing_twice(project: Project):
    project.sandbox.settings.job_seconds = 4
    check(project, 24, 4, wait_for_automation=False)


@pytest.mark.slow
def test_120_reels_over_three_workers_of_which_two_die(project: Project):
    project.sandbox.settings.job_seconds = 5
    check(project, 120, 8, wait_for_automation=True)


def family(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A worker and all that it started, its tether included."""
    tether = psutil.Process(worker.pid)
    return [tether, *tether.children(recursive=True)]


def worker_itself(worker: subprocess.Popen[bytes]) -> psutil.Process:
    """The worker that a tether holds."""
    return next(child for child in psutil.Process(worker.pid).children() if "worker" in child.cmdline())


def runs_below(worker: subprocess.Popen[bytes]) -> set[str]:
    """Ids of the runs that a worker has in hand; none if it is dead."""
    found: set[str] = set()
    try:
        processes = family(worker)
    except psutil.NoSuchProcess:
        return found
    for process in processes:
        try:
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
        except psutil.Error:
            continue
    return found - {""}


def mark_the_dead(project: Project, workers: list[subprocess.Popen[bytes]]) -> None:
    """What the automation does after missed heartbeats, and the parent after a claim that came to nothing, at once."""
    time.sleep(2)  # what the dying worker had to say has arrived
    alive = set[str]().union(*(runs_below(worker) for worker in workers))
    for run in project.call("POST", "/flow_runs/filter", {}).json():
        if run["id"] not in alive and run["state_type"] in ("PENDING", "RUNNING"):
            project.call("POST", f"/flow_runs/{run['id']}/set_state", CRASHED | {"force": True}).raise_for_status()


def active_slots(project: Project) -> int:
    limit = project.call("GET", "/v2/concurrency_limits/longtake-evolink-default")
    return limit.raise_for_status().json()["active_slots"]
