"""Prices: bounds per request, unknown prices, overrides, and the sandbox's own bill inside the bounds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.costs.price_book import PriceBook
from longtake.costs.quote import MOST_SEARCHES, Quote, Span, price_rules, quote
from longtake.domain.errors import ConfigurationError
from longtake.domain.request import MediaFacts, Reference, ShotRequest
from longtake.vendors import VENDORS
from longtake.vendors.limits import Limits
from longtake.vendors.price_rule import PriceRule


def video(seconds: float | None = None) -> Reference:
    facts = None
    if seconds is not None:
        facts = MediaFacts(kind="video", container="mp4", size_bytes=1, duration_seconds=seconds)
    return Reference(role="reference_video", source="https://example.com/v.mp4", facts=facts)


def priced(vendor: str, **wish: Any) -> Quote | None:
    request = ShotRequest(prompt="a", **wish)
    model = VENDORS[vendor].model_for(request)
    return quote(request, model.price, model.limits)


def exactly(usd: float) -> Quote:
    return Quote(low_usd=round(usd, 9), high_usd=round(usd, 9))


def test_seconds_of_output_are_billed_by_resolution() -> None:
    assert priced("evolink", model="seedance-2.0", duration_seconds=8, resolution="480p") == exactly(8 * 0.0919)
    assert priced("evolink", model="seedance-2.0-fast", duration_seconds=8) == exactly(8 * 0.1608)
    assert priced("powertokens", model="seedance-2.0-fast") == exactly(0.605)


def test_reference_video_is_billed_at_least_as_long_as_the_clip() -> None:
    short = priced("evolink", model="seedance-2.0", duration_seconds=10, references=(video(3.0),))
    assert short == exactly(20 * 0.1209)
    long = priced("evolink", model="seedance-2.0", duration_seconds=5, references=(video(8.0), video(4.0)))
    assert long == exactly(17 * 0.1209)


def test_fractions_of_reference_seconds_may_be_rounded_either_way() -> None:
    found = priced("evolink", model="seedance-2.0", duration_seconds=5, references=(video(12.04),))
    assert found == Quote(low_usd=round(17 * 0.1209, 9), high_usd=round(18 * 0.1209, 9))


def test_unmeasured_reference_videos_lie_between_the_models_bounds() -> None:
    found = priced("evolink", model="seedance-2.0", duration_seconds=4, references=(video(), video()))
    assert found == Quote(low_usd=round(8 * 0.1209, 9), high_usd=round(19 * 0.1209, 9))


def test_what_the_caller_knows_of_reference_seconds_goes_first() -> None:
    request = ShotRequest(prompt="a", model="seedance-2.0", duration_seconds=4, references=(video(),))
    model = VENDORS["evolink"].model_for(request)
    found = quote(request, model.price, model.limits, reference_seconds=Span(6, 6))
    assert found == exactly(round(10 * 0.1209, 9))


def test_relaxed_filter_and_searches_cost_more() -> None:
    plain = priced("evolink", model="seedance-2.0-fast", duration_seconds=5)
    relaxed = priced("evolink", model="seedance-2.0-fast", duration_seconds=5, content_filter=False)
    searching = priced("evolink", model="seedance-2.0-fast", duration_seconds=5, web_search=True)
    assert plain and relaxed and searching
    assert relaxed.low_usd == pytest.approx(plain.low_usd * 1.1)
    assert searching.low_usd == plain.low_usd
    assert searching.high_usd == pytest.approx(plain.high_usd + MOST_SEARCHES * 0.0006)
    assert priced("evolink", model="seedance-2.0-fast", duration_seconds=5, content_filter=True) == plain


def test_automatic_duration_spans_what_the_model_makes() -> None:
    found = priced("powertokens", model="seedance-2.0-fast", duration_seconds="auto")
    assert found == Quote(low_usd=4 * 0.121, high_usd=15 * 0.121)


@pytest.mark.parametrize(
    ("vendor", "wish"),
    [
        ("evolink", {"model": "seedance-2.0-mini"}),
        ("evolink", {"model": "seedance-2.0", "resolution": "1080p"}),
        ("powertokens", {"model": "seedance-2.0-fast", "references": (video(3),)}),
        ("powertokens", {}),
        ("anyfast", {}),
        ("jimmyai", {}),
    ],
)
def test_price_without_a_source_is_unknown_and_never_nothing(vendor: str, wish: dict[str, Any]) -> None:
    assert priced(vendor, **wish) is None


MAKERS_MINI = {"duration_seconds": 4, "resolution": "720p", "ratio": "16:9"}


def test_the_makers_bill_tokens_by_their_list() -> None:
    assert priced("byteplus", **MAKERS_MINI) == Quote(low_usd=0.3024, high_usd=0.30555)
    large = priced("byteplus", model="seedance-2.0", duration_seconds=5, resolution="4k", ratio="16:9")
    assert large == Quote(low_usd=972_000 * 4 / 1e6, high_usd=980_100 * 4 / 1e6)


def test_a_reference_video_counts_at_least_as_the_makers_floor() -> None:
    # 4 s made and 2 s taken in are 6 s; no fewer than 7 are billed: 151,200 tokens, as the table of floors has it.
    found = priced("byteplus", **MAKERS_MINI, references=(video(2.0),))
    assert found == Quote(low_usd=151_200 * 2.1 / 1e6, high_usd=round(152_100 * 2.1 / 1e6, 9))
    beyond = priced("byteplus", **MAKERS_MINI, references=(video(10.0),))
    assert beyond is not None and beyond.low_usd == pytest.approx(14 * 21_600 * 2.1 / 1e6)


def test_a_list_in_yuan_is_a_price_once_somebody_says_what_a_yuan_is_worth() -> None:
    request = ShotRequest(prompt="a", **MAKERS_MINI)
    model = VENDORS["volcengine"].model_for(request)
    without = Account(vendor="volcengine", api_key=SecretStr("k"), base_url="http://x")
    told = without.model_copy(update={"usd_per_cny": 0.14})
    assert PriceBook({"volcengine/default": without})(request, model, "volcengine/default") is None
    found = PriceBook({"volcengine/default": told})(request, model, "volcengine/default")
    assert found == Quote(low_usd=round(86_400 * 23 * 0.14 / 1e6, 9), high_usd=round(87_300 * 23 * 0.14 / 1e6, 9))


def test_a_search_whose_price_no_page_names_leaves_the_price_unknown() -> None:
    assert priced("byteplus", **MAKERS_MINI, web_search=True) is None


def test_every_built_in_price_has_source_and_date() -> None:
    rules = [model.price for adapter in VENDORS.values() for model in adapter.models if model.price]
    assert len(rules) == 11
    assert all(rule.source and rule.date and not rule.fictitious for rule in rules)


TOKENS = PriceRule(
    unit="million_tokens", usd={"*": 5.0}, usd_with_video={"*": 3.0}, reference_seconds="added", source="x"
)


def test_tokens_count_frames_and_pixels() -> None:
    request = ShotRequest(prompt="a", duration_seconds=5, resolution="720p", ratio="16:9")
    # 120 frames of 1280 × 720 are the 108,000 tokens of upstream's table, 121 the 108,900 that it reports.
    bounds = Quote(low_usd=108_000 * 5.0 / 1e6, high_usd=108_900 * 5.0 / 1e6)
    assert quote(request, TOKENS, Limits()) == bounds


def test_adaptive_ratio_spans_the_smallest_and_largest_clip() -> None:
    request = ShotRequest(prompt="a", duration_seconds=5, resolution="720p", ratio="adaptive")
    found = quote(request, TOKENS, Limits())
    assert found is not None
    assert found.low_usd == pytest.approx(120 * 960 * 960 / 1024 * 5.0 / 1e6)
    # Tokens are whole: 109,587 rather than 109,586.3.
    assert found.high_usd == pytest.approx(109_587 * 5.0 / 1e6)


def test_tokens_of_reference_videos_are_added_and_have_a_floor() -> None:
    request = ShotRequest(prompt="a", duration_seconds=6, resolution="720p", ratio="16:9", references=(video(2.0),))
    found = quote(request, TOKENS, Limits())
    assert found is not None
    assert found.low_usd == pytest.approx(8 * 24 * 900 * 3.0 / 1e6)
    assert found.high_usd == pytest.approx((10 * 24 + 1) * 900 * 3.0 / 1e6)


def test_unknown_pixels_leave_a_token_price_unknown() -> None:
    limits = VENDORS["anyfast"].model_for(ShotRequest(model="seedance-2.0-ultra")).limits
    assert quote(ShotRequest(prompt="a", resolution="2k"), TOKENS, limits) is None
    assert quote(ShotRequest(prompt="a"), TOKENS, limits) is None


def test_unbounded_reference_length_leaves_the_price_unknown() -> None:
    added = PriceRule(unit="second", usd={"*": 1}, reference_seconds="added", source="x")
    assert quote(ShotRequest(prompt="a", references=(video(),)), added, Limits()) is None


def test_price_per_task_knows_no_seconds() -> None:
    rule = PriceRule(unit="task", usd={"480p": 0.2, "720p": 0.4}, source="x")
    for seconds in (4, 15, "auto"):
        assert quote(ShotRequest(prompt="a", duration_seconds=seconds), rule, Limits()) == exactly(0.4)


def test_free_reference_seconds_are_free() -> None:
    rule = PriceRule(unit="second", usd={"*": 1}, source="x")
    assert quote(ShotRequest(prompt="a", duration_seconds=5, references=(video(9),)), rule, Limits()) == exactly(5)


def test_overrides_are_read_by_wire_model() -> None:
    rules = price_rules({"seedance2.0-md": {"unit": "task", "usd": {"*": 0.3}}}, ["seedance2.0-md", "seedance2.0-std"])
    assert rules["seedance2.0-md"].usd == {"*": 0.3}
    assert rules["seedance2.0-md"].source == "prices of the credentials"


def test_overrides_that_cannot_be_read_are_all_named_at_once() -> None:
    wrong = {
        "nonsense": {"unit": "task", "usd": {"*": 1}},
        "a": {"unit": "hour", "usd": {"*": 1}},
        "b": {"unit": "task", "usd": {"*": -1}},
        "c": {"unit": "task", "usd": {"*": float("nan")}},
        "d": {"unit": "task", "usd": {"*": 1}, "usdwithvideo": {}},
        "e": 0.3,
        "f": {"unit": "task"},
    }
    with pytest.raises(ConfigurationError) as caught:
        price_rules(wrong, "abcdef")
    message = str(caught.value)
    for words in (
        "'nonsense' is none",
        "a: unit",
        "b: usd.*",
        "c: usd.*",
        "d: usdwithvideo",
        "e: give the fields",
        "f: usd",
    ):
        assert words in message
