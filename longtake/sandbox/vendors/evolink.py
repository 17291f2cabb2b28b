"""EvoLink, read from its overview of nine models, its fast reference-to-video page and its task pages (2026-11).

The mode is part of the model id; media are plain arrays of addresses, whose order is their role.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field
from starlette.routing import Route

from longtake.sandbox.inputs.media_rules import MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Failure, Input, Order, Refused, Reply, View, Why, demand
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors._dialect import Dialect, Wire, parse
from longtake.sandbox.vendors.libraries import evolink
from longtake.sandbox.vendors.prices import settled_usd

_MOST_PROMPT_TOKENS = 10_000

_RULES = MediaRules(
    schemes={kind: frozenset({"http"}) for kind in ("image", "video", "audio")},
    image_formats=frozenset({"JPEG", "PNG", "WEBP"}),
    video_pixels=(409_600, 2_086_876),
)

_WORDS = {
    "queued": "pending",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    # There is no word for it; a job that ran out of time has failed.
    "expired": "failed",
}

_REFUSALS: dict[Why, tuple[int, str, str]] = {
    Why.BAD_REQUEST: (400, "invalid_request", "invalid_request_error"),
    Why.BAD_REFERENCE: (400, "invalid_request", "invalid_request_error"),
    Why.MODERATION: (400, "content_policy_violation", "invalid_request_error"),
    Why.UNAUTHORIZED: (401, "unauthorized", "authentication_error"),
    Why.NO_BALANCE: (402, "insufficient_quota", "insufficient_quota"),
    Why.MODEL_NOT_ALLOWED: (403, "model_access_denied", "invalid_request_error"),
    Why.UNKNOWN_JOB: (404, "not_found", "invalid_request_error"),
    Why.TOO_LARGE: (413, "request_too_large", "invalid_request_error"),
    Why.THROTTLED: (429, "rate_limit_exceeded", "rate_limit_error"),
    Why.SERVER_ERROR: (500, "internal_error", "api_error"),
}


class ModelParams(Wire):
    """Extension parameters of the standard and fast text-to-video models."""

    web_search: bool = False


class VideoGenerationRequest(Wire):
    """The body of `POST /v1/videos/generations`."""

    model: Literal[
        "seedance-2.0-text-to-video",
        "seedance-2.0-image-to-video",
        "seedance-2.0-reference-to-video",
        "seedance-2.0-fast-text-to-video",
        "seedance-2.0-fast-image-to-video",
        "seedance-2.0-fast-reference-to-video",
        "seedance-2.0-mini-text-to-video",
        "seedance-2.0-mini-image-to-video",
        "seedance-2.0-mini-reference-to-video",
    ]
    prompt: str = Field(min_length=1)
    image_urls: list[str] = Field(default_factory=list, max_length=9)
    video_urls: list[str] = Field(default_factory=list, max_length=3)
    audio_urls: list[str] = Field(default_factory=list, max_length=3)
    duration: int = Field(default=5, ge=4, le=15)
    quality: Literal["480p", "720p", "1080p"] = "720p"
    aspect_ratio: Literal["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive"] = "16:9"
    generate_audio: bool = True
    content_filter: bool = True
    model_params: ModelParams | None = None
    callback_url: str | None = Field(default=None, max_length=2048)


class EvoLink(Dialect):
    """The server's side."""

    name = "evolink"
    submit_path = "/v1/videos/generations"
    look_path = "/v1/tasks/{job_id}"
    upload_suffix = "-uploads"

    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        wire = parse(VideoGenerationRequest, body)
        *_, tier, mode = wire.model.removesuffix("-to-video").replace("2.0-", "2.0--").rsplit("-", 2)
        demand(_least_tokens(wire.prompt) <= _MOST_PROMPT_TOKENS, "prompt: more than 10000 tokens")
        demand(wire.quality != "1080p" or not tier, f"quality: 1080p is not supported by {tier} models")
        demand(
            wire.model_params is None or (mode == "text" and tier != "mini"),
            "model_params: only for the standard and fast text-to-video models",
        )
        if mode == "text":
            demand(not (wire.image_urls or wire.video_urls or wire.audio_urls), "text-to-video takes no media")
        if mode == "image":
            demand(1 <= len(wire.image_urls) <= 2, "image_urls: image-to-video needs 1 or 2 images")
            demand(not (wire.video_urls or wire.audio_urls), "image-to-video takes no videos and no audio")
        demand(
            not wire.audio_urls or bool(wire.image_urls or wire.video_urls),
            "audio_urls: audio alone is not accepted, add at least one image or video",
        )
        if wire.callback_url is not None:
            _check_callback(wire.callback_url, loopback_callbacks)
        return Order(
            model=wire.model,
            prompt=wire.prompt,
            seconds=wire.duration,
            resolution=wire.quality,
            ratio=wire.aspect_ratio,
            audio=wire.generate_audio,
            inputs=(
                *(Input("image", "image_urls", url) for url in wire.image_urls),
                *(Input("video", "video_urls", url) for url in wire.video_urls),
                *(Input("audio", "audio_urls", url) for url in wire.audio_urls),
            ),
            web_search=wire.model_params is not None and wire.model_params.web_search,
            content_filter=wire.content_filter,
            callback_url=wire.callback_url or "",
        )

    def media_rules(self, order: Order) -> MediaRules:
        return _RULES

    def new_job_id(self) -> str:
        return f"task-unified-{int(time.time())}-{secrets.token_hex(4)}"

    def accepted(self, job: Job) -> dict[str, object]:
        return self._task(job, "pending", 0)

    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in accepted.items() if key != "id"}

    def look(self, job: Job, view: View) -> dict[str, object]:
        task = self._task(job, _WORDS[view.state] if view.word is None else view.word, view.progress)
        if view.state == "succeeded":
            task["results"] = [view.video_url] if view.video_url else []
        if view.failure is not None:
            task["error"] = {"code": view.failure.code, "message": view.failure.message}
        elif view.state == "expired":
            task["error"] = {"code": "generation_timeout", "message": "The generation took too long"}
        if view.link_in_fail_reason:
            task["fail_reason"] = view.video_url
        return task

    def _task(self, job: Job, word: str, progress: int) -> dict[str, object]:
        return {
            "created": int(job.accepted_at),
            "id": job.job_id,
            "model": job.order.model,
            "object": "video.generation.task",
            "progress": progress,
            "status": word,
            "type": "video",
            "task_info": {
                "can_cancel": True,
                "estimated_time": round(job.ends - job.begins),
                "video_duration": job.seconds,
            },
            "usage": {
                "billing_rule": "per_second",
                "credits_reserved": round(settled_usd(job) * 100, 4),
                "user_group": "default",
            },
        }

    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        status, code, kind = _REFUSALS[refused.why]
        message = refused.message
        if refused.why is Why.MODEL_NOT_ALLOWED:
            message = f"Token does not have access to model: {order_model}"
        return Reply(status, {"error": {"code": code, "message": message, "type": kind}})

    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        if moderation:
            return Failure("content_policy_violation", "The content was refused by the safety policy")
        if retryable:
            return Failure("service_error", "The generation service failed, please try again")
        return Failure("invalid_parameters", "The parameters cannot be used for this model")

    def routes(self, endpoint: Endpoint) -> list[Route]:
        return evolink.account_routes(endpoint)

    def upload_routes(self, endpoint: Endpoint) -> list[Route]:
        return evolink.file_routes(endpoint)


def _least_tokens(prompt: str) -> int:
    """A number of tokens that no tokenizer stays below: one for each ideograph and each word."""
    ideographs = re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", prompt)
    words = re.findall(r"[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+", prompt)
    return len(ideographs) + len(words)


def _check_callback(url: str, loopback_allowed: bool) -> None:
    parts = urlsplit(url)
    demand(parts.scheme == "https" or (loopback_allowed and parts.scheme == "http"), "callback_url: HTTPS only")
    host = parts.hostname or ""
    demand(bool(host), "callback_url: no host")
    try:
        is_private = not ipaddress.ip_address(host).is_global
    except ValueError:
        is_private = host == "localhost" or host.endswith(".localhost")
    demand(loopback_allowed or not is_private, "callback_url: internal addresses are forbidden")
