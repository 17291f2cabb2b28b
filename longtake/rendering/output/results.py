"""From shots and the ledger to one result per manifest row: verdict, files, money, reason, next action."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from longtake.costs.usage import reported_usage
from longtake.domain.verdicts import Verdict
from longtake.ledger.records import Purchase, Record, attempts_in
from longtake.manifests.results.row_result import RowResult
from longtake.planning.plan import Shot
from longtake.rendering.output.findings import clip_warnings
from longtake.rendering.output.outputs import clip_key
from longtake.rendering.shot_result import ShotResult


def row_result(
    shots: Sequence[ShotResult], purchases: Mapping[str, Purchase], seams: Mapping[str, str] | None = None
) -> RowResult:
    """The result of one row; of several variants the worst verdict counts, and clips are joined with `|`.

    Args:
        shots: The variants of the row.
        purchases: The ledger.
        seams: What was noted at the seams of the reels, by shot.
    """
    ranked = sorted(shots, key=lambda result: result.is_done)
    worst, first = ranked[0], shots[0]
    purchase = purchases.get(worst.job.identity) if worst.job else _last_purchase(worst.shot, purchases)
    clips = [clip_key(result.shot) for result in shots if result.clip is not None and result.is_done]
    intent = purchase.intent if purchase and not purchase.is_void else None
    clip = worst.clip
    vendor = intent.account if intent else worst.shot.account
    quote = worst.shot.quote
    seam = (seams or {}).get(first.shot.shot_id)
    return RowResult(
        row=first.shot.row.row,
        shot_id=first.shot.shot_id,
        take=worst.shot.take,
        verdict=worst.outcome.verdict,
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
        reported_usage=json.dumps(usage) if purchase and (usage := reported_usage(purchase)) else None,
        submitted_at=_moment(_submitted(purchase, worst.outcome.verdict)),
        finished_at=_moment(purchase.terminal if purchase else None),
        error=worst.outcome.evidence or None,
        next_action=worst.outcome.next_action or None,
        warnings="; ".join([*clip_warnings(purchase), *([seam] if seam else [])]) or None,
    )


def _submitted(purchase: Purchase | None, verdict: Verdict) -> Record | None:
    """The record of when it was submitted; of an unknown outcome, when the submit began."""
    if purchase is None or purchase.accepted is not None:
        return purchase.accepted if purchase is not None else None
    return purchase.intent if verdict is Verdict.UNKNOWN_OUTCOME else None


def _moment(record: Record | None) -> datetime | None:
    return datetime.fromtimestamp(record.at, UTC) if record else None


def _last_purchase(shot: Shot, purchases: Mapping[str, Purchase]) -> Purchase | None:
    return next(reversed(attempts_in(shot.identity, purchases)), None)


def rows_to_retake(results: Iterable[RowResult]) -> set[int]:
    """Rows for which only another purchase brings a clip."""
    return {result.row for result in results if result.verdict.facts.wants_take}
