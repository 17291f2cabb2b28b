"""The events of a run, shot by shot: what it calls out, and what that makes of the shot."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from longtake.domain.verdicts import ShotStage


class RunEvent(StrEnum):
    """A step of one shot. The last three are its end, and each shot comes to one of them once.

    `QUEUED`: it waits for a slot. `BOUGHT`: its job is there, and was paid now. `RESUMED`: a job that was paid before
    is taken up. `FINISHED`: the vendor has made the clip. `DONE`: the clip is here. `ENDED`: it is over without one.
    `BEYOND`: the run's limit leaves it to the next run.
    """

    QUEUED = "queued"
    BOUGHT = "bought"
    RESUMED = "resumed"
    FINISHED = "finished"
    DONE = "done"
    ENDED = "ended"
    BEYOND = "beyond"


TAKES_UP = frozenset({RunEvent.BOUGHT, RunEvent.RESUMED})
"""From here on a job of the shot runs."""
ENDS = frozenset({RunEvent.DONE, RunEvent.ENDED, RunEvent.BEYOND})
"""Nothing of the shot comes after it."""
STAGE_AFTER: Mapping[str, ShotStage] = {
    RunEvent.QUEUED: ShotStage.QUEUED,
    RunEvent.BOUGHT: ShotStage.RUNNING,
    RunEvent.RESUMED: ShotStage.RUNNING,
    RunEvent.FINISHED: ShotStage.DOWNLOADING,
}
"""What the shot is doing after it."""
