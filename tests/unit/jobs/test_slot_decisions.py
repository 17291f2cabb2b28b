"""When slots are asked for, handed on, kept and given back; by a clock and a backend that are told what to do."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from longtake.accounts import slots as pools
from longtake.accounts.slots import FixedSlots, Lease, SlotPool
from longtake.domain.errors import JobFailedError, PublishConflictError, StillRunningError
from longtake.domain.job import JobStatus
from longtake.files.directory import DirectoryStore
from longtake.jobs import takeover
from longtake.jobs.takeover import JobSlot, may_run_on, take_up_slot
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Claim, Terminal
from tests.jumping import jumping, now
from tests.unit.bought import IDENTITY, accepted, account, intent, job, quiet_session, until


class Backend(FixedSlots):
    """Slots of this process, with a note of all that was asked; `says` are answers that come before them."""

    def __init__(self, limit=1, *says) -> None:
        super().__init__(limit)
        self.says, self.notes, self.is_over = list(says), [], False

    async def take(self):
        self.notes.append("take")
        if self.says:
            said = self.says.pop(0)
            if isinstance(said, Exception):
                raise said
            return said
        return await super().take()

    async def give(self, lease):
        self.notes.append(f"give {lease.id}")
        await super().give(lease)

    async def keep(self, lease, seconds):
        self.notes.append(f"keep {lease.id} {seconds:g}")

    async def take_over(self, slot, seconds):
        self.notes.append(f"take over {slot} {seconds:g}")
        return Lease("x", slot=slot)

    async def forget(self, lease):
        self.notes.append(f"forget {lease.id}")

    async def over_limit(self):
        return self.is_over or await super().over_limit()

    async def close(self):
        self.notes.append("close")


@jumping
async def test_slots_of_this_process_are_so_many_and_come_back():
    backend = FixedSlots(2)
    leases = [await backend.take(), await backend.take()]
    assert [lease.id for lease in leases] == ["1", "2"]
    again = await backend.take()
    assert isinstance(again, float)
    assert 0 < again < 1
    assert not await backend.over_limit()
    backend.limit = 1
    assert await backend.over_limit()
    await backend.forget(leases[0])
    assert (backend.held, await backend.over_limit()) == (1, False)
    await backend.give(leases[1])
    assert backend.held == 0
    assert await backend.take_over("any", 1.0) is None


@jumping
async def test_what_a_pool_is_told_of_a_slot_reaches_the_backend():
    backend = Backend()
    pool = SlotPool(backend, clock=now)
    lease = Lease("a", slot="a")
    await pool.keep(lease, 60)
    await pool.forget(lease)
    assert (await pool.take_over("b", 30)).slot == "b"
    assert await pool.take_over("", 30) is None
    await pool.close()
    assert backend.notes == ["keep a 60", "forget a", "take over b 30", "close"]


@jumping
async def test_equal_waiters_are_served_in_order_of_arrival():
    pool, order = SlotPool(Backend(), clock=now), []
    held = await pool.acquire()

    async def wait(name):
        lease = await pool.acquire()
        order.append(name)
        pool.release(lease)

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    pool.release(held)
    await asyncio.gather(*tasks)
    await pool.close()
    assert order == list("abc")


@jumping
async def test_the_backend_is_asked_again_after_as_long_as_it_says():
    backend, clock = Backend(1, 7.0), SimpleNamespace(now=100.0)
    pool = SlotPool(backend, clock=lambda: clock.now)
    waiting = asyncio.create_task(pool.acquire())
    await until(lambda: backend.notes == ["take"])
    await asyncio.sleep(0.02)
    assert pool._ask_at == 107.0
    clock.now = 106.9
    pool._changed.set()
    await asyncio.sleep(0.02)
    assert backend.notes == ["take"]
    clock.now = 107.0
    pool._changed.set()
    await asyncio.wait_for(waiting, 5)
    assert backend.notes == ["take", "take"]
    pool.release(waiting.result())
    await pool.close()


@jumping
async def test_a_backend_in_trouble_is_asked_again_after_two_seconds():
    backend, clock = Backend(1, KeyError("x")), SimpleNamespace(now=100.0)
    pool = SlotPool(backend, clock=lambda: clock.now)
    waiting = asyncio.create_task(pool.acquire())
    await until(lambda: pool._ask_at > 0)
    assert pool._ask_at == 100.0 + pools.TROUBLE_PAUSE_SECONDS
    waiting.cancel()
    await pool.close()


@jumping
async def test_a_short_pause_of_the_backend_ends_by_itself():
    backend = Backend(1, 0.05)
    pool = SlotPool(backend, clock=now)
    lease = await asyncio.wait_for(pool.acquire(), 2)
    assert backend.notes == ["take", "take"]
    pool.release(lease)
    await pool.close()


@pytest.mark.parametrize(("held_seconds", "goes_back"), [(600.0, False), (600.1, True)])
@jumping
async def test_a_slot_that_was_held_long_goes_back_between_two_jobs(held_seconds, goes_back):
    backend, clock = Backend(), SimpleNamespace(now=1000.0)
    pool = SlotPool(backend, clock=lambda: clock.now)
    lease = Lease("a", taken_at=1000.0 - held_seconds)
    backend.held = 1
    pool.release(lease)
    await asyncio.sleep(0.03)
    assert ("give a" in backend.notes) is goes_back
    await pool.close()
    assert backend.notes.count("give a") == 1


@jumping
async def test_a_slot_beyond_a_lowered_limit_goes_back_at_once():
    backend = Backend(3)
    backend.held, backend.is_over = 1, True
    pool = SlotPool(backend, clock=now)
    pool.release(Lease("a"))
    await until(lambda: "give a" in backend.notes)
    await pool.close()


@jumping
async def test_an_idle_slot_lingers_for_the_next_link_of_a_chain():
    backend = Backend()
    pool = SlotPool(backend, linger_seconds=0.2, clock=now)
    lease = await pool.acquire()
    pool.release(lease)
    await asyncio.sleep(0.05)
    assert await pool.acquire() is lease
    pool.release(lease)
    assert backend.notes == ["take"]
    await until(lambda: backend.notes == ["take", "give 1"])
    await asyncio.sleep(0.02)
    assert pool._pump.done()  # nothing is left to do
    assert (await asyncio.wait_for(pool.acquire(), 2)).id == "1"
    await pool.close()


@jumping
async def test_a_pool_that_rests_serves_what_is_released_to_it():
    backend = Backend()
    pool = SlotPool(backend, linger_seconds=0.01, clock=now)
    first = await pool.acquire()
    await until(pool._pump.done)
    pool.release(first)
    await until(lambda: backend.notes == ["take", "give 1"])
    await pool.close()


@jumping
async def test_a_waiter_that_is_cancelled_as_it_is_served_passes_its_slot_on():
    backend = Backend()
    pool = SlotPool(backend, linger_seconds=5, clock=now)
    held = await pool.acquire()
    first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
    await asyncio.sleep(0.01)
    hand_over = pool._hand_over

    def cancelled_right_then():
        hand_over()
        first.cancel()

    pool._hand_over = cancelled_right_then
    pool.release(held)
    assert (await asyncio.wait_for(second, 2)) is held
    pool.release(held)
    await pool.close()
    assert backend.held == 0


@jumping
async def test_closing_gives_all_idle_slots_back_once():
    backend = Backend(3)
    pool = SlotPool(backend, clock=now)
    for lease in [await pool.acquire() for _ in range(3)]:
        pool.release(lease)
    await pool.close()
    assert sorted(note for note in backend.notes if note.startswith("give")) == ["give 1", "give 2", "give 3"]
    assert (backend.notes[-1], backend.held) == ("close", 0)
    await SlotPool(backend, clock=now).close()  # one that was never used closes as well


def test_a_lease_knows_when_it_was_taken():
    assert abs(time.monotonic() - Lease("a").taken_at) < 5


# Whose slot it is.


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(DirectoryStore(tmp_path))
    ledger.intend(intent(slot="first"))
    ledger.add(accepted())
    return ledger


def claims(ledger):
    return {number: (one.slot, one.run) for number, one in ledger.purchase(IDENTITY).claims.items()}


async def test_a_slot_that_still_stands_is_taken_over_under_a_numbered_claim(ledger):
    session = quiet_session("first")
    held = await take_up_slot(job(), session, ledger, run="b", priority=3.0)
    assert (held.lease.slot, held.claim, held.identity) == ("first", 1, IDENTITY)
    assert claims(ledger) == {1: ("first", "b")}
    assert (session.slots.asked, session.slots.kept) == ([], [("first", 60.0)])


async def test_a_slot_that_is_gone_is_waited_for_kept_and_claimed_anew(ledger):
    session = quiet_session()
    held = await take_up_slot(job(), session, ledger, run="b", priority=3.0)
    assert (held.lease.slot, held.claim) == ("new", 2)
    assert claims(ledger) == {1: ("first", "b"), 2: ("new", "b")}
    assert (session.slots.asked, session.slots.kept) == ([3.0], [("new", 60.0)])
    await held.give_back()
    assert (session.slots.given, session.slots.forgotten) == (["new"], [])


async def test_whoever_may_do_without_a_slot_waits_for_none_and_takes_over_one_that_stands(ledger):
    gone = quiet_session()
    held = await take_up_slot(job(), gone, ledger, run="reconcile", priority=None)
    assert (held.lease, gone.slots.asked) == (None, [])
    await held.give_back()
    assert (gone.slots.given, gone.slots.forgotten) == ([], [])
    stands = quiet_session("first")
    assert (await take_up_slot(job(), stands, ledger, run="reconcile", priority=None)).lease.slot == "first"


async def test_whoever_may_do_without_a_slot_claims_none_where_none_is_known(tmp_path):
    ledger = Ledger(DirectoryStore(tmp_path))
    ledger.intend(intent())
    ledger.add(accepted())
    held = await take_up_slot(job(), quiet_session(), ledger, run="reconcile", priority=None)
    assert (held.lease, held.claim, claims(ledger)) == (None, 0, {})
    held = await take_up_slot(job(), quiet_session(), ledger, run="b", priority=0.0)
    assert held.lease.slot == "new"


async def test_a_job_that_has_ended_meanwhile_gets_no_slot(ledger):
    ledger.add(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
    session = quiet_session("first")
    held = await take_up_slot(job(), session, ledger, run="b", priority=0.0)
    assert (held.lease, session.slots.kept, session.slots.asked) == (None, [], [])


async def test_where_others_claim_again_and_again_the_job_is_followed_without_a_slot(ledger, monkeypatch):
    add, tries = ledger.add, []

    def outrun(record, *, name=None):
        if isinstance(record, Claim):
            tries.append(name)
            raise PublishConflictError(name)
        return add(record, name=name)

    monkeypatch.setattr(ledger, "add", outrun)
    session = quiet_session("first")
    held = await take_up_slot(job(), session, ledger, run="b", priority=0.0)
    assert (held.lease, held.claim, len(tries)) == (None, 0, 5)
    assert session.slots.kept == []


async def test_a_claim_that_another_made_first_is_made_under_the_next_number(ledger, monkeypatch):
    last, told = ledger.last_claim, []

    def late(identity):
        told.append(last(identity))
        if len(told) == 1:
            ledger.add(Claim(identity=IDENTITY, slot="first", run="a"), name="claim-1")
        return told[-1]

    monkeypatch.setattr(ledger, "last_claim", late)
    held = await take_up_slot(job(), quiet_session("first"), ledger, run="b", priority=0.0)
    assert held.claim == 2
    assert claims(ledger) == {1: ("first", "a"), 2: ("first", "b")}


async def test_a_new_slot_whose_claim_does_not_succeed_keeps_the_first_claim(ledger, monkeypatch):
    claim, slots = takeover._claim, []

    async def once(job, ledger, run, slot):
        slots.append(slot)
        return await claim(job, ledger, run, slot) if len(slots) == 1 else None

    monkeypatch.setattr(takeover, "_claim", once)
    held = await take_up_slot(job(), quiet_session(), ledger, run="b", priority=0.0)
    assert (held.claim, slots, held.lease.slot) == (1, ["first", "new"], "new")


@pytest.mark.parametrize(
    ("claim", "slot", "is_left"), [(2, "mine", True), (1, "mine", False), (2, "other", False), (3, "mine", True)]
)
async def test_a_slot_is_left_to_a_later_claim_on_it_alone(ledger, claim, slot, is_left):
    ledger.add(Claim(identity=IDENTITY, slot=slot, run="x"), name=f"claim-{claim}")
    session = quiet_session()
    held = JobSlot(IDENTITY, Lease("mine", slot="mine"), session, ledger, claim=1)
    await held.give_back()
    assert (session.slots.given, session.slots.forgotten) == (([], ["mine"]) if is_left else (["mine"], []))


async def test_a_claim_that_cannot_be_read_of_is_no_claim(ledger, monkeypatch):
    def away(identity):
        raise OSError("away")

    monkeypatch.setattr(ledger, "last_claim", away)
    session = quiet_session()
    await JobSlot(IDENTITY, Lease("mine", slot="mine"), session, ledger).give_back()
    assert session.slots.given == ["mine"]


@pytest.mark.parametrize(
    ("error", "age_seconds", "runs_on"),
    [
        (StillRunningError("x"), 99, True),
        (StillRunningError("x"), 101, False),
        (asyncio.CancelledError(), 101, True),
        (asyncio.CancelledError(), 1, True),
        (JobFailedError("x"), 1, False),
        (RuntimeError("x"), 1, False),
    ],
)
def test_a_job_runs_on_unless_it_ended_or_was_waited_for_long_enough(error, age_seconds, runs_on):
    session = SimpleNamespace(account=account(max_wait_seconds=100))
    assert may_run_on(error, job(submitted_at=time.time() - age_seconds), session) is runs_on


def test_a_job_of_exactly_the_longest_wait_is_taken_for_dead(monkeypatch):
    session = SimpleNamespace(account=account(max_wait_seconds=100))
    monkeypatch.setattr(takeover.time, "time", lambda: 1100.0)
    assert not may_run_on(StillRunningError("x"), job(submitted_at=1000.0), session)
