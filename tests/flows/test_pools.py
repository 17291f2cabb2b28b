"""Pools of vendors under one Prefect server's limits: several runs at once keep to them, and buy no shot twice."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.flows.conftest import PrefectServer
from tests.flows.project import Project
from tests.plain_render import render_plain, sandbox_accounts

DEPLOYMENT = "render-manifest-sandbox"
VENDORS, LIMIT, SHOTS = ("evolink", "anyfast"), 2, 6


def write_shots(path: Path, vendor: str, words: str, shots: int) -> Path:
    rows = [f"{words}{number},{vendor},{words} prompt {number} end,4,480p" for number in range(shots)]
    path.write_text("\n".join(["id,vendor,prompt,duration_seconds,resolution", *rows]) + "\n")
    return path


def most_in_flight(sandbox: Sandbox, vendor: str, since: float = 0.0) -> int:
    return max((count for at, count in sandbox.in_flight_history(vendor) if at >= since), default=0)


def times_bought(sandbox: Sandbox, words: str) -> list[int]:
    """How often each shot was bought whose prompt has these words."""
    bodies = [str(entry.body) for entry in sandbox.bill.entries]
    shots = Counter(text.partition(f"{words} prompt ")[2].partition(" end")[0] for text in bodies)
    return [count for number, count in shots.items() if number]


async def test_two_runs_of_one_pool_and_one_of_a_lone_vendor_keep_to_the_limits_and_buy_no_shot_twice(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks._concurrency_limit import PrefectSlots

    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    name = f"t{uuid.uuid4().hex[:8]}"  # limits of its own
    pool = write_shots(tmp_path / "pool.csv", f"evolink/{name}|anyfast/{name}", "pool", SHOTS)
    lone = write_shots(tmp_path / "lone.csv", f"evolink/{name}", "lone", LIMIT)
    with Sandbox(SandboxSettings(job_seconds=0.5, jobs_per_key=None, media="stub")) as sandbox:
        load = sandbox_accounts(sandbox, max_jobs_in_flight=LIMIT)
        runs = [(pool, "out"), (pool, "out"), (lone, "other")]
        ends = await asyncio.gather(
            *(
                render_plain(manifest, tmp_path / output, load, check=quick_check, backend_for=PrefectSlots)
                for manifest, output in runs
            )
        )
    assert [end.verdicts for end in ends] == [{"done": SHOTS}, {"done": SHOTS}, {"done": LIMIT}]
    assert times_bought(sandbox, "pool") == [1] * SHOTS
    assert times_bought(sandbox, "lone") == [1] * LIMIT
    assert all(most_in_flight(sandbox, vendor) <= LIMIT for vendor in VENDORS)


@pytest.mark.slow
def test_a_worker_and_another_process_render_one_pool_at_once(project: Project) -> None:
    project.sandbox.settings.job_seconds = 2.0
    since = max(
        (at for vendor in ("evolink", "anyfast") for at, _ in project.sandbox.in_flight_history(vendor)), default=0.0
    )
    write_shots(project.folder / "shared.csv", "evolink|anyfast", "shared", 18)
    given = {"manifest": "shared.csv", "output": "out-shared"}
    workers = project.run(DEPLOYMENT, **given).raise_for_status().json()["id"]
    here = project.run_here(DEPLOYMENT, **given)
    ends = [here, project.end_of(workers)]
    assert [end["state_type"] for end in ends] == ["COMPLETED"] * 2
    assert times_bought(project.sandbox, "shared") == [1] * 18
    assert all(most_in_flight(project.sandbox, vendor, since) <= 3 for vendor in VENDORS)
