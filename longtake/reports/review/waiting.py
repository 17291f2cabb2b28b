"""What waits for a person in an output, by its last report, its ledger and its decisions: no server, no manifest."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longtake.domain.text import awaiting, following, one_line
from longtake.ledger.ledger import Ledger
from longtake.reports.figures import money, total_of
from longtake.reports.review.followers import Followers, unsettled
from longtake.reports.run.retold import brought_up_to_date
from longtake.reports.run.reviewing import with_reviews
from longtake.reports.run.rewrite import told_before
from longtake.reports.run.view import ShotView
from longtake.reviews.decision import BEST, numbered
from longtake.reviews.decisions import ReviewLog


@dataclass(frozen=True)
class WaitingReviews:
    """The shots of an output that wait for a decision, and how many were decided or rejected."""

    output: str
    shots: Sequence[ShotView]
    chosen: int = 0
    rejected: int = 0
    behind: Mapping[str, str] = field(default_factory=dict[str, str])
    """By `shot_id`, what was bought behind another of its takes, and what decides about that."""
    by_rule: int = 0
    """Shots of several takes of which a rule chose one, `--choose best` or the first."""

    @property
    def lines(self) -> list[str]:
        """For people: each shot with its takes, what follows from it at which price, and what to type."""
        place = shlex.quote(self.output)
        found: list[str] = []
        for shot in self.shots:
            here = [take for take in shot.takes if take.sha256]
            names = [numbered(take.number, take.take) for take in here]
            takes = f"takes {', '.join(names)}" if len(shot.takes) > 1 else "its clip"
            expired = f"; {one_line(shot.ruling)} (expired)" if shot.review == "expired" else ""
            found.append(f"{one_line(shot.shot_id)}: {takes} to look at; {_follows(shot)}{expired}")
            found += [f"    {words}" for words in [self.behind.get(shot.shot_id)] if words]
            found += [f"    {name}  {take.clip or 'in the ledger'}" for name, take in zip(names, here, strict=True)]
            word = "N" if len(shot.takes) > 1 else "approve"
            found.append(f"    longtake decide --output {place} {shlex.quote(f'{shot.shot_id}={word}')}")
        waiting = {shot.shot_id for shot in self.shots}
        found += [f"{one_line(name)}: {words}" for name, words in self.behind.items() if name not in waiting]
        return [*found, self.line]

    @property
    def line(self) -> str:
        """All in a line."""
        if not self.shots:
            by_rule = f", {self.by_rule} by rule" if self.by_rule else ""
            return f"nothing waits for a decision; {self.chosen} chosen{by_rule}, {self.rejected} rejected"
        count = sum(shot.follows or 0 for shot in self.shots)
        low = total_of(shot.follows_low_usd for shot in self.shots)
        high = total_of(shot.follows_high_usd for shot in self.shots)
        price = f", {money(low, high)}" if count else ""
        return f"{awaiting(len(self.shots), count)}{price}"


def _follows(shot: ShotView) -> str:
    if not shot.follows:
        return "nothing follows but the reel"
    return f"{following(shot.follows)}, {money(shot.follows_low_usd, shot.follows_high_usd)}"


def _by_rule(shot: ShotView) -> bool:
    """Whether a rule, and no person, says which of its takes counts."""
    if shot.review == "chosen":
        return f" chosen by {BEST}" in shot.ruling
    return shot.review == "none" and not shot.is_reviewed and sum(bool(take.sha256) for take in shot.takes) > 1


def waiting_reviews(ledger: Ledger) -> WaitingReviews | None:
    """What waits in an output; None where nothing was rendered into it. Blocking."""
    told = told_before(ledger.store)
    if told is None:
        return None
    view = brought_up_to_date(told, ledger)
    purchases = ledger.load()
    view = with_reviews(view, purchases, ReviewLog(ledger.store).read(), ledger.clock())
    return WaitingReviews(
        behind=unsettled(Followers(purchases), view),
        output=ledger.store.url,
        shots=[shot for shot in view.shots if shot.is_waiting],
        chosen=sum(shot.review == "chosen" and not _by_rule(shot) for shot in view.shots),
        by_rule=sum(_by_rule(shot) for shot in view.shots),
        rejected=sum(shot.review == "rejected" for shot in view.shots),
    )
