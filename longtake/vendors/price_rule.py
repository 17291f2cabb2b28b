"""A price as data: how one wire model is billed, beside the source of every figure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
BesideOutput = Literal["free", "added", "at_least_output", "at_least_floor"]


class PriceRule(BaseModel):
    """How one wire model is billed.

    Args:
        unit: `second` of output (and of reference video, as `reference_seconds` says), `task`, or `million_tokens`.
        usd: Price of one unit by resolution; `*` stands for any.
        usd_with_video: The same where a reference video is given. None: the price is the same; empty: it is unknown.
        reference_seconds: How the seconds of reference videos are billed beside the output's: `free`, `added`,
            `at_least_output` (the greater of input and output seconds is added), or `at_least_floor` (added, and with
            the output's no less than 5/3 of these, rounded up; by the million tokens alone).
        unfiltered_factor: Factor for `content_filter = false`.
        search_usd: Price of one web search, None where it is not known; a vendor may make several.
        source: Where the figures were read; `date` when.
        fictitious: The figures are made up, as the sandbox's are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["second", "task", "million_tokens"]
    usd: dict[str, Usd]
    usd_with_video: dict[str, Usd] | None = None
    reference_seconds: BesideOutput = "free"
    unfiltered_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    search_usd: Usd | None = 0.0
    source: str
    date: str = ""
    fictitious: bool = False


class CnyPrice(BaseModel):
    """A list in Chinese yuan, by the million tokens: a price in US dollars once somebody says what a yuan is worth.

    Args:
        cny: Price of a million tokens by resolution.
        cny_with_video: The same where a reference video is given.
        reference_seconds: As in `PriceRule`.
        source: Where the figures were read; `date` when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cny: dict[str, float]
    cny_with_video: dict[str, float]
    reference_seconds: BesideOutput = "free"
    source: str
    date: str

    def in_usd(self, usd_per_cny: float) -> PriceRule:
        """The same in US dollars. What a search costs is not published."""
        return PriceRule(
            unit="million_tokens",
            usd={size: cny * usd_per_cny for size, cny in self.cny.items()},
            usd_with_video={size: cny * usd_per_cny for size, cny in self.cny_with_video.items()},
            reference_seconds=self.reference_seconds,
            search_usd=None,
            source=f"{self.source}, at {usd_per_cny:g} USD a yuan",
            date=self.date,
        )
