"""Machines whose clocks disagree, and clocks that are set: no budget is passed, nothing is bought twice or held up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from longtake.costs import budget as budget_module
from longtake.costs.budget import Budget
from longtake.costs.budget_log import Entry
from longtake.costs.quote import Quote
from longtake.domain.errors import BudgetExceededError, UnknownOutcomeError
from longtake.files.clocks import is_gone, is_of_this_boot, this_process
from longtake.files.directory import DirectoryStore
from longtake.jobs import submit as purchase
from longtake.jobs.submit import buy
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.planning.needs import needs_of
from tests.e2e.s3_server import s3_server
from tests.unit.costs.test_budget import ACCOUNT, plan
from tests.unit.jobs.test_purchase import Vendor, order, session_at
from tests.unit.ledger.test_ledger import IDENTITY, intent

APART = [310.0, 3600.0, 86_400.0]


def set_by(seconds):
    return lambda: time.time() + seconds


@pytest.fixture(params=["a folder", "a bucket"])
def store(request, tmp_path, monkeypatch):
    if request.param == "a folder":
        yield DirectoryStore(tmp_path)
        return
    from longtake.files.open_store import open_store

    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("films", exist_ok=True)
        yield open_store(f"s3://films/{tmp_path.name}")


@pytest.mark.parametrize("seconds", [*APART, *(-one for one in APART)])
async def test_two_machines_whose_clocks_disagree_keep_to_one_budget(store, seconds):
    here = await Budget(Ledger(store), budget_usd=1.0, clock=time.time).open()
    assert not await here.admit_reels(needs_of(plan({"a": [0.4], "b": [0.5]})))
    there = await Budget(Ledger(store), budget_usd=1.0, clock=set_by(seconds)).open()
    assert "c" in await there.admit_reels(needs_of(plan({"c": [0.6]})))
    with pytest.raises(BudgetExceededError):
        await there.reserve("1-c-0", Quote(low_usd=0, high_usd=0.6), ACCOUNT)
    assert here.is_fresh


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86_400.0, -86_400.0])
async def test_a_clock_that_is_set_in_mid_run_kills_no_owner_and_holds_up_none(tmp_path, monkeypatch, jump):
    ledger = Ledger(DirectoryStore(tmp_path))
    first = await Budget(ledger, budget_usd=1.0).open()
    assert not await first.admit_reels(needs_of(plan({"a": [0.9]})))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    for key in ledger.store.list("budget"):  # as files look whose machine's clock was set since
        os.utime(ledger.store.local(key), (real() - jump, real() - jump))
    second = await Budget(ledger, budget_usd=1.0).open()
    assert "b" in await second.admit_reels(needs_of(plan({"b": [0.2]})))
    assert first.is_fresh


@pytest.fixture
def ended() -> str:
    """The mark of a process of this machine that has ended."""
    command = [sys.executable, "-c", "from longtake.files.clocks import this_process; print(this_process())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def test_what_a_killed_process_of_this_machine_set_aside_is_free_at_once(tmp_path, ended):
    ledger, mark = Ledger(DirectoryStore(tmp_path)), ended
    assert is_of_this_boot(mark)
    assert is_gone(mark)
    assert not is_gone(this_process())
    dead = await Budget(ledger, budget_usd=1.0).open()
    dead._process = mark
    assert not await dead.admit_reels(needs_of(plan({"a": [0.9]})))
    assert not await (await Budget(ledger, budget_usd=1.0).open()).admit_reels(needs_of(plan({"b": [0.9]})))


@pytest.mark.parametrize("mark", [None, "another-boot/pid:[1]/7/1"])
async def test_what_another_machine_left_is_free_when_the_store_says_that_it_is_old(tmp_path, mark):
    ledger = Ledger(DirectoryStore(tmp_path))
    dead = await Budget(ledger, budget_usd=1.0).open()
    dead._process = mark
    assert not await dead.admit_reels(needs_of(plan({"a": [0.9]})))
    assert "b" in await (await Budget(ledger, budget_usd=1.0).open()).admit_reels(needs_of(plan({"b": [0.9]})))
    for key in ledger.store.list("budget"):
        old = time.time() - budget_module.STALE_SECONDS - 5
        os.utime(ledger.store.local(key), (old, old))
    assert not await (await Budget(ledger, budget_usd=1.0).open()).admit_reels(needs_of(plan({"b": [0.9]})))


def test_an_entry_of_the_last_release_is_read(tmp_path):
    store = DirectoryStore(tmp_path)
    entry = Entry(owner="o", at=1.0).model_dump_json(exclude_none=True)
    assert "process" not in entry
    store.create("budget/000001.json", entry.encode())
    asyncio.run(Budget(Ledger(store), budget_usd=1.0).open())


@pytest.mark.parametrize("seconds", [*APART, *(-one for one in APART)])
def test_a_submit_under_way_on_a_machine_with_another_clock_is_not_taken_for_over(store, seconds):
    there = Ledger(store, clock=set_by(seconds))
    there.intend(intent().model_copy(update={"at": there.clock(), "deadline": there.clock() + 90}))
    here = Ledger(store)
    assert here.purchase(IDENTITY).state(here.clock()) is State.SUBMITTING
    assert here.purchase(IDENTITY).state(here.clock() + 91) is State.UNKNOWN


@pytest.mark.parametrize("seconds", [0.0, 310.0, 86_400.0, -86_400.0])
def test_an_old_intent_of_another_machine_is_unknown_at_once_by_the_stores_clock(tmp_path, seconds):
    there = Ledger(DirectoryStore(tmp_path), clock=set_by(seconds))
    there.intend(intent().model_copy(update={"at": there.clock(), "deadline": there.clock() + 90}))
    [key] = there.store.list("ledger")
    os.utime(there.store.local(key), (time.time() - 100, time.time() - 100))
    here = Ledger(DirectoryStore(tmp_path))
    assert here.purchase(IDENTITY).state(here.clock()) is State.UNKNOWN


def test_an_intent_whose_time_nobody_can_tell_ends_when_we_have_waited_long_enough(tmp_path, monkeypatch):
    ledger = Ledger(DirectoryStore(tmp_path))
    monkeypatch.setattr(ledger.store, "ages", lambda keys: {})
    ledger.intend(intent(deadline=time.time() + 0.3))
    assert ledger.purchase(IDENTITY).state(ledger.clock()) is State.SUBMITTING
    time.sleep(0.35)
    assert ledger.purchase(IDENTITY).state(ledger.clock()) is State.UNKNOWN


@pytest.mark.parametrize("seconds", [*APART, *(-one for one in APART)])
async def test_two_machines_whose_clocks_disagree_buy_a_shot_once(tmp_path, seconds):
    vendor = Vendor()
    sessions = [session_at(vendor) for _ in range(2)]
    ledgers = [Ledger(DirectoryStore(tmp_path)), Ledger(DirectoryStore(tmp_path), clock=set_by(seconds))]
    pairs = zip(sessions, ledgers, strict=True)
    jobs = await asyncio.gather(*(buy(order(tmp_path), session, ledger) for session, ledger in pairs))
    for session in sessions:
        await session.close()
    assert vendor.prompts == ["a cat"]
    assert {job.job_id for job in jobs} == {"task-1"}


@pytest.mark.parametrize("seconds", [*APART, *(-one for one in APART)])
async def test_an_intent_of_a_dead_machine_with_another_clock_is_not_waited_for_longer_than_a_submit(
    tmp_path, monkeypatch, seconds
):
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "0.5")
    monkeypatch.setattr(purchase, "UNKNOWN_AFTER_SECONDS", 0.5)
    vendor, wanted = Vendor(), order(tmp_path)
    there = Ledger(DirectoryStore(tmp_path), clock=set_by(seconds))
    session = session_at(vendor)
    begun = purchase._intent(wanted, session, 1, there).model_copy(update={"process": "another-boot/pid:[1]/7/1"})
    there.intend(begun)
    with pytest.raises(UnknownOutcomeError):
        await asyncio.wait_for(buy(wanted, session, Ledger(DirectoryStore(tmp_path))), 8)
    await session.close()
    assert vendor.prompts == []
