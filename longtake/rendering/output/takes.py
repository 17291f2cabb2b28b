"""What the report tells of rows with takes to choose from: the takes, and what follows from them at which price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longtake.ledger.records import Purchase, attempts_in
from longtake.planning.plan import RowChoice, Shot
from longtake.reports.figures import total_of
from longtake.reports.run.view import ShotView, TakeView


def review_facts(views: Mapping[Shot, ShotView], purchases: Mapping[str, Purchase]) -> dict[Shot, dict[str, object]]:
    """By the first shot of each such row, what its view has to tell; what people decided comes on top.

    Args:
        views: All shots of a manifest, with what is told of each alone.
        purchases: The ledger.
    """
    reels: dict[str, list[Shot]] = {}
    for shot in views:
        reels.setdefault(shot.row.reel, []).append(shot)
    found: dict[Shot, dict[str, object]] = {}
    for shots in reels.values():
        for choice in dict.fromkeys(shot.choice for shot in shots):
            if choice is not None and choice.is_told:
                found[choice.takes[0]] = _facts(choice, shots, views, purchases)
    return found


def _facts(
    choice: RowChoice, shots: Sequence[Shot], views: Mapping[Shot, ShotView], purchases: Mapping[str, Purchase]
) -> dict[str, object]:
    latest = {shot: bought[-1] for shot in choice.takes if (bought := attempts_in(shot.identity, purchases))}
    takes = [
        TakeView(
            purchase=purchase.identity,
            number=shot.number,
            take=shot.take,
            clip=views[shot].clip,
            poster=views[shot].poster,
            sha256=purchase.clip_sha256,
            verdict=views[shot].verdict,
            warnings=views[shot].warnings,
        )
        for shot, purchase in latest.items()
    ]
    unbought = [shot for shot in shots if _follows(shot, choice) and not _is_bought(shot, purchases)]
    return {
        "is_reviewed": choice.reviewed,
        "takes": takes,
        "follows": len(unbought),
        "follows_low_usd": total_of(shot.quote.low_usd if shot.quote else None for shot in unbought),
        "follows_high_usd": total_of(shot.quote.high_usd if shot.quote else None for shot in unbought),
    }


def _is_bought(shot: Shot, purchases: Mapping[str, Purchase]) -> bool:
    return any(purchase.is_charged for purchase in attempts_in(shot.identity, purchases))


def _follows(shot: Shot, choice: RowChoice) -> bool:
    """Whether a shot continues a row, directly or over others."""
    before = shot.parent
    while before is not None and before.choice is not choice:
        before = before.parent
    return before is not None
