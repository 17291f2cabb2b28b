"""What a model takes, as data, and the one check that holds a request against it.

Vendors fill in `Limits` beside the documents they were read from; `check` names every violation at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from longtake.request import ADAPTIVE, RATIOS, MediaFacts, MediaKind, Mode, Reference, Role, ShotRequest

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

MIB = 2**20


class Violation(BaseModel):
    """A request or row breaks a limit. `row` counts data rows from 1; 0 means the manifest or request as a whole."""

    model_config = ConfigDict(frozen=True)

    column: str
    value: str
    rule: str
    fix: str
    row: int = 0
    shot_id: str = ""
    warning: bool = False

    def __str__(self) -> str:
        place = f"row {self.row}" + (f" ({self.shot_id})" if self.shot_id else "") if self.row else self.shot_id
        value = self.value if len(self.value) <= 80 else f"{self.value[:77]}..."
        return f"{place + ', ' if place else ''}column {self.column} = {value!r}: {self.rule}. Fix: {self.fix}."


class MediaLimits(BaseModel):
    """Bounds on the references of one kind. None means the documents name no bound."""

    model_config = ConfigDict(frozen=True)

    max_count: int = 0
    schemes: frozenset[str] = frozenset({"http", "https"})
    containers: frozenset[str] = frozenset()
    max_bytes: int | None = None
    max_total_bytes: int | None = None
    min_side_px: int | None = None
    max_side_px: int | None = None
    min_aspect: float | None = None
    max_aspect: float | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    max_total_seconds: float | None = None
    min_fps: float | None = None
    max_fps: float | None = None


class Limits(BaseModel):
    """What one wire model takes.

    `options` names the neutral options it honours beyond prompt, duration, resolution and ratio; `modes_of_option`
    narrows an option to some modes; `required` names options that must be given.
    """

    model_config = ConfigDict(frozen=True)

    modes: frozenset[Mode] = frozenset(Mode)
    durations: tuple[int, ...] = tuple(range(4, 16))
    auto_duration: bool = False
    default_duration_seconds: int = 5
    resolutions: tuple[str, ...] = ("480p", "720p")
    default_resolution: str | None = "720p"
    ratios: tuple[str, ...] = (*RATIOS, ADAPTIVE)
    default_ratio: str = ADAPTIVE
    default_ratio_text: str | None = None
    image: MediaLimits = MediaLimits()
    video: MediaLimits = MediaLimits()
    audio: MediaLimits = MediaLimits()
    options: frozenset[str] = frozenset()
    modes_of_option: dict[str, frozenset[Mode]] = {}
    required: frozenset[str] = frozenset()
    prompt_required: bool = True
    prompt_max_characters: int | None = None
    first_frame_alone: bool = True
    audio_with_frames: bool = False
    seed_range: tuple[int, int] = (-1, 4294967295)
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
        return PIXELS.get(resolution or "", {}).get(self.ratio_of(request))


def check(request: ShotRequest, limits: Limits) -> list[Violation]:
    """Holds a request against a model's limits; returns every violation, warnings among them. No I/O."""
    return [*_check_shape(request, limits), *_check_options(request, limits), *_check_references(request, limits)]


def refusal(column: str, value: object, rule: str, fix: str) -> Violation:
    """A violation that is not yet bound to a row."""
    return Violation(column=column, value="" if value is None else str(value), rule=rule, fix=fix)


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
    if not request.prompt.strip() and (limits.prompt_required or not request.references):
        rule = "the document requires a prompt" if limits.prompt_required else "without media a prompt is required"
        yield refusal("prompt", request.prompt, rule, "write a prompt")
    if limits.prompt_max_characters is not None and len(request.prompt) > limits.prompt_max_characters:
        rule = f"the prompt has {len(request.prompt)} characters, at most {limits.prompt_max_characters} are taken"
        yield refusal("prompt", request.prompt, rule, "shorten the prompt")


def _check_options(request: ShotRequest, limits: Limits) -> Iterator[Violation]:
    given = request.given_options()
    for name in sorted(limits.required - given.keys()):
        yield refusal(name, "", f"this model requires {name}", f"give {name}")
    for name, value in given.items():
        if name in ("duration_seconds", "resolution", "ratio"):
            continue
        if name not in limits.options:
            yield refusal(name, value, f"this model cannot honour {name}", "leave it empty or choose another model")
        elif request.mode not in limits.modes_of_option.get(name, frozenset(Mode)) and value is not False:
            modes = ", ".join(sorted(limits.modes_of_option[name]))
            yield refusal(name, value, f"{name} works in mode {modes} only", f"leave it empty or use mode {modes}")
    if request.seed is not None and not limits.seed_range[0] <= request.seed <= limits.seed_range[1]:
        span = f"{limits.seed_range[0]} to {limits.seed_range[1]}"
        yield refusal("seed", request.seed, f"a seed lies in {span}", f"give {span}")
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
    if mode not in limits.modes:
        modes = ", ".join(sorted(limits.modes))
        column = sorted(role.column for role in roles)[0] if roles else "prompt"
        yield refusal(column, mode.value, f"this model works in mode {modes} only", "choose another model")
    if Role.LAST_FRAME in frames and Role.FIRST_FRAME not in frames:
        yield refusal("first_frame", "", "a last frame needs a first frame", "give first_frame")
    if mode is Mode.FIRST_FRAME and not limits.first_frame_alone:
        yield refusal("last_frame", "", "this model takes a first frame only with a last frame", "give last_frame")
    for role in sorted(frames):
        if len(request.having(role)) > 1:
            yield refusal(role.column, len(request.having(role)), f"there is one {role.column}", "give one")
    if roles == {Role.REFERENCE_AUDIO}:
        rule = "audio cannot be the only reference"
        yield refusal("reference_audios", len(request.references), rule, "add a reference image or video")
    for kind in ("image", "video", "audio"):
        yield from check_media(request.kinds(kind), kind, limits.media(kind))
    yield from _check_frame_ratios(request)


def _check_frame_ratios(request: ShotRequest) -> Iterator[Violation]:
    frames = [*request.having(Role.FIRST_FRAME), *request.having(Role.LAST_FRAME)]
    shapes = [shape for shape in (_aspect(frame.facts) for frame in frames) if shape]
    if len(shapes) == 2 and abs(shapes[0] / shapes[1] - 1) > 0.02:
        rule = "the last frame has another ratio than the first and will be cropped"
        found = refusal("last_frame", f"{shapes[1]:.2f} beside {shapes[0]:.2f}", rule, "crop it to the first frame's")
        yield found.model_copy(update={"warning": True})


def _aspect(facts: MediaFacts | None) -> float | None:
    return facts.width / facts.height if facts and facts.width and facts.height else None


def check_media(references: Sequence[Reference], kind: MediaKind, limits: MediaLimits) -> Iterator[Violation]:
    """Holds the references of one kind against their bounds, each alone and in total."""
    if not references:
        return
    column = references[-1].role.column
    if len(references) > limits.max_count:
        rule = f"this model takes {limits.max_count} {kind}(s), {len(references)} are given"
        yield refusal(
            column, len(references), rule, f"give at most {limits.max_count}" if limits.max_count else "drop them"
        )
        if not limits.max_count:
            return
    for reference in references:
        yield from _check_one(reference, limits)
    seconds = [reference.facts.duration_seconds or 0.0 for reference in references if reference.facts]
    if limits.max_total_seconds is not None and sum(seconds) > limits.max_total_seconds and len(seconds) > 1:
        rule = f"the {kind}s last {sum(seconds):.2f} s in all, at most {limits.max_total_seconds:g} s are taken"
        yield refusal(column, f"{sum(seconds):.2f} s", rule, "trim or drop some")
    size = sum(reference.facts.size_bytes for reference in references if reference.facts)
    if limits.max_total_bytes is not None and size > limits.max_total_bytes:
        rule = f"the {kind}s have {size / MIB:.1f} MiB in all, at most {limits.max_total_bytes / MIB:g} are taken"
        yield refusal(column, f"{size} bytes", rule, "compress or drop some")


def _check_one(reference: Reference, limits: MediaLimits) -> Iterator[Violation]:
    column, facts = reference.role.column, reference.facts
    shown = reference.source.split("?", 1)[0][:120]
    if reference.scheme not in limits.schemes:
        allowed = ", ".join(sorted(limits.schemes))
        rule = f"a {reference.role.kind} is taken as {allowed}, not as {reference.scheme}"
        yield refusal(column, shown, rule, f"give one of {allowed}")
    if facts is None:
        return
    if facts.kind != reference.role.kind:
        yield refusal(
            column, shown, f"this is {facts.kind}, not {reference.role.kind}", f"give a {reference.role.kind}"
        )
        return
    if limits.containers and facts.container not in limits.containers:
        allowed = ", ".join(sorted(limits.containers))
        yield refusal(
            column, shown, f"{facts.container} is not taken, only {allowed}", f"convert it to one of {allowed}"
        )
    bounds: list[tuple[str, float | None, float | None, float | None, str]] = [
        ("bytes", facts.size_bytes, None, limits.max_bytes, "compress it"),
        ("s long", facts.duration_seconds, limits.min_seconds, limits.max_seconds, "trim or replace it"),
        ("frames per second", facts.fps, limits.min_fps, limits.max_fps, "re-time it"),
    ]
    if facts.width and facts.height:
        shorter, longer = sorted((facts.width, facts.height))
        bounds += [
            ("px on its shorter side", shorter, limits.min_side_px, None, "scale it up"),
            ("px on its longer side", longer, None, limits.max_side_px, "scale it down"),
            ("pixels", facts.width * facts.height, limits.min_pixels, limits.max_pixels, "scale it"),
            ("wide to high", facts.width / facts.height, limits.min_aspect, limits.max_aspect, "crop or pad it"),
        ]
    for unit, measured, low, high, fix in bounds:
        if measured is None:
            continue
        if low is not None and measured < low - 1e-6:
            yield refusal(column, shown, f"it is {measured:g} {unit}, at least {low:g} is required", fix)
        if high is not None and measured > high + 1e-6:
            yield refusal(column, shown, f"it is {measured:g} {unit}, at most {high:g} is taken", fix)
