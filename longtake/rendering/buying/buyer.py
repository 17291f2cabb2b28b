"""Buying one attempt within a run: its place under the run's limit, its account and slot, its order, its submit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from longtake.accounts.session import AccountSession, raise_trouble
from longtake.accounts.slots import Lease
from longtake.domain.identity import attempt_identity
from longtake.domain.job import Job
from longtake.jobs.order import Order
from longtake.jobs.takeover import JobSlot
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase
from longtake.planning.plan import Shot
from longtake.rendering.buying.brake import Brake
from longtake.rendering.buying.coming_links import ComingLinks
from longtake.rendering.buying.open_accounts import OpenAccounts
from longtake.rendering.buying.places import Places
from longtake.rendering.chaining import Parent
from longtake.rendering.order_builder import OrderBuilder


@dataclass
class Buyer:
    """Makes the purchases of one run; `sent` are the identities whose submit it has begun."""

    ledger: Ledger
    orders: OrderBuilder
    places: Places
    brake: Brake
    accounts: OpenAccounts
    links: ComingLinks
    submit: Callable[[Order], Awaitable[Job]]
    sent: set[str] = field(default_factory=set)

    async def buy(
        self, shot: Shot, number: int, parent: Parent | None, *, turn: int, queued: Callable[[], None]
    ) -> tuple[JobSlot, Job] | None:
        """A slot and the job that it is for; None where the run's limit leaves the shot to the next run.

        Where nothing was bought, slot and place go to the next in line; of several accounts the next is tried before.
        """
        sessions = await self.accounts.open_to(shot, number)
        if not await self.places.take(turn):
            return None
        identity = attempt_identity(shot.identity, number)
        may_be_bought = False
        try:
            queued()
            while True:
                session, lease = await self._slot(shot, number, sessions)
                try:
                    job = await self._bought(shot, number, parent, session, lease)
                except BaseException as error:
                    purchase = await self._after(identity)
                    may_be_bought = purchase is None or purchase.is_charged
                    # A cancelled run gives no slot back in which the vendor may be at work: the next run takes it over.
                    if not (may_be_bought and isinstance(error, asyncio.CancelledError)):
                        session.slots.release(lease)
                    if not self.accounts.goes_on(shot, session.account.name, error, purchase):
                        raise
                    sessions = await self.accounts.open_to(shot, number)
                else:
                    break
        except BaseException as error:
            if may_be_bought:
                self.places.keep()
            else:
                self.places.give_back()
                await self._release(shot, identity, error)
            raise
        self.places.keep()
        return JobSlot(identity, lease, session, self.ledger), job

    async def _slot(self, shot: Shot, number: int, sessions: Sequence[AccountSession]) -> tuple[AccountSession, Lease]:
        """A slot of one of a shot's accounts; lines are joined anew when one of them opens, or closes meanwhile."""
        if not shot.candidates:
            slot = await self.links.slot(shot, [session.slots for session in sessions])
            return sessions[0], slot.lease
        while True:
            try:
                async with asyncio.timeout_at(self.accounts.next_change()):
                    slot = await self.links.slot(shot, [session.slots for session in sessions])
            except TimeoutError:
                sessions = await self.accounts.open_to(shot, number)
                continue
            try:
                sessions = await self.accounts.open_to(shot, number)
            except BaseException:
                slot.release()
                raise
            for session in sessions:
                if session.slots is slot.pool:
                    return session, slot.lease
            slot.release()

    async def _bought(
        self, shot: Shot, number: int, parent: Parent | None, session: AccountSession, lease: Lease
    ) -> Job:
        account = session.account.name
        self.accounts.takes(shot, account)
        await self.brake.room(account)
        raise_trouble(session)
        order = await self.orders.order(shot, number, parent, session)
        await session.slots.keep(lease, session.job_seconds)
        self.sent.add(order.identity)
        among = {"goes_on": bool(shot.candidates), "bound": self.accounts.bound(shot)}
        job = await self.submit(order.model_copy(update={"slot": lease.slot, **among}))
        self.accounts.bought_at(job.account)
        return job

    async def _release(self, shot: Shot, identity: str, error: BaseException) -> None:
        """Lets the money go that stayed set aside from account to account; a cancelled run's goes as it ends."""
        if not shot.candidates or isinstance(error, asyncio.CancelledError):
            return
        if (budget := self.orders.resources.budget) is not None:
            await budget.release(identity)

    async def _after(self, identity: str) -> Purchase | None:
        """The purchase after its submit ended badly; None where the ledger cannot be asked, and it may be bought."""
        if identity not in self.sent:
            return Purchase(identity=identity)
        with contextlib.suppress(Exception, asyncio.CancelledError):
            return await asyncio.to_thread(self.ledger.purchase, identity)
        return None
