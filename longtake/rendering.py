"""Rendering a prepared production: shots to their verdicts, clips shown, reels made, results and report written."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from longtake.desk import Office
from longtake.errors import LongtakeError
from longtake.ledger import Purchase
from longtake.manifests.writer import RowResult, results_files
from longtake.media.stitch import StitchOptions
from longtake.outputs import publish_clip
from longtake.plan import Plan, Shot, Standing
from longtake.posters import make_pictures
from longtake.production import Production
from longtake.reels import MadeReel, ReelOrder, ReelPart
from longtake.reports.fill import report_view
from longtake.reports.rewrite import write_report
from longtake.results import row_result, rows_to_retake
from longtake.retry import write_retry
from longtake.run import OnEvent, Run, RunOptions, ShotResult, Steps
from longtake.verdicts import Outcome, Verdict

log = logging.getLogger("longtake.rendering")

REPORT_SECONDS = 5.0
"""The report is written anew at most so often while a run goes on."""


@dataclass
class Summary:
    """How a run ended. `line` says it all in one line."""

    verdicts: Counter[str]
    reels_made: list[MadeReel]
    reels_missing: dict[str, str]
    rows: list[RowResult]
    bought_now: int
    notices: list[str] = field(default_factory=list)

    @property
    def all_done(self) -> bool:
        """Whether every row is done and every reel made."""
        return set(self.verdicts) <= {Verdict.DONE.value} and not self.reels_missing

    @property
    def line(self) -> str:
        """Rows, purchases and reels in a line."""
        done, total = self.verdicts[Verdict.DONE.value], sum(self.verdicts.values())
        rest = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()) if verdict != "done")
        parts = [f"{done}/{total} rows done", f"{self.bought_now} bought now", f"{len(self.reels_made)} reels"]
        return "; ".join(parts) + (f" ({rest})" if rest else "")


ReelEnd = tuple[MadeReel | None, str]
"""A reel, or why it is not made."""
StitchStep = Callable[[ReelOrder], Awaitable[MadeReel]]


async def render(
    production: Production, office: Office, *, steps: Steps, stitch: StitchStep, on_event: OnEvent, options: RunOptions
) -> Summary:
    """Renders a prepared production to its end and writes it up, also when it is cancelled on the way."""
    async with contextlib.AsyncExitStack() as stack:
        if (budget := production.budget()) is not None:
            await budget.open(production.purchases)
            office.budget = await stack.enter_async_context(budget)
            held = await budget.admit_reels(Plan(production.rendered_shots, []))
            options = replace(options, held=held)
        moments = Moments(on_event)
        run = Run(
            Plan(production.rendered_shots, []),
            ledger=production.ledger,
            office=office,
            hosting=production.hosting,
            steps=steps,
            options=options,
            on_event=moments.tell,
        )
        return await _to_the_end(production, run, stitch, moments)


async def _to_the_end(production: Production, run: Run, stitch: StitchStep, moments: Moments) -> Summary:
    office = run.office
    run.start()
    stitching = {
        reel: asyncio.create_task(_reel_when_done(production, shots, run, stitch, office))
        for reel, shots in Plan(production.rendered_shots, []).reels.items()
    }
    watching = asyncio.create_task(_keep_report(production, run, moments, stitching))
    try:
        await run.finish()
        await asyncio.gather(*stitching.values())
    finally:
        watching.cancel()
        for task in stitching.values():
            task.cancel()
        ended = await asyncio.gather(*stitching.values(), return_exceptions=True)
        made = {reel: end for reel, end in zip(stitching, ended, strict=True) if not isinstance(end, BaseException)}
        summary = await asyncio.shield(asyncio.to_thread(write_up, production, run, made))
    return summary


class Moments:
    """What each shot under way is doing, as the run's events tell it, for the report."""

    STAGES: ClassVar[Mapping[str, str]] = {
        "queued": "queued",
        "bought": "running",
        "resumed": "running",
        "finished": "downloading",
    }

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self.at: dict[Shot, tuple[str, float]] = {}
        self.changes = 0

    def tell(self, event: str, shot: Shot, words: str) -> None:
        """Notes an event and passes it on."""
        self.changes += 1
        if event in self.STAGES:
            since = self.at[shot][1] if shot in self.at else time.time()
            self.at[shot] = (self.STAGES[event], since)
        self._on_event(event, shot, words)


async def _keep_report(
    production: Production, run: Run, moments: Moments, stitching: Mapping[str, asyncio.Task[ReelEnd]]
) -> None:
    """Writes the report as the run goes, so that it can be watched; never more than a twentieth of the time."""
    seen = -1
    while True:
        begun = time.monotonic()
        if moments.changes != seen:
            seen = moments.changes
            made = {reel: task.result() for reel, task in stitching.items() if _has_result(task)}
            try:
                await asyncio.to_thread(_write_report, production, run, made, moments, finished=False)
            except OSError as error:
                log.warning("the report could not be written now: %s", error)
        await asyncio.sleep(max(REPORT_SECONDS, 20 * (time.monotonic() - begun)))


def _has_result(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _write_report(
    production: Production,
    run: Run,
    made: Mapping[str, ReelEnd],
    moments: Moments | None = None,
    *,
    finished: bool,
    purchases: Mapping[str, Purchase] | None = None,
) -> None:
    results = {shot: _result_of(shot, run) if finished else _result_now(shot, run) for shot in production.plan.shots}
    view = report_view(
        results,
        production.ledger.load() if purchases is None else purchases,
        made,
        title=production.wishes.manifest.rsplit("/", 1)[-1],
        output=production.store.url,
        run=production.wishes.run,
        moments=moments.at if moments else None,
        finished=finished,
        notices=production.notices,
    )
    write_report(production.store, view)


async def _reel_when_done(
    production: Production, shots: Sequence[Shot], run: Run, stitch: StitchStep, office: Office
) -> ReelEnd:
    """Publishes a reel's clips as they come, then makes the reel; tells why where it is not made."""
    reel = shots[0].row.reel
    results = [await asyncio.shield(run.results[shot]) for shot in shots]
    fresh: list[ShotResult] = []
    for result in results:
        if result.is_done and result.job is not None:
            purchase = await asyncio.to_thread(production.ledger.purchase, result.job.identity)
            if await asyncio.to_thread(publish_clip, production.store, result, purchase):
                fresh.append(result)
    if fresh:
        await make_pictures(reel, results, production.store, office.crew, fresh=fresh)
    first = [result for result in results if result.shot.variant == 0]
    missing = tuple(result.shot.shot_id for result in first if not result.is_done)
    if missing and not (production.wishes.partial_reels and len(missing) < len(first)):
        return None, f"{len(missing)} of {len(first)} shots are not done"
    parts = tuple(
        ReelPart(
            shot_id=result.shot.shot_id,
            clip=result.clip,
            continues=result.shot.row.written.continue_from == "clip" and place > 0 and first[place - 1].is_done,
        )
        for place, result in enumerate(first)
        if result.clip is not None and result.is_done
    )
    order = ReelOrder(output=production.wishes.output, reel=reel, parts=parts, missing=missing, options=StitchOptions())
    try:
        return await stitch(order), ""
    except LongtakeError as error:
        return None, str(error)


def write_up(production: Production, run: Run, made: Mapping[str, ReelEnd]) -> Summary:
    """Writes results.parquet, results.csv and retry.csv from the manifest and the ledger as they stand."""
    purchases = production.ledger.load()
    by_row: dict[int, list[ShotResult]] = {}
    now = time.time()
    for shot in production.plan.shots:
        shot.attempts, shot.now = production.ledger.attempts(shot.identity, purchases), now
        by_row.setdefault(shot.row.row, []).append(_result_of(shot, run))
    rows = [row_result(results, purchases) for results in by_row.values()]
    rows.sort(key=lambda row: row.row)
    parquet, table = results_files(production.manifest, rows)
    store = production.store
    store.write("results.parquet", parquet)
    store.write("results.csv", table)
    write_retry(store, production.manifest, rows, rows_to_retake(rows))
    return Summary(
        verdicts=Counter(row.verdict.value for row in rows),
        reels_made=[reel for reel, _ in made.values() if reel is not None],
        reels_missing={name: why for name, (reel, why) in made.items() if reel is None},
        rows=rows,
        bought_now=sum(result.bought_now for results in by_row.values() for result in results),
    )


def _result_now(shot: Shot, run: Run) -> ShotResult | None:
    """A shot's result while the run goes on, None where it has none yet."""
    task = run.results.get(shot)
    if task is not None and not task.done():
        return None
    return _result_of(shot, run)


def _result_of(shot: Shot, run: Run) -> ShotResult:
    task = run.results.get(shot)
    if task is not None and task.done() and not task.cancelled() and task.exception() is None:
        return task.result()
    if shot.is_refused:
        words = "\n".join(str(violation) for violation in shot.violations if not violation.warning)
        return ShotResult(shot, Outcome(verdict=Verdict.REFUSED, evidence=words))
    return _as_recorded(shot)


def _as_recorded(shot: Shot) -> ShotResult:
    """A shot that this run did not bring to an end, by what the ledger held at its start."""
    purchase: Purchase | None = shot.purchase
    if purchase is not None and purchase.clip is not None and purchase.accepted is not None:
        return ShotResult(shot, Outcome(verdict=Verdict.DONE), purchase.accepted.job, purchase.clip.clip)
    if shot.standing is Standing.RESUME:
        return ShotResult(shot, Outcome(verdict=Verdict.STILL_RUNNING, evidence="the run ended before the job"))
    if shot.standing is Standing.UNKNOWN and purchase is not None:
        return ShotResult(shot, Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence=purchase.evidence_of_unknown()))
    if shot.standing is Standing.OVER and purchase is not None and purchase.verdict is not None:
        return ShotResult(shot, Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence))
    return ShotResult(shot, Outcome(verdict=Verdict.NOT_STARTED, evidence="the run ended before its turn"))
