"""The plan in Markdown for a page that is not ours: a summary, the violations as a table, and its figures.

Such pages render what they are given, HTML too; text of others is written so that nothing in it acts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel

from longtake.accounts.transport import redact
from longtake.domain.text import one_line
from longtake.planning.plan import Shot
from longtake.planning.preview import PlanPreview, Sum, places_of
from longtake.reports.plan.table import price_words, summary_line

MOST_LINES = 50
MOST_VIOLATIONS = 200
TEXT_CHARACTERS = 200
_ACTING = re.compile(r"[^\w\s,/-]|_")


class PlanFigures(BaseModel):
    """A plan in figures. Prices in US dollars, of the shots that would be bought and have a known price; times in s."""

    exit_code: int
    line: str
    shots: int
    to_buy: int
    price_low_usd: float
    price_high_usd: float
    unknown_prices: int
    violations: int
    warnings: int
    reels_held: int
    budget_usd: float | None = None
    spent_usd: float | None = None
    low_seconds: float | None = None
    high_seconds: float | None = None


def plan_figures(view: PlanPreview) -> PlanFigures:
    """The plan's figures; `exit_code` is that of `longtake plan`."""
    total, refusals = view.total, len(view.plan.refusals)
    return PlanFigures(
        exit_code=2 if refusals else 0,
        line=summary_line(view),
        shots=total.shots,
        to_buy=total.bought,
        price_low_usd=round(total.low_usd, 6),
        price_high_usd=round(total.high_usd, 6),
        unknown_prices=total.unknown,
        violations=refusals,
        warnings=len(view.plan.violations) - refusals,
        reels_held=len(view.held),
        budget_usd=view.budget_usd,
        spent_usd=view.spent_usd,
        low_seconds=view.forecast.low_seconds if view.forecast else None,
        high_seconds=view.forecast.high_seconds if view.forecast else None,
    )


def harmless(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """Text of others that reads the same in Markdown and in HTML, and is neither."""
    return _ACTING.sub(lambda mark: f"&#{ord(mark[0])};", one_line(redact(text), limit))


def summary_markdown(view: PlanPreview, title: str) -> str:
    """Rows, price by vendor and reel, what the budget holds, violations by rule; long lists are cut and say so."""
    parts = [f"**{harmless(title)}**", harmless(summary_line(view), 1000)]
    parts.append("\n".join(f"- {harmless(notice, 1000)}" for notice in view.notices[:MOST_LINES]))
    parts.append(_sums(view, "vendor", places_of))
    parts.append(_sums(view, "reel", lambda shot: shot.row.reel))
    if view.held:
        held = [f"- {harmless(reel)}: {harmless(why)}" for reel, why in list(view.held.items())[:MOST_LINES]]
        parts += ["### Held", "\n".join([*held, *_more(len(view.held), "reels")])]
    for word, found in (
        ("Violations", view.plan.refusals),
        ("Warnings", [violation for violation in view.plan.violations if violation.warning]),
    ):
        if found:
            rules = Counter((violation.column, violation.rule) for violation in found)
            rows = [(harmless(column), harmless(rule), f"{count:,}") for (column, rule), count in rules.most_common()]
            parts += [f"### {word} by rule", _table(("column", "rule", "rows"), rows, "rules")]
    return "\n\n".join(part for part in parts if part)


def violations_table(view: PlanPreview) -> list[dict[str, str]]:
    """The first violations, one row each, and how many more there are."""
    refusals = view.plan.refusals
    rows = [
        {
            "row": str(violation.row or ""),
            "shot": harmless(violation.shot_id),
            "column": harmless(violation.column),
            "value": harmless(violation.value),
            "rule": harmless(violation.rule),
            "fix": harmless(violation.fix),
        }
        for violation in refusals[:MOST_VIOLATIONS]
    ]
    if more := len(refusals) - len(rows):
        rows.append(dict.fromkeys(rows[0], "") | {"rule": f"… and {more:,} more; `longtake plan --json` writes all"})
    return rows


def _sums(view: PlanPreview, title: str, key: Callable[[Shot], str]) -> str:
    sums: Mapping[str, Sum] = view.sums(key)
    rows = [
        (harmless(name) or "–", f"{each.shots:,}", f"{each.bought:,}", price_words(each)) for name, each in sums.items()
    ]
    return _table((title, "shots", "to buy", "USD"), rows, f"{title}s")


def _table(headings: Sequence[str], rows: Sequence[Iterable[str]], noun: str) -> str:
    lines = [headings, ["---"] * len(headings), *rows[:MOST_LINES]]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *_more(len(rows), noun, before="\n")])


def _more(count: int, noun: str, before: str = "") -> Iterator[str]:
    if count > MOST_LINES:
        yield f"{before}… and {count - MOST_LINES:,} more {noun}"
