"""Where a shot was tried, account by account, in the words that results and report tell."""

from __future__ import annotations

from collections.abc import Sequence

from longtake.domain.text import one_line
from longtake.ledger.records import Purchase

REASON_CHARACTERS = 200


def tried_words(attempts: Sequence[Purchase]) -> str:
    """Every try at a shot take in turn, each with its account; "" where all were at one, which the row names.

    Args:
        attempts: The shot's purchases, in order.
    """
    tried: list[tuple[int, str, str]] = []
    for attempt, purchase in enumerate(attempts):
        for number, intent in sorted(purchase.intents.items()):
            account = intent.account.removesuffix("/default")
            if tried and tried[-1][:2] == (attempt, account):
                tried.pop()  # of tries in a row at one account the last tells
            tried.append((attempt, account, _end(purchase, number)))
    if len({account for _, account, _ in tried}) < 2:
        return ""
    return "tried: " + "; then ".join(f"{account}: {end}" for _, account, end in tried)


def _end(purchase: Purchase, number: int) -> str:
    if (void := purchase.voids.get(number)) is not None:
        return f"nothing bought, {one_line(void.reason, REASON_CHARACTERS)}"
    job = f"job {one_line(purchase.accepted.job.job_id)}" if purchase.accepted is not None else ""
    if purchase.verdict is not None and purchase.clip is None:
        words = f"{purchase.verdict.verdict}, {one_line(purchase.verdict.evidence, REASON_CHARACTERS)}"
        return ", ".join(filter(None, (job, words)))
    return job or ("its outcome is not known" if number in purchase.unknowns else "it was submitted")
