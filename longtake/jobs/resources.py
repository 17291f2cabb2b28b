"""What all steps of a run share: the accounts at work, the ledgers, the budget, the keyless client, the decoders.

A run opens one desk per account and shares it among all of its shots; a step used alone opens one for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from longtake.accounts.account import Account
from longtake.accounts.callbacks import Callbacks, receiver_from_environment
from longtake.accounts.session import Desk, LoadAccount, open_desk
from longtake.accounts.slots import SlotBackend
from longtake.costs.budget import Budget
from longtake.files.open_store import open_store
from longtake.files.web.guard import GuardedClient
from longtake.ledger.ledger import Ledger
from longtake.media.workers import Crew

DECODERS = 2
"""Files decoded at once: each takes a core, and more would only wait for one another."""


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
