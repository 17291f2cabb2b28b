"""The clip that a shot goes on from, before it is made: how long and large it will be, what of it fits, and whether
the vendor can be given it. Pure; `longtake.rendering.chaining` does the same with the clip in hand.
"""

from __future__ import annotations

from typing import NamedTuple

from longtake.accounts.hosting import Hosting
from longtake.domain.errors import UnfitClipError
from longtake.domain.identity import Continuation
from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.domain.violations import Violation, refusal
from longtake.vendors import Adapter, Model
from longtake.vendors.limits import Limits, MediaLimits

FPS = 24
SHORTEST_REFERENCE_SECONDS = 2.0
COMING_CLIP = "clip:coming"
"""The source of a reference that stands for it."""


def clip_seconds(duration_seconds: int) -> float:
    """How long a clip really lasts: a "5 s" clip has 24·5+1 pictures."""
    return (FPS * duration_seconds + 1) / FPS


def room_for_tail(limits: MediaLimits, own_video_seconds: float) -> float:
    """Seconds of reference video left beside the row's own videos."""
    longest = limits.max_seconds if limits.max_seconds is not None else float("inf")
    total = limits.max_total_seconds if limits.max_total_seconds is not None else float("inf")
    return min(longest, total - own_video_seconds)


def tail_to_cut(parent_seconds: float, room_seconds: float, wanted_seconds: float | None) -> float | None:
    """The last seconds to cut from the parent's clip; None where it is passed untouched.

    Raises:
        UnfitClipError: Under two seconds would be left.
    """
    wanted = min(wanted_seconds or parent_seconds, room_seconds)
    if wanted < SHORTEST_REFERENCE_SECONDS:
        raise UnfitClipError(
            f"{wanted:.2f} s of reference video are left for the previous clip, at least "
            f"{SHORTEST_REFERENCE_SECONDS:g} s are required"
        )
    if wanted >= parent_seconds - 1e-6:
        return None
    # whole pictures, so that the cut never passes the limit
    return int(wanted * FPS + 1e-6) / FPS


def own_video_seconds(request: ShotRequest) -> float:
    """Seconds of the row's own reference videos, as far as they were measured."""
    videos = request.having(Role.REFERENCE_VIDEO)
    return sum(video.facts.duration_seconds or 0.0 for video in videos if video.facts)


class ComingClip(NamedTuple):
    """What is known of a shot's clip beforehand; where the vendor may choose, between which bounds.

    Width and height are of the smallest that it may become, None where nobody knows.
    """

    shortest_seconds: float
    longest_seconds: float
    width: int | None
    height: int | None
    brings_last_frame: bool


def coming_clip(request: ShotRequest, model: Model | None) -> ComingClip:
    """What a request will bring."""
    limits = model.limits if model else Limits()
    duration = request.duration_seconds or limits.default_duration_seconds
    spans = limits.durations if duration == "auto" else (duration,)
    width, height = _smallest_pixels(request, limits) if model else (None, None)
    return ComingClip(
        clip_seconds(min(spans)), clip_seconds(max(spans)), width, height, bool(request.return_last_frame)
    )


def _smallest_pixels(request: ShotRequest, limits: Limits) -> tuple[int | None, int | None]:
    if (exact := limits.output_pixels(request)) is not None:
        return exact
    sizes = limits.sizes.get(request.resolution or limits.default_resolution or "", {}).values()
    return min(sizes, key=lambda size: size[0] * size[1], default=(None, None))


def with_coming_clip(
    request: ShotRequest,
    clip: ComingClip,
    how: Continuation,
    *,
    tail_seconds: float | None = None,
    inline: bool = False,
    shortest: bool = False,
) -> ShotRequest:
    """The request with the coming clip, or its last frame, before its own references.

    Args:
        request: What the row asks for.
        clip: What the shot before it will bring; it is taken at its longest.
        how: Whether the clip goes in or its last frame.
        tail_seconds: Only so many last seconds of it go in.
        inline: The picture is sent as data, not as a link.
        shortest: It is taken at its shortest.
    """
    if how == "last_frame":
        facts = MediaFacts(kind="image", container="png", size_bytes=0, width=clip.width, height=clip.height)
        url = "data:image/png;base64," if inline else "https://coming.invalid/frame"
        reference = Reference(role=Role.FIRST_FRAME, source=COMING_CLIP, url=url, facts=facts)
    else:
        seconds = clip.shortest_seconds if shortest else clip.longest_seconds
        facts = MediaFacts(
            kind="video",
            container="mp4",
            size_bytes=0,
            width=clip.width,
            height=clip.height,
            duration_seconds=seconds if tail_seconds is None else min(seconds, tail_seconds),
            fps=24.0,
        )
        url = "https://coming.invalid/clip"
        reference = Reference(role=Role.REFERENCE_VIDEO, source=COMING_CLIP, url=url, facts=facts)
    return request.model_copy(update={"references": (reference, *request.references)})


def fitting_tail(
    request: ShotRequest, clip: ComingClip, wanted_seconds: float | None, limits: Limits
) -> tuple[float | None, list[Violation]]:
    """The last seconds of the clip that go in, None for all of it; and why nothing of it does."""
    room = room_for_tail(limits.video, own_video_seconds(request))
    try:
        return tail_to_cut(clip.longest_seconds, room, wanted_seconds), []
    except UnfitClipError as error:
        return None, [refusal("continue_from", "clip", str(error), "drop some of the row's own reference videos")]


def unreachable(
    clip: ComingClip,
    how: Continuation,
    tail_seconds: float | None,
    *,
    limits: Limits,
    adapter: Adapter,
    hosting: Hosting,
) -> list[Violation]:
    """Why the vendor could not be given the clip or its last frame, though it fits."""
    if how == "last_frame":
        if clip.brings_last_frame or hosting.way("image", adapter, limits.image):
            return []
        rule = f"{adapter.title} cannot read the last frame: it takes no inline picture and has no upload"
        return [refusal("continue_from", "last_frame", rule, "configure a ClipStore with a public_endpoint_url")]
    untouched = tail_seconds is None and adapter.parent_link_ok
    if untouched or hosting.way("video", adapter, limits.video):
        return []
    rule = (
        f"the previous clip lasts {clip.longest_seconds:.2f} s, more than fits as a reference; its end must be cut, "
        f"and {adapter.title} has no upload for the cut"
    )
    fix = "make the previous shot shorter, or configure a ClipStore (s3:// with a public_endpoint_url)"
    return [refusal("continue_from", "clip", rule, fix)]
