"""What purchases cost, summed as far as their prices are known. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from longtake.ledger.records import Purchase


@dataclass(frozen=True, slots=True)
class Spent:
    """What charged purchases cost in US dollars at least and at most; `unpriced` of them are not in the sums."""

    low_usd: float = 0.0
    high_usd: float = 0.0
    purchases: int = 0
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.low_usd + other.low_usd,
            self.high_usd + other.high_usd,
            self.purchases + other.purchases,
            self.unpriced + other.unpriced,
        )

    @property
    def known_usd(self) -> float | None:
        """The high bound, as budgets count it; None where a price in it is unknown."""
        return None if self.unpriced else round(self.high_usd, 9)


def spent_on(purchases: Iterable[Purchase]) -> Spent:
    """What these purchases cost; those that were certainly not accepted cost nothing."""
    return sum(map(_spent, purchases), start=Spent())


def spent_by_shot(purchases: Mapping[str, Purchase]) -> dict[str, Spent]:
    """What each shot cost in all, over its takes, variants and failed attempts."""
    found: dict[str, Spent] = {}
    for purchase in purchases.values():
        if shot_id := purchase.shot_id:
            found[shot_id] = found.get(shot_id, Spent()) + _spent(purchase)
    return found


@dataclass(frozen=True, slots=True)
class Charges:
    """What some purchases cost, and how many of them a vendor accepted."""

    spent: Spent
    accepted: int


def charges_of(runs: Collection[str], purchases: Mapping[str, Purchase], before: Mapping[str, Purchase]) -> Charges:
    """What these runs paid, or may have paid, beyond what stood before them: runs that meet count nothing twice."""
    told = {identity for identity, one in before.items() if one.is_charged}
    spent, accepted = Spent(), 0
    for one in purchases.values():
        if one.identity not in told and one.is_charged and one.intent and one.intent.run in runs:
            spent, accepted = spent + _spent(one), accepted + (one.accepted is not None)
    return Charges(spent, accepted)


def _spent(purchase: Purchase) -> Spent:
    if not purchase.is_charged:
        return Spent()
    intent = purchase.intent
    bounds = (intent.price_low_usd, intent.price_high_usd) if intent is not None else ()
    known = [usd for usd in bounds if usd is not None]
    return Spent(min(known, default=0.0), max(known, default=0.0), 1, int(not known))
