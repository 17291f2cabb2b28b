"""What is asked of a stitch, and what it reports: the receipt beside every reel."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from longtake.media.clock import Ratio


class StitchOptions(BaseModel):
    """How clips become a reel.

    Attributes:
        size: Width and height in px, both even; None takes the most frequent among the clips.
        fps: Pictures per second; None takes the most frequent.
        fit: How a clip of another ratio is fitted: bars around it, its edges cut off, or stretched.
        fade_seconds: Equal-power fade of the sound at both ends of every clip, against clicks.
        crossfade_seconds: Overlap of neighbouring clips in picture and sound; shortens the reel at every join.
        loudness_lufs: Integrated loudness (EBU R128) of the reel; None leaves it as it is.
        true_peak_dbtp: What the sound must not exceed when loudness is set.
        trims: For every clip, pictures to drop at its head and at its tail; empty drops none.
        silent_film: What a reel gets whose clips all have no sound.
        partial: The reel lacks shots; only passed on to the receipt, with `missing`.
    """

    model_config = ConfigDict(frozen=True)

    size: tuple[int, int] | None = None
    fps: Ratio | None = None
    fit: Literal["pad", "crop", "scale"] = "pad"
    fade_seconds: float = Field(default=0.006, ge=0, le=1)
    crossfade_seconds: float = Field(default=0.0, ge=0, le=10)
    loudness_lufs: float | None = Field(default=None, ge=-40, le=-5)
    true_peak_dbtp: float = Field(default=-1.0, ge=-20, le=0)
    trims: tuple[tuple[int, int], ...] = ()
    silent_film: Literal["silent-track", "no-track"] = "silent-track"
    partial: bool = False
    missing: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.size and any(side < 16 or side > 8192 or side % 2 for side in self.size):
            raise ValueError("size: width and height must be even and lie in 16 to 8192")
        if self.fps is not None and not 1 <= self.fps <= 240:
            raise ValueError("fps must lie in 1 to 240")
        if any(side < 0 for trim in self.trims for side in trim):
            raise ValueError("trims must not be negative")
        return self


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


class ClipReceipt(BaseModel):
    """What became of one clip. `frames` are the clip's own, `frames_used` what the reel holds of it.

    `frames_copied` of them are the clip's own packets; the others were encoded again. Within a crossfade the pictures
    of the later clip are counted.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    action: Literal["copied", "partly re-encoded", "re-encoded"]
    why: str
    frames: int
    trimmed_head: int
    trimmed_tail: int
    frames_used: int
    frames_copied: int
    starts_at_seconds: float
    sound: str


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
    """How a reel was made, and what was counted in the finished file."""

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
