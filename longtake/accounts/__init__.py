"""One account at work: client, transport, poller, slots, pacing, callbacks, and hosting of files for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.accounts.account import Account, account_name, limit_name
    from longtake.accounts.assets import AssetLibrary
    from longtake.accounts.callbacks import Callbacks
    from longtake.accounts.client import VendorClient
    from longtake.accounts.hosting import Hosting
    from longtake.accounts.poll_schedule import PollSchedule
    from longtake.accounts.polling import Poller
    from longtake.accounts.session import AccountSession, LoadAccount, open_session
    from longtake.accounts.slots import FixedSlots, Lease, Scarcity, SlotBackend, SlotPool
    from longtake.accounts.transport import Transport, redact
else:
    __getattr__ = face(
        __name__,
        {
            "account": "Account account_name limit_name",
            "client": "VendorClient",
            "session": "AccountSession LoadAccount open_session",
            "slots": "FixedSlots Lease Scarcity SlotBackend SlotPool",
            "poll_schedule": "PollSchedule",
            "polling": "Poller",
            "callbacks": "Callbacks",
            "hosting": "Hosting",
            "assets": "AssetLibrary",
            "transport": "Transport redact",
        },
    )

__all__ = [
    "Account",
    "AccountSession",
    "AssetLibrary",
    "Callbacks",
    "FixedSlots",
    "Hosting",
    "Lease",
    "LoadAccount",
    "PollSchedule",
    "Poller",
    "Scarcity",
    "SlotBackend",
    "SlotPool",
    "Transport",
    "VendorClient",
    "account_name",
    "limit_name",
    "open_session",
    "redact",
]
