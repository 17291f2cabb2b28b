"""Whose money is whose when runs share an output: what is set aside, kept, let go and taken over."""

from __future__ import annotations

import asyncio
import threading

import pytest

from longtake.costs import budget as budgets
from longtake.costs.budget import LEDGER, Budget
from longtake.costs.budget_log import Entry, Reservation
from longtake.costs.quote import Quote
from longtake.domain.errors import BudgetExceededError
from longtake.domain.identity import WrittenRow, attempt_identity
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Verdict
from longtake.files.clocks import this_process
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase, VerdictRecord
from longtake.manifests.schema import ManifestRow
from longtake.planning.needs import needs_of, wanted
from longtake.planning.plan import Plan, Shot
from tests.unit.bought import ACCOUNT, accepted, intent, until


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


def quote(usd):
    return None if usd is None else Quote(low_usd=usd / 2, high_usd=usd)


def shot(reel, number, usd, **more):
    row = ManifestRow(row=1, reel=reel, shot=str(number), lone=False, written=WrittenRow())
    return Shot(row, 1, 0, "evolink", ShotRequest(), identity=f"1-{reel}-{number}", quote=quote(usd), **more)


def plan(**reels):
    return Plan([shot(reel, number, usd) for reel, prices in reels.items() for number, usd in enumerate(prices)], [])


def entries(ledger):
    return [Entry.model_validate_json(ledger.store.read(key)) for key in sorted(ledger.store.list("budget"))]


async def budget(ledger, usd=None, **more):
    return await Budget(ledger, budget_usd=usd, **more).open()


async def test_each_purchase_of_the_ledger_counts_at_its_account_and_highest_price(ledger):
    for number, usd in ((1, 0.9), (2, 0.3), (3, 0.2)):
        ledger.intend(intent("1-a", number, price_high_usd=usd))
        if number == 1:
            ledger.void(intent("1-a", 1), "429")
    ledger.intend(intent("1-b", price_high_usd=0.5, account="jimmyai/default", deadline=1.0))
    one = await budget(ledger, 1.0)
    assert one.spent_usd == 0.8
    with pytest.raises(BudgetExceededError):
        await one.reserve("1-c", quote(0.25), ACCOUNT)
    caps = await budget(ledger, caps={ACCOUNT: 0.5})
    with pytest.raises(BudgetExceededError):
        await caps.reserve("1-c", quote(0.25), ACCOUNT)
    await caps.reserve("1-c", quote(0.2), ACCOUNT)


async def test_what_a_caller_has_just_read_is_not_read_again(ledger, monkeypatch):
    ledger.intend(intent("1-a", price_high_usd=0.4))
    purchases = ledger.load()
    monkeypatch.setattr(ledger, "load", None)
    assert (await Budget(ledger).open(purchases)).spent_usd == 0.4
    assert (await Budget(ledger).open({"1-x": Purchase(identity="1-x")})).spent_usd == 0


async def test_a_purchase_that_is_settled_counts_at_what_it_cost(ledger):
    for name in "ab":
        ledger.intend(intent(f"1-{name}", price_high_usd=0.5))
        ledger.add(accepted(f"1-{name}"))
    one = await budget(ledger, 1.0, settle=lambda purchase: 0.1 if purchase.identity == "1-a" else None)
    assert one.spent_usd == 0.6
    assert one._log.state.shares["1-a"].keys() == {LEDGER}
    with pytest.raises(BudgetExceededError):
        await one.reserve("1-c", quote(0.41), ACCOUNT)
    await one.reserve("1-c", quote(0.4), ACCOUNT)


async def test_an_unknown_price_is_made_out_by_today_s_table_or_stays_unknown(ledger):
    ledger.intend(intent("1-a"))
    ledger.add(accepted("1-a"))
    priced = await budget(ledger, caps={ACCOUNT: 0.5}, reprice=lambda purchase: quote(0.3 if purchase.accepted else 9))
    assert priced.spent_usd == 0.3
    with pytest.raises(BudgetExceededError):
        await priced.reserve("1-b", quote(0.21), ACCOUNT)
    unpriced = await budget(ledger, 1.0)
    assert unpriced.spent_usd == 0
    with pytest.raises(BudgetExceededError):
        await unpriced.reserve("1-b", quote(0.1), ACCOUNT)


async def test_a_purchase_of_which_no_intent_can_be_read_is_of_unknown_price(ledger):
    ledger.store.create("ledger/1-a/try-1.intent.json", b"{")
    with pytest.raises(BudgetExceededError, match="earlier purchases"):
        await (await budget(ledger, 1.0)).reserve("1-b", quote(0.1), ACCOUNT)
    await (await budget(ledger, caps={ACCOUNT: 1.0})).reserve("1-b", quote(0.1), ACCOUNT)


def test_what_a_run_wants_is_the_attempt_it_makes_first_at_its_high_bound():
    new = shot("a", 0, 0.4)
    assert wanted(new) == (new.identity, Reservation(0.4, ACCOUNT))
    assert wanted(shot("a", 0, None))[1] == Reservation(None, ACCOUNT)
    tried = Purchase(identity=new.identity, voids={})
    again = shot("a", 0, 0.4, attempts=[Purchase(identity="x"), tried])
    assert wanted(again)[0] == attempt_identity(again.identity, 2)
    once = shot("a", 0, 0.4, attempts=[tried])
    assert wanted(once)[0] == once.identity
    replaces = shot("a", 0, 0.4, replaces=["1-old"])
    assert wanted(replaces) is not None
    follows = shot("a", 1, 0.4, replaces=["1-old"], parent=replaces)
    assert wanted(follows) is not None
    in_flight = Purchase(identity="x", accepted=accepted("x"))
    assert wanted(shot("a", 0, 0.4, attempts=[in_flight])) is None


async def test_begun_reels_come_first_and_the_others_in_manifest_order(ledger):
    over = Purchase(identity="1-z-9", intents={1: intent("1-z-9", price_high_usd=0.1)}, accepted=accepted("1-z-9"))
    shots = [shot("a", 0, 0.5), shot("b", 0, 0.5), shot("z", 0, 0.5), shot("z", 9, 0.1, attempts=[over])]
    held = await (await budget(ledger, 1.0)).admit_reels(needs_of(Plan(shots, [])))
    assert list(held) == ["b"]
    void = Purchase(identity="1-z-9", voids={})
    shots[3] = shot("z", 9, 0.1, attempts=[void])
    held = await (await budget(ledger, 1.0)).admit_reels(needs_of(Plan(shots, [])))
    assert "a" not in held


async def test_admitted_reels_are_in_the_log_and_held_ones_are_not(ledger):
    one = await budget(ledger, 1.0)
    assert list(await one.admit_reels(needs_of(plan(a=[0.5, 0.5], b=[0.1])))) == ["b"]
    (entry,) = entries(ledger)
    assert (entry.owner, set(entry.reserved)) == (one.owner, {"1-a-0", "1-a-1"})
    assert entry.reserved["1-a-0"] == Reservation(0.5, ACCOUNT)
    assert entry.process == this_process()
    assert entry.steady_at is not None


async def test_the_log_of_a_clock_of_one_s_own_tells_nothing_that_others_could_compare(ledger, clock):
    await (await budget(ledger, 1.0, clock=clock)).reserve("1-a", quote(0.1), ACCOUNT)
    (entry,) = entries(ledger)
    assert (entry.process, entry.steady_at) == (None, None)


async def test_a_preview_sees_what_others_added_since_and_writes_nothing(ledger):
    one, other = await budget(ledger, 1.0), await budget(ledger, 1.0)
    await other.reserve("1-x", quote(0.8), ACCOUNT)
    assert list(await one.preview(needs_of(plan(a=[0.1], b=[0.2])))) == ["b"]
    assert len(entries(ledger)) == 1
    assert not await one.admit_reels(needs_of(plan(a=[0.1])))


async def test_what_was_admitted_is_not_written_again_before_its_beat_is_old(ledger, clock):
    one = await budget(ledger, 1.0, clock=clock)
    await one.admit_reels(needs_of(plan(a=[0.5])))
    clock.now += 60
    await one.reserve("1-a-0", quote(0.5), ACCOUNT)
    assert len(entries(ledger)) == 1
    clock.now += 1
    await one.reserve("1-a-0", quote(0.5), ACCOUNT)
    assert len(entries(ledger)) == 2
    await one.reserve("1-a-0", quote(0.6), ACCOUNT)
    assert len(entries(ledger)) == 3
    await one.reserve("1-a-0", quote(0.6), ACCOUNT)
    assert len(entries(ledger)) == 3


async def test_a_run_is_fresh_for_as_long_as_no_other_takes_its_money(ledger, clock):
    one = await budget(ledger, 1.0, clock=clock)
    assert not one.is_fresh  # it has said nothing yet
    await one.reserve("1-a", quote(0.5), ACCOUNT)
    clock.now += 149
    assert one.is_fresh
    clock.now += 1
    assert not one.is_fresh
    assert budgets.FENCE_SECONDS < budgets.STALE_SECONDS


async def test_a_beat_counts_from_before_it_was_written(ledger, clock, monkeypatch):
    one = await budget(ledger, 1.0, clock=clock)
    create = ledger.store.create

    def slow(key, data):
        clock.now += 149
        return create(key, data)

    monkeypatch.setattr(ledger.store, "create", slow)
    await one.reserve("1-a", quote(0.5), ACCOUNT)
    assert one.is_fresh
    clock.now += 1
    assert not one.is_fresh


async def test_a_cap_that_comes_with_a_purchase_holds_from_then_on(ledger):
    one = await budget(ledger)
    await one.reserve("1-a", quote(0.5), ACCOUNT)
    with pytest.raises(BudgetExceededError):
        await one.reserve("1-b", quote(0.5), ACCOUNT, cap_usd=0.9)
    with pytest.raises(BudgetExceededError):
        await one.reserve("1-b", quote(0.5), ACCOUNT)
    await one.reserve("1-b", quote(0.4), ACCOUNT)


async def test_nobody_is_refused_by_an_old_state(ledger):
    one, other = await budget(ledger, 1.0), await budget(ledger, 1.0)
    await other.reserve("1-x", quote(0.9), ACCOUNT)
    with pytest.raises(BudgetExceededError):
        await one.reserve("1-a", quote(0.5), ACCOUNT)
    await other.release("1-x")
    await one.reserve("1-a", quote(0.5), ACCOUNT)


async def test_money_that_is_let_go_is_let_go_for_one_owner_and_purchase_alone(ledger):
    one = await budget(ledger, 1.0)
    await one.reserve("1-a", quote(0.4), ACCOUNT)
    await one.reserve("1-b", quote(0.4), ACCOUNT)
    await one.release("1-a")
    await one.release("1-never")
    assert one.spent_usd == 0.4
    assert (await budget(ledger, 1.0)).spent_usd == 0.4


async def test_a_run_that_ends_lets_go_of_what_it_did_not_try_and_says_that_it_ended(ledger):
    async with await budget(ledger, 1.0) as one:
        await one.admit_reels(needs_of(plan(a=[0.2, 0.3])))
        await one.admit_reels(needs_of(plan(b=[0.1])))
        await one.reserve("1-a-0", quote(0.2), ACCOUNT)
    last = entries(ledger)[-1]
    assert last.closed
    assert {owner: set(names) for owner, names in last.released.items()} == {one.owner: {"1-a-1", "1-b-0"}}
    assert (await budget(ledger, 1.0)).spent_usd == 0.2
    assert one._beating.cancelled()


async def test_an_end_that_cannot_be_written_is_no_error(ledger, monkeypatch):
    one = await budget(ledger, 1.0)
    await one.admit_reels(needs_of(plan(a=[0.2])))

    def full(key, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger.store, "create", full)
    await one.close()
    with pytest.raises(OSError, match="No space"):
        await one.reserve("1-b", quote(0.1), ACCOUNT)


async def test_a_log_that_fails_once_fails_those_who_wait_and_nobody_after(ledger, monkeypatch):
    one, create = await budget(ledger, 1.0), ledger.store.create
    monkeypatch.setattr(ledger.store, "create", lambda key, data: {}["none"])
    asked = [one.reserve(f"1-{name}", quote(0.1), ACCOUNT) for name in "ab"]
    assert [type(end) for end in await asyncio.gather(*asked, return_exceptions=True)] == [KeyError] * 2
    monkeypatch.setattr(ledger.store, "create", create)
    await asyncio.wait_for(one.reserve("1-c", quote(0.1), ACCOUNT), 5)
    assert one.spent_usd == 0.1


async def test_a_decision_that_comes_while_another_fails_is_made(ledger, monkeypatch):
    one, create, fails = await budget(ledger, 1.0), ledger.store.create, threading.Event()

    def unsure(key, data):
        if not fails.is_set():
            assert fails.wait(5)
            raise OSError("the store was away")
        return create(key, data)

    monkeypatch.setattr(ledger.store, "create", unsure)
    first = asyncio.create_task(one.reserve("1-a", quote(0.1), ACCOUNT))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(one.reserve("1-b", quote(0.1), ACCOUNT))
    await asyncio.sleep(0.02)
    fails.set()
    with pytest.raises(OSError, match="away"):
        await first
    await asyncio.wait_for(second, 5)
    assert one.spent_usd == 0.1


async def test_a_purchase_whose_intent_is_torn_counts_at_the_most_that_was_set_aside_for_it(ledger):
    runs = [await budget(ledger) for _ in range(3)]
    for run, usd in zip(runs, (0.3, 0.4, None), strict=True):
        await run.reserve("1-a", quote(usd), ACCOUNT)
    await runs[0].reserve("1-b", quote(0.2), ACCOUNT)
    for name in "ab":
        ledger.store.create(f"ledger/1-{name}/try-1.intent.json", b"{")
    later = await budget(ledger, 9.0)
    state = later._log.state
    assert [state.share(f"1-{name}", LEDGER) for name in "ab"] == [Reservation(0.4, ACCOUNT), Reservation(0.2, ACCOUNT)]


async def test_a_purchase_whose_price_is_read_counts_at_it_whatever_was_set_aside(ledger):
    run = await budget(ledger)
    await run.reserve("1-a", quote(0.9), ACCOUNT)
    await run.reserve("1-b", quote(0.9), ACCOUNT)
    ledger.intend(intent("1-a", price_high_usd=0.5))
    ledger.store.create("ledger/1-a/claim-1.json", b"{")
    ledger.intend(intent("1-b"))
    later = await budget(ledger)
    state = later._log.state
    assert [state.share(f"1-{name}", LEDGER) for name in "ab"] == [
        Reservation(0.5, ACCOUNT),
        Reservation(None, ACCOUNT),
    ]


async def test_decisions_that_come_while_an_entry_is_written_share_the_next_one(ledger):
    one = await budget(ledger, 1.0)
    ends = await asyncio.gather(
        *(one.reserve(f"1-{number}", quote(0.1), ACCOUNT) for number in range(12)), return_exceptions=True
    )
    assert [end is None for end in ends] == [True] * 10 + [False] * 2
    assert len(entries(ledger)) <= 3


async def test_who_gave_up_waiting_for_a_decision_keeps_nobody_from_theirs(ledger):
    one = await budget(ledger, 1.0)
    gone = asyncio.create_task(one.reserve("1-a", quote(0.1), ACCOUNT))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(one.reserve("1-b", quote(0.1), ACCOUNT), 5)
    assert gone.cancelled()


async def test_a_run_says_again_and_again_that_it_lives_though_it_fails_to_once(ledger, monkeypatch):
    monkeypatch.setattr(budgets, "BEAT_SECONDS", 0.02)
    create, tries = ledger.store.create, []

    def unsure(key, data):
        tries.append(key)
        if len(tries) == 2:
            raise OSError("the store is away")
        return create(key, data)

    monkeypatch.setattr(ledger.store, "create", unsure)
    async with await budget(ledger, 1.0) as one:
        await until(lambda: len(tries) > 3)
    assert all(entry.owner == one.owner and not entry.reserved for entry in entries(ledger))


# The dead.


async def left_behind(ledger, clock, **more):
    """A run that set 0.4 and 0.5 aside and was killed."""
    dead = await budget(ledger, 1.0, **({"clock": clock} | more))
    await dead.admit_reels(needs_of(plan(a=[0.4], b=[0.5])))
    return dead


async def test_what_a_run_set_aside_stays_its_own_while_it_may_live(ledger, clock):
    await left_behind(ledger, clock)
    other = await budget(ledger, 1.0, clock=clock)
    clock.now += 300
    with pytest.raises(BudgetExceededError):
        await other.reserve("1-c", quote(0.2), ACCOUNT)
    clock.now += 1
    await other.reserve("1-c", quote(0.2), ACCOUNT)
    await other.reserve("1-d", quote(0.8), ACCOUNT)


async def test_what_the_dead_bought_stays_paid_and_the_rest_is_free(ledger, clock):
    await left_behind(ledger, clock)
    other = await budget(ledger, 1.0, clock=clock)
    ledger.intend(intent("1-a-0", price_high_usd=0.4))
    ledger.add(accepted("1-a-0"))
    clock.now += 301
    with pytest.raises(BudgetExceededError):
        await other.reserve("1-c", quote(0.61), ACCOUNT)
    await other.reserve("1-c", quote(0.6), ACCOUNT)
    assert other.spent_usd == 1.0
    released = [entry.released for entry in entries(ledger) if entry.released]
    assert [list(one.values()) for one in released] == [[["1-b-0"]]]


async def test_a_void_try_of_the_dead_is_free(ledger, clock):
    await left_behind(ledger, clock)
    other = await budget(ledger, 1.0, clock=clock)
    tried = intent("1-a-0", price_high_usd=0.4)
    ledger.intend(tried)
    ledger.void(tried, "429")
    clock.now += 301
    await other.reserve("1-c", quote(1.0), ACCOUNT)


async def test_a_run_that_has_said_that_it_ended_is_dead_at_once(ledger, clock):
    dead = await left_behind(ledger, clock)
    dead._untouched.clear()
    await dead.close()
    other = await budget(ledger, 1.0, clock=clock)
    await other.reserve("1-c", quote(1.0), ACCOUNT)


async def test_a_run_of_this_machine_whose_process_has_ended_is_dead_at_once(ledger, monkeypatch):
    monkeypatch.setattr(budgets, "this_process", lambda: f"{this_process()}0")
    await left_behind(ledger, None)
    monkeypatch.undo()
    await (await budget(ledger, 1.0)).reserve("1-c", quote(1.0), ACCOUNT)


async def test_a_run_of_this_machine_that_hangs_is_dead_by_the_time_since_boot(ledger, monkeypatch):
    now = [5000.0]
    monkeypatch.setattr(budgets, "steady_seconds", lambda: now[0])
    await left_behind(ledger, None)
    now[0] += 300
    with pytest.raises(BudgetExceededError):
        await (await budget(ledger, 1.0)).reserve("1-c", quote(0.2), ACCOUNT)
    now[0] += 1
    await (await budget(ledger, 1.0)).reserve("1-c", quote(0.2), ACCOUNT)


async def test_a_run_of_another_machine_is_dead_by_what_the_store_tells_of_its_last_word(ledger, clock, monkeypatch):
    monkeypatch.setattr(budgets, "this_process", lambda: "another-boot/pid:[1]/7/8")
    await left_behind(ledger, None)
    monkeypatch.undo()
    age = [300.0]
    monkeypatch.setattr(ledger.store, "ages", lambda keys: dict.fromkeys(keys, age[0]))
    other = await budget(ledger, 1.0)
    with pytest.raises(BudgetExceededError):
        await other.reserve("1-c", quote(0.2), ACCOUNT)
    age[0] = 301.0
    await other.reserve("1-c", quote(0.2), ACCOUNT)


async def test_our_own_money_and_the_ledger_s_are_never_taken_for_left_by_the_dead(ledger, clock):
    ledger.intend(intent("1-x", price_high_usd=0.3))
    ledger.add(accepted("1-x"))
    one = await budget(ledger, 1.0, clock=clock)
    await one.reserve("1-a", quote(0.4), ACCOUNT)
    clock.now += 900
    with pytest.raises(BudgetExceededError):
        await one.reserve("1-b", quote(0.31), ACCOUNT)
    assert one.spent_usd == 0.7
    assert one._log.state.shares["1-x"].keys() == {LEDGER}


async def test_two_who_bury_the_same_dead_let_go_of_it_once_each_at_most(ledger, clock):
    await left_behind(ledger, clock)
    runs = [await budget(ledger, 1.0, clock=clock) for _ in range(2)]
    clock.now += 301
    await asyncio.gather(*(run.reserve(f"1-{n}", quote(0.5), ACCOUNT) for n, run in enumerate(runs)))
    later = await budget(ledger, 1.0, clock=clock)
    assert later.spent_usd == 1.0
    with pytest.raises(BudgetExceededError):
        await later.reserve("1-z", quote(0.1), ACCOUNT)


async def test_a_failed_purchase_keeps_its_money(ledger):
    one = await budget(ledger, 1.0)
    await one.reserve("1-a", quote(0.6), ACCOUNT)
    ledger.intend(intent("1-a", price_high_usd=0.6))
    ledger.add(accepted("1-a"))
    ledger.add(VerdictRecord(identity="1-a", verdict=Verdict.FAILED))
    await one.close()
    with pytest.raises(BudgetExceededError):
        await (await budget(ledger, 1.0)).reserve("1-b", quote(0.5), ACCOUNT)
