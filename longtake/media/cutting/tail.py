"""Clips as references: the last seconds of one cut to the picture, or a copy changed until it keeps the limits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, log2
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from longtake.domain.errors import UnfitClipError
from longtake.domain.marks import Marks, lost_marks
from longtake.media.cutting.recode import Source, Stretch, copy_stretch, encode_stretch, encoded_colour
from longtake.media.reading.colour import conversion
from longtake.media.reading.marks import read_marks
from longtake.media.reading.opening import reading
from longtake.media.reading.packets import read_packets
from longtake.media.reading.pictures import published
from longtake.media.reading.probe import ClipFacts, open_clip

FINEST_CRF, COARSEST_CRF = 16, 40
_TAKEN_CODECS = ("h264", "hevc")
_EPSILON = 1e-6

Method = Literal["untouched", "copied", "re-encoded"]


class TailLimits(BaseModel, frozen=True):
    """A vendor's bounds on a reference video; None where its documents name none. Aspect is width to height."""

    min_seconds: float = 2.0
    max_seconds: float = 15.0
    max_bytes: int = 50 * 2**20
    min_fps: float = 24
    max_fps: float = 60
    min_side_px: int = 300
    max_side_px: int = 6000
    min_pixels: int | None = None
    max_pixels: int | None = None
    min_aspect: float = 0.4
    max_aspect: float = 2.5


class TailReceipt(BaseModel, frozen=True):
    """What was cut, and how.

    Attributes:
        first_frame: The number of the source's picture that the tail begins with.
        frames: Pictures in the tail.
        seconds: Their length.
        width: As displayed.
        height: As displayed.
        bytes: Size of the file.
        method: "untouched" is a copy of the file, "copied" has the source's own coded pictures, both without loss.
        reason: Why it could not be copied, "" if it could.
        colour: How the colours were converted, "" if they are as they were.
        marks: What the tail's file says of how it was made.
        marks_lost: What of the clip's marks the tail does not hold.
    """

    first_frame: int
    frames: int
    seconds: float
    width: int
    height: int
    bytes: int
    method: Method
    reason: str = ""
    colour: str = ""
    marks: Marks = Marks()
    marks_lost: tuple[str, ...] = ()


class FitReceipt(BaseModel, frozen=True):
    """What a copy was changed in to keep the limits; no changes: it is the file itself."""

    changes: tuple[str, ...]
    bytes: int
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


def cut_tail(clip: Path, seconds: float, target: Path, limits: TailLimits | None = None) -> TailReceipt:
    """Writes the last seconds of a clip: exactly `round(seconds · fps)` pictures, the source's last one last.

    Pictures are copied where the tail begins at a picture from which decoding can start, else encoded anew; the sound
    is cut to the sample. A clip no longer than asked is passed on untouched.

    Args:
        clip: A local clip.
        seconds: How much of its end.
        target: Where the tail goes, whole or not at all.
        limits: What the result must keep. Size, ratio and rate of the pictures are never changed here.

    Raises:
        UnfitClipError: A limit can not be kept, or the colours not be converted; names it.
        UnreadableClipError: The clip does not decode.
    """
    limits = limits or TailLimits()
    source = _read(clip)
    facts = source.facts
    seconds = min(seconds, limits.max_seconds + _EPSILON)
    frames = min(round(Fraction(seconds) * facts.fps), facts.frames)
    if frames / facts.fps > limits.max_seconds + _EPSILON:
        frames -= 1
    _demand(_picture_breaches(*facts.display_size, float(facts.fps), float(frames / facts.fps), limits))
    width, height = facts.display_size
    stretch = _last(source, frames, facts.fps, (width - width % 2, height - height % 2))
    obstacle = _why_not_copied(source, frames)
    with published(target) as draft:
        if frames == facts.frames and _is_taken(facts, limits):
            shutil.copyfile(clip, draft)
            method, obstacle = "untouched", ""
        elif not obstacle and _copied_within(source, stretch, draft, limits.max_bytes):
            method = "copied"
        else:
            obstacle = obstacle or f"it has more than {limits.max_bytes} bytes"
            _encode_within(source, stretch, draft, limits.max_bytes)
            method = "re-encoded"
    marks = read_marks(target)
    return TailReceipt(
        first_frame=facts.frames - frames,
        frames=frames,
        seconds=float(frames / facts.fps),
        width=width if method == "untouched" else stretch.size[0],
        height=height if method == "untouched" else stretch.size[1],
        bytes=target.stat().st_size,
        method=method,
        reason=obstacle,
        colour=conversion(facts.colour_meant, encoded_colour(facts)) if method == "re-encoded" else "",
        marks=marks,
        marks_lost=lost_marks(source.marks, marks),
    )


def make_fit(
    source: Path, target: Path, limits: TailLimits | None = None, keep: Literal["start", "end"] = "end"
) -> FitReceipt:
    """Writes a copy that keeps the limits: trimmed, re-timed, scaled or encoded anew, and only where needed.

    Args:
        source: A local clip.
        target: Where the copy goes, whole or not at all.
        limits: What it must keep.
        keep: Which end of a clip that is too long stays.

    Raises:
        UnfitClipError: No such copy exists (too short, of an extreme ratio, bounds that exclude each other, colours
            that are not converted here).
        UnreadableClipError: The source does not decode.
    """
    limits = limits or TailLimits()
    clip = _read(source)
    facts = clip.facts
    fps, size = _legal_rate(facts, limits), _legal_size(facts.display_size, limits)
    frames = round(Fraction(facts.duration_seconds) * fps)
    while frames and frames / fps > limits.max_seconds + _EPSILON:
        frames -= 1
    _demand(_picture_breaches(*size, float(fps), float(frames / fps), limits))
    changes = list(_changes(facts, limits, fps, size, frames))
    with published(target) as draft:
        if not changes:
            shutil.copyfile(source, draft)
        else:
            at_start = Stretch(Fraction(0), frames, fps, size)
            stretch = at_start if keep == "start" else _last(clip, frames, fps, size)
            crf = _encode_within(clip, stretch, draft, limits.max_bytes)
            changes += [f"compressed to crf {crf}"] if crf != FINEST_CRF else []
            changes += _colour_changes(facts)
            changes += [f"{words} left out" for words in lost_marks(clip.marks, read_marks(draft))]
    return FitReceipt(
        changes=tuple(changes),
        bytes=target.stat().st_size,
        seconds=float(frames / fps),
        width=size[0],
        height=size[1],
    )


def _read(clip: Path) -> Source:
    with reading(clip), open_clip(clip) as opened:
        return Source(clip, opened.facts, read_packets(opened, clip), read_marks(clip))


def _last(source: Source, frames: int, fps: Fraction, size: tuple[int, int]) -> Stretch:
    table = source.table
    last_shown = (table.times[-1] - table.times[0]) * table.tick_seconds
    return Stretch(max(last_shown - (frames - 1) / fps, Fraction(0)), frames, fps, size)


def _why_not_copied(source: Source, frames: int) -> str:
    facts, table = source.facts, source.table
    if table.obstacle:
        return table.obstacle
    if facts.video_codec != "h264" or facts.sample_aspect != 1:
        return f"{facts.video_codec} is encoded anew" if facts.video_codec != "h264" else "its pixels are not square"
    span = (facts.frames - frames, facts.frames)
    return "" if table.copyable_span(*span) == span else "the tail does not begin with a keyframe"


def _is_taken(facts: ClipFacts, limits: TailLimits) -> bool:
    """Whether the file itself will do: a vendor may take the longer of picture and sound for its length."""
    fits = facts.size_bytes <= limits.max_bytes and facts.audio_seconds <= limits.max_seconds + 0.05
    return fits and facts.video_codec in _TAKEN_CODECS


def _copied_within(source: Source, stretch: Stretch, draft: Path, max_bytes: int) -> bool:
    copy_stretch(source, stretch, draft)
    return draft.stat().st_size <= max_bytes


def _encode_within(source: Source, stretch: Stretch, draft: Path, max_bytes: int) -> int:
    """Encodes ever more coarsely until the file is small enough; returns the CRF that was."""
    crf = FINEST_CRF
    while True:
        encode_stretch(source, stretch, draft, crf)
        size = draft.stat().st_size
        if size <= max_bytes:
            return crf
        if crf >= COARSEST_CRF:
            raise UnfitClipError(f"{source.path.name}: max_bytes is {max_bytes}, its smallest encoding has {size}")
        # Four to six steps of CRF halve the size.
        crf = min(COARSEST_CRF, crf + max(1, ceil(4.5 * log2(size / max_bytes))))


def _picture_breaches(width: int, height: int, fps: float, seconds: float, limits: TailLimits) -> Iterator[str]:
    bounds = (
        ("seconds", seconds, limits.min_seconds, limits.max_seconds),
        ("fps", fps, limits.min_fps, limits.max_fps),
        ("side_px", min(width, height), limits.min_side_px, None),
        ("side_px", max(width, height), None, limits.max_side_px),
        ("pixels", width * height, limits.min_pixels, limits.max_pixels),
        ("aspect", width / height, limits.min_aspect, limits.max_aspect),
    )
    for name, value, least, most in bounds:
        if least is not None and value < least - _EPSILON:
            yield f"min_{name} is {least:g}, it has {value:g}"
        if most is not None and value > most + _EPSILON:
            yield f"max_{name} is {most:g}, it has {value:g}"


def _demand(breaches: Iterator[str]) -> None:
    found = list(breaches)
    if found:
        raise UnfitClipError("cannot be made a legal reference: " + "; ".join(found))


def _legal_rate(facts: ClipFacts, limits: TailLimits) -> Fraction:
    least, most = Fraction(limits.min_fps).limit_denominator(1001), Fraction(limits.max_fps).limit_denominator(1001)
    if facts.fps > most:
        # Leaving out every second picture is smoother than a rate that does not divide.
        halved = facts.fps / 2
        return halved if least <= halved <= most else most
    return max(facts.fps, least)


def _legal_size(size: tuple[int, int], limits: TailLimits) -> tuple[int, int]:
    """The nearest legal size of the same ratio, with even sides."""
    width, height = size
    most = min(
        limits.max_side_px / max(size), (limits.max_pixels / (width * height)) ** 0.5 if limits.max_pixels else 9e9
    )
    least = max(
        limits.min_side_px / min(size), (limits.min_pixels / (width * height)) ** 0.5 if limits.min_pixels else 0
    )
    if least <= 1 <= most and width % 2 == height % 2 == 0:
        return size
    factor = min(max(1.0, least), most)
    if factor > 1:
        return ceil(width * factor / 2) * 2, ceil(height * factor / 2) * 2
    return int(width * factor / 2) * 2, int(height * factor / 2) * 2


def _colour_changes(facts: ClipFacts) -> Iterator[str]:
    """What an encoding does to the colours."""
    if converted := conversion(facts.colour_meant, encoded_colour(facts)):
        yield converted
    if facts.pixel_format.endswith(("10le", "12le")):
        yield f"8 bits a colour instead of those of {facts.pixel_format}"
    if facts.pixel_format.startswith(("yuva", "gbra", "rgba", "argb", "bgra", "abgr", "ya8")):
        yield "its transparency left out"


def _changes(facts: ClipFacts, limits: TailLimits, fps: Fraction, size: tuple[int, int], frames: int) -> Iterator[str]:
    if frames / fps < facts.duration_seconds - float(1 / facts.fps) - _EPSILON:
        yield f"trimmed from {facts.duration_seconds:.2f} to {float(frames / fps):.2f} s"
    elif facts.duration_seconds > limits.max_seconds + _EPSILON:
        yield f"trimmed by {facts.duration_seconds - float(frames / fps):.3f} s"
    if fps != facts.fps or not facts.constant_rate:
        yield f"re-timed from {float(facts.fps):.3f} to {float(fps):.3f} pictures a second"
    if size != facts.display_size:
        yield f"scaled from {facts.display_size[0]}×{facts.display_size[1]} to {size[0]}×{size[1]} px"
    if facts.rotation_degrees or facts.sample_aspect != 1:
        yield "turned upright, square pixels"
    if facts.video_codec not in _TAKEN_CODECS:
        yield f"transcoded from {facts.video_codec} to h264"
    if facts.size_bytes > limits.max_bytes:
        yield f"encoded anew: {facts.size_bytes} bytes are more than {limits.max_bytes}"
