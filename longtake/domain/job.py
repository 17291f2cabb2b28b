"""A vendor's asynchronous generation: its states, one look at it, and the clip it yields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from longtake.domain.marks import Marks


def _numbers(value: object) -> object:
    """Without what is no number: NaN, Infinity, and the `null` that they were once written as."""
    if not isinstance(value, Mapping):
        return value
    pairs: Any = value.items()
    return {name: number for name, number in pairs if _is_number(number)}


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # An integer may have more digits than a float can hold.
    return abs(value) < LARGEST_FIGURE and math.isfinite(value)


LARGEST_FIGURE = 1e300
Figures = Annotated[dict[str, float], BeforeValidator(_numbers)]
"""A vendor's own figures (tokens, credits) by their names."""


class JobStatus(StrEnum):
    """Our words for a job's state; vendors' words are mapped to these."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, one way or another."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class JobFailure(BaseModel):
    """Why a job ended badly. `retryable`: the vendor's documents call it worth another purchase."""

    model_config = ConfigDict(frozen=True)

    message: str = ""
    code: str = ""
    retryable: bool = False
    content_refused: bool = False


class JobSnapshot(BaseModel):
    """One look at a job.

    `word` is the vendor's own status word; `known_word` is False for one that no document names (the job then counts as
    running). `progress` runs from 0 to 1. `usage` keeps the vendor's own figures (tokens, credits) as reported.
    `seen_running_at` is the Unix time of the first look that found a job at work which an earlier one had found queued.
    """

    model_config = ConfigDict(frozen=True)

    status: JobStatus
    word: str = ""
    known_word: bool = True
    progress: float | None = None
    video_url: str | None = None
    last_frame_url: str | None = None
    failure: JobFailure | None = None
    estimated_seconds: float | None = None
    usage: Figures = Field(default_factory=dict)
    seen_running_at: float | None = None


Alike = tuple[str, str]
"""What jobs of one account share that take about as long: the wire model and the make-up."""


class Job(BaseModel):
    """A bought generation, as the ledger knows it. `account` is `vendor/document`."""

    model_config = ConfigDict(frozen=True)

    vendor: str
    account: str
    base_url: str
    wire_model: str
    job_id: str
    identity: str
    shot_id: str
    submitted_at: float
    estimated_seconds: float | None = None
    run: str = ""
    """Which run bought it, as the ledger names runs; "" by a release that did not say."""
    make_up: str = ""
    """What of its request its time depends on (`ShotRequest.make_up`); "" by a release that did not say."""

    @property
    def alike(self) -> Alike:
        """What it shares with jobs that take about as long."""
        return self.wire_model, self.make_up


class Clip(BaseModel):
    """One downloaded video. `key` is its place in the output store; `marks` are None where nobody looked for them."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    size_bytes: int
    width: int
    height: int
    frames: int
    duration_seconds: float
    fps: str = "24"
    has_audio: bool = True
    marks: Marks | None = None
