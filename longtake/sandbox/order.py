"""What a dialect makes of a request: an order in neutral words, or a refusal. And what a look at its job reveals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

MediaKind = Literal["image", "video", "audio"]
ADAPTIVE = "adaptive"


@dataclass(frozen=True)
class Input:
    """One picture, video or sound that the order names; `role` is the vendor's word or the array it stood in."""

    kind: MediaKind
    role: str
    url: str


@dataclass(frozen=True)
class Order:
    """A request that broke no rule of its own document. `seconds` None: the vendor picks.

    `is_mono`: its sound has one channel. `has_ten_bits`: its pictures are H.265 with ten bits a sample.
    """

    model: str
    prompt: str
    seconds: int | None
    resolution: str
    ratio: str
    audio: bool = True
    inputs: tuple[Input, ...] = ()
    return_last_frame: bool = False
    web_search: bool = False
    content_filter: bool = True
    callback_url: str = ""
    safety_identifier: str = ""
    priority: int = 0
    expires_after_seconds: int = 172_800
    is_mono: bool = False
    has_ten_bits: bool = False


class Why(StrEnum):
    """Why a vendor refuses; each dialect has its own body and status for it."""

    BAD_REQUEST = "bad_request"
    BAD_REFERENCE = "bad_reference"
    TOO_LARGE = "too_large"
    UNAUTHORIZED = "unauthorized"
    NO_BALANCE = "no_balance"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    UNKNOWN_MODEL = "unknown_model"
    MODERATION = "moderation"
    THROTTLED = "throttled"
    QUEUE_FULL = "queue_full"
    UNKNOWN_JOB = "unknown_job"
    WRONG_STATE = "wrong_state"
    SERVER_ERROR = "server_error"


class Refused(Exception):  # noqa: N818 - a vendor's answer, not a defect
    """The vendor says no."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(why, message)
        self.why = why
        self.message = message


def demand(condition: bool, message: str) -> None:
    """Refuses the request with this message unless the condition holds."""
    if not condition:
        raise Refused(Why.BAD_REQUEST, message)


State = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]


@dataclass(frozen=True)
class Failure:
    """How a job ended badly, in the vendor's own words."""

    code: str
    message: str


@dataclass(frozen=True)
class View:
    """One look at a job.

    `word` replaces the vendor's status word, where a fault plan says so.
    """

    state: State
    progress: int
    video_url: str = ""
    last_frame_url: str = ""
    failure: Failure | None = None
    word: str | None = None
    link_in_fail_reason: bool = False


@dataclass(frozen=True)
class Reply:
    """A body and its HTTP status."""

    status: int
    body: object
