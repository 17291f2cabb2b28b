"""Settling what is paid and not yet here, and what may have been paid. Buys nothing, ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from longtake.desk import Office
from longtake.errors import ConfigurationError, LongtakeError
from longtake.job import Clip, Job, JobSnapshot
from longtake.ledger import Accepted, Ledger, Purchase, State, VerdictRecord
from longtake.verdicts import Verdict

log = logging.getLogger("longtake.reconcile")


@dataclass
class Settlement:
    """What a reconcile did. `open` names what is still open, by shot, with the reason."""

    brought_home: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """What was done, in a line."""
        return f"{len(self.brought_home)} brought home, {len(self.settled)} settled, {len(self.open)} still open"


@dataclass(frozen=True)
class Decisions:
    """A person's word on unknown outcomes, by shot id; a shot id may be narrowed to one identity after `@`."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    resubmit: Sequence[str] = ()
    give_up: Sequence[str] = ()


AwaitJob = Callable[[Job, bool], Awaitable[JobSnapshot]]
Download = Callable[[Job, str | None], Awaitable[Clip]]


def settle(ledger: Ledger, decisions: Decisions) -> list[str]:
    """Writes a person's decisions into the ledger; blocking.

    Returns:
        What was settled, in words.

    Raises:
        ConfigurationError: A shot has no unknown outcome to settle, or several.
    """
    purchases = ledger.load()
    now = ledger.clock()
    words: list[str] = []
    for shot_id, job_id in decisions.adopt.items():
        purchase = _the_unknown(purchases, shot_id, now)
        ledger.add(Accepted(identity=purchase.identity, job=_adopted(purchase, job_id), adopted_by="reconcile --adopt"))
        words.append(f"{shot_id}: job {job_id} adopted")
    for shot_id in decisions.resubmit:
        purchase = _the_unknown(purchases, shot_id, now)
        evidence = f"{purchase.evidence_of_unknown()}; to be bought again on a person's word"
        verdict = VerdictRecord(identity=purchase.identity, verdict=Verdict.UNKNOWN_OUTCOME, evidence=evidence)
        ledger.add(verdict.model_copy(update={"resubmitted": True}))
        words.append(f"{shot_id}: the next run buys it again")
    for shot_id in decisions.give_up:
        purchase = _the_unknown(purchases, shot_id, now)
        evidence = f"{purchase.evidence_of_unknown()}; given up on a person's word"
        ledger.add(VerdictRecord(identity=purchase.identity, verdict=Verdict.FAILED, evidence=evidence))
        words.append(f"{shot_id}: given up")
    return words


def _the_unknown(purchases: Mapping[str, Purchase], shot_id: str, now: float) -> Purchase:
    name, _, identity = shot_id.partition("@")
    found = [
        purchase
        for purchase in purchases.values()
        if purchase.state(now) is State.UNKNOWN
        and purchase.intent is not None
        and purchase.intent.shot_id == name
        and purchase.identity.startswith(identity)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(f"{shot_id} has no unknown outcome in this ledger")
    ids = ", ".join(f"{name}@{purchase.identity}" for purchase in found)
    raise ConfigurationError(f"{shot_id} has {len(found)} unknown outcomes; name one of {ids}")


def _adopted(purchase: Purchase, job_id: str) -> Job:
    intent = purchase.intent
    if intent is None:
        raise ConfigurationError(f"{purchase.identity} has no intent")
    return Job(
        vendor=intent.vendor,
        account=intent.account,
        base_url=intent.base_url,
        wire_model=intent.wire_model,
        job_id=job_id,
        identity=purchase.identity,
        shot_id=intent.shot_id,
        submitted_at=intent.at,
    )


async def reconcile(
    ledger: Ledger, office: Office, decisions: Decisions, *, await_job: AwaitJob, download: Download
) -> Settlement:
    """Settles what people decided, then brings home every paid clip, nearest expiry first.

    Raises:
        ConfigurationError: A decision does not fit the ledger; nothing of it was written.
    """
    settlement = Settlement(settled=await asyncio.to_thread(settle, ledger, decisions))
    purchases = await asyncio.to_thread(ledger.load)
    now = ledger.clock()
    paid: list[Purchase] = []
    for purchase in purchases.values():
        state = purchase.state(now)
        name = purchase.intent.shot_id if purchase.intent else purchase.identity
        if state in (State.IN_FLIGHT, State.FINISHED):
            paid.append(purchase)
        elif state is State.UNKNOWN:
            settlement.open[name] = f"unknown outcome at {_account(purchase)}: {purchase.evidence_of_unknown()}"
        elif state is State.UNREADABLE:
            settlement.open[name] = "; ".join(purchase.unreadable)
        elif state is State.SUBMITTING:
            settlement.open[name] = "a run is submitting it now"
    paid.sort(key=_expiry)

    async def bring(purchase: Purchase) -> None:
        accepted = purchase.accepted
        if accepted is None:
            return
        job = accepted.job
        try:
            await office.desk(job.account)
            snapshot = await await_job(job, True)
            await download(job, snapshot.video_url)
        except LongtakeError as error:
            settled = (await asyncio.to_thread(ledger.purchase, job.identity)).verdict is not None
            if settled:
                settlement.settled.append(f"{job.shot_id}: {error}")
            else:
                settlement.open[job.shot_id] = f"job {job.job_id} at {job.account}: {error}"
        else:
            settlement.brought_home.append(job.shot_id)

    await asyncio.gather(*(bring(purchase) for purchase in paid))
    return settlement


def _expiry(purchase: Purchase) -> float:
    if purchase.terminal is not None and purchase.terminal.expires_at is not None:
        return purchase.terminal.expires_at
    return purchase.accepted.at + 24 * 3600 if purchase.accepted else 0.0


def _account(purchase: Purchase) -> str:
    return purchase.intent.account if purchase.intent else "?"
