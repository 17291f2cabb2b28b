"""The vendors' sides of their wires, one file each, and the registry of them."""

from __future__ import annotations

from longtake.sandbox.vendors._dialect import Dialect
from longtake.sandbox.vendors.anyfast import Anyfast
from longtake.sandbox.vendors.byteplus import BytePlus
from longtake.sandbox.vendors.evolink import EvoLink
from longtake.sandbox.vendors.jimmyai import JimmyAI
from longtake.sandbox.vendors.powertokens import PowerTokens
from longtake.sandbox.vendors.volcengine import Volcengine

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (PowerTokens(), Anyfast(), EvoLink(), JimmyAI(), BytePlus(), Volcengine())
}

__all__ = ["DIALECTS", "Dialect"]
