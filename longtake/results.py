"""From shots and the ledger to one result per manifest row: verdict, files, money, reason, next action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from longtake.ledger import Purchase
from longtake.limits import Violation
from longtake.manifests.writer import RowResult
from longtake.outputs import clip_key
from longtake.plan import Shot
from longtake.run import ShotResult
from longtake.verdicts import BOUGHT_AND_OVER, NEXT_ACTION, Outcome, Verdict

NEEDS_TAKE = BOUGHT_AND_OVER - {Verdict.LOST}
"""Verdicts for which `retry.csv` raises the take."""


def timestamp(unix: float | None) -> str | None:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds") if unix is not None else None


def row_result(shots: Sequence[ShotResult], purchases: Mapping[str, Purchase]) -> RowResult:
    """The result of one row; of several variants the worst verdict counts, and clips are joined with `|`."""
    ranked = sorted(shots, key=lambda result: result.is_done)
    worst, first = ranked[0], shots[0]
    purchase = purchases.get(worst.job.identity) if worst.job else _last_purchase(worst.shot, purchases)
    clips = [clip_key(result.shot) for result in shots if result.clip is not None and result.is_done]
    intent = purchase.intent if purchase else None
    clip = worst.clip
    vendor = intent.account if intent else worst.shot.account
    quote = worst.shot.quote
    return RowResult(
        row=first.shot.row.row,
        shot_id=first.shot.shot_id,
        take=worst.shot.take,
        verdict=worst.outcome.verdict.value,
        vendor=vendor.removesuffix("/default").strip("/"),
        wire_model=intent.wire_model if intent else worst.shot.model.wire if worst.shot.model else None,
        job_id=purchase.accepted.job.job_id if purchase and purchase.accepted else None,
        clip="|".join(clips) or None,
        sha256=clip.sha256 if clip else None,
        width=clip.width if clip else None,
        height=clip.height if clip else None,
        clip_seconds=round(clip.duration_seconds, 4) if clip else None,
        price_low_usd=intent.price_low_usd if intent else quote.low_usd if quote else None,
        price_high_usd=intent.price_high_usd if intent else quote.high_usd if quote else None,
        submitted_at=timestamp(purchase.accepted.at) if purchase and purchase.accepted else None,
        finished_at=timestamp(purchase.terminal.at) if purchase and purchase.terminal else None,
        error=worst.outcome.evidence or None,
        next_action=worst.outcome.next_action or None,
    )


def _last_purchase(shot: Shot, purchases: Mapping[str, Purchase]) -> Purchase | None:
    own = [purchase for purchase in purchases.values() if purchase.identity.startswith(shot.identity)]
    return max(own, key=lambda purchase: len(purchase.identity), default=None) if shot.identity else None


def refused_rows(violations: Iterable[Violation], known: Iterable[int]) -> list[RowResult]:
    """Results for rows that the manifest's own check refused."""
    seen = set(known)
    reasons: dict[int, list[Violation]] = {}
    for violation in violations:
        if violation.row and violation.row not in seen and not violation.warning:
            reasons.setdefault(violation.row, []).append(violation)
    outcome = Outcome(verdict=Verdict.REFUSED)
    return [
        RowResult(
            row=row,
            shot_id=found[0].shot_id,
            verdict=outcome.verdict.value,
            error="\n".join(map(str, found)),
            next_action=NEXT_ACTION[Verdict.REFUSED],
        )
        for row, found in reasons.items()
    ]


def rows_to_retake(results: Iterable[RowResult]) -> set[int]:
    """Rows for which only another purchase brings a clip."""
    return {result.row for result in results if result.verdict in NEEDS_TAKE}
