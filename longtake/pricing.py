"""Prices as data: what a vendor bills for one purchase, and the low and high bound of it.

A figure without a source is not a price: where no document names one, the price is unknown, never 0.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Quote(BaseModel):
    """What one purchase costs at least and at most, in US dollars."""

    model_config = ConfigDict(frozen=True)

    low_usd: float
    high_usd: float


class PriceRule(BaseModel):
    """How one wire model is billed.

    Args:
        unit: `second` of output (and of reference video, as `reference_seconds` says), `task`, or `million_tokens`.
        usd: Price of one unit by resolution; `*` stands for any.
        usd_with_video: The same where a reference video is given; None: no other price.
        reference_seconds: How the seconds of reference videos are billed beside the output's: `free`, `added`, or
            `at_least_output` (the greater of input and output seconds is added).
        unfiltered_factor: Factor for `content_filter = false`.
        search_usd: Price of one web search; a vendor may make several.
        source: Where the figures were read; `date` when.
    """

    model_config = ConfigDict(frozen=True)

    unit: Literal["second", "task", "million_tokens"]
    usd: dict[str, float]
    usd_with_video: dict[str, float] | None = None
    reference_seconds: Literal["free", "added", "at_least_output"] = "free"
    unfiltered_factor: float = 1.0
    search_usd: float = 0.0
    source: str
    date: str
    fictitious: bool = False
