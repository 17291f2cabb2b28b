"""The cancel matrix, ways in by a worker: a run of a deployment, and child runs of a parent."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.sandbox.faults import Fault
from tests.flows.command import slow_submits
from tests.flows.project import CANCEL, Project
from tests.flows.test_local_server import wait_for
from tests.flows.test_retry import settled

ANSWER_SECONDS = 5.0


def ids(project: Project, name: str) -> tuple[set[str], set[str]]:
    """Job ids of a manifest that the vendor bills, and those that the ledger knows."""
    billed = {entry.job_id for entry in project.sandbox.bill.entries if f"{name} prompt" in str(entry.body)}
    purchases = Ledger(open_store(str(project.folder / f"out-{name}"))).load().values()
    return billed, {one.accepted.job.job_id for one in purchases if one.accepted is not None}


def reels_of_an_account(project: Project, name: str, reels: int) -> str:
    """A manifest at an account of its own: jobs of an ended run keep their slots."""
    manifest = project.write_reels(name, reels)
    file = project.folder / manifest
    file.write_text(file.read_text().replace(",evolink,", f",evolink/{name},"))
    return manifest


def process_of(run_id: str) -> psutil.Process:
    """The process that executes a flow run."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID", "").replace("-", "") == run_id.replace("-", ""):
                return process
        except psutil.Error:
            continue
    raise AssertionError("no process has this run")


def cancel(project: Project, run_id: str) -> None:
    project.call("POST", f"/flow_runs/{run_id}/set_state", CANCEL).raise_for_status()


def suspend(project: Project, run_id: str) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    details = {"pause_reschedule": True, "pause_timeout": until}
    state = {"type": "PAUSED", "name": "Suspended", "state_details": details}
    project.call("POST", f"/flow_runs/{run_id}/set_state", {"state": state}).raise_for_status()


def terminate(project: Project, run_id: str) -> None:
    process_of(run_id).send_signal(signal.SIGTERM)


def hang_up(project: Project, run_id: str) -> None:
    process_of(run_id).send_signal(signal.SIGHUP)


WAYS: dict[str, tuple[Callable[[Project, str], None], str]] = {
    "cancel": (cancel, "CANCELLED"),
    "suspend": (suspend, "PAUSED"),
    "SIGTERM": (terminate, "CRASHED"),
    "SIGHUP": (hang_up, "CRASHED"),
}


@pytest.mark.parametrize("way", [pytest.param(way, marks=[] if way == "cancel" else pytest.mark.slow) for way in WAYS])
def test_a_workers_run_that_is_ended_has_every_billed_job_in_its_ledger(project: Project, way: str) -> None:
    end, state = WAYS[way]
    name = f"ended-{uuid.uuid4().hex[:6]}"
    manifest = reels_of_an_account(project, name, 3)
    project.sandbox.settings.job_seconds = 600
    slow_submits(project.sandbox, ANSWER_SECONDS)
    run = project.run("render-manifest-sandbox", manifest=manifest, output=f"out-{name}").json()
    wait_for(lambda: project.billed(name) == 3, 180)
    process = process_of(run["id"])
    end(project, run["id"])

    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 40)
    wait_for(lambda: project.read(run["id"])["state_type"] == state, 120)
    billed, known = ids(project, name)
    assert len(billed) == 3
    assert known == billed, project.log_of(run["id"])
    assert any("what was bought is recorded" in line for line in project.log_of(run["id"]))
    assert (project.folder / f"out-{name}" / "results.csv").read_text().count("still_running") == 3


def at_work(project: Project, name: str, step: str, jobs: int) -> bool:
    """Whether so many jobs of a manifest are recorded and, for the step `download`, a clip is coming."""
    if len(ids(project, name)[1]) < jobs:
        return False
    return step == "polling" or any((project.folder / f"out-{name}").glob("**/*.part*"))


def staying_at(project: Project, step: str) -> None:
    project.sandbox.faults.clear()
    project.sandbox.settings.job_seconds = 600 if step == "polling" else 0.3
    if step == "download":
        project.sandbox.faults.add(Fault(kind="slow", step="media", seconds=600, times=None))


def released(project: Project) -> None:
    """Whatever comes next is not held up."""
    project.sandbox.faults.clear()
    project.sandbox.settings.job_seconds = 0.5


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_workers_run_that_is_ended_while_it_downloads_is_finished_by_retry(project: Project, way: str) -> None:
    end, state = WAYS[way]
    name = f"fetched-{uuid.uuid4().hex[:6]}"
    manifest = reels_of_an_account(project, name, 2)
    staying_at(project, "download")
    run = project.run("render-manifest-sandbox", manifest=manifest, output=f"out-{name}").json()
    wait_for(lambda: at_work(project, name, "download", 2), 180)
    process = process_of(run["id"])
    end(project, run["id"])
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 40)
    wait_for(lambda: project.read(run["id"])["state_type"] == state, 120)
    assert (project.folder / f"out-{name}" / "results.csv").read_text().count("still_running") == 2

    released(project)
    if way == "suspend":
        project.call("POST", f"/flow_runs/{run['id']}/resume", {}).raise_for_status()
        ended = project.end_of(run["id"])
    else:
        ended = project.press_retry(run["id"])
    assert ended["state_type"] == "COMPLETED", project.log_of(run["id"])
    billed, known = ids(project, name)
    assert known == billed
    assert len(billed) == 2


@pytest.mark.slow
@pytest.mark.parametrize("step", ["polling", "download"])
@pytest.mark.parametrize("way", ["cancel", "SIGTERM", "SIGHUP"])
def test_a_child_that_is_ended_at_its_work_is_finished_by_a_retry_of_its_parent(
    project: Project, way: str, step: str
) -> None:
    end, state = WAYS[way]
    name = f"child-{uuid.uuid4().hex[:6]}"
    manifest = reels_of_an_account(project, name, 2)
    staying_at(project, step)
    wanted = {"manifest": manifest, "output": f"out-{name}", "reels_per_run": 1}
    run = project.run("render-manifest-sandbox", **wanted).json()
    wait_for(lambda: at_work(project, name, step, 2), 240)
    for child in project.children_of(run["id"]):
        end(project, child["id"])
    for child in project.children_of(run["id"]):
        assert project.end_of(child["id"])["state_type"] == state
    assert project.end_of(run["id"])["state_type"] == "FAILED"
    # The run and its runner both tell of a death. The runner's word counts only where a run has not ended: coming after
    # Retry, it would take the child's new attempt for the dead one, and Crash it.
    for child in project.children_of(run["id"]):
        settled(project, child["id"])

    released(project)
    ended = project.press_retry(run["id"])
    assert ended["state_type"] == "COMPLETED", project.log_of(run["id"])
    billed, known = ids(project, name)
    assert known == billed
    assert len(billed) == 2


@pytest.mark.slow
def test_children_of_a_cancelled_parent_have_every_billed_job_in_the_ledger(project: Project) -> None:
    name = f"parent-{uuid.uuid4().hex[:6]}"
    manifest = reels_of_an_account(project, name, 2)
    project.sandbox.settings.job_seconds = 600
    slow_submits(project.sandbox, ANSWER_SECONDS)
    wanted = {"manifest": manifest, "output": f"out-{name}", "reels_per_run": 1}
    run = project.run("render-manifest-sandbox", **wanted).json()
    wait_for(lambda: project.billed(name) == 2, 240)
    project.press_cancel(run["id"])
    for child in project.children_of(run["id"]):
        assert project.end_of(child["id"])["state_type"] == "CANCELLED"

    billed, known = ids(project, name)
    assert known == billed
    assert len(billed) == 2


@pytest.mark.slow
def test_a_run_suspended_while_it_polls_is_resumed_with_the_same_jobs(project: Project) -> None:
    name = f"resumed-{uuid.uuid4().hex[:6]}"
    manifest = reels_of_an_account(project, name, 2)
    project.sandbox.settings.job_seconds = 20
    run = project.run("render-manifest-sandbox", manifest=manifest, output=f"out-{name}").json()
    wait_for(lambda: len(ids(project, name)[1]) == 2, 180)
    process = process_of(run["id"])
    suspend(project, run["id"])
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 90)
    assert project.read(run["id"])["state_name"] == "Suspended"
    project.call("POST", f"/flow_runs/{run['id']}/resume", {}).raise_for_status()

    assert project.end_of(run["id"])["state_type"] == "COMPLETED"
    assert project.billed(name) == 2
