"""What was noted of a clip without failing it: the gate's small findings, repeats that stay in its reel, lost marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from longtake.ledger.records import Purchase
from longtake.rendering.output.marks import lost_in
from longtake.rendering.output.reels import MadeReel


def clip_warnings(purchase: Purchase | None) -> list[str]:
    """The gate's findings on a clip that passed, in words."""
    found = purchase.clip.findings if purchase and purchase.clip else []
    return [f"{one.get('check', '')}: {one.get('message', '')}" for one in found]


def film_warnings(made: Iterable[MadeReel | None]) -> Mapping[str, str]:
    """By shot, what was noted of its clip in the film: pictures that repeat the clip before, marks that are lost."""
    found: dict[str, str] = {}
    for reel in made:
        if reel is None:
            continue
        lost = lost_in(reel.receipt) if reel.tells_marks else {}
        for each in (_repeats(reel), lost):
            found |= {shot: "; ".join(filter(None, (found.get(shot), words))) for shot, words in each.items()}
    return found


def _repeats(reel: MadeReel) -> dict[str, str]:
    """By shot, where pictures seem to repeat the clip before and were left in: why."""
    return {
        str(echo.get("shot_id")): f"repeats: {echo.get('reason', '')}; left in"
        for echo in reel.receipt.get("echoes", [])
        if not echo.get("trimmed") and echo.get("verdict") != "none"
    }
