"""Fault plans: which call to a vendor goes wrong, how, and how often. The endpoints and the media host act them out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Step = Literal["submit", "look", "media", "upload", "audit", "account", "list", "cancel"]

_REFUSALS = frozenset(
    {"throttled", "unauthorized", "no_balance", "model_not_allowed", "moderation", "bad_request", "server_error"}
)
KINDS: dict[Step, frozenset[str]] = {
    "submit": _REFUSALS
    | {
        "reset_before_accept",
        "server_error_before_accept",
        "answer_lost_after_accept",
        "bad_gateway_after_accept",
        "slow_answer",
        "html_200",
        "empty_200",
        "no_id",
        "accepted_odd_words",
        "accepted_odd_envelope",
        "accepted_in_4xx",
        "accepted_odd_bytes",
    },
    "look": _REFUSALS
    | {
        "reset",
        "html",
        "garbage_json",
        "slow_answer",
        "unknown_word",
        "empty_word",
        "stuck",
        "lie_not_found",
        "cancelled",
        "expired",
        "failed",
        "moderation_failed",
        "success_without_link",
        "fail_reason_with_link",
    },
    "media": frozenset(
        {
            "dead_link",
            "truncated",
            "cut_short",
            "html_as_mp4",
            "wants_key",
            "slow",
            "reset_midway",
            "garbage",
            "server_error",
        }
    ),
    "upload": _REFUSALS | {"reset", "html_200", "answer_lost_after_accept"},
    # What an asset's review comes to: refused after a while or at once, or no end; `prompt` is sought in its address.
    "audit": frozenset({"failed", "failed_item", "stuck"}),
    "account": _REFUSALS | {"reset", "html_200"},
    "list": _REFUSALS | {"reset", "html_200"},
    "cancel": _REFUSALS | {"reset", "html_200", "answer_lost_after_accept"},
}

# A job that never ends must not end at the second look.
_LASTING = frozenset({"stuck", "wants_key"})


class Fault(BaseModel):
    """One thing that goes wrong.

    Args:
        kind: What; see `KINDS` for what each step can suffer.
        step: At which call.
        vendor: At which vendor, None for any.
        nth: From which matching call on, counted from 1.
        times: For how many matching calls; None for all. Default 1, but without end for `stuck` and `wants_key`.
        prompt: Only where the prompt (for a submit: the body) holds these words.
        seconds: How long a slow answer takes.
        retry_after_seconds: What a `throttled` answer asks the client to wait; None: it does not say.
        status: The HTTP status of a `dead_link`.
        retryable: Whether a `failed` job fails with a code that the vendor's document calls worth another try.
        fired: How often it has happened.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    step: Step
    vendor: str | None = None
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    prompt: str = ""
    seconds: float = Field(default=1.0, ge=0)
    retry_after_seconds: float | None = None
    status: int = 403
    retryable: bool = True
    fired: int = 0
    seen: int = 0

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.kind not in KINDS[self.step]:
            raise ValueError(f"{self.step} knows no fault {self.kind}; it knows {', '.join(sorted(KINDS[self.step]))}")
        if self.kind in _LASTING and "times" not in self.model_fields_set:
            self.times = None
        return self

    @property
    def is_spent(self) -> bool:
        """Whether it will not happen again."""
        return self.times is not None and self.fired >= self.times


class Faults:
    """The plans in force, tried in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))

    def add(self, fault: Fault) -> Fault:
        """Puts a plan in force; the object returned counts its firings."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._faults.clear()

    def take(self, step: Step, vendor: str, words: str, *, passing: frozenset[str] = frozenset()) -> Fault | None:
        """The fault that befalls this call, if any; counts it as fired.

        Args:
            step: What is called.
            vendor: Where.
            words: What the plan's `prompt` is looked for in.
            passing: Kinds that cannot happen at this moment, and wait.
        """
        with self._lock:
            for fault in self._faults:
                if (
                    fault.step != step
                    or fault.vendor not in (None, vendor)
                    or fault.prompt not in words
                    or fault.kind in passing
                    or fault.is_spent
                ):
                    continue
                fault.seen += 1
                if fault.seen >= fault.nth:
                    fault.fired += 1
                    return fault
        return None
