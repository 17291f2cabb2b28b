"""Stopping what a cancelled run has bought and the vendor has not begun: only what was just seen queued, never more.

Asked to delete a job that has ended, a vendor erases its record, and with it the way to a clip that is paid.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from longtake.accounts.session import AccountSession
from longtake.domain.errors import LongtakeError
from longtake.domain.job import Job, JobStatus
from longtake.domain.verdicts import Verdict
from longtake.jobs.resources import RunResources
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase, State, Terminal, VerdictRecord

log = logging.getLogger("longtake.jobs.cancelling")

LONGEST_SECONDS = 8.0
"""Prefect kills half a minute after a cancel, and what the run did has to be written up before."""
FRESH_SECONDS = 3.0
"""A look that is older says nothing of now: the job may have begun, and ended."""
MOST_AT_ONCE = 8


async def cancel_queued(identities: Iterable[str], run: str, resources: RunResources, ledger: Ledger) -> list[str]:
    """Cancels the jobs that a run has bought, as far as they stand queued and their vendors document a way.

    Args:
        identities: The purchases that may have such a job.
        run: Who bought them; what others bought, or have taken up, is left alone.
        resources: The run's sessions.
        ledger: Where what was cancelled is recorded, to be bought by the next run.

    Returns:
        What runs on, in words.
    """
    purchases = await asyncio.to_thread(ledger.load, list(identities))
    now = ledger.clock()
    bought = [
        purchase
        for purchase in purchases.values()
        if purchase.state(now) is State.IN_FLIGHT and not purchase.claims and purchase.accepted is not None
    ]
    own = [(one, one.accepted.job) for one in bought if one.accepted is not None and one.accepted.job.run == run]
    going_on = {job.job_id: f"{job.shot_id}: job {job.job_id} at {job.account} runs on" for _, job in own}
    at_once = asyncio.Semaphore(MOST_AT_ONCE)

    async def stop(purchase: Purchase, job: Job) -> None:
        session = resources.sessions.get(job.account)
        if session is None or session.adapter.cancel(job.job_id) is None:
            return
        async with at_once:
            if await _is_stopped(job, session):
                await asyncio.to_thread(_record, purchase, job, ledger)
                del going_on[job.job_id]

    tasks = [asyncio.create_task(stop(purchase, job)) for purchase, job in own]
    if tasks:
        done, late = await asyncio.wait(tasks, timeout=LONGEST_SECONDS)
        for task in late:
            task.cancel()
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.warning("a job could not be cancelled: %s", error)
    return list(going_on.values())


async def _is_stopped(job: Job, session: AccountSession) -> bool:
    """Whether the job stood queued, and is now seen cancelled."""
    if job.base_url != session.account.base_url:
        return False
    try:
        asked = time.monotonic()
        if (await session.client.look(job.job_id)).status is not JobStatus.QUEUED:
            return False
        if time.monotonic() - asked > FRESH_SECONDS:
            return False
        await session.client.cancel(job.job_id)
        # Whatever was answered: what counts is how the job stands.
        return (await session.client.look(job.job_id)).status is JobStatus.CANCELLED
    except LongtakeError as error:
        log.warning("%s: job %s could not be cancelled: %s", job.shot_id, job.job_id, error)
        return False


def _record(purchase: Purchase, job: Job, ledger: Ledger) -> None:
    ledger.add_once(Terminal(identity=purchase.identity, status=JobStatus.CANCELLED))
    words = "cancelled with its run while it stood queued; the next run buys it"
    record = VerdictRecord(identity=purchase.identity, verdict=Verdict.CANCELLED, evidence=words, resubmitted=True)
    ledger.add_once(record)
    log.info("%s: job %s was cancelled while it stood queued", job.shot_id, job.job_id)
