"""What all steps of a run share: the accounts at work, the ledgers, the budget, the keyless client, the decoders.

A run opens one session per account and shares it among all of its shots; a step used alone opens one for itself.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from longtake.accounts.account import Account
from longtake.accounts.callbacks import Callbacks, receiver_from_environment
from longtake.accounts.session import AccountSession, LoadAccount, open_session
from longtake.accounts.slots import Scarcity, SlotBackend
from longtake.costs.budget import Budget
from longtake.domain.job import Alike
from longtake.files.local.process_folder import process_folder
from longtake.files.open_store import open_store
from longtake.files.web.guard import GuardedClient
from longtake.ledger.job_ages import JobAges
from longtake.ledger.ledger import Ledger
from longtake.media.feature_folder import FeatureFolder
from longtake.media.labelling.identity import SigningIdentity
from longtake.media.workers import WorkerPool

DECODERS = 2
"""Files decoded at once: each takes a core, and more would only wait for one another."""


def _features() -> FeatureFolder | None:
    try:
        return FeatureFolder(process_folder("features") / uuid.uuid4().hex)
    except OSError:  # a full disk: then each step looks for itself
        return None


@dataclass
class RunResources:
    """All sessions of a run, opened when first needed; the keyless client for media; the processes that decode."""

    load_account: LoadAccount
    backend_for: Callable[[Account], SlotBackend] | None = None
    media: GuardedClient = field(default_factory=GuardedClient)
    sessions: dict[str, AccountSession] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    budget: Budget | None = None
    workers: WorkerPool = field(default_factory=lambda: WorkerPool(DECODERS, features=_features()))
    callbacks: Callbacks | None = None
    signing: SigningIdentity | None = None
    """Who signs films, where they are signed; in memory alone."""
    ages: JobAges = field(default_factory=dict[str, Mapping[Alike, Sequence[float]]])
    """What earlier runs saw of how long jobs take; to be told before a session is opened."""
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def session(self, name: str) -> AccountSession:
        """The session of `vendor/document`."""
        async with self._opening:
            if name not in self.sessions:
                account, _ = await self.load_account(name)
                backend = self.backend_for(account) if self.backend_for else None
                session = self.sessions[name] = open_session(account, backend, self.callbacks)
                session.poller.schedule.remember(self.ages.get(session.account.name, {}))
            return self.sessions[name]

    def scarcity(self, account: str) -> Scarcity | None:
        """Why shots wait for a slot of `vendor/document`; None where none does."""
        session = self.sessions.get(account)
        return session.slots.scarcity if session is not None else None

    async def ledger(self, output: str) -> Ledger:
        """The ledger of an output, its store opened once."""
        if output not in self.ledgers:
            self.ledgers[output] = Ledger(await asyncio.to_thread(open_store, output))
        return self.ledgers[output]

    async def receive_callbacks(self) -> None:
        """Listens for vendors' callbacks from now on, if the environment asks for it; to be called before any session.

        Raises:
            ConfigurationError: The environment's addresses cannot be used.
        """
        if self.callbacks is None:
            self.callbacks = await receiver_from_environment()

    async def close(self) -> None:
        """Closes every session."""
        if self.callbacks is not None:
            await self.callbacks.close()
        await asyncio.gather(*(session.close() for session in self.sessions.values()), return_exceptions=True)
        await self.workers.close()
        await self.media.close()
        for ledger in self.ledgers.values():
            await asyncio.to_thread(ledger.store.copies.clear)


_CURRENT: ContextVar[RunResources | None] = ContextVar("longtake_resources", default=None)


@asynccontextmanager
async def open_resources(
    load_account: LoadAccount, backend_for: Callable[[Account], SlotBackend] | None = None
) -> AsyncGenerator[RunResources]:
    """The resources of the run that surrounds us, or a new one that ends with the block."""
    if (current := _CURRENT.get()) is not None:
        yield current
        return
    resources = RunResources(load_account, backend_for)
    token = _CURRENT.set(resources)
    try:
        yield resources
    finally:
        _CURRENT.reset(token)
        await resources.close()
