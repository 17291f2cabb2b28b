"""A price as data: how one wire model is billed, beside the source of every figure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PriceRule(BaseModel):
    """How one wire model is billed.

    Args:
        unit: `second` of output (and of reference video, as `reference_seconds` says), `task`, or `million_tokens`.
        usd: Price of one unit by resolution; `*` stands for any.
        usd_with_video: The same where a reference video is given. None: the price is the same; empty: it is unknown.
        reference_seconds: How the seconds of reference videos are billed beside the output's: `free`, `added`, or
            `at_least_output` (the greater of input and output seconds is added).
        unfiltered_factor: Factor for `content_filter = false`.
        search_usd: Price of one web search; a vendor may make several.
        source: Where the figures were read; `date` when.
        fictitious: The figures are made up, as the sandbox's are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["second", "task", "million_tokens"]
    usd: dict[str, Usd]
    usd_with_video: dict[str, Usd] | None = None
    reference_seconds: Literal["free", "added", "at_least_output"] = "free"
    unfiltered_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    search_usd: Usd = 0.0
    source: str
    date: str = ""
    fictitious: bool = False
