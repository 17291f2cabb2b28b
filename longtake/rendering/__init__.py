"""A prepared run brought to its end: shots to verdicts, reels, results, and the report kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.rendering.output.reel_order import ReelOrder
    from longtake.rendering.output.reels import MadeReel, make_reel
    from longtake.rendering.output.seams import ReelPart
    from longtake.rendering.render import StitchStep, as_recorded
    from longtake.rendering.report import RunReport
    from longtake.rendering.run import OnEvent, Steps
    from longtake.rendering.shot_result import ShotResult
    from longtake.rendering.summary import Summary
else:
    __getattr__ = face(
        __name__,
        {
            "output.reel_order": "ReelOrder",
            "output.reels": "MadeReel make_reel",
            "output.seams": "ReelPart",
            "render": "StitchStep as_recorded",
            "summary": "Summary",
            "run": "OnEvent Steps",
            "shot_result": "ShotResult",
            "report": "RunReport",
        },
    )

__all__ = [
    "MadeReel",
    "OnEvent",
    "ReelOrder",
    "ReelPart",
    "RunReport",
    "ShotResult",
    "Steps",
    "StitchStep",
    "Summary",
    "as_recorded",
    "make_reel",
]
