"""How one row of a manifest ended, as results tell it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from longtake.domain.text import storable
from longtake.domain.verdicts import Verdict

Told = Annotated[str | None, BeforeValidator(lambda value: storable(value) if isinstance(value, str) else value)]
"""Words of others, fit for any file: a half emoji, NUL and endless text never take a table away."""


class RowResult(BaseModel):
    """How one row ended.

    `reported_usage` is what the vendor told of it, as JSON; `warnings` what the gate noted without failing the clip,
    repeated pictures that stay in its reel, marks that its reel does not hold, and each try where they were at several
    accounts. `price_*_usd` is that of the purchases whose clips are told here, empty where nothing was bought;
    `spent_usd` is what the shot cost in all, earlier takes and failed attempts included, at the high bound (0 where
    nothing was bought, empty where a price is unknown), `attempts` how many purchases that was. `chosen_take` is the
    one of its takes that the reel shows, from 1; empty while a person's decision is missing. `marks` names what in the
    clip's file says that AI made it, and a watermark that was asked for, joined with `|`; `none` where nothing does,
    empty where nobody looked.

    Prices in US dollars, sizes in pixels of the clip, times in UTC (Unix seconds and ISO 8601 are taken too).
    """

    model_config = ConfigDict(frozen=True)

    row: int
    shot_id: str
    take: int | None = None
    verdict: Verdict
    vendor: str | None = None
    wire_model: Told = None
    job_id: Told = None
    clip: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    clip_seconds: float | None = None
    price_low_usd: float | None = None
    price_high_usd: float | None = None
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    error: Told = None
    next_action: Told = None
    reported_usage: str | None = None
    warnings: str | None = None
    spent_usd: float | None = None
    attempts: int | None = None
    chosen_take: int | None = None
    marks: Told = None
