"""What a model takes, as data, and the one check that holds a request against it.

Vendors fill in `Limits` beside the documents they were read from; `check` names every violation at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from longtake.domain.request import ADAPTIVE, RATIOS, MediaFacts, MediaKind, Mode, Role, ShotRequest
from longtake.domain.violations import Violation, caution, refusal
from longtake.vendors.doubts import LAST_ALONE, SOUND, Doubt, check_doubts
from longtake.vendors.media_limits import MB, MEBI, MediaLimits, check_media

__all__ = [
    "LAST_ALONE",
    "MB",
    "PIXELS",
    "SOUND",
    "Doubt",
    "Limits",
    "MediaLimits",
    "Violation",
    "caution",
    "check",
    "check_media",
    "check_prompt_length",
    "refusal",
]

PIXELS: dict[str, dict[str, tuple[int, int]]] = {
    "480p": {
        "16:9": (864, 496),
        "4:3": (752, 560),
        "1:1": (640, 640),
        "3:4": (560, 752),
        "9:16": (496, 864),
        "21:9": (992, 432),
    },
    "720p": {
        "16:9": (1280, 720),
        "4:3": (1112, 834),
        "1:1": (960, 960),
        "3:4": (834, 1112),
        "9:16": (720, 1280),
        "21:9": (1470, 630),
    },
    "1080p": {
        "16:9": (1920, 1080),
        "4:3": (1664, 1248),
        "1:1": (1440, 1440),
        "3:4": (1248, 1664),
        "9:16": (1080, 1920),
        "21:9": (2206, 946),
    },
}
"""Width and height of a clip by resolution and ratio, from EvoLink's overview of its nine models (the one vendor that
publishes them)."""
Sizes = dict[str, dict[str, tuple[int, int]]]
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
IDLE = frozenset({"web_search", "return_last_frame"})
"""Options whose `false` asks for nothing: every vendor that is not asked does so, and it is honoured by silence."""
_HALF = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")


class Limits(BaseModel):
    """What one wire model takes.

    `options` names the neutral options it honours beyond prompt, duration, resolution and ratio; `modes_of_option`
    narrows an option to some modes; `required` names options that must be given. A default of None or "" is one that
    no document tells. What a document advises (`prompt_advised_…`) is warned about, not refused, and so are `doubts`.
    """

    model_config = ConfigDict(frozen=True)

    modes: frozenset[Mode] = frozenset(Mode)
    durations: tuple[int, ...] = tuple(range(4, 16))
    sizes: Sizes = PIXELS
    auto_duration: bool = False
    default_duration_seconds: int = 5
    resolutions: tuple[str, ...] = ("480p", "720p")
    default_resolution: str | None = "720p"
    ratios: tuple[str, ...] = (*RATIOS, ADAPTIVE)
    default_ratio: str = ADAPTIVE
    default_ratio_text: str | None = None
    max_body_bytes: int | None = 64 * MB
    image: MediaLimits = MediaLimits()
    video: MediaLimits = MediaLimits()
    audio: MediaLimits = MediaLimits()
    options: frozenset[str] = frozenset()
    modes_of_option: dict[str, frozenset[Mode]] = {}
    required: frozenset[str] = frozenset()
    prompt_required: bool = True
    prompt_max_characters: int | None = None
    prompt_max_tokens: int | None = None
    prompt_advised_cjk_characters: int = 500
    prompt_advised_words: int = 1000
    audio_with_frames: bool = False
    audio_alone: bool = False
    last_frame_alone: bool = False
    doubts: tuple[Doubt, ...] = ()
    other_route: dict[Mode | MediaKind, str] = {}
    """Wire models that take what this one does not, by mode or kind of reference."""
    seed_range: tuple[int, int] = (-1, 4294967295)
    priority_range: tuple[int, int] = (0, 9)
    expires_after_seconds_range: tuple[int, int] = (3600, 259_200)
    safety_identifier_max_characters: int = 64

    def media(self, kind: MediaKind) -> MediaLimits:
        """The bounds on one kind of reference."""
        return {"image": self.image, "video": self.video, "audio": self.audio}[kind]

    def ratio_of(self, request: ShotRequest) -> str:
        """The ratio that the request gets: its own, else the model's default for its mode."""
        if request.ratio:
            return request.ratio
        return (self.default_ratio_text or self.default_ratio) if request.mode is Mode.TEXT else self.default_ratio

    def output_pixels(self, request: ShotRequest) -> tuple[int, int] | None:
        """Width and height of the coming clip; None where `adaptive` or an unlisted size leaves it open."""
        resolution = request.resolution or self.default_resolution
        return self.sizes.get(resolution or "", {}).get(self.ratio_of(request))


def check(request: ShotRequest, limits: Limits) -> list[Violation]:
    """Holds a request against a model's limits; returns every violation, warnings among them. No I/O."""
    return [
        *_check_shape(request, limits),
        *check_prompt_length(request, limits),
        *_check_options(request, limits),
        *_check_references(request, limits),
        *check_doubts(request, limits.doubts),
    ]


def without_idle_options(request: ShotRequest, limits: Limits) -> ShotRequest:
    """The request without the options that the model lacks and that ask for nothing."""
    idle = {name: None for name in IDLE - limits.options if getattr(request, name) is False}
    return request.model_copy(update=idle) if idle else request


def tokens_at_least(prompt: str) -> int:
    """A low count of a prompt's tokens, for limits that vendors count by a tokenizer they do not publish.

    A token holds no more than a word, 16 letters of a long one, or a CJK character.
    """
    return sum(math.ceil(len(word) / 16) for word in _WORD.findall(prompt)) + len(_CJK.findall(prompt))


def _check_shape(request: ShotRequest, limits: Limits) -> Iterator[Violation]:
    if request.duration_seconds == "auto":
        if not limits.auto_duration:
            yield refusal("duration_seconds", "auto", "this model cannot choose the duration", "give whole seconds")
    elif request.duration_seconds is not None and request.duration_seconds not in limits.durations:
        span = f"{limits.durations[0]} to {limits.durations[-1]}"
        yield refusal("duration_seconds", request.duration_seconds, f"this model makes {span} s", f"give {span}")
    if request.resolution is not None and request.resolution not in limits.resolutions:
        choices = ", ".join(limits.resolutions) or "none (the model's name decides)"
        yield refusal("resolution", request.resolution, f"this model makes {choices}", f"use one of {choices}")
    if request.ratio is not None and request.ratio not in limits.ratios:
        choices = ", ".join(limits.ratios)
        yield refusal("ratio", request.ratio, f"this model takes {choices}", f"use one of {choices}")


def check_prompt_length(request: ShotRequest, limits: Limits) -> Iterator[Violation]:
    """The rules on the prompt alone: given at all, and not too long."""
    prompt = request.prompt
    if not prompt.strip() and (limits.prompt_required or not request.references):
        rule = "the document requires a prompt" if limits.prompt_required else "without media a prompt is required"
        yield refusal("prompt", prompt, rule, "write a prompt")
    elif not prompt.strip():
        rule = "the prompt is empty, and the clip shows what the media alone suggest"
        yield caution("prompt", prompt, rule, "write a prompt, unless that is meant")
    yield from _check_halves("prompt", prompt)
    if limits.prompt_max_characters is not None and len(prompt) > limits.prompt_max_characters:
        rule = f"the prompt has {len(prompt)} characters, at most {limits.prompt_max_characters} are taken"
        yield refusal("prompt", prompt, rule, "shorten the prompt")
    most = limits.prompt_max_tokens
    # No token is shorter than a character, so that short prompts need not be counted.
    if most is not None and len(prompt) >= most and (tokens := tokens_at_least(prompt)) > most:
        rule = f"the prompt has at least {tokens} tokens, at most {most} are taken"
        yield refusal("prompt", prompt, rule, "shorten the prompt")
    if len(prompt) > limits.prompt_advised_cjk_characters:
        cjk, words = len(_CJK.findall(prompt)), len(_WORD.findall(prompt))
        if cjk > limits.prompt_advised_cjk_characters or words > limits.prompt_advised_words:
            advised = f"{limits.prompt_advised_cjk_characters} CJK characters or {limits.prompt_advised_words} words"
            yield caution("prompt", prompt, f"the documents advise at most {advised}", "shorten the prompt")


def _check_halves(column: str, text: str) -> Iterator[Violation]:
    """A lone surrogate cannot be written into a request."""
    if (half := _HALF.search(text)) is not None:
        rule = f"its character {half.start() + 1} is half of one (a lone surrogate, as of an emoji cut in two)"
        yield refusal(column, text.encode("utf-8", "replace").decode(), rule, "write that character anew")


def _check_options(request: ShotRequest, limits: Limits) -> Iterator[Violation]:
    given = request.given_options()
    for name in ("safety_identifier", "callback_url"):
        yield from _check_halves(name, getattr(request, name) or "")
    for name in sorted(limits.required - given.keys()):
        yield refusal(name, "", f"this model requires {name}", f"give {name}")
    for name, value in given.items():
        if name in ("duration_seconds", "resolution", "ratio"):
            continue
        if value is False and name in IDLE - limits.options:
            continue
        if name not in limits.options:
            yield refusal(name, value, f"this model cannot honour {name}", "leave it empty or choose another model")
        elif request.mode not in limits.modes_of_option.get(name, frozenset(Mode)) and value is not False:
            modes = ", ".join(sorted(limits.modes_of_option[name]))
            yield refusal(name, value, f"{name} works in mode {modes} only", f"leave it empty or use mode {modes}")
    for name, value, (low, high) in (
        ("seed", request.seed, limits.seed_range),
        ("priority", request.priority, limits.priority_range),
        ("expires_after_seconds", request.expires_after_seconds, limits.expires_after_seconds_range),
    ):
        if value is not None and not low <= value <= high:
            yield refusal(name, value, f"a {name} lies in {low} to {high}", f"give {low} to {high}")
    longest = limits.safety_identifier_max_characters
    if request.safety_identifier is not None and len(request.safety_identifier) > longest:
        rule = f"safety_identifier has at most {longest} characters"
        yield refusal("safety_identifier", request.safety_identifier, rule, "shorten it, or give a hash of it")


def _check_references(request: ShotRequest, limits: Limits) -> Iterator[Violation]:
    roles = {reference.role for reference in request.references}
    frames = roles & {Role.FIRST_FRAME, Role.LAST_FRAME}
    others = roles - frames
    audio_beside_frames = limits.audio_with_frames and others == {Role.REFERENCE_AUDIO}
    mode = request.mode
    if frames and others and not audio_beside_frames:
        column = sorted(role.column for role in frames)[0]
        rule = "first and last frames cannot be mixed with references"
        yield refusal(column, sorted(role.column for role in roles), rule, "keep the frames or the references")
    elif audio_beside_frames:
        mode = Mode.FIRST_AND_LAST_FRAME if Role.LAST_FRAME in frames else Mode.FIRST_FRAME
    if mode is Mode.FIRST_FRAME and mode not in limits.modes and Mode.FIRST_AND_LAST_FRAME in limits.modes:
        yield refusal("last_frame", "", "this model takes a first frame only with a last frame", "give last_frame")
    elif mode not in limits.modes:
        modes = ", ".join(sorted(limits.modes))
        column = sorted(role.column for role in roles)[0] if roles else "prompt"
        yield refusal(column, mode.value, f"this model works in mode {modes} only", "choose another model")
    if Role.LAST_FRAME in frames and Role.FIRST_FRAME not in frames and not limits.last_frame_alone:
        yield refusal("first_frame", "", "a last frame needs a first frame", "give first_frame")
    for role in sorted(frames):
        if len(request.having(role)) > 1:
            yield refusal(role.column, len(request.having(role)), f"there is one {role.column}", "give one")
    if roles == {Role.REFERENCE_AUDIO} and not limits.audio_alone:
        rule = "audio cannot be the only reference"
        yield refusal("reference_audios", len(request.references), rule, "add a reference image or video")
    for kind in ("image", "video", "audio"):
        other = limits.other_route.get(kind, "")
        yield from check_media(request.kinds(kind), kind, limits.media(kind), other_route=other)
    yield from _check_frame_ratios(request)
    # What is not the prompt or inline data (links, options, JSON's own marks) stays well below a tenth of a megabyte.
    sent = sum(len(reference.wire_url) for reference in request.references)
    size = len(request.prompt.encode("utf-8", "surrogatepass")) + sent + MB // 10
    if limits.max_body_bytes is not None and size > limits.max_body_bytes:
        column = next((each.role.column for each in request.references if each.scheme == "data"), "prompt")
        rule = f"the request has about {size / MB:.1f} MB, at most {limits.max_body_bytes / MB:g} are taken"
        kind_of = refusal if size > limits.max_body_bytes * MEBI else caution
        yield kind_of(column, f"{size} bytes", rule, "host the files and give their links")


def _check_frame_ratios(request: ShotRequest) -> Iterator[Violation]:
    frames = [*request.having(Role.FIRST_FRAME), *request.having(Role.LAST_FRAME)]
    shapes = [shape for shape in (_aspect(frame.facts) for frame in frames) if shape]
    if len(shapes) == 2 and abs(shapes[0] / shapes[1] - 1) > 0.02:
        rule = "the last frame has another ratio than the first and will be cropped"
        yield caution("last_frame", f"{shapes[1]:.2f} beside {shapes[0]:.2f}", rule, "crop it to the first frame's")


def _aspect(facts: MediaFacts | None) -> float | None:
    return facts.width / facts.height if facts and facts.width and facts.height else None
