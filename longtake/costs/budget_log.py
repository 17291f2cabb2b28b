"""What runs set money aside for: `budget/000001.json`, `…2.json`, …, each created exclusively, all before it read.

Whoever creates the next number has therefore decided on the true state, so that no two runs take the same cent, on a
directory as on S3. Nothing is changed or deleted. All calls block.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from longtake.domain.errors import UnreadableRecordError
from longtake.files.clocks import steady_seconds
from longtake.files.store import Store

log = logging.getLogger("longtake.costs.budget_log")

FORMAT = 1
FOLDER = "budget"
NANO = 10**9
TORN_SECONDS = 5.0
"""A file is seen before it is filled: after so long without readable text its writer is taken for dead."""


class Reservation(NamedTuple):
    """What one purchase may cost, and at which account; None: nobody knows."""

    usd: float | None
    account: str

    @property
    def nano_usd(self) -> int:
        """The price in billionths of a dollar, so that sums are exact; 0 where it is unknown."""
        return round((self.usd or 0.0) * NANO)


class AnyOf(NamedTuple):
    """What a purchase may cost that is made at one of several accounts; it is set aside at the first that has room."""

    shares: tuple[Reservation, ...]


class Entry(BaseModel):
    """One step: money set aside for purchases by their identity, and money let go again, by owner.

    An owner is one run of one process. An entry without purchases says that its owner lives; `closed`, that it ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    owner: str
    at: float
    nonce: str = Field(default_factory=lambda: uuid.uuid4().hex)
    reserved: dict[str, Reservation] = Field(default_factory=dict)
    released: dict[str, list[str]] = Field(default_factory=dict)
    closed: bool = False
    process: str | None = None
    steady_at: float | None = None


@dataclass
class Reservations:
    """Who has set money aside for what. A purchase counts once however many runs want it, at the highest price."""

    shares: dict[str, dict[str, Reservation]] = field(default_factory=dict)
    last: dict[str, Entry] = field(default_factory=dict)
    """The latest entry of each owner."""
    closed: set[str] = field(default_factory=set)
    total_nano_usd: int = 0
    account_nano_usd: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    unknown: dict[str, str] = field(default_factory=dict)
    """Account by identity, of purchases whose price nobody knows."""

    def apply(self, entry: Entry) -> None:
        """Takes one more entry into account."""
        self.last[entry.owner] = entry
        if entry.closed:
            self.closed.add(entry.owner)
        for owner, identities in entry.released.items():
            for identity in identities:
                self._change(identity, owner, None)
        for identity, share in entry.reserved.items():
            self._change(identity, entry.owner, share)

    def count(self, owner: str, shares: Mapping[str, Reservation]) -> None:
        """Counts purchases without an entry, as of what the ledger shows."""
        for identity, share in shares.items():
            self._change(identity, owner, share)

    def settle(self, owner: str, shares: Mapping[str, Reservation]) -> None:
        """Counts purchases at what they cost, whatever was set aside for them."""
        for identity in shares:
            for other in tuple(self.shares.get(identity, ())):
                self._change(identity, other, None)
        self.count(owner, shares)

    def share(self, identity: str, owner: str) -> Reservation | None:
        """What an owner has set aside for a purchase."""
        return self.shares.get(identity, {}).get(owner)

    def added_nano_usd(self, identity: str, share: Reservation) -> tuple[int, int]:
        """By how much the total, and the share's account, would grow."""
        there = self.shares.get(identity, {})
        most = max((other.nano_usd for other in there.values()), default=0)
        of_account = max((other.nano_usd for other in there.values() if other.account == share.account), default=0)
        return max(0, share.nano_usd - most), max(0, share.nano_usd - of_account)

    def _change(self, identity: str, owner: str, share: Reservation | None) -> None:
        there = self.shares.get(identity, {})
        self._weigh(there.values(), -1)
        changed = {name: other for name, other in there.items() if name != owner}
        if share is not None:
            changed[owner] = share
        self._weigh(changed.values(), 1)
        self.unknown.pop(identity, None)
        for other in changed.values():
            if other.usd is None:
                self.unknown[identity] = other.account
        if changed:
            self.shares[identity] = changed
        else:
            self.shares.pop(identity, None)

    def _weigh(self, shares: Iterable[Reservation], sign: int) -> None:
        most = 0
        accounts: dict[str, int] = {}
        for share in shares:
            most = max(most, share.nano_usd)
            accounts[share.account] = max(accounts.get(share.account, 0), share.nano_usd)
        self.total_nano_usd += sign * most
        for account, nano_usd in accounts.items():
            self.account_nano_usd[account] += sign * nano_usd


class BudgetLog:
    """The log of one output, read up to `number` into `state`."""

    def __init__(
        self,
        store: Store,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = steady_seconds,
    ) -> None:
        self.store = store
        self._clock = clock
        self._heard: dict[str, tuple[int, float]] = {}
        self.state = Reservations()
        self.number = 0
        self._sleep = sleep

    def load(self) -> None:
        """Reads everything: one listing and one bulk read.

        Raises:
            UnreadableRecordError: An entry of another release.
        """
        listed = self.store.survey(FOLDER)
        numbers = sorted(number for key in listed if (number := _number(key)) is not None)
        found = self.store.read_seen({key: seen for key, seen in listed.items() if _number(key) is not None})
        for number in numbers:
            self._take(number, found.get(_key(number)))

    def refresh(self) -> None:
        """Reads what others have added since.

        Raises:
            UnreadableRecordError: An entry of another release.
        """
        ahead = 1
        while True:
            numbers = range(self.number + 1, self.number + 1 + ahead)
            found = self.store.read_many([_key(number) for number in numbers])
            for number in numbers:
                if _key(number) not in found:
                    return
                self._take(number, found[_key(number)])
            ahead = min(64, ahead * 2)

    def append(self, entry: Entry) -> bool:
        """Creates the next entry. False where another's stands there; it is then read, and one decides anew."""
        number = self.number + 1
        created = self.store.create(_key(number), entry.model_dump_json().encode())
        if created:
            self._apply(number, entry)
            return True
        there = self._take(number, self.store.read(_key(number)))
        # A create whose answer was lost is repeated below us and then finds our own entry.
        return there is not None and there.nonce == entry.nonce

    def silent_seconds(self, owner: str) -> float:
        """For how long an owner has said nothing, by no clock of its own: ours since we heard it, or the store's."""
        number, heard_at = self._heard.get(owner, (0, self._clock()))
        key = _key(number)
        return max(self._clock() - heard_at, self.store.ages([key]).get(key, 0.0))

    def _take(self, number: int, data: bytes | None) -> Entry | None:
        entry, waited = _parsed(number, data), 0.0
        while entry is None and waited < TORN_SECONDS:
            self._sleep(0.05)
            waited += 0.05
            entry = _parsed(number, self.store.read(_key(number)))
        if entry is None:
            log.warning("%s is torn: its writer died before it was written", _key(number))
        self._apply(number, entry)
        return entry

    def _apply(self, number: int, entry: Entry | None) -> None:
        self.number = number
        if entry is not None:
            self.state.apply(entry)
            self._heard[entry.owner] = number, self._clock()


def _key(number: int) -> str:
    return f"{FOLDER}/{number:06d}.json"


def _number(key: str) -> int | None:
    stem = key.rpartition("/")[2].removesuffix(".json")
    return int(stem) if stem.isdecimal() else None


def _parsed(number: int, data: bytes | None) -> Entry | None:
    """The entry; None where its text is not whole."""
    try:
        head: object = json.loads(data or b"")
    except ValueError:
        return None
    try:
        return Entry.model_validate(head)
    except ValidationError:
        raise UnreadableRecordError(f"{_key(number)}: not as this release writes it; budgets cannot be kept") from None
