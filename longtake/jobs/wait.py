"""Waiting for the end of a bought job, and recording it. Nothing here buys anything."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from longtake.accounts.session import AccountSession
from longtake.domain.addresses import unsigned_url
from longtake.domain.errors import (
    ConfigurationError,
    ContentRefusedError,
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
)
from longtake.domain.job import Job, JobFailure, JobSnapshot, JobStatus
from longtake.domain.verdicts import Verdict
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Terminal, VerdictRecord


def require_same_address(job: Job, session: AccountSession) -> None:
    """The key goes only to the credentials' own address, whatever a record says.

    Raises:
        ConfigurationError: The record names another address.
    """
    if job.base_url != session.account.base_url:
        raise ConfigurationError(
            f"job {job.job_id} was bought at {job.base_url}, but the credentials {session.account.name} now name "
            f"{session.account.base_url}; the key is not sent there. Set the base address back to finish this job"
        )


async def await_end(job: Job, session: AccountSession, ledger: Ledger, *, taken_up: bool = False) -> JobSnapshot:
    """Waits for a job's end and records it.

    Args:
        job: As the ledger knows it.
        session: The account that bought it.
        ledger: Where the end is recorded.
        taken_up: The job comes from an earlier run and may have ended long ago.

    Returns:
        The snapshot of a success, with a live link.

    Raises:
        StillRunningError: Waited long enough; the job can be taken up again.
        JobLostError: The vendor no longer knows it.
        JobFailedError, JobCancelledError, JobExpiredError: It ended so; recorded.
        ContentRefusedError: Moderation refused the result; recorded.
        VendorAccountError: The key is refused; the job can be taken up again.
        ConfigurationError: The record names another address than the credentials.
    """
    require_same_address(job, session)
    seen = _Seen()
    snapshot = await session.poller.wait(
        job.job_id,
        submitted_at=job.submitted_at,
        estimated_seconds=job.estimated_seconds,
        first_look_now=taken_up,
        alike=job.alike,
        on_look=seen.note,
    )
    snapshot = snapshot.model_copy(update={"seen_running_at": seen.running_at})
    await asyncio.to_thread(_record_end, job, snapshot, session, ledger)
    failure = snapshot.failure or JobFailure(message=f"the vendor reports {snapshot.word or snapshot.status.value}")
    if failure.content_refused:
        raise ContentRefusedError(failure.message, failure.code)
    if snapshot.status is JobStatus.FAILED:
        raise JobFailedError(failure.message, failure.code, failure.retryable)
    if snapshot.status is JobStatus.CANCELLED:
        raise JobCancelledError(failure.message)
    if snapshot.status is JobStatus.EXPIRED:
        raise JobExpiredError(failure.message)
    return snapshot


@dataclass
class _Seen:
    """When a job was first found at work. Without a look that found it queued before, nobody knows how long it was."""

    queued: bool = False
    running_at: float | None = None

    def note(self, snapshot: JobSnapshot) -> None:
        self.queued = self.queued or snapshot.status is JobStatus.QUEUED
        if snapshot.status is JobStatus.RUNNING and self.queued and self.running_at is None:
            self.running_at = time.time()


def _record_end(job: Job, snapshot: JobSnapshot, session: AccountSession, ledger: Ledger) -> None:
    succeeded = snapshot.status is JobStatus.SUCCEEDED
    ledger.add_once(
        Terminal(
            identity=job.identity,
            status=snapshot.status,
            failure=snapshot.failure,
            link=unsigned_url(snapshot.video_url) if snapshot.video_url else "",
            expires_at=ledger.clock() + session.adapter.link_seconds if succeeded else None,
            usage=snapshot.usage,
        )
    )
    if succeeded:
        return
    failure = snapshot.failure or JobFailure()
    verdict = Verdict.CANCELLED if snapshot.status is JobStatus.CANCELLED else Verdict.FAILED
    if failure.content_refused:
        verdict = Verdict.CONTENT_REFUSED
    words = "; ".join(part for part in (failure.code, failure.message) if part) or snapshot.word
    again = verdict is Verdict.FAILED and (failure.retryable or snapshot.status is JobStatus.EXPIRED)
    ledger.add_once(VerdictRecord(identity=job.identity, verdict=verdict, evidence=words, again=again))
