"""Anyfast, read from its mini page, the query page and the asset pages of its Seedance family (2026-11).

The first status is empty; a look answers an envelope whose outer word is the relay's and whose inner one is Ark's.
"""

from __future__ import annotations

import secrets
import time
from typing import Literal, get_args

from pydantic import Field
from starlette.routing import Route

from longtake.sandbox.inputs.media_rules import MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Failure, Input, MediaKind, Order, Refused, Reply, View, Why, demand
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
from longtake.sandbox.vendors.libraries import anyfast
from longtake.sandbox.vendors.libraries.relay import model_route
from longtake.sandbox.vendors.prices import tokens

_RESOLUTIONS = {
    "seedance-2.0-mini": ("480p", "720p"),
    "seedance-fast": ("480p", "720p"),
    "seedance-2.0": ("480p", "720p", "1080p", "4k"),
    "seedance-2.0-ultra": ("720p", "1080p", "2k"),
}

_RULES = MediaRules(
    schemes={
        "image": frozenset({"http", "asset", "data"}),
        "video": frozenset({"http", "asset"}),
        "audio": frozenset({"http", "asset", "data"}),
    },
    # The page names no pixels; these are the bounds of the model's own host.
    video_pixels=(407_696, 8_295_044),
)

_OUTER = {
    "queued": "QUEUED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    # The relay does not know these two words of Ark's and goes on saying that the job runs.
    "cancelled": "IN_PROGRESS",
    "expired": "IN_PROGRESS",
}


_DOCUMENTED: RefusalTable = {
    Why.BAD_REQUEST: (400, "InvalidParameter", "{message}"),
    Why.UNAUTHORIZED: (401, "invalid_api_key", "Invalid token"),
    Why.MODEL_NOT_ALLOWED: (403, "model_not_allowed", "This token has no access to model {model}"),
    Why.TOO_LARGE: (413, "RequestTooLarge", "{message}"),
    Why.SERVER_ERROR: (500, "InternalServiceError", "{message}"),
}
_TASK: RefusalTable = {
    Why.NO_BALANCE: (403, "insufficient_user_quota", "用户余额不足 (insufficient quota)"),
    Why.UNKNOWN_JOB: (400, "task_not_exist", "task_not_exist"),
    Why.THROTTLED: (429, "rate_limit_exceeded", OVERLOADED),
}


class Address(Wire):
    """`{url}` below image_url, video_url, audio_url."""

    url: str = Field(min_length=1)


class ContentItem(Wire):
    """One item of `content`."""

    type: Literal["text", "image_url", "video_url", "audio_url"]
    text: str | None = Field(default=None, min_length=1)
    image_url: Address | None = None
    video_url: Address | None = None
    audio_url: Address | None = None
    role: Literal["first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"] | None = None


class Tool(Wire):
    """One item of `tools`."""

    type: Literal["web_search"]


class VideoRequest(Wire):
    """The body of `POST /v1/video/generations`."""

    model: Literal["seedance-2.0-mini", "seedance-fast", "seedance-2.0", "seedance-2.0-ultra"]
    content: list[ContentItem] = Field(min_length=1)
    generate_audio: bool = True
    resolution: Literal["480p", "720p", "1080p", "2k", "4k"] | None = None
    ratio: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"] = "adaptive"
    duration: int = Field(default=5, ge=4, le=15)
    tools: list[Tool] = Field(default_factory=list)
    watermark: bool = False
    return_last_frame: bool | None = None


class Anyfast(Dialect):
    """The server's side."""

    name = "anyfast"
    submit_path = "/v1/video/generations"
    look_path = "/v1/video/generations/{job_id}"

    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        wire = parse(VideoRequest, body)
        demand(wire.resolution is not None or wire.model != "seedance-2.0-ultra", "resolution: required by this model")
        resolution = wire.resolution or "720p"
        demand(resolution in _RESOLUTIONS[wire.model], f"resolution: {resolution} is not supported by {wire.model}")
        demand(
            wire.return_last_frame is None or wire.model != "seedance-2.0-mini",
            "return_last_frame: not a parameter of seedance-2.0-mini",
        )
        texts = [_text(index, item) for index, item in enumerate(wire.content) if item.type == "text"]
        pictures = sum(item.type == "image_url" for item in wire.content)
        media = [item for item in wire.content if item.type != "text"]
        inputs = tuple(_input(item, is_lone_picture=len(media) == pictures == 1) for item in media)
        demand_one_mode([given.role for given in inputs], has_text=bool(texts))
        demand(not wire.tools or not inputs, "tools: web_search is for text-to-video only")
        return Order(
            model=wire.model,
            prompt="\n".join(texts),
            seconds=wire.duration,
            resolution=resolution,
            ratio=wire.ratio,
            audio=wire.generate_audio,
            inputs=inputs,
            return_last_frame=bool(wire.return_last_frame),
            web_search=bool(wire.tools),
        )

    def media_rules(self, order: Order) -> MediaRules:
        return _RULES

    def new_job_id(self) -> str:
        return f"cgt-{time.strftime('%Y%m%d%H%M%S')}-{secrets.token_hex(5)}"

    def accepted(self, job: Job) -> dict[str, object]:
        return {
            "id": job.job_id,
            "task_id": job.job_id,
            "object": "video",
            "model": job.order.model,
            "status": "",
            "progress": 0,
            "created_at": int(job.accepted_at),
        }

    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in accepted.items() if key not in ("id", "task_id")}

    def look(self, job: Job, view: View) -> dict[str, object]:
        outer = {
            "task_id": job.job_id,
            "action": "omniGenerate",
            "status": _OUTER[view.state] if view.word is None else view.word,
            "progress": f"{view.progress}%",
            "fail_reason": "",
            "submit_time": int(job.accepted_at),
            "start_time": int(job.accepted_at) if view.state != "queued" else 0,
            "finish_time": int(job.ended_at) if view.state in ("succeeded", "failed") else 0,
            "request_id": job.media_token,
            "data": self._ark(job, view),
        }
        if view.video_url:
            outer["result_url"] = view.video_url
            # An old habit of the relay: not a failure.
            outer["fail_reason"] = view.video_url
        if view.failure is not None:
            outer["fail_reason"] = f"{view.failure.code}: {view.failure.message}"
        return {"code": "success", "message": "", "data": outer}

    def _ark(self, job: Job, view: View) -> dict[str, object]:
        ark: dict[str, object] = {
            "id": job.job_id,
            "model": job.order.model,
            "status": view.state if view.word is None else view.word,
            "created_at": int(job.accepted_at),
        }
        if view.failure is not None:
            ark["error"] = {"code": view.failure.code, "message": view.failure.message}
        if view.state == "succeeded":
            content: dict[str, object] = {}
            if view.video_url:
                content["video_url"] = view.video_url
            if view.last_frame_url:
                content["last_frame_url"] = view.last_frame_url
            used = tokens(job)
            ark |= {
                "content": content,
                "duration": job.seconds,
                "ratio": job.ratio,
                "resolution": job.order.resolution,
                "seed": job.number,
                "framespersecond": 24,
                "usage": {"completion_tokens": used, "total_tokens": used},
            }
        return ark

    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        if refused.why in (Why.BAD_REFERENCE, Why.MODERATION):
            return upstream_refusal(refused)
        if refused.why in _TASK:
            return task_error(*worded(_TASK, refused, order_model))
        status, code, message = worded(_DOCUMENTED, refused, order_model)
        return Reply(status, {"error": {"code": code, "message": message}})

    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        return ark_failure(moderation=moderation, retryable=retryable)

    def routes(self, endpoint: Endpoint) -> list[Route]:
        models = get_args(VideoRequest.model_fields["model"].annotation)
        return [model_route(endpoint, models), *anyfast.asset_routes(endpoint)]


def _text(index: int, item: ContentItem) -> str:
    demand(item.text is not None, f"content.{index}: text items need text")
    demand(item.image_url is item.video_url is item.audio_url is None, f"content.{index}: text items hold only text")
    return item.text or ""


def _input(item: ContentItem, *, is_lone_picture: bool) -> Input:
    addresses: dict[MediaKind, Address | None] = {
        "image": item.image_url,
        "video": item.video_url,
        "audio": item.audio_url,
    }
    kind: MediaKind = next(kind for kind in addresses if item.type == f"{kind}_url")
    address = addresses.pop(kind)
    demand(address is not None, f"content: {item.type} items need {item.type}")
    demand(not any(addresses.values()) and item.text is None, f"content: {item.type} items hold nothing else")
    # Ark takes a lone picture without a role for the first frame.
    role = item.role or ("first_frame" if is_lone_picture else f"reference_{kind}")
    frames = ("first_frame", "last_frame") if kind == "image" else ()
    demand(role in (f"reference_{kind}", *frames), f"content: {item.type} cannot be a {role}")
    return Input(kind, role, address.url if address is not None else "")
