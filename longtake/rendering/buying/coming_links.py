"""Links of chains that are about to be ready: they stand in line for a slot from the end of their parent's job on.

Else a slot that comes free while the parent's clip is fetched would go to a shot that can wait, and the longest chain,
which decides when the run ends, would wait for a whole job of that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from longtake.accounts.session import AccountSession
from longtake.accounts.slots import Lease, SlotPool
from longtake.planning.plan import Shot
from longtake.rendering.buying.places import Places
from longtake.rendering.scheduler import Turns

HELD_SHARE = 0.1
LEAST_HELD_SECONDS, MOST_HELD_SECONDS = 2.0, 15.0
"""A slot stays empty for a link for so much of its job's expected time, within these bounds."""


@dataclass
class _Place:
    """One link's place in line."""

    slots: SlotPool
    lease: asyncio.Task[Lease]
    timer: asyncio.TimerHandle | None = None

    def leave(self) -> None:
        """Leaves the line; a slot that it has goes to the next."""
        if self.timer is not None:
            self.timer.cancel()
        if not self.lease.cancel() and not self.lease.cancelled() and self.lease.exception() is None:
            self.slots.release(self.lease.result())


@dataclass
class ComingLinks:
    """The links of one run that stand in line before they are ready."""

    turns: Turns
    places: Places
    session: Callable[[str], Awaitable[AccountSession]]
    _standing: dict[Shot, _Place] = field(default_factory=dict[Shot, _Place])

    async def call(self, parent: Shot) -> None:
        """Lets the links that go on from a shot whose job has ended stand in line; on return they have their places."""
        for shot in self.turns.next_links[parent]:
            if self.places.has_room(self.turns.place[shot]):
                with contextlib.suppress(Exception):  # told when the link's own turn comes
                    await self._stand(shot, (await self.session(shot.account)).slots)

    async def _stand(self, shot: Shot, slots: SlotPool) -> None:
        place = self._standing[shot] = _Place(slots, asyncio.create_task(slots.acquire(self.turns.rank[shot])))
        expected_seconds = self.turns.expected(shot)
        held_seconds = min(max(LEAST_HELD_SECONDS, HELD_SHARE * expected_seconds), MOST_HELD_SECONDS)

        def hold(lease: asyncio.Task[Lease]) -> None:
            if not lease.cancelled() and self._standing.get(shot) is place:
                place.timer = asyncio.get_running_loop().call_later(held_seconds, self.leave, shot)

        place.lease.add_done_callback(hold)
        await asyncio.sleep(0)  # it stands in line now

    async def slot(self, shot: Shot, slots: SlotPool) -> Lease:
        """The slot of a shot that is ready now: the one that stands empty for it, or the next in its turn."""
        place = self._standing.pop(shot, None)
        if place is None:
            return await slots.acquire(self.turns.rank[shot])
        if place.timer is not None:
            place.timer.cancel()
        try:
            return await place.lease
        except BaseException:
            place.leave()
            raise

    def leave(self, shot: Shot) -> None:
        """Gives up a shot's place, where it has one: its clip does not come, or not soon."""
        if (place := self._standing.pop(shot, None)) is not None:
            place.leave()

    def leave_all(self) -> None:
        """Gives up every place."""
        for shot in list(self._standing):
            self.leave(shot)
