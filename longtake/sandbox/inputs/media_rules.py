"""A vendor's limits on references, as data, and the check against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longtake.sandbox.inputs.measuring import Fetched
from longtake.sandbox.order import MediaKind, Refused, Why

MIB = 1024 * 1024
_SLACK_SECONDS = 0.001


@dataclass(frozen=True)
class MediaRules:
    """A vendor's limits on references. Sizes in bytes, sides in px, lengths in seconds; pairs are inclusive ranges.

    `schemes` are what addresses of each kind may be: `http` (and https), `asset`, `data`. With `https_only` plain http
    is taken from loopback alone, where the sandbox's own files lie. `video_pixels` bounds width x height,
    `video_short_side_px` the shorter side, where a document puts it so.
    """

    schemes: dict[MediaKind, frozenset[str]]
    https_only: bool = False
    image_formats: frozenset[str] = frozenset({"JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"})
    image_bytes: int = 30 * MIB
    aspect: tuple[float, float] = (0.4, 2.5)
    side_px: tuple[int, int] = (300, 6000)
    video_bytes: int = 50 * MIB
    video_total_bytes: int | None = None
    video_seconds: tuple[float, float] = (2, 15)
    video_total_seconds: float = 15
    video_fps: tuple[float, float] = (24, 60)
    video_pixels: tuple[int, int] | None = None
    video_short_side_px: tuple[int, int] | None = None
    audio_formats: frozenset[str] = frozenset({"wav", "mp3"})
    audio_bytes: int = 15 * MIB
    audio_seconds: tuple[float, float] = (2, 15)
    audio_total_seconds: float = 15

    def bytes_of(self, kind: MediaKind) -> int:
        """The most one file of this kind may weigh."""
        if kind == "video":
            return self.video_total_bytes or self.video_bytes
        return self.image_bytes if kind == "image" else self.audio_bytes


def check(references: Sequence[Fetched], rules: MediaRules) -> None:
    """Holds measured references against the limits, one by one and in total.

    Raises:
        Refused: With the first limit that is broken.
    """
    measured = [reference for reference in references if reference.was_measured]
    for reference in measured:
        {"image": _check_image, "video": _check_video, "audio": _check_audio}[reference.kind](reference, rules)
    for kind, most in (("video", rules.video_total_seconds), ("audio", rules.audio_total_seconds)):
        total = sum(reference.seconds for reference in measured if reference.kind == kind)
        if total > most + _SLACK_SECONDS:
            raise Refused(Why.BAD_REFERENCE, f"all reference {kind}s together last {total:.3f} s, more than {most:g} s")
    if rules.video_total_bytes is not None:
        weight = sum(reference.size_bytes for reference in measured if reference.kind == "video")
        if weight > rules.video_total_bytes:
            raise Refused(Why.BAD_REFERENCE, "all reference videos together weigh too much")


def _outside(what: str, reference: Fetched, value: float, bounds: tuple[float, float]) -> None:
    if not bounds[0] - _SLACK_SECONDS <= value <= bounds[1] + _SLACK_SECONDS:
        raise Refused(
            Why.BAD_REFERENCE, f"{reference.role}: {what} {value:g} is outside {bounds[0]:g} to {bounds[1]:g}"
        )


def _check_sides(reference: Fetched, rules: MediaRules) -> None:
    _outside("width in px", reference, reference.width, rules.side_px)
    _outside("height in px", reference, reference.height, rules.side_px)
    _outside("aspect ratio", reference, reference.width / reference.height, rules.aspect)


def _check_image(reference: Fetched, rules: MediaRules) -> None:
    if reference.format not in rules.image_formats:
        raise Refused(Why.BAD_REFERENCE, f"{reference.role}: {reference.format} pictures are not supported")
    if reference.size_bytes > rules.image_bytes:
        raise Refused(Why.BAD_REFERENCE, f"{reference.role}: larger than {rules.image_bytes // MIB} MB")
    _check_sides(reference, rules)


def _check_video(reference: Fetched, rules: MediaRules) -> None:
    if reference.format != "mp4":
        raise Refused(Why.BAD_REFERENCE, f"{reference.role}: {reference.format} videos are not supported")
    if rules.video_total_bytes is None and reference.size_bytes > rules.video_bytes:
        raise Refused(Why.BAD_REFERENCE, f"{reference.role}: larger than {rules.video_bytes // MIB} MB")
    _check_sides(reference, rules)
    _outside("length in s", reference, reference.seconds, rules.video_seconds)
    _outside("frame rate", reference, reference.fps, rules.video_fps)
    if rules.video_pixels is not None:
        _outside("width x height", reference, reference.width * reference.height, rules.video_pixels)
    if rules.video_short_side_px is not None:
        _outside("shorter side in px", reference, min(reference.width, reference.height), rules.video_short_side_px)


def _check_audio(reference: Fetched, rules: MediaRules) -> None:
    if reference.format not in rules.audio_formats:
        raise Refused(Why.BAD_REFERENCE, f"{reference.role}: {reference.format} sound is not supported")
    if reference.size_bytes > rules.audio_bytes:
        raise Refused(Why.BAD_REFERENCE, f"{reference.role}: larger than {rules.audio_bytes // MIB} MB")
    _outside("length in s", reference, reference.seconds, rules.audio_seconds)
