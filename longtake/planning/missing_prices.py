"""Which figures a person has to fill in so that every shot of a plan has a price."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from longtake.planning.plan import Shot


def missing_prices(shots: Iterable[Shot]) -> list[str]:
    """What to type so that every shot has a price: one line per account."""
    needed: dict[str, dict[str, dict[str, None]]] = {}
    for shot in shots:
        if shot.quote is not None or shot.model is None or shot.is_refused or shot.attempts:
            continue
        places = [(each.account, each.model) for each in shot.places if each.quote is None]
        for account, model in places or [(shot.account, shot.model)]:
            resolution = shot.request.resolution or model.limits.default_resolution or "*"
            needed.setdefault(account, {}).setdefault(model.wire, {})[resolution] = None
    return [
        f"{account}: some prices are unknown; set what you pay, in USD a second (--unit task or million_tokens): "
        + "; ".join(_command(account, wire, resolutions) for wire, resolutions in models.items())
        for account, models in needed.items()
    ]


def _command(account: str, wire: str, resolutions: Iterable[str]) -> str:
    figures = " ".join(shlex.quote(f"{resolution}=USD") for resolution in resolutions)
    return f"`longtake prices set {account.removesuffix('/default')} {wire} {figures}`"
