"""Figures as a person reads them: money, durations, shares."""

from __future__ import annotations

from collections.abc import Iterable

MINUTE, HOUR, DAY = 60, 3600, 86_400


def total_of(values: Iterable[float | None]) -> float | None:
    """The sum of prices; None where one of them is unknown."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def money(low_usd: float | None, high_usd: float | None = None) -> str:
    """`$1.20`, `$1.20–1.44` where the bounds differ, `unknown` where there are none; small amounts get more digits."""
    known = [value for value in (low_usd, high_usd) if value is not None]
    if not known:
        return "unknown"
    digits = 2 if max(known) >= 1 or max(known) == 0 else 4 if max(known) < 0.1 else 3
    low, high = (f"{value:,.{digits}f}" for value in (min(known), max(known)))
    return f"${low}" if low == high else f"${low}–{high}"


def known_money(low_usd: float, high_usd: float, unpriced: int) -> str:
    """A sum of prices, and how many more are unknown and not in it; `unknown` where that is all there is."""
    if unpriced and not high_usd:
        return "unknown"
    return money(low_usd, high_usd) + (f" and {unpriced:,} at unknown prices" if unpriced else "")


def duration(seconds: float | None) -> str:
    """`4.2 s`, `48 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; a dash where unknown."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    unit, name, part, part_name = (
        (MINUTE, "min", 1, "s")
        if whole < HOUR
        else (HOUR, "h", MINUTE, "min")
        if whole < DAY
        else (DAY, "d", HOUR, "h")
    )
    rest = whole % unit // part
    return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")


def share(part: float, whole: float) -> str:
    """A percentage; `<1 %` for a trace."""
    if whole <= 0 or part <= 0:
        return "0 %"
    percent = 100 * part / whole
    return "<1 %" if percent < 1 else f"{percent:.0f} %"
