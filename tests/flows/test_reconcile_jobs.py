"""The flow `reconcile-jobs`: every output below a folder is settled, yesterday's too, and nothing is bought."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.flows.conftest import PrefectServer
from tests.plain_render import render_plain, sandbox_accounts


@pytest.fixture
def sandbox(prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=1.5, media="stub")) as running:
        monkeypatch.setenv("LONGTAKE_SANDBOX_URL", running.url)
        yield running


@pytest.fixture
def left_open(tmp_path: Path, sandbox: Sandbox) -> Callable[[str, str], Awaitable[None]]:
    """Renders one shot into an output and does not wait for its job."""

    async def render(output: str, name: str) -> None:
        manifest = tmp_path / f"{name}.csv"
        manifest.write_text(f"id,vendor,prompt,duration_seconds\n{name},evolink,{name} at dusk,4\n")
        impatient = sandbox_accounts(sandbox, max_wait_seconds=0.2)
        await render_plain(manifest, tmp_path / output, impatient)

    return render


async def reconciled(*arguments: Any) -> Any:
    from flows.reconcile_jobs import reconcile_jobs

    flow: Any = reconcile_jobs
    return await flow(*arguments, return_state=True)


def states(output: Path) -> set[State]:
    return {purchase.state(0) for purchase in Ledger(open_store(str(output))).load().values()}


async def test_a_folder_of_days_is_settled_with_yesterday_and_deeper_outputs(
    tmp_path: Path, sandbox: Sandbox, left_open: Callable[[str, str], Awaitable[None]]
):
    outputs = ["reels/2026-11-20", "reels/2026-11-21", "reels/arrived/spring.csv"]
    for number, output in enumerate(outputs):
        await left_open(output, f"lamp-{number}")
        assert states(tmp_path / output) == {State.IN_FLIGHT}

    end = await reconciled(str(tmp_path / "reels"))

    assert end.is_completed(), end.message
    assert end.message == "3 brought home, 0 settled, 0 still open"
    assert [states(tmp_path / output) for output in outputs] == [{State.DONE}] * 3
    assert sandbox.bill.count() == 3
    again = await reconciled(str(tmp_path / "reels"))
    assert (again.is_completed(), again.message) == (True, "0 brought home, 0 settled, 0 still open")


async def test_a_persons_decision_needs_the_one_output_that_it_is_about(
    tmp_path: Path, sandbox: Sandbox, left_open: Callable[[str, str], Awaitable[None]]
):
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", prompt="lamp-1"))
    await left_open("reels/one", "lamp-0")
    await left_open("reels/two", "lamp-1")
    [bought] = [job.job_id for job in sandbox.jobs() if "lamp-1" in job.order.prompt]

    refused = await reconciled(str(tmp_path / "reels"), {"lamp-1/1": bought})
    assert refused.is_failed()
    assert "holds 2 outputs" in refused.message
    assert states(tmp_path / "reels/one") == {State.IN_FLIGHT}

    everywhere = await reconciled(str(tmp_path / "reels"))
    assert everywhere.is_failed()
    assert everywhere.message == "1 brought home, 0 settled, 1 still open"

    adopted = await reconciled(str(tmp_path / "reels/two"), {"lamp-1/1": bought})
    assert (adopted.is_completed(), states(tmp_path / "reels/two")) == (True, {State.DONE})
    assert sandbox.bill.count() == 2


async def test_a_folder_without_any_output_has_nothing_open(tmp_path: Path, sandbox: Sandbox):
    end = await reconciled(str(tmp_path / "nothing/here"))

    assert (end.is_completed(), end.message) == (True, "0 brought home, 0 settled, 0 still open")
    assert not (tmp_path / "nothing").exists()


async def test_one_output_s_fault_stops_no_other(
    tmp_path: Path,
    sandbox: Sandbox,
    left_open: Callable[[str, str], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
):
    for name in ("bad", "good"):
        await left_open(f"reels/{name}", f"lamp-{name}")
    read = Ledger.load_open

    def failing(self: Ledger) -> Any:
        if self.store.url.endswith("/bad"):
            raise OSError("the disk of this output is gone")
        return read(self)

    monkeypatch.setattr(Ledger, "load_open", failing)
    end = await reconciled(str(tmp_path / "reels"))

    assert end.is_failed()
    assert end.message == "1 brought home, 0 settled, 1 still open"
    assert states(tmp_path / "reels/good") == {State.DONE}
    assert states(tmp_path / "reels/bad") == {State.IN_FLIGHT}
