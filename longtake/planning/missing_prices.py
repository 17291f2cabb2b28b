"""Which figures a person has to fill in so that every shot of a plan has a price."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from longtake.planning.plan import Shot
from longtake.vendors import Model


def missing_prices(shots: Iterable[Shot]) -> list[str]:
    """What to type so that every shot has a price: one line per account."""
    needed: dict[str, dict[str, dict[str, None]]] = {}
    in_yuan = set[str]()
    for shot in shots:
        if shot.quote is not None or shot.model is None or shot.is_refused or shot.attempts:
            continue
        places = [(each.account, each.model) for each in shot.places if each.quote is None]
        for account, model in places or [(shot.account, shot.model)]:
            resolution = shot.request.resolution or model.limits.default_resolution or "*"
            needed.setdefault(account, {}).setdefault(model.wire, {})[resolution] = None
            if _wants_a_rate(shot, model):
                in_yuan.add(account)
    return [
        f"{account}: some prices are unknown; "
        + (_rate(account) if account in in_yuan else "")
        + "set what you pay, in USD a second (--unit task or million_tokens): "
        + "; ".join(_command(account, wire, resolutions) for wire, resolutions in models.items())
        for account, models in needed.items()
    ]


def _wants_a_rate(shot: Shot, model: Model) -> bool:
    """Whether what is missing may be the worth of a yuan; what a web search costs no list tells."""
    return model.cny_price is not None and not shot.request.web_search


def _rate(account: str) -> str:
    vendor = account.partition("/")[0].upper()
    return f"its list is in yuan: say what one is worth (`usd_per_cny`, or {vendor}_USD_PER_CNY=0.14), or "


def _command(account: str, wire: str, resolutions: Iterable[str]) -> str:
    figures = " ".join(shlex.quote(f"{resolution}=USD") for resolution in resolutions)
    return f"`longtake prices set {account.removesuffix('/default')} {wire} {figures}`"
