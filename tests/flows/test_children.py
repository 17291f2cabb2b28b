"""A run spread over child runs: one table of results, Retry and cancel as the UI sends them, nothing bought twice."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import inspect
import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Pending

from flows._child_runs import Share, _Children, child_parameters, shares
from flows._observe.artifacts import FlowRunArtifacts, ShareProgress, of_shares
from flows.render_manifest import render_manifest
from longtake.planning.options import RenderOptions
from longtake.sandbox.faults import Fault
from tests.flows.project import Project
from tests.flows.test_local_server import wait_for
from tests.flows.test_ui import artifacts

DEPLOYMENT = "render-manifest-sandbox"


def started(project: Project, name: str, reels: int, **parameters: Any) -> str:
    """A parent run over shares of two reels each."""
    manifest = project.write_reels(name, reels)
    run = project.run(DEPLOYMENT, manifest=manifest, output=f"out-{name}", reels_per_run=2, **parameters)
    return str(run.raise_for_status().json()["id"])


def results(project: Project, name: str) -> list[dict[str, str]]:
    with (project.folder / f"out-{name}/results.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def working(project: Project) -> Iterator[Project]:
    with project.working_here():
        yield project


@pytest.mark.slow
def test_retry_of_the_parent_runs_only_the_child_that_did_not_complete_and_the_next_parent_has_its_own(
    working: Project,
):
    project = working
    project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="spread prompt 3 end"))
    parent = started(project, "spread", 5)
    first = project.end_of(parent)
    assert first["state_type"] == "FAILED"
    assert "4/5 rows done; 4 bought now; 4 reels" in first["state"]["message"]
    # A run's log reaches the server in batches, its last state before the last of them.
    wait_for(lambda: any("share 2 (2 reels): Failed" in line for line in project.log_of(parent)), 20)
    progress = artifacts(project, parent)["longtake-progress"]
    assert (progress["data"], progress["description"]) == (100.0, "**3 / 3 shares ended** of `spread.csv`")

    second = project.press_retry(parent)
    assert second["state_name"] == "Completed", second["state"]["message"]
    assert "5/5 rows done; 1 bought now; 5 reels" in second["state"]["message"]
    children = project.children_of(parent)
    assert [child["parameters"]["reels"] for child in children] == [
        ["spread-0", "spread-1"],
        ["spread-2", "spread-3"],
        ["spread-4"],
    ]
    assert [(child["state_name"], child["run_count"]) for child in children] == [
        ("Completed", 1),
        ("Completed", 2),
        ("Completed", 1),
    ]
    assert all(child["parent_task_run_id"] for child in children)  # the UI shows them below their parent
    assert [(row["shot_id"], row["verdict"]) for row in results(project, "spread")] == [
        (f"spread-{number}/1", "done") for number in range(5)
    ]
    assert all((project.folder / f"out-spread/reels/spread-{number}.mp4").is_file() for number in range(5))
    assert project.billed("spread") == 5

    again = project.run(DEPLOYMENT, manifest="spread.csv", output="out-spread", reels_per_run=3).json()["id"]
    assert "5/5 rows done; 0 bought now" in project.end_of(again)["state"]["message"]
    assert len(project.children_of(again)) == 2
    assert {child["id"] for child in project.children_of(again)}.isdisjoint(child["id"] for child in children)
    assert project.billed("spread") == 5


@pytest.mark.slow
def test_retry_of_one_child_works_alone_and_leaves_the_parent_nothing_to_do(project: Project):
    project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="alone prompt 0 end"))
    parent = started(project, "alone", 4)
    assert project.end_of(parent)["state_type"] == "FAILED"

    child = next(child for child in project.children_of(parent) if child["state_type"] == "FAILED")
    assert project.press_retry(child["id"])["state_type"] == "COMPLETED"
    assert {row["verdict"] for row in results(project, "alone")} == {"done"}
    assert project.press_retry(parent)["state_type"] == "COMPLETED"
    assert [child["run_count"] for child in project.children_of(parent)] == [2, 1]
    assert project.billed("alone") == 4


@pytest.mark.slow
def test_cancelling_the_parent_cancels_its_children_and_retry_takes_up_their_jobs(project: Project):
    project.sandbox.settings.job_seconds = 30
    parent = started(project, "cancelled", 5)
    wait_for(lambda: project.billed("cancelled") == 3, 180)  # all slots of the account
    wait_for(lambda: "| Running |" in artifacts(project, parent)["longtake-progress"]["description"], 20)

    assert project.press_cancel(parent)["state_type"] == "CANCELLED"
    wait_for(lambda: {child["state_type"] for child in project.children_of(parent)} == {"CANCELLED"}, 120)
    time.sleep(3)
    assert project.billed("cancelled") == 3

    project.sandbox.settings.job_seconds = 0.5
    end = project.press_retry(parent)
    assert end["state_type"] == "COMPLETED", end["state"]["message"]
    assert project.billed("cancelled") == 5
    assert project.sandbox.peak_in_flight("evolink") <= 3


@pytest.mark.slow
def test_a_row_edited_before_retry_is_rendered_although_its_child_completed(project: Project):
    project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="edited prompt 3 end"))
    parent = started(project, "edited", 4)
    assert project.end_of(parent)["state_type"] == "FAILED"

    manifest = project.folder / "edited.csv"
    head, first, *rest = manifest.read_text().splitlines()
    manifest.write_text("\n".join([f"{head},take", f"{first},2", *(f"{line},1" for line in rest)]) + "\n")
    end = project.press_retry(parent)

    assert end["state_type"] == "COMPLETED", end["state"]["message"]
    assert results(project, "edited")[0]["take"] == "2"
    assert project.billed("edited") == 5


@pytest.mark.slow
def test_a_server_without_the_childrens_deployment_is_told_of_before_anything_is_spent(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LONGTAKE_SANDBOX_URL", project.sandbox.url)
    monkeypatch.setenv("LONGTAKE_SHARE_DEPLOYMENT", "render-manifest/nowhere")
    monkeypatch.chdir(project.folder)
    manifest = project.write_reels("undeployed", 2)
    flow: Any = render_manifest
    state = asyncio.run(flow(manifest, "out-undeployed", reels_per_run=1, return_state=True))

    assert "refused, nothing spent: reels_per_run needs the deployment render-manifest/nowhere" in state.message
    assert project.billed("undeployed") == 0


def wished() -> RenderOptions:
    """Wishes that differ from the defaults in every field."""
    values: dict[str, Any] = {
        "manifest": "m.csv",
        "output": "out",
        "vendor": "evolink",
        "model": "seedance-2.0-fast",
        "resolution": "720p",
        "budget_usd": 7.5,
        "on_unknown": "resubmit",
        "reels": ("one", "two"),
        "limit": 9,
        "limit_reels": 8,
        "order": "manifest",
        "route": "cheapest",
        "on_refused": "next",
        "label": True,
        "brake": 2,
        "skip_refused": True,
        "replace": True,
        "keep_followers": True,
        "verify": True,
        "review": "all",
        "choose": "best",
        "max_attempts": 3,
        "partial_reels": True,
        "fix_references": True,
        "reel_style": {"fps": "24"},
        "gate": {"black": "off"},
        "drift_limits": {"brightness": 0.5},
        "extension_template": "off",
        "run": "parent",
    }
    options = RenderOptions.model_validate(values)
    plain = RenderOptions(manifest="", output="")
    assert [name for name in RenderOptions.model_fields if getattr(options, name) == getattr(plain, name)] == []
    return options


async def test_every_wish_of_the_parent_reaches_its_children(monkeypatch: pytest.MonkeyPatch):
    options = wished()
    seen: list[RenderOptions] = []

    async def note(options: RenderOptions, reels_per_run: int) -> None:
        assert reels_per_run == 0
        seen.append(options)

    monkeypatch.setattr("flows.render_manifest.render_prepared", note)
    sent = child_parameters(options, Share(1, ("two",), limit=4, is_bought=False))
    flow: Any = render_manifest
    await flow.fn(**flow.validate_parameters(sent))

    # The parent has taken its sample of reels; a share of it is none of its own.
    assert seen == [options.model_copy(update={"reels": ("two",), "limit": 4, "limit_reels": None, "run": ""})]
    assert set(inspect.signature(flow.fn).parameters) - {"reels_per_run"} == set(sent)


def test_a_parents_progress_weighs_its_shares_by_their_reels():
    shares = [ShareProgress(1, 3, "Completed", 100.0), ShareProgress(2, 1, "Running", 40.0)]
    shown = of_shares("m.csv", shares, ended=1)
    assert shown.data == 85.0
    assert shown.description.splitlines() == [
        "**1 / 2 shares ended** of `m.csv`",
        "",
        "| share | reels | state | progress |",
        "|--:|--:|---|--:|",
        "| 2 | 1 | Running | 40 % |",
    ]


class Planned:
    """As much of a production as shares are made from."""

    def __init__(self, standings: dict[str, str], limit: int | None) -> None:
        from types import SimpleNamespace

        from longtake.planning.plan import Standing

        self.options = RenderOptions(manifest="m", output="o", limit=limit)
        self.rendered_shots = [
            SimpleNamespace(row=SimpleNamespace(reel=reel), standing=Standing(standing))
            for reel, standing in standings.items()
        ]


def test_shares_together_keep_to_the_limit_of_the_run():
    standings = {"a": "done", "b": "new", "c": "new", "d": "new", "e": "new", "f": "done"}
    prepared: Any = Planned(standings, limit=2)

    found = shares(prepared, 2)

    assert [(share.reels, share.limit) for share in found] == [(("a", "b"), 1), (("c", "d"), 1)]
    assert [share.limit for share in shares(Planned(standings, None), 2)] == [None, None, None]  # type: ignore[arg-type]


def test_a_shares_key_is_the_same_on_retry_and_another_for_other_reels_or_another_parent():
    share = Share(1, ("a", "b"), None, is_bought=False)

    assert share.key("run") == replace(share, number=2, is_bought=True).key("run")
    assert share.key("run") != share.key("next")
    assert share.key("run") != replace(share, reels=("a,b",)).key("run")


class ClaimedByADeadWorker:
    """As much of Prefect's client as a parent uses; its one child is Pending until it is scheduled again."""

    def __init__(self, key: str, pending_seconds: float) -> None:
        claimed = Pending(timestamp=datetime.now(UTC) - timedelta(seconds=pending_seconds))
        self.child = FlowRun(flow_id=uuid.uuid4(), idempotency_key=key, state=claimed)
        self.proposed: list[str] = []

    async def read_flow_runs(self, **_: Any) -> list[FlowRun]:
        return [self.child]

    async def set_flow_run_state(self, run_id: uuid.UUID, state: Any, force: bool) -> None:
        assert (run_id, force) == (self.child.id, True)
        self.proposed.append(state.name)
        self.child.state = Completed()


@pytest.mark.parametrize(("pending_seconds", "proposed"), [(301, ["AwaitingRetry"]), (200, [])])
async def test_a_child_that_a_dead_worker_had_claimed_is_scheduled_again(
    monkeypatch: pytest.MonkeyPatch, pending_seconds: float, proposed: list[str]
):
    share, options = Share(1, ("a",), None, is_bought=False), RenderOptions(manifest="m", output="o", run="r")
    client: Any = ClaimedByADeadWorker(share.key("r"), pending_seconds)
    monkeypatch.setattr("flows._child_runs.get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr("flows._child_runs.LOOK_SECONDS", 0.01)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(_Children(client, options, [share], FlowRunArtifacts()).rendered(), 0.5)

    assert client.proposed == proposed
