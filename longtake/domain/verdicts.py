"""How a row ended, and what a person or the next run does about it."""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from longtake.domain.errors import (
    BudgetExceededError,
    ConfigurationError,
    ContentRefusedError,
    JobCancelledError,
    JobError,
    JobLostError,
    LedgerError,
    LongtakeError,
    MachineError,
    MediaError,
    RejectedRequestError,
    StillRunningError,
    TransientVendorError,
    UnfitClipError,
    UnknownOutcomeError,
    UnreadableRecordError,
    UnsupportedRequestError,
    VendorAccountError,
    VendorError,
)


class Verdict(StrEnum):
    """The small set of ways in which a row ends."""

    DONE = "done"
    REFUSED = "refused"
    HELD = "held"
    BLOCKED = "blocked"
    NOT_STARTED = "not_started"
    STILL_RUNNING = "still_running"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    CONTENT_REFUSED = "content_refused"
    BAD_CLIP = "bad_clip"
    UNKNOWN_OUTCOME = "unknown_outcome"


NEXT_ACTION: dict[Verdict, str] = {
    Verdict.DONE: "",
    Verdict.REFUSED: "mend the row as the reason says; the next run tries again, nothing was spent",
    Verdict.HELD: "raise the budget or mend the vendor's account; the next run tries again",
    Verdict.BLOCKED: "settle the earlier shot of this chain; the next run goes on from there",
    Verdict.NOT_STARTED: "run again",
    Verdict.STILL_RUNNING: "run again, press Retry, or `longtake reconcile`: the same job is taken up",
    Verdict.FAILED: "raise `take`, or run again with a higher `--max-attempts`",
    Verdict.CANCELLED: "raise `take` to buy it again",
    Verdict.LOST: "run again to look once more; raise `take` to buy it again",
    Verdict.CONTENT_REFUSED: "change the prompt or the references, or raise `take`",
    Verdict.BAD_CLIP: "change the row, raise `take`, or run again with a higher `--max-attempts`",
    Verdict.UNKNOWN_OUTCOME: "look the job up at the vendor, then `longtake reconcile` with `--adopt SHOT_ID=JOB_ID`, "
    "`--resubmit SHOT_ID` or `--give-up SHOT_ID`",
}

_FLAGGED = re.compile(r"\bflagged: ([a-z0-9 ]{3,20}):")
"""How `VendorClient` tells which input moderation refused, where the vendor says so."""

BOUGHT_AND_OVER = frozenset(
    {Verdict.FAILED, Verdict.CANCELLED, Verdict.LOST, Verdict.CONTENT_REFUSED, Verdict.BAD_CLIP}
)
"""Verdicts after which only another purchase brings a clip."""
CHANGED_ROW_IS_ENOUGH = frozenset({Verdict.CONTENT_REFUSED, Verdict.BAD_CLIP})
"""Verdicts whose reason may be the row itself: a changed row buys anew though its `take` was not raised."""


class Outcome(BaseModel):
    """A verdict with its evidence, in words for a person. No secret and no signed link.

    `advice`: what to do about this very shot, where that can be said better than of its verdict.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    evidence: str = ""
    advice: str = ""

    @property
    def next_action(self) -> str:
        """What to do about it; where the vendor told which input it flagged, what about that."""
        if self.advice:
            return self.advice
        flagged = _FLAGGED.search(self.evidence) if self.verdict is Verdict.CONTENT_REFUSED else None
        if flagged is None:
            return NEXT_ACTION[self.verdict]
        if flagged[1] == "the made film":
            return "change the prompt, or raise `take`: the film that was made was flagged, not what went in"
        return f"change {flagged[1]}, or raise `take`: the vendor flagged no other input"


_VERDICTS: tuple[tuple[type[Exception], Verdict], ...] = (
    (UnsupportedRequestError, Verdict.REFUSED),
    (RejectedRequestError, Verdict.REFUSED),
    (ContentRefusedError, Verdict.CONTENT_REFUSED),
    (UnknownOutcomeError, Verdict.UNKNOWN_OUTCOME),
    (UnreadableRecordError, Verdict.UNKNOWN_OUTCOME),
    (BudgetExceededError, Verdict.HELD),
    (VendorAccountError, Verdict.HELD),
    (TransientVendorError, Verdict.HELD),
    (StillRunningError, Verdict.STILL_RUNNING),
    (JobLostError, Verdict.LOST),
    (JobCancelledError, Verdict.CANCELLED),
    (JobError, Verdict.FAILED),
    (UnfitClipError, Verdict.BAD_CLIP),
    (MediaError, Verdict.REFUSED),
    (MachineError, Verdict.NOT_STARTED),  # still running where the ledger knows a job
    (ConfigurationError, Verdict.STILL_RUNNING),
    (LedgerError, Verdict.HELD),
    (VendorError, Verdict.STILL_RUNNING),
)


def outcome_of(error: LongtakeError) -> Outcome:
    """The verdict that an error means for its row."""
    verdict = next((verdict for kind, verdict in _VERDICTS if isinstance(error, kind)), Verdict.NOT_STARTED)
    return Outcome(verdict=verdict, evidence=str(error))
