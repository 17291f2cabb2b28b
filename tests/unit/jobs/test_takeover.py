"""Whose slot it is when several runs follow one job: the buyer's, until another run claims it before the job's end."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from longtake.accounts.slots import Lease
from longtake.domain.errors import JobFailedError, StillRunningError
from longtake.domain.job import Job, JobStatus
from longtake.files.open_store import open_store
from longtake.jobs.takeover import JobSlot, claim_slot, may_run_on, take_up_slot
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, Intent, Terminal

IDENTITY = "1-abc"


class Slots:
    """A pool that writes down what it is told; `stands` are the slots of dead runs that can be taken over."""

    def __init__(self, *stands):
        self.stands, self.given, self.forgotten = set(stands), [], []

    async def acquire(self, priority):
        return Lease("new", slot="new")

    async def keep(self, lease, seconds):
        pass

    async def take_over(self, slot, seconds):
        return Lease(slot, slot=slot) if slot in self.stands else None

    async def forget(self, lease):
        self.forgotten.append(lease.slot)

    def release(self, lease):
        self.given.append(lease.slot)


class SlowSlots(Slots):
    """Takes its time where a cancel may come, and tells when it does."""

    def __init__(self, *stands):
        super().__init__(*stands)
        self.is_asked = asyncio.Event()

    async def keep(self, lease, seconds):
        self.is_asked.set()
        await asyncio.sleep(0.05)

    async def take_over(self, slot, seconds):
        if slot in self.stands:
            self.is_asked.set()
        await asyncio.sleep(0.05)
        return await super().take_over(slot, seconds)


def session(*stands):
    return SimpleNamespace(slots=Slots(*stands), job_seconds=60.0)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(open_store(str(tmp_path)))


@pytest.fixture
def job(ledger):
    """A job that another run bought in the slot `first`."""
    common = {"vendor": "evolink", "account": "evolink/default", "base_url": "http://x", "wire_model": "m"}
    ledger.intend(
        Intent(
            identity=IDENTITY,
            shot_id="r/1",
            take=1,
            attempt=1,
            number=1,
            request={},
            deadline=0,
            slot="first",
            **common,
        )
    )
    job = Job(job_id="j", identity=IDENTITY, shot_id="r/1", submitted_at=0, **common)
    ledger.add(Accepted(identity=IDENTITY, job=job))
    return job


def bought_by_us(ledger):
    return JobSlot(IDENTITY, Lease("first", slot="first"), session("first"), ledger)


async def test_without_another_run_the_buyer_gives_its_slot_back(ledger, job):
    ours = bought_by_us(ledger)
    await ours.give_back()
    assert (ours.session.slots.given, ours.session.slots.forgotten) == (["first"], [])


async def test_the_slot_of_a_dead_run_is_taken_over_and_given_back(ledger, job):
    held = await take_up_slot(job, session("first"), ledger, run="b", priority=0)
    await held.give_back()
    assert held.session.slots.given == ["first"]


async def test_a_live_buyer_leaves_its_slot_to_the_run_that_claimed_it(ledger, job):
    ours = bought_by_us(ledger)
    theirs = await take_up_slot(job, session("first"), ledger, run="b", priority=0)
    await ours.give_back()
    await theirs.give_back()
    assert (ours.session.slots.given, ours.session.slots.forgotten) == ([], ["first"])
    assert theirs.session.slots.given == ["first"]


async def test_the_last_of_several_claims_holds(ledger, job):
    second = await take_up_slot(job, session("first"), ledger, run="b", priority=0)
    third = await take_up_slot(job, session("first"), ledger, run="c", priority=0)
    await second.give_back()
    await third.give_back()
    assert (second.session.slots.given, third.session.slots.given) == ([], ["first"])


async def test_where_the_old_slot_is_gone_a_new_one_is_waited_for_and_known_to_the_next_run(ledger, job):
    held = await take_up_slot(job, session(), ledger, run="b", priority=0)
    assert held.lease.slot == ledger.purchase(IDENTITY).slot == "new"
    ours = bought_by_us(ledger)  # a live run whose lease the server had lost: its own slot is nobody else's
    await ours.give_back()
    await held.give_back()
    assert held.session.slots.given == ["new"]


async def test_a_run_that_may_do_without_a_slot_waits_for_none(ledger, job):
    held = await take_up_slot(job, session(), ledger, run="reconcile", priority=None)
    assert held.lease is None
    await held.give_back()


async def test_a_job_that_has_ended_meanwhile_has_no_slot_to_take_over(ledger, job):
    ledger.add(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
    held = await take_up_slot(job, session("first"), ledger, run="b", priority=0)
    assert held.lease is None


@pytest.mark.parametrize("stands", [["first"], []])
async def test_what_is_taken_while_a_job_ends_is_given_back(ledger, job, stands):
    slots = SlowSlots(*stands)
    held = await claim_slot(job, SimpleNamespace(slots=slots, job_seconds=60.0), ledger, run="b", is_needed=True)
    filling = asyncio.create_task(held.fill(0))
    await slots.is_asked.wait()
    ledger.add(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))  # by our own first look
    filling.cancel()
    await asyncio.gather(filling, return_exceptions=True)
    await held.give_back()
    assert slots.given == (stands or ["new"])


async def test_a_job_whose_slot_cannot_be_claimed_is_followed_without_one(ledger, job, monkeypatch):
    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(ledger, "add", full)
    held = await take_up_slot(job, session("first"), ledger, run="b", priority=0)
    assert held.lease is None


async def test_a_run_that_cannot_read_of_others_gives_its_slot_back(ledger, job, monkeypatch):
    def fail(identity):
        raise OSError("the disk of the ledger is away")

    ours = bought_by_us(ledger)
    monkeypatch.setattr(ledger, "last_claim", fail)
    await ours.give_back()
    assert ours.session.slots.given == ["first"]


async def test_where_no_slot_is_known_and_none_is_needed_nothing_is_claimed(ledger, job, monkeypatch):
    monkeypatch.setattr("longtake.ledger.records.Purchase.slot", "")
    await take_up_slot(job, session(), ledger, run="reconcile", priority=None)
    assert ledger.last_claim(IDENTITY) == 0


@pytest.mark.parametrize(
    ("error", "age_seconds", "stays"),
    [
        (asyncio.CancelledError(), 0, True),
        (StillRunningError("waited"), 10, True),
        (StillRunningError("waited"), 100, False),
        (JobFailedError("over"), 10, False),
    ],
)
def test_a_job_that_was_waited_for_as_long_as_its_account_says_is_taken_for_dead(job, error, age_seconds, stays):
    old = job.model_copy(update={"submitted_at": time.time() - age_seconds})
    account = SimpleNamespace(account=SimpleNamespace(max_wait_seconds=60))
    assert may_run_on(error, old, account) is stays
