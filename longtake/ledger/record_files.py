"""The files of a purchase's folder: their names, their text, and the purchase that they make together.

A name without a number is the first of its kind; `accepted-2.json` is a person's later word and rules over the records
of the first. Files that are none of ours prove nothing; a torn one of ours does not hide what the others prove.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from pydantic import ValidationError

from longtake.domain.errors import UnreadableRecordError
from longtake.domain.job import LARGEST_FIGURE
from longtake.domain.little_memory import in_little_memory
from longtake.ledger.records import (
    FORMAT,
    Accepted,
    Claim,
    ClipRecord,
    Intent,
    Purchase,
    Record,
    Terminal,
    Unknown,
    VerdictRecord,
    Void,
)

_NAME = re.compile(
    r"(?:try-(?P<try>\d+)\.(?P<step>intent|void|unknown)"
    r"|claim-(?P<claim>\d+)|(?P<single>accepted|terminal|clip|verdict)(?:-(?P<number>[2-9]|[1-9]\d+))?)\.json",
    re.ASCII,
)
_OURS = re.compile(r"clip\.mp4(\.part)?|other-[0-9a-f]{12}\.mp4|\..+\.part")
"""Files of ours beside the records."""
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
STEPS = frozenset({"intent", "void", "unknown"})
SINGLES = frozenset({"accepted", "terminal", "clip", "verdict"})
_TOLD = re.compile(r'"(shot_id|job_id)": ?("(?:[^"\\]|\\.)*")')


class RecordName(NamedTuple):
    """What a file's name says: its kind, as `NAME_OF` has them, and which try or which of its kind it is."""

    kind: str
    number: int

    @property
    def stem(self) -> str:
        """The name without `.json`."""
        if self.kind == "claim":
            return f"claim-{self.number}"
        if self.kind not in SINGLES:
            return f"try-{self.number}.{self.kind}"
        return self.kind if self.number == 1 else f"{self.kind}-{self.number}"


def record_name(name: str) -> RecordName | None:
    """What a file's name says, None where it is no record's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if match["step"]:
        return RecordName(match["step"], int(match["try"]))
    if match["claim"]:
        return RecordName("claim", int(match["claim"]))
    return RecordName(match["single"], int(match["number"] or 1))


def encode(record: Record) -> bytes:
    """A record as JSON that can be read back: what no text file can hold is left out or written as it would be escaped.

    Raises:
        UnreadableRecordError: What is left is no record of its kind, or the job's id itself cannot be written.
    """
    try:
        plain: object = record.model_dump(mode="python", exclude_none=True)
        data = json.dumps(_writable(plain), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        back = parse_record(NAME_OF[type(record)], data)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnreadableRecordError(f"it cannot be written ({type(error).__name__})") from None
    if isinstance(record, Accepted) and isinstance(back, Accepted) and back.job.job_id != record.job.job_id:
        raise UnreadableRecordError("no file can hold the text of its job id")
    return data


def _writable(value: object) -> object:
    if isinstance(value, str):
        return str(value).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        pairs: Any = value.items()
        written = ((str(_writable(str(name))), _writable(one)) for name, one in pairs)
        return {name: one for name, one in written if one is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [_writable(one) for one in value]  # pyright: ignore[reportUnknownVariableType] - items of any type
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Compared before it is made a float: an integer may have more digits than a float can have.
        return value if abs(value) < LARGEST_FIGURE and math.isfinite(value) else None
    return value


def parse_record(kind: str, data: bytes) -> Record:
    """A record of this kind, as `NAME_OF` has them, from its JSON.

    Raises:
        UnreadableRecordError: It is torn, foreign, or of a newer format.
    """
    try:
        return in_little_memory(_KINDS[kind].model_validate_json(data))
    except (ValidationError, ValueError) as error:
        head: object = None
        with contextlib.suppress(ValueError, RecursionError):
            head = json.loads(data)
        if isinstance(head, Mapping) and head.get("format") not in (None, FORMAT):
            reason = f"written in format {head.get('format')}, which this release does not know"
        else:
            reason = "torn or foreign" if not isinstance(head, Mapping) else f"not as expected ({type(error).__name__})"
        raise UnreadableRecordError(reason) from None


def own_record(identity: str, kind: str, data: bytes | None) -> Record:
    """A purchase's record from its JSON.

    Raises:
        UnreadableRecordError: It cannot be read, or is another purchase's.
    """
    if data is None:
        raise UnreadableRecordError("listed, yet it cannot be read")
    record = parse_record(kind, data)
    if record.identity != identity:
        raise UnreadableRecordError(f"it belongs to {record.identity}")
    return record


def assemble(identity: str, files: Mapping[str, bytes | None]) -> Purchase:
    """A purchase from the files of its folder by name; never raises.

    Args:
        identity: The folder's name.
        files: Their texts; None for one that could not be read, and for one whose name is no record's.
    """
    found: dict[str, dict[int, Record]] = {kind: {} for kind in _KINDS}
    torn: set[RecordName] = set()
    unreadable: list[str] = []
    foreign: list[str] = []
    told: dict[str, str] = {}
    for file, data in files.items():
        name = record_name(file)
        if name is None:
            if not _OURS.fullmatch(file):
                foreign.append(file)
            continue
        try:
            found[name.kind][name.number] = own_record(identity, name.kind, data)
        except UnreadableRecordError as error:
            torn.add(name)
            hints = _told(data)
            hint = f"; its text names job {hints['job_id']}" if "job_id" in hints else ""
            unreadable.append(f"{file}: {error}{hint}")
            told |= hints
    # The latest word on which job it is, also one that cannot be read, makes the records before it void.
    ruling = max([*found["accepted"], *(name.number for name in torn if name.kind == "accepted")], default=1)
    singles: dict[str, Any] = {kind: _latest(found[kind], ruling) for kind in SINGLES - {"clip"}}
    singles["clip"] = _latest(found["clip"], _first_clip(found["accepted"]))
    doubtful = any(name.kind in SINGLES and name.number >= ruling for name in torn)
    # Built without validation: every record was validated on its own.
    purchase = Purchase.model_construct(
        identity=identity,
        intents=found["intent"],
        voids=found["void"],
        unknowns=found["unknown"],
        claims=found["claim"],
        **singles,
        unreadable=tuple(sorted(unreadable)),
        foreign=tuple(sorted(foreign)),
        doubtful=doubtful or _is_copied_away(identity, files, foreign),
        torn_try=max((name.number for name in torn if name.kind in STEPS), default=0),
        told=told,
    )
    return in_little_memory(purchase, singles)


def _latest(records: Mapping[int, Record], first: int) -> Record | None:
    return records[number] if (number := max(records, default=0)) >= first else None


def _first_clip(accepted: Mapping[int, Record]) -> int:
    """From which number on clips count: a clip that is here does, unless a later word names another job."""
    jobs = [(number, record.job.job_id) for number, record in sorted(accepted.items()) if isinstance(record, Accepted)]
    return max((number for (_, before), (number, job_id) in pairwise(jobs) if job_id != before), default=1)


def _told(data: bytes | None) -> dict[str, str]:
    """What a text that is no record says of shot and job, for a person."""
    text = (data or b"").decode("utf-8", "replace")
    return {name: json.loads(value) for name, value in _TOLD.findall(text)}


def _is_copied_away(identity: str, files: Mapping[str, bytes | None], foreign: list[str]) -> bool:
    """Whether a stray file tells of a job, or of anything where no record of ours is left: someone moved them."""
    alone = not any(record_name(file) for file in files)
    for file in foreign:
        text = (files[file] or b"").decode("utf-8", "replace")
        if (f'"{identity}"' in text and '"job"' in text) or (alone and '"format"' in text):
            return True
    return False
