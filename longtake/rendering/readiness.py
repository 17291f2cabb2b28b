"""Before the first purchase of a reel: every reference that its vendor takes as an audited asset only is registered, so
that one which is refused stops the reel while nothing is bought.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longtake.domain.errors import LongtakeError, RefusedMediaError
from longtake.domain.verdicts import Outcome, Verdict, outcome_of
from longtake.planning.options import OnRefused
from longtake.planning.plan import Shot
from longtake.rendering.order_builder import OrderBuilder
from longtake.rendering.shot_result import ShotResult


@dataclass
class Readiness:
    """Readies the reels of a run, each once; `held` are those that are not bought anyway.

    `on_refused`: whether what one vendor's library refused is shown to the next; `passed`: which has passed a shot's.
    """

    orders: OrderBuilder
    reels: Mapping[str, Sequence[Shot]]
    held: Mapping[str, str] = field(default_factory=dict)
    on_refused: OnRefused = "hold"
    passed: dict[Shot, str] = field(default_factory=dict[Shot, str])
    _troubles: dict[str, dict[Shot, LongtakeError]] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def refusal(self, shot: Shot) -> ShotResult | None:
        """Why a shot must not be bought: a reference of its own, or of another shot of its reel; None where none is."""
        reel = shot.row.reel
        async with self._locks.setdefault(reel, asyncio.Lock()):
            if reel not in self._troubles:
                self._troubles[reel] = await self._ready(reel)
        troubles = self._troubles[reel]
        if (own := troubles.get(shot)) is not None:
            return ShotResult(shot, outcome_of(own), cause=own)
        if not troubles:
            return None
        words = "; ".join(f"{other.shot_id}: {error}" for other, error in list(troubles.items())[:3])
        evidence = f"nothing of this reel is bought while a reference of it is refused: {words}"
        return ShotResult(shot, Outcome(verdict=Verdict.BLOCKED, evidence=evidence))

    async def _ready(self, reel: str) -> dict[Shot, LongtakeError]:
        shots = [
            shot
            for shot in self.reels.get(reel, ())
            if shot.standing.will_buy and not shot.is_refused and reel not in self.held
        ]
        ends = await asyncio.gather(*(self._trouble(shot) for shot in shots))
        return {shot: error for shot, error in zip(shots, ends, strict=True) if error is not None}

    async def _trouble(self, shot: Shot) -> LongtakeError | None:
        """What keeps a shot from being bought at any of its accounts; what one of them refuses is shown to no other."""
        trouble: LongtakeError | None = None
        for place in shot.candidates or (shot,):
            try:
                await self.orders.register(shot, place.account, place.model)
            except RefusedMediaError as error:
                if self.on_refused != "next":
                    return error
                trouble = error
            except LongtakeError as error:
                trouble = error
            else:
                if shot.candidates:
                    self.passed[shot] = place.account
                return None
        return trouble
