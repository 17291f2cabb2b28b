"""The truth about money: write-once records, and where a purchase stands by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.ledger.ledger import Ledger
    from longtake.ledger.records import (
        Accepted,
        ClipRecord,
        Expectation,
        Intent,
        Purchase,
        State,
        Terminal,
        VerdictRecord,
    )
else:
    __getattr__ = face(
        __name__,
        {
            "ledger": "Ledger",
            "records": "Accepted ClipRecord Expectation Intent Purchase State Terminal VerdictRecord",
        },
    )

__all__ = [
    "Accepted",
    "ClipRecord",
    "Expectation",
    "Intent",
    "Ledger",
    "Purchase",
    "State",
    "Terminal",
    "VerdictRecord",
]
