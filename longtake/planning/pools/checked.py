"""What `longtake check` found of the accounts that shots may be bought at, told before anything is spent.

It warns and decides nothing: what was found may have been mended, and whom a shot goes to is as its row says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from longtake.accounts.account import Account
from longtake.accounts.checked import CheckFile
from longtake.domain.text import counted

AGAIN = "run it again if that has changed"


async def told_by_checks(
    checks: CheckFile | None, uses: Mapping[tuple[str, str], int], accounts: Mapping[str, Account]
) -> list[str]:
    """What is known to be wrong at accounts and models that shots may be bought at, a line an account.

    Args:
        checks: Where it is kept, if it is.
        uses: How many shots may be bought at an account as a wire model.
        accounts: The accounts, with the keys that they have now.
    """
    if checks is None:
        return []
    checked, unreadable = await asyncio.to_thread(checks.read)
    told, now = [unreadable] if unreadable else [], time.time()
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
