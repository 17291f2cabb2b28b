"""One of several accounts that can honour a shot, and on which terms. Plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from longtake.accounts.account import account_name
from longtake.costs.quote import Quote
from longtake.planning.coming_clip import ComingClip
from longtake.vendors import Model


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """One account that can honour a shot; equal shots share it.

    `vendor` is as written, `evolink` or `evolink/NAME`; `tail_seconds` is set where only the end of the previous clip
    will be passed; `quote` is what it costs there, None where nobody knows; `brings` is what its clip will be.
    """

    vendor: str
    model: Model
    tail_seconds: float | None = None
    quote: Quote | None = None
    brings: ComingClip | None = None

    @property
    def account(self) -> str:
        """`vendor/document`."""
        return account_name(self.vendor)


def bounds(candidates: Iterable[Candidate]) -> Quote | None:
    """What a shot costs whichever of them takes it: the lowest low and the highest high; None where one is unknown."""
    quotes = [candidate.quote for candidate in candidates]
    known = [quote for quote in quotes if quote is not None]
    if not known or len(known) < len(quotes):
        return None
    return Quote(low_usd=min(each.low_usd for each in known), high_usd=max(each.high_usd for each in known))
