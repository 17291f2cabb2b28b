"""What purchases cost, summed as far as their prices are known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from longtake.ledger.records import Purchase


@dataclass(frozen=True)
class Spent:
    """What charged purchases cost in US dollars at least and at most; `unpriced` of them are not in the sums."""

    low_usd: float = 0.0
    high_usd: float = 0.0
    purchases: int = 0
    unpriced: int = 0

    @property
    def known_usd(self) -> float | None:
        """The high bound, as budgets count it; None where a price in it is unknown."""
        return None if self.unpriced else round(self.high_usd, 9)


def spent_on(purchases: Iterable[Purchase]) -> Spent:
    """What these purchases cost; those that were certainly not accepted cost nothing."""
    low, high, count, unpriced = 0.0, 0.0, 0, 0
    for purchase in purchases:
        if not purchase.is_charged:
            continue
        count += 1
        intent = purchase.intent
        bounds = (intent.price_low_usd, intent.price_high_usd) if intent is not None else ()
        known = [usd for usd in bounds if usd is not None]
        unpriced += not known
        low, high = low + min(known, default=0.0), high + max(known, default=0.0)
    return Spent(low, high, count, unpriced)


def spent_by_shot(purchases: Mapping[str, Purchase]) -> dict[str, Spent]:
    """What each shot cost in all, over its takes, variants and failed attempts."""
    of_shots: dict[str, list[Purchase]] = {}
    for purchase in purchases.values():
        of_shots.setdefault(purchase.shot_id, []).append(purchase)
    return {shot_id: spent_on(bought) for shot_id, bought in of_shots.items() if shot_id}
