"""`longtake check`: are keys, balances, clock and links good? Spends nothing."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from longtake.domain.errors import ConfigurationError, LongtakeError, MissingCredentialsError

if TYPE_CHECKING:
    from longtake.accounts.health import Finding

SIGNS = {True: "good", False: "BAD", None: "not told"}


def add_check_command(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Adds the command to the command line."""
    check = commands.add_parser(
        "check",
        help="are keys, balances, clock and links good? spends nothing",
        epilog="What it finds of keys, balances and models is kept for a day, in longtake/checked.json below "
        "PREFECT_HOME; `plan` and `render` tell what of it is bad.",
    )
    check.add_argument(
        "--vendor",
        action="append",
        default=[],
        metavar="ACCOUNT",
        help="evolink, or evolink/NAME for the block document NAME; several with | between them; "
        "default: every vendor that has a key",
    )
    check.set_defaults(command=run)


def check_accounts(written: Sequence[str], tell: Callable[[str], None]) -> bool:
    """Tells what was found of each account, line by line; returns whether nothing was bad and anything was there.

    Args:
        written: `vendor` or `vendor/NAME`, or several with `|` between them; none: every vendor that has a key.
        tell: Takes a line.

    Raises:
        ConfigurationError: There is no such vendor.
    """
    return asyncio.run(_check(written, tell))


async def _check(written: Sequence[str], tell: Callable[[str], None]) -> bool:
    from blocks.credentials import CREDENTIALS, load_account  # noqa: PLC0415 - Prefect is slow to import
    from flows._prefect_settings import check_file  # noqa: PLC0415
    from longtake.accounts.account import Account, same_keys  # noqa: PLC0415
    from longtake.accounts.health import Finding, check_account  # noqa: PLC0415

    names = _names(written)
    checks, accounts = check_file(), list[Account]()
    is_good, checked = True, False
    for name in names or CREDENTIALS:
        try:
            account, notices = await load_account(name)
        except MissingCredentialsError as error:
            if not names:
                continue
            findings = [Finding("key", False, str(error))]
        except ConfigurationError as error:  # the others are looked at all the same
            findings = [Finding("account", False, str(error))]
        else:
            accounts.append(account)
            found = await check_account(account)
            kept = await asyncio.to_thread(checks.keep, account, found, time.time())
            findings = [*(Finding("note", None, words) for words in [*notices, kept] if words), *found]
        is_good = is_good and all(each.is_good is not False for each in findings)
        checked = True
        for each in findings:
            tell(f"{name}: {each.what}: {SIGNS[each.is_good]}: {each.words}")
    if not checked:
        tell("no vendor has a key: save a block document, or set a variable such as EVOLINK_API_KEY")
        return False
    for words in same_keys(accounts):
        tell(f"note: {words}")
    links = await _links()
    tell(f"links: {SIGNS[links.is_good]}: {links.words}")
    return is_good and links.is_good is not False


def _names(written: Sequence[str]) -> list[str]:
    """The accounts that were named, each once however it is written."""
    from longtake.accounts.account import account_name  # noqa: PLC0415
    from longtake.planning.pools.accounts import run_vendor  # noqa: PLC0415
    from longtake.planning.pools.candidates import vendors_in  # noqa: PLC0415

    names: dict[str, str] = {}
    for pool in map(run_vendor, written):
        for name in vendors_in(pool) if pool is not None else ():
            names.setdefault(account_name(name), name)
    return list(names.values())


async def _links() -> Finding:
    """Whether a link of ours can be fetched; only from here, vendors ask from elsewhere."""
    from blocks.storage import load_clip_store  # noqa: PLC0415
    from longtake.accounts.health import Finding  # noqa: PLC0415
    from longtake.files.web.reachable import link_problem  # noqa: PLC0415

    try:
        store = await load_clip_store()
        if store is None:
            return Finding("links", None, "no ClipStore; files go inline or through a vendor's own upload")
        problem = await link_problem(store)
    except (LongtakeError, OSError) as error:
        return Finding("links", False, str(error))
    return Finding("links", not problem, problem or f"what lies in {store.url} can be fetched by its link")
