"""JimmyAI, read from the Seedance create page with all its routes, the query page and the asset pages (2026-11).

Every answer comes in `{code, msg, data}`; a refusal comes with HTTP 200. The model id chooses route and billing.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from starlette.routing import Route

from longtake.sandbox.inputs.media_rules import MIB, MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import ADAPTIVE, Failure, Input, MediaKind, Order, Refused, Reply, View, Why, demand
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors._dialect import DAY_SECONDS, Dialect, Wire, parse
from longtake.sandbox.vendors.libraries import jimmyai

_API = "/api/open-api/v1"

_SIX = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
_THREE = ("16:9", "9:16", "1:1")


@dataclass(frozen=True)
class JimmyRoute:
    """The rules of one model id: ranges, choices and the most media of each kind."""

    seconds: tuple[int, int] = (4, 15)
    resolutions: tuple[str, ...] = ("480p", "720p", "1080p")
    ratios: tuple[str, ...] = _SIX
    images: int = 9
    videos: int = 3
    audios: int = 3
    duration_required: bool = False
    prompt_letters: int | None = None
    first_needs_last: bool = False
    audio_with_frames: bool = True
    assets_only: bool = False
    takes_assets: bool = False


_SP = JimmyRoute(takes_assets=True)
_MD = JimmyRoute(
    seconds=(1, 15),
    resolutions=("720p",),
    ratios=_THREE,
    images=4,
    audios=0,
    prompt_letters=5000,
    first_needs_last=True,
)

ROUTES: dict[str, JimmyRoute] = {
    "seedance2.0-mini-sp": JimmyRoute(resolutions=("480p", "720p"), duration_required=True),
    "seedance2.0-mini": JimmyRoute(),
    # Named by newer pages alone: the mini with reference videos.
    "seedance2.0-mini-video": JimmyRoute(duration_required=True),
    "seedance2.0-sp": _SP,
    "seedance2.0-fast-sp": _SP,
    "seedance2.0-of-sp": _SP,
    "seedance2.0-of-fast-sp": _SP,
    "seedance2.0-md": _MD,
    "seedance2.0-fast-md": _MD,
    "seedance2.0-fast-i2v": JimmyRoute(seconds=(1, 15), resolutions=("720p",), videos=0, audios=0),
    "seedance2.0-std": JimmyRoute(resolutions=("720p",), audio_with_frames=False),
}
for _family, _resolutions in (
    ("", ("720p", "1080p", "2k", "4k")),
    ("fast_", ("720p", "1080p")),
    ("video_", ("720p", "1080p", "2k", "4k")),
    ("video_fast_", ("720p", "1080p")),
):
    for _resolution in _resolutions:
        ROUTES[f"sd2_mx_{_family}{_resolution}"] = JimmyRoute(
            seconds=(4, 12),
            resolutions=(_resolution,),
            ratios=(*_SIX, ADAPTIVE),
            videos=3 if "video" in _family else 0,
            assets_only=True,
        )

_WORDS = {
    "queued": "queued",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    # There is no word for it.
    "expired": "failed",
}


# Codes as the vendor's client knows them; there is none for balance, model or rate, so the words must tell.
_REFUSALS: dict[Why, tuple[str | int, str]] = {
    Why.UNAUTHORIZED: ("20001", "invalid token"),
    Why.NO_BALANCE: ("20002", "余额不足 (insufficient balance)"),
    Why.MODEL_NOT_ALLOWED: ("20002", "model {model} is not enabled for this key (model not allowed)"),
    Why.MODERATION: ("20002", "PROVIDER_MODERATION_ERROR"),
    Why.THROTTLED: (-1, "请求过于频繁，请稍后再试 (rate limit) retry_after:1"),
    Why.SERVER_ERROR: (-1, "server error"),
}


class CreateRequest(Wire):
    """The body of `POST /api/open-api/v1/seedance/videos`."""

    model: str
    prompt: str = Field(min_length=1)
    duration: int | None = None
    resolution: str | None = None
    ratio: str | None = None
    orientation: Literal["landscape", "portrait"] | None = None
    images: list[str] = Field(default_factory=list)
    first_image: str | None = None
    last_image: str | None = None
    reference_videos: list[str] = Field(default_factory=list)
    reference_audios: list[str] = Field(default_factory=list)


class JimmyAI(Dialect):
    """The server's side."""

    name = "jimmyai"
    submit_path = f"{_API}/seedance/videos"
    look_path = f"{_API}/videos/{{job_id}}"
    link_seconds = 3 * DAY_SECONDS

    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        wire = parse(CreateRequest, body)
        route = ROUTES.get(wire.model)
        if route is None:
            raise Refused(Why.BAD_REQUEST, f"model: {wire.model} is not supported")
        return Order(
            model=wire.model,
            prompt=_checked_prompt(wire, route),
            seconds=_checked_duration(wire, route),
            resolution=_checked_resolution(wire, route),
            ratio=_checked_ratio(wire, route),
            inputs=_checked_media(wire, route),
        )

    def media_rules(self, order: Order) -> MediaRules:
        route = ROUTES[order.model]
        if route.assets_only:
            schemes = frozenset({"asset"})
        else:
            schemes = frozenset({"http", "asset"} if route.takes_assets else {"http"})
        everywhere: dict[MediaKind, frozenset[str]] = {"image": schemes, "video": schemes, "audio": schemes}
        if route is _MD:
            # The page bounds number, total length, total size and the shorter side, and nothing else of a video.
            return MediaRules(
                schemes=everywhere,
                https_only=True,
                video_total_bytes=200 * MIB,
                video_short_side_px=(720, 2160),
                video_seconds=(0, 15),
                video_fps=(0, math.inf),
            )
        # The page bounds no files of the other routes; these are the bounds of the model's own host.
        return MediaRules(schemes=everywhere, https_only=True, video_bytes=200 * MIB, video_pixels=(407_696, 8_295_044))

    def new_job_id(self) -> str:
        return f"sd{secrets.token_hex(12)}"

    def accepted(self, job: Job) -> dict[str, object]:
        return _enveloped(
            {
                "task_id": job.job_id,
                "status": "queued",
                "model": job.order.model,
                "created_at": int(job.accepted_at),
            }
        )

    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        return _enveloped({"status": "queued"})

    def look(self, job: Job, view: View) -> dict[str, object]:
        message = None
        if view.failure is not None:
            message = view.failure.message
        elif view.state == "expired":
            message = "task timed out"
        data: dict[str, object] = {
            "task_id": job.job_id,
            "status": _WORDS[view.state] if view.word is None else view.word,
            "progress": view.progress if view.state in ("running", "succeeded") else 0,
            "model": job.order.model,
            "created_at": int(job.accepted_at),
            "completed_at": int(job.ended_at) if view.state == "succeeded" else None,
            "result": None,
            "error_message": message,
        }
        if view.state == "succeeded":
            data["result"] = {"video_url": view.video_url or None, "image_url": None}
        if view.link_in_fail_reason:
            data["error_message"] = view.video_url
        return _enveloped(data)

    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        code, message = "20002", refused.message
        match refused.why:
            case Why.UNAUTHORIZED:
                code, message = "20001", "invalid token"
            case Why.NO_BALANCE:
                message = "余额不足 (insufficient balance)"
            case Why.MODEL_NOT_ALLOWED:
                message = f"model {order_model} is not enabled for this key (model not allowed)"
            case Why.MODERATION:
                message = "PROVIDER_MODERATION_ERROR"
            case Why.THROTTLED:
                return Reply(
                    200, {"code": -1, "msg": "请求过于频繁，请稍后再试 (rate limit) retry_after:1", "data": None}
                )
            case Why.SERVER_ERROR:
                return Reply(200, {"code": -1, "msg": "server error", "data": None})
            case _:
                pass
        return Reply(200, {"code": code, "msg": message, "data": None})

    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        if moderation:
            return Failure("", "PROVIDER_MODERATION_ERROR: TRADEMARK")
        return Failure("", "Read timed out" if retryable else "DURATION_TOO_LONG")

    def routes(self, endpoint: Endpoint) -> list[Route]:
        return jimmyai.account_routes(endpoint)


def _enveloped(data: dict[str, object]) -> dict[str, object]:
    return {"code": "20000", "msg": "ok", "data": data}


def _checked_prompt(wire: CreateRequest, route: JimmyRoute) -> str:
    most = route.prompt_letters
    demand(most is None or len(wire.prompt) <= most, f"prompt: more than {most} characters")
    return wire.prompt


def _checked_duration(wire: CreateRequest, route: JimmyRoute) -> int:
    demand(wire.duration is not None or not route.duration_required, "duration: required")
    seconds = 5 if wire.duration is None else wire.duration
    shortest, longest = route.seconds
    demand(shortest <= seconds <= longest, f"duration: {shortest} to {longest} for {wire.model}")
    return seconds


def _checked_resolution(wire: CreateRequest, route: JimmyRoute) -> str:
    default = "720p" if "720p" in route.resolutions else route.resolutions[0]
    resolution = wire.resolution or default
    demand(resolution in route.resolutions, f"resolution: {', '.join(route.resolutions)} for {wire.model}")
    return resolution


def _checked_ratio(wire: CreateRequest, route: JimmyRoute) -> str:
    if wire.ratio is None:
        return "9:16" if wire.orientation == "portrait" else "16:9"
    # The page spells it with a capital.
    ratio = ADAPTIVE if wire.ratio == "Adaptive" else wire.ratio
    demand(ratio in route.ratios, f"ratio: {', '.join(route.ratios)} for {wire.model}")
    return ratio


def _checked_media(wire: CreateRequest, route: JimmyRoute) -> tuple[Input, ...]:
    frames = [("first_image", wire.first_image), ("last_image", wire.last_image)]
    given = [Input("image", name, url) for name, url in frames if url is not None]
    demand(not (given and wire.images), "images cannot be used together with first_image/last_image")
    demand(len(given) != 1 or not route.first_needs_last, "first_image and last_image: this model needs both")
    demand(not (given and wire.reference_audios) or route.audio_with_frames, "reference_audios: not in frame mode")
    for name, urls, most in (
        ("images", wire.images, route.images),
        ("reference_videos", wire.reference_videos, route.videos),
        ("reference_audios", wire.reference_audios, route.audios),
    ):
        demand(len(urls) <= most, f"{name}: at most {most} for {wire.model}")
    has_company = bool(given or wire.images or wire.reference_videos)
    demand(not wire.reference_audios or has_company, "reference_audios: cannot be used alone")
    return (
        *given,
        *(Input("image", "images", url) for url in wire.images),
        *(Input("video", "reference_videos", url) for url in wire.reference_videos),
        *(Input("audio", "reference_audios", url) for url in wire.reference_audios),
    )
