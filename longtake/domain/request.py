"""What is asked of a vendor, in neutral words: the request, its references and their roles.

Frozen data, no I/O. Vendors translate it (`longtake.vendors`), limits check it (`longtake.vendors.limits`).
"""

from __future__ import annotations

from enum import StrEnum
from operator import attrgetter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from longtake.domain.addresses import Scheme, scheme_of
from longtake.domain.little_memory import in_little_memory

DEFAULT_MODEL = "seedance-2.0-mini"
NEUTRAL_MODELS = ("seedance-2.0", "seedance-2.0-fast", "seedance-2.0-mini")
RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
ADAPTIVE = "adaptive"

MediaKind = Literal["image", "video", "audio"]


class Role(StrEnum):
    """The part a reference plays; the values are the vendors' common words."""

    FIRST_FRAME = "first_frame"
    LAST_FRAME = "last_frame"
    REFERENCE_IMAGE = "reference_image"
    REFERENCE_VIDEO = "reference_video"
    REFERENCE_AUDIO = "reference_audio"

    __hash__ = str.__hash__  # it equals its text, and an enum's own hash is slow

    @property
    def kind(self) -> MediaKind:
        """What sort of file this role takes."""
        if self is Role.REFERENCE_VIDEO:
            return "video"
        return "audio" if self is Role.REFERENCE_AUDIO else "image"

    @property
    def column(self) -> str:
        """The manifest column that gives references of this role."""
        return self.value if self in (Role.FIRST_FRAME, Role.LAST_FRAME) else f"{self.value}s"


class Mode(StrEnum):
    """How a request is made up; the three with media exclude one another at every vendor."""

    TEXT = "text"
    FIRST_FRAME = "first_frame"
    FIRST_AND_LAST_FRAME = "first_and_last_frame"
    REFERENCE = "reference"


class MediaFacts(BaseModel):
    """What a probe measured of one picture, video or sound. `fps` in frames per second."""

    model_config = ConfigDict(frozen=True)

    kind: MediaKind
    container: str
    size_bytes: int
    codec: str = ""
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    fps: float | None = None


class Reference(BaseModel):
    """One input picture, video or sound.

    `source` is as the manifest gives it (http(s) URL, `s3://`, absolute path, `asset://`, data URI); `url` is what goes
    on the wire where hosting made another address; `facts` are the probe's, None when nothing was measured.
    """

    model_config = ConfigDict(frozen=True)

    role: Role
    source: str
    url: str | None = None
    facts: MediaFacts | None = None

    @property
    def wire_url(self) -> str:
        """The address or data that the vendor receives."""
        return self.url or self.source

    @property
    def scheme(self) -> Scheme:
        """`http`, `https`, `s3`, `asset`, `data` or `file` (a path) of what the vendor receives."""
        return scheme_of(self.wire_url)


class ShotRequest(BaseModel):
    """What is asked for in one clip, checked. None means "not given", and is not sent.

    `duration_seconds` is whole seconds or `"auto"`; `model` is a neutral name or a wire model of the vendor.
    """

    model_config = ConfigDict(frozen=True)

    prompt: str = ""
    model: str = DEFAULT_MODEL
    duration_seconds: int | Literal["auto"] | None = None
    resolution: str | None = None
    ratio: str | None = None
    seed: int | None = None
    generate_audio: bool | None = None
    watermark: bool | None = None
    web_search: bool | None = None
    content_filter: bool | None = None
    return_last_frame: bool | None = None
    safety_identifier: str | None = None
    callback_url: str | None = None
    priority: int | None = None
    expires_after_seconds: int | None = None
    references: tuple[Reference, ...] = Field(default=())

    def with_changes(self, **changes: Any) -> ShotRequest:
        """As `model_copy(update=changes)`; the rows of a manifest keep theirs to the end."""
        return in_little_memory(self, changes)

    def having(self, *roles: Role) -> tuple[Reference, ...]:
        """The references with one of these roles, in their order."""
        return tuple(reference for reference in self.references if reference.role in roles)

    def kinds(self, kind: MediaKind) -> tuple[Reference, ...]:
        """The references that are pictures, videos or sounds, frames among the pictures."""
        return tuple(reference for reference in self.references if reference.role.kind == kind)

    @property
    def mode(self) -> Mode:
        """The mode that the references make; mixed ones count as `REFERENCE` and are refused by the limits."""
        roles = {reference.role for reference in self.references}
        if not roles:
            return Mode.TEXT
        if roles == {Role.FIRST_FRAME}:
            return Mode.FIRST_FRAME
        if roles <= {Role.FIRST_FRAME, Role.LAST_FRAME}:
            return Mode.FIRST_AND_LAST_FRAME
        return Mode.REFERENCE

    @property
    def make_up(self) -> str:
        """What of it a job's time depends on, in a word: resolution, length and mode."""
        return make_up_of(self, self.mode)

    def given_options(self) -> dict[str, object]:
        """Every option that was given, by its column name, without prompt, model and references."""
        return {name: value for name, value in zip(OPTIONS, option_values(self), strict=True) if value is not None}


def make_up_of(request: ShotRequest, mode: Mode) -> str:
    """The make-up of a request that will be of this mode once it is complete."""
    return f"{request.resolution or '-'} {request.duration_seconds or '-'} {mode.value}"


OPTIONS = tuple(name for name in ShotRequest.model_fields if name not in ("prompt", "model", "references"))
option_values = attrgetter(*OPTIONS)
"""The values of a request's options, given or not, in the order of `OPTIONS`."""
