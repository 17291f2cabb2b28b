"""Fetching a finished job's clip into the ledger: fresh links, other runs, hosts that break off, the gate.

What comes is put away by `keeping`; what may pass is waited for, and a fault of our machine is told as one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from longtake.accounts.session import AccountSession
from longtake.domain.errors import (
    IncompleteDownloadError,
    JobLostError,
    PublishConflictError,
    ResultExpiredError,
    SlowDownloadError,
    StillRunningError,
    UnreadableClipError,
    VendorError,
)
from longtake.domain.job import Clip, Job
from longtake.domain.machine import our_machine
from longtake.files.web.fetch import drop, fetch, part_file, sha256_of, whole_part
from longtake.files.web.fetch_bounds import FetchBounds
from longtake.files.web.guard import GuardedClient
from longtake.jobs.keeping import CheckClip, is_at_home, keep, take_published
from longtake.jobs.wait import require_same_address
from longtake.ledger.ledger import CLIP_NAME, Ledger
from longtake.ledger.records import Expectation

log = logging.getLogger("longtake.jobs.download")

DOWNLOAD_TRIES = 5
"""So often a damaged file or a dead link is asked for anew, with a fresh link each time."""
VAIN_TRIES = 3
"""So often a host may break off without getting further, or be too slow, before the run goes on without this clip."""
SHORT_PATIENCE_SECONDS = 24 * 3600
"""So long after a job's end its host may go on giving less than it promises before its clip counts as lost."""
LEAST_TRIES = DOWNLOAD_TRIES + 1
"""So often a host is asked whatever time is left."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
OTHER_RUN_PAUSE_SECONDS, OTHER_RUN_LOOKS = 0.5, 1200
"""How long another process of this machine is waited for that fetches the same clip: ten minutes."""


async def download_clip(
    job: Job,
    session: AccountSession,
    ledger: Ledger,
    media: GuardedClient,
    check: CheckClip,
    *,
    link: str | None = None,
) -> Clip:
    """Fetches a finished job's clip into the ledger.

    Args:
        job: A job that ended well.
        session: The account that bought it.
        ledger: Where the clip is kept and recorded.
        media: The keyless client.
        check: The gate.
        link: The vendor's link if it was just told; else it is asked for.

    Raises:
        JobLostError: The vendor no longer has the clip, or never gave a sound file.
        UnfitClipError: The clip is kept and recorded, but did not pass the gate.
        StillRunningError: The vendor, its media host or another run is not ready yet; try again later.
        MachineError: A fault of our own machine; what was fetched is kept, and the next run goes on from there.
    """
    with our_machine():
        if (clip := await take_published(job, ledger, check)) is not None:
            return clip
        if (clip := await _take_whole(job, ledger, check)) is not None:
            return clip
        intent = (await asyncio.to_thread(ledger.latest, job.identity)).intent
        bounds = FetchBounds.of(intent.expected if intent else Expectation())
        errand = _Errand(job, session, ledger, media, check, bounds)
        return await errand.run(link)


async def _take_whole(job: Job, ledger: Ledger, check: CheckClip) -> Clip | None:
    """Checks and keeps what an earlier run fetched whole, before a fault of the machine stopped it."""
    key = ledger.clip_key(job.identity)
    folder = await asyncio.to_thread(ledger.store.work_folder, key)
    if not (folder / f"{CLIP_NAME}.part").exists():
        return None
    try:
        with part_file(folder, CLIP_NAME) as part:
            if (sha256 := await asyncio.to_thread(whole_part, part)) is None:
                return None
            try:
                return await asyncio.to_thread(keep, job, ledger, part, await check(part, sha256))
            except UnreadableClipError:
                await asyncio.to_thread(drop, part)
    except PublishConflictError:
        pass  # another run is at it, and is waited for where it is fetched
    return None


@dataclass
class _Errand:
    """Fetching one clip: what went wrong so far, and whether another try may help."""

    job: Job
    session: AccountSession
    ledger: Ledger
    media: GuardedClient
    check: CheckClip
    bounds: FetchBounds
    trouble: str = ""
    link_is_dead: bool = False
    dead: int = 0
    damaged: list[str] = field(default_factory=list[str])
    vain: int = 0
    most_bytes: int = 0
    pause_seconds: float = FIRST_PAUSE_SECONDS

    async def run(self, link: str | None) -> Clip:
        begun = time.monotonic()
        patience_seconds = self.session.account.max_wait_seconds
        tries = 0
        while True:
            if link is None or self.link_is_dead or tries % 4 == 3:
                link = await self._fresh_link(link)
            tries += 1
            try:
                return await self._fetch_once(link)
            except (ResultExpiredError, UnreadableClipError, IncompleteDownloadError) as error:
                self._weigh(error)
                if self.vain >= VAIN_TRIES:
                    return await self._stalled(error)
            left_seconds = max(0.0, begun + patience_seconds - time.monotonic())
            # However slow our own machine is, the host is asked more than once before it counts as away.
            if not left_seconds and tries >= LEAST_TRIES:
                raise StillRunningError(
                    f"the media host has not given the clip within {patience_seconds:.0f} s: {self.trouble}"
                )
            await asyncio.sleep(min(self.pause_seconds, left_seconds))
            self.pause_seconds = min(LONGEST_PAUSE_SECONDS, 2 * self.pause_seconds)

    def _weigh(self, error: Exception) -> None:
        """Notes what went wrong; raises where no other try helps."""
        words = str(error)
        (log.debug if words == self.trouble else log.warning)("%s: %s", self.job.shot_id, words)
        self.trouble = words
        self.link_is_dead = not isinstance(error, IncompleteDownloadError)
        if isinstance(error, ResultExpiredError):
            self.dead += 1
            if self.dead >= DOWNLOAD_TRIES:
                raise JobLostError(f"the vendor no longer has the clip: {self.dead} links were dead; {words}")
        elif isinstance(error, UnreadableClipError):
            self.damaged.append(words)
            if len(self.damaged) >= DOWNLOAD_TRIES:
                raise JobLostError(f"the clip did not come in {DOWNLOAD_TRIES} tries: {words}")
        elif isinstance(error, IncompleteDownloadError):
            self._weigh_progress(error)

    def _weigh_progress(self, error: IncompleteDownloadError) -> None:
        is_further = error.kept_bytes > self.most_bytes
        self.most_bytes = max(self.most_bytes, error.kept_bytes)
        if isinstance(error, SlowDownloadError) or (error.kept_bytes and not is_further):
            self.vain += 1
        elif is_further:
            self.vain, self.pause_seconds = 0, FIRST_PAUSE_SECONDS

    async def _stalled(self, error: Exception) -> Clip:
        """What a host has given that gets no further: the clip, where it is whole whatever length was promised.

        Raises:
            JobLostError: It is none, and the host had long enough.
            StillRunningError: It may come yet.
        """
        if isinstance(error, SlowDownloadError):
            raise StillRunningError(f"the media host does not get on: {error}")
        if (clip := await self._short_but_whole(str(error))) is not None:
            return clip
        since_end = await asyncio.to_thread(self._seconds_since_end)
        if since_end > SHORT_PATIENCE_SECONDS:
            raise JobLostError(
                f"the media host ends at the same byte each time, {since_end / 3600:.0f} h after the job's end, and "
                f"what comes is no whole clip: {error}"
            )
        left_hours = (SHORT_PATIENCE_SECONDS - since_end) / 3600
        raise StillRunningError(
            f"the media host does not get on: {error}; what came is no whole clip, and runs of the next "
            f"{left_hours:.0f} h ask again"
        )

    async def _short_but_whole(self, words: str) -> Clip | None:
        """The clip that came, though its host promised more; None unless the gate has nothing against its length."""
        key = self.ledger.clip_key(self.job.identity)
        folder = await asyncio.to_thread(self.ledger.store.work_folder, key)
        try:
            with part_file(folder, CLIP_NAME) as part:
                if not part.stat().st_size:
                    return None
                checked = await self.check(part, await asyncio.to_thread(sha256_of, part))
                if checked.faults or any(each.get("check") == "duration" for each in checked.findings):
                    return None
                log.warning("%s: kept, for it is whole: %s", self.job.shot_id, words)
                return await asyncio.to_thread(keep, self.job, self.ledger, part, checked)
        except (UnreadableClipError, PublishConflictError):
            return None

    def _seconds_since_end(self) -> float:
        ended = self.ledger.latest(self.job.identity).terminal
        return self.ledger.clock() - ended.at if ended is not None else 0.0

    async def _fresh_link(self, before: str | None) -> str:
        """Another link; the one before where the vendor gives none now and it may still come to life."""
        job, session = self.job, self.session
        require_same_address(job, session)
        try:
            snapshot = await session.poller.wait(job.job_id, submitted_at=job.submitted_at, first_look_now=True)
        except (VendorError, JobLostError, StillRunningError) as error:
            if before is not None and not self.link_is_dead:
                return before
            if isinstance(error, VendorError):
                raise StillRunningError(f"no fresh link: {error}") from None
            raise
        if not snapshot.video_url:
            raise JobLostError(f"the vendor has no link: {snapshot.word}")
        return snapshot.video_url

    async def _fetch_once(self, link: str) -> Clip:
        """One try, or the clip that another run fetches meanwhile."""
        for _ in range(OTHER_RUN_LOOKS):
            try:
                return await self._fetch_alone(link)
            except PublishConflictError:
                await asyncio.sleep(OTHER_RUN_PAUSE_SECONDS)
            record = (await asyncio.to_thread(self.ledger.purchase, self.job.identity)).clip
            if record is not None and await asyncio.to_thread(is_at_home, self.ledger, record.clip):
                return record.clip
        raise StillRunningError("another run is fetching this clip")

    async def _fetch_alone(self, link: str) -> Clip:
        key = self.ledger.clip_key(self.job.identity)
        folder = await asyncio.to_thread(self.ledger.store.work_folder, key)
        with part_file(folder, CLIP_NAME) as part:
            async with self.media.downloads:
                sha256 = await fetch(self.media, link, part, self.bounds)
            try:
                checked = await self.check(part, sha256)
            except UnreadableClipError:
                await asyncio.to_thread(drop, part)
                raise
            return await asyncio.to_thread(keep, self.job, self.ledger, part, checked)
