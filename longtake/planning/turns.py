"""Whose turn it is: reels in line for a run's limit, and which shot that waits for a slot gets the next one.

The run and the forecast both ask here. Pure arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from longtake.planning.options import SlotOrder
from longtake.planning.plan import Shot, Standing

ExpectedSeconds = Callable[[Shot], float]
"""How long a shot's job should take."""


def reels_in_line(shots: Iterable[Shot]) -> list[list[Shot]]:
    """The reels in the order of their turns: those with a job in flight, those begun, then all others."""
    reels: dict[str, list[Shot]] = {}
    for shot in shots:
        reels.setdefault(shot.row.reel, []).append(shot)

    def turn(reel: list[Shot]) -> tuple[bool, bool]:
        return not _is_in_flight(reel), not any(shot.attempts for shot in reel)

    return sorted(reels.values(), key=turn)


def slot_ranks(line: Sequence[Shot], order: SlotOrder, expected: ExpectedSeconds) -> dict[Shot, int]:
    """The rank of every shot: of those that wait for a slot, the lowest gets the next.

    Args:
        line: All shots in their turns, a shot after the one that it continues.
        order: `manifest`: in their turns. `fastest`: by the seconds that the longest chain from a shot on still takes,
            at whatever accounts its links are made; equal ones in their turns.
        expected: How long a job should take.
    """
    if order == "fastest":
        ahead = chain_seconds(line, expected)
        # A sum's last digits depend on the order of its parts; equal chains shall be equal.
        line = sorted(line, key=lambda shot: -round(ahead[shot], 3))
    return {shot: rank for rank, shot in enumerate(line)}


def chain_seconds(line: Sequence[Shot], expected: ExpectedSeconds) -> dict[Shot, float]:
    """The seconds from the begin of each shot to the end of the longest chain that follows from it."""
    seconds: dict[Shot, float] = {}
    longest_behind: dict[Shot, float] = {}
    for shot in reversed(line):
        seconds[shot] = expected(shot) + longest_behind.pop(shot, 0.0)
        for before in _waited_for(shot):
            longest_behind[before] = max(longest_behind.get(before, 0.0), seconds[shot])
    return seconds


def _waited_for(shot: Shot) -> Sequence[Shot]:
    """What must be here before a shot: the one that it continues, or all takes of which the best will be that."""
    if shot.parent is None:
        return ()
    choice = shot.parent.choice
    return choice.takes if choice is not None and choice.is_open else (shot.parent,)


def reels_by_rank(reels: Iterable[list[Shot]], ranks: Mapping[Shot, int]) -> list[list[Shot]]:
    """Reels by the slots that they ask for first, those with a job in flight before all."""

    def first(reel: list[Shot]) -> tuple[bool, int]:
        return not _is_in_flight(reel), min((ranks[shot] for shot in reel if shot.standing.has_work), default=0)

    return sorted(reels, key=first)


def _is_in_flight(reel: Iterable[Shot]) -> bool:
    return any(shot.standing is Standing.RESUME for shot in reel)
