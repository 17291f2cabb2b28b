"""One look, read by one rule for every vendor: flat or wrapped, whichever layer tells of the end, a link anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from longtake.domain.job import JobFailure, JobSnapshot, JobStatus
from longtake.vendors.answers.bodies import json_in
from longtake.vendors.answers.links import film_link, plain_link
from longtake.vendors.answers.replies import (
    JSON,
    SUCCESS_CODES,
    fields,
    figures,
    is_link,
    job_failure,
    message_and_code,
    progress_of,
    status_of,
    words,
)

LONGEST_ESTIMATE_SECONDS = 24 * 3600.0
MOST_LAYERS = 12

_WRAPPERS = ("data", "result", "results", "task", "job", "response", "payload", "video", "output", "body", "item")
_STATUS_NAMES = ("status", "state", "task_status", "taskStatus", "job_status", "jobStatus", "Status", "State")
_FILM_PLACES = (
    ("video_url",),
    ("result_url",),
    ("content", "video_url"),
    ("metadata", "url"),
    ("result", "video_url"),
    ("output", "video_url"),
)
_REASONS = (
    "fail_reason",
    "failReason",
    "failure_reason",
    "error_message",
    "errorMessage",
    "error_msg",
    "err_msg",
    "failed_reason",
    "reason",
)


class _Layer(NamedTuple):
    """An object that may be the job: an envelope, or what it carries."""

    fields: JSON
    word: str
    status: JobStatus
    known: bool
    reason: bool


def has_status(body: object) -> bool:
    """Whether any layer of an answer has a field for the job's status, or the film is there without one."""
    opened = _opened(body)
    return any(name in layer for layer in _layers(opened) for name in _STATUS_NAMES) or film_link(opened) is not None


def read_look(
    body: object, own_words: Mapping[str, JobStatus], retryable: Sequence[str], cancelled_codes: Sequence[str] = ()
) -> JobSnapshot:
    """Reads a look, whatever its shape; never raises.

    Args:
        body: The parsed answer.
        own_words: The vendor's own status words, lower case, beside the shared ones.
        retryable: Codes, or parts of messages, that the vendor's documents call worth another purchase.
        cancelled_codes: Codes of a failure by which the vendor tells of a cancelled job.
    """
    body = _opened(body)
    layers = [_layer(each, own_words) for each in _layers(body)]
    told = [layer for layer in layers if layer.word]
    link = _film(layers, body)
    layer, status = _end(told, link)
    failure = None
    if status is JobStatus.FAILED:
        failure = _failure(layers, retryable)
        status = JobStatus.CANCELLED if failure.code in cancelled_codes else status
    done = status is JobStatus.SUCCEEDED
    estimate = next((each for each in (_estimate(layer.fields) for layer in layers) if each is not None), None)
    return JobSnapshot(
        status=status,
        word=layer.word[:100] if layer else "",
        known_word=layer.known if layer else True,
        progress=next(
            (each for each in (progress_of(layer.fields.get("progress")) for layer in layers) if each is not None), None
        ),
        video_url=link if done else None,
        last_frame_url=_last_frame(layers) if done else None,
        failure=failure,
        estimated_seconds=estimate,
        usage=next((usage for layer in layers if (usage := figures(layer.fields.get("usage")))), {}),
    )


def _opened(body: object) -> object:
    return json_in(body) or body if isinstance(body, str) else body


def _layers(body: object) -> list[JSON]:
    """The answer, what it wraps, what that wraps: outermost first."""
    found: list[JSON] = []
    waiting: list[object] = [body]
    while waiting and len(found) < MOST_LAYERS:
        node = _opened(waiting.pop(0))
        if isinstance(node, list) and len(node) == 1:
            node = _opened(node[0])
        if isinstance(node, Mapping):
            found.append(node)
            waiting += [node[name] for name in _WRAPPERS if name in node]
    return found


def _layer(layer: JSON, own_words: Mapping[str, JobStatus]) -> _Layer:
    word = next((told for name in _STATUS_NAMES if (told := words(layer.get(name)))), "")
    status, known = status_of(word, own_words)
    return _Layer(layer, word, status, known, any(True for _ in _reasons(layer)))


def _end(told: Sequence[_Layer], link: str | None) -> tuple[_Layer | None, JobStatus]:
    """The layer that is believed, and what it means.

    The innermost layer that tells of an end is right: the relay does not know upstream's `cancelled` and stays
    IN_PROGRESS, and an envelope's `success` may be the call's own. A word that no document names is believed where
    a link or a reason stands beside it.
    """
    ended = [layer for layer in told if layer.status.is_terminal]
    if ended:
        last = ended[-1]
        is_bare = last.status is JobStatus.SUCCEEDED and link is None
        inner = told[-1]
        if is_bare and inner is not last:
            return inner, inner.status
        # Words of an end outside, and the same inside: the outer word is the one shown.
        first = next(layer for layer in ended if layer.status is last.status)
        return first, last.status
    odd = next((layer for layer in reversed(told) if not layer.known and not layer.word.lower().endswith("ing")), None)
    if odd is not None:
        if link is not None:
            return odd, JobStatus.SUCCEEDED
        if odd.reason:
            return odd, JobStatus.FAILED
    if not told:
        return None, JobStatus.SUCCEEDED if link is not None else JobStatus.QUEUED
    running = next((layer for layer in told if layer.known), told[0])
    return running, running.status


def _film(layers: Sequence[_Layer], body: object) -> str | None:
    for layer in layers:
        for path in _FILM_PLACES:
            node: object = layer.fields
            for name in path:
                node = fields(node).get(name)
            if (link := plain_link(node)) is not None:
                return link
    # Old relays put the result's link into `fail_reason`; it and every other place is found by the link itself.
    return film_link(body)


def _last_frame(layers: Sequence[_Layer]) -> str | None:
    places = [place for layer in layers for place in (layer.fields, fields(layer.fields.get("content")))]
    return next((link for place in places if (link := plain_link(place.get("last_frame_url")))), None)


def _estimate(layer: JSON) -> float | None:
    seconds = figures(layer.get("task_info")).get("estimated_time")
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_ESTIMATE_SECONDS else None


def _reasons(layer: JSON) -> Iterator[object]:
    """What a layer names as the reason of a failure: first its words, then its errors."""
    for name in _REASONS:
        reason = words(layer.get(name))
        if reason and not is_link(reason):
            yield {"message": reason}
    for place in (layer, fields(layer.get("metadata"))):
        for name in ("error", "errors", "failure"):
            error = place.get(name)
            if isinstance(error, Mapping | list | str) and error and not (isinstance(error, str) and is_link(error)):
                yield {"error": error}


def _failure(layers: Sequence[_Layer], retryable: Sequence[str]) -> JobFailure:
    """Words and code may stand in different places: the first of each counts."""
    told = [message_and_code(reason) for layer in layers for reason in _reasons(layer.fields)]
    # The flat form, `{status, code, message}`: not the words of an envelope that says that the call went well.
    flat = [
        (words(layer.fields.get("message")) or words(layer.fields.get("msg")), words(layer.fields.get("code")))
        for layer in reversed(layers)
    ]
    told += [(message, code) for message, code in flat if code.lower() not in SUCCESS_CODES]
    message = next((message for message, _ in told if message and not is_link(message)), "")
    code = next((code for _, code in told if code), "")
    return job_failure({"message": message, "code": code}, retryable=retryable)
