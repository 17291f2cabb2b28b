"""Which reels of a run are under way at once: so many per account, begun ones first, then in manifest order.

A reel that waits for its turn costs nothing: no task, no place in a queue for slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any

from longtake.planning.plan import Plan, Shot, Standing

OPEN_REELS = 500
"""Reels under way at once per account: enough for its slots and for what is being fetched and joined besides."""

Bring = Callable[[Sequence[Shot]], Coroutine[Any, Any, None]]
"""Brings the shots of one reel to their end; never raises."""


def opening_order(plan: Plan) -> list[list[Shot]]:
    """The reels in the order of their turns: those with a job in flight, those begun, then all others."""

    def turn(shots: list[Shot]) -> tuple[bool, bool]:
        in_flight = any(shot.standing is Standing.RESUME for shot in shots)
        return not in_flight, not any(shot.attempts for shot in shots)

    return sorted(plan.reels.values(), key=turn)


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
