"""Prices as data: what a vendor bills for one purchase, and the low and high bound of it.

A figure without a source is not a price: where no document names one, the price is unknown, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from longtake.domain.errors import ConfigurationError
from longtake.domain.request import Reference, Role, ShotRequest
from longtake.vendors.limits import Limits
from longtake.vendors.price_rule import PriceRule

FRAMES_PER_SECOND = 24

MOST_SEARCHES = 10
"""How many web searches one clip is reckoned with at most; vendors say "several" and name no bound."""


class Quote(BaseModel):
    """What one purchase costs at least and at most, in US dollars."""

    model_config = ConfigDict(frozen=True)

    low_usd: float
    high_usd: float


class Span(NamedTuple):
    """A figure that is known only between two bounds."""

    low: float
    high: float


def bounds(quotes: Iterable[Quote | None]) -> Quote | None:
    """What holds whichever of them is paid: the lowest low and the highest high; None where one is unknown."""
    known: list[Quote] = []
    for each in quotes:
        if each is None:
            return None
        known.append(each)
    if len(known) < 2:
        return known[0] if known else None
    return Quote(low_usd=min(each.low_usd for each in known), high_usd=max(each.high_usd for each in known))


def quote(
    request: ShotRequest, rule: PriceRule | None, limits: Limits, *, reference_seconds: Span | None = None
) -> Quote | None:
    """What a request costs at least and at most, None where the price is unknown.

    Args:
        request: A request without violations.
        rule: The wire model's price, None where none is known.
        limits: The wire model's limits, which bound what the request leaves open (`auto`, `adaptive`, unmeasured
            reference videos).
        reference_seconds: Total seconds of the reference videos, where the caller knows more than their probes.
    """
    if rule is None:
        return None
    resolution = request.resolution or limits.default_resolution or ""
    with_video = bool(request.having(Role.REFERENCE_VIDEO))
    prices = rule.usd_with_video if with_video and rule.usd_with_video is not None else rule.usd
    price = prices.get(resolution, prices.get("*"))
    units = _units(request, rule, limits, resolution, reference_seconds)
    if price is None or units is None:
        return None
    factor = rule.unfiltered_factor if request.content_filter is False else 1.0
    if request.web_search and rule.search_usd is None:
        return None
    searches = MOST_SEARCHES * (rule.search_usd or 0.0) if request.web_search else 0.0
    # Rounded so that both bounds hold the sum that a vendor works out in decimals.
    return Quote(
        low_usd=round(units.low * price * factor, 9), high_usd=round((units.high * price + searches) * factor, 9)
    )


def price_rules(overrides: Mapping[str, object], wire_models: Collection[str]) -> dict[str, PriceRule]:
    """Reads the `prices` of an account: wire model → fields of a `PriceRule`; `source` may be left out.

    Raises:
        ConfigurationError: Names every entry and field that cannot be used.
    """
    rules: dict[str, PriceRule] = {}
    problems: list[str] = []
    for wire, given in overrides.items():
        if wire not in wire_models:
            problems.append(f"{wire!r} is none of the vendor's models ({', '.join(wire_models)})")
        elif isinstance(given, PriceRule):
            rules[wire] = given
        elif not isinstance(given, Mapping):
            problems.append(f"{wire}: give the fields of a price, such as unit and usd")
        else:
            try:
                rules[wire] = PriceRule.model_validate({"source": "prices of the credentials", **given})
            except ValidationError as error:
                for detail in error.errors():
                    field = ".".join(str(part) for part in detail["loc"])
                    problems.append(f"{wire}: {field}: {detail['msg']}")
    if problems:
        raise ConfigurationError("prices cannot be read: " + "; ".join(problems))
    return rules


def _units(
    request: ShotRequest, rule: PriceRule, limits: Limits, resolution: str, reference_seconds: Span | None
) -> Span | None:
    if rule.unit == "task":
        return Span(1, 1)
    made = _output_seconds(request, limits)
    taken = reference_seconds or _reference_seconds(request.having(Role.REFERENCE_VIDEO), limits)
    if rule.reference_seconds == "free" or not request.having(Role.REFERENCE_VIDEO):
        taken = Span(0, 0)
    elif rule.reference_seconds == "at_least_output":
        taken = Span(max(taken.low, made.low), max(taken.high, made.high))
    if math.isinf(taken.high):
        return None
    if rule.unit == "second":
        # A vendor may round the seconds of a video either way before it bills them.
        return Span(made.low + math.floor(taken.low), made.high + math.ceil(taken.high))
    counted = _tokens(
        request, limits, resolution, made, taken, is_floor_sure=rule.reference_seconds == "at_least_floor"
    )
    return Span(counted.low / 1e6, counted.high / 1e6) if counted else None


def tokens(request: ShotRequest, limits: Limits) -> Span | None:
    """How many tokens upstream counts for a request, reference seconds added; None where nobody can tell."""
    taken = _reference_seconds(request.having(Role.REFERENCE_VIDEO), limits)
    if math.isinf(taken.high):
        return None
    resolution = request.resolution or limits.default_resolution or ""
    return _tokens(request, limits, resolution, _output_seconds(request, limits), taken)


def _tokens(
    request: ShotRequest, limits: Limits, resolution: str, made: Span, taken: Span, *, is_floor_sure: bool = False
) -> Span | None:
    pixels = _pixels(request, limits, resolution)
    if pixels is None:
        return None
    if taken.high:
        # Upstream bills a least number of seconds where a video is given: 5/3 of the output's, rounded up.
        low = max(taken.low, _floor_beside(made.low)) if is_floor_sure else taken.low
        taken = Span(low, max(taken.high, _floor_beside(made.high)))
    # A clip of s seconds has 24·s + 1 frames; upstream's own table counts 24·s of them, its bills 24·s + 1.
    frames = Span(
        FRAMES_PER_SECOND * (made.low + taken.low), math.ceil(FRAMES_PER_SECOND * (made.high + taken.high)) + 1
    )
    # Tokens are billed whole, whichever way the vendor rounds them.
    return Span(math.floor(frames.low * pixels.low / 1024), math.ceil(frames.high * pixels.high / 1024))


def _floor_beside(made_seconds: float) -> float:
    return math.ceil(made_seconds * 5 / 3) - made_seconds


def _output_seconds(request: ShotRequest, limits: Limits) -> Span:
    if request.duration_seconds == "auto":
        return Span(min(limits.durations), max(limits.durations))
    seconds = request.duration_seconds or limits.default_duration_seconds
    return Span(seconds, seconds)


def _reference_seconds(videos: tuple[Reference, ...], limits: Limits) -> Span:
    """Total seconds: as measured, else between the shortest and longest that the model takes."""
    low = high = 0.0
    for video in videos:
        measured = video.facts.duration_seconds if video.facts else None
        low += measured if measured is not None else limits.video.min_seconds or 0.0
        high += measured if measured is not None else limits.video.max_seconds or math.inf
    longest = limits.video.max_total_seconds
    return Span(low, high if longest is None else max(low, min(high, longest)))


def _pixels(request: ShotRequest, limits: Limits, resolution: str) -> Span | None:
    sizes = limits.sizes.get(resolution)
    if sizes is None:
        return None
    exact = sizes.get(limits.ratio_of(request))
    areas = [width * height for width, height in ([exact] if exact else sizes.values())]
    return Span(min(areas), max(areas))
