"""What a person is told about a purchase that only a person can settle: how it is named, and what to type."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from longtake.domain.verdicts import Outcome, Verdict
from longtake.ledger.records import Purchase


def command(output: str, shot: str, job_id: str = "JOB_ID") -> str:
    """What to type to adopt a job."""
    return f"longtake reconcile --output {shlex.quote(output)} --adopt {shlex.quote(f'{shot}={job_id}')}"


def names_of(purchases: Iterable[Purchase]) -> dict[str, str]:
    """By identity, the names by which a person decides: a purchase's shot, with its identity where several have it."""
    purchases = list(purchases)
    shots = Counter(purchase.shot_id for purchase in purchases)
    return {
        one.identity: one.identity
        if not one.shot_id
        else one.shot_id
        if shots[one.shot_id] == 1
        else f"{one.shot_id}@{one.identity}"
        for one in purchases
    }


def to_settle(output: str, purchase: Purchase, name: str) -> str:
    """What a person needs to look a job up at its vendor, and what to type then."""
    intent = purchase.intent
    where = ""
    if intent is not None:
        at = datetime.fromtimestamp(intent.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        where = f" ({intent.account}, {intent.wire_model}, submitted {at})"
    return (
        f"look the job up at the vendor{where}, then `{command(output, name)}`, "
        f"or `--resubmit {shlex.quote(name)}` or `--give-up {shlex.quote(name)}` in place of `--adopt`"
    )


def with_command(outcome: Outcome, output: str, purchase: Purchase, shot_id: str, *, is_alone: bool) -> Outcome:
    """An unknown outcome with what to look for and what to type.

    Args:
        outcome: Of the shot.
        output: Where it was bought.
        purchase: As the ledger holds it.
        shot_id: The shot.
        is_alone: Whether no other purchase of its row has the same shot id.
    """
    if outcome.verdict is not Verdict.UNKNOWN_OUTCOME or not output:
        return outcome
    name = shot_id if is_alone and purchase.shot_id else f"{shot_id}@{purchase.identity}"
    return outcome.model_copy(update={"advice": to_settle(output, purchase, name)})
