"""The truth about money: one folder of write-once records per purchase, the first written before money moves.

    ledger/<identity>/try-1.intent.json     we are about to submit
    ledger/<identity>/try-1.void.json       proof that nothing was accepted; another try may follow
    ledger/<identity>/try-1.unknown.json    the submit may have arrived; never repeated by itself
    ledger/<identity>/accepted.json         the job's id
    ledger/<identity>/terminal.json         how the job ended at the vendor
    ledger/<identity>/clip.json, clip.mp4   the bytes
    ledger/<identity>/verdict.json          over without a clip, and why

Each record is created exclusively with a nonce and is durable before the next step begins. A record that cannot be read
is reported and never taken for "not bought". All calls block.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from longtake.errors import ConfigurationError, PublishConflictError, UnreadableRecordError
from longtake.identity import VERSION, attempt_identity
from longtake.job import Clip, Job, JobFailure, JobStatus
from longtake.storage import Store
from longtake.verdicts import Verdict

FORMAT = 1
FOLDER = "ledger"
CLIP_NAME = "clip.mp4"
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
    def was_bought(self) -> bool:
        """Whether money moved, or may have moved."""
        return self.state(float("inf")) is not State.NEW

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


_NAME = re.compile(
    r"(?:try-(?P<number>\d+)\.(?P<step>intent|void|unknown)|(?P<single>accepted|terminal|clip|verdict))\.json"
)
_KINDS: dict[str, type[Record]] = {
    "intent": Intent,
    "void": Void,
    "unknown": Unknown,
    "accepted": Accepted,
    "terminal": Terminal,
    "clip": ClipRecord,
    "verdict": VerdictRecord,
}
_NAME_OF = {record: kind for kind, record in _KINDS.items()}
R = TypeVar("R", bound=Record)


def _parse(kind: str, data: bytes) -> Record:
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


class Ledger:
    """The ledger of one output store."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    @staticmethod
    def folder(identity: str) -> str:
        """The key of a purchase's folder."""
        return f"{FOLDER}/{identity}"

    def clip_key(self, identity: str) -> str:
        """The key of a purchase's clip."""
        return f"{self.folder(identity)}/{CLIP_NAME}"

    def scan(self) -> dict[str, list[str]]:
        """One listing of everything: file names by identity."""
        names: dict[str, list[str]] = defaultdict(list)
        for key in self.store.list(FOLDER):
            parts = key.split("/")
            if len(parts) == 3:
                names[parts[1]].append(parts[2])
        return dict(names)

    def load(self, identities: Collection[str] | None = None) -> dict[str, Purchase]:
        """Reads purchases, all of them or those named that exist: one listing and one bulk read."""
        names = self.scan()
        wanted = names if identities is None else {name: names[name] for name in identities if name in names}
        return self._read(wanted)

    def load_open(self) -> dict[str, Purchase]:
        """Reads the purchases without a clip and without a verdict; of the others the listing tells enough."""
        settled = {f"{_NAME_OF[kind]}.json" for kind in (ClipRecord, VerdictRecord)}
        return self._read({name: files for name, files in self.scan().items() if settled.isdisjoint(files)})

    def purchase(self, identity: str) -> Purchase:
        """Reads one purchase as it stands now."""
        prefix = self.folder(identity)
        names = [key.rsplit("/", 1)[1] for key in self.store.list(prefix)]
        return self._read({identity: names}).get(identity, Purchase(identity=identity))

    def _read(self, names: Mapping[str, Iterable[str]]) -> dict[str, Purchase]:
        keys = [
            f"{self.folder(identity)}/{name}"
            for identity, files in names.items()
            for name in files
            if name.endswith(".json")
        ]
        found = self.store.read_many(keys)
        records: dict[str, dict[str, bytes | None]] = {identity: {} for identity in names}
        for key in keys:
            _, identity, name = key.split("/")
            records[identity][name] = found.get(key)
        return {identity: _assemble(identity, files) for identity, files in records.items()}

    def attempts(self, identity: str, purchases: Mapping[str, Purchase]) -> list[Purchase]:
        """The purchases of one shot take in order of attempt, as far as there are any."""
        found: list[Purchase] = []
        while (purchase := purchases.get(attempt_identity(identity, len(found) + 1))) is not None:
            found.append(purchase)
        return found

    def add(self, record: R, *, name: str | None = None) -> R:
        """Creates a record, durably.

        Returns:
            The record that now stands there: the one given, or an equal one of ours whose answer was lost.

        Raises:
            PublishConflictError: Another writer's record stands there.
            UnreadableRecordError: What stands there cannot be read.
        """
        kind = _NAME_OF[type(record)]
        key = f"{self.folder(record.identity)}/{name or kind}.json"
        data = record.model_dump_json(exclude_none=True).encode()
        if self.store.create(key, data):
            return record
        there = self.store.read(key)
        if there is None:
            raise UnreadableRecordError(f"{key}: exists, yet cannot be read")
        if _parse(kind, there).nonce == record.nonce:
            return record
        raise PublishConflictError(f"{key}: another run wrote it first")

    def intend(self, intent: Intent) -> bool:
        """Claims the right to submit. False where another run has claimed this try."""
        try:
            self.add(intent, name=f"try-{intent.number}.intent")
        except PublishConflictError:
            return False
        return True

    def void(self, intent: Intent, reason: str) -> None:
        """Records that a try was not accepted."""
        self.add(Void(identity=intent.identity, reason=reason), name=f"try-{intent.number}.void")

    def unknown(self, intent: Intent, evidence: str) -> None:
        """Records that a try may have been accepted."""
        self.add(Unknown(identity=intent.identity, evidence=evidence), name=f"try-{intent.number}.unknown")

    def add_once(self, record: Record) -> bool:
        """Creates a record unless one stands there already; False if one did."""
        try:
            self.add(record)
        except PublishConflictError:
            return False
        return True


def require_own_identities(purchases: Iterable[Purchase]) -> None:
    """Refuses a ledger with records that nobody can read and whose shot nobody can tell.

    Raises:
        ConfigurationError: A newer release bought here, under identities of its own.
    """
    for purchase in purchases:
        version, dash, _ = purchase.identity.partition("-")
        if purchase.unreadable and dash and version.isdecimal() and int(version) != VERSION:
            raise ConfigurationError(
                f"{FOLDER}/{purchase.identity} was written by a newer release, and this one cannot tell which shot it "
                "bought; go on with that release, or choose another output"
            )


def _record(identity: str, match: re.Match[str] | None, data: bytes | None) -> Record:
    if match is None:
        raise UnreadableRecordError("not a record of this release")
    if data is None:
        raise UnreadableRecordError("listed, yet it cannot be read")
    record = _parse(match["step"] or match["single"], data)
    if record.identity != identity:
        raise UnreadableRecordError(f"it belongs to {record.identity}")
    return record


def _assemble(identity: str, files: Mapping[str, bytes | None]) -> Purchase:
    fields: dict[str, Any] = {"intents": {}, "voids": {}, "unknowns": {}}
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
        elif match:
            fields[match["single"]] = record
    # Built without validation: every record was validated on its own.
    return Purchase.model_construct(identity=identity, **fields, unreadable=tuple(unreadable))
