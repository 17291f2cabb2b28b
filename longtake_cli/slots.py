"""`longtake slots`: how many jobs each account may have in flight and has, and freeing slots that nobody needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse

from longtake.accounts.account import account_name, limit_name
from longtake.domain.errors import ConfigurationError

PREFIX = "longtake-"


def show_slots(free: Sequence[str]) -> list[str]:
    """The accounts' limits in lines, after slots of those named were freed.

    Args:
        free: `vendor` or `vendor/DOCUMENT`. Runs that live take the slots of their jobs again within seconds.

    Raises:
        ConfigurationError: An account to free has no limit on this server; nothing was freed.
    """
    return asyncio.run(_show_slots(free))


async def _show_slots(free: Sequence[str]) -> list[str]:
    async with get_client() as client:
        limits = await _limits(client)
        if unknown := [account for account in free if limit_name(account_name(account)) not in limits]:
            raise ConfigurationError(f"no run has used {', '.join(unknown)} on this Prefect server; nothing was freed")
        for account in dict.fromkeys(free):
            limit = limits[limit_name(account_name(account))]
            # Leases cannot be listed, but they die with their limit; live runs notice and count their jobs anew.
            await client.delete_global_concurrency_limit_by_name(limit.name)
            await client.create_global_concurrency_limit(
                GlobalConcurrencyLimitCreate(
                    name=limit.name, limit=limit.limit, active=limit.active, slot_decay_per_second=0.0
                )
            )
        limits = await _limits(client)
    return [
        f"{name}: {limit.active_slots} of {limit.limit} in use{'' if limit.active else ', switched off'}"
        for name, limit in sorted(limits.items())
    ] or ["no account has been used on this Prefect server"]


async def _limits(client: PrefectClient) -> dict[str, GlobalConcurrencyLimitResponse]:
    found: dict[str, GlobalConcurrencyLimitResponse] = {}
    while page := await client.read_global_concurrency_limits(limit=100, offset=len(found)):
        found |= {limit.name: limit for limit in page}
    return {name: limit for name, limit in found.items() if name.startswith(PREFIX)}
