"""The accounts that a run and its rows name: loaded before anything is spent, each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from longtake.accounts.account import Account, account_name
from longtake.accounts.session import LoadAccount
from longtake.domain.errors import (
    ConfigurationError,
    MissingCredentialsError,
    UnknownVendorError,
    UnusableKeyError,
)
from longtake.manifests.cells import CellError, parse_vendor
from longtake.planning.pools.candidates import vendors_in
from longtake.vendors import adapter_named


def run_vendor(written: str | None) -> str | None:
    """The vendor or vendors of a run, without blanks between them.

    Raises:
        ConfigurationError: It is no vendor's name, or there is no such vendor.
    """
    if written is None or not written.strip():
        return None
    try:
        vendor = parse_vendor(written.strip())
        for name in vendors_in(vendor):
            adapter_named(name)
    except CellError as error:
        raise ConfigurationError(f"--vendor {written!r}: {error.rule}; {error.fix}") from None
    except UnknownVendorError as error:
        raise ConfigurationError(f"--vendor {written!r}: {error}") from None
    return vendor


async def accounts_of(
    written: Iterable[str], load_account: LoadAccount, *, need_keys: bool
) -> tuple[dict[str, Account], frozenset[str], list[str]]:
    """The accounts by name, those of them that have no credentials, and what a person should know.

    Args:
        written: What rows and run name, each one vendor or several with `|` between them; "" where nothing is named.
        load_account: Loads `vendor/document`.
        need_keys: Whether a row that is left without any credentials stops the run.

    Raises:
        MissingCredentialsError: No vendor of some rows has credentials.
        UnusableKeyError: A key cannot be sent, whoever else is named beside it.
    """
    accounts: dict[str, Account] = {}
    notices: list[str] = []
    missing: dict[str, ConfigurationError] = {}
    pools = [vendors_in(each) for each in dict.fromkeys(written)]
    for vendor in dict.fromkeys(vendor for pool in pools for vendor in pool):
        try:
            adapter_named(vendor)
        except UnknownVendorError:
            continue
        try:
            accounts[account_name(vendor)], said = await load_account(vendor)
            notices += said
        except (MissingCredentialsError, UnusableKeyError) as error:
            missing[vendor] = error
    unusable = any(isinstance(error, UnusableKeyError) for error in missing.values())
    stops = missing if unusable else _needed(pools, missing)
    if need_keys or unusable:
        _raise_together(list(stops.values()))
    notices += [
        str(error) if vendor in stops else f"{error}; rows that name others beside {vendor} go to those"
        for vendor, error in missing.items()
    ]
    return accounts, frozenset(map(account_name, missing)), notices


def _needed(pools: Iterable[Sequence[str]], missing: dict[str, ConfigurationError]) -> dict[str, ConfigurationError]:
    """Whose credentials some rows cannot do without."""
    without = [pool for pool in pools if all(vendor in missing for vendor in pool)]
    return {vendor: missing[vendor] for pool in without for vendor in pool}


def _raise_together(errors: Sequence[ConfigurationError]) -> None:
    """Raises one error with the words of all, so that all of them are mended at once."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise type(errors[0])("\n".join(map(str, errors)))
