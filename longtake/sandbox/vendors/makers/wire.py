"""The body of a create as the reference has it: every field that the 2.x models take, and no other."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from longtake.sandbox.order import Input, MediaKind, demand
from longtake.sandbox.vendors._dialect import Wire

_DATA = re.compile(r"data:(image|audio)/[a-z0-9.+-]+;base64,")


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


class CreateTask(Wire):
    """The body of `POST /contents/generations/tasks`. What 2.5 alone takes is None unless given."""

    model: str = Field(min_length=1)
    content: list[ContentItem] = Field(min_length=1)
    resolution: Literal["480p", "720p", "1080p", "4k"] = "720p"
    ratio: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"] = "adaptive"
    duration: int | None = None
    generate_audio: bool = True
    watermark: bool = False
    return_last_frame: bool = False
    callback_url: str | None = Field(default=None, min_length=1)
    execution_expires_after: int = Field(default=172_800, ge=3600, le=259_200)
    priority: int = Field(default=0, ge=0, le=9)
    safety_identifier: str | None = Field(default=None, max_length=64)
    tools: list[Tool] = Field(default_factory=list)
    service_tier: Literal["default"] = "default"
    draft: bool | None = None
    output_format: Literal["mp4", "mov"] | None = None
    omni_reference_task_type: Literal["auto", "reference", "edit", "extend"] | None = None


class Bounds(Wire):
    """What one generation of models takes."""

    resolutions: tuple[str, ...]
    longest_seconds: int = 15
    images: int = 9
    videos: int = 3
    audios: int = 3
    total_seconds: float = 15
    is_next: bool = False


FAST = Bounds(resolutions=("480p", "720p"))
STANDARD = Bounds(resolutions=("480p", "720p", "1080p", "4k"))
NEXT = Bounds(
    resolutions=("480p", "720p", "1080p"),
    longest_seconds=30,
    images=30,
    videos=10,
    audios=10,
    total_seconds=30,
    is_next=True,
)


def check_fields(task: CreateTask, bounds: Bounds) -> None:
    """The rules that hang on the model."""
    demand(task.resolution in bounds.resolutions, f"resolution: {task.resolution} is not supported by {task.model}")
    seconds = task.duration
    fits = seconds is None or seconds == -1 or 4 <= seconds <= bounds.longest_seconds
    demand(fits, f"duration: 4 to {bounds.longest_seconds}, or -1")
    for name in ("draft", "output_format", "omni_reference_task_type"):
        demand(bounds.is_next or getattr(task, name) is None, f"{name}: not supported by {task.model}")
    demand(not task.draft or task.resolution == "480p", "draft: 480p only")


def read_content(items: list[ContentItem]) -> tuple[str, tuple[Input, ...]]:
    """The texts, and the files in their order."""
    texts = [_text(index, item) for index, item in enumerate(items) if item.type == "text"]
    media = [item for item in items if item.type != "text"]
    return "\n".join(texts), tuple(_input(item, is_alone=len(media) == 1) for item in media)


def check_modes(inputs: tuple[Input, ...], bounds: Bounds, *, has_text: bool, ratio: str) -> None:
    """First frame, first and last frame, and references exclude one another."""
    roles = [given.role for given in inputs]
    first, last = roles.count("first_frame"), roles.count("last_frame")
    images, videos, audios = (roles.count(f"reference_{kind}") for kind in ("image", "video", "audio"))
    demand(has_text or bool(roles), "content: a text or a file is required")
    demand(first <= 1 and last <= 1, "content: at most one first_frame and one last_frame")
    demand(not last or bool(first), "content: last_frame needs a first_frame")
    demand(not (first and (images or videos or audios)), "content: frames and references cannot be mixed")
    for found, most, what in ((images, bounds.images, "images"), (videos, bounds.videos, "videos")):
        demand(found <= most, f"content: at most {most} reference {what}")
    demand(audios <= bounds.audios, f"content: at most {bounds.audios} reference audios")
    demand(bounds.is_next or not audios or bool(images or videos), "content: audio never stands alone")
    demand(not (bounds.is_next and first) or ratio == "adaptive", "ratio: with frames adaptive only")


def _text(index: int, item: ContentItem) -> str:
    demand(item.text is not None and item.role is None, f"content.{index}: text items need text, and have no role")
    demand(item.image_url is item.video_url is item.audio_url is None, f"content.{index}: text items hold only text")
    return item.text or ""


def _input(item: ContentItem, *, is_alone: bool) -> Input:
    addresses: dict[MediaKind, Address | None] = {
        "image": item.image_url,
        "video": item.video_url,
        "audio": item.audio_url,
    }
    kind: MediaKind = next(kind for kind in addresses if item.type == f"{kind}_url")
    address = addresses.pop(kind)
    demand(address is not None, f"content: {item.type} items need {item.type}")
    demand(not any(addresses.values()) and item.text is None, f"content: {item.type} items hold nothing else")
    role = item.role or ("first_frame" if is_alone and kind == "image" else f"reference_{kind}")
    demand(item.role is not None or kind != "image" or is_alone, "content: several pictures need their roles")
    frames = ("first_frame", "last_frame") if kind == "image" else ()
    demand(role in (f"reference_{kind}", *frames), f"content: {item.type} cannot be a {role}")
    url = address.url if address is not None else ""
    demand(not url.startswith("data:") or _DATA.match(url) is not None, f"content: data:{kind}/<format>;base64, only")
    return Input(kind, role, url)
