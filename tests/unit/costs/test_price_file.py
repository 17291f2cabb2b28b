"""Prices that a person sets: a resolution that the model does not make is refused."""

from __future__ import annotations

import pytest

from longtake.costs.price_file import with_price
from longtake.domain.errors import ConfigurationError


def set_by_hand(vendor: str, model: str, usd: dict[str, float], prices: dict | None = None) -> dict:
    return with_price(prices or {}, vendor, model, usd, unit="second", source="by hand")


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast", "evolink", "jimmyai"])
def test_a_resolution_that_the_model_does_not_make_is_refused_with_those_it_makes(vendor):
    with pytest.raises(ConfigurationError, match=r"makes no '999p'; give .*480p"):
        set_by_hand(vendor, "seedance-2.0-mini", {"480p": 0.1, "999p": 0.2})


def test_a_figure_for_any_resolution_is_taken_by_every_model():
    changed = set_by_hand("jimmyai", "seedance-2.0-mini", {"*": 0.1})
    assert changed
    assert all(rule["usd"] == {"*": 0.1} for rule in changed.values())
