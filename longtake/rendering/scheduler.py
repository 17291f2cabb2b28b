"""Whose turn it is in one run: for a place under its limit, for a slot, and which reels are under way at once.

A reel that waits for its turn costs nothing: no task, no place in a queue for slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from longtake.domain.events import TAKES_UP, RunEvent
from longtake.planning.forecast import JobTimes, expected_seconds
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot, Standing
from longtake.planning.turns import reels_by_rank, reels_in_line, slot_ranks

OPEN_REELS = 500
"""Reels under way at once per account: enough for its slots, and for chains that wait for their next one."""
WAITING_REELS = 100
"""Of these, such as wait for their first slot: enough that one is ready whenever a slot comes free."""
COMING_REELS = 100
"""Of these, such as have clips fetched, checked and joined alone: more than that at once are only behind."""

_NOT_THIS_RUNS = (Standing.DONE, Standing.AWAITS)

OnEvent = Callable[[RunEvent, Shot, str], None]
"""Called with an event, its shot and words."""
Bring = Callable[[Sequence[Shot]], Coroutine[Any, Any, None]]
"""Brings the shots of one reel to their end; never raises."""


class Turns:
    """The turns of one run.

    `place` is where a shot stands in line for a place under the run's limit; `rank` for a slot; `reels` are in the
    order in which they are opened; `next_links` are bought as soon as the shot that they continue is here.
    """

    def __init__(self, plan: Plan, options: RenderOptions, held: Collection[str], times: JobTimes) -> None:
        line = [shot for reel in opening_order(plan) for shot in reel]
        self.place = {shot: place for place, shot in enumerate(line)}
        self.expected = expected_seconds(times)
        self.to_buy = [shot for shot in line if shot.standing.buys and shot.row.reel not in held]
        over = {shot for shot in line if shot.standing in _NOT_THIS_RUNS or shot.row.reel in held}
        self.rank = slot_ranks(line, options.order, lambda shot: 0.0 if shot in over else self.expected(shot))
        # Places under a limit go to the first in line, who must be open to take them.
        self.reels = opening_order(plan, self.rank if options.limit is None else None)
        self.next_links = _NextLinks()
        for shot in self.to_buy:
            if shot.parent is not None and not (shot.parent.choice is not None and shot.parent.choice.is_open):
                self.next_links.setdefault(shot.parent, []).append(shot)


class _NextLinks(dict[Shot, list[Shot]]):
    """Shots by the one that they continue. Most have none behind them, and being asked notes nothing."""

    def __missing__(self, shot: Shot) -> list[Shot]:
        return []


def opening_order(plan: Plan, ranks: Mapping[Shot, int] | None = None) -> list[list[Shot]]:
    """The reels as they are opened: by the slots that they ask for first, without ranks in line."""
    line = reels_in_line(plan.shots)
    return line if ranks is None else reels_by_rank(line, ranks)


class Window:
    """The reels of one run that are under way: so many at once per account, and few of them that have no job there.

    Accounts do not wait for one another: a manifest sorted by vendor still keeps all of them busy. A reel that has
    begun (a job of it was bought, or taken up) makes room for the next one that waits for its first slot; since reels
    are opened by rank, no slot goes to another shot for that. While clips come home more slowly than vendors make
    them, no more reels are opened: what is paid and not here yet takes memory, and its links die.

    Args:
        on_event: Who else listens to the run's events.
        most_open: Reels of an account under way at once.
        most_waiting: Of these, such as have not begun.
        most_coming: Of these, such as ask nothing of a vendor any more, or not before a clip is here.
    """

    def __init__(
        self,
        on_event: OnEvent,
        *,
        most_open: int = OPEN_REELS,
        most_waiting: int = WAITING_REELS,
        most_coming: int = COMING_REELS,
    ) -> None:
        self._on_event = on_event
        self._most = most_open, most_waiting, most_coming
        self._open: dict[str, _UnderWay] = {}
        """By reel that is under way, all that are so at its accounts."""

    def tell(self, event: RunEvent, shot: Shot, words: str) -> None:
        """Hears an event of the run and passes it on."""
        if (under_way := self._open.get(shot.row.reel)) is not None:
            under_way.hear(event, shot)
        self._on_event(event, shot, words)

    async def bring(self, reels: Iterable[Sequence[Shot]], bring: Bring) -> None:
        """Brings every reel to its end, opened in the order given; cancelling waits until all have stopped."""
        queues: dict[frozenset[str], list[Sequence[Shot]]] = {}
        for shots in reels:
            queues.setdefault(_accounts(shots), []).append(shots)
        async with asyncio.TaskGroup() as group:
            for queue in queues.values():
                group.create_task(self._bring_all(queue, bring, group))

    async def _bring_all(self, queue: Iterable[Sequence[Shot]], bring: Bring, group: asyncio.TaskGroup) -> None:
        under_way = _UnderWay(*self._most)
        for shots in queue:
            await under_way.room()
            reel = shots[0].row.reel
            self._open[reel] = under_way
            under_way.add(reel)
            group.create_task(bring(shots)).add_done_callback(partial(self._ended, reel))

    def _ended(self, reel: str, task: asyncio.Task[None]) -> None:
        del task
        self._open.pop(reel).remove(reel)


@dataclass
class _UnderWay:
    """The reels under way at the same accounts: those that have not begun, and those that only come home."""

    most_open: int
    most_waiting: int
    most_coming: int
    _asking: dict[str, set[Shot]] = field(default_factory=dict[str, set[Shot]])
    """By reel, its shots that wait for a slot or have a job in flight."""
    _waiting: set[str] = field(default_factory=set[str])
    _coming: set[str] = field(default_factory=set[str])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def room(self) -> None:
        """Waits until another reel may be opened."""
        while (
            len(self._asking) >= self.most_open
            or len(self._waiting) >= self.most_waiting
            or len(self._coming) >= self.most_coming
        ):
            self._changed.clear()
            await self._changed.wait()

    def add(self, reel: str) -> None:
        """A reel is opened."""
        self._asking[reel] = set()
        self._waiting.add(reel)

    def remove(self, reel: str) -> None:
        """A reel has ended."""
        del self._asking[reel]
        self._waiting.discard(reel)
        self._coming.discard(reel)
        self._changed.set()

    def hear(self, event: RunEvent, shot: Shot) -> None:
        """Something has happened to a shot of one of these."""
        reel, asking = shot.row.reel, self._asking[shot.row.reel]
        if event in TAKES_UP:
            self._waiting.discard(reel)
        if event in TAKES_UP or event is RunEvent.QUEUED:
            asking.add(shot)
        else:
            asking.discard(shot)
        if asking or reel in self._waiting:
            self._coming.discard(reel)
        else:
            self._coming.add(reel)
        self._changed.set()


def _accounts(shots: Sequence[Shot]) -> frozenset[str]:
    """Whose slots a reel waits for first; none where nothing is left to buy."""
    first = next((shot for shot in shots if shot.standing.has_work), None)
    if first is None:
        return frozenset()
    return frozenset(first.next_accounts)
