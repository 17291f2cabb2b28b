"""How a run ended, for all who tell it in a line or a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from longtake.costs.spent import Spent
from longtake.domain.text import awaiting, counted
from longtake.domain.verdicts import Verdict, facts_of
from longtake.manifests.results.row_result import RowResult
from longtake.rendering.output.reels import MadeReel
from longtake.reports.run.view import Totals

AWAITS = "awaits a decision"
"""How a reel says why it is not made."""


@dataclass
class Summary:
    """How a run ended: `verdicts` of the rows asked for, `rows` of the whole manifest, `line` that says it all."""

    verdicts: Counter[str]
    reels_made: Sequence[MadeReel]
    reels_missing: dict[str, str]
    rows: Sequence[RowResult]
    bought_now: int
    notices: list[str] = field(default_factory=list)
    totals: Totals | None = None
    """Counts and money, as the report has them."""
    awaited: int = 0
    """Rows whose takes a person has yet to decide about."""
    beyond_limit: int = 0
    """Shots that the run's limit leaves to the next run."""
    spent: Spent = field(default_factory=Spent)
    """What the output has cost, earlier runs and takes included."""
    spent_now: Spent = field(default_factory=Spent)
    """What this run bought of it."""

    @property
    def all_done(self) -> bool:
        """Whether every row is done and every reel made."""
        return all(facts_of(verdict).is_done for verdict in self.verdicts) and not self.reels_missing

    @property
    def awaiting_review(self) -> str:
        """How much waits for a person, "" where nothing does."""
        follow = self.verdicts[Verdict.AWAITING_REVIEW]
        if self.awaited or follow:
            return awaiting(self.awaited, follow)
        reels = sum(AWAITS in why for why in self.reels_missing.values())
        return f"{counted(reels, 'reel')} {'awaits' if reels == 1 else 'await'} review" if reels else ""

    @property
    def line(self) -> str:
        """Rows, purchases and reels in a line."""
        done, total = self.verdicts[Verdict.DONE], sum(self.verdicts.values())
        rest = ", ".join(
            f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()) if verdict != Verdict.DONE.value
        )
        parts = [f"{done}/{total} rows done", f"{self.bought_now} bought now", counted(len(self.reels_made), "reel")]
        if waiting := self.awaiting_review:
            parts.append(waiting)
        beyond = f"; {self.beyond_limit} beyond the limit, for the next run" if self.beyond_limit else ""
        return "; ".join(parts) + (f" ({rest}{beyond})" if rest else "")
