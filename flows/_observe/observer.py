"""Who hears of a run while it goes: its log, its Prefect events, its artifacts, and the command line's display."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from flows._observe.artifacts import (
    CALL_SECONDS,
    EVERY_SECONDS,
    NOT_DONE,
    PROGRESS,
    REPORT,
    FlowRunArtifacts,
    not_done,
    report_link,
)
from flows._observe.events import RunEvents, deliver
from flows._observe.past_runs import MOST_RUNS, pictures, runs_table
from flows._observe.progress import RunProgress
from flows._observe.review import REVIEW, has_reviews, review, what_waits
from longtake.accounts.account import limit_name
from longtake.accounts.slots import Scarcity
from longtake.accounts.transport import redact
from longtake.domain.errors import VendorAccountError
from longtake.domain.events import ENDS, RunEvent
from longtake.domain.job import Job
from longtake.domain.text import one_line
from longtake.domain.verdicts import Verdict
from longtake.jobs.order import Order
from longtake.planning.forecast import forecast, learned_times
from longtake.planning.plan import Shot
from longtake.planning.prepare import PreparedRun
from longtake.rendering.output.reel_order import ReelOrder
from longtake.rendering.output.reels import MadeReel
from longtake.rendering.render import StitchStep
from longtake.rendering.run import OnEvent
from longtake.rendering.shot_result import ShotResult
from longtake.rendering.summary import Summary
from longtake.reports.figures import money
from longtake.reports.run.rewrite import told_before


@dataclass(frozen=True)
class Audience:
    """Who hears of the runs that a command starts, beside their logs.

    Args:
        begin: Called once a run is planned and about to spend.
        event: Called with event, shot and words.
        note: Called with words about the run as a whole.
        end: Called with how the run ended, before the server is told.
    """

    begin: Callable[[PreparedRun], object]
    event: OnEvent
    note: Callable[[str], object]
    end: Callable[[Any], object]


AUDIENCE: ContextVar[Audience | None] = ContextVar("longtake_audience", default=None)
"""Of the runs started in this context, and of no others in the process."""

ScarcityOf = Callable[[str], Scarcity | None]
NAME_CHARACTERS = 200
SHARE_TAG = "longtake-parent:"
_WORDS = {RunEvent.FINISHED: "made, downloading", RunEvent.QUEUED: "waits for a slot of"}


class RunObserver:
    """Passes on what happens in one run."""

    def __init__(self, prepared: PreparedRun, page: FlowRunArtifacts, meter: RunProgress, scarcity: ScarcityOf) -> None:
        self._log = get_run_logger()
        self._events = RunEvents(prepared)
        self._page = page
        self._production = prepared
        self._meter = meter
        self._scarcity = scarcity
        self._troubles: dict[str, str] = {}
        self._refusing: set[str] = set()
        self._seen = -1
        self._over = asyncio.Event()

    def event(self, event: RunEvent, shot: Shot, words: str) -> None:
        """A step of a shot, as `longtake.rendering.run` tells it."""
        self._meter.count(event, shot)
        if event not in ENDS:
            place = f" at {shot.account}" if event == RunEvent.BOUGHT else ""
            if event == RunEvent.QUEUED:
                place = " " + " or ".join(map(limit_name, shot.accounts))
            said = f", {one_line(words)}" if words else ""
            price = f", {_price(shot)}" if event == RunEvent.BOUGHT else ""
            self._log.info("%s: %s%s%s%s", one_line(shot.name), _WORDS.get(event, event), place, said, price)
        if (audience := AUDIENCE.get()) is not None:
            audience.event(event, shot, words)

    def purchased(self, order: Order, job: Job) -> None:
        """A job was bought now."""
        self._events.bought(order, job)

    def ended(self, result: ShotResult) -> None:
        """A shot came to its end."""
        if result.beyond_limit:  # told once, at the end
            return
        name, outcome = one_line(result.shot.name), result.outcome
        if outcome.verdict is Verdict.UNKNOWN_OUTCOME:
            self._meter.may_be_bought(result.shot)
        if result.is_done:
            self._log.info("%s: done", name)
        else:
            reason = one_line(redact(outcome.evidence))
            said = f": {reason}" if reason else ""
            self._log.warning("%s: %s%s. Next: %s", name, outcome.verdict.value, said, outcome.next_action)
        self._events.ended(result)
        self._tell_refused(result)

    async def waiting(self) -> None:
        """Tells at the run's end of the shots that wait for a person."""
        if has_reviews(self._production):
            told = await asyncio.to_thread(told_before, self._production.store)
            self._events.awaiting_review(what_waits(told))

    def stitching(self, stitch: StitchStep) -> StitchStep:
        """The step, and what it made is told."""

        async def stitched(order: ReelOrder) -> MadeReel:
            made = await stitch(order)
            self._log.info("%s: reel of %d frames", one_line(made.reel), made.frames)
            if made.made_now:
                self._events.reel_finished(made)
            return made

        return stitched

    async def keep(self) -> None:
        """Shows the progress anew where it changed, until the run is over and all is told."""
        await self._page.show(REPORT, report_link(self._production.store))
        await self._page.show(NOT_DONE, None)
        while not self._over.is_set():
            await self._show_progress()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._over.wait()
        await self._show_progress(over=True)
        await asyncio.to_thread(deliver)

    def close(self) -> None:
        """The run is over."""
        self._over.set()

    def _tell_refused(self, result: ShotResult) -> None:
        """Tells the command once of each account that refuses while its shots are made elsewhere, and so are done."""
        for account, trouble in result.passed.items():
            if isinstance(trouble, VendorAccountError) and account not in self._refusing:
                self._refusing.add(account)
                tell_note(f"{account} refuses: {one_line(redact(str(trouble)))}; rows that name others too go to those")

    async def _show_progress(self, *, over: bool = False) -> None:
        changed = not over and self._note_troubles()
        if over or changed or self._meter.changes != self._seen:
            self._seen = self._meter.changes
            troubles = () if over else self._troubles.values()
            await self._page.show(PROGRESS, self._meter.shown(over=over, troubles=troubles))

    def _note_troubles(self) -> bool:
        """Tells once of every account that is paused, or goes on again: its shots wait for a person, not for jobs."""
        found = {account: self._scarcity(account) for account in self._production.accounts}
        troubles = {account: one.words for account, one in found.items() if one is not None and one.needs_person}
        news = [words for account, words in troubles.items() if self._troubles.get(account) != words]
        news += [f"{account} goes on" for account in self._troubles if account not in troubles]
        self._troubles = troubles
        for words in news:
            self._log.warning(words)
            tell_note(words)
        return bool(news)


@asynccontextmanager
async def watched(prepared: PreparedRun, page: FlowRunArtifacts, scarcity: ScarcityOf) -> AsyncGenerator[RunObserver]:
    """The watch over one run, from before its first purchase to its end.

    Args:
        production: What is rendered.
        page: What the UI shows of it.
        scarcity: Why shots of an account wait for a slot.
    """
    if (audience := AUDIENCE.get()) is not None:
        audience.begin(prepared)
        for notice in prepared.notices:
            audience.note(notice)
    shots, accounts = prepared.rendered_shots, prepared.accounts
    times, order = learned_times(prepared.purchases.values()), prepared.options.order
    beforehand = await asyncio.to_thread(forecast, shots, accounts, times, order=order)
    watch = RunObserver(prepared, page, RunProgress(prepared, beforehand), scarcity)
    # Beside the run: a server that is slow to answer delays no purchase.
    keeping = asyncio.create_task(watch.keep())
    try:
        yield watch
    finally:
        watch.close()
        await asyncio.gather(keeping, return_exceptions=True)


def tell_end(end: object) -> None:
    """Tells the command how its run ended, whatever the server makes of it."""
    if (audience := AUDIENCE.get()) is not None:
        audience.end(end)


def tell_note(words: str) -> None:
    """Tells the command something about its run as a whole."""
    if (audience := AUDIENCE.get()) is not None:
        audience.note(words)


async def show_end(page: FlowRunArtifacts, prepared: PreparedRun, summary: Summary) -> None:
    """Shows what is not done; what an earlier execution of the run left there is replaced."""
    names = [reel.reel for reel in summary.reels_made]
    seen = await asyncio.to_thread(pictures, prepared.store, names)
    run = _this_run()
    past = await page.past_runs(run.deployment_id, MOST_RUNS) if run is not None and run.deployment_id else []
    table = runs_table(past)
    more = [seen, f"### The last runs of this deployment\n\n{table}" if table else ""]
    await page.show(REPORT, report_link(prepared.store, more))
    await page.show(NOT_DONE, not_done(summary.rows, summary.reels_missing.items()))
    waiting = what_waits(await asyncio.to_thread(told_before, prepared.store)) if has_reviews(prepared) else []
    await page.show(REVIEW, await asyncio.to_thread(review, waiting, prepared.store))


async def rename_flow_run(name: str) -> None:
    """Names the flow run that surrounds us; a share keeps the name that its parent gave it."""
    run = _this_run()
    if run is not None and not any(tag.startswith(SHARE_TAG) for tag in run.tags):
        await _update(run, name=one_line(name, NAME_CHARACTERS))


async def tag_flow_run(vendors: Iterable[str]) -> None:
    """Tags the flow run that surrounds us with its vendors, as task runs are."""
    run = _this_run()
    wanted = {f"vendor:{vendor}" for vendor in vendors}
    if run is not None and not wanted <= set(run.tags):
        await _update(run, tags=sorted({*run.tags, *wanted}))


def _price(shot: Shot) -> str:
    return money(shot.quote.low_usd, shot.quote.high_usd) if shot.quote else "price unknown"


def _this_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context else None


async def _update(run: FlowRun, **wanted: Any) -> None:
    """A server that does not take it is no reason to stop."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CALL_SECONDS), get_client() as client:
            await client.update_flow_run(run.id, **wanted)
        # Events tell of the run as it stands here.
        for field, value in wanted.items():
            setattr(run, field, value)
