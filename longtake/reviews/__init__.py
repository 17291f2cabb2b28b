"""What people decide about finished takes: write-once records in the output, and what they say of a shot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.reviews.choices import Choice, RefusedDecisionsError, ShownShot, ShownTake
    from longtake.reviews.decision import Decision, Ruling, ruling_on
    from longtake.reviews.decisions import ReviewLog
else:
    __getattr__ = face(
        __name__,
        {
            "choices": "Choice RefusedDecisionsError ShownShot ShownTake",
            "decision": "Decision Ruling ruling_on",
            "decisions": "ReviewLog",
        },
    )

__all__ = [
    "Choice",
    "Decision",
    "RefusedDecisionsError",
    "ReviewLog",
    "Ruling",
    "ShownShot",
    "ShownTake",
    "ruling_on",
]
