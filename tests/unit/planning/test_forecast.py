"""How long a run will take: slots, submit rates, chains, learned times."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.costs.quote import Span
from longtake.domain.identity import WrittenRow
from longtake.domain.job import Job, JobStatus
from longtake.domain.request import ShotRequest
from longtake.ledger.records import Accepted, Intent, Purchase, Terminal
from longtake.manifests.schema import ManifestRow
from longtake.planning.forecast import Forecast, forecast, learned_times
from longtake.planning.plan import Shot
from longtake.vendors import adapter_named

MODEL = adapter_named("evolink").models[0]
TIMES = {("evolink/default", MODEL.wire): Span(10, 20), ("jimmyai/default", MODEL.wire): Span(100, 200)}


def account(vendor="evolink", slots=2, rate=None):
    return Account(
        vendor=vendor, api_key=SecretStr("k"), base_url="http://x", max_jobs_in_flight=slots, submits_per_minute=rate
    )


def shots(count, reel="r", vendor="evolink", chained=False):
    made, parent = [], None
    for number in range(count):
        row = ManifestRow(
            row=number + 1, reel=f"{reel}{'' if chained else number}", shot="1", lone=False, written=WrittenRow()
        )
        made.append(Shot(row, 1, 0, vendor, ShotRequest(), parent=parent if chained else None, model=MODEL))
        parent = made[-1]
    return made


def told(todo, **accounts):
    found = forecast(todo, {f"{name}/default": each for name, each in accounts.items()}, TIMES)
    return found.low_seconds, found.high_seconds


def test_slots_bound_how_many_run_at_once():
    assert told(shots(4), evolink=account(slots=2)) == (20, 40)
    assert told(shots(5), evolink=account(slots=2)) == (30, 60)
    assert told(shots(5), evolink=account(slots=100)) == (10, 20)


def test_a_chain_runs_in_series_whatever_the_slots():
    assert told(shots(3, chained=True), evolink=account(slots=100)) == (30, 60)


def test_submits_per_minute_space_the_jobs():
    # One submit every 30 s: the last of four leaves at 90 s.
    assert told(shots(4), evolink=account(slots=100, rate=2)) == (100, 110)


def test_accounts_run_beside_one_another_and_the_slowest_rules():
    todo = shots(4) + shots(1, "j", "jimmyai")
    accounts = {"evolink/default": account(), "jimmyai/default": account("jimmyai")}
    found = forecast(todo, accounts, TIMES)
    assert (found.low_seconds, found.high_seconds) == (100, 200)
    assert found.words == "100 s to 3 min for 5 jobs; jimmyai/default ends last"


def test_a_chain_may_change_its_vendor():
    todo = shots(2, chained=True)
    todo[1].vendor = "jimmyai"
    assert told(todo, evolink=account(), jimmyai=account("jimmyai")) == (110, 220)


def test_a_paused_account_is_named_and_left_out():
    found = forecast(shots(3), {"evolink/default": account(slots=0)}, TIMES)
    assert found.jobs == 0
    assert found.words == "evolink/default is paused (3 jobs wait)"


def test_held_reels_and_finished_shots_take_no_time():
    todo = shots(4)
    assert forecast(todo, {}, TIMES, held={"r0", "r1", "r2"}).jobs == 1
    assert forecast([], {}).words == "nothing to make"


def test_without_times_a_job_takes_about_a_minute_and_a_half():
    found = forecast(shots(1), {"evolink/default": account()})
    assert found.low_seconds < 90 < found.high_seconds
    assert found.words == "63 s to 2 min for 1 job"


def purchase(number, seconds=None, estimate=None):
    identity = f"1-{number}"
    job = Job(
        vendor="evolink",
        account="evolink/default",
        base_url="http://x",
        wire_model=MODEL.wire,
        job_id="j",
        identity=identity,
        shot_id="r/1",
        submitted_at=1000.0,
        estimated_seconds=estimate,
    )
    terminal = None if seconds is None else Terminal(identity=identity, status=JobStatus.SUCCEEDED, at=1000.0 + seconds)
    return Purchase(identity=identity, accepted=Accepted(identity=identity, job=job), terminal=terminal)


def test_times_are_learned_from_earlier_jobs_and_else_from_the_vendors_estimate():
    key = ("evolink/default", MODEL.wire)
    assert learned_times([purchase(1, estimate=100), purchase(2, 50)]) == {key: Span(70, 160)}
    assert learned_times([purchase(n, 10.0 * n, estimate=100) for n in range(1, 11)]) == {key: Span(30, 100)}
    assert learned_times([]) == {}


def test_a_job_in_flight_holds_its_slot_first():
    todo = shots(2)
    intent = Intent(
        identity="1-x",
        shot_id="r/1",
        take=1,
        attempt=1,
        number=1,
        vendor="evolink",
        account="evolink/default",
        base_url="http://x",
        wire_model=MODEL.wire,
        request={},
        deadline=time.time() + 1,
    )
    running = purchase(1)
    running.intents = {1: intent}
    todo[1].attempts = [running]
    assert told(todo, evolink=account(slots=1)) == (10, 40)


@pytest.mark.parametrize("seconds", [(5, 30), (90, 400), (3000, 30000)])
def test_words_are_short(seconds):
    assert len(Forecast(*seconds, jobs=3).words) < 60


def test_many_shots_are_played_through():
    assert told(shots(20_000), evolink=account(slots=500)) == (400, 800)
