"""What follows from the attempts at one shot take: where they failed, and whether another may follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from longtake.domain.errors import RejectedRequestError
from longtake.domain.verdicts import Verdict
from longtake.ledger.records import Purchase, State


class AttemptRules(NamedTuple):
    """How often a shot take is bought, and whether what moderation refused is shown to the next of several accounts."""

    most: int = 1
    shows_refused: bool = False


ONCE = AttemptRules()


def failed_at(attempts: Sequence[Purchase], verdict: Verdict | None = None) -> list[str]:
    """The accounts of attempts that ended without a clip, attempt by attempt; of one verdict, where it is given.

    What a person, or a cancelled run, had bought again says nothing of its vendor.
    """
    return [
        each.intent.account
        for each in attempts
        if each.intent is not None
        and each.verdict is not None
        and not each.verdict.resubmitted
        and verdict in (None, each.verdict.verdict)
    ]


def moderated_at(attempts: Sequence[Purchase]) -> set[str]:
    """The accounts whose moderation said no."""
    return set(failed_at(attempts, Verdict.CONTENT_REFUSED))


def shown_to(attempts: Sequence[Purchase]) -> set[str]:
    """The accounts that have seen a shot, where one of them refused it; empty where none did.

    Those that refused the latest attempt are meant to try it again, and no other.
    """
    *before, latest = attempts
    refused = set[str]().union(*(each.refused_at for each in before))
    if latest.refused_at or not (refused or moderated_at(before)):
        return latest.refused_at
    return refused | {each.intent.account for each in before if each.intent is not None and not each.is_void}


def require_shown(account: str, shown: Collection[str]) -> None:
    """Refuses to show a shot to an account that has not seen it, where one that has refused it.

    Raises:
        RejectedRequestError: It is none of these.
    """
    if shown and account not in shown:
        some = ", ".join(sorted(each.removesuffix("/default") for each in shown))
        words = f"it was refused, and is shown to {some} alone; `--on-refused next` shows it to the next"
        raise RejectedRequestError(words)


def may_follow(attempts: Sequence[Purchase], rules: AttemptRules, others: Collection[str] = ()) -> bool:
    """Whether another attempt may follow the last, which ended without a clip: by the vendor's word, or a person's.

    What moderation refused at once was not charged, and counts as no attempt.

    Args:
        attempts: The shot's purchases, in order.
        rules: How often it is bought.
        others: The accounts that it may be shown to after a moderation's no; those that said it do not count.
    """
    last = attempts[-1]
    if last.verdict is None or last.state(0.0) is not State.OVER:
        return False
    if last.verdict.resubmitted:
        return True
    goes_on = last.verdict.again
    if last.verdict.verdict is Verdict.CONTENT_REFUSED and rules.shows_refused:
        goes_on = goes_on or not moderated_at(attempts).issuperset(others)
    return goes_on and sum(each.is_charged for each in attempts) < rules.most
