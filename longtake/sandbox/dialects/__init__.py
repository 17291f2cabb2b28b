"""The vendors' sides of their wires, one file each, and the registry of them."""

from __future__ import annotations

from longtake.sandbox.dialects._dialect import Dialect
from longtake.sandbox.dialects.anyfast import Anyfast
from longtake.sandbox.dialects.evolink import EvoLink
from longtake.sandbox.dialects.jimmyai import JimmyAI
from longtake.sandbox.dialects.powertokens import PowerTokens

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (PowerTokens(), Anyfast(), EvoLink(), JimmyAI())}

__all__ = ["DIALECTS", "Dialect"]
