"""One of several accounts that can honour a shot, and on which terms. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from longtake.accounts.account import account_name
from longtake.costs.quote import Quote
from longtake.planning.coming_clip import ComingClip
from longtake.vendors import Model


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """One account that can honour a shot; shots that are alike share it.

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


def vendors_in(written: str) -> list[str]:
    """The vendors of a cell or option, which was checked: `evolink|anyfast` names two."""
    return written.split("|")
