"""What is known of a run's accounts and told before anything is spent: what `longtake check` found, keys held twice.

It warns and decides nothing: what was found may have been mended, and whom a shot goes to is as its row says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from longtake.accounts.account import Account, same_keys
from longtake.accounts.checked import CheckFile
from longtake.domain.text import counted

AGAIN = "run it again if that has changed"


async def told_of_accounts(
    checks: CheckFile | None, uses: Mapping[tuple[str, str], int], accounts: Mapping[str, Account]
) -> list[str]:
    """Which accounts hold one key, and what is known to be wrong at accounts and models that shots may be bought at.

    Args:
        checks: Where what was found is kept, if it is.
        uses: How many shots may be bought at an account as a wire model.
        accounts: The accounts, with the keys that they have now.
    """
    told, now = same_keys(accounts.values()), time.time()
    checked, unreadable = await asyncio.to_thread(checks.read) if checks is not None else ({}, "")
    told += [unreadable] if unreadable else []
    for name in dict.fromkeys(name for name, _ in uses):
        found = checked.get(name)
        if found is None or name not in accounts or not found.holds_for(accounts[name], now):
            continue
        closed = [
            f"model {wire} is not open to its key ({counted(number, 'shot')} may ask for it)"
            for (account, wire), number in uses.items()
            if account == name and wire in found.closed
        ]
        if troubles := [*found.troubles, *closed]:
            told.append(f"{name}: `longtake check` at {found.when}: {'; '.join(troubles)}; {AGAIN}")
    return told
