"""The quality gate: is a downloaded clip whole, and is it what was asked for? One decoding pass, a list of findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel

from longtake.domain.marks import Marks
from longtake.media.checking.features import NotingWatch
from longtake.media.checking.policy import Check, GatePolicy, Graded
from longtake.media.checking.viewing import SOUND_BLOCK_SECONDS, Viewing, view
from longtake.media.reading.clock import Ratio
from longtake.media.reading.marks import read_marks
from longtake.media.reading.probe import ClipFacts

Severity = Literal["strict", "warn"]
FAR_SECONDS, FAR_SHARE = 0.5, 0.05
"""A length is far off beyond both: half a second, and so much of what was asked for."""
NEAR_PIXELS, NEAR_SHARE = 16, 0.02
"""A side is near within either: codecs round to blocks, vendors to their own tables."""

Stretch = tuple[float, float]
"""Start and end in seconds."""


class Expected(BaseModel, frozen=True):
    """What was asked for; None where anything will do.

    Width and height are as a viewer sees them, upright and in square pixels.
    """

    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    fps: Ratio | None = None
    audio: bool | None = None
    duration_tolerance_seconds: float = 0.25


class Finding(BaseModel, frozen=True):
    """Something a check found, and where in the clip, in seconds from its first picture."""

    check: Check
    severity: Severity
    message: str
    start_seconds: float | None = None
    end_seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.check}: {self.message}"


class Inspection(BaseModel, frozen=True):
    """The gate's answer."""

    facts: ClipFacts
    findings: tuple[Finding, ...]
    marks: Marks = Marks()

    @property
    def passed(self) -> bool:
        """Whether no strict check found anything."""
        return all(finding.severity != "strict" for finding in self.findings)


def inspect_clip(
    clip: Path, expected: Expected | None = None, policy: GatePolicy | None = None, *, note: Path | None = None
) -> Inspection:
    """Decodes a clip to its end and compares it with what was asked for.

    Args:
        clip: A local file.
        expected: What was asked for; nothing in particular by default.
        policy: What the findings of each check mean.
        note: Where the clip's features go, and its poster beside them; what cannot be noted is left out.

    Raises:
        UnreadableClipError: The file does not even open as a clip; there are no facts to judge.
    """
    expected, policy = expected or Expected(), policy or GatePolicy()
    watch = NotingWatch(note) if note is not None else None
    viewing = view(clip, watch)
    if watch is not None:
        watch.finish(is_whole=viewing.is_whole)
    found: tuple[tuple[Check, _Claims], ...] = (
        ("decodable", _undecodable(viewing)),
        ("duration", _wrong_duration(viewing, expected)),
        ("size", _wrong_size(viewing.facts, expected)),
        ("frame_rate", _wrong_rate(viewing, expected)),
        ("sound", _wrong_sound(viewing.facts, expected)),
        ("black", _black(viewing, policy)),
        ("frozen", _frozen(viewing, policy)),
        ("cuts", _cuts(viewing)),
        ("silent", _silent(viewing, policy)),
        ("clipped", _clipped(viewing, policy)),
    )
    findings: list[Finding] = []
    for check, claims in found:
        severity = cast(Graded, getattr(policy, check))
        if severity == "off":
            continue
        for message, stretch in claims:
            start, end = (round(stretch[0], 3), round(stretch[1], 3)) if stretch else (None, None)
            # Sound that nobody asked for spoils nothing.
            unasked = check == "sound" and viewing.facts.has_audio
            far = severity == "far" and _is_far(check, viewing, expected)
            level: Severity = "strict" if (severity == "strict" or far) and not unasked else "warn"
            findings.append(Finding(check=check, severity=level, message=message, start_seconds=start, end_seconds=end))
    return Inspection(facts=viewing.facts, findings=tuple(findings), marks=read_marks(clip))


_Claims = Iterator[tuple[str, Stretch | None]]


def _undecodable(viewing: Viewing) -> _Claims:
    facts, step = viewing.facts, float(1 / viewing.facts.fps)
    if viewing.complaints:
        first, words = min(viewing.complaints)
        last = max(viewing.complaints)[0]
        count = len(viewing.complaints)
        yield f"{count} packet(s) from {first:.2f} s on do not decode ({words})", (first, max(last, first + step))
    if viewing.damaged:
        first, last = min(viewing.damaged), max(viewing.damaged) + step
        count = len(viewing.damaged)
        yield f"{count} picture(s) between {first:.2f} and {last:.2f} s are damaged", (first, last)
    shown = len(set(viewing.times))
    if shown != facts.frames:
        end = facts.duration_seconds
        yield f"{shown} of the {facts.frames} pictures that its index names decode", (min(viewing.seconds, end), end)


def _wrong_duration(viewing: Viewing, expected: Expected) -> _Claims:
    wanted, tolerance = expected.duration_seconds, expected.duration_tolerance_seconds
    if wanted is not None and abs(viewing.seconds - wanted) > tolerance + 1e-6:
        yield f"lasts {viewing.seconds:.2f} s, {wanted:.2f} s were asked for", None


def _wrong_size(facts: ClipFacts, expected: Expected) -> _Claims:
    width, height = facts.display_size
    if (expected.width or width, expected.height or height) != (width, height):
        asked = f"{expected.width or 'any'}×{expected.height or 'any'}"
        yield f"{width}×{height} px, {asked} were asked for", None


def _is_far(check: Check, viewing: Viewing, expected: Expected) -> bool:
    """Whether a length or size is so far from what was asked for that the clip is another one."""
    if check == "duration":
        wanted = expected.duration_seconds or viewing.seconds
        return abs(viewing.seconds - wanted) > max(FAR_SECONDS, FAR_SHARE * wanted)
    sides = zip(viewing.facts.display_size, (expected.width, expected.height), strict=True)
    return any(side and abs(side - shown) > max(NEAR_PIXELS, NEAR_SHARE * side) for shown, side in sides)


def _wrong_rate(viewing: Viewing, expected: Expected) -> _Claims:
    facts, times = viewing.facts, sorted(viewing.times)
    steps = [later - earlier for earlier, later in pairwise(times)]
    usual = sorted(steps)[len(steps) // 2] if steps else 0.0
    # Where pictures are missing the mean rate says little.
    rate = float(facts.fps) if facts.constant_rate or not usual else 1 / usual
    if expected.fps is not None and abs(rate / float(expected.fps) - 1) > (0.0005 if facts.constant_rate else 0.02):
        yield f"{rate:.3f} pictures a second, {float(expected.fps):.3f} were asked for", None
    gaps = [(start, start + step) for start, step in zip(times, steps, strict=False) if step > 1.75 * usual]
    if gaps:
        longest = max(gaps, key=lambda gap: gap[1] - gap[0])
        missing = round((longest[1] - longest[0]) / usual) - 1 if usual else 0
        yield f"{len(gaps)} gap(s) between pictures, the longest of {missing} at {longest[0]:.2f} s", longest
    elif not facts.constant_rate:
        yield "the pictures are not evenly spaced", None


def _wrong_sound(facts: ClipFacts, expected: Expected) -> _Claims:
    if expected.audio is True and not facts.has_audio:
        yield "has no sound, which was asked for", None
    if expected.audio is False and facts.has_audio:
        yield "has sound, which was not asked for", None


def _black(viewing: Viewing, policy: GatePolicy) -> _Claims:
    for stretch in _picture_stretches(viewing, viewing.black, policy.black_seconds):
        yield f"black from {stretch[0]:.2f} to {stretch[1]:.2f} s", stretch


def _frozen(viewing: Viewing, policy: GatePolicy) -> _Claims:
    frozen = [is_still and not is_black for is_still, is_black in zip(viewing.still, viewing.black, strict=True)]
    # A still picture's stretch begins with the picture before it, which is the one that stays.
    spans = list(zip([0.0, *viewing.times], [*viewing.times[1:], viewing.seconds], strict=False))
    for stretch in _stretches(spans[: len(frozen)], frozen, policy.frozen_seconds):
        yield f"nothing moves from {stretch[0]:.2f} to {stretch[1]:.2f} s", stretch


def _cuts(viewing: Viewing) -> _Claims:
    for cut in viewing.cuts:
        words = f"another scene begins at frame {cut.picture} ({cut.seconds:.2f} s), and no cut was asked for"
        yield words, (cut.seconds, cut.seconds)


def _silent(viewing: Viewing, policy: GatePolicy) -> _Claims:
    floor = 10 ** (policy.silent_below_db / 20)
    for stretch in _sound_stretches(viewing, [level < floor for level in viewing.loudness], policy.silent_seconds):
        yield f"silent from {stretch[0]:.2f} to {stretch[1]:.2f} s", stretch


def _clipped(viewing: Viewing, policy: GatePolicy) -> _Claims:
    clipped = [share >= policy.clipped_share for share in viewing.clipped]
    for stretch in _sound_stretches(viewing, clipped, policy.clipped_seconds):
        yield f"sound clipped from {stretch[0]:.2f} to {stretch[1]:.2f} s", stretch


def _picture_stretches(viewing: Viewing, marks: Sequence[bool], shortest_seconds: float) -> Iterator[Stretch]:
    ends = [*viewing.times[1:], viewing.seconds]
    yield from _stretches(list(zip(viewing.times, ends, strict=False)), marks, shortest_seconds)


def _sound_stretches(viewing: Viewing, marks: Sequence[bool], shortest_seconds: float) -> Iterator[Stretch]:
    size = SOUND_BLOCK_SECONDS
    blocks = [(number * size, min((number + 1) * size, viewing.seconds)) for number in range(len(marks))]
    yield from _stretches(blocks, marks, shortest_seconds)


def _stretches(spans: Sequence[Stretch], marks: Sequence[bool], shortest_seconds: float) -> Iterator[Stretch]:
    """The marked runs that are long enough, as one where less than half a second lies between them."""
    runs: list[Stretch] = []
    for marked, group in groupby(zip(spans, marks, strict=True), key=lambda pair: pair[1]):
        run = [span for span, _ in group]
        start, end = run[0][0], run[-1][1]
        if not marked or end - start < shortest_seconds - 1e-6:
            continue
        if runs and start - runs[-1][1] < 0.5:
            start = runs.pop()[0]
        runs.append((start, end))
    yield from runs
