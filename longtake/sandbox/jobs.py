"""A job's life, told from the clock alone: accepted, queued, running, ended. No timers, so nothing can be missed."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from longtake.sandbox.inputs.measuring import Fetched
from longtake.sandbox.order import Failure, Order, State
from longtake.sandbox.settings import SandboxSettings


@dataclass
class Job:
    """One accepted order. Times are of `time.monotonic`, except `accepted_at`, which is Unix time.

    `number` is what the frames of its clip tell; `width` and `height` are in px, `seconds` what was settled.
    `is_erased`: its record was deleted, and no look finds it.
    `echo_source` is the reference video whose last `echo_frames` the clip repeats first.
    """

    number: int
    job_id: str
    vendor: str
    account: str
    order: Order
    seconds: int
    ratio: str
    width: int
    height: int
    references: tuple[Fetched, ...]
    accepted_at: float
    begins: float
    starts: float
    ends: float
    render: Callable[[Job], Path] = field(repr=False)
    ending: State = "succeeded"
    failure: Failure | None = None
    is_erased: bool = False
    echo_source: bytes = field(default=b"", repr=False)
    echo_frames: int = 0
    media_token: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def status(self) -> State:
        """Where the job stands now."""
        now = time.monotonic()
        if now >= self.ends:
            return self.ending
        return "running" if now >= self.starts else "queued"

    @property
    def progress(self) -> int:
        """Percent, 100 only when succeeded."""
        if self.status == "succeeded":
            return 100
        life = max(self.ends - self.begins, 1e-9)
        return max(0, min(99, int(100 * (time.monotonic() - self.begins) / life)))

    @property
    def reference_hashes(self) -> tuple[str, ...]:
        """SHA-256 of each reference's bytes as the sandbox received them, in the order of the request."""
        return tuple(reference.sha256 for reference in self.references)

    @property
    def clip_path(self) -> Path:
        """The clip on disk, until the sandbox stops; rendered now if nobody asked for it yet."""
        return self.render(self)

    @property
    def clip_bytes(self) -> bytes:
        """The clip."""
        return self.clip_path.read_bytes()

    @property
    def ended_at(self) -> float:
        """Unix time of the end."""
        return self.accepted_at + self.ends - self.begins

    def end(self, state: State, failure: Failure | None = None) -> None:
        """Ends the job now, another way than its life was going."""
        self.ends = min(self.ends, time.monotonic())
        self.ending, self.failure = state, failure


class Jobs:
    """Every job of the sandbox."""

    def __init__(self) -> None:
        self._by_id: dict[str, Job] = {}
        self._by_token: dict[str, Job] = {}
        self._live: dict[tuple[str, str], list[Job]] = {}
        self._lock = threading.Lock()
        self._next_number = 1

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._by_id.values()))

    def next_number(self) -> int:
        """A fresh job number, counted over all vendors."""
        with self._lock:
            number, self._next_number = self._next_number, self._next_number + 1
            return number

    def add(self, job: Job) -> None:
        """Takes a job in."""
        with self._lock:
            self._by_id[job.job_id] = self._by_token[job.media_token] = job
            self._live.setdefault((job.vendor, job.account), []).append(job)

    def find(self, job_id: str) -> Job | None:
        """The job of this id, whichever vendor's."""
        return self._by_id.get(job_id)

    def of_token(self, media_token: str) -> Job | None:
        """The job whose media links carry this token."""
        return self._by_token.get(media_token)

    def in_flight(self, vendor: str, account: str) -> int:
        """How many jobs of this key have not ended."""
        return len(self.live(vendor, account))

    def live(self, vendor: str, account: str) -> list[Job]:
        """The jobs of this key that have not ended."""
        now = time.monotonic()
        with self._lock:
            live = [job for job in self._live.get((vendor, account), ()) if job.ends > now]
            self._live[vendor, account] = live
        return list(live)

    def in_flight_history(self, vendor: str) -> list[tuple[float, int]]:
        """Jobs in flight at a vendor after each change, as (monotonic time, count), up to now."""
        now = time.monotonic()
        changes = sorted(
            change
            for job in self
            if job.vendor == vendor
            for change in ((job.begins, 1), (job.ends, -1))
            if change[0] <= now
        )
        history: list[tuple[float, int]] = []
        count = 0
        for at, step in changes:
            count += step
            history.append((at, count))
        return history

    def peak_in_flight(self, vendor: str) -> int:
        """The most jobs that were in flight at a vendor at one time."""
        return max((count for _, count in self.in_flight_history(vendor)), default=0)


def life_seconds(settings: SandboxSettings, number: int) -> float:
    """How long the job of this number lives."""
    if isinstance(settings.job_seconds, tuple):
        return random.Random(number).uniform(*settings.job_seconds)  # noqa: S311 - a length of time, not a secret
    return settings.job_seconds


def picked_seconds(number: int) -> int:
    """The length the vendor settles on where it is asked to choose, 4 to 15 s."""
    return 4 + number * 5 % 12
