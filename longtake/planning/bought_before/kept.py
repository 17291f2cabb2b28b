"""Followers that stand behind a shot that is taken anew: what was bought of them after its former take.

Kept on request alone, for their beginning no longer follows from the clip before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from longtake.domain.identity import first_attempt
from longtake.domain.text import counted
from longtake.ledger.records import Purchase
from longtake.planning.plan import Shot, Standing, at_most


def bought_behind(
    former: Iterable[Purchase], identity_behind: Callable[[str], str], stands: Callable[[str], bool]
) -> str:
    """The purchase of a shot that was made behind a former take of the shot before it; "" where none stands.

    Args:
        former: What was bought of the shot before it.
        identity_behind: The shot's identity behind a purchase.
        stands: Whether a purchase's clip is here, or its job brings it.
    """
    latest_first = sorted(former, key=lambda purchase: -max((each.at for each in purchase.intents.values()), default=0))
    takes = dict.fromkeys(first_attempt(purchase.identity) for purchase in latest_first)
    return next((kept for kept in map(identity_behind, takes) if stands(kept)), "")


def retake_prices(shots: Sequence[Shot]) -> list[str]:
    """In a line each: what a new or newly chosen take costs where what follows is kept, and where it is replaced."""
    behind: dict[Shot, list[Shot]] = {}
    for shot in shots:
        if shot.standing is Standing.FOLLOWS and shot.kept_as:
            behind.setdefault(_taken_anew(shot), []).append(shot)
    return [
        f"{shot.name}: {_alone(shot)} with --keep-followers; with --replace {at_most([*_bought(shot), *followers])} "
        f"({counted(len(followers), 'shot')} again)"
        for shot, followers in behind.items()
    ]


def _alone(shot: Shot) -> str:
    return at_most([shot]) if shot.standing.buys else "costs nothing"


def _bought(shot: Shot) -> list[Shot]:
    """The shot where a run buys it; another of its takes that was chosen is here already."""
    return [shot] if shot.standing.buys else []


def kept_words(shots: Sequence[Shot]) -> list[str]:
    """What is told of shots that are kept in this run."""
    ids = [shot.name for shot in shots if shot.is_kept]
    if not ids:
        return []
    some = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
    return [f"kept behind a new take of the shot before, with what follows from it, nothing is bought for it: {some}"]


def _taken_anew(shot: Shot) -> Shot:
    """The first shot before it that is bought for a reason of its own."""
    while shot.parent is not None and shot.standing is Standing.FOLLOWS:
        shot = shot.parent
    return shot
