"""What is asked of a stitch, and what it reports: the receipt beside every reel."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, field_validator

from longtake.domain.marks import Marks
from longtake.media.reading.clock import Ratio


def _parse_size(value: object) -> object:
    return value.lower().replace("×", "x").split("x") if isinstance(value, str) else value


Size = Annotated[
    tuple[int, int],
    BeforeValidator(_parse_size),
    PlainSerializer(lambda size: f"{size[0]}x{size[1]}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+x[0-9]+$"}),
]
"""Width and height in px; `"1280x720"` in JSON."""


class ReelStyle(BaseModel):
    """What a person may ask of a reel. Its fields' docstrings are the help in the Prefect form."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: Size | None = None
    """Width and height in px, both even, as 1280x720; empty takes the most frequent among the clips."""
    fps: Ratio | None = None
    """Pictures per second, as 24 or 30000/1001; empty takes the most frequent among the clips."""
    fit: Literal["pad", "crop", "scale"] = "pad"
    """How a clip of another ratio is fitted: bars around it, its edges cut off, or stretched."""
    fade_seconds: float = Field(default=0.006, ge=0, le=1)
    """Equal-power fade of the sound at both ends of every clip, against clicks."""
    crossfade_seconds: float = Field(default=0.0, ge=0, le=10)
    """Overlap of neighbouring clips in picture and sound; shortens the reel at every join."""
    loudness_lufs: float | None = Field(default=None, ge=-40, le=-5)
    """Integrated loudness (EBU R128) of the reel; empty leaves it as it is."""
    true_peak_dbtp: float = Field(default=-1.0, ge=-20, le=0)
    """What the sound must not exceed when loudness is set."""
    silent_film: Literal["silent-track", "no-track"] = "silent-track"
    """What a reel gets whose clips all have no sound."""

    @field_validator("size")
    @classmethod
    def _even(cls, size: tuple[int, int] | None) -> tuple[int, int] | None:
        if size and any(side < 16 or side > 8192 or side % 2 for side in size):
            raise ValueError("width and height must be even and lie in 16 to 8192")
        return size

    @field_validator("fps")
    @classmethod
    def _playable(cls, fps: Fraction | None) -> Fraction | None:
        if fps is not None and not 1 <= fps <= 240:
            raise ValueError("must lie in 1 to 240")
        return fps


class StitchOptions(ReelStyle):
    """How clips become a reel: its style, and what is known of these very clips.

    Attributes:
        trims: For every clip, pictures to drop at its head and at its tail; empty drops none.
        partial: The reel lacks shots; only passed on to the receipt, with `missing`.
    """

    trims: tuple[tuple[int, int], ...] = ()
    partial: bool = False
    missing: tuple[str, ...] = ()

    @field_validator("trims")
    @classmethod
    def _forward(cls, trims: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if any(side < 0 for trim in trims for side in trim):
            raise ValueError("must not be negative")
        return trims


class FilmFormat(BaseModel):
    """The format of a reel, and how it was chosen."""

    model_config = ConfigDict(frozen=True)

    width: int
    height: int
    fps: Ratio
    sample_aspect: Ratio
    pixel_format: str
    video_codec: str
    sound_rate_hz: int
    chosen: str
    colour: str = ""


class ClipReceipt(BaseModel):
    """What became of one clip. `frames` are the clip's own, `frames_used` what the reel holds of it.

    `colour` says how the colours of pictures encoded again were converted, "" if they are as they were.

    `frames_copied` of them are the clip's own packets; the others were encoded again. Within a crossfade the pictures
    of the later clip are counted. `fps` is the mean where the clip's rate varies. `seconds` is the length of its
    pictures, `shown_from_seconds` when the first one that the reel shows is due, from its first picture on.

    `marks` is what its file says of how it was made, `marks_lost` what of that the reel does not hold.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    action: Literal["copied", "partly re-encoded", "re-encoded"]
    why: str
    frames: int
    fps: Ratio
    seconds: float
    shown_from_seconds: float
    trimmed_head: int
    trimmed_tail: int
    frames_used: int
    frames_copied: int
    starts_at_seconds: float
    sound: str
    colour: str = ""
    marks: Marks = Marks()
    marks_lost: tuple[str, ...] = ()


class JoinReceipt(BaseModel):
    """One join. `click_ratio` is the sharpest bend of the sound at the join over that of the clips' own (99.9 %)."""

    model_config = ConfigDict(frozen=True)

    at_seconds: float
    crossfade_frames: int
    click_ratio: float | None


class LoudnessReceipt(BaseModel):
    """EBU R128 figures; None where there is nothing but silence."""

    model_config = ConfigDict(frozen=True)

    integrated_lufs: float | None
    true_peak_dbtp: float | None


class StitchReceipt(BaseModel):
    """How a reel was made, and what was counted, and read as its `marks`, in the finished file."""

    model_config = ConfigDict(frozen=True)

    reel: str
    sha256: str
    size_bytes: int
    partial: bool
    missing: tuple[str, ...]
    clips: tuple[ClipReceipt, ...]
    joins: tuple[JoinReceipt, ...]
    format: FilmFormat
    frames_expected: int
    frames_found: int
    picture_seconds: float
    sound_seconds: float | None
    loudness_before: LoudnessReceipt | None
    loudness_after: LoudnessReceipt | None
    gain_db: float | None
    limited: bool
    tools: dict[str, str]
    marks: Marks = Marks()
