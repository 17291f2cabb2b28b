"""Links of chains that are about to be ready: they stand in line for a slot from the end of their parent's job on.

Else a slot that comes free while the parent's clip is fetched would go to a shot that can wait, and the longest chain,
which decides when the run ends, would wait for a whole job of that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from longtake.accounts.session import AccountSession
from longtake.accounts.slots import Granted, SlotPool, first_slot
from longtake.planning.plan import Shot
from longtake.rendering.buying.places import Places
from longtake.rendering.scheduler import Turns

HELD_SHARE = 0.1
LEAST_HELD_SECONDS, MOST_HELD_SECONDS = 2.0, 15.0
"""A slot stays empty for a link for so much of its job's expected time, within these bounds."""


@dataclass
class _Place:
    """One link's place in line."""

    slot: asyncio.Task[Granted]
    timer: asyncio.TimerHandle | None = None

    def leave(self) -> None:
        """Leaves the line; a slot that it has goes to the next."""
        if self.timer is not None:
            self.timer.cancel()
        if not self.slot.cancel() and not self.slot.cancelled() and self.slot.exception() is None:
            self.slot.result().release()


@dataclass
class ComingLinks:
    """The links of one run that stand in line before they are ready."""

    turns: Turns
    places: Places
    open_to: Callable[[Shot, int], Awaitable[Sequence[AccountSession]]]
    _standing: dict[Shot, _Place] = field(default_factory=dict[Shot, _Place])

    async def call(self, parent: Shot) -> None:
        """Lets the links that go on from a shot whose job has ended stand in line; on return they have their places."""
        for shot in self.turns.next_links[parent]:
            if self.places.has_room(self.turns.place[shot]):
                with contextlib.suppress(Exception):  # told when the link's own turn comes
                    sessions = await self.open_to(shot, shot.next_attempt)
                    await self._stand(shot, [session.slots for session in sessions])

    async def _stand(self, shot: Shot, pools: Sequence[SlotPool]) -> None:
        place = self._standing[shot] = _Place(asyncio.create_task(first_slot(pools, self.turns.rank[shot])))
        expected_seconds = self.turns.expected(shot)
        held_seconds = min(max(LEAST_HELD_SECONDS, HELD_SHARE * expected_seconds), MOST_HELD_SECONDS)

        def hold(slot: asyncio.Task[Granted]) -> None:
            if not slot.cancelled() and self._standing.get(shot) is place:
                place.timer = asyncio.get_running_loop().call_later(held_seconds, self.leave, shot)

        place.slot.add_done_callback(hold)
        await asyncio.sleep(0)  # it stands in line now

    async def slot(self, shot: Shot, pools: Sequence[SlotPool]) -> Granted:
        """The slot of a shot that is ready now: the one that stands empty for it, or the next in its turn."""
        if (place := self._standing.pop(shot, None)) is not None:
            if place.timer is not None:
                place.timer.cancel()
            try:
                slot = await place.slot
            except BaseException:
                place.leave()
                raise
            if slot.pool in pools:
                return slot
            slot.release()  # its account was closed meanwhile
        return await first_slot(pools, self.turns.rank[shot])

    def leave(self, shot: Shot) -> None:
        """Gives up a shot's place, where it has one: its clip does not come, or not soon."""
        if (place := self._standing.pop(shot, None)) is not None:
            place.leave()

    def leave_all(self) -> None:
        """Gives up every place."""
        for shot in list(self._standing):
            self.leave(shot)
