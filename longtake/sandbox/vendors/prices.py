"""A FICTITIOUS price list for the sandbox's bill. No figure here is any vendor's; only the shapes are theirs."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

from longtake.sandbox.jobs import Job


class Price(BaseModel):
    """How one model is billed, in US dollars.

    Args:
        unit: A `second` of output, a `task`, or `million_tokens` of (input + output s) x W x H x 24 / 1024.
        usd: Price of one unit by resolution, `*` for any.
        usd_with_video: The same where a reference video is given; None: no other price.
        reference_seconds: Seconds billed beside the output's for reference videos: none (`free`), their sum (`added`),
            the greater of their sum and the output's (`at_least_output`, EvoLink), or their sum, of which with the
            output's at least 5/3 of these are billed (`at_least_floor`, the makers).
        unfiltered_factor: Factor where the content filter is off (EvoLink).
        search_usd: Price of one web search; the sandbox makes one where it is asked to.
    """

    model_config = ConfigDict(frozen=True)

    unit: Literal["second", "task", "million_tokens"]
    usd: dict[str, float]
    usd_with_video: dict[str, float] | None = None
    reference_seconds: Literal["free", "added", "at_least_output", "at_least_floor"] = "free"
    unfiltered_factor: float = 1.0
    search_usd: float = 0.0
    source: str = "the sandbox's own list, made up"
    date: str = "2026-01-01"
    fictitious: bool = True


def _evolink(low: float) -> Price:
    output = {"480p": low, "720p": 2 * low, "1080p": 4 * low}
    with_video = {resolution: price * 0.6 for resolution, price in output.items()}
    return Price(
        unit="second",
        usd=output,
        usd_with_video=with_video,
        reference_seconds="at_least_output",
        unfiltered_factor=1.1,
        search_usd=0.0005,
    )


def _per_second(low: float) -> Price:
    prices = {"480p": low, "720p": 2 * low, "1080p": 4 * low, "2k": 7 * low, "4k": 16 * low}
    return Price(unit="second", usd=prices, reference_seconds="added")


def _per_task(price: float) -> Price:
    return Price(unit="task", usd={"480p": price / 2, "720p": price})


def _tokens(price: float, with_video: float) -> Price:
    return Price(
        unit="million_tokens",
        usd={"*": price},
        usd_with_video={"*": with_video},
        reference_seconds="added",
        search_usd=0.0005,
    )


def _maker(prefix: str) -> dict[str, Price]:
    grades = {"2-0-260128": 6.0, "2-0-fast-260128": 4.0, "2-0-mini-260615": 2.0, "2-5-260628": 9.0}
    return {
        f"{prefix}-seedance-{grade}": _tokens(price, price * 0.6).model_copy(
            update={"reference_seconds": "at_least_floor"}
        )
        for grade, price in grades.items()
    }


PRICES: dict[str, dict[str, Price]] = {
    "powertokens": {
        "dreamina-seedance-2-0-mini-260615": _per_second(0.02),
        "dreamina-seedance-2-0-fast-260128": _per_second(0.04),
        "dreamina-seedance-2-0-260128": _per_second(0.06),
    },
    "anyfast": {
        "seedance-2.0-mini": _tokens(2.0, 1.2),
        "seedance-fast": _tokens(4.0, 2.4),
        "seedance-2.0": _tokens(6.0, 3.6),
        "seedance-2.0-ultra": _tokens(9.0, 5.4),
    },
    "evolink": {
        f"seedance-2.0-{tier}{mode}-to-video": _evolink(price)
        for tier, price in (("", 0.07), ("fast-", 0.05), ("mini-", 0.03))
        for mode in ("text", "image", "reference")
    },
    "byteplus": _maker("dreamina"),
    "volcengine": _maker("doubao"),
    "jimmyai": {
        **{f"seedance2.0-{route}": _per_second(0.05) for route in ("sp", "of-sp")},
        **{f"seedance2.0-{route}": _per_second(0.03) for route in ("fast-sp", "of-fast-sp", "mini", "mini-video")},
        **{f"seedance2.0-{route}": _per_task(0.4) for route in ("mini-sp", "md", "fast-md", "fast-i2v", "std")},
        **{
            f"sd2_mx_{family}{resolution}": _per_second(0.06 if "fast" not in family else 0.04)
            for family, resolutions in (
                ("", ("720p", "1080p", "2k", "4k")),
                ("video_", ("720p", "1080p", "2k", "4k")),
                ("fast_", ("720p", "1080p")),
                ("video_fast_", ("720p", "1080p")),
            )
            for resolution in resolutions
        },
    },
}

ASSET_USD = 0.01


def fictitious_prices() -> dict[str, dict[str, dict[str, object]]]:
    """The list as plain data: vendor, wire model, then the fields of `Price`."""
    return {
        vendor: {model: price.model_dump(exclude_none=True) for model, price in models.items()}
        for vendor, models in PRICES.items()
    }


def settled_usd(job: Job) -> float:
    """What a job costs by the fictitious list; output and reference seconds as the vendor measured them."""
    order, price = job.order, PRICES[job.vendor][job.order.model]
    video_seconds, has_video = _video_seconds(job), any(reference.kind == "video" for reference in job.references)
    rates = price.usd_with_video if has_video and price.usd_with_video is not None else price.usd
    rate = rates.get(order.resolution, rates.get("*"))
    if rate is None:
        raise LookupError(f"the sandbox has no price for {order.model} at {order.resolution}")
    extra_seconds = 0.0
    if has_video and price.reference_seconds == "added":
        extra_seconds = video_seconds
    elif has_video and price.reference_seconds == "at_least_output":
        extra_seconds = max(video_seconds, job.seconds)
    if price.unit == "task":
        usd = rate
    elif price.unit == "second":
        usd = rate * (job.seconds + extra_seconds)
    else:
        usd = rate * tokens(job) / 1e6
    if not order.content_filter:
        usd *= price.unfiltered_factor
    return usd + (price.search_usd if order.web_search else 0.0)


def tokens(job: Job) -> int:
    """Tokens as the upstream counts them, reference videos included: a "5 s" clip is 121 frames, 108,900 at 720p."""
    frames = job.seconds * 24 + 1 + _video_seconds(job) * 24
    has_video = any(reference.kind == "video" for reference in job.references)
    if has_video and PRICES[job.vendor][job.order.model].reference_seconds == "at_least_floor":
        frames = max(frames, 24 * math.ceil(job.seconds * 5 / 3))
    return round(frames * job.width * job.height / 1024)


def _video_seconds(job: Job) -> float:
    return sum(reference.seconds for reference in job.references if reference.kind == "video")
