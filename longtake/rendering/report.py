"""The report of a run while it goes and when it ends: what each shot is doing, and how it ended."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from longtake._speed import give_back_memory
from longtake.accounts.slots import Scarcity
from longtake.domain.events import STAGE_AFTER, RunEvent
from longtake.domain.verdicts import Outcome, ShotStage, Verdict
from longtake.files.clocks import this_process
from longtake.jobs.advice import with_command
from longtake.ledger.packed import PackedPurchases
from longtake.ledger.records import Purchase
from longtake.planning.plan import Shot, Standing
from longtake.planning.prepare import PreparedRun
from longtake.rendering.choosing import waiting_outcome
from longtake.rendering.output.reels import MadeReel
from longtake.rendering.report_view import ShotTimes, report_view, times_told
from longtake.rendering.run import OnEvent
from longtake.rendering.shot_result import DONE, ShotResult, rejected_result
from longtake.reports.run.retold import with_other_reels, with_replaced
from longtake.reports.run.reviewing import with_reviews
from longtake.reports.run.rewrite import told_before, write_report
from longtake.reports.run.view import ReportView, Totals
from longtake.reviews.decisions import ReviewLog

log = logging.getLogger("longtake.rendering.report")

EVERY_SECONDS = 5.0
"""The report is written anew at most so often while a run goes on,"""
BEAT_SECONDS = 30.0
"""and at least so often, though nothing happens: a reader sees that the run lives, and for how long its jobs run."""
REST_FACTOR = 40
"""Writing it takes a fortieth of the time at most."""

_GOES_ON = "the run goes on"
_UNDER_WAY = Outcome(verdict=Verdict.STILL_RUNNING, evidence=_GOES_ON)
_TO_COME = Outcome(verdict=Verdict.NOT_STARTED, evidence=_GOES_ON)

Ended = Mapping[Shot, asyncio.Future[ShotResult]]
"""A run's shots; those of other runs are not in it."""
ReelEnd = tuple[MadeReel | None, str]
"""A reel, or why it is not made."""


class RunReport:
    """Listens to a run's events and writes `report.html`.

    Args:
        production: What is rendered.
        on_event: Who else listens.
        scarcity: Why shots of an account wait for a slot.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        on_event: OnEvent,
        scarcity: Callable[[str], Scarcity | None] = lambda account: None,
    ) -> None:
        self._production = prepared
        self._scarcity = scarcity
        self._on_event = on_event
        self._moments: dict[Shot, tuple[ShotStage, float]] = {}
        self._fetched_from: dict[Shot, float] = {}
        self._changes = 0
        self._writing = threading.Lock()
        self._is_finished = False
        self._reviews = ReviewLog(prepared.store)
        self._known: Mapping[str, Purchase] = prepared.purchases
        self._looked_before = False
        self._told_before: ReportView | None = None
        self._times: dict[str, ShotTimes] = {}

    def follow(self) -> None:
        """From now on the purchases are known by what the run's ledger writes: none is read again while it goes."""
        ledger, stood = self._production.ledger, self._production.purchases
        followed = stood.copy() if isinstance(stood, PackedPurchases) else ledger.load_packed()
        ledger.follow(followed)
        self._known = followed

    def tell(self, event: RunEvent, shot: Shot, words: str) -> None:
        """Notes an event and passes it on."""
        self._changes += 1
        if (stage := STAGE_AFTER.get(event)) is not None:
            since = self._moments[shot][1] if shot in self._moments else time.time()
            self._moments[shot] = (stage, since)
            if stage is ShotStage.DOWNLOADING:
                self._fetched_from[shot] = time.time()
        self._on_event(event, shot, words)

    async def keep(
        self,
        ended: Ended,
        made: Mapping[str, ReelEnd],
        write_results: Callable[[Mapping[str, Purchase]], None] = lambda purchases: None,
    ) -> None:
        """Writes the report as the run goes, so that it can be watched; never more than a fortieth of the time.

        Args:
            ended: The run's shots.
            made: Its reels so far.
            write_results: Writes the results so far, from what is known of the purchases.
        """
        seen, beaten = -1, time.monotonic()
        while True:
            begun = time.monotonic()
            changed = self._changes != seen
            if changed or begun - beaten >= BEAT_SECONDS:
                seen, beaten = self._changes, begun
                try:
                    await asyncio.to_thread(self.write, ended, made, self._known, finished=False)
                    if changed and seen:  # before anything has happened they say what they said
                        await asyncio.to_thread(self._unless_finished, partial(write_results, self._known))
                except Exception as error:  # S3 errors are of many families; the next writing may do
                    log.warning("the report could not be written now: %s", error)
            await asyncio.sleep(max(EVERY_SECONDS, REST_FACTOR * (time.monotonic() - begun)))

    def _unless_finished(self, write: Callable[[], None]) -> None:
        with self._writing:
            if not self._is_finished:
                write()

    def result_so_far(self, shot: Shot, ended: Ended) -> ShotResult:
        """A shot's result, or what it is doing while the run goes on."""
        if (result := _result_now(shot, ended)) is not None:
            return result
        stage = self._moments[shot][0] if shot in self._moments else ShotStage.WAITING
        return ShotResult(shot, _UNDER_WAY if stage in (ShotStage.RUNNING, ShotStage.DOWNLOADING) else _TO_COME)

    def write(
        self, ended: Ended, made: Mapping[str, ReelEnd], purchases: Mapping[str, Purchase], *, finished: bool
    ) -> Totals | None:
        """Writes the report and returns its totals; one not finished never replaces one that is. Blocking."""
        prepared = self._production
        tell = result_of if finished else _result_now
        with self._writing:
            if self._is_finished:
                return None
            before = self._before(anew=finished)
            view = report_view(
                prepared.plan.shots,
                lambda shot: tell(shot, ended),
                purchases,
                made,
                title=prepared.options.manifest.rsplit("/", 1)[-1],
                output=prepared.store.url,
                run=prepared.options.run,
                moments=self._moments,
                fetched_from=self._fetched_from,
                waits=self._waits(),
                finished=finished,
                notices=prepared.notices,
                pictures=prepared.store.list("posters"),
                manifest=prepared.manifest,
                before=self._times,
            )
            view = with_replaced(with_other_reels(view, before, purchases), purchases)
            view = view.model_copy(update={"process": this_process() or ""})
            if any(shot.takes for shot in view.shots):
                view = with_reviews(view, purchases, self._reviews.read(), time.time())
            write_report(prepared.store, view)
            give_back_memory()
            self._is_finished = finished
            return view.totals

    def _waits(self) -> dict[str, str]:
        """By account, why its shots wait for a slot."""
        queued = [shot for shot, (stage, _) in self._moments.items() if stage is ShotStage.QUEUED]
        accounts = {account for shot in queued for account in shot.accounts}
        found = {account: self._scarcity(account) for account in accounts}
        return {account: scarcity.words for account, scarcity in found.items() if scarcity is not None}

    def _before(self, *, anew: bool) -> ReportView | None:
        """What the report told before this run; read again at the end, when other runs of this output have written."""
        if anew or not self._looked_before:
            told = told_before(self._production.store)
            self._looked_before, self._times = True, times_told(told) if told else {}
            self._told_before = told
        return self._told_before


def _result_now(shot: Shot, ended: Ended) -> ShotResult | None:
    """A shot's result while the run goes on, None where it has none yet."""
    task = ended.get(shot)
    return None if task is not None and not task.done() else result_of(shot, ended)


def stored_end(shot: Shot, ended: Ended) -> ShotResult | None:
    """How a shot ended in a run, as it is held, maybe put away; None where the run did not bring it to an end."""
    task = ended.get(shot)
    if task is None or not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()


def result_of(shot: Shot, ended: Ended, output: str = "") -> ShotResult:
    """How a shot ended in a run, or how the ledger held it where the run did not bring it to an end."""
    if (end := stored_end(shot, ended)) is not None:
        return end.unpacked()
    if shot.standing is Standing.REFUSED:
        words = "\n".join(str(violation) for violation in shot.violations if not violation.warning)
        return ShotResult(shot, Outcome(verdict=Verdict.REFUSED, evidence=words))
    if shot.purchase is not None and shot.is_rejected:
        return rejected_result(shot, shot.purchase)
    return _as_recorded(shot, output)


def _as_recorded(shot: Shot, output: str) -> ShotResult:
    """A shot that this run did not bring to an end, by what the ledger held at its start."""
    purchase: Purchase | None = shot.purchase
    if purchase is not None and purchase.clip is not None:
        return ShotResult(shot, DONE, purchase.job, purchase.clip.clip)
    if shot.standing is Standing.RESUME:
        return ShotResult(shot, Outcome(verdict=Verdict.STILL_RUNNING, evidence="the run ended before the job"))
    if shot.standing in (Standing.UNKNOWN, Standing.UNREADABLE) and purchase is not None:
        outcome = Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence=purchase.evidence_of_unknown())
        is_alone = shot.row.variants == 1
        return ShotResult(shot, with_command(outcome, output, purchase, shot.shot_id, is_alone=is_alone))
    if purchase is not None and purchase.verdict is not None:
        return ShotResult(shot, Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence))
    outcome = Outcome(verdict=Verdict.NOT_STARTED, evidence="the run ended before its turn")
    if (awaits := shot.awaits) is not None and (here := sum(each.is_home for each in awaits.takes)):
        outcome = waiting_outcome(awaits, output, here)
    return ShotResult(shot, outcome)
