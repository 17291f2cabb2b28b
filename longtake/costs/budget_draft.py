"""What may be spent, and the draft of a step that keeps to it. Pure arithmetic over `longtake.costs.budget_log`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from longtake.costs.budget_log import NANO, AnyOf, Reservation, Reservations

PRICE_FIX = "`longtake prices set` sets it"


@dataclass
class BudgetLimits:
    """Most that an output may cost in US dollars: in all (None: no bound), and at single accounts."""

    budget_usd: float | None = None
    caps: dict[str, float] = field(default_factory=dict)

    def unknown_price(self, share: Reservation, state: Reservations) -> str:
        """Why an unknown price forbids a purchase, "" where it does not."""
        bounds = "a budget is set" if self.budget_usd is not None else ""
        if not bounds and share.account in self.caps:
            bounds = f"max_spend_usd of {share.account} is set"
        if not bounds:
            return ""
        if share.usd is None:
            return f"{bounds}, and the price at {share.account} is unknown: {PRICE_FIX}"
        whole = self.budget_usd is not None
        others = [account for account in state.unknown.values() if whole or account == share.account]
        if others:
            return f"{bounds}, and the price of {len(others)} earlier purchases at {others[0]} is unknown: {PRICE_FIX}"
        return ""


@dataclass
class BudgetDraft:
    """A step in the making, on the state as it was last read."""

    owner: str
    bounds: BudgetLimits
    state: Reservations
    reserved: dict[str, Reservation] = field(default_factory=dict)
    released: dict[str, list[str]] = field(default_factory=dict)
    closed: bool = False
    refused: bool = False
    added_nano_usd: int = 0
    added_to_account: dict[str, int] = field(default_factory=dict)

    def reserve(self, shares: Mapping[str, Reservation | AnyOf]) -> str:
        """Sets money aside for all of these purchases or none; returns "" or why not."""
        total, by_account, fresh = 0, dict[str, int](), dict[str, Reservation]()
        for identity, wanted in shares.items():
            places = wanted.shares if isinstance(wanted, AnyOf) else (wanted,)
            if (self.reserved.get(identity) or self.state.share(identity, self.owner)) in places:
                continue
            share = self._first_with_room(identity, places, by_account)
            if reason := self.bounds.unknown_price(share, self.state):
                return self._refuse(reason)
            more, more_of_account = self.state.added_nano_usd(identity, share)
            total += more
            by_account[share.account] = by_account.get(share.account, 0) + more_of_account
            fresh[identity] = share
        if reason := self._beyond(total, by_account):
            return self._refuse(reason)
        self.reserved |= fresh
        self.added_nano_usd += total
        for account, nano_usd in by_account.items():
            self.added_to_account[account] = self.added_to_account.get(account, 0) + nano_usd
        return ""

    def release(self, owner: str, identities: Collection[str]) -> None:
        """Lets money go again that an owner had set aside."""
        held = [identity for identity in identities if self.state.share(identity, owner) is not None]
        if held:
            self.released.setdefault(owner, []).extend(held)

    def _first_with_room(
        self, identity: str, places: Sequence[Reservation], by_account: Mapping[str, int]
    ) -> Reservation:
        """The first share whose account may still spend so much; the first of all where none may."""
        for share in places if len(places) > 1 else ():
            _, more = self.state.added_nano_usd(identity, share)
            if not self._beyond(0, {share.account: by_account.get(share.account, 0) + more}):
                return share
        return places[0]

    def _refuse(self, reason: str) -> str:
        self.refused = True
        return reason

    def _beyond(self, total: int, by_account: Mapping[str, int]) -> str:
        if total and (most := self.bounds.budget_usd) is not None:
            left = round(most * NANO) - self.state.total_nano_usd - self.added_nano_usd
            if total > left:
                return _words("the budget", total, left, most)
        for account, more in by_account.items():
            if more and (cap := self.bounds.caps.get(account)) is not None:
                spent = self.state.account_nano_usd.get(account, 0) + self.added_to_account.get(account, 0)
                if more > round(cap * NANO) - spent:
                    return _words(f"max_spend_usd of {account}", more, round(cap * NANO) - spent, cap)
        return ""


def _words(bound: str, more: int, left: int, most: float) -> str:
    left_usd = max(0, left) / NANO
    return f"{bound}: up to {more / NANO:.4f} USD are needed, {left_usd:.4f} of {most:g} USD are left"
