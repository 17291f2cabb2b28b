"""The sandbox as a process of its own, so that what it costs is not counted as ours."""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Stay:
    """All jobs of a run, in seconds of one clock: the first accepted, the last ended."""

    first_accepted: float
    last_ended: float


@dataclass(frozen=True)
class Vendors:
    """A running sandbox."""

    url: str
    exports: Mapping[str, str]

    def environment(self, slots: Mapping[str, int], poll_seconds: float) -> dict[str, str]:
        """Variables that point Longtake at it, with so many jobs in flight at each vendor."""
        found = dict(self.exports)
        for vendor, limit in slots.items():
            found[f"{vendor.upper()}_MAX_JOBS_IN_FLIGHT"] = str(limit)
            found[f"{vendor.upper()}_POLL_INTERVAL_SECONDS"] = f"{poll_seconds:g}"
        return found

    def told(self, what: str) -> Any:
        """What the sandbox tells under `/_sandbox/`."""
        return httpx.get(f"{self.url}/_sandbox/{what}", timeout=120).raise_for_status().json()

    def requests(self) -> dict[str, int]:
        """API requests by step, over all vendors."""
        found: dict[str, int] = {}
        for steps in self.told("bill")["requests"].values():
            for step, count in steps.items():
                found[step] = found.get(step, 0) + count
        return found

    def ideal_seconds(self, slots: Mapping[str, int]) -> float:
        """The time in which all jobs fit with every slot always in use: the busiest vendor's job seconds per slot."""
        return max(_job_seconds(self._history(vendor)) / limit for vendor, limit in slots.items())

    def stay(self) -> Stay:
        """From the first job's begin to the last one's end."""
        histories = [history for vendor in self.told("state")["vendors"] if (history := self._history(vendor))]
        return Stay(min(history[0][0] for history in histories), max(history[-1][0] for history in histories))

    def peaks(self) -> dict[str, int]:
        """The most jobs in flight at one time, by vendor."""
        return {vendor: told["peak_in_flight"] for vendor, told in self.told("state")["vendors"].items()}

    def _history(self, vendor: str) -> list[tuple[float, int]]:
        return self.told("state")["vendors"][vendor]["in_flight_history"]


def _job_seconds(history: list[tuple[float, int]]) -> float:
    return sum((later - at) * count for (at, count), (later, _) in itertools.pairwise(history))


@contextmanager
def running_vendors(**settings: Any) -> Iterator[Vendors]:
    """A sandbox with these settings, gone with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "longtake_cli.main", "sandbox"], cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        exports: dict[str, str] = {}
        assert process.stdout is not None
        for line in process.stdout:
            # One line points all vendors at it at once; the slots of each are told to each.
            if line.startswith("export ") and "LONGTAKE_SANDBOX_URL" not in line:
                name, _, value = line.removeprefix("export ").strip().partition("=")
                if name != "LONGTAKE_SANDBOX_URL":  # it would stand for the addresses below, with slots of its own
                    exports[name] = value
                if name == "JIMMYAI_POLL_INTERVAL_SECONDS":
                    break
        url = exports["EVOLINK_BASE_URL"].removesuffix("/evolink")
        httpx.post(f"{url}/_sandbox/settings", json={"jobs_per_key": None, "media": "stub"} | settings, timeout=30)
        yield Vendors(url, exports)
    finally:
        process.terminate()
        process.wait()


def write_rows(path: Path, rows: int, slots: Mapping[str, int]) -> None:
    """Single-shot reels in the proportion of the slots, so that every vendor is busy to the end; the smallest clips."""
    total = sum(slots.values())
    shares = [(place / limit, vendor) for vendor, limit in slots.items() for place in range(limit)]
    pattern = [vendor for _, vendor in sorted(shares)]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "prompt", "vendor", "duration_seconds", "resolution", "ratio"])
        for row in range(rows):
            table.writerow([f"s{row}", f"a lighthouse at dusk, take {row}", pattern[row % total], 4, "480p", "1:1"])
