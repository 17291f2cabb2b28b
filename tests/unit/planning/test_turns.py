"""Who gets the next slot: the longest chain, or the first reel; and that the forecast plays what a run does."""

from __future__ import annotations

import random

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.costs.quote import Span
from longtake.planning.forecast import forecast
from longtake.planning.plan import RowChoice
from longtake.planning.turns import chain_seconds, slot_ranks
from tests.simulated import chain, simulate


def ranked(shots, order="fastest", seconds=lambda shot: 90.0):
    ranks = slot_ranks(shots, order, seconds)
    return [shot.shot_id for shot in sorted(shots, key=lambda shot: ranks[shot])]


def seconds_by_vendor(shot):
    return {"evolink": 10.0, "jimmyai": 100.0}[shot.vendor]


def test_the_longest_chain_still_to_make_goes_first_and_equal_ones_in_manifest_order():
    shots = [*chain("a", 1), *chain("b", 3), *chain("c", 1), *chain("d", 2)]
    assert ranked(shots) == ["b/1", "b/2", "d/1", "a/1", "b/3", "c/1", "d/2"]


def test_in_manifest_order_reels_go_one_after_another():
    shots = [*chain("a", 1), *chain("b", 3), *chain("c", 1)]
    assert ranked(shots, "manifest") == ["a/1", "b/1", "b/2", "b/3", "c/1"]


def test_a_chain_is_as_long_as_its_jobs_take_at_whatever_vendor():
    shots = [*chain("many", 3), *chain("slow", 2, ["evolink", "jimmyai"])]
    assert chain_seconds(shots, seconds_by_vendor)[shots[3]] == 110.0
    assert ranked(shots, seconds=seconds_by_vendor)[:2] == ["slow/1", "slow/2"]


def test_where_several_takes_go_on_from_a_shot_the_longest_counts():
    trunk, short, long, end = *chain("a", 2), *chain("b", 2)
    long.parent, end.parent = trunk, long
    assert chain_seconds([trunk, short, long, end], lambda shot: 1.0)[trunk] == 3.0


def test_all_takes_of_which_the_best_is_gone_on_with_are_as_urgent_as_what_follows():
    first, second = chain("a", 2)
    other = chain("a", 1)[0]
    first.choice = other.choice = RowChoice([first, other], first, is_open=True)
    shots = [*chain("lone", 1), first, other, second]
    ranks = slot_ranks(shots, "fastest", lambda shot: 90.0)
    assert [ranks[shot] for shot in shots] == [2, 0, 1, 3]


def test_equal_chains_keep_their_order_though_their_sums_differ_in_the_last_digit():
    tenths = {"a/1": 0.1, "a/2": 0.2, "a/3": 0.3, "b/1": 0.3, "b/2": 0.2, "b/3": 0.1}
    shots = [*chain("b", 3), *chain("a", 3)]
    assert ranked(shots, seconds=lambda shot: tenths[shot.shot_id])[0] == "b/1"


def random_manifest(seed):
    chance = random.Random(seed)
    shots = []
    for reel in range(chance.randint(3, 25)):
        vendors = chance.choice([["evolink"], ["jimmyai"], ["evolink", "jimmyai"]])
        shots += chain(f"r{reel:02}", chance.choice([1, 1, 2, 4, 7, 12]), vendors)
    slots = {"evolink": chance.randint(1, 6), "jimmyai": chance.randint(1, 6)}
    return shots, slots


@pytest.mark.parametrize("order", ["fastest", "manifest"])
@pytest.mark.parametrize("seed", range(12))
def test_the_forecast_plays_what_a_run_does(seed, order):
    shots, slots = random_manifest(seed)
    times = {(shot.account, shot.model.wire): Span(took := seconds_by_vendor(shot), took) for shot in shots}
    accounts = {
        f"{vendor}/default": Account(
            vendor=vendor, api_key=SecretStr("k"), base_url="http://x", max_jobs_in_flight=count
        )
        for vendor, count in slots.items()
    }
    foretold = forecast(shots, accounts, times, order=order)
    played = simulate(shots, slots, seconds_by_vendor, order=order, times=times)
    # A slot that comes free in the same moment as another may go to either's successor.
    assert played.wall_seconds == pytest.approx(foretold.high_seconds, abs=0.05)
