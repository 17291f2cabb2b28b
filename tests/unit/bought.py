"""Records of purchases, accounts whose vendor is a function, and a session without a vendor: for tests of decisions."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import httpx
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.accounts.session import AccountSession, open_session
from longtake.accounts.slots import Granted, Lease
from longtake.accounts.transport import Transport
from longtake.domain.job import Clip, Job
from longtake.ledger.records import Accepted, Intent

IDENTITY = "1-" + "a" * 40
ACCOUNT = "evolink/default"
BASE_URL = "https://vendor.test"
COMMON = {"vendor": "evolink", "account": ACCOUNT, "base_url": BASE_URL, "wire_model": "m"}


def intent(identity=IDENTITY, number=1, deadline=None, **more) -> Intent:
    """An intent whose submit may still be under way, unless a deadline is given."""
    known = {"shot_id": "reel/1", "take": 1, "attempt": 1, "request": {"prompt": "p"}} | COMMON | more
    return Intent(
        identity=identity, number=number, deadline=time.time() + 90 if deadline is None else deadline, **known
    )


def job(identity=IDENTITY, **more) -> Job:
    """A job of evolink's."""
    return Job(
        **({"job_id": "j1", "identity": identity, "shot_id": "reel/1", "submitted_at": time.time()} | COMMON | more)
    )


def accepted(identity=IDENTITY, **more) -> Accepted:
    """The record of such a job."""
    return Accepted(identity=identity, job=job(identity, **more))


def clip(key=f"ledger/{IDENTITY}/clip.mp4", **more) -> Clip:
    """A clip of five seconds."""
    known = {"sha256": "0" * 64, "size_bytes": 1, "width": 2, "height": 2, "frames": 121, "duration_seconds": 5}
    return Clip(key=key, **(known | more))


def account(**more) -> Account:
    """An account of evolink's."""
    return Account(**({"vendor": "evolink", "api_key": SecretStr("key-of-the-account"), "base_url": BASE_URL} | more))


def session_at(vendor, **more) -> AccountSession:
    """A real session; `vendor` answers each request."""
    known = account(**more)
    session = open_session(known)
    session.client = VendorClient(known, transport=Transport(known, transport=httpx.MockTransport(vendor)))
    return session


class Slots:
    """A pool that writes down what it is told; `stands` are the slots of dead runs that can be taken over."""

    def __init__(self, *stands) -> None:
        self.stands, self.given, self.forgotten, self.kept, self.asked = set(stands), [], [], [], []

    async def acquire(self, priority):
        self.asked.append(priority)
        return Lease("new", slot="new")

    def stand(self, priority, slot):
        self.asked.append(priority)
        slot.set_result(Granted(self, Lease("new", slot="new")))

    async def keep(self, lease, seconds):
        self.kept.append((lease.slot, seconds))

    async def take_over(self, slot, seconds):
        if slot not in self.stands:
            return None
        self.kept.append((slot, seconds))
        return Lease(slot, slot=slot)

    async def forget(self, lease):
        self.forgotten.append(lease.slot)

    def release(self, lease):
        self.given.append(lease.slot)

    async def close(self):
        pass


def quiet_session(*stands, **more) -> SimpleNamespace:
    """A session with such a pool and no vendor."""
    return SimpleNamespace(slots=Slots(*stands), job_seconds=60.0, account=account(), trouble=None, **more)


async def until(holds) -> None:
    """Waits till something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - it is looked at from outside
            await asyncio.sleep(0.005)
