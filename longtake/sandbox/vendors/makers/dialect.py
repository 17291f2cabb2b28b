"""The makers' server side: models and endpoints, the look's body, and the table of error codes.

An endpoint `ep-…` serves the model whose grade its name holds (`ep-mini-1`, `ep-fast-1`, `ep-2-5-1`), else 2.0.
"""

from __future__ import annotations

import secrets
import time

from starlette.routing import Route

from longtake.sandbox.inputs.media_rules import MIB, MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Failure, Order, Refused, Reply, View, Why
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors._dialect import Dialect, parse
from longtake.sandbox.vendors.makers.tasks import TASKS, task_routes
from longtake.sandbox.vendors.makers.wire import (
    FAST,
    NEXT,
    STANDARD,
    Bounds,
    CreateTask,
    check_fields,
    check_modes,
    read_content,
)
from longtake.sandbox.vendors.prices import tokens

_REFUSALS: dict[Why, tuple[int, str, str]] = {
    Why.BAD_REQUEST: (400, "InvalidParameter", "{message}"),
    Why.BAD_REFERENCE: (400, "InvalidParameter", "{message}"),
    Why.TOO_LARGE: (400, "InvalidParameter", "{message}"),
    Why.MODERATION: (400, "InputTextSensitiveContentDetected", "The request failed because the input text may be."),
    Why.UNAUTHORIZED: (401, "AuthenticationError", "The API key in the request is missing or invalid."),
    Why.NO_BALANCE: (403, "AccountOverdueError", "The request failed because your account has an overdue balance."),
    Why.WRONG_STATE: (403, "OperationDenied.InvalidState", "{message}"),
    Why.MODEL_NOT_ALLOWED: (404, "ModelNotOpen", "Your account has not activated the model {model}."),
    Why.UNKNOWN_MODEL: (404, "InvalidEndpointOrModel.NotFound", "The model or endpoint {model} does not exist."),
    Why.UNKNOWN_JOB: (404, "NotFound.Task", "The specified task is not found: {message}"),
    Why.THROTTLED: (429, "RateLimitExceeded.EndpointRPMExceeded", "The requests per minute limit is exceeded."),
    Why.QUEUE_FULL: (429, "QuotaExceeded", "The number of queued tasks has exceeded the quota."),
    Why.SERVER_ERROR: (500, "InternalServiceError", "The service encountered an unexpected internal error."),
}


class Maker(Dialect):
    """One platform; `prefix` begins its model ids."""

    submit_path = TASKS
    look_path = f"{TASKS}/{{job_id}}"
    most_queued = 120
    calls_back_on_change = True
    prefix: str

    def _model(self, written: str) -> tuple[str, Bounds]:
        grades = {
            f"{self.prefix}-seedance-2-0-fast-260128": FAST,
            f"{self.prefix}-seedance-2-0-mini-260615": FAST,
            f"{self.prefix}-seedance-2-5-260628": NEXT,
            f"{self.prefix}-seedance-2-0-260128": STANDARD,
        }
        if written in grades:
            return written, grades[written]
        if written.startswith("ep-"):
            behind = next(
                (name for name, mark in zip(grades, ("fast", "mini", "2-5"), strict=False) if mark in written), ""
            )
            wire = behind or f"{self.prefix}-seedance-2-0-260128"
            return wire, grades[wire]
        raise Refused(Why.UNKNOWN_MODEL, written)

    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        task = parse(CreateTask, body)
        wire, bounds = self._model(task.model)
        check_fields(task, bounds)
        prompt, inputs = read_content(task.content)
        check_modes(inputs, bounds, has_text=bool(prompt), ratio=task.ratio)
        seconds = (-1 if bounds.is_next else 5) if task.duration is None else task.duration
        return Order(
            model=wire,
            prompt=prompt,
            seconds=None if seconds == -1 else seconds,
            resolution=task.resolution,
            ratio=task.ratio,
            audio=task.generate_audio,
            inputs=inputs,
            return_last_frame=task.return_last_frame,
            web_search=bool(task.tools),
            callback_url=task.callback_url or "",
            safety_identifier=task.safety_identifier or "",
            priority=task.priority,
            expires_after_seconds=task.execution_expires_after,
            is_mono=True,
            has_ten_bits=task.resolution == ("1080p" if bounds.is_next else "4k"),
        )

    def media_rules(self, order: Order) -> MediaRules:
        most = self._model(order.model)[1].total_seconds
        return MediaRules(
            schemes={
                "image": frozenset({"http", "asset", "data"}),
                "video": frozenset({"http", "asset"}),
                "audio": frozenset({"http", "asset", "data"}),
            },
            image_formats=frozenset({"JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "HEIC", "HEIF"}),
            video_bytes=200 * MIB,
            video_pixels=(407_696, 8_295_044),
            video_seconds=(2, most),
            video_total_seconds=most,
            audio_seconds=(2, most),
            audio_total_seconds=most,
        )

    def pixels(self, order: Order, ratio: str) -> tuple[int, int]:
        own = {"16:9": (854, 480), "9:16": (480, 854)}
        if self._model(order.model)[1].is_next and order.resolution == "480p" and ratio in own:
            return own[ratio]
        return super().pixels(order, ratio)

    def new_job_id(self) -> str:
        return f"cgt-{time.strftime('%Y%m%d%H%M%S')}-{secrets.token_hex(3)[:5]}"

    def accepted(self, job: Job) -> dict[str, object]:
        return {"id": job.job_id, **_echo(job)}

    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in accepted.items() if key != "id"}

    def look(self, job: Job, view: View) -> dict[str, object]:
        order, made = job.order, int(job.accepted_at)
        task: dict[str, object] = {
            "id": job.job_id,
            "model": order.model,
            "status": view.state if view.word is None else view.word,
            "error": None,
            "created_at": made,
            "updated_at": made + int(job.ended_at - job.accepted_at) if view.state == "succeeded" else made,
            "service_tier": "default",
            "execution_expires_after": order.expires_after_seconds,
            "priority": order.priority,
            "generate_audio": order.audio,
            **_echo(job),
        }
        if view.failure is not None:
            task["error"] = {"code": view.failure.code, "message": view.failure.message}
        if view.state == "succeeded":
            used = tokens(job)
            content = {"video_url": view.video_url, "last_frame_url": view.last_frame_url}
            searches = {"tool_usage": {"web_search": 1}} if order.web_search else {}
            task |= {
                "content": {name: link for name, link in content.items() if link},
                "usage": {"completion_tokens": used, "total_tokens": used, **searches},
                "seed": job.number,
                "resolution": order.resolution,
                "ratio": job.ratio,
                "duration": job.seconds,
                "framespersecond": 24,
            }
        if view.link_in_fail_reason:
            task["content"] = {"file_url": view.video_url}
        return task

    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        status, code, words = _REFUSALS[refused.why]
        message = words.format(message=refused.message, model=order_model)
        told = f"{message} Request id: {secrets.token_hex(12)}"
        return Reply(status, {"error": {"code": code, "message": told, "param": "", "type": _kind(status)}})

    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        if moderation:
            code, what = "OutputVideoSensitiveContentDetected", "the output video may contain sensitive information"
        elif retryable:
            code, what = "InternalServiceError", "of an unexpected internal error"
        else:
            code, what = "InvalidParameter", "a parameter specified in the request is not valid"
        return Failure(code, f"The request failed because {what}.")

    def routes(self, endpoint: Endpoint) -> list[Route]:
        return task_routes(endpoint, self)


def _echo(job: Job) -> dict[str, object]:
    return {"safety_identifier": job.order.safety_identifier} if job.order.safety_identifier else {}


def _kind(status: int) -> str:
    kinds = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}
    return kinds.get(status, "InternalServerError")
