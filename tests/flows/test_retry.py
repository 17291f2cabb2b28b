"""Retry, as the UI's button sends it: finishes what is missing and only that, whatever happened in between."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psutil
import pytest

from longtake.sandbox.faults import Fault
from tests.flows.conftest import PrefectServer
from tests.flows.project import LOOK_SECONDS, Project, worker_of
from tests.flows.test_local_server import wait_for

DEPLOYMENT = "render-manifest-sandbox"
RETRY = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def write_manifest(project: Project, name: str, rows: int) -> None:
    lines = ["id,vendor,prompt,duration_seconds,resolution"]
    lines += [f"{name}-{number},evolink,{name} prompt {number} end,4,480p" for number in range(rows)]
    (project.folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def started(project: Project, name: str) -> str:
    run = project.run(DEPLOYMENT, manifest=f"{name}.csv", output=f"out-{name}")
    return str(run.raise_for_status().json()["id"])


def state_of(project: Project, run: str) -> dict:
    return project.call("GET", f"/flow_runs/{run}").json()["state"]


def ended(project: Project, run: str, after: str = "") -> dict:
    """The run's final state, later than the one named."""

    def is_final() -> bool:
        state = state_of(project, run)
        return state["type"] in ENDS and state["id"] != after

    wait_for(is_final, 120, LOOK_SECONDS)
    return state_of(project, run)


def settled(project: Project, run: str) -> None:
    """Worker, runner and automation each tell of a death; the last word must not follow a Retry."""
    since, seen = time.monotonic(), state_of(project, run)["id"]
    while time.monotonic() - since < 12:
        time.sleep(1)
        if (now := state_of(project, run)["id"]) != seen:
            since, seen = time.monotonic(), now


def task_names(project: Project, run: str) -> list[str]:
    """Names of the run's task runs that the server has recorded by now."""
    body = {"flow_runs": {"id": {"any_": [run]}}, "limit": 200}
    return sorted(found["name"] for found in project.call("POST", "/task_runs/filter", body).json())


def settled_task_names(project: Project, run: str, at_least: int) -> list[str]:
    wait_for(lambda: len(task_names(project, run)) >= at_least, 30)
    time.sleep(2)
    return task_names(project, run)


def billed(project: Project, name: str) -> int:
    return sum(f"{name} prompt" in str(entry.body) for entry in project.sandbox.bill.entries)


def press_retry(project: Project, run: str) -> dict:
    before = state_of(project, run)["id"]
    project.call("POST", f"/flow_runs/{run}/set_state", RETRY).raise_for_status()
    return ended(project, run, before)


def test_retry_runs_only_the_branches_that_failed(project: Project):
    write_manifest(project, "some", 4)
    project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="some prompt 2 end"))
    run = project.run_here(DEPLOYMENT, manifest="some.csv", output="out-some")["id"]
    first = state_of(project, run)
    assert first["type"] == "FAILED"
    assert "3/4 rows done" in first["message"]
    before = settled_task_names(project, run, 13)
    assert billed(project, "some") == 3
    with project.working_here():
        second = press_retry(project, run)
    assert second["type"] == "COMPLETED", second["message"]
    after = settled_task_names(project, run, len(before) + 4)
    new = list(after)
    for name in before:
        new.remove(name)
    assert sorted(new) == [
        f"{step} some-2{shot}" for step, shot in (("download", "/1"), ("poll", "/1"), ("stitch", ""), ("submit", "/1"))
    ]
    assert billed(project, "some") == 4


@pytest.mark.slow
def test_retry_after_an_edit_of_the_submit_task_buys_nothing_again(project: Project, monkeypatch):
    """The run's code comes from a copy of the source, edited between the run and its Retry."""
    root = Path(__file__).parents[2]
    for package in ("flows", "tasks", "blocks", "longtake"):
        shutil.copytree(root / package, project.folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        write_manifest(project, "edit", 3)
        project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="edit prompt 1 end"))
        run = started(project, "edit")
        assert ended(project, run)["type"] == "FAILED"
        source = project.folder / "tasks/submit.py"
        source.write_text(source.read_text().replace('"""Buys one clip,', '"""Buys a single clip,'))
        assert press_retry(project, run)["type"] == "COMPLETED"
        assert billed(project, "edit") == 3
    finally:
        for package in ("flows", "tasks", "blocks", "longtake"):
            shutil.rmtree(project.folder / package)


@pytest.mark.slow
def test_retry_after_a_cancel_takes_up_the_jobs_that_run_on(project: Project):
    project.sandbox.settings.job_seconds = 15
    write_manifest(project, "cancel", 3)
    run = started(project, "cancel")
    wait_for(lambda: billed(project, "cancel") == 3, 60)
    project.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}}).raise_for_status()
    assert ended(project, run)["type"] == "CANCELLED"
    project.sandbox.settings.job_seconds = 0.5
    second = press_retry(project, run)
    assert second["type"] == "COMPLETED", second["message"]
    assert billed(project, "cancel") == 3


@pytest.mark.slow
@pytest.mark.parametrize("signal_name", ["terminate", "kill"])
def test_retry_after_the_death_of_the_run_pays_nothing_twice(project: Project, signal_name: str):
    name = f"death-{signal_name}"
    project.sandbox.settings.job_seconds = 10
    write_manifest(project, name, 3)
    run = started(project, name)
    wait_for(lambda: billed(project, name) == 3, 60)
    time.sleep(1)
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == run:
                getattr(process, signal_name)()
        except psutil.Error:
            continue
    assert ended(project, run)["type"] in ("CRASHED", "FAILED")
    settled(project, run)
    project.sandbox.settings.job_seconds = 0.5
    second = press_retry(project, run)
    assert second["type"] == "COMPLETED", second["message"]
    assert billed(project, name) == 3


@pytest.mark.slow
@pytest.mark.parametrize("signal_name", ["kill", "terminate"])
def test_the_death_of_the_worker_pays_nothing_twice(project: Project, prefect_server: PrefectServer, signal_name: str):
    """The project's own worker may be dead already, of the test before."""
    name = f"worker-{signal_name}"
    project.sandbox.settings.job_seconds = 10
    write_manifest(project, name, 3)
    run = started(project, name)
    with worker_of(project, f"{name}-victim"):
        wait_for(lambda: billed(project, name) == 3, 60)
        for process in workers_of(prefect_server):
            getattr(process, signal_name)()
        wait_for(lambda: not workers_of(prefect_server), 60)
    with worker_of(project, f"{name}-successor"):
        wait_for(lambda: state_of(project, run)["type"] in ENDS, 240)
        project.sandbox.settings.job_seconds = 0.5
        end = state_of(project, run)
        if end["type"] != "COMPLETED":
            settled(project, run)
            end = press_retry(project, run)
        assert end["type"] == "COMPLETED", end["message"]
        assert billed(project, name) == 3


def workers_of(server: PrefectServer) -> list[psutil.Process]:
    """The worker processes that talk to this server."""
    found = []
    for process in psutil.process_iter():
        try:
            is_worker = "worker" in process.cmdline() and "_tether" not in " ".join(process.cmdline())
            if is_worker and process.environ().get("PREFECT_API_URL") == server.api_url:
                found.append(process)
        except psutil.Error:
            continue
    return found
