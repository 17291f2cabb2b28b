"""How a shot ended in a run, for all that write it up."""

from __future__ import annotations

from dataclasses import dataclass

from longtake.errors import LongtakeError
from longtake.job import Clip, Job, JobSnapshot
from longtake.plan import Shot
from longtake.verdicts import Outcome, Verdict


@dataclass
class ShotResult:
    """How a shot ended in this run; `cause` is the error that kept it from being done, if one did. Times are Unix."""

    shot: Shot
    outcome: Outcome
    job: Job | None = None
    clip: Clip | None = None
    finished_at: float | None = None
    snapshot: JobSnapshot | None = None
    cause: LongtakeError | None = None

    @property
    def is_done(self) -> bool:
        """Whether the clip is here."""
        return self.outcome.verdict is Verdict.DONE
