"""One account at work in this process: its client, its poller, its slots, and whether it is on hold.

A run opens one desk per account and shares it among all of its shots; a step used alone opens one for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from longtake.accounts import Account
from longtake.cadence import ENOUGH_TO_LEARN
from longtake.callbacks import Callbacks, receiver_from_environment
from longtake.client import VendorClient
from longtake.errors import VendorAccountError
from longtake.guard import GuardedClient
from longtake.ledger import Ledger
from longtake.media.child import Crew
from longtake.pacing import Pace
from longtake.polling import Poller
from longtake.request import ShotRequest
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
    callbacks: Callbacks | None = None
    trouble: VendorAccountError | None = None

    @property
    def adapter(self) -> Adapter:
        """The vendor's translation."""
        return self.client.adapter

    @property
    def job_seconds(self) -> float:
        """How long a job of this account may run: by those that ended, else as long as one is waited for."""
        ended = self.poller.cadence.ended
        longest = self.account.max_wait_seconds
        return min(longest, 3 * max(ended) + 60) if len(ended) >= ENOUGH_TO_LEARN else longest

    def with_callback(self, request: ShotRequest) -> ShotRequest:
        """The request as it is sent: with an address of ours, where we listen, it calls back and names none itself."""
        if self.callbacks is None or request.callback_url or not self.adapter.model_for(request).calls_back:
            return request
        return request.model_copy(update={"callback_url": self.callbacks.new_address()})

    def expect_callback(self, sent: ShotRequest, job_id: str) -> None:
        """Lets a call to the address that was sent hasten the next look at this job."""
        if self.callbacks is not None:
            self.callbacks.expect(sent.callback_url, partial(self.poller.look_soon, job_id))

    async def close(self) -> None:
        """Stops looking, gives slots back, closes connections."""
        await self.poller.close()
        await self.slots.close()
        await self.client.close()


def raise_trouble(desk: Desk) -> None:
    """Raises what put an account on hold, if anything did."""
    if desk.trouble is not None:
        raise desk.trouble


def open_desk(account: Account, backend: SlotBackend | None = None, callbacks: Callbacks | None = None) -> Desk:
    """A desk for an account; without a backend its slots are this process's own, without a receiver it only polls."""
    client = VendorClient(account)
    poller = Poller(
        client.look,
        client.adapter.result_expired,
        shortest_gap_seconds=account.poll_interval_seconds,
        max_wait_seconds=account.max_wait_seconds,
    )
    slots = SlotPool(backend or FixedSlots(account.max_jobs_in_flight))
    return Desk(account, client, poller, slots, Pace(account.submits_per_minute), callbacks)


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
    callbacks: Callbacks | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def desk(self, name: str) -> Desk:
        """The desk of `vendor/document`."""
        async with self._opening:
            if name not in self.desks:
                account, _ = await self.load_account(name)
                backend = self.backend_for(account) if self.backend_for else None
                self.desks[name] = open_desk(account, backend, self.callbacks)
            return self.desks[name]

    async def ledger(self, output: str) -> Ledger:
        """The ledger of an output, its store opened once."""
        if output not in self.ledgers:
            self.ledgers[output] = Ledger(await asyncio.to_thread(open_store, output))
        return self.ledgers[output]

    async def receive_callbacks(self) -> None:
        """Listens for vendors' callbacks from now on, if the environment asks for it; to be called before any desk.

        Raises:
            ConfigurationError: The environment's addresses cannot be used.
        """
        if self.callbacks is None:
            self.callbacks = await receiver_from_environment()

    async def close(self) -> None:
        """Closes every desk."""
        if self.callbacks is not None:
            await self.callbacks.close()
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
