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
    by_job: dict[tuple[str, str], list[Purchase]] = {}
    for purchase in purchases.values():
        if purchase.accepted is not None:
            job = purchase.accepted.job
            by_job.setdefault((job.base_url, job.job_id), []).append(purchase)
    told: dict[str, str] = {}
    for (_, job_id), alike in by_job.items():
        for purchase in alike if len(alike) > 1 else ():
            others = ", ".join(dict.fromkeys(one.shot_id for one in alike if one is not purchase))
            told[purchase.identity] = (
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


def drift_percent(purchases: Iterable[Purchase]) -> float | None:
    """By how much the tokens that vendors report leave what was reckoned; None where there is nothing to compare.

    0 within the bounds, above 0 beyond the high one, below 0 short of the low one.
    """
    reported = low = high = 0.0
    for purchase in purchases:
        told, reckoned = reported_usage(purchase).get(TOKENS), reckoned_tokens(purchase)
        if told and reckoned is not None:
            reported, low, high = reported + told, low + reckoned.low, high + reckoned.high
    if not reported:
        return None
    bound = high if reported > high else low if reported < low else reported
    return 100 * (reported / bound - 1)


def reported_words(purchases: Iterable[Purchase]) -> str:
    """What a vendor reports of these purchases, all in a line; "" where it reports nothing."""
    known = [purchase for purchase in purchases if any(reported_usage(purchase).values())]
    sums = Counter[str]()
    for purchase in known:
        usage = reported_usage(purchase)
        for unit, amount in usage.items():
            if unit != OUTPUT_TOKENS or TOKENS not in usage:
                sums[unit] += amount  # pyright: ignore[reportArgumentType] - a Counter holds fractions as well
    if not sums:
        return ""
    amounts = ", ".join(f"{amount:,.10g} {unit}" for unit, amount in sums.items())
    parts = [f"reports {amounts} for {len(known):,} job{'' if len(known) == 1 else 's'}"]
    if (drift := drift_percent(known)) is not None:
        parts.append(
            f"{abs(drift):.1f} % {'above' if drift > 0 else 'below'} our reckoning" if drift else "as reckoned"
        )
    if failed := sum(map(is_charged_but_failed, known)):
        parts.append(f"{failed:,} of them charged without a clip")
    return "; ".join(parts)
