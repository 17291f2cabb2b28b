"""Rendering a prepared run: shots to their verdicts, clips shown, reels made, results and report written."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

from longtake._speed import Packed, PackedMap
from longtake.costs.spent import charges_of, spent_on
from longtake.costs.usage import answered_twice
from longtake.domain.errors import ConfigurationError
from longtake.domain.verdicts import Outcome
from longtake.jobs.cancelling import cancel_queued
from longtake.jobs.resources import RunResources
from longtake.ledger.job_ages import job_ages
from longtake.ledger.ledger import FOLDER, Ledger
from longtake.ledger.packed import PackedPurchases
from longtake.ledger.records import Purchase, attempts_in
from longtake.media.stitching.receipt import StitchOptions
from longtake.planning.bought_before.repairs import remember
from longtake.planning.forecast import learned_times
from longtake.planning.needs import needs_of
from longtake.planning.plan import Plan, RowChoice, Shot
from longtake.planning.prepare import PreparedRun
from longtake.rendering.choosing import missing_choice
from longtake.rendering.output.findings import film_warnings
from longtake.rendering.output.labels import FilmLabel
from longtake.rendering.output.outputs import publish_clip, shown_take
from longtake.rendering.output.posters import make_pictures
from longtake.rendering.output.reel_order import ReelOrder
from longtake.rendering.output.reels import MadeReel, standing_reel, with_timeline
from longtake.rendering.output.rendered_rows import keep_earlier_release
from longtake.rendering.output.results import row_results, rows_to_retake
from longtake.rendering.output.retry import stands_for, write_results, write_tables
from longtake.rendering.output.seams import ReelPart
from longtake.rendering.report import Ended, ReelEnd, RunReport, result_of, stored_end
from longtake.rendering.run import OnEnd, OnEvent, Run, Steps
from longtake.rendering.shot_result import ShotResult
from longtake.rendering.summary import Summary
from longtake.rendering.timeline.take import Take
from longtake.reports.run.view import Totals
from longtake.reviews.decisions import ReviewLog

log = logging.getLogger("longtake.rendering.render")


INDEX_SECONDS = 300.0

MOST_TOLD = 20
"""So many jobs that run on are named."""

StitchStep = Callable[[ReelOrder], Awaitable[MadeReel]]


async def render(
    prepared: PreparedRun,
    resources: RunResources,
    *,
    steps: Steps,
    stitch: StitchStep,
    on_event: OnEvent,
    on_end: OnEnd = lambda result: None,
) -> Summary:
    """Renders a prepared run to its end and writes it up, also when it is cancelled on the way.

    Raises:
        ConfigurationError: The environment asks for callbacks where none can be received, or films are to be signed by
            nobody; nothing was bought.
    """
    if prepared.options.label and prepared.signing is None:
        raise ConfigurationError("films are to be signed, and no certificate was loaded to sign them with")
    await resources.receive_callbacks()
    # What the run knows of its purchases by now its steps know as well.
    resources.ledgers[prepared.options.output] = prepared.ledger
    prepared.store.keep_in_view(("clips", "reels", "posters"))
    resources.ages = job_ages(prepared.purchases.values())
    await asyncio.to_thread(_part_from_the_ledger, prepared)
    await asyncio.to_thread(_remember, prepared)
    plan, options, held = Plan(prepared.rendered_shots, []), prepared.options, {}
    async with contextlib.AsyncExitStack() as stack:
        if (budget := prepared.budget()) is not None:
            await budget.open(prepared.purchases)
            resources.budget = await stack.enter_async_context(budget)
            held = await budget.admit_reels(needs_of(plan))
        report = RunReport(prepared, on_event, resources.scarcity)
        await asyncio.to_thread(report.follow)
        run = Run(
            plan,
            ledger=prepared.ledger,
            resources=resources,
            hosting=prepared.hosting,
            steps=steps,
            options=options,
            held=held,
            times=learned_times(prepared.purchases.values()),
            on_event=report.tell,
            on_end=on_end,
            standings=prepared.standings,
        )
        return await _to_the_end(prepared, run, stitch, report)


def _remember(prepared: PreparedRun) -> None:
    """What was rendered here before stays told, and what a `retry.*` buys stands for its first manifest. Blocking."""
    store = prepared.store
    keep_earlier_release(store)
    # Whoever bought a shot has remembered it; what is kept was bought for another take of the shot before.
    shots = [shot for shot in prepared.rendered_shots if shot.is_kept or not shot.standing.is_bought]
    if not shots:
        return
    remember(store, shots, stands_for(store, prepared.manifest, shots, prepared.purchases))


def _part_from_the_ledger(prepared: PreparedRun) -> None:
    """Earlier releases let what people see share its bytes with the ledger's; each gets its own. Blocking."""
    try:
        for folder in (FOLDER, "clips", "reels"):
            prepared.store.part_links(folder)
    except OSError as error:
        _tell(prepared, f"films in clips/ and reels/ still share their bytes with the ledger's: {error}")


async def _to_the_end(prepared: PreparedRun, run: Run, stitch: StitchStep, report: RunReport) -> Summary:
    ends = PackedMap[str, ReelEnd]()

    async def with_reel(shots: Sequence[Shot]) -> None:
        reel = shots[0].row.reel
        try:
            ends[reel] = await _reel_when_done(prepared, shots, run, stitch)
        except Exception as error:  # one reel that cannot be made stops no other
            log.warning("%s: the reel was not made: %s", reel, error)
            ends[reel] = None, f"{type(error).__name__}: {error}"
        ended = [end for shot in shots if (end := stored_end(shot, run.results)) is not None]
        if len(ended) == len(shots):  # one that goes on may look at those before it
            await asyncio.to_thread(_let_go, prepared, run, ended)

    tables = partial(_write_results_now, prepared, report, run.results)
    beside = [asyncio.create_task(work) for work in (report.keep(run.results, ends, tables), _keep_index(prepared))]
    try:
        await run.finish(with_reel)
    except asyncio.CancelledError:
        await asyncio.shield(_stop_queued(prepared, run))
        raise
    finally:
        for task in beside:
            task.cancel()
        written = asyncio.to_thread(write_up, prepared, run.results, ends.of(run.plan.reels), report, [run.options.run])
        summary = await asyncio.shield(written)
    return summary


async def _stop_queued(prepared: PreparedRun, run: Run) -> None:
    """Cancels what this run bought and no vendor has begun; tells what runs on. Never raises."""
    try:
        going_on = await cancel_queued(run.sent, run.options.run, run.resources, prepared.ledger)
    except Exception as error:  # the run is written up all the same
        log.exception("queued jobs were not cancelled")
        going_on = [f"queued jobs were not cancelled: {error}"]
    if going_on:
        more = f"; and {len(going_on) - MOST_TOLD} more" if len(going_on) > MOST_TOLD else ""
        _tell(prepared, f"could not be stopped, and is paid if it succeeds: {'; '.join(going_on[:MOST_TOLD])}{more}")


def _let_go(prepared: PreparedRun, run: Run, ended: Sequence[ShotResult]) -> None:
    """What was kept of a reel's clips for the steps that are over now. Blocking."""
    hashes = [result.clip.sha256 for result in ended if result.clip is not None]
    prepared.store.copies.release(hashes)
    if (features := run.resources.workers.features) is not None:
        features.forget(hashes)
    for result in ended:
        result.put_away()


async def _reel_when_done(prepared: PreparedRun, shots: Sequence[Shot], run: Run, stitch: StitchStep) -> ReelEnd:
    """Publishes a reel's clips as they come, then makes the reel; tells why where it is not made."""
    reel = shots[0].row.reel
    tell = partial(_tell, prepared)
    results: list[ShotResult] = []
    fresh: list[ShotResult] = []
    takes: list[Take] = []
    for shot in shots:
        result = await asyncio.shield(run.results[shot])
        results.append(result)
        if shot.choice is not None:
            await run.chooser.settle(shot.choice)
        if result.is_done and result.job is not None:
            purchase = await asyncio.to_thread(_purchase_of, result, prepared.ledger)
            if await asyncio.to_thread(publish_clip, prepared.store, result, purchase, tell):
                fresh.append(result)
            takes += shown_take(result, purchase)
    if fresh:
        await make_pictures(reel, results, prepared.store, run.resources.workers, fresh=fresh)
    order = _reel_order(prepared, reel, results)
    if isinstance(order, str):
        return None, order
    order = order.model_copy(update={"takes": tuple(takes)})
    if (made := await asyncio.to_thread(standing_reel, order, prepared.store)) is not None:
        made = await asyncio.to_thread(with_timeline, made, order, prepared.store)
    else:
        made = await stitch(order)
    if made.kept:
        tell(made.kept)
    return made, ""


def _purchase_of(result: ShotResult, ledger: Ledger) -> Purchase:
    """What a finished shot was bought as; what was done when the run began is not asked for again."""
    known, identity = result.shot.purchase, result.job.identity if result.job else ""
    is_whole = known is not None and known.clip is not None and known.identity == identity
    return known if known is not None and is_whole else ledger.latest(identity)


def _tell(prepared: PreparedRun, words: str) -> None:
    """Something that a person should know of this run, in its log and its report."""
    log.warning("%s", words)
    prepared.notices.append(words)


def _reel_order(prepared: PreparedRun, reel: str, results: Sequence[ShotResult]) -> ReelOrder | str:
    """The reel to make of a reel's shots, or why none is made."""
    for choice, takes in _by_choice(results).items():
        if waits := missing_choice(choice, takes):
            return waits
    first = [result for result in results if result.shot.is_chosen]
    missing = tuple(result.shot.shot_id for result in first if not result.is_done)
    if missing and not (prepared.options.partial_reels and len(missing) < len(first)):
        return f"{len(missing)} of {len(first)} shots are not done"
    anew = {shot for one in first if one.shot.is_kept for shot in (one.shot, one.shot.parent)}
    parts = tuple(
        ReelPart(
            shot_id=result.shot.shot_id,
            clip=result.clip,
            continues=before_is_done and result.shot.row.written.continue_from == "clip",
            linked=before_is_done and bool(result.shot.row.written.continue_from),
            joined_anew=result.shot in anew,
            take=result.shot.number,
            chosen=result.shot.choice.words if result.shot.choice is not None else "",
        )
        for before_is_done, result in zip([False, *(other.is_done for other in first)], first, strict=False)
        if result.clip is not None and result.is_done
    )
    options = StitchOptions(**dict(prepared.options.reel_style))
    return ReelOrder(
        output=prepared.options.output,
        reel=reel,
        parts=parts,
        missing=missing,
        options=options,
        joint_limits=prepared.options.drift_limits,
        marks=prepared.options.gate.marks,
        label=FilmLabel.of(prepared.signing, [result for result in first if result.is_done]),
    )


def _by_choice(results: Sequence[ShotResult]) -> dict[RowChoice | None, list[ShotResult]]:
    found: dict[RowChoice | None, list[ShotResult]] = {}
    for result in results:
        found.setdefault(result.shot.choice, []).append(result)
    return found


async def as_recorded(prepared: PreparedRun, runs: Collection[str]) -> Summary:
    """Writes up what others rendered, as children of this run: every row and reel as ledger and store hold them.

    Args:
        production: As it was prepared before the others began.
        runs: The others, as the ledger names runs.
    """
    await asyncio.to_thread(_stand_again, prepared)
    made = PackedMap[str, ReelEnd]()
    for reel, shots in Plan(prepared.rendered_shots, []).reels.items():
        order = _reel_order(prepared, reel, [result_of(shot, {}, prepared.options.output) for shot in shots])
        if isinstance(order, str):
            made[reel] = None, order
            continue
        there = await asyncio.to_thread(standing_reel, order, prepared.store)
        made[reel] = there, "" if there else "the reel was not made"
    report = RunReport(prepared, lambda event, shot, words: None)
    return await asyncio.to_thread(write_up, prepared, {}, made, report, runs)


def _stand_again(prepared: PreparedRun) -> None:
    """Who each shot is, by what others bought and chose meanwhile; blocking."""
    if prepared.standings is not None:
        decisions = ReviewLog(prepared.store).read()
        prepared.standings.stand_again(prepared.ledger.load(), decisions, time.time())
    _read_again(prepared, {})


def _read_again(prepared: PreparedRun, ended: Ended) -> PackedPurchases:
    """Every purchase as the ledger holds it now, told to the shots that need it; blocking.

    A shot that the run brought to its end, and of which nothing is to be chosen, knows all that is told of it.
    """
    purchases, now = prepared.ledger.load_packed(), time.time()
    for shot in prepared.plan.shots:
        is_told_of = shot.choice is not None and shot.choice.is_told
        if is_told_of or stored_end(shot, ended) is None:
            shot.attempts, shot.now = attempts_in(shot.identity, purchases), now
    return purchases


def _tell_of_those_answered_twice(
    prepared: PreparedRun, ended: Ended, purchases: Mapping[str, Purchase]
) -> dict[Shot, Outcome]:
    """Adds to the ends of shots that their vendor answered one job to several; of others, how they are to be told."""
    told: dict[Shot, Outcome] = {}
    twice = answered_twice(purchases)
    for shot in prepared.plan.shots if twice else ():
        last = attempts_in(shot.identity, purchases)[-1:]
        words = twice.get(last[0].identity) if last else None
        if words is None:
            continue
        log.warning("%s: %s", shot.shot_id, words)
        outcome = result_of(shot, ended, prepared.options.output).outcome
        evidence = "; ".join(part for part in (outcome.evidence, words) if part)
        told[shot] = outcome.model_copy(update={"evidence": evidence})
        if (end := stored_end(shot, ended)) is not None:
            end.outcome = told[shot]
    return told


async def _keep_index(prepared: PreparedRun) -> None:
    """Notes now and then what is known of the output, so that a run after a killed one need not read it all."""
    while True:
        await asyncio.sleep(INDEX_SECONDS)
        await asyncio.to_thread(prepared.store.keep_index)


def _write_results_now(
    prepared: PreparedRun, report: RunReport, ended: Ended, purchases: Mapping[str, Purchase]
) -> None:
    """Results while the run goes on, so that a row that takes for ever keeps no other from being told. Blocking."""
    rows = row_results(prepared.plan.shots, lambda shot: report.result_so_far(shot, ended), purchases)
    write_results(prepared.store, prepared.manifest, rows, purchases)


def _awaited(shots: Sequence[Shot], result: Callable[[Shot], ShotResult]) -> int:
    """How many rows, of which a clip is here, a person has yet to decide about."""
    choices = {shot: shot.choice for shot in shots if shot.choice is not None and shot.choice.needs_decision}
    waiting = (shot for shot, choice in choices.items() if choice.ruling.state != "rejected")
    return len({shot.shot_id for shot in waiting if result(shot).is_done})


def write_up(
    prepared: PreparedRun, ended: Ended, made: Mapping[str, ReelEnd], report: RunReport, runs: Collection[str]
) -> Summary:
    """Writes results, retry.csv and the report from the manifest and the ledger as they stand."""
    purchases = _read_again(prepared, ended)
    told = _tell_of_those_answered_twice(prepared, ended, purchases)
    ends = (stored_end(shot, ended) for shot in prepared.plan.shots)
    beyond_limit = sum(end is not None and end.beyond_limit for end in ends)
    asked = {shot.row.row for shot in prepared.asked_shots}
    seams = film_warnings(reel for reel, _ in made.values())

    def result(shot: Shot) -> ShotResult:
        found = result_of(shot, ended, prepared.options.output)
        if shot in told:
            found.outcome = told[shot]
        return found

    rows = row_results(prepared.plan.shots, result, purchases, seams)
    totals: Totals | None = None
    try:
        write_tables(
            prepared.store,
            prepared.manifest,
            rows,
            rows_to_retake(rows),
            shots=prepared.plan.shots,
            purchases=purchases,
        )
    finally:  # neither takes the other away
        try:
            totals = report.write(ended, made, purchases, finished=True)
        except Exception as error:
            log.exception("the report could not be written")
            prepared.notices.append(f"the report could not be written: {type(error).__name__}: {error}")
    prepared.store.keep_index()
    charged_now = charges_of(runs, purchases, prepared.purchases)
    return Summary(
        verdicts=Counter(row.verdict.value for row in rows if row.row in asked),
        reels_made=Packed(reel for reel, _ in made.values() if reel is not None),
        reels_missing={name: why for name, (reel, why) in made.items() if reel is None},
        rows=rows,
        notices=list(prepared.notices),
        bought_now=charged_now.accepted,
        spent=spent_on(purchases.values()),
        spent_now=charged_now.spent,
        totals=totals,
        awaited=_awaited(prepared.asked_shots, result),
        beyond_limit=beyond_limit,
    )
