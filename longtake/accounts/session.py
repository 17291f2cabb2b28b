"""One account at work in this process: its client, its poller, its slots, and whether it is on hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from longtake.accounts.account import Account
from longtake.accounts.callbacks import Callbacks
from longtake.accounts.client import VendorClient
from longtake.accounts.job_list import JobList
from longtake.accounts.pacing import Pace
from longtake.accounts.poll_schedule import ENOUGH_TO_LEARN
from longtake.accounts.polling import Poller
from longtake.accounts.slots import FixedSlots, SlotBackend, SlotPool
from longtake.domain.errors import VendorAccountError
from longtake.domain.request import ShotRequest
from longtake.vendors import Adapter

LoadAccount = Callable[[str], Awaitable[tuple[Account, list[str]]]]
"""Loads `vendor/document`, with what a person should know about the choice."""


@dataclass
class AccountSession:
    """What one account needs to buy, watch and cancel. `trouble` is the account error that put it on hold."""

    account: Account
    client: VendorClient
    poller: Poller
    slots: SlotPool
    pace: Pace
    job_list: JobList
    callbacks: Callbacks | None = None
    trouble: VendorAccountError | None = None

    @property
    def adapter(self) -> Adapter:
        """The vendor's translation."""
        return self.client.adapter

    @property
    def job_seconds(self) -> float:
        """How long a job of this account may run: by those that ended, else as long as one is waited for."""
        ended = self.poller.schedule.ended
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


def raise_trouble(session: AccountSession) -> None:
    """Raises what put an account on hold, if anything did."""
    if session.trouble is not None:
        raise session.trouble


def open_session(
    account: Account, backend: SlotBackend | None = None, callbacks: Callbacks | None = None
) -> AccountSession:
    """A session for an account; without a backend its slots are this process's own, without a receiver it polls."""
    client = VendorClient(account)
    poller = Poller(
        client.look,
        client.adapter.result_expired,
        shortest_gap_seconds=account.poll_interval_seconds,
        max_wait_seconds=account.max_wait_seconds,
    )
    slots = SlotPool(backend or FixedSlots(account.max_jobs_in_flight))
    pace = Pace(account.submits_per_minute)
    return AccountSession(account, client, poller, slots, pace, JobList(client), callbacks)
