"""Exact time: rates and times as fractions, and the rate at which a clip's pictures follow one another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from longtake.domain.errors import UnreadableClipError


def _parse_ratio(value: object) -> object:
    try:
        return Fraction(value) if isinstance(value, str) else value
    except ZeroDivisionError:
        raise ValueError(f"{value} divides by zero") from None


Ratio = Annotated[
    Fraction,
    BeforeValidator(_parse_ratio),
    PlainSerializer(lambda value: f"{value.numerator}/{value.denominator}", return_type=str, when_used="json"),
]
"""An exact ratio; `"24/1"` in JSON."""

STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in ("24", "24000/1001", "25", "30", "30000/1001", "48", "50", "60", "60000/1001", "12", "15", "120")
)

_FEWEST, _LONGEST_FIRST = 12, 6
"""Of so many pictures the first may stay as long as fewer than so many."""


def exact(value: Any) -> Fraction:
    """A rational of PyAV, which has its own class from 19 on, as a `Fraction`; 0 for None."""
    return Fraction(value.numerator, value.denominator) if value else Fraction(0)


def frame_clock(times: Sequence[int], tick_seconds: Fraction) -> tuple[Fraction, bool]:
    """The rate of pictures at these times, and whether it is constant; a coarse clock may be off by one tick.

    Where only the first picture stays longer, since the sound began before it, the rate is that of the others.

    Args:
        times: Increasing times in ticks, at least two.
        tick_seconds: Length of a tick.
    """
    mean, constant = _even_clock(times, tick_seconds)
    if not constant and len(times) > _FEWEST:
        rest, others_are_even = _even_clock(times[1:], tick_seconds)
        held = (times[1] - times[0]) * tick_seconds * rest
        if others_are_even and 1 < held < _LONGEST_FIRST:
            return rest, False
    return mean, constant


def _even_clock(times: Sequence[int], tick_seconds: Fraction) -> tuple[Fraction, bool]:
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    span_seconds = (times[-1] - times[0]) * tick_seconds
    if span_seconds <= 0 or min(steps) <= 0:
        raise UnreadableClipError("its pictures are not in order of time")
    mean = (len(times) - 1) / span_seconds
    if len(steps) == 1:
        return mean, True
    for rate in STANDARD_RATES:
        if abs(rate - mean) / mean < Fraction(1, 100) and all(
            abs(time - times[0] - number / rate / tick_seconds) <= 1 for number, time in enumerate(times)
        ):
            return rate, True
    return mean.limit_denominator(1001), False
