"""Settling what is paid and not yet here, and what may have been paid. Buys nothing, ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from longtake.desk import Office
from longtake.errors import ConfigurationError, LongtakeError
from longtake.job import Clip, Job, JobSnapshot
from longtake.ledger import FOLDER, Ledger
from longtake.records import Accepted, Purchase, Record, State, VerdictRecord
from longtake.storage import open_store
from longtake.verdicts import Verdict

log = logging.getLogger("longtake.reconcile")

DYING_SECONDS = 6 * 3600.0
"""A vendor's link that dies within this time is one to tell a person of."""
DEEPEST = 3
"""So many folders below the one that is named, outputs are looked for."""


@dataclass
class Settlement:
    """What a reconcile did. `open` names what is still open, by shot, with the reason."""

    brought_home: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)

    @classmethod
    def together(cls, of_outputs: Mapping[str, Settlement]) -> Settlement:
        """The settlements of several outputs as one, each shot named with its output."""
        whole = cls()
        for output, one in of_outputs.items():
            whole.brought_home += [f"{output}: {shot_id}" for shot_id in one.brought_home]
            whole.settled += [f"{output}: {words}" for words in one.settled]
            whole.open |= {f"{output}: {shot_id}": reason for shot_id, reason in one.open.items()}
        return whole

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

    def __bool__(self) -> bool:
        return bool(self.adopt or self.resubmit or self.give_up)


AwaitJob = Callable[[Job, bool], Awaitable[JobSnapshot]]
Download = Callable[[Job, str | None], Awaitable[Clip]]


def outputs_at(place: str) -> list[str]:
    """The outputs that a directory or `s3://` address stands for: itself, or all that lie below it; blocking.

    Args:
        place: An output, or a folder above outputs, such as one with an output for each day.

    Returns:
        `place` alone where it has a ledger, or where nothing below it has one.
    """
    store = open_store(place)
    found: list[str] = []
    level = [""]
    for _ in range(DEEPEST + 1):
        below = {folder: store.folders(folder) for folder in level}
        ledgers = {folder for folder, folders in below.items() if f"{folder}/{FOLDER}".lstrip("/") in folders}
        found += sorted(ledgers)
        level = [inner for folder, folders in below.items() if folder not in ledgers for inner in folders]
    return [f"{place.rstrip('/')}/{folder}" if folder else place for folder in found] or [place]


def settle(ledger: Ledger, decisions: Decisions) -> list[str]:
    """Writes a person's decisions into the ledger; blocking.

    Returns:
        What was settled, in words.

    Raises:
        ConfigurationError: A shot has no unknown outcome to settle, or several.
    """
    purchases, now = ledger.load() if decisions.adopt else ledger.load_open(), ledger.clock()
    records: dict[str, Record] = {}
    words: list[str] = []
    if nameless := [shot_id for shot_id, job_id in decisions.adopt.items() if not job_id.strip()]:
        raise ConfigurationError(f"{', '.join(nameless)}: adopt needs the vendor's job id")
    for shot_id, job_id in decisions.adopt.items():
        job = _adopted(_the_unknown(purchases, shot_id, now), job_id)
        _require_unclaimed(job, [*(one.accepted.job for one in purchases.values() if one.accepted), *_jobs(records)])
        records[job.identity] = Accepted(identity=job.identity, job=job, adopted_by="reconcile --adopt")
        words.append(f"{shot_id}: job {job_id} adopted")
    for shot_id in decisions.resubmit:
        purchase = _the_unknown(purchases, shot_id, now)
        evidence = f"{purchase.evidence_of_unknown()}; to be bought again on a person's word"
        verdict = VerdictRecord(identity=purchase.identity, verdict=Verdict.UNKNOWN_OUTCOME, evidence=evidence)
        _decide(records, verdict.model_copy(update={"resubmitted": True}), shot_id)
        words.append(f"{shot_id}: the next run buys it again")
    for shot_id in decisions.give_up:
        purchase = _the_unknown(purchases, shot_id, now)
        evidence = f"{purchase.evidence_of_unknown()}; given up on a person's word"
        verdict = VerdictRecord(identity=purchase.identity, verdict=Verdict.FAILED, evidence=evidence)
        _decide(records, verdict, shot_id)
        words.append(f"{shot_id}: given up")
    for record in records.values():
        ledger.add(record)
    return words


def _decide(records: dict[str, Record], verdict: VerdictRecord, shot_id: str) -> None:
    if verdict.identity in records:
        raise ConfigurationError(f"{shot_id}: two decisions on one outcome; give one")
    records[verdict.identity] = verdict


def _jobs(records: Mapping[str, Record]) -> list[Job]:
    return [record.job for record in records.values() if isinstance(record, Accepted)]


def _require_unclaimed(job: Job, others: Iterable[Job]) -> None:
    """A job id that belongs to another shot is a slip of the pen; the shot's own paid job would be lost for it."""
    for other in others:
        if (other.base_url, other.job_id) == (job.base_url, job.job_id):
            raise ConfigurationError(f"{job.shot_id}: job {job.job_id} is that of {other.shot_id}; adopt its own job")


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
    settlement = Settlement(settled=await asyncio.to_thread(settle, ledger, decisions) if decisions else [])
    purchases = await asyncio.to_thread(ledger.load_open)
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


def dying_links(ledger: Ledger, within_seconds: float = DYING_SECONDS) -> dict[str, float]:
    """Paid clips that are not here and whose link dies soon: when, in Unix time, by shot; blocking."""
    now = ledger.clock()
    paid = [one for one in ledger.load_open().values() if one.state(now) in (State.IN_FLIGHT, State.FINISHED)]
    return {
        purchase.accepted.job.shot_id: _expiry(purchase)
        for purchase in paid
        if purchase.accepted is not None and _expiry(purchase) - now < within_seconds
    }


def _expiry(purchase: Purchase) -> float:
    if purchase.terminal is not None and purchase.terminal.expires_at is not None:
        return purchase.terminal.expires_at
    return purchase.accepted.at + 24 * 3600 if purchase.accepted else 0.0


def _account(purchase: Purchase) -> str:
    return purchase.intent.account if purchase.intent else "?"
