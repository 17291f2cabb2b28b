"""Settling what is paid and not yet here, and what may have been paid. Buys nothing, ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from longtake.accounts.session import AccountSession
from longtake.accounts.slots import FixedSlots, SlotPool
from longtake.domain.errors import LongtakeError, UnknownVendorError
from longtake.domain.job import Clip, Job, JobSnapshot
from longtake.files.open_store import open_store
from longtake.jobs.adoption import look_up
from longtake.jobs.advice import command, names_of, to_settle
from longtake.jobs.decisions import Decisions, settle
from longtake.jobs.lost_answers import Settled, settle_lost
from longtake.jobs.resources import RunResources
from longtake.jobs.takeover import may_run_on, take_up_slot
from longtake.ledger.ledger import FOLDER, Ledger, notices
from longtake.ledger.records import Purchase, State
from longtake.vendors import Adapter, adapter_named

__all__ = ["Decisions", "ReconcileReport", "dying_links", "outputs_at", "reconcile", "settle"]

log = logging.getLogger("longtake.jobs.reconcile")

DYING_SECONDS = 6 * 3600.0
"""A vendor's link that dies within this time is one to tell a person of."""
MOST_FOLLOWED, MOST_DOWNLOADS = 256, 8
"""So many jobs of an output are asked about at once, and so many of its clips fetched."""
DEEPEST = 3
"""So many folders below the one that is named, outputs are looked for."""


@dataclass
class ReconcileReport:
    """What a reconcile did. `open` names what is still open, by shot (and identity, where it has several purchases)."""

    brought_home: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)

    @classmethod
    def together(cls, of_outputs: Mapping[str, ReconcileReport]) -> ReconcileReport:
        """The reports of several outputs as one, each shot named with its output."""
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


async def reconcile(
    ledger: Ledger, resources: RunResources, decisions: Decisions, *, await_job: AwaitJob, download: Download
) -> ReconcileReport:
    """Settles what people decided, then downloads every paid clip, nearest expiry first.

    Raises:
        ConfigurationError: A decision does not fit the ledger or the vendor's word; nothing of it was written.
    """
    report = ReconcileReport(settled=await _decided(ledger, resources, decisions) if decisions else [])
    purchases = await asyncio.to_thread(ledger.load_open)
    if looked_up := await _look_lost_up(ledger, resources, purchases, report):
        purchases |= looked_up
    for words in notices(purchases.values()):
        log.warning(words)
    now, names = ledger.clock(), names_of(purchases.values())
    paid: list[Purchase] = []
    for purchase in purchases.values():
        state = purchase.state(now)
        name = names[purchase.identity]
        if state in (State.IN_FLIGHT, State.FINISHED):
            paid.append(purchase)
        elif state in (State.UNKNOWN, State.UNREADABLE):
            words = "unknown outcome" if state is State.UNKNOWN else "its records cannot be read"
            why = f"{words} at {_account(purchase)}: {purchase.evidence_of_unknown()}"
            report.open[name] = f"{why}; {to_settle(ledger.store.url, purchase, name)}"
        elif state is State.SUBMITTING:
            report.open[name] = "a run is submitting it now"
    following, downloads = asyncio.Semaphore(MOST_FOLLOWED), SlotPool(FixedSlots(MOST_DOWNLOADS))

    async def clip(job: Job, place: int) -> None:
        async with following:
            snapshot = await _followed(job, await resources.session(job.account), ledger, await_job)
        lease = await downloads.acquire(place)
        try:
            await download(job, snapshot.video_url)
        finally:
            downloads.release(lease)

    async def bring(place: int, purchase: Purchase, job: Job) -> None:
        name = names[purchase.identity]
        try:
            await clip(job, place)
        except Exception as error:  # a fault of ours is one clip's, too
            if await _is_over(ledger, job):
                report.settled.append(f"{name}: {error}")
            else:
                way_back = f"; the wrong job? `{command(ledger.store.url, name)}`" if purchase.is_adopted else ""
                report.open[name] = f"job {job.job_id} at {job.account}: {_words(error)}{way_back}"
        else:
            report.brought_home.append(name)

    paid.sort(key=_expiry)
    jobs = [(purchase, purchase.accepted.job) for purchase in paid if purchase.accepted is not None]
    try:
        await asyncio.gather(*(bring(place, purchase, job) for place, (purchase, job) in enumerate(jobs)))
    finally:
        await downloads.close()
        await asyncio.to_thread(ledger.store.keep_index)
    return report


async def _look_lost_up(
    ledger: Ledger, resources: RunResources, purchases: Mapping[str, Purchase], report: ReconcileReport
) -> dict[str, Purchase]:
    """Asks vendors that have a list of jobs what became of lost answers; the purchases as they stand then."""
    names, now = names_of(purchases.values()), ledger.clock()
    lost = [one for one in purchases.values() if one.state(now) is State.UNKNOWN and one.intent and one.intent.token]

    async def looked_up(purchase: Purchase) -> Purchase:
        try:
            session = await resources.session(purchase.job.account if purchase.job else "")
            settled = await settle_lost(purchase.identity, session, ledger)
        except LongtakeError as error:
            log.warning("%s: its vendor could not be asked: %s", names[purchase.identity], error)
            return purchase
        if settled is Settled.ABSENT:
            words = "was not accepted: the vendor's list does not have it; the next run buys it"
            report.settled.append(f"{names[purchase.identity]}: {words}")
        return await asyncio.to_thread(ledger.purchase, purchase.identity)

    found = await asyncio.gather(*map(looked_up, lost))
    return {purchase.identity: purchase for purchase in found}


async def _followed(job: Job, session: AccountSession, ledger: Ledger, await_job: AwaitJob) -> JobSnapshot:
    """Follows a job to its end; the slot that a dead run left to it is free then."""
    held = await take_up_slot(job, session, ledger, run="reconcile", priority=None)
    try:
        snapshot = await await_job(job, True)
    except BaseException as error:
        if not may_run_on(error, job, session):
            await held.give_back()
        raise
    await held.give_back()
    return snapshot


def _words(error: Exception) -> str:
    if isinstance(error, LongtakeError):
        return str(error)
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return f"our machine: {type(error).__name__}: {error}"


async def _decided(ledger: Ledger, resources: RunResources, decisions: Decisions) -> list[str]:
    homes, said = await look_up(ledger, resources, decisions)
    return [*said, *await asyncio.to_thread(settle, ledger, decisions, homes)]


async def _is_over(ledger: Ledger, job: Job) -> bool:
    try:
        return (await asyncio.to_thread(ledger.purchase, job.identity)).verdict is not None
    except Exception:  # the store's fault of a moment ago, most likely: not known to be over
        return False


def dying_links(ledger: Ledger, within_seconds: float = DYING_SECONDS) -> dict[str, float]:
    """Paid clips that are not here and whose link dies soon: when, in Unix time, by shot; blocking."""
    now, purchases = ledger.clock(), ledger.load_open()
    paid = [one for one in purchases.values() if one.state(now) in (State.IN_FLIGHT, State.FINISHED)]
    names = names_of(purchases.values())
    return {
        names[purchase.identity]: _expiry(purchase) for purchase in paid if _expiry(purchase) - now < within_seconds
    }


def _expiry(purchase: Purchase) -> float:
    """When the vendor's link dies, at the earliest."""
    if purchase.terminal is not None and purchase.terminal.expires_at is not None:
        return purchase.terminal.expires_at
    accepted = purchase.accepted
    if accepted is None:
        return 0.0
    try:
        return accepted.at + adapter_named(accepted.job.vendor).link_seconds
    except UnknownVendorError:
        return accepted.at + Adapter.link_seconds


def _account(purchase: Purchase) -> str:
    return purchase.intent.account if purchase.intent else "an account that no record tells"
