"""`longtake prices set`: what an account pays for a model, where no document tells it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from longtake.domain.errors import ConfigurationError

UNITS = {"second": "a second", "task": "a clip", "million_tokens": "a million tokens"}


def add_prices_command(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Adds the command to the command line."""
    prices = commands.add_parser("prices", help="set what an account pays for a model, where no document tells it")
    verbs = prices.add_subparsers(required=True, metavar="set")
    setting = verbs.add_parser(
        "set",
        help="set prices of a model",
        epilog="Kept in the account's block document; where it stands in none, in longtake-prices.json of the working "
        "folder (or LONGTAKE_PRICE_FILE).",
    )
    setting.add_argument("account", help="evolink, or evolink/NAME for the block document NAME")
    setting.add_argument("model", help="seedance-2.0-mini, …, or the vendor's own model")
    setting.add_argument(
        "usd", nargs="+", metavar="[RESOLUTION=]USD", help="0.05, or 480p=0.03 720p=0.06: for one unit"
    )
    setting.add_argument("--unit", choices=tuple(UNITS), default="second", help="default second")
    setting.add_argument("--source", default="set by hand", help="where the figure is from, such as 'contract of May'")
    setting.set_defaults(command=run)


def set_prices_of(chosen: argparse.Namespace) -> str:
    """Sets the prices that were given; returns what is told of it.

    Raises:
        ConfigurationError: A figure is none, or the model is not known.
    """
    from blocks.credentials import set_prices  # noqa: PLC0415 - Prefect is slow to import

    usd = figures(chosen.usd)
    place = asyncio.run(set_prices(chosen.account, chosen.model, usd, unit=chosen.unit, source=chosen.source))
    told = ", ".join(f"{resolution} {price:g}" for resolution, price in usd.items())
    return f"{chosen.account} {chosen.model}: {told} USD {UNITS[chosen.unit]}, kept in {place}"


def figures(written: Sequence[str]) -> dict[str, float]:
    """`480p=0.03` or `0.03` (any resolution) as prices by resolution.

    Raises:
        ConfigurationError: Names every one that cannot be read.
    """
    found: dict[str, float] = {}
    problems: list[str] = []
    for each in written:
        resolution, _, price = each.rpartition("=")
        try:
            found[resolution or "*"] = float(price.removeprefix("$"))
        except ValueError:
            problems.append(f"{each!r}: give RESOLUTION=USD, such as 720p=0.06, or a figure for any resolution")
    if problems:
        raise ConfigurationError("; ".join(problems))
    return found
