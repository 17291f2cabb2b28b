"""Which run holds the slot of a job that several may follow: the one that bought it, until another takes the job up.

A run that dies leaves its jobs at the vendor, and their slots taken for as long as they may run. The run that takes
such a job up claims its slot in the ledger before it looks; claims are numbered, and the highest holds. So nobody needs
to know who is dead: a live run finds the claim when it comes to give the slot back, and leaves it to the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from longtake.accounts.session import AccountSession
from longtake.accounts.slots import Lease
from longtake.domain.errors import PublishConflictError, StillRunningError
from longtake.domain.job import Job
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Claim

log = logging.getLogger("longtake.jobs.takeover")

CLAIM_TRIES = 5


@dataclass
class JobSlot:
    """The slot of one job as this run holds it.

    `claim` is the number of our claim on it, 0 where we bought the job; `run` made the claim, on the slot `claimed`,
    empty where an earlier run's end of the job leaves none to claim.
    """

    identity: str
    lease: Lease | None
    session: AccountSession
    ledger: Ledger
    claim: int = 0
    run: str = ""
    claimed: str = ""

    async def fill(self, priority: float | None) -> None:
        """Takes the claimed slot over; where it no longer stands, waits for a new one.

        Cancelled at any time, it holds what it took, to be given back.

        Args:
            priority: How urgently a new slot is waited for; None: it is done without.
        """
        if not self.claim:
            return
        await _to_its_end(self._take_over())
        if self.lease is None and priority is not None:
            self.lease = await self.session.slots.acquire(priority)
            await _to_its_end(self._claim_anew(self.lease))

    async def _take_over(self) -> None:
        self.lease = await self.session.slots.take_over(self.claimed, self.session.job_seconds)

    async def _claim_anew(self, lease: Lease) -> None:
        await self.session.slots.keep(lease, self.session.job_seconds)
        self.claim = await _claim(self.identity, self.ledger, self.run, lease.slot) or self.claim

    async def give_back(self) -> None:
        """Passes the slot on, now that its job has ended; left alone where another run has claimed it since."""
        if self.lease is None:
            return
        claimed = False
        with contextlib.suppress(Exception):  # who cannot read of another run knows of none
            claimed = await asyncio.to_thread(self._is_claimed, self.lease.slot)
        if claimed:
            await self.session.slots.forget(self.lease)
        else:
            self.session.slots.release(self.lease)

    def _is_claimed(self, slot: str) -> bool:
        if self.ledger.last_claim(self.identity) <= self.claim:
            return False
        claims = self.ledger.purchase(self.identity).claims.items()
        return any(number > self.claim and claim.slot == slot for number, claim in claims)


async def take_up_slot(
    job: Job, session: AccountSession, ledger: Ledger, *, run: str, priority: float | None
) -> JobSlot:
    """Claims the slot of a job from an earlier run, or of one that another run follows as well, and takes it over.

    Args:
        job: A job whose end is not recorded.
        session: The account that bought it.
        ledger: Where claims are recorded.
        run: Who claims.
        priority: How urgently a new slot is waited for where the old one no longer stands; None: it is done without.

    Returns:
        The slot, without a lease where the job has ended meanwhile or none is to be had.
    """
    held = await claim_slot(job, session, ledger, run=run, is_needed=priority is not None)
    await held.fill(priority)
    return held


async def claim_slot(job: Job, session: AccountSession, ledger: Ledger, *, run: str, is_needed: bool) -> JobSlot:
    """Claims the slot of such a job in the ledger, to be filled then.

    To be done before this run looks at the job: an end that we record ourselves passes no slot on.

    Args:
        job: A job whose end is not recorded.
        session: The account that bought it.
        ledger: Where claims are recorded.
        run: Who claims.
        is_needed: Whether a new slot will be waited for where no old one is known.
    """
    held = JobSlot(job.identity, None, session, ledger, run=run)
    try:
        purchase = await asyncio.to_thread(ledger.purchase, job.identity)
        if not is_needed and not purchase.slot:
            return held
        claimed = await _claim(job.identity, ledger, run, purchase.slot)
        # Looked at after the claim: whoever recorded an end before it has passed the slot on, whoever does later sees
        # it.
        if claimed is None or (await asyncio.to_thread(ledger.purchase, job.identity)).terminal is not None:
            return held
    except Exception as error:  # a full disk, a store that is away: the job is followed all the same
        log.warning("%s: its slot cannot be claimed: %s", job.shot_id, error)
        return held
    held.claim, held.claimed = claimed, purchase.slot
    return held


async def _to_its_end(step: Coroutine[Any, Any, None]) -> None:
    """Runs a step that a cancel must not leave half done."""
    task = asyncio.ensure_future(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def may_run_on(error: BaseException, job: Job, session: AccountSession) -> bool:
    """Whether a job that is no longer waited for counts against the vendor's limit: its slot then stays taken.

    One that was waited for as long as its account says is taken for dead: a few such would hold up all others for ever.
    """
    is_old = time.time() - job.submitted_at >= session.account.max_wait_seconds
    return isinstance(error, asyncio.CancelledError) or (isinstance(error, StillRunningError) and not is_old)


async def _claim(identity: str, ledger: Ledger, run: str, slot: str) -> int | None:
    """The number of our claim, None where others are quicker again and again."""
    for _ in range(CLAIM_TRIES):
        number = await asyncio.to_thread(ledger.last_claim, identity) + 1
        try:
            await asyncio.to_thread(ledger.add, Claim(identity=identity, slot=slot, run=run), name=f"claim-{number}")
        except PublishConflictError:
            continue
        return number
    return None
