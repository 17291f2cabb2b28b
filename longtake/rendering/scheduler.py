"""Whose turn it is in one run: for a place under its limit, for a slot, and which reels are under way at once.

A reel that waits for its turn costs nothing: no task, no place in a queue for slots.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

from longtake.planning.forecast import JobTimes, expected_seconds
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot, Standing
from longtake.planning.turns import reels_by_rank, reels_in_line, slot_ranks

OPEN_REELS = 500
"""Reels under way at once per account: enough for its slots and for what is being fetched and joined besides."""

_NOT_THIS_RUNS = (Standing.DONE, Standing.AWAITS)

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
        self.next_links: defaultdict[Shot, list[Shot]] = defaultdict(list)
        for shot in self.to_buy:
            if shot.parent is not None and not (shot.parent.choice is not None and shot.parent.choice.is_open):
                self.next_links[shot.parent].append(shot)


def opening_order(plan: Plan, ranks: Mapping[Shot, int] | None = None) -> list[list[Shot]]:
    """The reels as they are opened: by the slots that they ask for first, without ranks in line."""
    line = reels_in_line(plan.shots)
    return line if ranks is None else reels_by_rank(line, ranks)


async def bring_in_turn(reels: Iterable[Sequence[Shot]], bring: Bring, *, most_open: int = OPEN_REELS) -> None:
    """Brings every reel to its end, so many at once per account; cancelling waits until all have stopped.

    Accounts do not wait for one another: a manifest sorted by vendor still keeps all of them busy.
    """
    waiting: dict[str, list[Sequence[Shot]]] = {}
    for shots in reels:
        waiting.setdefault(_account(shots), []).append(shots)

    async def one_after_another(turns: Iterator[Sequence[Shot]]) -> None:
        for shots in turns:
            await bring(shots)

    async with asyncio.TaskGroup() as group:
        for queue in waiting.values():
            turns = iter(queue)
            for _ in range(min(most_open, len(queue))):
                group.create_task(one_after_another(turns))


def _account(shots: Sequence[Shot]) -> str:
    """Whose slots a reel waits for first; "" where nothing is left to buy."""
    return next((shot.account for shot in shots if shot.standing.has_work), "")
