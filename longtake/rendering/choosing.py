"""Which take of each row a run goes on with: what people decided, and where nobody reviews, the best of those here."""

from __future__ import annotations

import asyncio
import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from longtake.domain.errors import LongtakeError
from longtake.domain.text import counted
from longtake.domain.verdicts import Outcome, Verdict
from longtake.jobs.resources import RunResources
from longtake.ledger.ledger import Ledger
from longtake.planning.bought_before.repairs import remember
from longtake.planning.plan import Plan, RowChoice, Shot
from longtake.planning.standings import Standings
from longtake.rendering.chaining import drift_score
from longtake.rendering.shot_result import ShotResult
from longtake.rendering.summary import AWAITS
from longtake.reviews.decision import BEST, Decision, ruling_on
from longtake.reviews.decisions import ReviewLog

log = logging.getLogger("longtake.rendering.choosing")

Results = Mapping[Shot, asyncio.Future[ShotResult]]


def waiting_outcome(choice: RowChoice, output: str, takes_here: int) -> Outcome:
    """What is told of all that waits for a person's decision about a row."""
    shot_id, decision = choice.takes[0].shot_id, choice.ruling.decision
    verb = "waits" if takes_here == 1 else "wait"
    here = "its clip waits" if len(choice.takes) == 1 else f"{counted(takes_here, 'take')} of it {verb}"
    before = {
        "expired": f"what was decided has expired ({decision.words if decision else ''})",
        "other bytes": f"its clip is not the one that was decided about ({decision.words if decision else ''})",
    }.get(choice.ruling.state, "a person's decision is missing")
    word = "approve" if len(choice.takes) == 1 else "N"
    what = f"longtake decide --output {shlex.quote(output)} {shlex.quote(f'{shot_id}={word}')}"
    return Outcome(
        verdict=Verdict.AWAITING_REVIEW,
        evidence=f"{shot_id}: {before}; {here}",
        advice=f"look at {shot_id}, then `{what}` (or `=reject`), or run the deployment `decide`; render again: "
        "it goes on from there",
    )


def missing_choice(choice: RowChoice | None, takes: Sequence[ShotResult]) -> str:
    """Why the film of a reel cannot be made although clips of a row are here, "" where it can."""
    if choice is None or not any(result.is_done for result in takes):
        return ""
    if choice.needs_decision:
        return f"{choice.takes[0].shot_id} {AWAITS}"
    if any(result.shot.is_chosen and result.is_done and _was_rejected(result) for result in takes):
        return f"{choice.takes[0].shot_id} was rejected"
    return f"the best take of {choice.takes[0].shot_id} is not chosen yet" if choice.is_open else ""


def _was_rejected(result: ShotResult) -> bool:
    """Whether a person has rejected what a shot ended with, also while the run went on."""
    choice, job = result.shot.choice, result.job
    return choice is not None and job is not None and job.identity in choice.ruling.rejected


def _rejected_outcome(shot: Shot) -> Outcome:
    decision = shot.choice.ruling.decision if shot.choice is not None else None
    return Outcome(verdict=Verdict.BLOCKED, evidence=f"{shot.shot_id}: {decision.words if decision else 'rejected'}")


class _Look(NamedTuple):
    """One take as the choice of the best goes by it: the lowest is the best."""

    findings: int
    drift: float
    number: int


@dataclass
class Chooser:
    """Chooses among the takes of one run's rows as they come, and tells what has to wait.

    Args:
        plan: What is rendered.
        results: How its shots end.
        standings: Who each shot is; None: nothing is chosen anew.
    """

    plan: Plan
    results: Results
    standings: Standings | None
    output: str
    ledger: Ledger
    resources: RunResources
    _locks: dict[int, asyncio.Lock] = field(default_factory=dict)

    async def settle_before(self, shot: Shot) -> None:
        """Makes every choice above a shot of a chain: until then nobody knows what it continues, and who it is."""
        if self.standings is None or self.standings.rules.choose == "first":
            return
        line: list[RowChoice] = []
        link = shot.parent
        while link is not None:
            if link.choice is not None:
                line.append(link.choice)
            link = link.parent
        for choice in reversed(line):
            await self.settle(choice)

    async def settle(self, choice: RowChoice) -> None:
        """Chooses the best take of a row once all have ended, and writes down why; what follows goes on from it."""
        if not choice.is_open:
            return
        async with self._locks.setdefault(id(choice), asyncio.Lock()):
            takes = await self._ended(choice)
            done = [result for result in takes if result.is_done and result.clip is not None and result.job is not None]
            has_ended = all(result.is_done or result.outcome.verdict.facts.is_over for result in takes)
            if not choice.is_open or not done or not has_ended:
                return
            best, why = await self._best(done)
            decisions = await asyncio.to_thread(self._written, best, done, why)
            found = {result.job.identity: result for result in done if result.job is not None}
            hashes = {identity: result.clip.sha256 for identity, result in found.items() if result.clip is not None}
            choice.ruling = ruling_on(hashes, decisions, time.time())
            # Where some takes were rejected meanwhile, the next run chooses among those that are left.
            choice.is_open = not choice.ruling.counts
            if choice.ruling.state == "chosen" and choice.ruling.decision is not None:
                choice.chosen = found[choice.ruling.decision.purchase].shot
            await self._follow(choice)

    async def outcome_before(self, shot: Shot) -> Outcome | None:
        """Why a shot must wait for a choice among those before it; None where it need not."""
        choice = shot.parent.choice if shot.parent is not None else None
        if shot.parent is None or choice is None:
            return None
        before = await asyncio.shield(self.results[shot.parent])
        if before.outcome.verdict is Verdict.AWAITING_REVIEW:
            return before.outcome
        if (above := await self._outcome_above(shot)) is not None:
            return above
        if before.is_done and _was_rejected(before):
            return _rejected_outcome(shot.parent)
        if choice.is_open:
            words = f"the best take of {shot.parent.shot_id} is chosen when all of them have ended"
            return Outcome(verdict=Verdict.BLOCKED, evidence=words)
        self._hold_to_bytes(choice, before)
        here = sum(result.is_done for result in await self._ended(choice)) if choice.needs_decision else 0
        return waiting_outcome(choice, self.output, here) if here else None

    async def _outcome_above(self, shot: Shot) -> Outcome | None:
        """Why a shot waits though the one before it is here: further up its chain one waits or was rejected.

        What came between was bought before anybody said so; it stays, and nothing more is paid for.
        """
        awaited = shot.awaits
        if awaited is not None and awaited.needs_decision and shot.parent not in awaited.takes:
            ends = await self._ended(awaited)
            if here := sum(result.is_done for result in ends):
                return waiting_outcome(awaited, self.output, here)
            words = f"{awaited.chosen.shot_id} is {ends[awaited.takes.index(awaited.chosen)].outcome.verdict}"
            return Outcome(verdict=Verdict.BLOCKED, evidence=words)
        if self.standings is None or not self.standings.decisions:
            return None
        link = shot.parent.parent if shot.parent is not None else None
        while link is not None:
            if link.is_rejected and not (await asyncio.shield(self.results[link])).is_done:
                return _rejected_outcome(link)
            link = link.parent
        return None

    def _hold_to_bytes(self, choice: RowChoice, chosen: ShotResult) -> None:
        """A take that was chosen and then fetched again, with other bytes, is not the one that was chosen."""
        decision = choice.ruling.decision
        if choice.ruling.state == "chosen" and decision is not None and chosen.is_done and chosen.clip is not None:
            choice.ruling = ruling_on({decision.purchase: chosen.clip.sha256}, [decision], time.time())

    async def _ended(self, choice: RowChoice) -> list[ShotResult]:
        return [await asyncio.shield(self.results[shot]) for shot in choice.takes]

    async def _best(self, done: Sequence[ShotResult]) -> tuple[ShotResult, str]:
        """The take with the fewest findings, of those the one least drifted from the chain's first, then the first."""
        looks: dict[_Look, ShotResult] = {}
        for result in done:
            purchase = await asyncio.to_thread(self.ledger.purchase, result.job.identity if result.job else "")
            findings = len(purchase.clip.findings) if purchase.clip is not None else 0
            looks[_Look(findings, await self._drift(result), result.shot.number)] = result
        best = min(looks)
        others = [look for look in looks if look is not best]
        why = f"{counted(best.findings, 'finding')}, the fewest of {counted(len(looks), 'take')}"
        if any(look.findings == best.findings for look in others):
            why = f"{counted(best.findings, 'finding')} as others; the first of them"
            drifted = [look.drift for look in others if look.findings == best.findings]
            if any(drift != best.drift for drift in drifted):
                why = f"{counted(best.findings, 'finding')} as others; the least drift, {best.drift:.2f}"
        return looks[best], why if others else "the only take that is here"

    async def _drift(self, result: ShotResult) -> float:
        """How far a take is from its chain's first clip; 0 for that one itself, without end where nobody can tell."""
        first = result.shot.head
        clip = None if first is result.shot else self.results[first].result().clip
        if clip is None or result.clip is None:
            return 0.0
        try:
            return await drift_score(clip, result.clip, self.ledger, self.resources.workers)
        except LongtakeError as error:
            log.warning("%s: its drift cannot be measured: %s", result.shot.name, error)
            return float("inf")

    def _written(self, best: ShotResult, done: Sequence[ShotResult], why: str) -> list[Decision]:
        """Writes the choice down, as a person's would be; all decisions on the shot as they then stand. Blocking."""
        shot = best.shot
        reviews = ReviewLog(self.ledger.store)
        before = reviews.read().get(shot.shot_id, [])
        seen = {one.job.identity: one.clip.sha256 for one in done if one.job is not None and one.clip is not None}
        identity, ruling = best.job.identity if best.job is not None else "", ruling_on(seen, before, time.time())
        if ruling.counts or identity in ruling.rejected:
            return before  # a person has decided meanwhile, or another run
        decision = Decision(
            shot_id=shot.shot_id,
            choice="approve",
            purchase=identity,
            sha256=seen[identity],
            take=shot.row.take,
            variant=shot.number,
            seen=seen,
            by=BEST,
            why=why,
        )
        try:
            reviews.write([decision], {shot.shot_id: reviews.folder(shot.row.reel, shot.row.shot)})
        except LongtakeError as error:
            log.info("%s", error)
        return reviews.read().get(shot.shot_id, [decision])

    async def _follow(self, choice: RowChoice) -> None:
        """Says anew who each shot is that continues the row: nothing of them was bought, or begun."""
        if self.standings is None:
            return
        reel, before = choice.takes[0].row.reel, choice
        shots = self.plan.reels.get(reel, [])
        later = shots[shots.index(choice.takes[-1]) + 1 :]
        for shot in later:
            if not shot.row.written.continue_from:
                return
            if shot.variant == 0 and shot.parent is not None and shot.parent.choice is not before:
                before = shot.parent.choice or before
            was = shot.identity
            self.standings.identify(shot, before.chosen)
            if shot.is_kept:
                await asyncio.to_thread(remember, self.ledger.store, [shot], {})
            if shot.identity != was and self.resources.budget is not None:
                await self.resources.budget.release(was)
