"""Volcengine Ark: Seedance from its makers, in China; prices in yuan."""

from __future__ import annotations

from longtake.vendors._adapter import Model
from longtake.vendors._makers.adapter import CREATE, MakerAdapter
from longtake.vendors._makers.limits import FAST, MINI, NEXT, STANDARD
from longtake.vendors.price_rule import BesideOutput, CnyPrice


def _price(
    cny: dict[str, float], cny_with_video: dict[str, float], beside: BesideOutput = "at_least_floor"
) -> CnyPrice:
    return CnyPrice(
        cny=cny,
        cny_with_video=cny_with_video,
        reference_seconds=beside,
        source="Volcengine Ark, list",
        date="2026-11",
    )


def _both(cny: float) -> dict[str, float]:
    return {"480p": cny, "720p": cny}


# List prices. Cuts that end on a day are not in them.
STANDARD_PRICE = _price(_both(46) | {"1080p": 51, "4k": 26}, _both(28) | {"1080p": 31, "4k": 16})
FAST_PRICE = _price(_both(37), _both(22))
MINI_PRICE = _price(_both(23), _both(14))
# The table of least tokens is of the 2.0 models.
NEXT_PRICE = _price(_both(70) | {"1080p": 77}, _both(42) | {"1080p": 46}, "added")


class Volcengine(MakerAdapter):
    """Volcengine's side of the translation."""

    name = "volcengine"
    title = "Volcengine"
    base_url = "https://ark.cn-beijing.volces.com/api/v3"
    pages = "https://docs.volcengine.com/docs/82379"
    models = (
        Model("doubao-seedance-2-0-260128", STANDARD, "seedance-2.0", CREATE.title, cny_price=STANDARD_PRICE),
        Model("doubao-seedance-2-0-fast-260128", FAST, "seedance-2.0-fast", CREATE.title, cny_price=FAST_PRICE),
        Model("doubao-seedance-2-0-mini-260615", MINI, "seedance-2.0-mini", CREATE.title, cny_price=MINI_PRICE),
        Model("doubao-seedance-2-5-260628", NEXT, None, CREATE.title, cny_price=NEXT_PRICE),
    )


ADAPTER = Volcengine()
