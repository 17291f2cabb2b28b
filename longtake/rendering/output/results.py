"""From shots and the ledger to one result per manifest row: verdict, files, money, reason, next action."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from longtake._speed import Packed
from longtake.costs.spent import Spent, spent_by_shot, spent_on
from longtake.costs.usage import reported_usage
from longtake.domain.verdicts import Verdict
from longtake.ledger.records import Purchase, Record, attempts_in, tries_in
from longtake.manifests.results.row_result import RowResult
from longtake.planning.plan import Shot
from longtake.rendering.output.findings import clip_warnings
from longtake.rendering.output.marks import mark_names
from longtake.rendering.output.outputs import clip_key
from longtake.rendering.output.tried import tried_words
from longtake.rendering.shot_result import ShotResult

log = logging.getLogger("longtake.rendering.output.results")


def row_results(
    shots: Iterable[Shot],
    result: Callable[[Shot], ShotResult],
    purchases: Mapping[str, Purchase],
    seams: Mapping[str, str] | None = None,
) -> Sequence[RowResult]:
    """One result per row of the manifest, in its order; a row that cannot be told of takes no other away."""
    by_row: dict[int, list[Shot]] = {}
    for shot in shots:
        by_row.setdefault(shot.row.row, []).append(shot)
    rows = Packed[RowResult]()
    spent = spent_by_shot(purchases)
    for number, takes in sorted(by_row.items()):
        of_row = [result(shot) for shot in takes]
        try:
            rows.append(row_result(of_row, purchases, spent, seams))
        except Exception as error:
            log.exception("%s: its result could not be written up", takes[0].shot_id)
            verdict = min(of_row, key=lambda result: result.is_done).outcome.verdict
            words = f"our machine: the row could not be written up ({type(error).__name__})"
            rows.append(RowResult(row=number, shot_id=takes[0].shot_id, verdict=verdict, error=words))
    return rows


def row_result(
    shots: Sequence[ShotResult],
    purchases: Mapping[str, Purchase],
    spent: Mapping[str, Spent],
    seams: Mapping[str, str] | None = None,
) -> RowResult:
    """The result of one row; of several variants that nobody chose from the worst verdict counts.

    Their jobs, clips and hashes are joined with `|`, their prices added up. Once one is chosen, the row tells of that.

    Args:
        shots: The variants of the row.
        purchases: The ledger.
        spent: What each shot cost in all, by `reel/shot`.
        seams: What was noted of its clip in the reels, by shot.
    """
    choice = shots[0].shot.choice
    if choice is not None and choice.ruling.state == "chosen":
        shots = [result for result in shots if result.shot.is_chosen]
    chosen = next((result for result in shots if result.shot.is_chosen and result.is_done), None)
    is_settled = choice is None or not (choice.needs_decision or choice.is_open)
    ranked = sorted(shots, key=lambda result: result.is_done)
    worst, first = ranked[0], shots[0]
    bought = [_purchase(result, purchases) for result in shots]
    purchase = bought[shots.index(worst)]
    clips = [(clip_key(result.shot), result.clip) for result in shots if result.clip is not None and result.is_done]
    intent = purchase.intent if purchase and not purchase.is_void else None
    clip = worst.clip
    vendor = intent.account if intent else worst.shot.account
    price, whole = spent_on(one for one in bought if one is not None), spent.get(first.shot.shot_id, Spent())
    is_priced = price.purchases and not price.unpriced
    seam = (seams or {}).get(first.shot.shot_id)
    tried = [tried_words(tries_in(result.shot.identity, purchases)) for result in shots]
    return RowResult(
        row=first.shot.row.row,
        shot_id=first.shot.shot_id,
        take=worst.shot.take,
        verdict=worst.outcome.verdict,
        vendor=vendor.removesuffix("/default").strip("/"),
        wire_model=intent.wire_model if intent else worst.shot.model.wire if worst.shot.model else None,
        job_id="|".join(one.accepted.job.job_id for one in bought if one and one.accepted) or None,
        clip="|".join(key for key, _ in clips) or None,
        sha256="|".join(clip.sha256 for _, clip in clips) or (clip.sha256 if clip else None),
        width=clip.width if clip else None,
        height=clip.height if clip else None,
        clip_seconds=round(clip.duration_seconds, 4) if clip else None,
        price_low_usd=round(price.low_usd, 9) if is_priced else None,
        price_high_usd=round(price.high_usd, 9) if is_priced else None,
        reported_usage=json.dumps(usage) if purchase and (usage := reported_usage(purchase)) else None,
        submitted_at=_moment(_submitted(purchase, worst.outcome.verdict)),
        finished_at=_moment(purchase.terminal if purchase else None),
        error=worst.outcome.evidence or None,
        next_action=worst.outcome.next_action or None,
        warnings="; ".join(filter(None, [*clip_warnings(purchase), seam, *tried])) or None,
        spent_usd=whole.known_usd,
        attempts=whole.purchases,
        marks=mark_names(clip for _, clip in clips),
        chosen_take=chosen.shot.number if chosen is not None and is_settled else None,
    )


def _purchase(result: ShotResult, purchases: Mapping[str, Purchase]) -> Purchase | None:
    return purchases.get(result.job.identity) if result.job else _last_purchase(result.shot, purchases)


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
