"""Who may have a job in flight: one pool of slots per account and process.

A slot comes from a backend that is shared by all runs (a Prefect concurrency limit) and passes from job to job inside
the process without asking again. Jobs found in flight from an earlier run count before anything new is bought, in the
slots in which that run bought them where these still stand.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

TROUBLE_PAUSE_SECONDS = 2.0
"""A backend that fails is asked again after so long."""


@dataclass
class Lease:
    """One slot held at the backend. `slot` is the backend's own name of it, by which another run can take it over."""

    id: str
    taken_at: float = field(default_factory=time.monotonic)
    slot: str = ""


@dataclass(frozen=True)
class Scarcity:
    """Why no slot is to be had just now. `needs_person`: no job's end helps, somebody has to do something."""

    words: str
    needs_person: bool = False


class SlotBackend(Protocol):
    """Where slots come from. One backend serves one account; all processes that use the account share its limit."""

    async def take(self) -> Lease | float:
        """Takes one slot, or returns the seconds after which to ask again."""
        ...

    async def give(self, lease: Lease) -> None:
        """Gives a slot back."""
        ...

    async def keep(self, lease: Lease, seconds: float) -> None:
        """Lets a slot stay taken for so long whatever becomes of us: a job is about to begin in it."""
        ...

    async def take_over(self, slot: str, seconds: float) -> Lease | None:
        """Makes a slot ours, and keeps it for so long, that another run took; None where it no longer stands."""
        ...

    async def forget(self, lease: Lease) -> None:
        """Leaves a slot that another run has taken over; it is that run's to give back."""
        ...

    async def over_limit(self) -> bool:
        """Whether more slots are held, by anyone, than the limit now allows."""
        ...

    def scarcity(self) -> Scarcity:
        """Why one waits, by what is known without asking."""
        ...

    async def close(self) -> None:
        """Stops whatever keeps leases alive."""
        ...


class FixedSlots:
    """A backend of this process alone, with a fixed number of slots."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    async def take(self) -> Lease | float:
        if self.held >= self.limit:
            return 0.05
        self.held += 1
        return Lease(id=str(self.held))

    async def give(self, lease: Lease) -> None:
        del lease
        self.held -= 1

    async def keep(self, lease: Lease, seconds: float) -> None:
        del lease, seconds

    async def take_over(self, slot: str, seconds: float) -> Lease | None:
        del slot, seconds

    async def forget(self, lease: Lease) -> None:
        await self.give(lease)

    async def over_limit(self) -> bool:
        return self.held > self.limit

    def scarcity(self) -> Scarcity:
        return Scarcity(f"{self.held} of {self.limit} slots taken")

    async def close(self) -> None:
        return None


class SlotPool:
    """Hands slots to the most urgent waiter.

    Args:
        backend: Where slots come from.
        hold_seconds: After so long a slot goes back to the backend between two jobs, so that other runs get their turn.
        linger_seconds: An idle slot is kept so long, for the next link of a chain.
    """

    def __init__(
        self,
        backend: SlotBackend,
        *,
        hold_seconds: float = 600,
        linger_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._hold_seconds = hold_seconds
        self._linger_seconds = linger_seconds
        self._clock = clock
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[Granted]]] = []
        self._idle: list[Lease] = []
        self._changed = asyncio.Event()
        self._turned = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ask_at = float("-inf")

    async def acquire(self, priority: float = 0.0) -> Lease:
        """Waits for a slot; a lower priority number is served first, equal ones in order of arrival."""
        return (await first_slot([self], priority)).lease

    def stand(self, priority: float, slot: asyncio.Future[Granted]) -> None:
        """Stands in line with a slot to be filled, which may stand in other pools' lines too: one of them fills it."""
        heapq.heappush(self._waiting, (priority, next(self._order), slot))
        self._wake()

    async def until_none_is_free(self) -> None:
        """Waits till the backend has said that it has no slot to give just now."""
        while self._idle or self._clock() >= self._ask_at:
            self._turned.clear()
            await self._turned.wait()

    @property
    def scarcity(self) -> Scarcity | None:
        """Why those who wait do; None where nobody waits."""
        return self._backend.scarcity() if any(not waiting[2].done() for waiting in self._waiting) else None

    async def keep(self, lease: Lease, seconds: float) -> None:
        """Lets a slot stay taken for so long although this process dies; to be called before a job begins in it."""
        await self._tried(self._backend.keep(lease, seconds))

    async def take_over(self, slot: str, seconds: float) -> Lease | None:
        """Makes ours, and keeps, the slot in which an earlier run bought a job; None where it no longer stands."""
        return await self._tried(self._backend.take_over(slot, seconds)) if slot else None

    async def forget(self, lease: Lease) -> None:
        """Leaves a slot to the run that has taken it over."""
        await self._tried(self._backend.forget(lease))

    def release(self, lease: Lease) -> None:
        """Passes a slot on; never blocks."""
        self._idle.append(lease)
        self._wake()

    def _wake(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._serve())
        self._changed.set()

    async def _serve(self) -> None:
        while True:
            self._changed.clear()
            await self._retire()
            self._hand_over()
            self._turned.set()
            self._ask()
            if self._waiting:
                pause = self._ask_at - self._clock()
                await self._wait(pause if pause > 0 else None)
            elif not await self._wait(self._linger_seconds) and self._asking is None:
                await self._give_idle()
                if not self._waiting and not self._idle:
                    return

    def _hand_over(self) -> None:
        while self._waiting:
            if self._waiting[0][2].done():  # it gave up, or another pool has served it
                heapq.heappop(self._waiting)
            elif self._idle:
                heapq.heappop(self._waiting)[2].set_result(Granted(self, self._idle.pop()))
            else:
                return

    def _ask(self) -> None:
        """Asks the backend for one slot if any is wanted. A slot that comes free before it answers is passed on.

        One at a time: writers that crowd a Prefect server on SQLite keep one another waiting for seconds.
        """
        if self._asking is None and self._waiting and self._clock() >= self._ask_at:
            self._asking = asyncio.create_task(self._take())
            self._asking.add_done_callback(self._asked)

    async def _take(self) -> None:
        taken = await self._tried(self._backend.take())
        if isinstance(taken, Lease):
            self._idle.append(taken)
        else:
            self._ask_at = self._clock() + (TROUBLE_PAUSE_SECONDS if taken is None else taken)

    async def _tried(self, step: Awaitable[T]) -> T | None:
        """What the backend answers, None where it fails: no waiter hangs and nobody is asked without end for that."""
        try:
            return await step
        except Exception as error:
            log.warning("slots: %s: %s", type(error).__name__, error)
            return None

    def _asked(self, task: asyncio.Task[None]) -> None:
        del task
        self._asking = None
        self._changed.set()

    async def _retire(self) -> None:
        """Sends back slots that were held long, or that a lowered limit no longer allows."""
        for lease in list(self._idle):
            old = self._clock() - lease.taken_at > self._hold_seconds
            if old or await self._tried(self._backend.over_limit()):
                self._idle.remove(lease)
                await self._tried(self._backend.give(lease))

    async def _wait(self, seconds: float | None) -> bool:
        # Not `wait_for`: it swallows a cancellation that meets the change, and closing would wait till all lingered.
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _give_idle(self) -> None:
        while self._idle:
            await self._tried(self._backend.give(self._idle.pop()))

    async def close(self) -> None:
        """Gives every idle slot back and stops."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._asking is not None:
            await asyncio.wait([self._asking])
        await self._give_idle()
        await self._tried(self._backend.close())


class Granted(NamedTuple):
    """A slot and the pool that it is of."""

    pool: SlotPool
    lease: Lease

    def release(self) -> None:
        """Passes it on to the next in its line."""
        self.pool.release(self.lease)


async def first_slot(pools: Sequence[SlotPool], priority: float) -> Granted:
    """Waits at several pools at once and takes one slot: of the first that has one free, else of who has one first."""
    slot: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()
    try:
        for pool in pools:
            pool.stand(priority, slot)
            if pool is pools[-1]:
                break
            asking = asyncio.ensure_future(pool.until_none_is_free())
            try:
                await asyncio.wait({slot, asking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                asking.cancel()
            if slot.done():
                break
        return await slot
    except asyncio.CancelledError:
        if not slot.cancel() and not slot.cancelled():
            slot.result().release()
        raise
