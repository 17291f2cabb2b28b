"""The budget: whole reels, exact sums, several runs at once, kills, and nothing beyond the bound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longtake.costs import budget as budget_module
from longtake.costs.budget import Budget
from longtake.costs.budget_draft import BudgetDraft, BudgetLimits
from longtake.costs.budget_log import BudgetLog, Entry, Reservation, Reservations
from longtake.costs.quote import Quote
from longtake.domain.errors import BudgetExceededError, UnreadableRecordError
from longtake.domain.identity import WrittenRow
from longtake.domain.job import Job
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, Intent, VerdictRecord
from longtake.manifests.schema import ManifestRow
from longtake.planning.needs import needs_of
from longtake.planning.plan import Plan, Shot

ACCOUNT = "evolink/default"


def shot(reel, number, usd, ledger=None, vendor="evolink"):
    row = ManifestRow(row=1, reel=reel, shot=str(number), lone=False, written=WrittenRow())
    identity = f"1-{reel}-{number}"
    quote = None if usd is None else Quote(low_usd=usd / 2, high_usd=usd)
    planned = Shot(row, 1, 0, vendor, ShotRequest(), identity=identity, quote=quote)
    if ledger is not None:
        purchase = ledger.purchase(identity)
        planned.attempts = [purchase] if purchase.intents else []
    return planned


def plan(reels, ledger=None):
    return Plan([shot(reel, n, usd, ledger) for reel, prices in reels.items() for n, usd in enumerate(prices)], [])


def intent(identity, usd, number=1, deadline=None):
    return Intent(
        identity=identity,
        shot_id=identity,
        take=1,
        attempt=1,
        number=number,
        vendor="evolink",
        account=ACCOUNT,
        base_url="https://vendor.test",
        wire_model="m",
        request={},
        price_high_usd=usd,
        deadline=time.time() + 90 if deadline is None else deadline,
    )


def accepted(identity):
    job = Job(
        vendor="evolink",
        account=ACCOUNT,
        base_url="https://vendor.test",
        wire_model="m",
        job_id=f"job-{identity}",
        identity=identity,
        shot_id=identity,
        submitted_at=1.0,
    )
    return Accepted(identity=identity, job=job)


def bought_usd(ledger):
    """What the vendor's bill would be at the high bound."""
    return sum(purchase.intent.price_high_usd for purchase in ledger.load().values() if purchase.is_charged)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


async def opened(ledger, usd=None, **more):
    return await Budget(ledger, budget_usd=usd, **more).open()


async def buy(budget, ledger, planned):
    """A purchase as `longtake.jobs.submit` makes it; accepted."""
    await budget.reserve(planned.identity, planned.quote, ACCOUNT)
    usd = planned.quote.high_usd if planned.quote else None
    if await asyncio.to_thread(ledger.intend, intent(planned.identity, usd)):
        assert budget.is_fresh
        await asyncio.to_thread(ledger.add, accepted(planned.identity))


async def test_whole_reels_are_admitted_in_manifest_order_and_the_rest_is_held(ledger):
    budget = await opened(ledger, 1.0)
    held = await budget.admit_reels(needs_of(plan({"a": [0.3, 0.3], "b": [0.3, 0.3], "c": [0.4]})))
    assert list(held) == ["b"]
    assert held["b"] == "the budget: up to 0.6000 USD are needed, 0.4000 of 1 USD are left"


async def test_begun_reels_are_admitted_first(ledger):
    ledger.intend(intent("1-z-0", 0.5))
    ledger.add(accepted("1-z-0"))
    budget = await opened(ledger, 1.0)
    assert list(await budget.admit_reels(needs_of(plan({"a": [0.4], "z": [0.5, 0.4]}, ledger)))) == ["a"]


async def test_a_tenth_of_a_dollar_fits_a_hundred_times_into_ten(ledger):
    budget = await opened(ledger, 10.0)
    held = await budget.admit_reels(needs_of(plan({f"r{n}": [0.1] for n in range(101)})))
    assert list(held) == ["r100"]


async def test_an_unknown_price_holds_the_reel_only_where_a_bound_is_set(ledger):
    reels = plan({"known": [0.1], "unknown": [0.1, None]})
    held = await (await opened(ledger, 5.0)).admit_reels(needs_of(reels))
    assert list(held) == ["unknown"]
    assert "the price at evolink/default is unknown" in held["unknown"]
    assert not await (await opened(ledger)).admit_reels(needs_of(reels))


async def test_an_earlier_purchase_of_unknown_price_holds_everything_until_it_can_be_priced(ledger):
    ledger.intend(intent("1-old-0", None))
    ledger.add(accepted("1-old-0"))
    held = await (await opened(ledger, 5.0)).admit_reels(needs_of(plan({"a": [0.1]})))
    assert "price of 1 earlier purchases" in held["a"]
    priced = await opened(ledger, 5.0, reprice=lambda purchase: Quote(low_usd=1, high_usd=4.95))
    assert priced.spent_usd == 4.95
    held = await priced.admit_reels(needs_of(plan({"a": [0.1]})))
    assert "0.0500 of 5 USD are left" in held["a"]


async def test_an_account_has_a_cap_of_its_own(ledger):
    budget = await opened(ledger, caps={ACCOUNT: 0.25})
    shots = [shot("a", 0, 0.2), shot("b", 0, 0.1), shot("c", 0, 9.0, vendor="jimmyai")]
    held = await budget.admit_reels(needs_of(Plan(shots, [])))
    assert list(held) == ["b"]
    assert "max_spend_usd of evolink/default" in held["b"]


async def test_a_void_try_is_free_and_a_failed_job_is_not(ledger):
    first = intent("1-a-0", 0.6)
    ledger.intend(first)
    ledger.void(first, "429")
    ledger.intend(intent("1-b-0", 0.4))
    ledger.add(accepted("1-b-0"))
    ledger.add(VerdictRecord(identity="1-b-0", verdict=Verdict.FAILED))
    budget = await opened(ledger, 1.0)
    assert budget.spent_usd == 0.4
    assert not await budget.admit_reels(needs_of(plan({"c": [0.6]})))


async def test_a_request_that_moderation_refused_at_once_is_free(ledger):
    ledger.intend(intent("1-a-0", 0.6))
    ledger.add(VerdictRecord(identity="1-a-0", verdict=Verdict.CONTENT_REFUSED))
    assert (await opened(ledger, 1.0)).spent_usd == 0


async def test_an_unknown_outcome_keeps_its_high_bound(ledger):
    ledger.intend(intent("1-a-0", 0.6, deadline=1.0))
    assert (await opened(ledger, 1.0)).spent_usd == 0.6


async def test_released_money_can_be_spent_again(ledger):
    budget = await opened(ledger, 1.0)
    await budget.reserve("1-a-0", Quote(low_usd=0, high_usd=0.8), ACCOUNT)
    with pytest.raises(BudgetExceededError):
        await budget.reserve("1-b-0", Quote(low_usd=0, high_usd=0.8), ACCOUNT)
    await budget.release("1-a-0")
    await budget.reserve("1-b-0", Quote(low_usd=0, high_usd=0.8), ACCOUNT)


async def test_the_same_purchase_counts_once_for_two_runs(ledger):
    reels = plan({"a": [0.5], "b": [0.5]})
    first, second = await opened(ledger, 1.0), await opened(ledger, 1.0)
    assert not await first.admit_reels(needs_of(reels))
    assert not await second.admit_reels(needs_of(reels))
    # What one lets go, the other still has.
    await first.release("1-a-0")
    assert second.spent_usd == 1.0
    with pytest.raises(BudgetExceededError):
        await first.reserve("1-c-0", Quote(low_usd=0, high_usd=0.1), ACCOUNT)


async def test_a_run_without_a_budget_counts_for_the_one_beside_it(ledger):
    free, bound = await opened(ledger), await opened(ledger, 1.0)
    assert not await free.admit_reels(needs_of(plan({"a": [0.9]})))
    assert "b" in await bound.admit_reels(needs_of(plan({"b": [0.2]})))


async def test_a_run_that_ends_lets_go_of_what_it_never_tried(ledger):
    first = await opened(ledger, 1.0)
    reels = plan({"a": [0.4], "b": [0.5]})
    async with first:
        await first.admit_reels(needs_of(reels))
        await buy(first, ledger, reels.shots[0])
    second = await opened(ledger, 1.0)
    assert second.spent_usd == 0.4
    assert not await second.admit_reels(needs_of(plan({"c": [0.6]})))


async def test_what_the_dead_set_aside_is_free_after_a_while_but_not_what_they_bought(ledger, monkeypatch):
    now = [1000.0]
    dead = await Budget(ledger, budget_usd=1.0, clock=lambda: now[0]).open()
    reels = plan({"a": [0.4], "b": [0.5]})
    await dead.admit_reels(needs_of(reels))
    other = await Budget(ledger, budget_usd=1.0, clock=lambda: now[0]).open()
    ledger.intend(intent("1-a-0", 0.4))
    assert "c" in await other.admit_reels(needs_of(plan({"c": [0.6]})))
    now[0] += budget_module.STALE_SECONDS + 1
    assert "d" in await other.admit_reels(needs_of(plan({"d": [0.61]})))
    assert not await other.admit_reels(needs_of(plan({"c": [0.6]})))
    # The dead one wakes: it is no longer fresh, and finds that its money is gone.
    assert not dead.is_fresh
    with pytest.raises(BudgetExceededError):
        await dead.reserve("1-b-0", reels.shots[1].quote, ACCOUNT)


async def test_a_run_that_says_it_is_alive_keeps_what_it_set_aside(ledger):
    now = [1000.0]
    slow = await Budget(ledger, budget_usd=1.0, clock=lambda: now[0]).open()
    await slow.admit_reels(needs_of(plan({"a": [0.9]})))
    now[0] += budget_module.STALE_SECONDS - 10
    await slow.reserve("1-a-0", Quote(low_usd=0.45, high_usd=0.9), ACCOUNT)
    now[0] += 100
    other = await Budget(ledger, budget_usd=1.0, clock=lambda: now[0]).open()
    assert "b" in await other.admit_reels(needs_of(plan({"b": [0.2]})))


async def test_the_preview_tells_what_would_be_held_and_writes_nothing(ledger):
    budget = await opened(ledger, 0.5)
    assert list(await budget.preview(needs_of(plan({"a": [0.3], "b": [0.3]})))) == ["b"]
    assert ledger.store.list("budget") == []


async def test_ten_thousand_purchases_at_once_share_few_entries(ledger):
    budget = await opened(ledger, 10_000.0)
    reels = plan({f"r{n}": [1.0] for n in range(10_000)})
    assert not await budget.admit_reels(needs_of(reels))
    await asyncio.gather(*(budget.reserve(each.identity, each.quote, ACCOUNT) for each in reels.shots))
    late = [budget.reserve(f"1-late-{n}", Quote(low_usd=0, high_usd=0.0), ACCOUNT) for n in range(2000)]
    await asyncio.gather(*late)
    assert len(ledger.store.list("budget")) <= 3


async def test_a_torn_entry_holds_nobody_up_for_ever(ledger, monkeypatch):
    monkeypatch.setattr("longtake.costs.budget_log.TORN_SECONDS", 0.1)
    ledger.store.create("budget/000001.json", b'{"format"')
    budget = await opened(ledger, 1.0)
    assert not await budget.admit_reels(needs_of(plan({"a": [1.0]})))
    assert (await opened(ledger, 1.0)).spent_usd == 1.0


async def test_an_entry_of_another_release_stops_the_run(ledger):
    ledger.store.create("budget/000001.json", b'{"format": 2}')
    with pytest.raises(UnreadableRecordError):
        await opened(ledger, 1.0)


async def test_a_create_whose_answer_was_lost_is_not_written_twice(ledger):
    class Lossy(DirectoryStore):
        def create(self, key, data):
            return super().create(key, data) and super().create(key, data)

    log = BudgetLog(Lossy(Path(ledger.store.url)))
    assert log.append(Entry(owner="o", at=1.0, reserved={"1-a": Reservation(0.5, ACCOUNT)}))
    assert log.state.total_nano_usd == 500_000_000
    assert len(ledger.store.list("budget")) == 1


SHARES = st.builds(
    Reservation, st.one_of(st.none(), st.integers(0, 50).map(lambda cents: cents / 100)), st.sampled_from("xy")
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q"]),
        st.dictionaries(st.sampled_from("abcde"), SHARES),
        st.sets(st.sampled_from("abcde")),
    ),
    max_size=12,
)


@given(STEPS, st.integers(0, 120))
@settings(max_examples=150, deadline=None)
def test_no_sequence_of_steps_passes_the_bound_and_the_sums_stay_exact(steps, cents):
    state, bounds = Reservations(), BudgetLimits(cents / 100, {"x": cents / 200})
    for owner, wanted, unwanted in steps:
        draft = BudgetDraft(owner, bounds, state)
        draft.release(owner, unwanted)
        state.apply(Entry(owner=owner, at=1.0, released=draft.released))
        draft = BudgetDraft(owner, bounds, state)
        for identity, share in wanted.items():
            draft.reserve({identity: share})
        state.apply(Entry(owner=owner, at=1.0, reserved=draft.reserved))
        most = {name: max(share.nano_usd for share in shares.values()) for name, shares in state.shares.items()}
        of_x = [
            max((share.nano_usd for share in shares.values() if share.account == "x"), default=0)
            for shares in state.shares.values()
        ]
        assert state.total_nano_usd == sum(most.values()) <= cents * 10**7
        assert state.account_nano_usd["x"] == sum(of_x) <= cents * 5 * 10**6
        assert not state.unknown


class Killed(Exception):  # noqa: N818 - no error but an end
    """Stands for a kill: nothing more is done, nothing cleaned up."""


async def simulated_run(ledger, reels, usd, chance, kill_chance):
    """A run whose vendor is fair, slow, throttled or silent by chance; it dies between any two steps by chance."""

    async def step():
        await asyncio.sleep(0)
        if chance.random() < kill_chance:
            raise Killed

    budget = await opened(ledger, usd)
    planned = plan(reels, ledger)
    held = await budget.admit_reels(needs_of(planned))
    for each in planned.shots:
        await step()
        purchase = ledger.purchase(each.identity)
        if each.row.reel in held or purchase.is_charged:
            continue
        try:
            await budget.reserve(each.identity, each.quote, ACCOUNT)
        except BudgetExceededError:
            continue
        await step()
        claim = intent(each.identity, each.quote.high_usd, purchase.last_try + 1)
        if not ledger.intend(claim):
            continue
        await step()
        luck = chance.random()
        if luck < 0.15:
            ledger.void(claim, "refused")
            await step()
            await budget.release(each.identity)
        elif luck < 0.9:
            ledger.add(accepted(each.identity))
    await budget.close()


REELS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=4), min_size=1, max_size=12)


@given(REELS, st.integers(10, 300), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_bill_never_passes_the_budget_over_runs_at_once_and_kills(tmp_path, reels, cents, seed):
    # Each example has an output of its own.
    ledger = Ledger(DirectoryStore(tmp_path / str(len(list(tmp_path.iterdir())))))
    names = {f"r{n}": [price / 100 for price in prices] for n, prices in enumerate(reels)}
    usd = cents / 100

    def run(number, kill_chance):
        with contextlib.suppress(Killed):
            asyncio.run(simulated_run(ledger, names, usd, random.Random(seed + number), kill_chance))

    threads = [threading.Thread(target=run, args=(number, 0.05)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(9, 0.0)
    assert round(bought_usd(ledger) * 100) <= cents


RUNNER = """
import asyncio, os, random, sys
sys.path.insert(0, os.getcwd())
from tests.unit.costs.test_budget import *

async def main(folder, rows, usd):
    ledger = Ledger(DirectoryStore(Path(folder)))
    chance = random.Random()
    planned = plan({f"r{n}": [0.07, 0.06] for n in range(rows // 2)}, ledger)
    async with await opened(ledger, usd) as budget:
        held = await budget.admit_reels(needs_of(planned))
        for each in planned.shots:
            if each.row.reel in held or ledger.purchase(each.identity).is_charged:
                continue
            await buy(budget, ledger, each)
            await asyncio.sleep(0.001)
    print("ended")

asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
"""


def test_ten_dollars_over_500_rows_with_kills_and_two_processes_at_once(tmp_path):
    ledger = Ledger(DirectoryStore(tmp_path))
    chance = random.Random(7)

    def start():
        command = [sys.executable, "-c", RUNNER, str(tmp_path), "500", "10.0"]
        return subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)

    kills = 0
    while kills < 4:
        before = len(ledger.scan())
        pair = [start(), start()]
        # In the midst of buying, however long the machine takes to get there.
        while len(ledger.scan()) == before and any(process.poll() is None for process in pair):
            time.sleep(0.005)
        time.sleep(chance.uniform(0.02, 0.2))
        for process in pair:
            kills += process.poll() is None
            os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
            process.wait()
            process.stdout.close()
        assert {process.returncode for process in pair} <= {0, -signal.SIGKILL}, "a process that fails buys nothing"
        if not any(process.returncode for process in pair):
            break
    last = start()
    assert last.communicate(timeout=60)[0].strip() == "ended"
    assert kills
    purchases = [purchase for purchase in ledger.load().values() if purchase.is_charged]
    unknown = sum(purchase.intent.price_high_usd for purchase in purchases if purchase.accepted is None)
    bought = bought_usd(ledger)
    assert round(bought, 6) <= 10.0
    assert bought - unknown >= 0.95 * (10.0 - unknown) - 0.13
    reels = {}
    for purchase in purchases:
        reels.setdefault(purchase.identity.rpartition("-")[0], []).append(purchase)
    assert {len(parts) for parts in reels.values()} == {2}, "only whole reels were bought"
