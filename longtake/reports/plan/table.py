"""The plan on a terminal, and as plain data for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from longtake.domain.text import counted, following, one_line
from longtake.domain.violations import Violation
from longtake.planning.plan import Shot, Standing
from longtake.planning.pools.candidates import Candidate
from longtake.planning.preview import (
    PlanPreview,
    Sum,
    account_of,
    accounts_of,
    places_of,
    sent_briefly,
    sent_call,
    wires_of,
)

SHOWN_ROWS = 200
SHOWN_VIOLATIONS = 1000
WIDE = 110
"""From so many columns on there is room for the wire model."""
UNWATCHED_WIDTH = 160
_ROUTES = {"prefer": "in the order written", "cheapest": "the cheapest first"}
_COLOURS = {
    "new": "green",
    "again": "green",
    "replaces": "yellow",
    "follows": "yellow",
    "awaits": "cyan",
    "held": "magenta",
    "refused": "red",
}


def print_plan(view: PlanPreview, console: Console | None = None, *, shown_rows: int = SHOWN_ROWS) -> None:
    """Prints the plan: rows, sums by reel and account, violations, warnings, price, forecast and notices."""
    console = console or Console(width=None if sys.stdout.isatty() else UNWATCHED_WIDTH)
    shots = view.plan.shots
    console.print(_rows_table(view, shots[:shown_rows], console.width))
    if len(shots) > shown_rows:
        console.print(f"… and {len(shots) - shown_rows:,} more rows; --json writes all of them\n")
    reels = view.sums(lambda shot: shot.row.reel)
    if 1 < len(reels) < len(shots):
        console.print(_sums_table("reel", dict(list(reels.items())[:shown_rows])))
    console.print(_sums_table("vendor", view.sums(places_of)))
    for reel, reason in list(view.held.items())[:shown_rows]:
        console.print(Text(f"held: {one_line(reel)}: {reason}", "magenta"), soft_wrap=True)
    for source, changes in view.fixes.items():
        console.print(Text(f"made to fit: {one_line(source)}: {', '.join(changes)}"), soft_wrap=True)
    for notice in view.notices:
        console.print(Text(f"note: {one_line(notice, 2000)}", "cyan"), soft_wrap=True)
    _print_violations(view, console)
    console.print(Text(summary_line(view), "bold"), soft_wrap=True)


def summary_line(view: PlanPreview) -> str:
    """All in a line: how many rows, how many are bought, the price, the time, and whether anything forbids it."""
    total = view.total
    price = price_words(total, " USD")
    parts = [f"{counted(total.shots, 'shot')}, {total.bought:,} to buy for {price}"]
    if again := len(view.plan.standing(Standing.AGAIN)):
        parts.append(f"{again} of them after an attempt that brought no clip")
    if replaced := sum(shot.standing.buys_again for shot in view.plan.shots):
        parts.append(f"{replaced} of them bought before (--replace)")
    if follows := view.plan.standing(Standing.FOLLOWS):
        parts.append(f"{following(len(follows))}, {_price_of(follows)}")
    if awaits := view.plan.standing(Standing.AWAITS):
        verb = "waits" if len(awaits) == 1 else "wait"
        parts.append(f"{len(awaits)} {verb} for a decision, {_price_of(awaits)}")
        if before := sum(bool(shot.replaces) for shot in awaits):
            parts.append(f"{before} of them bought before: --replace or --keep-followers")
    if several := sum(bool(shot.places) for shot in view.to_buy):
        parts.append(f"{several} of them at one of several accounts, {_ROUTES[view.route]}")
    if view.budget_usd is not None:
        spent = f", {view.spent_usd:.4f} spent before" if view.spent_usd else ""
        parts.append(f"budget {view.budget_usd:.4f} USD{spent}")
    if view.held:
        parts.append(f"{counted(len(view.held), 'reel')} held")
    if view.forecast is not None:
        parts.append(view.forecast.words)
    refusals = len(view.plan.refusals)
    parts.append(counted(refusals, "violation") if refusals else "no violations")
    return "; ".join(parts)


def plan_json(view: PlanPreview) -> dict[str, Any]:
    """The plan as plain data, with the exact body of every request; references without signatures or inline data."""
    return {
        "total": asdict(view.total),
        "route": view.route,
        "budget_usd": view.budget_usd,
        "spent_usd": view.spent_usd,
        "forecast": asdict(view.forecast) | {"words": view.forecast.words} if view.forecast else None,
        "notices": list(view.notices),
        "fixes": {source: list(changes) for source, changes in view.fixes.items()},
        "reels": {
            name: asdict(each) | {"held": view.held.get(name, "")}
            for name, each in view.sums(lambda shot: shot.row.reel).items()
        },
        "accounts": {name: asdict(each) for name, each in view.sums(places_of).items()},
        "violations": [_found(violation) for violation in view.plan.refusals],
        "warnings": [_found(violation) for violation in view.plan.violations if violation.warning],
        "rows": plan_rows(view),
    }


def plan_rows(view: PlanPreview) -> list[dict[str, Any]]:
    """Every shot as a flat record, in the plan's order."""
    return [_row(view, shot) for shot in view.plan.shots]


def _row(view: PlanPreview, shot: Shot) -> dict[str, Any]:
    quote = shot.quote
    return {
        "row": shot.row.row,
        "shot_id": shot.shot_id,
        "reel": shot.row.reel,
        "shot": shot.row.shot,
        "take": shot.take,
        "standing": view.standing(shot),
        "account": account_of(shot),
        "wire_model": shot.model.wire if shot.model else "",
        "candidates": [_candidate(candidate) for candidate in shot.places],
        "identity": shot.identity,
        "parent": shot.parent.shot_id if shot.parent else "",
        "tail_seconds": shot.tail_seconds,
        "replaces": list(shot.replaces),
        "price_low_usd": quote.low_usd if quote else None,
        "price_high_usd": quote.high_usd if quote else None,
        "held": view.held.get(shot.row.reel, "") if view.standing(shot) == "held" else "",
        "request": sent_call(shot),
        "violations": [str(violation) for violation in shot.violations if not violation.warning],
        "warnings": [str(violation) for violation in shot.violations if violation.warning],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    quote = candidate.quote
    return {
        "account": candidate.account,
        "wire_model": candidate.model.wire,
        "price_low_usd": quote.low_usd if quote else None,
        "price_high_usd": quote.high_usd if quote else None,
    }


def _found(violation: Violation) -> dict[str, Any]:
    return violation.model_dump(exclude={"warning"})


def _rows_table(view: PlanPreview, shots: list[Shot], width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("row", justify="right", no_wrap=True)
    table.add_column("shot", no_wrap=True, max_width=width // 5)
    table.add_column("standing", no_wrap=True)
    table.add_column("vendor", no_wrap=True, max_width=20)
    if width >= WIDE:
        table.add_column("wire model", no_wrap=True, max_width=38)
    table.add_column("what is sent", no_wrap=True, ratio=1, min_width=12)
    table.add_column("USD", justify="right", no_wrap=True)
    for shot in shots:
        standing = view.standing(shot)
        take = f" take {shot.take}" if shot.take > 1 else ""
        cells = [
            Text(str(shot.row.row)),
            Text(one_line(shot.shot_id, 80) + take),
            Text(standing, _COLOURS.get(standing, "")),
            Text(" | ".join(account.removesuffix("/default") for account in accounts_of(shot))),
            Text(" | ".join(wires_of(shot))),
            Text(one_line(sent_briefly(shot), 200)),
            Text(_shot_price(shot)),
        ]
        table.add_row(*(cells if width >= WIDE else cells[:4] + cells[5:]))
    return table


def _price_of(shots: Sequence[Shot]) -> str:
    known = [shot.quote for shot in shots if shot.quote is not None]
    low, high = sum(quote.low_usd for quote in known), sum(quote.high_usd for quote in known)
    return price_words(Sum(len(shots), len(shots), low, high, len(shots) - len(known)), " USD")


def _shot_price(shot: Shot) -> str:
    if not shot.standing.will_buy:
        return ""
    return _span(shot.quote.low_usd, shot.quote.high_usd) if shot.quote else "unknown"


def _sums_table(title: str, sums: dict[str, Sum]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(title, overflow="fold", max_width=40)
    for heading in ("shots", "to buy", "USD"):
        table.add_column(heading, justify="right")
    for name, each in sums.items():
        table.add_row(Text(one_line(name, 80) or "–"), str(each.shots), str(each.bought), price_words(each))
    return table


def _print_violations(view: PlanPreview, console: Console) -> None:
    refusals = view.plan.refusals
    warnings = [violation for violation in view.plan.violations if violation.warning]
    for found, word, colour in ((warnings, "warning", "yellow"), (refusals, "violation", "red")):
        for violation in found[:SHOWN_VIOLATIONS]:
            console.print(Text(f"{word}: {one_line(str(violation), 2000)}", colour), soft_wrap=True)
        if len(found) > SHOWN_VIOLATIONS:
            console.print(f"… and {len(found) - SHOWN_VIOLATIONS:,} more {word}s; --json writes all of them")


def price_words(total: Sum, unit: str = "") -> str:
    """A sum's price in US dollars, unknown ones named as such; `unit` follows the figures."""
    known = _span(total.low_usd, total.high_usd) + unit
    if not total.unknown:
        return known
    return f"{known} and {counted(total.unknown, 'unknown price')}" if total.unknown < total.bought else "unknown"


def _span(low: float, high: float) -> str:
    return f"{high:.4f}" if f"{low:.4f}" == f"{high:.4f}" else f"{low:.4f}–{high:.4f}"
