"""BytePlus ModelArk: Seedance from its makers, outside China; prices in US dollars."""

from __future__ import annotations

from longtake.vendors._adapter import Document, Model
from longtake.vendors._makers.adapter import CREATE, MakerAdapter
from longtake.vendors._makers.limits import FAST, MINI, NEXT, STANDARD
from longtake.vendors.price_rule import BesideOutput, PriceRule

MODELARK = Document(
    "ModelArk: models, regions, prices (at second hand)", "https://docs.byteplus.com/en/docs/ModelArk", "2026-10"
)


def _price(
    usd: dict[str, float], usd_with_video: dict[str, float], beside: BesideOutput = "at_least_floor"
) -> PriceRule:
    return PriceRule(
        unit="million_tokens",
        usd=usd,
        usd_with_video=usd_with_video,
        reference_seconds=beside,
        # Searches that took place are billed, at a price that no page names.
        search_usd=None,
        source=f"{MODELARK.title}, list",
        date=MODELARK.read_on,
    )


def _both(usd: float) -> dict[str, float]:
    return {"480p": usd, "720p": usd}


# List prices. Cuts that end on a day are not in them.
STANDARD_PRICE = _price(_both(7.0) | {"1080p": 7.7, "4k": 4.0}, _both(4.3) | {"1080p": 4.7, "4k": 2.4})
FAST_PRICE = _price(_both(5.6), _both(3.3))
MINI_PRICE = _price(_both(3.5), _both(2.1))
# The table of least tokens is of the 2.0 models.
NEXT_PRICE = _price(_both(10.7) | {"1080p": 11.7}, _both(6.4) | {"1080p": 7.0}, "added")


class BytePlus(MakerAdapter):
    """BytePlus' side of the translation."""

    name = "byteplus"
    title = "BytePlus"
    base_url = "https://ark.ap-southeast.bytepluses.com/api/v3"
    pages = "https://docs.byteplus.com/en/docs/ModelArk"
    documents = (*MakerAdapter.documents, MODELARK)
    models = (
        Model("dreamina-seedance-2-0-260128", STANDARD, "seedance-2.0", CREATE.title, STANDARD_PRICE),
        Model("dreamina-seedance-2-0-fast-260128", FAST, "seedance-2.0-fast", CREATE.title, FAST_PRICE),
        Model("dreamina-seedance-2-0-mini-260615", MINI, "seedance-2.0-mini", CREATE.title, MINI_PRICE),
        Model("dreamina-seedance-2-5-260628", NEXT, None, CREATE.title, NEXT_PRICE),
    )


ADAPTER = BytePlus()
