"""Acts out the faults of the API: what a client gets instead of the answer it should have had."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from longtake.sandbox.connections import cut
from longtake.sandbox.faults import Fault
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Refused, State, View, Why
from longtake.sandbox.vendors._dialect import Dialect

_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
_ANY_PAGE = "<!DOCTYPE html><html><body>We will be back soon.</body></html>"
_REFUSALS = {why.value: why for why in Why}
_WORDS = {
    "unauthorized": "Invalid or expired token",
    "no_balance": "Insufficient quota. Please top up your account.",
    "server_error": "Internal server error",
    "throttled": "Too many requests, please try again later",
    "moderation": "The request was refused by content moderation",
}
_ENDINGS: dict[str, State] = {
    "cancelled": "cancelled",
    "expired": "expired",
    "failed": "failed",
    "moderation_failed": "failed",
}

NEEDS_A_CLIP = frozenset({"success_without_link", "fail_reason_with_link"})
"""Faults of a look that can only befall a job that has succeeded."""


def refusal(dialect: Dialect, refused: Refused, model: str = "") -> Response:
    """The vendor's answer for a refusal."""
    reply = dialect.refusal(refused, model)
    return JSONResponse(reply.body, reply.status)


def planned_refusal(dialect: Dialect, fault: Fault, model: str = "") -> Response | None:
    """The vendor's answer where the fault is a refusal, else None."""
    kind = fault.kind.removesuffix("_before_accept")
    if kind not in _REFUSALS:
        return None
    message = _WORDS.get(kind, f"planned {kind.replace('_', ' ')}")
    response = refusal(dialect, Refused(_REFUSALS[kind], message), model)
    if fault.retry_after_seconds is not None:
        response.headers["Retry-After"] = f"{fault.retry_after_seconds:g}"
    return response


async def before_work(request: Request, dialect: Dialect, fault: Fault, model: str = "") -> Response | None:
    """What a fault does to a call before the vendor has done anything; None where it strikes later."""
    match fault.kind:
        case "reset" | "reset_before_accept":
            return await cut(request, reset=True)
        case "html" | "html_200" if fault.step != "submit":
            return HTMLResponse(_ANY_PAGE)
        case _:
            return planned_refusal(dialect, fault, model)


async def after_acceptance(
    request: Request, dialect: Dialect, fault: Fault, answer: dict[str, object]
) -> Response | None:
    """What a fault makes of the answer to an accepted submit; None where it leaves it alone."""
    if fault.kind in _ODD_ANSWERS:
        return _ODD_ANSWERS[fault.kind](answer)
    match fault.kind:
        case "answer_lost_after_accept":
            return await cut(request, reset=False)
        case "bad_gateway_after_accept":
            return HTMLResponse(_BAD_GATEWAY, 502)
        case "no_id":
            return JSONResponse(dialect.without_id(answer))
        case "slow_answer":
            await asyncio.sleep(fault.seconds)
        case _:
            pass
    return None


def _oddly_packed(answer: dict[str, object]) -> Response:
    """A byte order mark, a figure that no number can hold, nesting, and a header that lies about the packing."""
    body = json.dumps(answer)[:-1] + ', "x": {"a": NaN, "b": 1e999, "c": ' + "9" * 400 + "}}"
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/html; charset=utf-7"}
    return Response("\ufeff".encode() + body.encode(), headers=headers)


_ODD_ANSWERS: dict[str, Callable[[dict[str, object]], Response]] = {
    "html_200": lambda answer: HTMLResponse(_ANY_PAGE),
    "empty_200": lambda answer: Response(b""),
    "accepted_odd_words": lambda answer: JSONResponse(
        answer | {"message": "created; rate limit remaining: 19, insufficient balance for more"}
    ),
    "accepted_odd_envelope": lambda answer: JSONResponse(
        {"code": "30001", "msg": "too many requests", "data": {"jobs": [answer]}}
    ),
    "accepted_in_4xx": lambda answer: JSONResponse({"message": "queued: rate limit", "job": answer}, 429),
    "accepted_odd_bytes": _oddly_packed,
}
"""Answers to an accepted submit that no document shows."""


async def at_look(dialect: Dialect, job: Job, fault: Fault, view: Callable[[], View]) -> Response:
    """What a fault makes of a look; the endings are lasting, everything else is this one answer's."""
    if fault.kind in _ENDINGS:
        failure = None
        if _ENDINGS[fault.kind] == "failed":
            is_moderation = fault.kind == "moderation_failed"
            failure = dialect.failure(moderation=is_moderation, retryable=fault.retryable)
        job.end(_ENDINGS[fault.kind], failure)
    if fault.kind == "garbage_json":
        return Response(f'{{"id": "{job.job_id}", "status": ', media_type="application/json")
    if fault.kind == "lie_not_found":
        return refusal(dialect, Refused(Why.UNKNOWN_JOB, f"task {job.job_id} does not exist"))
    if fault.kind == "slow_answer":
        await asyncio.sleep(fault.seconds)
    shown = view()
    match fault.kind:
        case "unknown_word":
            shown = View("running", 30, word="contemplating")
        case "empty_word":
            shown = View("queued", 0, word="")
        case "stuck":
            shown = View("running", 99)
        case "success_without_link":
            shown = replace(shown, video_url="", last_frame_url="")
        case "fail_reason_with_link":
            shown = replace(shown, link_in_fail_reason=True)
        case _:
            pass
    return JSONResponse(dialect.look(job, shown))
