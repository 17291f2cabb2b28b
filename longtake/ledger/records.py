"""What the ledger writes down of a purchase, record by record, and where the purchase stands by them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from longtake.domain.identity import attempt_identity
from longtake.domain.job import Clip, Figures, Job, JobFailure, JobStatus
from longtake.domain.verdicts import Verdict

FORMAT = 1
UNKNOWN_AFTER_SECONDS = 30.0
"""An intent without an id becomes an unknown outcome so long after its submit must have ended."""


class Record(BaseModel):
    """What every record holds. `at` is Unix time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    identity: str
    at: float = Field(default_factory=time.time)
    nonce: str = Field(default_factory=lambda: uuid.uuid4().hex)


class Expectation(BaseModel):
    """What the clip should look like. None: the vendor is free to choose. `gate` holds fields of a `GatePolicy`.

    `watermark` is no check: a clip's record says whether a visible one was asked for.
    """

    model_config = ConfigDict(frozen=True)

    clip_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    audio: bool | None = None
    watermark: bool | None = None
    gate: dict[str, Any] = Field(default_factory=dict)


class Intent(Record):
    """We are about to submit. `deadline` is the Unix time after which an intent without an id is an unknown outcome.

    `process` and `steady_at` tell those on the same machine whether its writer lives, and how long ago it wrote,
    without any clock that can be set.
    """

    shot_id: str
    take: int
    row_take: int | None = None
    """The row's own `take`, where `take` counts its variants too; None: by a release that hashed `take` alone."""
    variant: int | None = None
    attempt: int
    number: int
    vendor: str
    account: str
    base_url: str
    wire_model: str
    request: dict[str, Any]
    expected: Expectation = Expectation()
    price_low_usd: float | None = None
    price_high_usd: float | None = None
    run: str = ""
    host: str = ""
    token: str = ""
    """What the submit carried for the vendor to tell again beside the job; "" where it has no list of jobs."""
    key_mark: str = ""
    """The mark of the key that was used, by which a later run knows whether its key sees the same jobs."""
    slot: str = ""
    """The slot in which the job begins, as the run that follows it later can take it over."""
    process: str | None = None
    steady_at: float | None = None
    deadline: float

    def job(self, job_id: str, **known: Any) -> Job:
        """The job that came of it."""
        fields: dict[str, Any] = {"submitted_at": self.at, "run": self.run, **known}
        return Job(
            vendor=self.vendor,
            account=self.account,
            base_url=self.base_url,
            wire_model=self.wire_model,
            job_id=job_id,
            identity=self.identity,
            shot_id=self.shot_id,
            **fields,
        )


class Void(Record):
    """Nothing was accepted, for certain. `blames_row`: what was asked was refused, not the one who asked."""

    reason: str
    blames_row: Literal[True] | None = None


class Unknown(Record):
    """The submit may have arrived."""

    evidence: str


class Accepted(Record):
    """The vendor's job. `adopted_by` names the person's command where the id was handed in later."""

    job: Job
    adopted_by: str = ""
    usage: Figures = Field(default_factory=dict)


class Claim(Record):
    """A run that did not buy the job follows it and holds its slot, until the next claim."""

    slot: str
    run: str = ""


class Terminal(Record):
    """How the job ended. `link` is without its query; `expires_at` is when the vendor's link dies."""

    status: JobStatus
    failure: JobFailure | None = None
    link: str = ""
    expires_at: float | None = None
    usage: Figures = Field(default_factory=dict)


class ClipRecord(Record):
    """The clip's bytes are in the store.

    `stamp` is what the store told of the film when it was put there, as every list tells it; None where it tells
    nothing, and by releases that did not ask.
    """

    clip: Clip
    stamp: str | None = None
    findings: list[dict[str, Any]] = Field(default_factory=list)


class VerdictRecord(Record):
    """Over without a clip under `clips/`. `again`: the failure is one that another attempt may follow."""

    verdict: Verdict
    evidence: str = ""
    again: bool = False
    resubmitted: bool = False
    clip: Clip | None = None
    findings: list[dict[str, Any]] = Field(default_factory=list)


class State(StrEnum):
    """Where a purchase stands."""

    NEW = "new"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    IN_FLIGHT = "in_flight"
    FINISHED = "finished"
    DONE = "done"
    OVER = "over"
    UNREADABLE = "unreadable"


class Purchase(BaseModel):
    """All that the ledger tells of one purchase.

    `unreadable` tells of records of ours that cannot be read, `foreign` of files that are none of ours. `doubtful`:
    what cannot be read may hold more than what can. `torn_try` is the latest try that only its file's name tells of;
    `told` holds what could be picked out of a torn text (`shot_id`, `job_id`). `clip_bytes` is its film's size, if a
    list told it as it was recorded.
    """

    identity: str
    intents: dict[int, Intent] = Field(default_factory=dict)
    voids: dict[int, Void] = Field(default_factory=dict)
    unknowns: dict[int, Unknown] = Field(default_factory=dict)
    claims: dict[int, Claim] = Field(default_factory=dict)
    accepted: Accepted | None = None
    terminal: Terminal | None = None
    clip: ClipRecord | None = None
    verdict: VerdictRecord | None = None
    unreadable: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    doubtful: bool = False
    torn_try: int = 0
    clip_bytes: int | None = None
    told: dict[str, str] = Field(default_factory=dict)

    @property
    def last_try(self) -> int:
        """The number of the latest try, 0 if there is none."""
        return max((self.torn_try, *self.intents, *self.voids, *self.unknowns))

    @property
    def intent(self) -> Intent | None:
        """The latest intent that can be read."""
        return self.intents.get(max(self.intents, default=0))

    @property
    def shot_id(self) -> str:
        """Whose purchase it is; "" where no record tells."""
        if self.intent is not None:
            return self.intent.shot_id
        return self.accepted.job.shot_id if self.accepted is not None else self.told.get("shot_id", "")

    @property
    def job(self) -> Job | None:
        """Its job; where the record of it cannot be read, as far as the intent tells, without its id."""
        if self.accepted is not None or self.intent is None:
            return self.accepted.job if self.accepted is not None else None
        return self.intent.job(self.told.get("job_id", ""))

    @property
    def refused_at(self) -> set[str]:
        """The accounts whose vendor refused what was asked, as it stands."""
        return {
            self.intents[number].account
            for number, void in self.voids.items()
            if void.blames_row and number in self.intents
        }

    @property
    def is_adopted(self) -> bool:
        """Whether a person named its job."""
        return self.accepted is not None and self.accepted.adopted_by != ""

    @property
    def clip_sha256(self) -> str:
        """The hash of its clip's bytes, "" where it has none."""
        return self.clip.clip.sha256 if self.clip is not None else ""

    @property
    def is_charged(self) -> bool:
        """Whether it costs money, or may: all but what was certainly not accepted, moderation's no among it."""
        is_free = self.verdict is not None and self.verdict.verdict.facts.is_free_without_job
        if is_free and self.accepted is None and not self.unreadable:
            return False
        return self.state(float("inf")) is not State.NEW

    @property
    def slot(self) -> str:
        """The slot in which its job runs, as far as the ledger knows; "" where it does not."""
        if self.claims:
            return self.claims[max(self.claims)].slot
        return self.intent.slot if self.intent else ""

    @property
    def is_void(self) -> bool:
        """Whether all that was tried was certainly not accepted: another vendor may be asked as well."""
        return self.state(float("inf")) is State.NEW

    @property
    def is_replaced_by_a_changed_row(self) -> bool:
        """Whether a changed row buys anew without more words: nothing was charged, or the row itself was the reason."""
        return not self.is_charged or (
            self.clip is None and self.verdict is not None and self.verdict.verdict.facts.blames_row
        )

    def state(self, now: float) -> State:
        """Where the purchase stands at a Unix time, by what can be read; what cannot is never taken for unbought."""
        if self.clip:
            return State.DONE
        if self.verdict:
            return State.OVER
        if self.accepted:
            return State.FINISHED if self.terminal else State.IN_FLIGHT
        return State.UNREADABLE if self.doubtful or self.terminal else self._state_of_tries(now)

    def _state_of_tries(self, now: float) -> State:
        number = self.last_try
        if number == 0:
            return State.UNREADABLE if self.unreadable else State.NEW
        if number in self.voids:
            return State.NEW
        if number in self.unknowns:
            return State.UNKNOWN
        intent = self.intents.get(number)
        if intent is None:
            return State.UNREADABLE
        return State.UNKNOWN if now > intent.deadline else State.SUBMITTING

    def evidence_of_unknown(self) -> str:
        """Why the outcome is unknown, in words."""
        if self.state(float("inf")) is State.UNREADABLE:
            strays = f"the record of its job is not there; these may hold it: {', '.join(self.foreign)}"
            return "; ".join(self.unreadable) or strays
        if (unknown := self.unknowns.get(self.last_try)) is not None:
            return unknown.evidence
        return (
            "the submit was begun and no answer was recorded in the time that it may take, by the store's clock "
            "(killed, or the machine died)"
        )


def attempts_in(identity: str, purchases: Mapping[str, Purchase]) -> list[Purchase]:
    """The purchases of one shot take in order of attempt, as far as there are any.

    A further attempt of which all that was tried was certainly not accepted is none yet: whether it may follow is asked
    anew.
    """
    return attempts_among(tries_in(identity, purchases))


def attempts_among(tries: list[Purchase]) -> list[Purchase]:
    """The same of what `tries_in` brought."""
    last = len(tries)
    while last > 1 and tries[last - 1].is_void:
        last -= 1
    return tries[:last]


def tries_in(identity: str, purchases: Mapping[str, Purchase]) -> list[Purchase]:
    """The same with a further attempt that was tried in vain."""
    found: list[Purchase] = []
    while identity and (purchase := purchases.get(attempt_identity(identity, len(found) + 1))) is not None:
        found.append(purchase)
    return found
