"""From a bought job to a clip in the ledger: wait for the end, fetch, check, keep. Nothing here buys anything."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from longtake.desk import Desk
from longtake.download import fetch, part_file
from longtake.errors import (
    ConfigurationError,
    ContentRefusedError,
    IncompleteDownloadError,
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    JobLostError,
    PublishConflictError,
    ResultExpiredError,
    StillRunningError,
    UnfitClipError,
    UnreadableClipError,
    VendorError,
)
from longtake.guard import GuardedClient
from longtake.identity import unsigned_url
from longtake.job import Clip, Job, JobFailure, JobSnapshot, JobStatus
from longtake.ledger import CLIP_NAME, Ledger
from longtake.records import ClipRecord, Terminal, VerdictRecord
from longtake.verdicts import Verdict

log = logging.getLogger("longtake.delivery")

DOWNLOAD_TRIES = 5
OTHER_RUN_PAUSE_SECONDS, OTHER_RUN_LOOKS = 0.5, 1200
"""How long another process of this machine is waited for that fetches the same clip: ten minutes."""


@dataclass(frozen=True)
class Checked:
    """What the gate found in a downloaded file. `faults` are the strict findings in words, `findings` all of them."""

    clip: Clip
    faults: tuple[str, ...] = ()
    findings: tuple[dict[str, object], ...] = field(default=())


CheckClip = Callable[[Path, str], Awaitable[Checked]]
"""Looks at a downloaded file, given its SHA-256; raises `UnreadableClipError` where it is no sound video."""


def require_same_address(job: Job, desk: Desk) -> None:
    """The key goes only to the credentials' own address, whatever a record says.

    Raises:
        ConfigurationError: The record names another address.
    """
    if job.base_url != desk.account.base_url:
        raise ConfigurationError(
            f"job {job.job_id} was bought at {job.base_url}, but the credentials {desk.account.name} now name "
            f"{desk.account.base_url}; the key is not sent there. Set the base address back to finish this job"
        )


async def await_end(job: Job, desk: Desk, ledger: Ledger, *, taken_up: bool = False) -> JobSnapshot:
    """Waits for a job's end and records it.

    Args:
        job: As the ledger knows it.
        desk: The account that bought it.
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
    require_same_address(job, desk)
    seen = _Seen()
    snapshot = await desk.poller.wait(
        job.job_id,
        submitted_at=job.submitted_at,
        estimated_seconds=job.estimated_seconds,
        first_look_now=taken_up,
        on_look=seen.note,
    )
    snapshot = snapshot.model_copy(update={"seen_running_at": seen.running_at})
    await asyncio.to_thread(_record_end, job, snapshot, desk, ledger)
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


def _record_end(job: Job, snapshot: JobSnapshot, desk: Desk, ledger: Ledger) -> None:
    succeeded = snapshot.status is JobStatus.SUCCEEDED
    ledger.add_once(
        Terminal(
            identity=job.identity,
            status=snapshot.status,
            failure=snapshot.failure,
            link=unsigned_url(snapshot.video_url) if snapshot.video_url else "",
            expires_at=ledger.clock() + desk.adapter.link_seconds if succeeded else None,
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


async def bring_home(
    job: Job, desk: Desk, ledger: Ledger, media: GuardedClient, check: CheckClip, *, link: str | None = None
) -> Clip:
    """Fetches a finished job's clip into the ledger.

    Args:
        job: A job that ended well.
        desk: The account that bought it.
        ledger: Where the clip is kept and recorded.
        media: The keyless client.
        check: The gate.
        link: The vendor's link if it was just told; else it is asked for.

    Raises:
        JobLostError: The vendor no longer has the clip, or never gave a sound file.
        UnfitClipError: The clip is kept and recorded, but did not pass the gate.
        StillRunningError: The vendor or another run is not ready yet; try again later.
    """
    if (clip := await _already_published(job, ledger, check)) is not None:
        return clip
    trouble: Exception | None = None
    for number in range(DOWNLOAD_TRIES):
        if number:
            await asyncio.sleep(min(8.0, 0.25 * 2**number))
        if link is None:
            link = await _fresh_link(job, desk)
        try:
            return await _fetch_once(job, ledger, media, check, link)
        except (ResultExpiredError, UnreadableClipError) as error:
            trouble, link = error, None
        except IncompleteDownloadError as error:
            trouble = error
            if number >= 2:
                link = None
        log.warning("%s: %s", job.shot_id, trouble)
    raise JobLostError(f"the clip did not come in {DOWNLOAD_TRIES} tries: {trouble}")


async def _already_published(job: Job, ledger: Ledger, check: CheckClip) -> Clip | None:
    """Records a clip that an earlier run published and was killed before recording."""
    key = ledger.clip_key(job.identity)
    path = ledger.store.local(key)
    if path is None or not path.exists() or (await asyncio.to_thread(ledger.purchase, job.identity)).clip is not None:
        return None
    sha256 = await asyncio.to_thread(ledger.store.sha256, key)
    try:
        checked = await check(path, sha256 or "")
    except UnreadableClipError:
        return None
    return await asyncio.to_thread(_record_clip, job, ledger, checked.clip.model_copy(update={"key": key}), checked)


async def _fresh_link(job: Job, desk: Desk) -> str:
    require_same_address(job, desk)
    try:
        snapshot = await desk.poller.wait(job.job_id, submitted_at=job.submitted_at, first_look_now=True)
    except VendorError as error:
        raise StillRunningError(f"no fresh link: {error}") from None
    if not snapshot.video_url:
        raise JobLostError(f"the vendor has no link: {snapshot.word}")
    return snapshot.video_url


async def _fetch_once(job: Job, ledger: Ledger, media: GuardedClient, check: CheckClip, link: str) -> Clip:
    """One try, or the clip that another run fetches meanwhile."""
    for _ in range(OTHER_RUN_LOOKS):
        try:
            return await _fetch_alone(job, ledger, media, check, link)
        except PublishConflictError:
            await asyncio.sleep(OTHER_RUN_PAUSE_SECONDS)
        if (record := (await asyncio.to_thread(ledger.purchase, job.identity)).clip) is not None:
            return record.clip
    raise StillRunningError("another run is fetching this clip")


async def _fetch_alone(job: Job, ledger: Ledger, media: GuardedClient, check: CheckClip, link: str) -> Clip:
    key = ledger.clip_key(job.identity)
    folder = await asyncio.to_thread(ledger.store.work_folder, key)
    with part_file(folder, CLIP_NAME) as part:
        sha256 = await fetch(media, link, part)
        try:
            checked = await check(part, sha256)
        except UnreadableClipError:
            part.unlink()
            raise
        return await asyncio.to_thread(_keep, job, ledger, key, part, checked)


def _keep(job: Job, ledger: Ledger, key: str, part: Path, checked: Checked) -> Clip:
    clip = checked.clip.model_copy(update={"key": key})
    purchase = ledger.purchase(job.identity)
    known = purchase.clip.clip if purchase.clip else purchase.verdict.clip if purchase.verdict else None
    if known is not None and known.sha256 != clip.sha256:
        part.unlink()
        raise UnreadableClipError(f"the vendor now gives other bytes than were recorded ({known.sha256[:12]}…)")
    ledger.store.publish(part, key)
    return _record_clip(job, ledger, clip, checked)


def _record_clip(job: Job, ledger: Ledger, clip: Clip, checked: Checked) -> Clip:
    findings = [dict(finding) for finding in checked.findings]
    if checked.faults:
        words = "; ".join(checked.faults)
        record = VerdictRecord(identity=job.identity, verdict=Verdict.BAD_CLIP, evidence=words, again=True, clip=clip)
        ledger.add_once(record.model_copy(update={"findings": findings}))
        raise UnfitClipError(words)
    ledger.add_once(ClipRecord(identity=job.identity, clip=clip, findings=findings))
    log.info("%s: clip %s, %d frames", job.shot_id, clip.sha256[:12], clip.frames)
    return clip


def is_at_home(ledger: Ledger, clip: Clip) -> bool:
    """Whether a recorded clip's file is there, whole: by hash where the store is local, by size where it is remote."""
    if ledger.store.size(clip.key) != clip.size_bytes:
        return False
    return ledger.store.local(clip.key) is None or ledger.store.sha256(clip.key) == clip.sha256
