"""From shots, results and the ledger to what the report shows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from longtake.accounts.transport import redact
from longtake.costs.usage import is_charged_but_failed, reported_usage, reported_words
from longtake.domain.text import visible
from longtake.domain.verdicts import ShotStage
from longtake.ledger.records import Purchase, attempts_in
from longtake.manifests.schema import COLUMNS, Manifest, joined
from longtake.planning.plan import Shot
from longtake.rendering.output.findings import clip_warnings, seam_warnings
from longtake.rendering.output.outputs import clip_key, contact_sheet_key, poster_key
from longtake.rendering.output.reels import MadeReel
from longtake.rendering.output.takes import review_facts
from longtake.rendering.shot_result import ShotResult
from longtake.reports.figures import total_of
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals, VendorTotals

MOST_CHARACTERS = 2000
"""Of one cell of the manifest's other columns."""


def report_view(
    results: Mapping[Shot, ShotResult | None],
    purchases: Mapping[str, Purchase],
    reels: Mapping[str, tuple[MadeReel | None, str]],
    *,
    title: str,
    output: str,
    run: str = "",
    moments: Mapping[Shot, tuple[ShotStage, float]] | None = None,
    waits: Mapping[str, str] | None = None,
    fetched_from: Mapping[Shot, float] | None = None,
    finished: bool = True,
    notices: Sequence[str] = (),
    pictures: Iterable[str] = (),
    manifest: Manifest | None = None,
    before: ReportView | None = None,
) -> ReportView:
    """The report of one run.

    Args:
        results: Every shot of the manifest, with its result where it has one already.
        purchases: The ledger.
        reels: Reels made, or why they are not.
        title: The manifest's name.
        output: The output's address.
        run: The run's id.
        moments: For shots under way: what each is doing, and since when it waits.
        waits: By account, why its shots wait for a slot.
        fetched_from: When the run began to fetch clips.
        finished: False while the run goes on: the page then looks for a newer one.
        notices: What a person should know besides.
        pictures: Keys of the posters and contact sheets that are there.
        manifest: Whose other columns are shown beside each shot.
        before: What the output's report told before: it knows of waiting times that no ledger has.
    """
    posters = frozenset(pictures)
    views = {
        shot: _shot(shot, result, purchases, (moments or {}).get(shot), posters) for shot, result in results.items()
    }
    times = {shot.job_id: shot for shot in before.shots if shot.job_id} if before else {}
    others = _other_columns(manifest) if manifest else {}
    seams = seam_warnings(made for made, _ in reels.values())
    for shot, view in views.items():
        told = times.get(view.job_id)
        why = (waits or {}).get(shot.account, "") if view.verdict == ShotStage.QUEUED.value else ""
        views[shot] = view.model_copy(
            update={
                "warnings": "; ".join(filter(None, (view.warnings, seams.get(view.shot_id)))),
                "evidence": view.evidence or why,
                "fetched_from": (fetched_from or {}).get(shot) or (told.fetched_from if told else None),
                "waiting_since": view.waiting_since or (told.waiting_since if told else None),
                "started_running_at": view.started_running_at or (told.started_running_at if told else None),
                "extra": {name: cells[shot.row.row - 1] for name, cells in others.items() if cells[shot.row.row - 1]},
            }
        )
    for shot, changes in review_facts(views, purchases).items():
        views[shot] = views[shot].model_copy(update=changes)
    by_reel: dict[str, list[ShotView]] = {}
    by_vendor: dict[str, list[Shot]] = {}
    for shot, view in views.items():
        by_reel.setdefault(shot.row.reel, []).append(view)
        by_vendor.setdefault(view.vendor, []).append(shot)
    return ReportView(
        title=title,
        output=output,
        written_at=time.time(),
        finished=finished,
        run=run,
        totals=Totals.model_validate(_totals(results, views, purchases)),
        by_vendor=[
            VendorTotals.model_validate(
                {"vendor": vendor, "reported": _reported(shots, purchases)}
                | _counts(shots, views)
                | _totals(shots, views, purchases)
            )
            for vendor, shots in by_vendor.items()
        ],
        reels=[_reel(name, shots, posters, *reels.get(name, (None, ""))) for name, shots in by_reel.items()],
        notices=list(notices),
    )


def _reel(name: str, shots: list[ShotView], pictures: frozenset[str], made: MadeReel | None, note: str) -> ReelView:
    sheet = contact_sheet_key(name)
    if made is None:
        return ReelView(name=name, shots=shots, note=note)
    missing: list[str] = made.receipt.get("missing", [])
    return ReelView(
        name=name,
        shots=shots,
        film=made.key,
        contact_sheet=sheet if sheet in pictures else None,
        receipt=made.receipt,
        partial=bool(missing),
        note=f"missing: {', '.join(missing)}" if missing else note,
    )


def _shot(
    shot: Shot,
    result: ShotResult | None,
    purchases: Mapping[str, Purchase],
    moment: tuple[ShotStage, float] | None,
    posters: frozenset[str],
) -> ShotView:
    purchase = attempts_in(shot.identity, purchases)[-1:]
    bought = purchase[0] if purchase else None
    intent = bought.intent if bought and not bought.is_void else None
    accepted, terminal, clip = (bought.accepted, bought.terminal, bought.clip) if bought else (None, None, None)
    quote = shot.quote
    verdict = result.outcome.verdict.value if result else moment[0] if moment else ShotStage.WAITING
    return ShotView(
        row=shot.row.row,
        reel=shot.row.reel,
        shot=shot.row.shot,
        shot_id=shot.shot_id,
        verdict=verdict,
        take=shot.take,
        variant=shot.variant if shot.row.variants > 1 else None,
        variants=shot.row.variants if shot.row.variants > 1 else None,
        in_film=shot.is_chosen if shot.row.variants > 1 else None,
        prompt=shot.request.prompt,
        evidence=result.outcome.evidence if result else "",
        next_action=result.outcome.next_action if result else "",
        warnings="; ".join(clip_warnings(bought)),
        vendor=(intent.account if intent else shot.account).removesuffix("/default"),
        wire_model=intent.wire_model if intent else shot.model.wire if shot.model else "",
        job_id=accepted.job.job_id if accepted else "",
        identity=shot.identity,
        clip=clip_key(shot) if clip else None,
        poster=poster_key(shot) if clip and poster_key(shot) in posters else None,
        width=clip.clip.width if clip else None,
        height=clip.clip.height if clip else None,
        clip_seconds=clip.clip.duration_seconds if clip else None,
        price_low_usd=intent.price_low_usd if intent else quote.low_usd if quote else None,
        price_high_usd=intent.price_high_usd if intent else quote.high_usd if quote else None,
        waiting_since=moment[1] if moment else None,
        submitted_at=accepted.at if accepted else None,
        started_running_at=result.snapshot.seen_running_at if result and result.snapshot else None,
        finished_at=terminal.at if terminal else None,
        downloaded_at=clip.at if clip else None,
        continues_from=shot.parent.shot_id if shot.parent else "",
        usage=reported_usage(bought) if bought else {},
    )


def _other_columns(manifest: Manifest) -> dict[str, list[str]]:
    """The cells of the columns that are the manifest's own, harmless and without signatures, by column."""
    return {
        visible(name, 80): [visible(redact(joined(cell, ", ")), MOST_CHARACTERS) for cell in cells]
        for name, cells in manifest.cells.items()
        if name not in COLUMNS
    }


def _reported(shots: Iterable[Shot], purchases: Mapping[str, Purchase]) -> str:
    return reported_words(purchase for shot in shots for purchase in attempts_in(shot.identity, purchases))


def _counts(shots: Iterable[Shot], views: Mapping[Shot, ShotView]) -> dict[str, int]:
    verdicts = Counter(views[shot].verdict for shot in shots)
    return {"queued": verdicts[ShotStage.QUEUED], "running": verdicts[ShotStage.RUNNING]}


def _totals(
    shots: Iterable[Shot], views: Mapping[Shot, ShotView], purchases: Mapping[str, Purchase]
) -> dict[str, float | int | None]:
    """Counts and money; a sum with an unknown price in it is unknown, never less than it should be."""
    done = count = 0
    spent: list[tuple[float | None, float | None]] = []
    coming: list[tuple[float | None, float | None]] = []
    failed: list[float | None] = []
    charged_but_failed = 0
    for shot in shots:
        view = views[shot]
        count += 1
        done += view.facts.is_done
        bought = [purchase for purchase in attempts_in(shot.identity, purchases) if purchase.is_charged]
        spent += [(p.intent.price_low_usd, p.intent.price_high_usd) for p in bought if p.intent]
        charged_but_failed += sum(map(is_charged_but_failed, bought))
        without_clip = [p for p in bought if p.clip is None and (p.verdict or (view.facts.is_over and p is bought[-1]))]
        failed += [p.intent.price_high_usd for p in without_clip if p.intent]
        if not bought and not shot.is_refused:
            coming.append((shot.quote.low_usd, shot.quote.high_usd) if shot.quote else (None, None))
    low, high = total_of(pair[0] for pair in spent), total_of(pair[1] for pair in spent)
    more_low, more_high = total_of(pair[0] for pair in coming), total_of(pair[1] for pair in coming)
    return {
        "done": done,
        "all": count,
        "spent_low_usd": low,
        "spent_high_usd": high,
        "projected_low_usd": total_of((low, more_low)),
        "projected_high_usd": total_of((high, more_high)),
        "charged_but_failed_usd": total_of(failed),
        "charged_but_failed": charged_but_failed,
    }
