"""What vendors report of a purchase (tokens, credits) beside our own reckoning. Pure.

Upstream's tokens can be reckoned from the request alone, so they are compared even where nobody knows a price; what a
vendor's credit is worth no document tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from longtake.costs.quote import Span, tokens
from longtake.domain.errors import UnknownVendorError
from longtake.domain.request import ShotRequest
from longtake.ledger.records import Purchase
from longtake.vendors import Model, adapter_named

TOKENS, OUTPUT_TOKENS = "total_tokens", "completion_tokens"


def reported_usage(purchase: Purchase) -> dict[str, float]:
    """The vendor's own figures by their names: those at the job's end, else those of the answer to the submit."""
    if purchase.terminal is not None and purchase.terminal.usage:
        return purchase.terminal.usage
    return purchase.accepted.usage if purchase.accepted is not None else {}


def is_charged_but_failed(purchase: Purchase) -> bool:
    """Whether it is over without a clip although the vendor's last answer names a charge."""
    terminal = purchase.terminal
    is_over = purchase.verdict is not None and purchase.clip is None
    return is_over and terminal is not None and any(amount > 0 for amount in terminal.usage.values())


def answered_twice(purchases: Mapping[str, Purchase]) -> dict[str, str]:
    """By identity, what to tell of purchases whose vendor answered one job id to several submits."""
    by_job: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for purchase in purchases.values():
        if purchase.accepted is not None:
            job = purchase.accepted.job
            by_job.setdefault((job.base_url, job.job_id), []).append((purchase.identity, purchase.shot_id))
    told: dict[str, str] = {}
    for (_, job_id), alike in by_job.items():
        for identity, _ in alike if len(alike) > 1 else ():
            others = ", ".join(dict.fromkeys(shot_id for other, shot_id in alike if other != identity))
            told[identity] = (
                f"a fault of the vendor: it answered job {job_id} to the submit of {others} as well, so that they show "
                "one clip; ask it for the other job"
            )
    return told


def bought_request(purchase: Purchase) -> tuple[ShotRequest, Model] | None:
    """What was asked of which model, as the ledger kept it; None where this release cannot tell."""
    intent = purchase.intent
    if intent is None:
        return None
    try:
        models = adapter_named(intent.vendor).models
        request = ShotRequest.model_validate(intent.request)
    except (UnknownVendorError, ValidationError):
        return None
    model = next((model for model in models if model.wire == intent.wire_model), None)
    return None if model is None else (request, model)


def reckoned_tokens(purchase: Purchase) -> Span | None:
    """How many tokens its request should take at least and at most, None where that cannot be told."""
    bought = bought_request(purchase)
    return None if bought is None else tokens(bought[0], bought[1].limits)


class Reported:
    """What vendors report of purchases, added up one after the other."""

    def __init__(self) -> None:
        self._jobs = self._failed = 0
        self._sums = Counter[str]()
        self._tokens = self._low = self._high = 0.0

    def add(self, purchase: Purchase) -> None:
        """Takes in a purchase; one of which nothing is reported counts for nothing."""
        usage = reported_usage(purchase)
        if not any(usage.values()):
            return
        self._jobs += 1
        self._failed += is_charged_but_failed(purchase)
        for unit, amount in usage.items():
            if unit != OUTPUT_TOKENS or TOKENS not in usage:
                self._sums[unit] += amount  # pyright: ignore[reportArgumentType] - a Counter holds fractions as well
        told = usage.get(TOKENS)
        if told and (reckoned := reckoned_tokens(purchase)) is not None:
            self._tokens, self._low, self._high = (
                self._tokens + told,
                self._low + reckoned.low,
                self._high + reckoned.high,
            )

    @property
    def drift_percent(self) -> float | None:
        """As the function of that name."""
        if not self._tokens:
            return None
        bound = self._high if self._tokens > self._high else self._low if self._tokens < self._low else self._tokens
        return 100 * (self._tokens / bound - 1)

    @property
    def words(self) -> str:
        """All in a line; "" where nothing is reported."""
        if not self._sums:
            return ""
        amounts = ", ".join(f"{amount:,.10g} {unit}" for unit, amount in self._sums.items())
        parts = [f"reports {amounts} for {self._jobs:,} job{'' if self._jobs == 1 else 's'}"]
        if (drift := self.drift_percent) is not None:
            parts.append(
                f"{abs(drift):.1f} % {'above' if drift > 0 else 'below'} our reckoning" if drift else "as reckoned"
            )
        if self._failed:
            parts.append(f"{self._failed:,} of them charged without a clip")
        return "; ".join(parts)


def drift_percent(purchases: Iterable[Purchase]) -> float | None:
    """By how much the tokens that vendors report leave what was reckoned; None where there is nothing to compare.

    0 within the bounds, above 0 beyond the high one, below 0 short of the low one.
    """
    return _reported(purchases).drift_percent


def reported_words(purchases: Iterable[Purchase]) -> str:
    """What a vendor reports of these purchases, all in a line; "" where it reports nothing."""
    return _reported(purchases).words


def _reported(purchases: Iterable[Purchase]) -> Reported:
    reported = Reported()
    for purchase in purchases:
        reported.add(purchase)
    return reported
