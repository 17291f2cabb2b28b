"""What the page and `longtake review` tell of shots under review: takes, decisions, what follows and its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from longtake._speed import Packed
from longtake.domain.identity import first_attempt
from longtake.ledger.records import Purchase, attempts_in
from longtake.reports.run.view import ReportView, ShotView, TakeView
from longtake.reviews.decision import Decision, Ruling, ruling_on

ReviewState = Literal["none", "waiting", "chosen", "rejected", "expired"]


def review_state(ruling: Ruling, *, is_reviewed: bool, is_here: bool) -> ReviewState:
    """Where the review of a shot stands.

    Args:
        ruling: What people decided about its takes.
        is_reviewed: Whether it waits for a person.
        is_here: Whether a take is here to be looked at.
    """
    if ruling.state in ("chosen", "rejected"):
        return ruling.state
    if not is_reviewed or not is_here:
        return "none"
    return "expired" if ruling.state == "expired" else "waiting"


def with_reviews(
    view: ReportView, purchases: Mapping[str, Purchase], decisions: Mapping[str, Sequence[Decision]], now: float
) -> ReportView:
    """A report with every review as ledger and decisions have it now."""
    reels = (
        reel.model_copy(
            update={
                "shots": [
                    _reviewed(shot, purchases, decisions.get(shot.shot_id, ()), now) if shot.takes else shot
                    for shot in reel.shots
                ]
            }
        )
        for reel in view.reels
    )
    return view.with_reels(Packed(reels))


def _reviewed(shot: ShotView, purchases: Mapping[str, Purchase], decisions: Sequence[Decision], now: float) -> ShotView:
    takes = [_now(take, purchases) for take in shot.takes]
    ruling = ruling_on({take.purchase: take.sha256 for take in takes}, decisions, now)
    decision = ruling.decision
    state = review_state(ruling, is_reviewed=shot.is_reviewed, is_here=any(take.sha256 for take in takes))
    is_told = decision is not None and state in ("chosen", "rejected", "expired")
    changes = {
        "takes": takes,
        "review": state,
        "chosen": decision.variant if decision is not None and state == "chosen" else None,
        "ruling": decision.told(_take_of(decision, takes)) if decision is not None and is_told else "",
    }
    return ShotView.model_validate(shot.model_dump() | changes)


def _take_of(decision: Decision, takes: Sequence[TakeView]) -> int | None:
    return next((take.take for take in takes if take.purchase == decision.purchase), None)


def _now(take: TakeView, purchases: Mapping[str, Purchase]) -> TakeView:
    """A take with the hash of its latest attempt's clip."""
    attempts = attempts_in(first_attempt(take.purchase), purchases)
    if not attempts:
        return take
    latest = attempts[-1]
    number = take.take if take.take is not None or latest.intent is None else latest.intent.take
    return take.model_copy(update={"purchase": latest.identity, "sha256": latest.clip_sha256, "take": number})
