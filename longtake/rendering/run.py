"""One run over a plan: reels in parallel, chains in series, every shot to a verdict, each branch on its own.

Plain asyncio. The steps (submit, await, download, stitch) are handed in, so that a flow can wrap them as tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from longtake.accounts.hosting import Hosting
from longtake.domain.errors import (
    BudgetExceededError,
    LongtakeError,
    UnknownOutcomeError,
    UnreadableRecordError,
    UnsupportedRequestError,
)
from longtake.domain.events import RunEvent
from longtake.domain.identity import attempt_identity
from longtake.domain.job import Clip, Job, JobSnapshot
from longtake.domain.verdicts import Outcome, Verdict, outcome_of
from longtake.jobs.advice import with_command
from longtake.jobs.keeping import is_at_home
from longtake.jobs.lost_answers import settle_lost
from longtake.jobs.order import Order
from longtake.jobs.resources import RunResources
from longtake.jobs.submit import wait_for_other_run
from longtake.jobs.takeover import JobSlot, claim_slot, may_run_on
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase, State
from longtake.planning.forecast import JobTimes
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot
from longtake.planning.standings import Standings
from longtake.rendering.buying.attempts import Attempts
from longtake.rendering.buying.brake import Brake
from longtake.rendering.buying.buyer import Buyer
from longtake.rendering.buying.coming_links import ComingLinks
from longtake.rendering.buying.open_accounts import OpenAccounts
from longtake.rendering.buying.places import Places
from longtake.rendering.chaining import Parent, drift_words
from longtake.rendering.choosing import Chooser
from longtake.rendering.order_builder import OrderBuilder
from longtake.rendering.readiness import Readiness
from longtake.rendering.scheduler import Bring, OnEvent, Turns, Window
from longtake.rendering.shot_result import DONE, ShotResult, by_the_ledger, fault_result, rejected_result

log = logging.getLogger("longtake.rendering.run")

RESUMED_FIRST = -1e9
"""Priority of slots for jobs that are in flight already: they count before anything new is bought."""


@dataclass
class Steps:
    """The verbs of a run. `await_job` gets True for a job taken up from an earlier run."""

    submit: Callable[[Order], Awaitable[Job]]
    await_job: Callable[[Job, bool], Awaitable[JobSnapshot]]
    download: Callable[[Job, str | None], Awaitable[Clip]]


OnEnd = Callable[[ShotResult], None]
"""Called with every shot's result when it has come to its end, before the event that tells of it."""


class Run:
    """Brings every shot of a plan to a verdict. `held`: reels that the budget does not admit, with the reason."""

    def __init__(
        self,
        plan: Plan,
        *,
        ledger: Ledger,
        resources: RunResources,
        hosting: Hosting,
        steps: Steps,
        options: RenderOptions,
        held: Mapping[str, str] | None = None,
        times: JobTimes | None = None,
        on_event: OnEvent = lambda event, shot, words: None,
        on_end: OnEnd = lambda result: None,
        standings: Standings | None = None,
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.resources = resources
        self.steps = steps
        self.options = options
        self._held = held or {}
        self._window = Window(on_event)
        self.on_event = self._window.tell
        self.on_end = on_end
        self._turns = Turns(plan, options, self._held, times or {})
        self._order = self._turns.place
        self._brake = Brake(options.brake)
        self._places = Places(options.limit, (self._order[shot] for shot in self._turns.to_buy))
        self._accounts = OpenAccounts(resources.session, ledger, options.on_refused, options.vendor or "")
        self._links = ComingLinks(self._turns, self._places, self._accounts.open_to)
        self._orders = OrderBuilder(options.output, options.run, options.gate, ledger, resources, hosting)
        self._readiness = Readiness(self._orders, plan.reels, self._held, options.on_refused, self._accounts.passed)
        self._buyer = Buyer(ledger, self._orders, self._places, self._brake, self._accounts, self._links, steps.submit)
        self._attempts = Attempts(ledger, options, self._accounts, self._buyer.sent)
        self.results: dict[Shot, asyncio.Future[ShotResult]] = {
            shot: asyncio.get_running_loop().create_future() for shot in plan.shots
        }
        self.chooser = Chooser(plan, self.results, standings, options.output, ledger, resources)

    @property
    def sent(self) -> frozenset[str]:
        """The identities whose submit this run has begun."""
        return frozenset(self._buyer.sent)

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

        try:
            await self._window.bring(self._turns.reels, bring)
        finally:
            self._links.leave_all()

    async def _settle(self, shot: Shot) -> None:
        try:
            self.results[shot].set_result(await self._guarded(shot))
        except asyncio.CancelledError:
            self.results[shot].cancel()
            raise

    async def _guarded(self, shot: Shot) -> ShotResult:
        result = await self._shot(shot)
        if result.outcome.verdict is Verdict.UNKNOWN_OUTCOME:
            with contextlib.suppress(Exception):  # the advice that is good for all such shots stays
                result.outcome = await asyncio.to_thread(self._with_command, shot, result.outcome)
        result.outcome = self._accounts.with_word(shot, result.outcome, result.cause)
        self._places.leave(self._order[shot])
        self._links.leave(shot)
        result.finished_at = result.finished_at or time.time()
        result.passed = self._accounts.ended(shot)
        self.on_end(result)
        self.on_event(_end(result), shot, result.outcome.evidence or result.outcome.verdict)
        return result

    def _with_command(self, shot: Shot, outcome: Outcome) -> Outcome:
        number = max(1, len(shot.attempts))
        purchase = self.ledger.purchase(attempt_identity(shot.identity, number))
        while (later := self.ledger.purchase(attempt_identity(shot.identity, number + 1))).last_try:
            purchase, number = later, number + 1
        return with_command(outcome, self.options.output, purchase, shot.shot_id, is_alone=shot.row.variants == 1)

    async def _shot(self, shot: Shot) -> ShotResult:
        try:
            await self.chooser.settle_before(shot)
        except Exception as error:  # what it goes on from is not known, so that nothing is bought
            return await self._by_the_ledger(fault_result(shot, error), max(1, len(shot.attempts)))
        number = max(1, len(shot.attempts))
        while True:
            result = await self._tried(shot, number)
            try:
                if result.is_done or not await self._attempts.may_follow(shot, number):
                    return result
            except Exception:  # as below; how the attempt ended is known
                log.exception("%s: whether another attempt may follow cannot be told", shot.shot_id)
                return result
            number += 1

    async def _tried(self, shot: Shot, number: int) -> ShotResult:
        """One attempt to its end, whatever happens on the way."""
        identity = attempt_identity(shot.identity, number)
        try:
            result = await self._attempt(shot, number)
            if number > len(shot.attempts) and result.outcome.verdict.facts.says_unbought:
                return result  # it was never begun, and there is nothing to ask
        except LongtakeError as error:
            outcome = outcome_of(error).model_copy(update={"evidence": self._accounts.words(shot, error)})
            result = ShotResult(shot, outcome, cause=error)
        except Exception as error:  # a fault of ours ends one branch, loudly, never the others
            result = fault_result(shot, error)
        result = await self._by_the_ledger(result, number)
        if identity in self._buyer.sent:
            trouble = self._brake.note(shot.account, identity, shot.shot_id, result.outcome)
            session = self.resources.sessions.get(shot.account)
            if trouble is not None and session is not None and session.trouble is None:
                log.warning("%s", trouble)
                session.trouble = trouble
        return result

    async def _by_the_ledger(self, result: ShotResult, number: int) -> ShotResult:
        """A result put right by what the ledger knows of the attempt: whatever kept us from following a job."""
        if not result.outcome.verdict.facts.says_unbought:
            return result
        shot, identity = result.shot, attempt_identity(result.shot.identity, number)
        sent = identity in self._buyer.sent
        try:
            return by_the_ledger(result, await asyncio.to_thread(self.ledger.purchase, identity), sent=sent)
        except Exception as error:
            log.exception("%s: the ledger cannot be asked", shot.shot_id)
            words = f"{result.outcome.evidence}; the ledger cannot be asked: {error}"
            if sent:
                return ShotResult(shot, Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence=words), cause=result.cause)
            known = shot.attempts[number - 1 : number]  # as it stood at the start
            return by_the_ledger(result, known[0], sent=False) if known else result

    async def _attempt(self, shot: Shot, number: int) -> ShotResult:
        known = number <= len(shot.attempts)
        purchase = shot.attempts[number - 1] if known else Purchase(identity=attempt_identity(shot.identity, number))
        return await self._as_it_stands(shot, purchase) or await self._buy(shot, number)

    async def _as_it_stands(self, shot: Shot, purchase: Purchase) -> ShotResult | None:
        """Goes on with a purchase that was made; None where there is none yet."""
        state = purchase.state(time.time())
        if state is State.DONE and purchase.clip is not None:
            is_rejected = shot.is_rejected and purchase.identity == shot.attempts[-1].identity
            return rejected_result(shot, purchase) if is_rejected else await self._done(shot, purchase)
        if state is State.UNREADABLE:
            raise UnreadableRecordError(purchase.evidence_of_unknown())
        if state is State.UNKNOWN:
            purchase = await self._looked_up(purchase)
            state = purchase.state(time.time())
            if state is State.UNKNOWN:
                raise UnknownOutcomeError(purchase.evidence_of_unknown())
        if state is State.OVER and purchase.verdict is not None:
            outcome = Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence)
            return ShotResult(shot, outcome, job=purchase.accepted.job if purchase.accepted else None)
        return await self._resume(shot, purchase.accepted.job) if purchase.accepted is not None else None

    async def _looked_up(self, purchase: Purchase) -> Purchase:
        """The purchase after its vendor was asked what became of a lost answer, where it can be asked."""
        if purchase.intent is None or not purchase.intent.token:
            return purchase
        session = await self.resources.session(purchase.intent.account)
        await settle_lost(purchase.identity, session, self.ledger)
        return await asyncio.to_thread(self.ledger.purchase, purchase.identity)

    async def _done(self, shot: Shot, purchase: Purchase) -> ShotResult:
        record, accepted = purchase.clip, purchase.accepted
        if record is None:
            raise UnreadableRecordError("a clip without its record")
        in_full = self.options.verify
        is_listed = purchase.clip_bytes == record.clip.size_bytes and not in_full
        if is_listed or await asyncio.to_thread(is_at_home, self.ledger, record.clip, in_full=in_full):
            return ShotResult(shot, DONE, purchase.job, record.clip, record.at)
        if accepted is None:
            raise UnreadableRecordError("the clip is not there, and the record of its job cannot be read")
        log.warning("%s: the clip's file is missing or damaged; it is fetched again, not bought again", shot.shot_id)
        clip = await self.steps.download(accepted.job, None)
        return ShotResult(shot, DONE, accepted.job, clip, record.at)

    async def _resume(self, shot: Shot, job: Job) -> ShotResult:
        if shot.account != job.account:
            self._accounts.takes(shot, job.account)
        self.on_event(RunEvent.RESUMED, shot, f"job {job.job_id}")
        session = await self.resources.session(job.account)
        held = await claim_slot(job, session, self.ledger, run=self.options.run, is_needed=True)
        filling = asyncio.create_task(held.fill(RESUMED_FIRST))
        try:
            snapshot = await self.steps.await_job(job, True)
        except BaseException as error:
            if may_run_on(error, job, session):
                filling.cancel()  # a slot that it has already stays taken
            else:
                await _let_go(held, filling)
            raise
        try:
            await self._links.call(shot)
        finally:
            await _let_go(held, filling)
        return await self._bring_home(shot, job, snapshot)

    async def _buy(self, shot: Shot, number: int) -> ShotResult:
        if shot.is_refused:
            raise UnsupportedRequestError([found for found in shot.violations if not found.warning])
        if (reason := self._held.get(shot.row.reel)) is not None:
            held = Outcome(verdict=Verdict.HELD, evidence=reason)
            return ShotResult(shot, held, cause=BudgetExceededError(reason))
        parent = await self._parent(shot)
        if (waits := await self._waits_for(shot, parent)) is not None:
            return waits
        if number <= len(shot.attempts):
            # Before a slot is taken: a run that was killed in its submit would else keep it from others till the
            # deadline.
            identity = attempt_identity(shot.identity, number)
            await wait_for_other_run(identity, self.ledger)
            purchase = await asyncio.to_thread(self.ledger.purchase, identity)
            if (result := await self._as_it_stands(shot, purchase)) is not None:
                return result
        if self.options.limit != 0 and (refused := await self._readiness.refusal(shot)) is not None:
            return refused
        tell = partial(self.on_event, RunEvent.QUEUED, shot, "")
        bought = await self._buyer.buy(shot, number, parent, turn=self._order[shot], queued=tell)
        return _beyond_limit(shot) if bought is None else await self._follow(shot, *bought)

    async def _follow(self, shot: Shot, held: JobSlot, job: Job) -> ShotResult:
        if job.account != held.session.account.name:  # another run bought it meanwhile, at another account
            await held.give_back()
            return await self._resume(shot, job)
        is_ours = job.run in ("", self.options.run)
        words = f"job {job.job_id}" + ("" if is_ours else ", bought by another run meanwhile")
        words += self._accounts.passed_words(shot)
        self.on_event(RunEvent.BOUGHT if is_ours else RunEvent.RESUMED, shot, words)
        try:
            snapshot = await self.steps.await_job(job, False)
        except BaseException as error:
            if not may_run_on(error, job, held.session):
                await held.give_back()
            raise
        try:
            await self._links.call(shot)
        finally:
            await held.give_back()
        return await self._bring_home(shot, job, snapshot)

    async def _bring_home(self, shot: Shot, job: Job, snapshot: JobSnapshot) -> ShotResult:
        self.on_event(RunEvent.FINISHED, shot, "")
        if job.identity in self._buyer.sent:
            self._brake.finished(job.account, job.identity)
        clip = await self.steps.download(job, snapshot.video_url)
        return ShotResult(shot, DONE, job, clip, time.time(), snapshot=snapshot)

    async def _waits_for(self, shot: Shot, parent: Parent | None) -> ShotResult | None:
        """Why a chain does not go on with this shot, None where it does."""
        if (outcome := await self.chooser.outcome_before(shot)) is not None:
            return ShotResult(shot, outcome)
        if shot.parent is not None and parent is None:
            before = self.results[shot.parent].result()
            if before.beyond_limit:
                return _beyond_limit(shot)
            evidence = f"{shot.parent.shot_id} is {before.outcome.verdict}"
            return ShotResult(shot, Outcome(verdict=Verdict.BLOCKED, evidence=evidence))
        if (drifted := await self._drifted(shot)) is not None:
            return ShotResult(shot, Outcome(verdict=Verdict.HELD, evidence=drifted))
        return None

    async def _parent(self, shot: Shot) -> Parent | None:
        """What a chained shot continues, None where the shot before it is not there."""
        return await self._orders.parent(await asyncio.shield(self.results[shot.parent])) if shot.parent else None

    async def _drifted(self, shot: Shot) -> str | None:
        """Why a chain is not gone on with: its last clip looks too unlike its first."""
        limits, last = self.options.drift_limits, shot.parent
        if limits is None or last is None or last.parent is None:
            return None
        first = last.head
        clips = [self.results[link].result().clip for link in (first, last)]
        if clips[0] is None or clips[1] is None:
            return None
        words = await drift_words(clips[0], clips[1], limits, self.ledger, self.resources.workers)
        return f"{last.shot_id} has drifted from {first.shot_id}: {words}" if words else None


def _end(result: ShotResult) -> RunEvent:
    if result.is_done:
        return RunEvent.DONE
    return RunEvent.BEYOND if result.beyond_limit else RunEvent.ENDED


def _beyond_limit(shot: Shot) -> ShotResult:
    outcome = Outcome(verdict=Verdict.NOT_STARTED, evidence="it lies beyond the run's --limit")
    return ShotResult(shot, outcome, beyond_limit=True)


async def _let_go(held: JobSlot, filling: asyncio.Task[None]) -> None:
    filling.cancel()
    await asyncio.gather(filling, return_exceptions=True)
    await held.give_back()
