"""Which run holds the slot of a job that several may follow: the one that bought it, until another takes the job up.

A run that dies leaves its jobs at the vendor, and their slots taken for as long as they may run. The run that takes
such a job up claims its slot in the ledger before it looks; claims are numbered, and the highest holds. So nobody needs
to know who is dead: a live run finds the claim when it comes to give the slot back, and leaves it to the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from longtake.desk import Desk
from longtake.errors import PublishConflictError, StillRunningError
from longtake.job import Job
from longtake.ledger import Ledger
from longtake.records import Claim
from longtake.slots import Lease

CLAIM_TRIES = 5


@dataclass
class JobSlot:
    """The slot of one job as this run holds it; `claim` is the number of our claim on it, 0 where we bought the job."""

    identity: str
    lease: Lease | None
    desk: Desk
    ledger: Ledger
    claim: int = 0

    async def give_back(self) -> None:
        """Passes the slot on, now that its job has ended; left alone where another run has claimed it since."""
        if self.lease is None:
            return
        claimed = False
        with contextlib.suppress(Exception):  # who cannot read of another run knows of none
            claimed = await asyncio.to_thread(self._is_claimed, self.lease.slot)
        if claimed:
            await self.desk.slots.forget(self.lease)
        else:
            self.desk.slots.release(self.lease)

    def _is_claimed(self, slot: str) -> bool:
        if self.ledger.last_claim(self.identity) <= self.claim:
            return False
        claims = self.ledger.purchase(self.identity).claims.items()
        return any(number > self.claim and claim.slot == slot for number, claim in claims)


async def take_up_slot(job: Job, desk: Desk, ledger: Ledger, *, run: str, priority: float | None) -> JobSlot:
    """Claims the slot of a job from an earlier run, or of one that another run follows as well.

    Args:
        job: A job whose end is not recorded.
        desk: The account that bought it.
        ledger: Where claims are recorded.
        run: Who claims.
        priority: How urgently a new slot is waited for where the old one no longer stands; None: it is done without.

    Returns:
        The slot, without a lease where the job has ended meanwhile or none is to be had.
    """
    held = JobSlot(job.identity, None, desk, ledger)
    purchase = await asyncio.to_thread(ledger.purchase, job.identity)
    if priority is None and not purchase.slot:
        return held
    claimed = await _claim(job, ledger, run, purchase.slot)
    # Looked at after the claim: whoever recorded an end before it has passed the slot on, whoever does later sees it.
    if claimed is None or (await asyncio.to_thread(ledger.purchase, job.identity)).terminal is not None:
        return held
    held.claim = claimed
    held.lease = await desk.slots.take_over(purchase.slot, desk.job_seconds)
    if held.lease is None and priority is not None:
        held.lease = await desk.slots.acquire(priority)
        await desk.slots.keep(held.lease, desk.job_seconds)
        held.claim = await _claim(job, ledger, run, held.lease.slot) or claimed
    return held


def may_run_on(error: BaseException, job: Job, desk: Desk) -> bool:
    """Whether a job that is no longer waited for counts against the vendor's limit: its slot then stays taken.

    One that was waited for as long as its account says is taken for dead: a few such would hold up all others for ever.
    """
    is_old = time.time() - job.submitted_at >= desk.account.max_wait_seconds
    return isinstance(error, asyncio.CancelledError) or (isinstance(error, StillRunningError) and not is_old)


async def _claim(job: Job, ledger: Ledger, run: str, slot: str) -> int | None:
    """The number of our claim, None where others are quicker again and again."""
    for _ in range(CLAIM_TRIES):
        number = await asyncio.to_thread(ledger.last_claim, job.identity) + 1
        try:
            await asyncio.to_thread(
                ledger.add, Claim(identity=job.identity, slot=slot, run=run), name=f"claim-{number}"
            )
        except PublishConflictError:
            continue
        return number
    return None
