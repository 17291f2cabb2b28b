"""What the budget must know of a plan: which purchases each reel still needs, and what each may cost."""

from __future__ import annotations

from longtake.costs.budget_log import AnyOf, Reservation
from longtake.domain.identity import attempt_identity
from longtake.planning.plan import Plan, Shot


def wanted(shot: Shot) -> tuple[str, Reservation | AnyOf] | None:
    """The purchase that a run makes first for a shot, None where it makes none.

    Where any of several accounts may make it, it counts at the highest price of all.
    """
    if not shot.standing.will_buy:  # a reel that waits is admitted as a whole
        return None
    identity = attempt_identity(shot.identity, shot.next_attempt)
    if shot.quote is None:
        unknown = next((each.account for each in shot.places if each.quote is None), shot.account)
        return identity, Reservation(None, unknown)
    if shot.places:
        return identity, AnyOf(tuple(Reservation(shot.quote.high_usd, each.account) for each in shot.places))
    return identity, Reservation(shot.quote.high_usd, shot.account)


def needs_of(plan: Plan) -> dict[str, dict[str, Reservation | AnyOf]]:
    """What each reel still has to buy, begun reels first."""
    reels = plan.reels
    begun = {reel for reel, shots in reels.items() if any(each.is_charged for shot in shots for each in shot.attempts)}
    order = sorted(reels, key=lambda reel: reel not in begun)
    return {reel: dict(need for shot in reels[reel] if (need := wanted(shot)) is not None) for reel in order}
