"""One account at work in this process: its client, its poller, its slots, and whether it is on hold.

A run opens one desk per account and shares it among all of its shots; a step used alone opens one for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake.accounts import Account
from longtake.client import VendorClient
from longtake.errors import VendorAccountError
from longtake.guard import GuardedClient
from longtake.ledger import Ledger
from longtake.media.child import Crew
from longtake.pacing import Pace
from longtake.polling import Poller
from longtake.slots import FixedSlots, SlotBackend, SlotPool
from longtake.storage import open_store
from longtake.vendors import Adapter

if TYPE_CHECKING:
    from longtake.budget import Budget

DECODERS = 2
"""Files decoded at once: each takes a core, and more would only wait for one another."""

LoadAccount = Callable[[str], Awaitable[tuple[Account, list[str]]]]
"""Loads `vendor/document`, with what a person should know about the choice."""


@dataclass
class Desk:
    """What one account needs to buy, watch and cancel. `trouble` is the account error that put it on hold."""

    account: Account
    client: VendorClient
    poller: Poller
    slots: SlotPool
    pace: Pace
    trouble: VendorAccountError | None = None

    @property
    def adapter(self) -> Adapter:
        """The vendor's translation."""
        return self.client.adapter

    async def close(self) -> None:
        """Stops looking, gives slots back, closes connections."""
        await self.poller.close()
        await self.slots.close()
        await self.client.close()


def open_desk(account: Account, backend: SlotBackend | None = None) -> Desk:
    """A desk for an account; without a backend its slots are this process's own."""
    client = VendorClient(account)
    poller = Poller(
        client.look,
        client.adapter.result_expired,
        shortest_gap_seconds=account.poll_interval_seconds,
        max_wait_seconds=account.max_wait_seconds,
    )
    slots = SlotPool(backend or FixedSlots(account.max_jobs_in_flight))
    return Desk(account, client, poller, slots, Pace(account.submits_per_minute))


@dataclass
class Office:
    """All desks of a run, opened when first needed; the keyless client for media; the child processes that decode."""

    load_account: LoadAccount
    backend_for: Callable[[Account], SlotBackend] | None = None
    media: GuardedClient = field(default_factory=GuardedClient)
    desks: dict[str, Desk] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    budget: Budget | None = None
    crew: Crew = field(default_factory=lambda: Crew(DECODERS))
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def desk(self, name: str) -> Desk:
        """The desk of `vendor/document`."""
        async with self._opening:
            if name not in self.desks:
                account, _ = await self.load_account(name)
                self.desks[name] = open_desk(account, self.backend_for(account) if self.backend_for else None)
            return self.desks[name]

    async def ledger(self, output: str) -> Ledger:
        """The ledger of an output, its store opened once."""
        if output not in self.ledgers:
            self.ledgers[output] = Ledger(await asyncio.to_thread(open_store, output))
        return self.ledgers[output]

    async def close(self) -> None:
        """Closes every desk."""
        await asyncio.gather(*(desk.close() for desk in self.desks.values()), return_exceptions=True)
        await self.crew.close()
        await self.media.close()


_CURRENT: ContextVar[Office | None] = ContextVar("longtake_office", default=None)


@asynccontextmanager
async def opened_office(
    load_account: LoadAccount, backend_for: Callable[[Account], SlotBackend] | None = None
) -> AsyncGenerator[Office]:
    """The office of the run that surrounds us, or a new one that ends with the block."""
    if (current := _CURRENT.get()) is not None:
        yield current
        return
    office = Office(load_account, backend_for)
    token = _CURRENT.set(office)
    try:
        yield office
    finally:
        _CURRENT.reset(token)
        await office.close()
