"""Decisions as people give them, taken: all checked against the output before any is written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from longtake.domain.errors import ConfigurationError
from longtake.domain.text import counted
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase
from longtake.reports.review.followers import Followers
from longtake.reports.review.shown import shown_shots
from longtake.reports.run.reviewing import with_reviews
from longtake.reports.run.rewrite import told_before, write_report
from longtake.reports.run.view import ReportView
from longtake.reviews.choices import RefusedDecisionsError, ShownTake, choices_in, decided
from longtake.reviews.decision import Decision
from longtake.reviews.decisions import DecidedMeanwhileError, ReviewLog

logger = logging.getLogger("longtake.reports.review.given")


@dataclass(frozen=True)
class GivenDecisions:
    """What was written, and how many of what was handed in stood so already."""

    written: list[Decision] = field(default_factory=list[Decision])
    standing: int = 0
    takes: Mapping[str, int | None] = field(default_factory=dict[str, "int | None"])
    """By purchase, the take that names its file."""
    behind: Mapping[str, str] = field(default_factory=dict[str, str])
    """By `shot_id`, what was bought behind another of its takes, and what decides about that."""

    @property
    def lines(self) -> list[str]:
        """What was decided, shot by shot."""
        found: list[str] = []
        for one in self.written:
            found.append(f"{one.shot_id}: {one.told(self.takes.get(one.purchase))}")
            found += [f"    {words}" for words in [self.behind.get(one.shot_id)] if words]
        return found

    @property
    def line(self) -> str:
        """All in a line."""
        stands = f"; {self.standing} stood so already" if self.standing else ""
        return f"{counted(len(self.written), 'decision')} written{stands}"


def give_decisions(
    ledger: Ledger, given: Iterable[str], *, by: str = "", why: str = "", place: str = ""
) -> GivenDecisions:
    """Takes decisions on the shots of an output; blocking.

    Args:
        ledger: The output's.
        given: `SHOT=2`, `SHOT=approve`, `SHOT=reject`, or the text of a table of decisions.
        by: Who decides, where a row names nobody.
        why: The reason, where a row gives none.
        place: What a table is called in what is told of its rows.

    Raises:
        RefusedDecisionsError: One of them cannot be taken, or another decided at the same time; nothing counts.
        ConfigurationError: Nothing was bought in the output.
    """
    choices = choices_in(given, place)
    log, now = ReviewLog(ledger.store), ledger.clock()
    decisions, purchases = log.read(), ledger.load()
    if not purchases:
        raise ConfigurationError(f"{ledger.store.url}: nothing was bought there, and nothing can be decided")
    told = told_before(ledger.store)
    shots = shown_shots(told.shots if told is not None else (), purchases, decisions, now)

    def damage(take: ShownTake) -> str:
        if ledger.store.sha256(ledger.clip_key(take.purchase)) == take.sha256:
            return ""
        return "its file is missing or damaged; the next render fetches it again, then decide"

    fresh = decided(choices, shots, damage=damage, by=by, why=why, now=now)
    try:
        log.write(fresh, {shot_id: shot.folder for shot_id, shot in shots.items()})
    except DecidedMeanwhileError as error:
        raise RefusedDecisionsError([str(error)]) from None
    if fresh and told is not None and told.finished:  # a run that goes on tells it by itself
        _show(ledger, told, purchases, log)
    shots_named = {choice.shot_id for choice in choices}
    takes = {take.purchase: take.take for shot in shots.values() for take in shot.takes}
    followers = Followers(purchases)
    behind = {one.shot_id: followers.words(one.shot_id, shots[one.shot_id].takes, one.purchase) for one in fresh}
    written = sorted(fresh, key=lambda one: one.shot_id)
    return GivenDecisions(written, len(shots_named) - len(fresh), takes, behind)


def _show(ledger: Ledger, told: ReportView, purchases: Mapping[str, Purchase], decisions: ReviewLog) -> None:
    """The page tells what was decided; where it cannot be written the decisions stand all the same."""
    try:
        write_report(ledger.store, with_reviews(told, purchases, decisions.read(), ledger.clock()))
    except Exception as error:
        logger.warning("the report does not show the decisions yet: %s; `longtake report` does", error)
