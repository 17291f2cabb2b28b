"""Tolerant reading of replies: ids, status words, links and figures, and the words by which vendors refuse.

Everything takes parsed JSON of any shape and never raises; what is not there comes back empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from longtake.errors import (
    AuthenticationError,
    ContentRefusedError,
    InsufficientBalanceError,
    ModelNotAllowedError,
    RateLimitedError,
    RejectedRequestError,
    VendorError,
    VendorUnavailableError,
)
from longtake.job import JobFailure, JobStatus
from longtake.vendors import _ark

JSON = Mapping[str, object]

STATUS_WORDS: Mapping[str, JobStatus] = {
    "": JobStatus.QUEUED,
    "queued": JobStatus.QUEUED,
    "pending": JobStatus.QUEUED,
    "submitted": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "processing": JobStatus.RUNNING,
    "in_progress": JobStatus.RUNNING,
    "succeeded": JobStatus.SUCCEEDED,
    "completed": JobStatus.SUCCEEDED,
    "success": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "failure": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
    "canceled": JobStatus.CANCELLED,
    "expired": JobStatus.EXPIRED,
}
"""Status words shared by the vendors, lower case; a vendor's file adds its own."""

REFUSED_WORDS = ("sensitive", "moderation", "content_policy", "policyviolation", "privacyinformation", "trademark")
"""Parts of a code or message by which upstream and resellers tell of moderation."""
BALANCE_WORDS = (
    *(f"insufficient{gap}{what}" for gap in "_ " for what in ("quota", "user_quota", "balance", "credit", "fund")),
    "quota_not_enough",
    "quota is not enough",
    "pre_consume_token_quota_failed",
    "余额不足",
    "额度不足",
    "arrears",
    "accountoverdue",
)
THROTTLE_WORDS = (
    "rate limit",
    "rate_limit",
    "ratelimit",
    "too many requests",
    "负载已饱和",
    "过于频繁",
    "requestburst",
    "overloaded",
)
MODEL_WORDS = (
    "model_access_denied",
    "model_not_allowed",
    "model not allowed",
    "access to model",
    "access to the specified model",
)

_LOST = re.compile(
    r"\b(task|job|record|video)([ _]?id)?[\W_]{0,3}([\w-]{8,})?[\W_]{0,3}(is |was |does |do )?not[ _]?(found|exist)"
    r"|resource_not_found|任务不存在",
    re.IGNORECASE,
)

STATUS_ERRORS: Mapping[int, type[VendorError]] = {
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: ModelNotAllowedError,
    # A gateway gave up waiting: what stands behind it may have the request.
    408: VendorUnavailableError,
    429: RateLimitedError,
    499: VendorUnavailableError,
}
"""HTTP status to error class where neither code nor words say more; 5xx is `VendorUnavailableError`."""


def fields(value: object) -> JSON:
    """A JSON object as it is; anything else as an object without fields."""
    return value if isinstance(value, Mapping) else {}


def words(value: object) -> str:
    """A string or number as text, anything else as ""."""
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def says(parts: Sequence[str], *texts: str) -> bool:
    """Whether one of the parts stands in one of the texts, in any case."""
    joined = " ".join(texts).lower()
    return any(part in joined for part in parts)


def says_lost(*texts: str) -> bool:
    """Whether a code or message says that the vendor does not know the job."""
    return any(_LOST.search(text) for text in texts)


def job_id_in(*sources: object) -> str:
    """The first job id in the sources, by any of its names; "" if there is none."""
    for source in sources:
        for name in ("task_id", "id", "taskId"):
            found = words(fields(source).get(name))
            if found:
                return found
    return ""


def status_of(word: str, own: Mapping[str, JobStatus] | None = None) -> tuple[JobStatus, bool]:
    """Our status for a vendor's word, and whether a document names the word; an unknown one counts as running."""
    known = {**STATUS_WORDS, **(own or {})}.get(word.strip().lower())
    return (JobStatus.RUNNING, False) if known is None else (known, True)


def first_link(*values: object) -> str | None:
    """The first http(s) address among the values."""
    return next((value for value in values if isinstance(value, str) and is_link(value)), None)


def is_link(value: str) -> bool:
    """Whether a text is an http(s) address."""
    return value.lower().startswith(("http://", "https://"))


def progress_of(value: object) -> float | None:
    """Progress from 0 to 1 of `50`, `"50"` or `"50%"`."""
    try:
        return min(1.0, max(0.0, float(words(value).removesuffix("%")) / 100))
    except ValueError:
        return None


def figures(value: object) -> dict[str, float]:
    """The numbers among an object's fields: tokens, credits."""
    return {
        name: float(number)
        for name, number in fields(value).items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }


def message_and_code(body: object) -> tuple[str, str]:
    """Message and code of an error body in any of the resellers' shapes: `{error: {…}}`, `{code, message}`, `{msg}`.

    Relays put the upstream's JSON into the message as text; then its message and code are taken.
    """
    message, code = _flat_message_and_code(fields(body))
    for _ in range(3):
        inner = _json_in(message)
        if inner is None:
            break
        inner_message, inner_code = _flat_message_and_code(inner)
        if not (inner_message or inner_code):
            break
        message, code = inner_message, inner_code or code
    return message, code


def _flat_message_and_code(body: JSON) -> tuple[str, str]:
    error = body.get("error")
    source = fields(error) or body
    plain = error if isinstance(error, str) else ""
    message = words(source.get("message")) or words(source.get("msg")) or plain
    return message, words(source.get("code")) or words(source.get("type"))


def _json_in(text: str) -> JSON | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return None
    return fields(value) or None


def job_failure(body: object, *, retryable: Sequence[str] = ()) -> JobFailure:
    """Why a job failed, from an error body or a bare message.

    Args:
        body: An error body, or a message as text.
        retryable: Codes, or parts of messages, that the vendor's documents call worth another purchase.
    """
    message, code = message_and_code({"message": body} if isinstance(body, str) else body)
    if is_link(message):
        message = ""
    refused = says(REFUSED_WORDS, code, message) or _ark.error_for(code) is ContentRefusedError
    again = not refused and (code in retryable or says([part.lower() for part in retryable], message))
    return JobFailure(message=message, code=code, retryable=again, content_refused=refused)


def error_class(status: int, code: str, message: str) -> type[VendorError] | None:
    """The error class that HTTP status, code and words stand for, None where none of them says anything."""
    if status >= 500:
        return VendorUnavailableError
    if status == 401:
        return AuthenticationError
    ark = _ark.error_for(code)
    if ark is not None:
        return ark
    for parts, error in (
        (REFUSED_WORDS, ContentRefusedError),
        (THROTTLE_WORDS, RateLimitedError),
        (BALANCE_WORDS, InsufficientBalanceError),
        (MODEL_WORDS, ModelNotAllowedError),
    ):
        if says(parts, code, message):
            return error
    return STATUS_ERRORS.get(status) or (RejectedRequestError if says_lost(code, message) else None)


def retry_after_seconds(headers: Mapping[str, str], message: str = "") -> float | None:
    """What the vendor asked us to wait: `Retry-After` as seconds or date, or `retry_after: 1` in its words."""
    named = {name.lower(): value for name, value in headers.items()}
    value = named.get("retry-after", "").strip()
    told = re.search(r"retry[_-]?after\W{1,4}(\d+(?:\.\d+)?)", message, re.IGNORECASE)
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    if value and "date" in named:
        try:
            gap = parsedate_to_datetime(value) - parsedate_to_datetime(named["date"])
            return max(0.0, gap.total_seconds())
        except (ValueError, TypeError):
            return None
    return float(told[1]) if told else None


def http_failure(status: int, body: object, headers: Mapping[str, str]) -> VendorError:
    """The error that an answer with an HTTP error status stands for."""
    message, code = message_and_code(body)
    error = error_class(status, code, message) or RejectedRequestError
    seconds = retry_after_seconds(headers, message)
    return error(message or f"HTTP {status} without a readable body", code, status, seconds)


def hidden_failure(status: int, body: object, headers: Mapping[str, str]) -> VendorError | None:
    """The refusal inside an answer with a success status; None unless it is one beyond doubt.

    It has an error object or code, no id and no job status, and its words are ones that we know. Anything less certain
    is left to be read as an answer, so that a submit's outcome then counts as unknown and is never repeated.
    """
    source = fields(body)
    inner = fields(source.get("data"))
    if job_id_in(source, inner) or "status" in source or "status" in inner:
        return None
    message, code = message_and_code(source)
    error = error_class(0, code, message)
    return error(message, code, status, retry_after_seconds(headers, message)) if error else None
