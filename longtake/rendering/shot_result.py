"""How a shot ended in a run, for all that write it up; also where the run could not follow it to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from longtake._speed import Packer
from longtake.domain.errors import LongtakeError
from longtake.domain.job import Clip, Job, JobSnapshot
from longtake.domain.machine import as_ours
from longtake.domain.verdicts import Outcome, Verdict
from longtake.ledger.records import Purchase, State
from longtake.planning.plan import Shot

log = logging.getLogger("longtake.rendering.run")
DONE = Outcome(verdict=Verdict.DONE)
_PACKER = Packer["tuple[Job | None, Clip | None, JobSnapshot | None]"]()


@dataclass(slots=True)
class ShotResult:
    """How a shot ended in this run; `cause` is the error that kept it from being done, if one did. Times are Unix.

    `beyond_limit`: it is left for the next run, as the run's limit asks. `passed` tells at which of its accounts the
    run could not buy it, and why.
    """

    shot: Shot
    outcome: Outcome
    job: Job | None = None
    clip: Clip | None = None
    finished_at: float | None = None
    snapshot: JobSnapshot | None = None
    cause: LongtakeError | None = None
    beyond_limit: bool = False
    passed: Mapping[str, LongtakeError] = field(default_factory=dict[str, LongtakeError])
    _put_away: bytes = field(default=b"", repr=False, compare=False)

    def put_away(self) -> None:
        """Packs what nothing but the tables at the end will want: job, clip and snapshot are None from now on."""
        if not self._put_away:
            self._put_away = _PACKER.pack((self.job, self.clip, self.snapshot))
            self.job = self.clip = self.snapshot = None

    def unpacked(self) -> ShotResult:
        """The result as it was before it was put away; itself where it was not."""
        if not self._put_away:
            return self
        job, clip, snapshot = _PACKER.unpack(self._put_away)
        return replace(self, job=job, clip=clip, snapshot=snapshot, _put_away=b"")

    @property
    def is_done(self) -> bool:
        """Whether the clip is here."""
        return self.outcome.verdict.facts.is_done


def rejected_result(shot: Shot, purchase: Purchase) -> ShotResult:
    """A shot whose clip is here and was rejected by a person: as one that did not pass the gate."""
    decision = shot.choice.ruling.decision if shot.choice is not None else None
    outcome = Outcome(
        verdict=Verdict.BAD_CLIP,
        evidence=decision.words if decision is not None else "rejected",
        advice="raise `take`, or run again with a higher `--max-attempts`; a later `longtake decide` takes it back",
    )
    return ShotResult(shot, outcome, purchase.job, purchase.clip.clip if purchase.clip else None)


def by_the_ledger(result: ShotResult, purchase: Purchase, *, sent: bool) -> ShotResult:
    """A result that says that nothing was bought, put right by the purchase as it stands now.

    Args:
        result: What was found.
        purchase: The attempt that was under way.
        sent: Whether this run had begun to submit it.
    """
    evidence, job = result.outcome.evidence, purchase.accepted.job if purchase.accepted else None
    match purchase.state(time.time()):
        case State.NEW:
            return result
        case State.OVER if purchase.verdict is not None:
            outcome = Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence)
        case State.UNREADABLE:
            outcome = Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence="; ".join(purchase.unreadable))
        case State.UNKNOWN:
            words = f"{purchase.evidence_of_unknown()}; {evidence}"
            outcome = Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence=words)
        case State.SUBMITTING if sent:
            words = f"its submit was begun and has no answer: {evidence}"
            outcome = Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence=words)
        case _:  # bought, and this run or another goes on with it
            outcome = Outcome(verdict=Verdict.STILL_RUNNING, evidence=evidence)
    return ShotResult(result.shot, outcome, job, cause=result.cause)


def fault_result(shot: Shot, error: Exception) -> ShotResult:
    """A shot that a fault of ours kept from being begun, told loudly."""
    log.error("%s: unexpected %s", shot.shot_id, type(error).__name__, exc_info=error)
    ours = isinstance(error, OSError | MemoryError)
    words = str(as_ours(error)) if ours else f"{type(error).__name__}: {error}"
    return ShotResult(shot, Outcome(verdict=Verdict.NOT_STARTED, evidence=words))
