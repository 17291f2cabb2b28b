"""A pool of two vendors on a simulated clock: never above a limit, as fast as both, done by one if the other ends."""

from __future__ import annotations

import pytest

from longtake.domain.errors import AuthenticationError, NotSentError
from tests.simulated import chain, simulate

LIMITS = {"evolink": 3, "anyfast": 3}


def lone(count, vendor) -> list:
    return [shot for number in range(count) for shot in chain(f"s{number:02}", 1, vendor, first_row=number + 1)]


def test_sixty_shots_at_two_vendors_take_half_as_long_as_at_one_and_neither_goes_above_its_limit():
    alone = simulate(lone(60, "evolink"), {"evolink": 3}, lambda shot: 60.0)
    both = simulate(lone(60, "evolink|anyfast"), LIMITS, lambda shot: 60.0)
    assert both.wall_seconds <= 0.6 * alone.wall_seconds
    assert both.most_at == LIMITS
    assert sorted(both.began) == sorted(alone.began)


def test_the_first_that_is_written_is_taken_as_long_as_it_has_a_slot_free():
    played = simulate(lone(5, "anyfast|evolink"), LIMITS, lambda shot: 60.0)
    assert list(played.at.values()) == ["anyfast"] * 3 + ["evolink"] * 2


def test_links_of_chains_go_wherever_a_slot_comes_free():
    shots = [
        shot for number in range(4) for shot in chain(f"c{number}", 5, "evolink|anyfast", first_row=9 * number + 1)
    ]
    played = simulate(shots, {"evolink": 2, "anyfast": 2}, lambda shot: 60.0)
    assert played.wall_seconds == pytest.approx(300, abs=1)
    assert played.most_at == {"evolink": 2, "anyfast": 2}


@pytest.mark.parametrize("error", [NotSentError("refused"), AuthenticationError("no such key", "", 401)])
def test_a_vendor_that_is_switched_off_in_the_middle_leaves_all_to_the_other(error):
    asked = []

    def refuses(order):
        asked.append(order.account)
        return error if order.account == "evolink/default" and len(asked) > 10 else None

    played = simulate(lone(60, "evolink|anyfast"), LIMITS, lambda shot: 60.0, refuses=refuses)
    assert len(played.began) == 60
    assert set(list(played.at.values())[12:]) == {"anyfast"}
    # Who stands in its line is told once; all others pass it by for a while.
    assert len(asked) < 75


def test_a_vendor_that_comes_back_is_gone_to_again():
    down = []

    def refuses(order):
        if order.account == "evolink/default" and len(down) < 3:
            down.append(order.shot_id)
            return NotSentError("refused")
        return None

    played = simulate(lone(60, "evolink|anyfast"), LIMITS, lambda shot: 60.0, refuses=refuses)
    assert sum(vendor == "evolink" for vendor in played.at.values()) > 20
