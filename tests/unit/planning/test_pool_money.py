"""Several vendors for one shot: what is set aside for it, what a plan shows, and how long it takes."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from longtake.accounts.account import Account
from longtake.costs.budget import Budget
from longtake.costs.budget_log import AnyOf, Reservation
from longtake.costs.quote import Quote, Span, bounds
from longtake.domain.errors import BudgetExceededError
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.planning.forecast import expected_seconds, forecast
from longtake.planning.needs import needs_of
from longtake.planning.preview import PlanPreview
from longtake.reports.plan.markdown import summary_markdown
from longtake.reports.plan.parquet import plan_frame
from longtake.reports.plan.table import plan_json, plan_rows, print_plan, summary_line
from tests.unit.planning.test_plan import made, row
from tests.unit.planning.test_pools import BOTH, account, priced

EVOLINK, ANYFAST = "evolink/default", "anyfast/default"


def plan_of(count=1, vendor=BOTH, quote=None, **more):
    rows = [row(number, f"r{number}", vendor=vendor, duration_seconds=4) for number in range(1, count + 1)]
    return made(*rows, quote=quote or priced(evolink=0.5, anyfast=0.1), **more)


async def budget_of(tmp_path, usd=None, **caps):
    named = {f"{name}/default": cap for name, cap in caps.items()}
    return await Budget(Ledger(DirectoryStore(tmp_path)), budget_usd=usd, caps=named).open()


@pytest.mark.parametrize(
    ("quotes", "held"),
    [
        ([(1, 4), (2, 3)], (1, 4)),
        ([(1, 2), (3, 5)], (1, 5)),
        ([(1, 2), None], None),
        ([], None),
    ],
)
def test_bounds_hold_for_all(quotes, held):
    given = [Quote(low_usd=each[0], high_usd=each[1]) if each else None for each in quotes]
    found = bounds(given)
    assert (found and (found.low_usd, found.high_usd)) == held


async def test_the_budget_reserves_the_highest_of_all_and_once_it_is_bought_what_it_costs_there(tmp_path):
    plan = plan_of(3)
    one = await budget_of(tmp_path, 5.0)
    assert list(await one.admit_reels(needs_of(plan))) == ["r3"]
    assert one.spent_usd == 4.0
    shot = plan.shots[0]
    shot.go_to(shot.candidates[1])
    await one.reserve(shot.identity, shot.quote, shot.account)
    assert one.spent_usd == 4.0  # where nothing comes of it there, the dearer one is asked
    await one.bought(shot.identity, shot.quote, shot.account)
    assert one.spent_usd == pytest.approx(2.4)
    assert list(await one.preview(needs_of(plan))) == []


async def test_money_for_the_dearest_account_stays_set_aside_while_a_cheaper_one_is_tried(tmp_path):
    plan = plan_of(2)
    one, other = await budget_of(tmp_path, 2.0), await budget_of(tmp_path, 2.0)
    assert await one.admit_reels({"r1": needs_of(plan)["r1"]}) == {}
    shot = plan.shots[0]
    for cheap_then_dear in (1, 0):
        shot.go_to(shot.candidates[cheap_then_dear])
        await one.reserve(shot.identity, shot.quote, shot.account)
        assert list(await other.admit_reels({"r2": needs_of(plan)["r2"]})) == ["r2"]
    await one.bought(shot.identity, shot.quote, shot.account)
    assert one.spent_usd == 2.0


async def test_where_only_its_own_price_fits_an_account_s_cap_that_is_set_aside(tmp_path):
    plan = plan_of(1)
    one = await budget_of(tmp_path, 2.0, anyfast=0.5)
    await one.admit_reels(needs_of(plan))
    shot = plan.shots[0]
    shot.go_to(shot.candidates[1])
    await one.reserve(shot.identity, shot.quote, shot.account)
    assert one.spent_usd == pytest.approx(0.4)


async def test_a_cap_of_one_account_sends_the_money_to_the_next_and_only_all_of_them_hold_a_reel(tmp_path):
    plan = plan_of(4)
    assert needs_of(plan)["r1"][plan.shots[0].identity] == AnyOf((Reservation(2.0, EVOLINK), Reservation(2.0, ANYFAST)))
    one = await budget_of(tmp_path, evolink=3.0, anyfast=4.5)
    held = await one.admit_reels(needs_of(plan))
    assert list(held) == ["r4"]
    assert "max_spend_usd of evolink/default" in held["r4"]
    assert dict(one._log.state.account_nano_usd) == {EVOLINK: 2 * 10**9, ANYFAST: 4 * 10**9}
    assert not await one.admit_reels({reel: need for reel, need in needs_of(plan).items() if reel not in held})
    assert sum(one._log.state.account_nano_usd.values()) == 6 * 10**9  # set aside before, and not twice


async def test_an_account_that_is_full_at_the_submit_refuses_and_the_one_that_was_set_aside_has_room(tmp_path):
    plan = plan_of(3)
    one = await budget_of(tmp_path, evolink=3.0, anyfast=4.5)
    await one.admit_reels(needs_of(plan))
    second = plan.shots[1]  # its money was set aside at anyfast
    second.go_to(second.candidates[0])
    with pytest.raises(BudgetExceededError, match="max_spend_usd of evolink/default"):
        await one.reserve(second.identity, second.quote, second.account)
    second.go_to(second.candidates[1])
    await one.reserve(second.identity, second.quote, second.account)


async def test_under_a_budget_one_unknown_price_holds_the_reel_and_is_named(tmp_path):
    plan = plan_of(vendor="evolink|powertokens")
    held = await (await budget_of(tmp_path, 5.0)).admit_reels(needs_of(plan))
    assert "the price at powertokens/default is unknown" in held["r1"]


def shown(view):
    console = Console(file=io.StringIO(), width=200, no_color=True)
    print_plan(view, console)
    return console.file.getvalue()


def test_a_plan_shows_who_may_make_a_shot_between_which_bounds_and_who_is_tried_first():
    view = PlanPreview(plan_of(2), route="prefer")
    text = shown(view)
    assert "evolink | anyfast" in text
    assert "0.4000–2.0000" in text
    assert "evolink/default or anyfast/default" in text
    assert "2 of them at one of several accounts, in the order written" in summary_line(view)
    assert "the cheapest first" in summary_line(PlanPreview(plan_of(), route="cheapest"))
    assert "evolink/default or anyfast/default" in summary_markdown(view, "m.csv")
    assert "several" not in summary_line(PlanPreview(plan_of(vendor="evolink")))


def test_a_plan_for_programs_names_every_candidate_with_its_price():
    view = PlanPreview(plan_of(), route="cheapest")
    told = json.loads(json.dumps(plan_json(view)))
    assert told["route"] == "cheapest"
    candidates = told["rows"][0]["candidates"]
    assert [(each["account"], each["price_high_usd"]) for each in candidates] == [(EVOLINK, 2.0), (ANYFAST, 0.4)]
    assert told["accounts"].keys() == {f"{EVOLINK} or {ANYFAST}"}
    table = plan_frame(plan_rows(view))
    assert [each["account"] for each in table["candidates"][0]] == [EVOLINK, ANYFAST]
    assert plan_rows(PlanPreview(plan_of(vendor="evolink")))[0]["candidates"] == []


def slots(**of: int) -> dict[str, Account]:
    accounts = [account(name).model_copy(update={"max_jobs_in_flight": count}) for name, count in of.items()]
    return {each.name: each for each in accounts}


def test_the_slots_of_all_count_together():
    alone, both = plan_of(12, vendor="evolink"), plan_of(12)
    there = slots(evolink=3, anyfast=3)
    assert forecast(both.shots, there).high_seconds == forecast(alone.shots, there).high_seconds / 2
    assert forecast(plan_of(3).shots, slots(evolink=3, anyfast=3)).high_seconds == forecast(
        alone.shots[:3], there).high_seconds  # fmt: skip


def test_a_job_takes_as_long_as_it_does_where_it_found_its_slot():
    plan = plan_of(2)
    times = {
        (each.account, each.model.wire): Span(*seconds)
        for each, seconds in zip(plan.shots[0].candidates, ((10, 20), (100, 200)), strict=True)
    }
    found = forecast(plan.shots, slots(evolink=1, anyfast=1), times)
    assert (found.low_seconds, found.high_seconds) == (100, 200)
    assert found.busy_seconds == {EVOLINK: 20, ANYFAST: 200}
    assert expected_seconds(times)(plan.shots[0]) == 105


def test_only_a_shot_all_of_whose_accounts_are_paused_is_left_out():
    assert forecast(plan_of(3).shots, slots(evolink=0, anyfast=3)).jobs == 3
    assert forecast(plan_of(3).shots, slots(evolink=0, anyfast=3)).busy_seconds.keys() == {ANYFAST}
    found = forecast(plan_of(3).shots, slots(evolink=0, anyfast=0))
    assert (found.jobs, found.paused) == (0, {f"{EVOLINK} or {ANYFAST}": 3})


def test_a_chain_of_several_vendors_runs_in_series():
    rows = [row(number, vendor=BOTH, duration_seconds=4, continues="clip" if number > 1 else None) for number in (1, 2)]
    two = forecast(made(*rows).shots, slots(evolink=3, anyfast=3))
    one = forecast(made(rows[0]).shots, slots(evolink=3, anyfast=3))
    assert two.high_seconds == 2 * one.high_seconds
