"""`longtake check`: are keys, balances, clock and links good? Spends nothing."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from longtake.domain.errors import LongtakeError, MissingCredentialsError

if TYPE_CHECKING:
    from longtake.accounts.health import Finding

SIGNS = {True: "good", False: "BAD", None: "not told"}


def add_check_command(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Adds the command to the command line."""
    check = commands.add_parser("check", help="are keys, balances, clock and links good? spends nothing")
    check.add_argument(
        "--vendor",
        action="append",
        default=[],
        metavar="ACCOUNT",
        help="evolink, or evolink/NAME for the block document NAME; default: every vendor that has a key",
    )
    check.set_defaults(command=run)


def check_accounts(names: Sequence[str], tell: Callable[[str], None]) -> bool:
    """Tells what was found of each account, line by line; returns whether nothing was bad and anything was there.

    Args:
        names: `vendor` or `vendor/NAME`; none: every vendor that has a key.
        tell: Takes a line.

    Raises:
        UnknownVendorError: There is no such vendor.
    """
    return asyncio.run(_check(names, tell))


async def _check(names: Sequence[str], tell: Callable[[str], None]) -> bool:
    from blocks.credentials import CREDENTIALS, load_account  # noqa: PLC0415 - Prefect is slow to import
    from longtake.accounts.health import Finding, check_account  # noqa: PLC0415

    checked, is_good = 0, True
    for name in dict.fromkeys(names or CREDENTIALS):
        try:
            account, notices = await load_account(name)
            findings = [Finding("note", None, words) for words in notices] + await check_account(account)
        except MissingCredentialsError as error:
            if not names:
                continue
            findings = [Finding("key", False, str(error))]
        checked += 1
        is_good = is_good and all(each.is_good is not False for each in findings)
        for each in findings:
            tell(f"{name}: {each.what}: {SIGNS[each.is_good]}: {each.words}")
    if not checked:
        tell("no vendor has a key: save a block document, or set a variable such as EVOLINK_API_KEY")
        return False
    links = await _links()
    tell(f"links: {SIGNS[links.is_good]}: {links.words}")
    return is_good and links.is_good is not False


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
