"""What the ledger writes down of a purchase, record by record, and where the purchase stands by them."""

from __future__ import annotations

import contextlib
import json
import re
import time
import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from longtake.errors import UnreadableRecordError
from longtake.identity import attempt_identity
from longtake.job import Clip, Job, JobFailure, JobStatus
from longtake.verdicts import CHANGED_ROW_IS_ENOUGH, Verdict

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
    """What the clip should look like. None: the vendor is free to choose. `gate` holds fields of a `GatePolicy`."""

    model_config = ConfigDict(frozen=True)

    clip_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    audio: bool | None = None
    gate: dict[str, Any] = Field(default_factory=dict)


class Intent(Record):
    """We are about to submit. `deadline` is the Unix time after which an intent without an id is an unknown outcome."""

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
    slot: str = ""
    """The slot in which the job begins, as the run that follows it later can take it over."""
    deadline: float


class Void(Record):
    """Nothing was accepted, for certain."""

    reason: str


class Unknown(Record):
    """The submit may have arrived."""

    evidence: str


class Accepted(Record):
    """The vendor's job. `adopted_by` names the person's command where the id was handed in later."""

    job: Job
    adopted_by: str = ""
    usage: dict[str, float] = Field(default_factory=dict)


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
    usage: dict[str, float] = Field(default_factory=dict)


class ClipRecord(Record):
    """The clip's bytes are in the store."""

    clip: Clip
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
    """All that the ledger tells of one purchase."""

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

    @property
    def last_try(self) -> int:
        """The number of the latest intent, 0 if there is none."""
        return max(self.intents, default=0)

    @property
    def intent(self) -> Intent | None:
        """The latest intent."""
        return self.intents.get(self.last_try)

    @property
    def is_charged(self) -> bool:
        """Whether it costs money, or may: all but what was certainly not accepted, moderation's no among it."""
        refused = self.verdict is not None and self.verdict.verdict is Verdict.CONTENT_REFUSED
        if refused and self.accepted is None and not self.unreadable:
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
    def was_bought(self) -> bool:
        """The same, by its older name."""
        return self.is_charged

    @property
    def is_replaced_by_a_changed_row(self) -> bool:
        """Whether a changed row buys anew without more words: nothing was charged, or the row itself was the reason."""
        return not self.is_charged or (
            self.clip is None and self.verdict is not None and self.verdict.verdict in CHANGED_ROW_IS_ENOUGH
        )

    def state(self, now: float) -> State:
        """Where the purchase stands at a Unix time; anything unreadable wins over everything else."""
        if self.unreadable:
            return State.UNREADABLE
        if self.clip:
            return State.DONE
        if self.verdict:
            return State.OVER
        if self.terminal:
            return State.FINISHED
        if self.accepted:
            return State.IN_FLIGHT
        return self._state_of_tries(now)

    def _state_of_tries(self, now: float) -> State:
        intent = self.intent
        if intent is None or (self.last_try in self.voids):
            return State.NEW
        if self.last_try in self.unknowns or now > intent.deadline:
            return State.UNKNOWN
        return State.SUBMITTING

    def evidence_of_unknown(self) -> str:
        """Why the outcome is unknown, in words."""
        if (unknown := self.unknowns.get(self.last_try)) is not None:
            return unknown.evidence
        return "the submit was begun and no answer was recorded (killed, or the machine died)"


def attempts_in(identity: str, purchases: Mapping[str, Purchase]) -> list[Purchase]:
    """The purchases of one shot take in order of attempt, as far as there are any."""
    found: list[Purchase] = []
    while identity and (purchase := purchases.get(attempt_identity(identity, len(found) + 1))) is not None:
        found.append(purchase)
    return found


_NAME = re.compile(
    r"(?:try-(?P<number>\d+)\.(?P<step>intent|void|unknown)"
    r"|(?P<numbered>claim)-(?P<place>\d+)|(?P<single>accepted|terminal|clip|verdict))\.json"
)
_KINDS: dict[str, type[Record]] = {
    "intent": Intent,
    "void": Void,
    "unknown": Unknown,
    "claim": Claim,
    "accepted": Accepted,
    "terminal": Terminal,
    "clip": ClipRecord,
    "verdict": VerdictRecord,
}
NAME_OF = {record: kind for kind, record in _KINDS.items()}


def parse_record(kind: str, data: bytes) -> Record:
    """A record of this kind, as `NAME_OF` has them, from its JSON.

    Raises:
        UnreadableRecordError: It is torn, foreign, or of a newer format.
    """
    try:
        return _KINDS[kind].model_validate_json(data)
    except (ValidationError, ValueError) as error:
        head: object = None
        with contextlib.suppress(ValueError):
            head = json.loads(data)
        if isinstance(head, Mapping) and head.get("format") not in (None, FORMAT):
            reason = f"written in format {head.get('format')}, which this release does not know"
        else:
            reason = "torn or foreign" if not isinstance(head, Mapping) else f"not as expected ({type(error).__name__})"
        raise UnreadableRecordError(reason) from None


def _record(identity: str, match: re.Match[str] | None, data: bytes | None) -> Record:
    if match is None:
        raise UnreadableRecordError("not a record of this release")
    if data is None:
        raise UnreadableRecordError("listed, yet it cannot be read")
    record = parse_record(match["step"] or match["numbered"] or match["single"], data)
    if record.identity != identity:
        raise UnreadableRecordError(f"it belongs to {record.identity}")
    return record


def assemble(identity: str, files: Mapping[str, bytes | None]) -> Purchase:
    """A purchase from the files of its folder by name, None for one that could not be read; never raises."""
    fields: dict[str, Any] = {"intents": {}, "voids": {}, "unknowns": {}, "claims": {}}
    fields |= {"accepted": None, "terminal": None, "clip": None, "verdict": None}
    unreadable: list[str] = []
    for name, data in files.items():
        match = _NAME.fullmatch(name)
        try:
            record = _record(identity, match, data)
        except UnreadableRecordError as error:
            unreadable.append(f"{name}: {error}")
            continue
        if match and match["step"]:
            fields[f"{match['step']}s"][int(match["number"])] = record
        elif match and match["numbered"]:
            fields[f"{match['numbered']}s"][int(match["place"])] = record
        elif match:
            fields[match["single"]] = record
    # Built without validation: every record was validated on its own.
    return Purchase.model_construct(identity=identity, **fields, unreadable=tuple(unreadable))
