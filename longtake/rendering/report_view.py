"""From shots, results and the ledger to what the report shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from longtake._speed import Packed
from longtake.accounts.transport import redact
from longtake.costs.usage import reported_usage
from longtake.domain.text import visible
from longtake.domain.verdicts import ShotStage
from longtake.ledger.records import Purchase, attempts_among, tries_in
from longtake.manifests.schema import COLUMNS, Manifest, joined
from longtake.planning.plan import Shot
from longtake.rendering.output.findings import clip_warnings, film_warnings
from longtake.rendering.output.outputs import clip_key, contact_sheet_key, poster_key
from longtake.rendering.output.reels import MadeReel
from longtake.rendering.output.takes import review_facts
from longtake.rendering.output.tried import tried_words
from longtake.rendering.shot_result import ShotResult
from longtake.rendering.timeline.keep import TIMELINE, timeline_key
from longtake.reports.run.receipt_facts import marks_lost
from longtake.reports.run.sums import Sums
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals, VendorTotals

MOST_CHARACTERS = 2000
"""Of one cell of the manifest's other columns."""


def report_view(
    shots: Iterable[Shot],
    result_of: Callable[[Shot], ShotResult | None],
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
    before: Mapping[str, ShotTimes] | None = None,
) -> ReportView:
    """The report of one run. Its reels are made one after the other, and packed.

    Args:
        shots: Every shot of the manifest.
        result_of: A shot's result where it has one already.
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
        before: By job, the times that the output's report told before and no ledger has.
    """
    posters = frozenset(pictures)
    others = OtherColumns(manifest) if manifest else None
    by_reel: dict[str, list[Shot]] = {}
    for shot in shots:
        by_reel.setdefault(shot.row.reel, []).append(shot)
    whole, by_vendor = Sums(), dict[str, Sums]()
    told = Packed[ReelView]()
    for name, own in by_reel.items():
        made, note = reels.get(name, (None, ""))
        seams = film_warnings([made])
        views: dict[Shot, ShotView] = {}
        for shot in own:
            tries = tries_in(shot.identity, purchases)
            attempts = attempts_among(tries)
            view = _shot(shot, result_of(shot), attempts, (moments or {}).get(shot), posters)
            earlier = (before or {}).get(view.job_id) if view.job_id else None
            why = _why_it_waits(shot, waits or {}) if view.verdict == ShotStage.QUEUED.value else ""
            view = view.model_copy(
                update={
                    "warnings": "; ".join(filter(None, (view.warnings, tried_words(tries), seams.get(view.shot_id)))),
                    "evidence": view.evidence or why,
                    "fetched_from": (fetched_from or {}).get(shot) or (earlier.fetched_from if earlier else None),
                    "waiting_since": view.waiting_since or (earlier.waiting_since if earlier else None),
                    "started_running_at": view.started_running_at or (earlier.started_running_at if earlier else None),
                    "extra": others.of_row(shot.row.row) if others else {},
                }
            )
            views[shot] = view
            for sums in (whole, by_vendor.setdefault(view.vendor, Sums())):
                sums.add(shot, view, attempts)
        for shot, changes in review_facts(views, purchases).items():
            views[shot] = views[shot].model_copy(update=changes)
        told.append(_reel(name, list(views.values()), posters, made, note))
    return ReportView(
        title=title,
        output=output,
        written_at=time.time(),
        finished=finished,
        run=run,
        totals=Totals.model_validate(whole.totals),
        by_vendor=[
            VendorTotals.model_validate({"vendor": vendor} | sums.of_vendor) for vendor, sums in by_vendor.items()
        ],
        notices=list(notices),
    ).with_reels(told)


def _why_it_waits(shot: Shot, waits: Mapping[str, str]) -> str:
    """Why a shot waits for a slot, at each of the accounts in whose lines it stands."""
    return "; ".join(waits[account] for account in shot.accounts if account in waits)


class ShotTimes(NamedTuple):
    """Moments of a shot that a report told and that no ledger has."""

    fetched_from: float | None
    waiting_since: float | None
    started_running_at: float | None


def times_told(view: ReportView) -> dict[str, ShotTimes]:
    """By job, the moments that a report told."""
    return {
        shot.job_id: ShotTimes(shot.fetched_from, shot.waiting_since, shot.started_running_at)
        for shot in view.shots
        if shot.job_id
    }


def _reel(name: str, shots: list[ShotView], pictures: frozenset[str], made: MadeReel | None, note: str) -> ReelView:
    sheet = contact_sheet_key(name)
    if made is None:
        return ReelView(name=name, shots=shots, note=note)
    missing: list[str] = made.receipt.get("missing", [])
    return ReelView(
        name=name,
        shots=shots,
        film=made.key,
        timeline=timeline_key(made.key) if made.receipt.get(TIMELINE) else None,
        contact_sheet=sheet if sheet in pictures else None,
        receipt=made.receipt,
        partial=bool(missing),
        note=f"missing: {', '.join(missing)}" if missing else note,
        marks_lost=marks_lost(made.receipt) if made.tells_marks else "",
    )


def _shot(
    shot: Shot,
    result: ShotResult | None,
    attempts: Sequence[Purchase],
    moment: tuple[ShotStage, float] | None,
    posters: frozenset[str],
) -> ShotView:
    bought = attempts[-1] if attempts else None
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
        marks=", ".join(clip.clip.marks.names) if clip and clip.clip.marks else "",
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


class OtherColumns:
    """The cells of the columns that are the manifest's own, harmless and without signatures."""

    def __init__(self, manifest: Manifest) -> None:
        self._columns = {visible(name, 80): cells for name, cells in manifest.cells.items() if name not in COLUMNS}

    def of_row(self, row: int) -> dict[str, str]:
        """Those of a row that hold something, by column."""
        shown = {
            name: visible(redact(joined(cells[row - 1], ", ")), MOST_CHARACTERS)
            for name, cells in self._columns.items()
        }
        return {name: cell for name, cell in shown.items() if cell}
