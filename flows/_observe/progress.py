"""How far a run has come, as the UI shows it: shots by vendor, money spent and to come, time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from flows._observe.artifacts import Shown, code, plain
from longtake.domain.events import ENDS, RunEvent
from longtake.planning.forecast import DEFAULT_JOB_SECONDS, Forecast, learned_times
from longtake.planning.plan import Shot
from longtake.planning.prepare import PreparedRun
from longtake.reports.figures import duration, known_money, money
from longtake.reports.progress.tally import Tallies, Tally


class RunProgress:
    """What a run has done so far and what is still to come, kept by its events."""

    def __init__(self, prepared: PreparedRun, beforehand: Forecast) -> None:
        shots = prepared.rendered_shots
        self._title = prepared.options.manifest
        self._budget_usd = prepared.options.budget_usd
        self._tallies = Tallies(Counter(shot.account for shot in shots), _job_seconds(prepared, shots))
        self._unpriced = Counter[str]()
        for shot in shots:
            for purchase in shot.attempts:
                if purchase.is_charged and purchase.intent is not None:
                    self._spend(purchase.intent.account, purchase.intent.price_low_usd, purchase.intent.price_high_usd)
        self._coming = {shot: shot.quote for shot in shots if shot.standing.buys}
        self._beforehand = beforehand
        self._begun = time.monotonic()
        self.changes = 0

    def count(self, event: RunEvent, shot: Shot) -> None:
        """Takes in an event of the run."""
        self.changes += 1
        self._tallies.count(event, shot.name, shot.account, time.monotonic())
        if event == RunEvent.BOUGHT:
            self._spend_on(shot)
        if event == RunEvent.BOUGHT or event in ENDS:
            self._coming.pop(shot, None)

    def may_be_bought(self, shot: Shot) -> None:
        """A submit of this run whose outcome is unknown costs what it may have bought."""
        if shot in self._coming:
            self._spend_on(shot)

    def shown(self, *, over: bool = False, troubles: Iterable[str] = ()) -> Shown:
        """The progress artifact as it should stand now; `troubles` are accounts that wait for a person."""
        total = self._tallies.total()
        percent = 100.0 * (total.done + total.ended) / total.all if total.all else 100.0
        head = f"**{total.done:,} / {total.all:,} shots done** of {code(self._title)}"
        if total.ended:
            head += f", {total.ended:,} not done"
        lines = [head, "", *self._money(total)]
        if not over:
            lines.append(f"- time left: {self._time_left(total)}")
        lines += [f"- **{plain(trouble)}**" for trouble in troubles]
        lines += [
            "",
            "| vendor | waiting for a slot | running | done | not done | spent |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for account, tally in self._tallies.by_vendor.items():
            lines.append(
                f"| {code(account.removesuffix('/default'))} | {tally.queued:,} | {tally.running:,} "
                f"| {tally.done:,} / {tally.all:,} | {tally.ended:,} "
                f"| {_spent(tally, self._unpriced[account])} |"
            )
        return Shown("progress", round(percent, 1), "\n".join(lines))

    def _spend(self, account: str, low_usd: float | None, high_usd: float | None) -> None:
        self._tallies.of(account).spend(low_usd, high_usd)
        self._unpriced[account] += low_usd is None and high_usd is None

    def _spend_on(self, shot: Shot) -> None:
        quote = shot.quote
        self._spend(shot.account, quote.low_usd if quote else None, quote.high_usd if quote else None)

    def _money(self, total: Tally) -> list[str]:
        coming = Tally(low_usd=total.low_usd, high_usd=total.high_usd)
        for quote in self._coming.values():
            if quote is not None:
                coming.spend(quote.low_usd, quote.high_usd)
        unpriced = self._unpriced.total()
        unknown = unpriced + sum(quote is None for quote in self._coming.values())
        budget = f" of a budget of {money(self._budget_usd, self._budget_usd)}" if self._budget_usd is not None else ""
        return [f"- spent: {_spent(total, unpriced)}{budget}", f"- projected: {_spent(coming, unknown)}"]

    def _time_left(self, total: Tally) -> str:
        passed = time.monotonic() - self._begun
        if not any(tally.took_seconds for tally in self._tallies.by_vendor.values()) and self._beforehand.jobs:
            # Nothing is learned yet: what was foretold, less what has passed.
            foretold = self._beforehand.low_seconds, self._beforehand.high_seconds
            first, last = (max(0.0, each - passed) for each in foretold)
            return f"{duration(first)} to {duration(last)}" if last else "soon"
        left = self._tallies.seconds_left()
        return f"about {duration(left)}" if left is not None and total.all > total.done + total.ended else "–"


def _spent(tally: Tally, unpriced: int) -> str:
    """A sum, and how many purchases of unknown price are not in it."""
    return known_money(tally.low_usd or 0.0, tally.high_usd or 0.0, unpriced)


def _job_seconds(prepared: PreparedRun, shots: Iterable[Shot]) -> dict[str, float]:
    """How long a job of each account should take, from what earlier ones took."""
    spans = learned_times(prepared.purchases.values())
    found: dict[str, float] = {}
    for shot in shots:
        span = spans.get((shot.account, shot.model.wire if shot.model else ""))
        seconds = (span.low + span.high) / 2 if span else DEFAULT_JOB_SECONDS
        found[shot.account] = max(found.get(shot.account, 0.0), seconds)
    return found
