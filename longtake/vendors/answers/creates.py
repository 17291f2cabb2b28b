"""The one rule for answers to a create, the same for every vendor: `docs/decisions/0009-answers.md`.

An id makes the job ours. A refusal is one beyond doubt, or it is none. All else is unknown, and never sent again.
"""

from __future__ import annotations

from collections.abc import Mapping

from longtake.domain.errors import UnexpectedReplyError, UnknownOutcomeError, VendorUnavailableError
from longtake.vendors.answers.bodies import json_in
from longtake.vendors.answers.ids import JOB_TOKEN, Ids, job_id_of, job_ids
from longtake.vendors.answers.refusals import speaks_of_acceptance
from longtake.vendors.answers.replies import (
    JSON,
    fields,
    message_and_code,
    says_lost,
    says_success,
    tells_failure,
    words,
)
from longtake.vendors.answers.reply import CreateReader, Reply, SubmitReply

_CARRIERS = ("data", "result", "results", "output", "job", "jobs", "task", "tasks", "video", "videos")
_OF_A_FAILURE = frozenset(
    (
        *("error", "errors", "message", "msg", "detail", "details", "code", "type", "param", "params", "reason"),
        *("field", "fields", "request_id", "trace_id"),
    )
)
_OPEN_WORDS = frozenset(
    (
        *("queued", "queueing", "pending", "submitted", "accepted", "created", "scheduled", "not_start", "started"),
        *("running", "processing", "in_progress", "generating", "succeeded", "completed", "success", "finished"),
    )
)
_STATUS_NAMES = ("status", "state", "task_status", "job_status")
_JOB_HEADERS = ("task-id", "job-id", "video-id", "generation-id", "taskid", "jobid")


def read_create(adapter: CreateReader, reply: Reply) -> SubmitReply:
    """What an answer to a create means.

    Raises:
        UnknownOutcomeError: It may have been accepted; carries the ids that the answer names.
        RateLimitedError, VendorAccountError, RejectedRequestError, ContentRefusedError: It was refused beyond doubt.
    """
    why = "the reply names no job"
    if reply.status < 300 or certain_id(reply):
        try:
            return adapter.accepted(reply)
        except UnexpectedReplyError as error:
            why = error.message
    body = opened(reply.body)
    ids = ids_of(body)
    named = tuple(dict.fromkeys((*ids.named, *reply.named, *_in_headers(reply))))
    failure = adapter.failure(reply)
    code = failure.code if failure else ""
    if named or ids.is_sign:
        why = f"{why}, yet speaks of a job" + (f" ({', '.join(named)})" if named else "")
    elif reply.torn:
        why = f"the answer broke off: {reply.torn}"
    elif _says_taken(reply, body):
        why = "the answer speaks of something that was taken on, and names no job"
    elif failure is None or isinstance(failure, UnexpectedReplyError | VendorUnavailableError):
        why = f"after the submit: {failure.message}" if failure and failure.message else why
    elif reply.status < 400 and says_lost(failure.code, failure.message):
        why = "an answer that speaks of another job"
    else:
        raise failure
    raise UnknownOutcomeError(f"{why}: {reply.text[:200]!r}", code, reply.status, None, named)


def certain_id(reply: Reply) -> str:
    """The job's id where an answer leaves no doubt that it was accepted under it, else ""."""
    body = opened(reply.body)
    ids = ids_of(body)
    source = fields(body)
    if not ids.certain:
        return ""
    # Anyfast's first status is an empty word.
    is_at_work = any(_word(layer) in _OPEN_WORDS or layer.get("status") == "" for layer in _nested(body))
    is_failure = tells_failure(source) and not says_success(source)
    if reply.status >= 300:
        return ids.certain if is_at_work and not is_failure else ""
    # Beside an error a bare `id` may be the call's own; a task's id, or a job's status, is the job's.
    by_task = JOB_TOKEN.fullmatch(ids.certain) or ids.certain in (
        job_id_of(layer.get(name)) for layer in _nested(body) for name in ("task_id", "taskId")
    )
    has_status = any("status" in layer for layer in _nested(body))
    return ids.certain if not is_failure or by_task or has_status else ""


def opened(body: object) -> object:
    """The answer; where all of it is JSON in a text or a list of one, what is inside."""
    for _ in range(3):
        if isinstance(body, str):
            body = json_in(body) or body
        elif isinstance(body, list) and len(body) == 1:
            body = body[0]
    return body


def ids_of(body: object) -> Ids:
    """What in an answer may name the job."""
    source = fields(body)
    is_failure = tells_failure(source) and not says_success(source)
    return job_ids(body, refused=is_failure, certain_data=says_success(source) or "code" not in source)


def _nested(body: object) -> list[JSON]:
    found: list[JSON] = []
    waiting: list[object] = [body]
    while waiting and len(found) < 50:
        node = opened(waiting.pop(0))
        if isinstance(node, Mapping):
            found.append(node)
            waiting += [node[name] for name in _CARRIERS if name in node]
        elif isinstance(node, list):
            waiting += node[:20]
    return found


def _word(layer: JSON) -> str:
    return next((told for name in _STATUS_NAMES if (told := words(layer.get(name)).lower())), "")


def _says_taken(reply: Reply, body: object) -> bool:
    """Whether an answer says success, holds something, or speaks of a job at work: then no other word is a refusal."""
    source = fields(body)
    if body is None:
        is_page = reply.text.lstrip().startswith("<")
        return reply.status >= 400 and not is_page and speaks_of_acceptance(reply.text)
    if any(_word(layer) in _OPEN_WORDS for layer in _nested(body)):
        return True
    if source.get("success") is True or (says_success(source) and not source.get("error")):
        return True
    message, _ = message_and_code(source)
    if any(_holds(source.get(name), message) for name in _CARRIERS):
        return True
    return reply.status < 400 and (not source or speaks_of_acceptance(message))


def _holds(value: object, message: str) -> bool:
    """Whether a field carries anything but the words of the failure once more."""
    waiting, seen = [value], 0
    while waiting and seen < 1000:
        node, seen = waiting.pop(), seen + 1
        if isinstance(node, Mapping):
            waiting += [each for name, each in node.items() if str(name).lower() not in _OF_A_FAILURE]
        elif isinstance(node, list):
            waiting += node
        elif node not in (None, "", 0, False) and words(node) not in ("", message):
            return True
    return bool(waiting)


def _in_headers(reply: Reply) -> tuple[str, ...]:
    named = {name.lower(): value for name, value in reply.headers.items()}
    return tuple(value for name, value in named.items() if name.endswith(_JOB_HEADERS) and job_id_of(value))
