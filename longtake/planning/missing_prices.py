"""Which figures a person has to fill in so that every shot of a plan has a price."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from longtake.planning.plan import Shot


def missing_prices(shots: Iterable[Shot]) -> list[str]:
    """What to fill into the credentials so that every shot has a price: one line per account."""
    needed: dict[str, dict[str, dict[str, None]]] = {}
    for shot in shots:
        if shot.quote is not None or shot.model is None or shot.is_refused or shot.attempts:
            continue
        resolution = shot.request.resolution or shot.model.limits.default_resolution or "*"
        needed.setdefault(shot.account, {}).setdefault(shot.model.wire, {})[resolution] = None
    return [
        f"{account}: some prices are unknown; fill in `prices` with your own figures: {json.dumps(_forms(models))}"
        for account, models in needed.items()
    ]


def _forms(models: Mapping[str, Mapping[str, None]]) -> dict[str, object]:
    return {
        wire: {"unit": "second", "usd": dict.fromkeys(resolutions, "?"), "source": "your contract"}
        for wire, resolutions in models.items()
    }
