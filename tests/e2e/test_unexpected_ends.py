"""Ends that nobody foresaw: which attempt results name, what a row is told, whose slot stays taken; by the bill."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from longtake.accounts.hosting import Hosting
from longtake.accounts.slots import FixedSlots, Lease
from longtake.domain.errors import StillRunningError, UnfitClipError
from longtake.domain.identity import WrittenRow
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Outcome, Verdict
from longtake.jobs import submit as buying
from longtake.jobs.resources import open_resources
from longtake.jobs.submit import buy
from longtake.jobs.wait import await_end
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase
from longtake.manifests.schema import ManifestRow
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot
from longtake.planning.prepare import prepare
from longtake.rendering.output.results import row_result
from longtake.rendering.run import Run, Steps
from longtake.rendering.shot_result import ShotResult
from longtake.sandbox.app import Fault
from tests import plain_render
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

LONE = [{"id": "s", "prompt": "a red ball", "vendor": "evolink"}]


@pytest.fixture
def render(tmp_path, sandbox, monkeypatch):
    without_films(monkeypatch)
    load = sandbox_accounts(sandbox)

    async def run(manifest, **options):
        return await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)

    return run


async def test_a_fault_of_ours_during_attempt_two_leaves_its_job_still_running(
    sandbox, write_manifest, render, monkeypatch
):
    async def broken(job, session, ledger, *, taken_up=False):
        if job.identity.endswith("-2"):
            raise OSError("the disk hiccups")
        return await await_end(job, session, ledger, taken_up=taken_up)

    monkeypatch.setattr(plain_render, "await_end", broken)
    sandbox.faults.add(Fault(kind="failed", step="look", retryable=True))
    end = await render(write_manifest(LONE), max_attempts=2)
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("still_running", 2)
    monkeypatch.undo()
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    end = await render(write_manifest(LONE))
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("done", 2)


async def test_a_fault_of_ours_while_a_submit_is_out_is_an_unknown_outcome(
    sandbox, write_manifest, render, monkeypatch
):
    async def broken(*_):
        raise RuntimeError("lost between the answer and the ledger")

    monkeypatch.setattr(buying, "_submit", broken)
    end = await render(write_manifest(LONE))
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("unknown_outcome", 0)
    assert "lost between" in end.rows[0].error


async def test_a_fault_of_ours_before_anything_was_sent_is_not_started(sandbox, write_manifest, render, monkeypatch):
    def broken(*_):
        raise RuntimeError("no order")

    monkeypatch.setattr("longtake.rendering.order_builder.expectation", broken)
    end = await render(write_manifest(LONE))
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("not_started", 0)


async def test_a_ledger_that_cannot_be_asked_ends_one_row_and_not_the_run(sandbox, write_manifest, render, monkeypatch):
    ask, rows = Ledger.purchase, [LONE[0], LONE[0] | {"id": "t", "prompt": "a blue ball"}]

    async def broken(*_, **__):
        monkeypatch.setattr(Ledger, "purchase", unreadable)
        raise OSError("the store is away")

    def unreadable(self, identity):
        raise OSError("the store is away")

    monkeypatch.setattr(plain_render, "await_end", broken)
    end = await render(write_manifest(rows))
    monkeypatch.setattr(Ledger, "purchase", ask)
    assert {row.verdict for row in end.rows} <= {"unknown_outcome", "not_started"}
    assert end.rows[0].verdict == "unknown_outcome" or end.rows[1].verdict == "unknown_outcome"


async def test_results_name_the_last_of_several_attempts(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="failed", step="look", times=None, retryable=True))
    for _ in range(3):
        end = await render(write_manifest(LONE), max_attempts=3)
    assert sandbox.bill.count() == 3
    assert end.rows[0].job_id == sandbox.bill.entries[-1].job_id


def test_results_of_many_rows_beside_many_purchases_take_no_time():
    purchases = {f"1-{n:040}": Purchase(identity=f"1-{n:040}") for n in range(5000)}
    rows = [ManifestRow(row=n, reel=f"r{n}", shot="1", lone=False, written=WrittenRow()) for n in range(5000)]
    shots = [Shot(row, 1, 0, "evolink", ShotRequest(), identity=f"1-{row.row:038}zz") for row in rows]
    begun = time.perf_counter()
    for shot in shots:
        row_result([ShotResult(shot, Outcome(verdict=Verdict.NOT_STARTED))], purchases, {})
    assert time.perf_counter() - begun < 2


class Counted(FixedSlots):
    def __init__(self) -> None:
        super().__init__(1)
        self.given = 0

    async def give(self, lease) -> None:
        self.given += 1
        await super().give(lease)


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_run_cancelled_in_its_submit_keeps_the_slot_if_the_vendor_took_the_job(
    tmp_path, sandbox, write_manifest, accepted
):
    sandbox.faults.add(Fault(kind="slow_answer", step="submit", seconds=0.6))
    load, slots = sandbox_accounts(sandbox), Counted()
    options = RenderOptions(manifest=str(write_manifest(LONE)), output=str(tmp_path / "out"))
    prepared = await prepare(options, load_account=load)
    async with open_resources(load, lambda account: slots) as resources:

        async def submit(order):
            await asyncio.sleep(0 if accepted else 9)
            return await buy(order, await resources.session(order.account), prepared.ledger)

        async def follow(job, taken_up):
            return await await_end(job, await resources.session(job.account), prepared.ledger, taken_up=taken_up)

        run = Run(
            Plan(prepared.rendered_shots, []),
            ledger=prepared.ledger,
            resources=resources,
            hosting=prepared.hosting,
            steps=Steps(submit, follow, None),
            options=options,
        )

        async def no_reel(shots):
            del shots

        task = asyncio.create_task(run.finish(no_reel))
        await asyncio.sleep(0.3)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert (sandbox.bill.count(), slots.given) == ((1, 0) if accepted else (0, 1))


class SlotsOfTheDead(Counted):
    """Slots with names, which take a while to be taken over."""

    async def take(self):
        taken = await super().take()
        return replace(taken, slot="first") if isinstance(taken, Lease) else taken

    async def take_over(self, slot, seconds):
        await asyncio.sleep(0.3)
        return Lease("first", slot=slot) if slot == "first" else None


async def test_the_slot_of_a_dead_run_comes_back_though_its_job_had_ended_long_before(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    """Else nothing is bought at that account until the slot's lease ends, an hour and more later."""
    without_films(monkeypatch)
    load, slots = sandbox_accounts(sandbox), SlotsOfTheDead()
    options = RenderOptions(manifest=str(write_manifest(LONE)), output=str(tmp_path / "out"))

    async def run(follow):
        prepared = await prepare(options, load_account=load)
        async with open_resources(load, lambda account: slots) as resources:

            async def submit(order):
                return await buy(order, await resources.session(order.account), prepared.ledger)

            async def await_job(job, taken_up):
                return await follow(job, await resources.session(job.account), prepared.ledger, taken_up=taken_up)

            async def no_download(job, link):
                raise StillRunningError("not now")

            steps = Steps(submit, await_job, no_download)
            parts = {"ledger": prepared.ledger, "resources": resources, "hosting": prepared.hosting}
            one = Run(Plan(prepared.rendered_shots, []), **parts, steps=steps, options=options)

            async def no_reel(shots):
                del shots

            await one.finish(no_reel)

    async def dies(*_, **__):
        raise StillRunningError("this run ends, its job runs on")

    await run(dies)
    assert (sandbox.bill.count(), slots.given) == (1, 0)
    await asyncio.sleep(0.6)
    await run(await_end)
    assert (sandbox.bill.count(), slots.given) == (1, 1)


async def test_a_reference_that_cannot_be_hosted_is_a_violation_of_its_own_column(
    tmp_path, sandbox, write_manifest, render, monkeypatch
):
    from tests.sandbox.conftest import MediaShop

    (tmp_path / "still.png").write_bytes(MediaShop.image_bytes())

    async def unfit(*_):
        raise UnfitClipError("the store gives no links")

    monkeypatch.setattr(Hosting, "link", unfit)
    end = await render(write_manifest([LONE[0] | {"last_frame": "", "first_frame": "still.png"}]))
    assert end.rows[0].verdict == "refused"
    words = "row 1 (s/1), column first_frame = 'still.png': the store gives no links. Fix: give a public URL, or"
    assert end.rows[0].error.startswith(words)


@pytest.mark.parametrize("kind", ["answer_lost_after_accept", "empty_200"])
async def test_a_vendor_whose_every_answer_is_lost_is_paid_once_more_by_each_word_to_resubmit(
    sandbox, write_manifest, render, kind
):
    sandbox.faults.add(Fault(kind=kind, step="submit", times=None))
    for billed in (1, 2, 3):
        end = await asyncio.wait_for(render(write_manifest(LONE), on_unknown="resubmit", max_attempts=9), 60)
        assert (end.rows[0].verdict, sandbox.bill.count()) == ("unknown_outcome", billed)
    await render(write_manifest(LONE))
    assert sandbox.bill.count() == 3
