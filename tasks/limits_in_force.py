"""What the Prefect limits allow now, where they differ from the blocks that they were made from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from prefect.settings import get_current_settings

from longtake.accounts.account import Account
from tasks._concurrency_limit import PrefectSlots

log = logging.getLogger("longtake.accounts.slots")

ANSWER_SECONDS = 10.0


async def limits_in_force(accounts: Mapping[str, Account]) -> tuple[dict[str, Account], list[str]]:
    """The accounts with as many jobs in flight as their Prefect limits allow, and what to know where the two differ.

    Where no server is configured, or it does not answer, the accounts stand as they are: a plan needs no server.
    """
    found, notices = dict(accounts), list[str]()
    if not get_current_settings().api.url:  # asking would start Prefect's ephemeral server
        return found, notices
    for name, account in accounts.items():
        slots = PrefectSlots(account)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                allowed = await slots.limit_in_force()
                notice = await slots.limit_notice()
        except Exception as error:
            log.info("%s: the Prefect limit cannot be read: %s", name, error)
            return found, notices
        if allowed is not None:
            found[name] = account.model_copy(update={"max_jobs_in_flight": allowed})
        if notice:
            notices.append(notice)
    return found, notices
