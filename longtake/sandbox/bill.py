"""What the sandbox charged: one entry per accepted order, and how many requests of any sort came in."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from longtake.sandbox.inputs.measuring import Fetched


def body_hash(body: object) -> str:
    """SHA-256 of a JSON body, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class BillEntry:
    """One purchase. `at` is Unix time; `seconds` of output, 0 for an asset; `job_id` an asset's id for assets."""

    vendor: str
    account: str
    job_id: str
    at: float
    body: dict[str, object]
    body_hash: str
    model: str
    seconds: int
    price_usd: float
    references: tuple[Fetched, ...] = ()
    kind: Literal["job", "asset"] = "job"


class Bill:
    """Everything that was accepted, whether or not its answer arrived.

    `requests` counts every API request by vendor and step, refused ones too: `submit`, `look`, `upload`, `list`,
    `cancel`, and `account` for balances, asset states and the like.
    """

    def __init__(self) -> None:
        self.entries: list[BillEntry] = []
        self.requests: dict[str, Counter[str]] = defaultdict(Counter)

    @property
    def total_usd(self) -> float:
        """The sum of all entries."""
        return sum(entry.price_usd for entry in self.entries)

    def count(self, vendor: str | None = None, kind: Literal["job", "asset"] = "job") -> int:
        """How many jobs (or assets) were accepted, at one vendor or at all."""
        return sum(entry.kind == kind and vendor in (None, entry.vendor) for entry in self.entries)

    def duplicates(self) -> dict[str, list[BillEntry]]:
        """Job entries whose body was accepted more than once by one account, by body hash."""
        groups: dict[tuple[str, str, str], list[BillEntry]] = defaultdict(list)
        for entry in self.entries:
            if entry.kind == "job":
                groups[entry.vendor, entry.account, entry.body_hash].append(entry)
        return {key[-1]: entries for key, entries in groups.items() if len(entries) > 1}

    def request_count(self, vendor: str | None = None, step: str | None = None) -> int:
        """How many API requests came in, of one vendor or all, of one step or all."""
        return sum(
            number
            for name, steps in self.requests.items()
            for a_step, number in steps.items()
            if vendor in (None, name) and step in (None, a_step)
        )

    def as_json(self) -> dict[str, object]:
        """The whole bill as plain data, references without their bytes."""
        return {
            "total_usd": self.total_usd,
            "entries": [_without_bytes(entry) for entry in tuple(self.entries)],
            "requests": {vendor: dict(steps) for vendor, steps in tuple(self.requests.items())},
        }


def _without_bytes(entry: BillEntry) -> dict[str, object]:
    references = [
        {part.name: getattr(reference, part.name) for part in fields(reference) if part.name != "content"}
        for reference in entry.references
    ]
    told: dict[str, object] = asdict(replace(entry, references=()))
    return told | {"references": references}
