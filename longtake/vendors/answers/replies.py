"""Tolerant reading of replies: status words, figures, messages and codes, and the failures that they stand for.

Everything takes parsed JSON of any shape and never raises; what is not there comes back empty.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from longtake.domain.errors import RejectedRequestError, VendorError
from longtake.domain.job import JobFailure, JobStatus
from longtake.vendors.answers.ids import job_id_of
from longtake.vendors.answers.refusals import client_error, is_moderation, refusal_in_success, server_error

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

SUCCESS_CODES = frozenset({"success", "succeeded", "ok", "0", "200", "201", "202", "20000", "created", "accepted"})
"""Codes by which an envelope says that the call went well, lower case."""
MOST_FIGURES = 50
LONGEST_PAUSE_SECONDS = 600.0
"""A vendor that asks for a longer pause is asked again after this one."""

_LOST = re.compile(
    r"\b(task|job|record|video)([ _]?id)?[\W_]{0,3}([\w-]{8,})?[\W_]{0,3}(is |was |does |do )?not[ _]?(found|exist)"
    r"|resource_not_found|任务不存在",
    re.IGNORECASE,
)


def fields(value: object) -> JSON:
    """A JSON object as it is; anything else as an object without fields."""
    return value if isinstance(value, Mapping) else {}


def words(value: object) -> str:
    """A string or number as text, anything else as ""."""
    if isinstance(value, float):
        return (str(int(value)) if value.is_integer() else str(value)) if math.isfinite(value) else ""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def says(parts: Sequence[str], *texts: str) -> bool:
    """Whether one of the parts stands in one of the texts, in any case."""
    joined = " ".join(texts).lower()
    return any(part in joined for part in parts)


def says_lost(*texts: str) -> bool:
    """Whether a code or message says that the vendor does not know the job."""
    return any(_LOST.search(text) for text in texts)


def job_id_in(*sources: object) -> str:
    """The first job id in the sources, by any of the documents' names; "" if there is none."""
    named = ((source, name) for source in sources for name in ("task_id", "id", "taskId"))
    return next((found for source, name in named if (found := job_id_of(fields(source).get(name)))), "")


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
        progress = float(words(value).removesuffix("%")) / 100
    except (ValueError, OverflowError):
        return None
    return min(1.0, max(0.0, progress)) if not math.isnan(progress) else None


def figures(value: object) -> dict[str, float]:
    """The finite numbers among an object's fields: tokens, credits."""
    numbers: dict[str, float] = {}
    for name, number in fields(value).items():
        if isinstance(number, int | float) and not isinstance(number, bool) and len(numbers) < MOST_FIGURES:
            try:
                amount = float(number)
            except OverflowError:
                continue
            if math.isfinite(amount):
                numbers[name[:100]] = amount
    return numbers


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
    error = body.get("error") or body.get("errors") or fields(body.get("ResponseMetadata")).get("Error")
    if isinstance(error, list) and error:
        error = error[0]
    source = fields(error) or body
    plain = error if isinstance(error, str) else ""
    message = _first(source, "message", "msg", "Message", "error_message", "error_msg", "detail") or plain
    return message, _first(source, "code", "Code", "error_code", "type")


def _first(source: JSON, *names: str) -> str:
    return next((told for name in names if (told := words(source.get(name)))), "")


def _json_in(text: str) -> JSON | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
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
    refused = is_moderation(code, message)
    again = not refused and (code in retryable or says([part.lower() for part in retryable], message))
    return JobFailure(message=message, code=code[:100], retryable=again, content_refused=refused)


def retry_after_seconds(headers: Mapping[str, str], message: str = "") -> float | None:
    """What the vendor asked us to wait: `Retry-After` as seconds or date, or `retry_after: 1` in its words."""
    named = {name.lower(): value for name, value in headers.items()}
    value = named.get("retry-after", "").strip()
    told = re.search(r"retry[_-]?after\W{1,4}(\d+(?:\.\d+)?)", message, re.IGNORECASE)
    if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
        return min(LONGEST_PAUSE_SECONDS, float(value))
    if value and "date" in named:
        try:
            gap = parsedate_to_datetime(value) - parsedate_to_datetime(named["date"])
        except (ValueError, TypeError, OverflowError):
            return None
        return min(LONGEST_PAUSE_SECONDS, max(0.0, gap.total_seconds()))
    return min(LONGEST_PAUSE_SECONDS, float(told[1])) if told else None


def http_failure(status: int, body: object, headers: Mapping[str, str]) -> VendorError:
    """The error that an answer with an HTTP error status stands for."""
    message, code = message_and_code(body)
    error = server_error(code, message) if status >= 500 else client_error(status, code, message)
    seconds = retry_after_seconds(headers, message)
    return error(message or f"HTTP {status} without a readable body", code, status, seconds)


def hidden_failure(
    status: int, body: object, headers: Mapping[str, str], own_codes: Mapping[str, type[VendorError]] | None = None
) -> VendorError | None:
    """The refusal inside an answer with a success status; None unless it is one beyond doubt.

    It tells of a failure, has no id and no job status, and its code, or its words as a whole phrase, is one that we
    know. Anything less certain is left to be read as an answer, so that a submit's outcome then counts as unknown and
    is never repeated.

    Args:
        status: HTTP status.
        body: The parsed answer.
        headers: Its headers.
        own_codes: Codes by which this vendor's documents tell of failures under a success status.
    """
    source = fields(body)
    inner = fields(source.get("data"))
    if job_id_in(source, inner) or "status" in source or "status" in inner:
        return None
    message, code = message_and_code(source)
    own = own_codes or {}
    error = None
    if tells_failure(source):
        error = refusal_in_success(code, message, is_vendors_code=words(source.get("code")) in own) or own.get(code)
    if error is None and says_lost(code, message):
        error = RejectedRequestError
    return error(message, code, status, retry_after_seconds(headers, message)) if error else None


def tells_failure(body: JSON) -> bool:
    """Whether an answer says that something went wrong: an error, `success: false`, or a code that is no success."""
    code = words(body.get("code")).lower()
    has_error = bool(body.get("error") or body.get("errors") or body.get("ResponseMetadata"))
    return has_error or body.get("success") is False or (code != "" and code not in SUCCESS_CODES)


def says_success(body: JSON) -> bool:
    """Whether an envelope says that the call went well."""
    word = words(body.get("status")).lower()
    return body.get("success") is True or words(body.get("code")).lower() in SUCCESS_CODES or word in SUCCESS_CODES
