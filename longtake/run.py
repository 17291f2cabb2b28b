"""One run over a plan: reels in parallel, chains in series, every shot to a verdict, each branch on its own.

Plain asyncio. The steps (submit, await, download, stitch) are handed in, so that a flow can wrap them as tasks.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from longtake.chaining import Parent, drift_words
from longtake.delivery import is_at_home
from longtake.desk import Desk, Office
from longtake.errors import (
    BudgetExceededError,
    LongtakeError,
    StillRunningError,
    UnknownOutcomeError,
    UnreadableRecordError,
    UnsupportedRequestError,
)
from longtake.hosting import Hosting
from longtake.identity import attempt_identity
from longtake.job import Clip, Job, JobSnapshot
from longtake.ledger import Ledger
from longtake.machine import as_ours
from longtake.media.drift import DriftLimits
from longtake.media.inspect import GatePolicy
from longtake.orders import Orders
from longtake.plan import Plan, Shot
from longtake.purchase import Order, wait_for_other_run
from longtake.records import Purchase, State, VerdictRecord
from longtake.shot_result import ShotResult
from longtake.takeover import JobSlot, take_up_slot
from longtake.verdicts import Outcome, Verdict, outcome_of
from longtake.window import Bring, bring_in_turn, opening_order

log = logging.getLogger("longtake.run")

_RUNS_ON = (StillRunningError, asyncio.CancelledError)
"""Ends of waiting after which the job runs on and counts against the vendor's limit: its slot stays taken."""
RESUMED_FIRST = -1e9
"""Priority of slots for jobs that are in flight already: they count before anything new is bought."""


@dataclass(frozen=True)
class RunOptions:
    """How a run behaves. `limit` bounds the purchases of this run; `run` names it in the ledger."""

    output: str
    run: str = ""
    on_unknown: Literal["hold", "resubmit"] = "hold"
    max_attempts: int = 1
    limit: int | None = None
    gate: GatePolicy = field(default_factory=GatePolicy)
    """What the checks of what this run buys mean."""
    drift_limits: DriftLimits | None = None
    """A chain whose last clip has drifted beyond them is not gone on with."""
    held: Mapping[str, str] = field(default_factory=dict)
    """Reels that the budget does not admit, with the reason."""


@dataclass
class Steps:
    """The verbs of a run. `await_job` gets True for a job taken up from an earlier run."""

    submit: Callable[[Order], Awaitable[Job]]
    await_job: Callable[[Job, bool], Awaitable[JobSnapshot]]
    download: Callable[[Job, str | None], Awaitable[Clip]]


OnEvent = Callable[[str, Shot, str], None]
"""Called with an event's name (`queued`, `bought`, `resumed`, `finished`, `done`, `ended`), its shot and words."""
OnEnd = Callable[[ShotResult], None]
"""Called with every shot's result when it has come to its end, before the event that tells of it."""


class Run:
    """Brings every shot of a plan to a verdict."""

    def __init__(
        self,
        plan: Plan,
        *,
        ledger: Ledger,
        office: Office,
        hosting: Hosting,
        steps: Steps,
        options: RunOptions,
        on_event: OnEvent = lambda event, shot, words: None,
        on_end: OnEnd = lambda result: None,
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.office = office
        self.steps = steps
        self.options = options
        self._orders = Orders(options.output, options.run, options.gate, ledger, office, hosting)
        self.on_event = on_event
        self.on_end = on_end
        self._bought = 0
        self._reels = opening_order(plan)
        turns = itertools.chain.from_iterable(self._reels)
        self._order = {shot: place for place, shot in enumerate(turns)}
        self.results: dict[Shot, asyncio.Future[ShotResult]] = {
            shot: asyncio.get_running_loop().create_future() for shot in plan.shots
        }

    async def finish(self, with_reel: Bring) -> None:
        """Brings all shots to their end, reel by reel as the window opens. Never raises for a single shot.

        Args:
            with_reel: Awaited beside the shots of each reel; never raises.
        """

        async def bring(shots: Sequence[Shot]) -> None:
            async with asyncio.TaskGroup() as group:
                for shot in shots:
                    group.create_task(self._settle(shot), name=shot.shot_id)
                group.create_task(with_reel(shots))

        await bring_in_turn(self._reels, bring)

    async def _settle(self, shot: Shot) -> None:
        try:
            self.results[shot].set_result(await self._guarded(shot))
        except asyncio.CancelledError:
            self.results[shot].cancel()
            raise

    async def _guarded(self, shot: Shot) -> ShotResult:
        try:
            result = await self._shot(shot)
        except Exception as error:  # a fault of ours ends one branch, loudly, never the others
            log.exception("%s: unexpected %s", shot.shot_id, type(error).__name__)
            ours = isinstance(error, OSError | MemoryError)
            words = str(as_ours(error)) if ours else f"{type(error).__name__}: {error}"
            outcome = Outcome(verdict=Verdict.NOT_STARTED, evidence=words)
            result = ShotResult(shot, await self._what_the_ledger_says(shot, len(shot.attempts) or 1, outcome))
        result.finished_at = result.finished_at or time.time()
        self.on_end(result)
        self.on_event("done" if result.is_done else "ended", shot, result.outcome.evidence or result.outcome.verdict)
        return result

    async def _what_the_ledger_says(self, shot: Shot, number: int, outcome: Outcome) -> Outcome:
        """A shot whose job is bought and open is still running, whatever kept us from following it."""
        if outcome.verdict not in (Verdict.HELD, Verdict.NOT_STARTED, Verdict.REFUSED):
            return outcome
        purchase = await asyncio.to_thread(self.ledger.purchase, attempt_identity(shot.identity, number))
        if purchase.state(time.time()) in (State.IN_FLIGHT, State.FINISHED, State.DONE):
            return outcome.model_copy(update={"verdict": Verdict.STILL_RUNNING})
        return outcome

    async def _shot(self, shot: Shot) -> ShotResult:
        number = max(1, len(shot.attempts))
        while True:
            try:
                result = await self._attempt(shot, number)
            except LongtakeError as error:
                outcome = await self._what_the_ledger_says(shot, number, outcome_of(error))
                result = ShotResult(shot, outcome, cause=error)
            if not await self._may_buy_again(shot, number, result):
                return result
            number += 1

    async def _may_buy_again(self, shot: Shot, number: int, result: ShotResult) -> bool:
        """Whether the next attempt may follow: after a retryable end while attempts are left, or a person's word."""
        if result.is_done:
            return False
        purchase = await asyncio.to_thread(self.ledger.purchase, attempt_identity(shot.identity, number))
        state = purchase.state(time.time())
        if state is State.UNKNOWN and self.options.on_unknown == "resubmit":
            record = VerdictRecord(
                identity=purchase.identity,
                verdict=Verdict.UNKNOWN_OUTCOME,
                evidence=f"{purchase.evidence_of_unknown()}; resubmitted on a person's word",
                resubmitted=True,
            )
            return await asyncio.to_thread(self.ledger.add_once, record)
        verdict = purchase.verdict
        if state is not State.OVER or verdict is None:
            return False
        return verdict.resubmitted or (verdict.again and number < self.options.max_attempts)

    async def _attempt(self, shot: Shot, number: int) -> ShotResult:
        identity = attempt_identity(shot.identity, number)
        purchase = shot.attempts[number - 1] if number <= len(shot.attempts) else Purchase(identity=identity)
        state = purchase.state(time.time())
        if state is State.DONE and purchase.clip is not None:
            return await self._done(shot, purchase)
        if state is State.UNREADABLE:
            raise UnreadableRecordError("; ".join(purchase.unreadable))
        if state is State.UNKNOWN:
            raise UnknownOutcomeError(purchase.evidence_of_unknown())
        if state is State.OVER and purchase.verdict is not None:
            outcome = Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence)
            return ShotResult(shot, outcome, job=purchase.accepted.job if purchase.accepted else None)
        if purchase.accepted is not None:
            return await self._resume(shot, purchase.accepted.job)
        return await self._buy(shot, number)

    async def _done(self, shot: Shot, purchase: Purchase) -> ShotResult:
        record, accepted = purchase.clip, purchase.accepted
        if record is None or accepted is None:
            raise UnreadableRecordError("a clip without the record of its job")
        done = Outcome(verdict=Verdict.DONE)
        if await asyncio.to_thread(is_at_home, self.ledger, record.clip):
            return ShotResult(shot, done, accepted.job, record.clip, record.at)
        log.warning("%s: the clip's file is missing or damaged; it is fetched again, not bought again", shot.shot_id)
        clip = await self.steps.download(accepted.job, None)
        return ShotResult(shot, done, accepted.job, clip, record.at)

    async def _resume(self, shot: Shot, job: Job) -> ShotResult:
        self.on_event("resumed", shot, f"job {job.job_id}")
        desk = await self.office.desk(job.account)
        taking = take_up_slot(job, desk, self.ledger, run=self.options.run, priority=RESUMED_FIRST)
        waiting = asyncio.create_task(taking)
        try:
            snapshot = await self.steps.await_job(job, True)
        except _RUNS_ON:
            waiting.cancel()  # a slot that it has already stays taken
            raise
        except BaseException:
            await _let_go(waiting)
            raise
        await _let_go(waiting)
        return await self._bring_home(shot, job, snapshot)

    async def _buy(self, shot: Shot, number: int) -> ShotResult:
        if shot.is_refused:
            raise UnsupportedRequestError([found for found in shot.violations if not found.warning])
        if (reason := self.options.held.get(shot.row.reel)) is not None:
            held = Outcome(verdict=Verdict.HELD, evidence=reason)
            return ShotResult(shot, held, cause=BudgetExceededError(reason))
        parent = await self._parent(shot)
        if shot.parent is not None and parent is None:
            evidence = f"{shot.parent.shot_id} is {self.results[shot.parent].result().outcome.verdict}"
            return ShotResult(shot, Outcome(verdict=Verdict.BLOCKED, evidence=evidence))
        if (drifted := await self._drifted(shot)) is not None:
            return ShotResult(shot, Outcome(verdict=Verdict.HELD, evidence=drifted))
        if self.options.limit is not None and self._bought >= self.options.limit:
            return ShotResult(shot, Outcome(verdict=Verdict.NOT_STARTED, evidence="the run's --limit was reached"))
        # Before a slot is taken: a run that was killed in its submit would else keep it from others till the deadline.
        if shot.purchase is not None and number == len(shot.attempts):
            await wait_for_other_run(attempt_identity(shot.identity, number), self.ledger)
        self._bought += 1
        desk = await self.office.desk(shot.account)
        self.on_event("queued", shot, "")
        lease = await desk.slots.acquire(self._order[shot])
        held = JobSlot(attempt_identity(shot.identity, number), lease, desk, self.ledger)
        job: Job | None = None
        try:
            _raise_trouble(desk)
            order = await self._orders.order(shot, number, parent, desk)
            await desk.slots.keep(lease, desk.job_seconds)
            order = order.model_copy(update={"slot": lease.slot})
            job = await self.steps.submit(order)
            self.on_event("bought", shot, f"job {job.job_id}")
            snapshot = await self.steps.await_job(job, False)
        except BaseException as error:
            if job is None:
                desk.slots.release(lease)
            elif not isinstance(error, _RUNS_ON):
                await held.give_back()
            raise
        await held.give_back()
        return await self._bring_home(shot, job, snapshot)

    async def _bring_home(self, shot: Shot, job: Job, snapshot: JobSnapshot) -> ShotResult:
        self.on_event("finished", shot, "")
        clip = await self.steps.download(job, snapshot.video_url)
        return ShotResult(shot, Outcome(verdict=Verdict.DONE), job, clip, time.time(), snapshot=snapshot)

    async def _parent(self, shot: Shot) -> Parent | None:
        """What a chained shot continues, None where the shot before it is not there."""
        return await self._orders.parent(await asyncio.shield(self.results[shot.parent])) if shot.parent else None

    async def _drifted(self, shot: Shot) -> str | None:
        """Why a chain is not gone on with: its last clip looks too unlike its first."""
        limits, last = self.options.drift_limits, shot.parent
        if limits is None or last is None or last.parent is None:
            return None
        first = last
        while first.parent is not None:
            first = first.parent
        clips = [self.results[link].result().clip for link in (first, last)]
        if clips[0] is None or clips[1] is None:
            return None
        words = await drift_words(clips[0], clips[1], limits, self.ledger, self.office.crew)
        return f"{last.shot_id} has drifted from {first.shot_id}: {words}" if words else None


def _raise_trouble(desk: Desk) -> None:
    if desk.trouble is not None:
        raise desk.trouble


async def _let_go(waiting: asyncio.Task[JobSlot]) -> None:
    if not waiting.done():
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    elif not waiting.cancelled() and waiting.exception() is None:
        await waiting.result().give_back()
