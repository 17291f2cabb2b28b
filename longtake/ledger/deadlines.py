"""When a submit without an answer is over: by its age, never by the clock of the machine that began it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from longtake.files.clocks import is_gone, is_of_this_boot, steady_seconds
from longtake.files.store import Store
from longtake.ledger.records import Intent, Purchase

LONGEST_WINDOW_SECONDS = 3600.0
"""No submit takes longer, whatever an intent's two moments say."""


class Deadlines:
    """Brings the deadlines of intents on our own clock.

    Args:
        store: Where the intents lie.
        clock: Ours, Unix time.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._first_seen: dict[str, float] = {}

    def on_our_clock(self, purchases: dict[str, Purchase]) -> dict[str, Purchase]:
        """The same purchases; those without an answer say until when it may come, as our clock runs."""
        intents = {one.identity: intent for one in purchases.values() if (intent := _unanswered(one)) is not None}
        for identity, age in self._ages(intents).items():
            intent = intents[identity]
            window = min(intent.deadline - intent.at, LONGEST_WINDOW_SECONDS)
            if window > 0:
                ours = intent.model_copy(update={"deadline": self._clock() + window - age})
                purchases[identity].intents[intent.number] = ours
        return purchases

    def _ages(self, intents: Mapping[str, Intent]) -> dict[str, float]:
        """How many seconds ago intents were written, by identity; infinite where their writer has ended."""
        ages: dict[str, float] = {}
        keys: dict[str, str] = {}
        for identity, intent in intents.items():
            if is_gone(intent.process):
                ages[identity] = float("inf")
            elif intent.steady_at is not None and is_of_this_boot(intent.process):
                ages[identity] = steady_seconds() - intent.steady_at
            else:
                keys[f"ledger/{identity}/try-{intent.number}.intent.json"] = identity
        told = self._store.ages(keys) if keys else {}
        for key, identity in keys.items():
            # A store whose own clock was set back tells less than we have seen ourselves.
            seen = steady_seconds() - self._first_seen.setdefault(key, steady_seconds())
            ages[identity] = max(told.get(key, 0.0), seen)
        return ages


def _unanswered(purchase: Purchase) -> Intent | None:
    """The intent of a try of which nothing tells how it went."""
    number = purchase.last_try
    answered = purchase.accepted or purchase.clip or purchase.verdict or purchase.terminal
    if answered or number in purchase.voids or number in purchase.unknowns:
        return None
    return purchase.intents.get(number)
