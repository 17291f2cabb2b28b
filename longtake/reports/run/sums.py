"""Counts and money of the report, added up shot after shot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from longtake.costs.quote import Quote
from longtake.costs.usage import Reported, is_charged_but_failed
from longtake.domain.verdicts import ShotStage
from longtake.ledger.records import Purchase
from longtake.planning.plan import Shot
from longtake.reports.figures import total_of
from longtake.reports.run.view import ShotView


class Sums:
    """The totals of some shots; a sum with an unknown price in it is unknown, never less than it should be."""

    def __init__(self) -> None:
        self._done = self._count = self._charged_but_failed = 0
        self._low: float | None = 0.0
        self._high: float | None = 0.0
        self._coming_low: float | None = 0.0
        self._coming_high: float | None = 0.0
        self._failed: float | None = 0.0
        self._verdicts = Counter[str]()
        self._reported = Reported()

    def add(self, shot: Shot, view: ShotView, attempts: Sequence[Purchase]) -> None:
        """Takes in a shot with its purchases."""
        self._count += 1
        self._done += view.facts.is_done
        self._verdicts[view.verdict] += 1
        bought = [purchase for purchase in attempts if purchase.is_charged]
        for purchase in bought:
            self._charged_but_failed += is_charged_but_failed(purchase)
            if (intent := purchase.intent) is None:
                continue
            self._low = total_of((self._low, intent.price_low_usd))
            self._high = total_of((self._high, intent.price_high_usd))
            is_over = purchase.verdict or (view.facts.is_over and purchase is bought[-1])
            if purchase.clip is None and is_over:
                self._failed = total_of((self._failed, intent.price_high_usd))
        if not bought and not shot.is_refused:
            self._expect(shot.quote)
        for purchase in attempts:
            self._reported.add(purchase)

    def _expect(self, quote: Quote | None) -> None:
        self._coming_low = total_of((self._coming_low, quote.low_usd if quote else None))
        self._coming_high = total_of((self._coming_high, quote.high_usd if quote else None))

    @property
    def totals(self) -> dict[str, float | int | None]:
        """The fields of `Totals`."""
        return {
            "done": self._done,
            "all": self._count,
            "spent_low_usd": self._low,
            "spent_high_usd": self._high,
            "projected_low_usd": total_of((self._low, self._coming_low)),
            "projected_high_usd": total_of((self._high, self._coming_high)),
            "charged_but_failed_usd": self._failed,
            "charged_but_failed": self._charged_but_failed,
        }

    @property
    def of_vendor(self) -> dict[str, float | int | str | None]:
        """The fields of `VendorTotals` but for its name."""
        counts = {"queued": self._verdicts[ShotStage.QUEUED], "running": self._verdicts[ShotStage.RUNNING]}
        return self.totals | counts | {"reported": self._reported.words}
