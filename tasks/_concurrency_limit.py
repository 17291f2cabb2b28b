"""Slots from a Prefect global concurrency limit: the limit of an account, over all runs on one Prefect server.

Prefect's own `concurrency()` keeps a thread per lease and may end the code that holds a lost one. Here one task looks
after all leases of an account, and a lease that the server lost is taken again while its paid job runs on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.logging import get_logger

from longtake.accounts.account import Account
from longtake.accounts.slots import Lease, Scarcity

LEASE_SECONDS = 60.0  # the least that Prefect allows; an idle slot of a killed process is back after this
LONGEST_LEASE_SECONDS = 24 * 3600.0  # the most that Prefect allows
_RENEW_AFTER_SECONDS = 20.0
_LOOK_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 2.0
_CALL_SECONDS = 10.0

_log = get_logger("longtake.accounts.slots")


@dataclass
class _Backing:
    """A lease on the server."""

    lease_id: UUID
    limit_id: UUID
    renewed_at: float

    @property
    def slot(self) -> str:
        """Its name for other runs, good for the same limit alone."""
        return f"{self.limit_id}/{self.lease_id}"


class PrefectSlots:
    """A `SlotBackend` over the limit `account.limit_name`, which is made from the account once and then rules alone.

    No method raises for what the server does: a paid job goes on, whether the server answers or not.

    Args:
        account: Whose jobs are counted.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._name = account.limit_name
        context = FlowRunContext.get()
        run = context.flow_run if context else None
        self._holder = ConcurrencyLeaseHolder(type="flow_run", id=run.id) if run else None
        self._limit: GlobalConcurrencyLimitResponse | None = None
        self._held: dict[str, _Backing | None] = {}  # None: lost by the server, or never counted by it
        self._leases: dict[str, Lease] = {}
        self._kept_until: dict[str, float] = {}  # monotonic; a job runs in these, and they must outlive us so long
        self._owed: list[_Backing] = []  # given back by us, not yet taken back by the server
        self._stack = AsyncExitStack()
        self._client: PrefectClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._first_look: asyncio.Task[bool] | None = None
        self._taking: asyncio.Task[Lease | float] | None = None
        self._answers = True

    async def take(self) -> Lease | float:
        """Takes one slot, or returns the seconds after which to ask again."""
        await self._begin()
        # Cancelled or not, a slot that the server has counted is one that we know of.
        self._taking = asyncio.create_task(self._take())
        return await asyncio.shield(self._taking)

    async def give(self, lease: Lease) -> None:
        """Gives a slot back; later, if the server cannot take it now."""
        backing = self._held.get(lease.id)
        await self.forget(lease)
        if backing is not None:
            self._owed.append(backing)
            if self._limit is not None:
                self._limit.active_slots -= 1
            if self._answers:
                await self._tried(self._give_owed())

    async def keep(self, lease: Lease, seconds: float) -> None:
        """Lets a slot stand for so long although this process dies."""
        backing, now = self._held.get(lease.id), time.monotonic()
        if self._kept_until.get(lease.id, now) - now >= seconds:
            return
        # Half as long again, so that the next job of the same length needs no call of its own.
        self._kept_until[lease.id] = now + 1.5 * seconds
        if backing is not None and self._answers:
            await self._tried(self._renew(lease.id, backing))

    async def take_over(self, slot: str, seconds: float) -> Lease | None:
        """Makes a slot ours that another run took for a job; None where it no longer counts for the limit."""
        await self._begin()
        limit_id, _, lease_id = slot.partition("/")
        if self._limit is None or limit_id != str(self._limit.id):
            return None
        try:
            backing = _Backing(UUID(lease_id), self._limit.id, time.monotonic())
        except ValueError:
            return None
        lease = self._note_held(backing)
        await self.keep(lease, seconds)
        if self._held.get(lease.id) is None:
            await self.forget(lease)
            return None
        return lease

    async def forget(self, lease: Lease) -> None:
        """Leaves a slot to the run that has taken it over."""
        self._held.pop(lease.id, None)
        self._leases.pop(lease.id, None)
        self._kept_until.pop(lease.id, None)

    async def over_limit(self) -> bool:
        """Whether more slots are held, by anyone, than the limit allowed a moment ago."""
        if self._limit is None:
            return False
        if not self._limit.active:
            return len(self._held) > self._account.max_jobs_in_flight
        return None in self._held.values() or self._limit.active_slots > self._limit.limit

    def scarcity(self) -> Scarcity:
        """Why one waits for a slot, as the server told a moment ago."""
        limit = self._limit
        if limit is None and self._answers:
            return Scarcity(f"the Prefect server is asked for a slot of {self._name}")
        if limit is None or not self._answers:
            return Scarcity(f"the Prefect server, which counts the slots of {self._name}, does not answer", True)
        if not limit.active:
            most = self._account.max_jobs_in_flight
            return Scarcity(f"{most} of {most} slots of {self._account.name} taken")
        if limit.limit == 0:
            return Scarcity(
                f"{self._account.name} is paused: the Prefect limit {self._name} is 0; raise it to go on", True
            )
        return Scarcity(f"{limit.limit} of {limit.limit} slots of {self._name} taken")

    async def limit_in_force(self) -> int | None:
        """How many jobs the Prefect limit allows; None where there is none yet, or it is switched off."""
        limit = await self._standing_limit()
        return limit.limit if limit is not None and limit.active else None

    async def _standing_limit(self) -> GlobalConcurrencyLimitResponse | None:
        async with get_client() as client:
            try:
                return await client.read_global_concurrency_limit_by_name(self._name)
            except ObjectNotFound:
                return None

    async def limit_notice(self) -> str | None:
        """What a person should know where the Prefect limit and the block differ; None where they agree."""
        if (limit := await self._standing_limit()) is None:
            return None
        written = f"the block says {self._account.max_jobs_in_flight}"
        if not limit.active:
            return f"the Prefect limit {self._name} is switched off, so each run keeps to what {written}"
        if limit.limit == 0:
            return f"the Prefect limit {self._name} is 0: {self._account.name} is paused"
        if limit.limit != self._account.max_jobs_in_flight:
            return f"the Prefect limit {self._name} allows {limit.limit} jobs in flight, {written}; the limit rules"
        return None

    async def close(self) -> None:
        """Gives back what is owed, as far as the server answers.

        Slots that are still held stand for jobs that the vendor still runs: they come back when their leases end.
        """
        if under_way := [task for task in (self._first_look, self._taking) if task is not None]:
            await asyncio.wait(under_way)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        self._held.clear()
        self._leases.clear()
        self._kept_until.clear()
        if self._answers:
            await self._tried(self._give_owed())
        await self._stack.aclose()
        self._stack, self._client = AsyncExitStack(), None

    async def _begin(self) -> None:
        """Begins to look after leases; on return the limit is known, if the server answers."""
        if self._keeper is None or self._first_look is None:
            self._keeper = asyncio.create_task(self._look_after())
            self._first_look = asyncio.create_task(self._looked())
        await asyncio.shield(self._first_look)

    async def _take(self) -> Lease | float:
        if self._limit is None or None in self._held.values():
            return _LONGEST_WAIT_SECONDS  # jobs that run without a slot come first
        if not self._limit.active:
            if len(self._held) >= self._account.max_jobs_in_flight:
                return _LONGEST_WAIT_SECONDS
            backing = None
        else:
            backing = await self._increment()
            if not isinstance(backing, _Backing):
                return backing
        return self._note_held(backing)

    def _note_held(self, backing: _Backing | None) -> Lease:
        lease = Lease(id=str(uuid.uuid4()), slot=backing.slot if backing else "")
        self._held[lease.id], self._leases[lease.id] = backing, lease
        return lease

    async def _increment(self) -> _Backing | float:
        """One slot of the limit, or the seconds after which to ask again."""
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                client = await self._connected()
                reply = await client.increment_concurrency_slots_with_lease(
                    names=[self._name], slots=1, mode="concurrency", lease_duration=LEASE_SECONDS, holder=self._holder
                )
                body = reply.json()
                limits = [UUID(limit["id"]) for limit in body["limits"]]
                if not limits:  # the limit was deleted: what Prefect handed out bounds nothing
                    return _LONGEST_WAIT_SECONDS
                return _Backing(UUID(body["lease_id"]), limits[0], time.monotonic())
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 423:
                asked = float(error.response.headers.get("Retry-After", _LONGEST_WAIT_SECONDS))
                return min(max(asked, 0.1), _LONGEST_WAIT_SECONDS)
            if error.response.status_code != 422:  # a limit of 0 is less than the one slot asked for
                _log.warning("%s: the Prefect server gives no slot: %s", self._name, error)
            return _LONGEST_WAIT_SECONDS
        except Exception as error:
            self._note(error)
            return _LONGEST_WAIT_SECONDS

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if await self._looked():
                await self._tried(self._renew_due())
                await self._tried(self._give_owed())
                await self._tried(self._take_lost_again())

    async def _looked(self) -> bool:
        """Reads the limit, made from the account if there is none; whether the server answered."""
        return await self._tried(self._look())

    async def _look(self) -> None:
        client = await self._connected()
        try:
            self._limit = await client.read_global_concurrency_limit_by_name(self._name)
        except ObjectNotFound:
            wanted = GlobalConcurrencyLimitCreate(
                name=self._name, limit=self._account.max_jobs_in_flight, active=True, slot_decay_per_second=0.0
            )
            with contextlib.suppress(ObjectAlreadyExists):  # another process may be quicker
                await client.create_global_concurrency_limit(wanted)
            self._limit = await client.read_global_concurrency_limit_by_name(self._name)
        for lease_id, backing in self._held.items():
            if backing is not None and backing.limit_id != self._limit.id:  # deleted and made anew
                self._held[lease_id] = None

    async def _renew_due(self) -> None:
        due = [
            (lease_id, backing)
            for lease_id, backing in self._held.items()
            if backing is not None and time.monotonic() - backing.renewed_at > _RENEW_AFTER_SECONDS
        ]
        due += [(None, b) for b in self._owed if time.monotonic() - b.renewed_at > _RENEW_AFTER_SECONDS]
        for lease_id, backing in due:
            await self._renew(lease_id, backing)

    async def _renew(self, lease_id: str | None, backing: _Backing) -> None:
        client = await self._connected()
        kept = self._kept_until.get(lease_id or "", 0.0) - time.monotonic()
        try:
            seconds = min(LONGEST_LEASE_SECONDS, max(LEASE_SECONDS, kept))
            await client.renew_concurrency_lease(backing.lease_id, seconds)
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in (404, 410):
                raise
            if backing in self._owed:
                self._owed.remove(backing)
            elif lease_id is not None and self._held.get(lease_id) is backing:
                self._held[lease_id] = None
                _log.warning("%s: the server has lost a lease; its job goes on, a slot is taken again", self._name)
        else:
            backing.renewed_at = time.monotonic()

    async def _give_owed(self) -> None:
        # The server divides by the limit when it takes a slot back, and counts nothing while a limit is switched off.
        if self._limit is None or self._limit.limit == 0 or not self._limit.active:
            return
        client = await self._connected()
        while self._owed:
            backing = self._owed.pop()
            try:
                await client.release_concurrency_slots_with_lease(backing.lease_id)
            except BaseException:
                self._owed.append(backing)
                raise

    async def _take_lost_again(self) -> None:
        if self._limit is None or not self._limit.active:
            return
        for lease_id in [lease_id for lease_id, backing in self._held.items() if backing is None]:
            backing = await self._increment()
            if not isinstance(backing, _Backing):
                return
            if lease_id in self._held:
                self._held[lease_id], self._leases[lease_id].slot = backing, backing.slot
            else:
                self._owed.append(backing)

    async def _tried(self, step: Coroutine[None, None, None]) -> bool:
        """Whether a step went through; what hinders it is said once."""
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                await step
        except Exception as error:
            self._note(error)
            return False
        if not self._answers:
            self._answers = True
            _log.warning("%s: the Prefect server answers again", self._name)
        return True

    def _note(self, error: Exception) -> None:
        if self._answers:
            self._answers = False
            _log.warning(
                "%s: the Prefect server does not answer (%s); jobs go on, no new slot comes", self._name, repr(error)
            )

    async def _connected(self) -> PrefectClient:
        if self._client is None:
            self._client = await self._stack.enter_async_context(get_client())
        return self._client
