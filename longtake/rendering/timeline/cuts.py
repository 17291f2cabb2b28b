"""What a film uses of each clip, in pictures of the film, from the receipt beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from longtake.rendering.timeline.schema import Span
from longtake.rendering.timeline.take import Take, by_bytes

_WHOLE = Fraction(1, 100_000)
"""A time told as a float is so near to a whole picture where it means one."""


@dataclass(frozen=True)
class Cut:
    """One clip in a film, at the film's rate.

    Attributes:
        shown: What of the clip is shown until the next one begins; its sum over a film is the film's pictures.
        overlap: For how many pictures it is blended with the end of the clip before.
        after: For how many pictures beyond `shown` it goes on, blended with the next.
        available: The whole clip; its last picture stands until the film's last one of it ends.
        starts_at: The number of the film's picture at which it begins.
    """

    take: Take
    shown: Span
    overlap: int
    after: int
    available: Span
    starts_at: int


def film_rate(receipt: Mapping[str, Any], takes: Sequence[Take]) -> Fraction:
    """Pictures per second of a film; a film that is its only clip has the clip's."""
    told = receipt.get("format")
    return Fraction(told["fps"] if told else takes[0].clip.fps)


def cuts_of(receipt: Mapping[str, Any], takes: Sequence[Take]) -> list[Cut]:
    """The clips of a film in order.

    Args:
        receipt: The JSON beside the film.
        takes: Those that it is made of, found by shot and bytes; others may be among them.

    Raises:
        KeyError: One of them is not there, or the receipt does not say what it must.
    """
    found = by_bytes(takes)
    told: list[Mapping[str, Any]] = receipt["clips"]
    used = [found[clip["shot_id"], clip["sha256"]] for clip in told]
    fps = film_rate(receipt, used)
    overlaps = [0, *(int(join["crossfade_frames"]) for join in receipt.get("joins", ())), 0]
    cuts: list[Cut] = []
    starts_at = 0
    for number, (clip, take) in enumerate(zip(told, used, strict=True)):
        frames = int(clip.get("frames_used", clip["frames"]))
        after = overlaps[number + 1]
        shown, available = _spans(clip, take, fps, frames, after)
        cuts.append(Cut(take, shown, overlaps[number], after, available, starts_at))
        starts_at += frames
    return cuts


def _spans(clip: Mapping[str, Any], take: Take, fps: Fraction, frames: int, after: int) -> tuple[Span, Span]:
    """What is shown of a clip, and all of it."""
    own, head, tail = int(clip["frames"]), int(clip.get("trimmed_head", 0)), int(clip.get("trimmed_tail", 0))
    rate = Fraction(clip.get("fps") or take.clip.fps)
    if rate == fps and head + frames + after + tail == own:
        return Span(Fraction(head), Fraction(frames), fps), Span(Fraction(0), Fraction(own), fps)
    # Pictures were doubled or dropped: what counts is when they are due.
    begin = _pictures(clip.get("shown_from_seconds", head / rate), fps)
    length = _pictures(clip.get("seconds", own / rate), fps)
    shown = Span(begin, Fraction(frames), fps)
    return shown, Span(Fraction(0), max(length, shown.end + after), fps)


def _pictures(seconds: float | Fraction, fps: Fraction) -> Fraction:
    exact = Fraction(seconds) * fps
    return Fraction(round(exact)) if abs(exact - round(exact)) < _WHOLE else exact


def beside(cut: Cut, take: Take) -> Span | None:
    """What of another take of the same shot stands where the film shows the chosen one; None where it has nothing.

    It begins where the chosen one does, earlier where it would end too soon.
    """
    fps = cut.shown.rate
    length = Fraction(take.clip.frames) / Fraction(take.clip.fps) * fps
    frames = min(cut.shown.duration, length // 1)
    if not frames:
        return None
    return Span(min(cut.shown.start, length - frames), Fraction(frames), fps)
