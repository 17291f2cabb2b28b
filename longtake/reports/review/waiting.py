"""What waits for a person in an output, by its last report, its ledger and its decisions: no server, no manifest."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from longtake.domain.text import counted, one_line
from longtake.ledger.ledger import Ledger
from longtake.reports.figures import money, total_of
from longtake.reports.run.retold import brought_up_to_date
from longtake.reports.run.reviewing import with_reviews
from longtake.reports.run.rewrite import told_before
from longtake.reports.run.view import ShotView
from longtake.reviews.decisions import ReviewLog


@dataclass(frozen=True)
class WaitingReviews:
    """The shots of an output that wait for a decision, and how many were decided or rejected."""

    output: str
    shots: Sequence[ShotView]
    chosen: int = 0
    rejected: int = 0

    @property
    def lines(self) -> list[str]:
        """For people: each shot with its takes, what follows from it at which price, and what to type."""
        place = shlex.quote(self.output)
        found: list[str] = []
        for shot in self.shots:
            here = [take for take in shot.takes if take.sha256]
            takes = f"takes {', '.join(str(take.number) for take in here)}" if len(shot.takes) > 1 else "its clip"
            expired = f"; {one_line(shot.ruling)} (expired)" if shot.review == "expired" else ""
            found.append(f"{one_line(shot.shot_id)}: {takes} to look at; {_follows(shot)}{expired}")
            found += [f"    {take.number}  {take.clip or 'in the ledger'}" for take in here]
            word = str(here[0].number) if len(shot.takes) > 1 else "approve"
            found.append(f"    longtake decide --output {place} {shlex.quote(f'{shot.shot_id}={word}')}")
        return [*found, self.line]

    @property
    def line(self) -> str:
        """All in a line."""
        if not self.shots:
            return f"nothing waits for a decision; {self.chosen} chosen, {self.rejected} rejected"
        count = sum(shot.follows or 0 for shot in self.shots)
        low = total_of(shot.follows_low_usd for shot in self.shots)
        high = total_of(shot.follows_high_usd for shot in self.shots)
        verb = "awaits" if len(self.shots) == 1 else "await"
        price = f", {money(low, high)}" if count else ""
        return f"{counted(len(self.shots), 'shot')} {verb} a decision; {count} follow{price}"


def _follows(shot: ShotView) -> str:
    if not shot.follows:
        return "nothing follows but the reel"
    return f"{shot.follows} follow, {money(shot.follows_low_usd, shot.follows_high_usd)}"


def waiting_reviews(ledger: Ledger) -> WaitingReviews | None:
    """What waits in an output; None where nothing was rendered into it. Blocking."""
    told = told_before(ledger.store)
    if told is None:
        return None
    view = brought_up_to_date(told, ledger)
    view = with_reviews(view, ledger.load(), ReviewLog(ledger.store).read(), ledger.clock())
    return WaitingReviews(
        output=ledger.store.url,
        shots=[shot for shot in view.shots if shot.is_waiting],
        chosen=sum(shot.review == "chosen" for shot in view.shots),
        rejected=sum(shot.review == "rejected" for shot in view.shots),
    )
