"""How a row ended, and all that is known of each such end: one row of one table, which everybody else asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

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
from longtake.domain.text import one_line

Tone = Literal["good", "busy", "idle", "care", "bad"]
"""The colour group in which people see it."""


@dataclass(frozen=True, kw_only=True)
class VerdictFacts:
    """What holds of all shots with one verdict. What is not said of a verdict does not hold.

    Args:
        label: Its words in a table.
        tone: Its colour group.
        next_action: What a person or the next run does about it.
        is_done: The clip is here; a run ends well with these alone.
        says_unbought: Nothing was bought, as far as the run could see: only the ledger can tell.
        is_over: It was bought, and only another purchase brings a clip.
        wants_take: Only a raised `take` buys again, and `retry.csv` raises it.
        blames_row: The reason may be the row itself: a changed row buys anew though its `take` was not raised.
        blames_account: It was paid and there is no clip to use: so many in a row hold the account.
        is_free_without_job: Where the vendor made no job of it, it was not charged.
        is_decided_without_job: Where the vendor made no job of it, only a person's word can have brought it.
        open_money: What was paid, or may be, is not home: the job goes on, or nobody knows.
        goes_on: The vendor is still at it, or we are.
        was_downloaded: Its clip is fetched.
        shown_as_concern: When the page lists it among what wants a person.
    """

    label: str
    tone: Tone
    next_action: str = ""
    is_done: bool = False
    says_unbought: bool = False
    is_over: bool = False
    wants_take: bool = False
    blames_row: bool = False
    blames_account: bool = False
    is_free_without_job: bool = False
    is_decided_without_job: bool = False
    open_money: Literal["", "goes on", "in doubt"] = ""
    goes_on: bool = False
    was_downloaded: bool = False
    shown_as_concern: Literal["at once", "at the end", "never"] = "at once"


class _WithFacts(StrEnum):
    """Words, each with its facts beside it."""

    _value_: str
    facts: VerdictFacts

    def __new__(cls, word: str, facts: VerdictFacts) -> Self:
        """One row of the table."""
        member = str.__new__(cls, word)
        member._value_, member.facts = word, facts
        return member


class Verdict(_WithFacts):
    """The small set of ways in which a row ends, from the best to the worst: all that is known of each is its row."""

    DONE = "done", VerdictFacts(label="Done", tone="good", is_done=True, was_downloaded=True, shown_as_concern="never")
    NOT_STARTED = (
        "not_started",
        VerdictFacts(
            label="Not started",
            tone="idle",
            next_action="run again",
            says_unbought=True,
            shown_as_concern="at the end",
        ),
    )
    AWAITING_REVIEW = (
        "awaiting_review",
        VerdictFacts(
            label="Awaits review",
            tone="care",
            next_action="choose with `longtake decide` or the deployment `decide`; the next run goes on from there",
            says_unbought=True,
            shown_as_concern="at the end",
        ),
    )
    BLOCKED = (
        "blocked",
        VerdictFacts(
            label="Blocked",
            tone="idle",
            next_action="settle the earlier shot of this chain; the next run goes on from there",
            says_unbought=True,
            shown_as_concern="at the end",
        ),
    )
    STILL_RUNNING = (
        "still_running",
        VerdictFacts(
            label="Still running",
            tone="care",
            next_action="run again, press Retry, or `longtake reconcile`: the same job is taken up",
            open_money="goes on",
            goes_on=True,
            shown_as_concern="at the end",
        ),
    )
    HELD = (
        "held",
        VerdictFacts(
            label="Held",
            tone="care",
            next_action="raise the budget or mend the vendor's account; the next run tries again",
            says_unbought=True,
        ),
    )
    UNKNOWN_OUTCOME = (
        "unknown_outcome",
        VerdictFacts(
            label="Unknown outcome",
            tone="care",
            next_action="look the job up at the vendor, then `longtake reconcile` with `--adopt SHOT_ID=JOB_ID`, "
            "`--resubmit SHOT_ID` or `--give-up SHOT_ID`",
            is_decided_without_job=True,
            open_money="in doubt",
        ),
    )
    REFUSED = (
        "refused",
        VerdictFacts(
            label="Refused",
            tone="bad",
            next_action="mend the row as the reason says; the next run tries again, nothing was spent",
            says_unbought=True,
        ),
    )
    CONTENT_REFUSED = (
        "content_refused",
        VerdictFacts(
            label="Content refused",
            tone="bad",
            next_action="change the prompt or the references, or raise `take`",
            is_over=True,
            wants_take=True,
            blames_row=True,
            is_free_without_job=True,
        ),
    )
    BAD_CLIP = (
        "bad_clip",
        VerdictFacts(
            label="Bad clip",
            tone="bad",
            next_action="change the row, raise `take`, or run again with a higher `--max-attempts`",
            is_over=True,
            wants_take=True,
            blames_row=True,
            blames_account=True,
            was_downloaded=True,
        ),
    )
    FAILED = (
        "failed",
        VerdictFacts(
            label="Failed",
            tone="bad",
            next_action="raise `take`, or run again with a higher `--max-attempts`",
            is_over=True,
            wants_take=True,
            blames_account=True,
            is_decided_without_job=True,
        ),
    )
    CANCELLED = (
        "cancelled",
        VerdictFacts(
            label="Cancelled",
            tone="bad",
            next_action="raise `take` to buy it again",
            is_over=True,
            wants_take=True,
            blames_account=True,
        ),
    )
    LOST = (
        "lost",
        VerdictFacts(
            label="Lost",
            tone="bad",
            next_action="run again to look once more; raise `take` to buy it again",
            is_over=True,
            blames_account=True,
            open_money="in doubt",
        ),
    )


class ShotStage(_WithFacts):
    """What a shot is doing while its run goes on; the page shows it where its verdict will stand."""

    DOWNLOADING = (
        "downloading",
        VerdictFacts(label="Downloading", tone="busy", goes_on=True, was_downloaded=True, shown_as_concern="never"),
    )
    RUNNING = "running", VerdictFacts(label="Running", tone="busy", goes_on=True, shown_as_concern="never")
    QUEUED = "queued", VerdictFacts(label="Waiting for a slot", tone="busy", goes_on=True, shown_as_concern="never")
    WAITING = "waiting", VerdictFacts(label="Waiting", tone="idle", goes_on=True, shown_as_concern="never")


_KNOWN: dict[str, VerdictFacts] = {known.value: known.facts for known in (*Verdict, *ShotStage)}


def facts_of(word: str) -> VerdictFacts:
    """The facts of a verdict or stage by its word; of one that only another release knows, that it wants a look."""
    known = _KNOWN.get(word)
    return known or VerdictFacts(label=one_line(word[:40]).replace("_", " ") or "Unknown", tone="care")


_FLAGGED = re.compile(r"\bflagged: ([a-z0-9 ]{3,20}):")
"""How `VendorClient` tells which input moderation refused, where the vendor says so."""


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
            return self.verdict.facts.next_action
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
