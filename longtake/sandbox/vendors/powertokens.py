"""PowerTokens, interface A (`/v1/videos`), read from its mini page, its status page and its quick start (2026-11).

The page's text beats its enums: first and last frames, and 13 and 14 seconds, are accepted.
"""

from __future__ import annotations

import secrets
from typing import Literal, get_args

from pydantic import Field
from starlette.routing import Route

from longtake.sandbox.inputs.media_rules import MIB, MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import ADAPTIVE, Failure, Input, MediaKind, Order, Refused, Reply, View, Why, demand
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors._dialect import Dialect, Wire, parse
from longtake.sandbox.vendors._relay import (
    OVERLOADED,
    RefusalTable,
    ark_failure,
    demand_one_mode,
    task_error,
    upstream_refusal,
    worded,
)
from longtake.sandbox.vendors.libraries import powertokens
from longtake.sandbox.vendors.libraries.relay import model_route

_MINI = "dreamina-seedance-2-0-mini-260615"
_FAST = "dreamina-seedance-2-0-fast-260128"
_STANDARD = "dreamina-seedance-2-0-260128"

_KINDS: dict[str, MediaKind] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "image",
    "reference_video": "video",
    "reference_audio": "audio",
}

_RULES = MediaRules(
    schemes={
        "image": frozenset({"http", "asset", "data"}),
        "video": frozenset({"http", "asset"}),
        "audio": frozenset({"http", "asset"}),
    },
    # The page bounds no files; these are the bounds of the model's own host.
    video_bytes=200 * MIB,
    video_pixels=(407_696, 8_295_044),
)


# The relay's gate, in front of its task routes, has a body of its own.
_GATE: RefusalTable = {
    Why.UNAUTHORIZED: (401, "token_invalid", "无效的令牌"),
    Why.MODEL_NOT_ALLOWED: (403, "access_denied", "This token has no access to model {model}"),
}
_TASK: RefusalTable = {
    Why.BAD_REQUEST: (400, "invalid_request", "{message}"),
    Why.NO_BALANCE: (402, "insufficient_user_quota", "用户余额不足 (insufficient quota)"),
    Why.UNKNOWN_JOB: (400, "task_not_exist", "task_not_exist"),
    Why.TOO_LARGE: (413, "request_body_too_large", "{message}"),
    Why.THROTTLED: (429, "rate_limit_exceeded", OVERLOADED),
    Why.SERVER_ERROR: (500, "internal_error", "{message}"),
}


class MediaInput(Wire):
    """One item of `media`."""

    type: Literal["text", "first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"]
    text: str | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, min_length=1)


class VideoRequest(Wire):
    """The body of `POST /v1/videos`."""

    model: Literal[
        "dreamina-seedance-2-0-mini-260615", "dreamina-seedance-2-0-fast-260128", "dreamina-seedance-2-0-260128"
    ]
    media: list[MediaInput] = Field(min_length=1)
    seconds: Literal["-1", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"] = "5"
    size: Literal["480p", "720p", "1080p"] = "720p"
    ratio: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"] | None = None
    seed: int = Field(default=-1, ge=-1, le=4_294_967_295)
    watermark: bool = False
    generate_audio: bool = True
    return_last_frame: bool = False
    safety_identifier: str | None = Field(default=None, max_length=64)


class PowerTokens(Dialect):
    """The server's side."""

    name = "powertokens"
    submit_path = "/v1/videos"
    look_path = "/v1/videos/{job_id}"
    takes_bare_key = True
    upload_suffix = "-uploads"

    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        wire = parse(VideoRequest, body)
        demand(wire.size != "1080p" or wire.model == _STANDARD, f"size: 1080p is not supported by {wire.model}")
        texts: list[str] = []
        inputs: list[Input] = []
        for index, item in enumerate(wire.media):
            if item.type == "text":
                demand(item.text is not None and item.url is None, f"media.{index}: text items need text and no url")
                texts.append(item.text or "")
            else:
                demand(
                    item.url is not None and item.text is None, f"media.{index}: {item.type} needs a url and no text"
                )
                inputs.append(Input(_KINDS[item.type], item.type, item.url or ""))
        demand_one_mode([given.role for given in inputs], has_text=bool(texts))
        has_frames = any(given.role == "first_frame" for given in inputs)
        return Order(
            model=wire.model,
            prompt="\n".join(texts),
            seconds=None if wire.seconds == "-1" else int(wire.seconds),
            resolution=wire.size,
            ratio=wire.ratio or (ADAPTIVE if has_frames else "16:9"),
            audio=wire.generate_audio,
            inputs=tuple(inputs),
            return_last_frame=wire.return_last_frame,
        )

    def media_rules(self, order: Order) -> MediaRules:
        return _RULES

    def new_job_id(self) -> str:
        return f"task_{secrets.token_hex(16)}"

    def accepted(self, job: Job) -> dict[str, object]:
        return {**self._ids(job), "status": "pending", "progress": 0, "created_at": int(job.accepted_at)}

    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in accepted.items() if key not in ("id", "task_id")}

    def look(self, job: Job, view: View) -> dict[str, object]:
        answer = {
            **self._ids(job),
            "status": view.state if view.word is None else view.word,
            "progress": view.progress,
            "created_at": int(job.accepted_at),
            "updated_at": int(job.ended_at if view.state == "succeeded" else job.accepted_at),
            "metadata": {},
        }
        if view.state == "succeeded":
            answer["completed_at"] = int(job.ended_at)
        if view.video_url:
            answer["video_url"] = view.video_url
        if view.last_frame_url:
            answer["last_frame_url"] = view.last_frame_url
        if view.failure is not None:
            answer["error"] = {"code": view.failure.code, "message": view.failure.message}
        if view.link_in_fail_reason:
            answer["fail_reason"] = view.video_url
        return answer

    def _ids(self, job: Job) -> dict[str, object]:
        return {"id": job.job_id, "task_id": job.job_id, "object": "video", "model": job.order.model}

    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        if refused.why in (Why.BAD_REFERENCE, Why.MODERATION):
            return upstream_refusal(refused)
        if refused.why in _GATE:
            status, code, message = worded(_GATE, refused, order_model)
            error = {"message": message, "type": "new_api_error", "param": "", "code": code}
            return Reply(status, {"error": error})
        return task_error(*worded(_TASK, refused, order_model))

    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        return ark_failure(moderation=moderation, retryable=retryable)

    def routes(self, endpoint: Endpoint) -> list[Route]:
        return [model_route(endpoint, get_args(VideoRequest.model_fields["model"].annotation))]

    def upload_routes(self, endpoint: Endpoint) -> list[Route]:
        return powertokens.asset_routes(endpoint)
