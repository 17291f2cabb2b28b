"""A prepared run brought to its end: shots to verdicts, reels, results, and the report kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.rendering.output.reels import MadeReel, ReelOrder, ReelPart, make_reel
    from longtake.rendering.render import StitchStep, Summary, as_recorded
    from longtake.rendering.report import RunReport
    from longtake.rendering.run import OnEvent, Steps
    from longtake.rendering.shot_result import ShotResult
else:
    __getattr__ = face(
        __name__,
        {
            "output.reels": "MadeReel ReelOrder ReelPart make_reel",
            "render": "Summary StitchStep as_recorded",
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
