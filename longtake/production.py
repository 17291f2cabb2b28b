"""One manifest into one output: prepare (read, check, measure, plan), render (buy, wait, fetch, join), write up.

Plain asyncio; the flows hand in their steps and their way of loading accounts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from longtake.accounts import Account, account_name
from longtake.budget import Budget
from longtake.desk import LoadAccount, Office
from longtake.errors import (
    ConfigurationError,
    InvalidManifestError,
    LongtakeError,
    MissingCredentialsError,
    UnknownVendorError,
)
from longtake.forecast import forecast, learned_times
from longtake.guard import GuardedClient
from longtake.hosting import Hosting
from longtake.ledger import Ledger, Purchase
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import Manifest, ManifestRow
from longtake.manifests.writer import RowResult, results_files
from longtake.media.stitch import StitchOptions
from longtake.outputs import publish_clip
from longtake.plan import Plan, Planner, Shot, Standing
from longtake.posters import make_pictures
from longtake.quotes import Quotes, missing_prices
from longtake.reels import MadeReel, ReelOrder, ReelPart
from longtake.references import measure_references, reference_sources, reference_violations
from longtake.reports.fill import report_view
from longtake.reports.plan_view import PlanView
from longtake.reports.rewrite import write_report
from longtake.results import row_result, rows_to_retake
from longtake.retry import write_retry
from longtake.run import OnEvent, Run, RunOptions, ShotResult, Steps
from longtake.storage import Store, open_store
from longtake.vendors import adapter_named
from longtake.verdicts import Outcome, Verdict

log = logging.getLogger("longtake.production")

REPORT_SECONDS = 5.0
"""The report is written anew at most so often while a run goes on."""


class Wishes(BaseModel):
    """What a person asks of one run. See the command line's help for each."""

    model_config = ConfigDict(frozen=True)

    manifest: str
    output: str
    vendor: str | None = None
    budget_usd: float | None = None
    on_unknown: Literal["hold", "resubmit"] = "hold"
    reels: tuple[str, ...] = ()
    limit: int | None = None
    skip_refused: bool = False
    replace: bool = False
    max_attempts: int = 1
    partial_reels: bool = False
    fix_references: bool = False
    run: str = ""


@dataclass
class Production:
    """A prepared run: the manifest, its plan, and the ledger as it stood."""

    wishes: Wishes
    manifest: Manifest
    plan: Plan
    ledger: Ledger
    purchases: Mapping[str, Purchase]
    hosting: Hosting
    quotes: Quotes
    accounts: Mapping[str, Account] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """The output."""
        return self.ledger.store

    def refusal(self) -> LongtakeError | None:
        """Why nothing may be spent on this manifest, None where rendering may begin."""
        if self.plan.refusals and not self.wishes.skip_refused:
            return InvalidManifestError(self.plan.refusals)
        if self.plan.refusals and not self.rendered_shots:
            return InvalidManifestError(self.plan.refusals)
        replaced = [shot for shot in self.rendered_shots if shot.standing in (Standing.REPLACES, Standing.FOLLOWS)]
        if replaced and not self.wishes.replace:
            return WouldReplaceError(replaced)
        return None

    def budget(self) -> Budget | None:
        """What the run may spend; None where nothing bounds it."""
        caps = {name: account.max_spend_usd for name, account in self.accounts.items()}
        bounded = {name: cap for name, cap in caps.items() if cap is not None}
        if self.wishes.budget_usd is None and not bounded:
            return None
        return Budget(self.ledger, budget_usd=self.wishes.budget_usd, caps=bounded, reprice=self.quotes.reprice)

    async def forecast(self) -> PlanView:
        """The plan with all that is known beforehand: what the budget would hold, how long it takes."""
        budget = self.budget()
        held = await (await budget.open(self.purchases)).preview(self.plan) if budget else {}
        learned = learned_times(self.purchases.values())
        return PlanView(
            plan=self.plan,
            held=held,
            forecast=forecast(self.plan.shots, self.accounts, learned, held=held),
            notices=self.notices,
            budget_usd=self.wishes.budget_usd,
            spent_usd=budget.spent_usd if budget else None,
        )

    @property
    def rendered_shots(self) -> list[Shot]:
        """The shots of this run: those of reels without a refused shot."""
        refused = {shot.row.reel for shot in self.plan.shots if shot.is_refused}
        return [shot for shot in self.plan.shots if shot.row.reel not in refused]


class WouldReplaceError(LongtakeError):
    """Shots that were bought would be bought again, though their take was not raised."""

    def __init__(self, shots: Sequence[Shot] = ()) -> None:
        ids = [shot.shot_id for shot in shots]
        prices = [shot.quote.high_usd for shot in shots if shot.quote]
        price = f"at most {sum(prices):.4f} USD" if len(prices) == len(ids) else "price unknown"
        some = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        super().__init__(
            f"{len(ids)} shot(s) that were bought already would be bought again ({price}): {some}. "
            "Raise their `take`, or render with --replace"
        )


async def prepare(
    wishes: Wishes,
    *,
    load_account: LoadAccount,
    clip_store: Store | None = None,
    need_keys: bool = True,
    reference_roots: Sequence[str] = (),
) -> Production:
    """Reads, checks and plans; spends nothing and writes nothing but a probe of the store.

    Args:
        wishes: What is asked.
        load_account: Loads `vendor/document`.
        clip_store: Where references may be hosted.
        need_keys: Whether missing credentials stop the run (a plan goes on without).
        reference_roots: Folders and buckets, beside the manifest's own, that references may come from.

    Raises:
        UnreadableManifestError: The manifest cannot be read.
        MissingCredentialsError: A vendor of the manifest has no credentials.
        UnsafeStoreError: The output cannot keep a ledger.
    """
    manifest = await asyncio.to_thread(read_manifest, wishes.manifest)
    checked = await asyncio.to_thread(check_manifest, manifest, reference_roots=reference_roots)
    accounts, notices = await _accounts(checked, wishes, load_account, need_keys=need_keys)
    quotes = Quotes(accounts)
    notices += [f"{name}: the prices are fictitious" for name in quotes.fictitious]
    ledger = Ledger(await asyncio.to_thread(open_store, wishes.output))
    if need_keys:
        await asyncio.to_thread(ledger.store.prove_exclusive)
    purchases = await asyncio.to_thread(ledger.load) if wishes.output else {}
    planner = Planner(wishes.vendor, checked.digest, hosting=Hosting(clip_store), quote=quotes)
    reels = _reels_asked_for(checked, wishes)
    rows = {row.row for chosen in reels.values() for row in chosen} | {0}
    found = [violation for violation in checked.violations if violation.row in rows]
    plan = planner.plan(reels, purchases, time.time(), found)
    if to_measure := _unmeasured(plan):
        async with GuardedClient() as media:
            planner.facts, problems = await measure_references(reference_sources(to_measure), media=media)
        plan = planner.plan(reels, purchases, time.time(), found, reference_violations(to_measure, problems))
    notices += missing_prices(plan.shots)
    return Production(
        wishes=wishes,
        manifest=manifest,
        plan=plan,
        ledger=ledger,
        purchases=purchases,
        hosting=planner.hosting,
        quotes=quotes,
        accounts=accounts,
        notices=notices,
    )


def _unmeasured(plan: Plan) -> list[ManifestRow]:
    """Rows still to be bought that refer to media."""
    settled = (Standing.DONE, Standing.RESUME)
    rows = {shot.row.row: shot.row for shot in plan.shots if shot.standing not in settled}
    return [row for row in rows.values() if row.written.request.references]


def _reels_asked_for(checked: CheckedManifest, wishes: Wishes) -> dict[str, list[ManifestRow]]:
    reels = checked.reels()
    if unknown := [name for name in wishes.reels if name not in reels]:
        raise ConfigurationError(f"the manifest has no reel {', '.join(unknown)}")
    return {name: reels[name] for name in wishes.reels} if wishes.reels else reels


async def _accounts(
    checked: CheckedManifest,
    wishes: Wishes,
    load_account: LoadAccount,
    *,
    need_keys: bool,
) -> tuple[dict[str, Account], list[str]]:
    accounts: dict[str, Account] = {}
    notices: list[str] = []
    for written in dict.fromkeys(row.written.vendor or wishes.vendor or "" for row in checked.rows):
        try:
            adapter_named(written)
        except UnknownVendorError:
            continue
        try:
            accounts[account_name(written)], said = await load_account(written)
            notices += said
        except MissingCredentialsError as error:
            if need_keys:
                raise
            notices.append(str(error))
    return accounts, notices


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
