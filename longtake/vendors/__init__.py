"""The explicit registry of vendors. Nothing outside this package imports a vendor's file."""

from __future__ import annotations

from longtake.domain.errors import UnknownVendorError
from longtake.vendors._adapter import Adapter, AssetState, Call, Document, Model
from longtake.vendors.answers.creates import read_create
from longtake.vendors.answers.ids import ids_in_text, names
from longtake.vendors.answers.moderation import flagged_input
from longtake.vendors.answers.reply import Reply, SubmitReply
from longtake.vendors.anyfast import ADAPTER as ANYFAST
from longtake.vendors.byteplus import ADAPTER as BYTEPLUS
from longtake.vendors.evolink import ADAPTER as EVOLINK
from longtake.vendors.jimmyai import ADAPTER as JIMMYAI
from longtake.vendors.limits import Limits, MediaLimits
from longtake.vendors.powertokens import ADAPTER as POWERTOKENS
from longtake.vendors.price_rule import PriceRule
from longtake.vendors.volcengine import ADAPTER as VOLCENGINE

__all__ = [
    "VENDORS",
    "Adapter",
    "AssetState",
    "Call",
    "Document",
    "Limits",
    "MediaLimits",
    "Model",
    "PriceRule",
    "Reply",
    "SubmitReply",
    "adapter_named",
    "flagged_input",
    "ids_in_text",
    "names",
    "read_create",
]

VENDORS: dict[str, Adapter] = {
    adapter.name: adapter for adapter in (POWERTOKENS, ANYFAST, EVOLINK, JIMMYAI, BYTEPLUS, VOLCENGINE)
}


def adapter_named(vendor: str) -> Adapter:
    """The adapter of `vendor`, or of the vendor part of `vendor/document`.

    Raises:
        UnknownVendorError: The registry has no such vendor.
    """
    name = vendor.split("/", 1)[0]
    try:
        return VENDORS[name]
    except KeyError:
        raise UnknownVendorError(f"there is no vendor {name!r}; known are {', '.join(VENDORS)}") from None
