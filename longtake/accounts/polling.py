"""Looking at jobs: one poller per account that looks at all of its jobs, at one shared rate.

When to look is `poll_schedule`'s to say; the poller only sleeps, looks and hands snapshots to those who wait. It
counts in the event loop's time: a clock that is set, forward or back, holds up no look.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from longtake.accounts.poll_schedule import LATEST_FIRST_LOOK_SECONDS, MAX_GAP_SECONDS, PollSchedule
from longtake.domain.errors import (
    JobLostError,
    RateLimitedError,
    StillRunningError,
    TerminalVendorError,
    TransientVendorError,
    UnexpectedReplyError,
    VendorError,
)
from longtake.domain.job import Alike, JobSnapshot, JobStatus

log = logging.getLogger("longtake.accounts.polling")

LOST_AFTER_LOOKS = 6
"""A vendor that denies a live job once is not believed; so many denials in a row mean the job is lost."""
BARE_SUCCESS_LOOKS = 5
"""A success without a link is asked again so often: relays set the word before the link."""
LOOKS_PER_SECOND = 20.0
LAST_LOOK_SECONDS = 60.0
"""Waiting ends so long after its time whatever holds up the last look: the waiter holds a slot."""
LONGEST_QUIET_SECONDS = 300.0
"""A vendor that asks for a longer pause is asked again after so long."""
SOON_SECONDS = 30.0
"""A job that is first waited for so long after its submit, by the clock, teaches nothing about how long jobs take."""
TELL_AFTER_SECONDS = 600.0
"""After so long it is told that a job is waited for, and again whenever twice the time has passed."""
REMEMBERED_HINTS = 1000
"""So many hints on jobs that nobody waits for (yet, or any more) are kept."""


@dataclass(eq=False)
class _Watch:
    """A job that is waited for; moments are of the event loop's time."""

    job_id: str
    born: float
    deadline: float
    future: asyncio.Future[JobSnapshot]
    on_look: Callable[[JobSnapshot], None] | None
    alike: Alike | None = None
    denials: int = 0
    bare: int = 0
    troubles: int = 0
    warned: bool = False
    teaches: bool = False
    """It is followed since its submit, and nothing has kept us from looking since it was last seen at work."""
    tell_at: float = 0.0
    due: float | None = None
    """When it is looked at next, None while it is looked at; an entry of another time in the queue is void."""
    looked_at: float = float("-inf")
    hinted: bool = False
    """A hint came during a look, which may just have missed the end."""

    @property
    def in_doubt(self) -> bool:
        """Whether the last look went wrong; no hint hastens what is counted and spaced before a job is given up."""
        return bool(self.denials or self.bare or self.troubles)


class Poller:
    """Looks at every job of one account.

    Args:
        look: Asks the vendor about one job id.
        gone: Whether an error means that the vendor does not know the job.
        shortest_gap_seconds: The account's `poll_interval_seconds`.
        max_wait_seconds: After so long, waiting ends with `StillRunningError`.
    """

    def __init__(
        self,
        look: Callable[[str], Awaitable[JobSnapshot]],
        gone: Callable[[VendorError], bool],
        *,
        shortest_gap_seconds: float,
        max_wait_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._look = look
        self._gone = gone
        self._max_wait_seconds = max_wait_seconds
        self._clock = clock
        self.schedule = PollSchedule(shortest_gap_seconds)
        self.looks = 0
        self._due: list[tuple[float, int, _Watch]] = []
        self._watches: set[_Watch] = set()
        self._hints: deque[str] = deque(maxlen=REMEMBERED_HINTS)
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._quiet_until = 0.0
        self._under_way: set[asyncio.Task[None]] = set()

    async def wait(
        self,
        job_id: str,
        *,
        submitted_at: float,
        estimated_seconds: float | None = None,
        first_look_now: bool = False,
        alike: Alike | None = None,
        on_look: Callable[[JobSnapshot], None] | None = None,
    ) -> JobSnapshot:
        """Waits for a job's end.

        Args:
            job_id: The vendor's id.
            submitted_at: Unix time of the submit; ages count from it.
            estimated_seconds: The vendor's own estimate.
            first_look_now: Look at once (a job taken up from an earlier run).
            alike: What it shares with jobs that take about as long.
            on_look: Called with every snapshot.

        Returns:
            A terminal snapshot; a succeeded one has its link.

        Raises:
            StillRunningError: `max_wait_seconds` have passed; the job runs on.
            JobLostError: The vendor does not know the job, or reports success without a link, again and again.
            VendorAccountError: The key or account is refused.
        """
        now = self._now()
        age = max(0.0, self._clock() - submitted_at)
        future: asyncio.Future[JobSnapshot] = asyncio.get_running_loop().create_future()
        deadline = now + self._max_wait_seconds
        watch = _Watch(job_id, now - age, deadline, future, on_look, alike)
        watch.teaches = not first_look_now and age <= SOON_SECONDS
        watch.tell_at = now + TELL_AFTER_SECONDS
        first = now if first_look_now else watch.born + self.schedule.first_look(estimated_seconds, alike)
        if (estimated_seconds or 0.0) > 2 * LATEST_FIRST_LOOK_SECONDS:
            words = "job %s: the vendor estimates %.3g s; it is looked at after %.0f s all the same"
            log.warning(words, job_id, estimated_seconds, max(0.0, first - now))
        self._watches.add(watch)
        self._push(watch, min(max(first, now), deadline))
        if job_id in self._hints:
            self._hints.remove(job_id)
            self.look_soon(job_id)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
        try:
            await asyncio.wait({future}, timeout=deadline - now + LAST_LOOK_SECONDS)
            if not future.done():
                raise self._still_running(watch)
            return future.result()
        finally:
            self._watches.discard(watch)
            future.cancel()

    def look_soon(self, job_id: str) -> None:
        """Brings the next look at a job forward, as far as the shortest gap and the vendor's rate allow; never blocks.

        A hint from outside, of no other worth: however many come, a job is looked at no more often than its gap says.
        """
        watches = [watch for watch in self._watches if watch.job_id == job_id]
        if not watches and job_id not in self._hints:
            self._hints.append(job_id)
        for watch in watches:
            at = max(self._now(), watch.looked_at + self.schedule.shortest_gap_seconds)
            if watch.due is None:
                watch.hinted = True
            elif at < watch.due and not watch.in_doubt:
                self._push(watch, at)

    async def close(self) -> None:
        """Stops looking."""
        tasks = [task for task in (self._loop, *self._under_way) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _push(self, watch: _Watch, at: float) -> None:
        watch.due = at
        heapq.heappush(self._due, (at, next(self._order), watch))
        self._wake.set()

    async def _run(self) -> None:
        while self._due or self._under_way:
            self._wake.clear()
            now = self._now()
            at = max(self._due[0][0], self._quiet_until) if self._due else now + 3600
            if at > now:
                # Not `wait_for`, which swallows a cancellation that meets the word to wake.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(at - now):
                        await self._wake.wait()
                continue
            at, _, watch = heapq.heappop(self._due)
            if watch.future.done() or at != watch.due:
                continue
            if now - at > max(self.schedule.shortest_gap_seconds, 0.1 * (at - watch.born)):
                watch.teaches = False  # the machine slept, or the vendor kept us waiting
            watch.due, watch.looked_at = None, now
            task = asyncio.create_task(self._look_at(watch))
            self._under_way.add(task)
            task.add_done_callback(self._looked)
            await asyncio.sleep(1 / LOOKS_PER_SECOND)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()

    async def _look_at(self, watch: _Watch) -> None:
        self.looks += 1
        try:
            snapshot = await self._look(watch.job_id)
            if watch.on_look:
                watch.on_look(snapshot)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever a look raises belongs to the one who waits
            self._trouble(watch, error)
            return
        watch.denials = watch.troubles = 0
        if not snapshot.known_word and not watch.warned:
            watch.warned = True
            log.warning(
                "job %s: the word %r is in no document; it counts as still running", watch.job_id, snapshot.word
            )
        self._seen(watch, snapshot)

    def _seen(self, watch: _Watch, snapshot: JobSnapshot) -> None:
        if watch.future.done():
            return
        age = self._now() - watch.born
        if snapshot.status is JobStatus.SUCCEEDED and not snapshot.video_url:
            watch.bare += 1
            if watch.bare >= BARE_SUCCESS_LOOKS:
                watch.future.set_exception(JobLostError("the vendor reports success without a link"))
                return
        elif snapshot.status.is_terminal:
            if snapshot.status is JobStatus.SUCCEEDED and watch.teaches:
                self.schedule.learn(age, watch.alike)
            watch.future.set_result(snapshot)
            return
        self._later(watch, self.schedule.gap(age, watch.alike))

    def _later(self, watch: _Watch, gap_seconds: float) -> None:
        now = self._now()
        if now >= watch.deadline:
            watch.future.set_exception(self._still_running(watch))
            return
        if watch.hinted and not watch.in_doubt:
            gap_seconds = self.schedule.shortest_gap_seconds
        watch.hinted = False
        if now >= watch.tell_at:
            left = watch.deadline - now
            watch.tell_at = now + self._max_wait_seconds - left
            words = "job %s has not ended after %.0f s; it is looked at again in %.0f s, and waited for %.0f s longer"
            log.warning(words, watch.job_id, now - watch.born, max(gap_seconds, self._quiet_until - now), left)
        self._push(watch, min(now + gap_seconds, watch.deadline))

    def _still_running(self, watch: _Watch) -> StillRunningError:
        return StillRunningError(f"no end after {self._now() - watch.born:.0f} s; the job runs on")

    def _trouble(self, watch: _Watch, error: Exception) -> None:
        if watch.future.done():
            return
        gap = self.schedule.gap(self._now() - watch.born, watch.alike)
        watch.teaches = False
        if isinstance(error, RateLimitedError):
            self._be_quiet(error.retry_after_seconds or 2 * gap)
        elif isinstance(error, VendorError) and self._gone(error):
            watch.denials += 1
            if watch.denials >= LOST_AFTER_LOOKS:
                watch.future.set_exception(JobLostError(f"the vendor does not know the job: {error}"))
                return
        elif not isinstance(error, TransientVendorError | UnexpectedReplyError | TerminalVendorError):
            watch.future.set_exception(error)
            return
        else:
            watch.troubles += 1
            gap = min(MAX_GAP_SECONDS, gap * 2 ** min(watch.troubles - 1, 4))
        self._later(watch, gap)

    def _be_quiet(self, seconds: float) -> None:
        """Looks at nothing for as long as the vendor asks, within reason."""
        if seconds > LONGEST_QUIET_SECONDS:
            log.warning(
                "the vendor asks for %.3g s without a look; it is asked again in %.0f s", seconds, LONGEST_QUIET_SECONDS
            )
        self._quiet_until = max(self._quiet_until, self._now() + min(seconds, LONGEST_QUIET_SECONDS))
