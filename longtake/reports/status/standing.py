"""How an output stands, by its ledger and its last report alone: no Prefect server is asked, no vendor, no manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from longtake.costs.spent import Spent, spent_on
from longtake.domain.verdicts import ShotStage, Verdict
from longtake.files.clocks import is_gone
from longtake.jobs.advice import names_of
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase, State, attempts_in
from longtake.planning.forecast import JobTimes, learned_times
from longtake.reports.review.followers import Followers, unsettled
from longtake.reports.run.retold import brought_up_to_date
from longtake.reports.run.reviewing import with_reviews
from longtake.reports.run.rewrite import told_before
from longtake.reports.run.view import ReportView, ShotView
from longtake.reports.status.decided import as_decided, rows_of
from longtake.reviews.decisions import ReviewLog

SILENT_SECONDS = 150.0
"""A run says at least so often that it goes on, however long its jobs take."""
_UNDER_WAY = frozenset(ShotStage)
_IN_FLIGHT = frozenset({State.IN_FLIGHT, State.FINISHED, State.SUBMITTING})


@dataclass(frozen=True)
class OpenPurchase:
    """A purchase that has neither a clip nor a verdict. `name` is how a person names it in a decision."""

    name: str
    state: State
    purchase: Purchase


Pulse = Literal["", "goes on", "ended", "silent", "gone"]
"""Of the run that wrote the last report: none has; it goes on; it told its end; it was not heard of for long; its
process is no longer there."""


@dataclass(frozen=True)
class OutputStatus:
    """An output as it stands.

    `shots` has every shot of the last report, its verdict brought up to date by the ledger; where no run has written
    one, those that were bought. `rows` has one for each row: the take that counts. `told_at` is when that report was
    written. `times` tells how long jobs of an account and model took here.
    """

    shots: Sequence[ShotView]
    rows: Sequence[ShotView]
    in_flight: Sequence[OpenPurchase]
    unknown: Sequence[OpenPurchase]
    spent: Spent
    pulse: Pulse
    told_at: float | None
    times: JobTimes
    now: float
    bought_elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])
    """By `shot_id`, what was bought from another take than the one that was chosen since the last run."""
    marks_lost: Mapping[str, str] = field(default_factory=dict[str, str])
    """By reel, the marks of its clips that its film does not hold."""

    @property
    def is_done(self) -> bool:
        """Whether every row is done, nothing is open and nothing waits for a person."""
        return (
            all(row.facts.is_done and not row.is_waiting for row in self.rows)
            and not any(shot.facts.goes_on for shot in self.shots)
            and not self.bought_elsewhere
            and not self.in_flight
            and not self.unknown
        )


def output_status(ledger: Ledger) -> OutputStatus | None:
    """How an output stands; None where nothing was ever rendered into it. Blocking."""
    purchases, now = ledger.load(), ledger.clock()
    told = told_before(ledger.store)
    if told is None and not purchases:
        return None
    still_open = [one for one in purchases.values() if one.state(now) not in (State.NEW, State.DONE, State.OVER)]
    names = names_of(still_open)
    standing = [OpenPurchase(names[one.identity], one.state(now), one) for one in still_open]
    pulse = _pulse(told, now)
    bought_elsewhere: Mapping[str, str] = {}
    if told is not None:
        decisions = ReviewLog(ledger.store).read() if any(shot.takes for shot in told.shots) else {}
        view = with_reviews(brought_up_to_date(told, ledger), purchases, decisions, now)
        shots = [shot for reel in view.reels for shot in as_decided(reel.shots)]
        bought_elsewhere = unsettled(Followers(purchases), view) if decisions else {}
    else:
        shots = _shots_of(purchases)
    shots = [_now(shot, purchases, now, pulse) for shot in shots]
    return OutputStatus(
        marks_lost={reel.name: reel.marks_lost for reel in told.reels if reel.marks_lost} if told is not None else {},
        shots=shots,
        rows=rows_of(shots),
        bought_elsewhere=bought_elsewhere,
        in_flight=[one for one in standing if one.state in _IN_FLIGHT],
        unknown=[one for one in standing if one.state not in _IN_FLIGHT],
        spent=spent_on(purchases.values()),
        pulse=pulse,
        told_at=told.written_at if told is not None else None,
        times=learned_times(purchases.values()),
        now=now,
    )


def _pulse(told: ReportView | None, now: float) -> Pulse:
    if told is None:
        return ""
    if told.finished:
        return "ended"
    if is_gone(told.process):
        return "gone"
    return "silent" if now - told.written_at > SILENT_SECONDS else "goes on"


def _now(shot: ShotView, purchases: Mapping[str, Purchase], now: float, pulse: Pulse) -> ShotView:
    """The shot with the verdict that the ledger gives it; what a run did that is no longer there, it does no more."""
    bought = attempts_in(shot.identity, purchases)[-1:] if shot.identity else []
    state = bought[0].state(now) if bought else State.NEW
    verdict = shot.verdict
    if state in (State.UNKNOWN, State.UNREADABLE):
        verdict = Verdict.UNKNOWN_OUTCOME.value
    elif state in _IN_FLIGHT and verdict not in _UNDER_WAY:
        verdict = Verdict.STILL_RUNNING.value
    elif state in (State.NEW, State.OVER) and verdict in _UNDER_WAY and pulse != "goes on":
        verdict = Verdict.NOT_STARTED.value
    return shot.model_copy(update={"verdict": verdict})


def _shots_of(purchases: Mapping[str, Purchase]) -> list[ShotView]:
    """The shots of which the ledger alone tells: by its last purchase each, done if any of them is."""
    shots: dict[str, ShotView] = {}
    for purchase in purchases.values():
        over = purchase.verdict.verdict if purchase.verdict is not None else Verdict.NOT_STARTED
        verdict = Verdict.DONE if purchase.clip is not None else over
        before = shots.get(purchase.shot_id)
        if before is None or before.verdict != Verdict.DONE.value:
            reel, _, shot = purchase.shot_id.rpartition("/")
            shots[purchase.shot_id] = ShotView(
                row=0,
                reel=reel,
                shot=shot,
                shot_id=purchase.shot_id,
                verdict=verdict.value,
                evidence=purchase.verdict.evidence if purchase.verdict is not None else "",
                identity=purchase.identity,
            )
    return list(shots.values())
