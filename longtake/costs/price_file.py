"""Prices that a person has set for accounts that stand in no block: a JSON file, by account and wire model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from longtake.costs.quote import price_rules
from longtake.domain.errors import ConfigurationError
from longtake.settings import settings
from longtake.vendors import VENDORS, Adapter, Model, adapter_named
from longtake.vendors.price_rule import PriceRule

Prices = dict[str, Any]
"""By wire model, the fields of a `PriceRule`."""


def price_file() -> Path:
    """Where they lie: `LONGTAKE_PRICE_FILE`, else `longtake-prices.json` in the working folder."""
    return Path(settings().price_file).expanduser().absolute()


def prices_in_file(account: str) -> Prices:
    """What the file sets for `vendor/document`; empty where there is none.

    Raises:
        ConfigurationError: The file is there and cannot be read.
    """
    return _read(price_file()).get(account, {})


def rules_in_file() -> dict[str, dict[str, PriceRule]]:
    """What the file sets for the vendors' default accounts, by vendor and wire model.

    Raises:
        ConfigurationError: The file is there and cannot be read, or a price in it is none.
    """
    return {
        name: price_rules(prices_in_file(f"{name}/default"), [model.wire for model in adapter.models])
        for name, adapter in VENDORS.items()
    }


def write_to_file(account: str, prices: Prices) -> Path:
    """Sets the prices of an account in the file; those of others stay.

    Raises:
        ConfigurationError: The file cannot be read or written.
    """
    path = price_file()
    whole = _read(path) | {account: prices}
    try:
        path.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    return path


def with_price(
    prices: Mapping[str, Any], vendor: str, model: str, usd: Mapping[str, float], *, unit: str, source: str
) -> Prices:
    """The prices with a model's set: those of other resolutions stay, where they are of the same unit.

    Args:
        prices: As they stand.
        vendor: Whose.
        model: A wire model, or a neutral name for all that answer to it.
        usd: Price of a unit by resolution; `*` for any.
        unit: `second`, `task` or `million_tokens`.
        source: Where the figure is from.

    Raises:
        ConfigurationError: There is no such model, it makes no such resolution, or the figures are no price.
    """
    adapter = adapter_named(vendor)
    changed = dict(prices)
    for known in _meant(adapter, model):
        _check_resolutions(usd, known)
        there = prices.get(known.wire)
        stands = there["usd"] if isinstance(there, Mapping) and there.get("unit") == unit else {}
        changed[known.wire] = {"unit": unit, "usd": {**stands, **usd}, "source": source}
    price_rules(changed, [known.wire for known in adapter.models])
    return changed


def _meant(adapter: Adapter, model: str) -> list[Model]:
    found = [known for known in adapter.models if model in (known.wire, known.neutral)]
    if not found:
        names = dict.fromkeys(name for known in adapter.models for name in (known.neutral, known.wire) if name)
        raise ConfigurationError(f"{model!r} is none of {adapter.name}'s models; known are {', '.join(names)}")
    return found


def _check_resolutions(usd: Iterable[str], model: Model) -> None:
    limits = model.limits
    made = dict.fromkeys([*limits.resolutions, *filter(None, [limits.default_resolution])])
    if unknown := [repr(resolution) for resolution in usd if resolution not in {"*", *made}]:
        choices = ", ".join(made) or "a figure without a resolution"
        raise ConfigurationError(f"{model.wire} makes no {', '.join(unknown)}; give {choices}")


def _read(path: Path) -> dict[str, Prices]:
    try:
        told: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    if not isinstance(told, dict) or not all(isinstance(each, dict) for each in told.values()):
        raise ConfigurationError(f"{path} cannot be read: give prices by account and wire model")
    return told
