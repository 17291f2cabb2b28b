"""Decides how clips become a film: its format, which pictures are copied, which are encoded again, and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from longtake.domain.errors import UnfitClipError
from longtake.domain.marks import Marks
from longtake.media.reading.clock import STANDARD_RATES
from longtake.media.reading.colour import SDR, Colour, Tags, check_convertible, decided, is_kept_in_8_bits
from longtake.media.reading.fitting import tags_of
from longtake.media.reading.marks import read_marks
from longtake.media.reading.opening import reading
from longtake.media.reading.packets import PacketTable, read_packets
from longtake.media.reading.parameter_sets import ParameterSets
from longtake.media.reading.pictures import all_pictures
from longtake.media.reading.probe import ClipFacts, open_clip
from longtake.media.stitching.receipt import StitchOptions

SOUND_RATES_HZ = (48_000, 44_100)
"""What a film's sound may have; the first where its clips agree on neither."""

ENCODABLE_PIXELS = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"}
)


class Format(NamedTuple):
    """What all pictures of a film agree in; `size` in px as coded, before `sample_aspect`."""

    size: tuple[int, int]
    sample_aspect: Fraction
    fps: Fraction

    def __str__(self) -> str:
        (width, height), aspect = self.size, self.sample_aspect
        pixels = "" if aspect == 1 else f", pixels {aspect.numerator}:{aspect.denominator}"
        return f"{width}×{height}{pixels}, {float(self.fps):.6g} pictures/s"


@dataclass(frozen=True)
class Target:
    """The film's format. `donor` is the first clip whose packets are copied; None where every picture is encoded.

    `colour` is what the film's header says, in the very words of the donor's.
    """

    format: Format
    pixel_format: str
    colour: Tags
    signature: str
    donor: int | None
    codec: str
    sets: ParameterSets | None
    chosen: str

    @property
    def colour_meant(self) -> Colour:
        """What the film's colours mean; a donor that leaves it open is taken as any other clip."""
        return decided(self.colour, self.format.size, self.pixel_format)


@dataclass(frozen=True)
class PlannedClip:
    """One clip, and which of its pictures the film shows.

    Attributes:
        picks: For every picture of the film that this clip gives, the number of the clip's own.
        overlap: How many of them are blended with the end of the clip before.
        copied: Those that are copied, as [first, last) of `picks`; empty as (0, 0).
        why: Why pictures are encoded again, "" if none are.
        marks: What its file says of how it was made.
    """

    path: Path
    sha256: str
    facts: ClipFacts
    table: PacketTable
    head: int
    tail: int
    picks: Sequence[int] = ()
    overlap: int = 0
    copied: tuple[int, int] = (0, 0)
    why: str = ""
    marks: Marks = field(default_factory=Marks)

    @property
    def shown_from_seconds(self) -> Fraction:
        """When the first picture that the film shows is due, on the clip's own clock."""
        return self.table.times[self.head] * self.table.tick_seconds


@dataclass(frozen=True)
class FilmPlan:
    """A film before it is made. `starts` holds the number of the film's picture at which each clip begins.

    `own`: the marks that it gets beside those of its clips.
    """

    clips: tuple[PlannedClip, ...]
    target: Target
    starts: tuple[int, ...]
    pictures: int
    sound_rate_hz: int
    own: Marks = field(default_factory=Marks)

    def overlap_after(self, number: int) -> int:
        """How many pictures at the end of a clip are blended with the next one."""
        return self.clips[number + 1].overlap if number + 1 < len(self.clips) else 0


def make_plan(paths: Sequence[Path], options: StitchOptions) -> FilmPlan:
    """Reads every clip's packets and decides.

    Raises:
        UnreadableClipError: A clip cannot be used.
        UnfitClipError: The options do not fit the clips.
    """
    if not paths:
        raise UnfitClipError("a reel needs at least one clip")
    if options.trims and len(options.trims) != len(paths):
        raise UnfitClipError(f"{len(options.trims)} trims are given for {len(paths)} clips")
    clips = [_read(path, *trim) for path, trim in zip(paths, options.trims or [(0, 0)] * len(paths), strict=True)]
    wanted, chosen = _choose_format(clips, options)
    # Clips that all agree are copied whatever their codec; only H.264 lets other parameter sets stand beside them.
    alike = _cut(clips, _choose_target(clips, wanted, chosen), options)
    if not any(clip.why for clip in alike.clips):
        return alike
    plan = _cut(clips, _choose_target(clips, wanted, chosen, _can_encode_beside), options)
    return _with_decoded_colour(plan) if any(clip.why for clip in plan.clips) else plan


def _with_decoded_colour(plan: FilmPlan) -> FilmPlan:
    """What is encoded beside copied pictures says of its colours what they say, whatever their container says."""
    target = plan.target
    if target.donor is not None:
        first = next(all_pictures(plan.clips[target.donor].path))
        plan = replace(plan, target=replace(target, colour=tags_of(first)))
    for clip in plan.clips:
        if clip.why:
            check_convertible(clip.facts.colour_meant, plan.target.colour_meant, clip.path.name)
    return plan


def _read(path: Path, head: int, tail: int) -> PlannedClip:
    with open_clip(path) as clip:
        table = read_packets(clip, path)
        facts = clip.facts
    if head + tail >= facts.frames:
        raise UnfitClipError(f"{path.name}: trimming {head} + {tail} of {facts.frames} pictures leaves none")
    with reading(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PlannedClip(path, digest, facts, table, head, tail, marks=read_marks(path))


def format_of(facts: ClipFacts) -> Format:
    """The format in which a clip would stand upright and evenly spaced."""
    size, aspect = (facts.width, facts.height), facts.sample_aspect
    if facts.rotation_degrees in (90, 270):
        size, aspect = (facts.height, facts.width), 1 / aspect
    fps = facts.fps if facts.constant_rate else min(STANDARD_RATES, key=lambda rate: abs(rate - facts.fps))
    return Format(size, aspect, fps)


def _choose_format(clips: Sequence[PlannedClip], options: StitchOptions) -> tuple[Format, str]:
    votes = Counter(format_of(clip.facts) for clip in clips)
    # Of equals, a Counter puts first what it met first.
    chosen, count = votes.most_common(1)[0]
    words = f"the most frequent: {count} of {len(clips)} clips"
    if options.size:
        chosen, words = chosen._replace(size=options.size, sample_aspect=Fraction(1)), "size as told"
    if options.fps:
        words = "size and rate as told" if options.size else f"rate as told, size {words}"
        chosen = chosen._replace(fps=options.fps)
    return chosen, words


def _choose_sound_rate(clips: Sequence[PlannedClip]) -> int:
    rates = Counter(clip.facts.audio_rate_hz for clip in clips if clip.facts.has_audio)
    common = rates.most_common(1)[0][0] if rates else 0
    return common if common in SOUND_RATES_HZ else SOUND_RATES_HZ[0]


def _can_encode_beside(clip: PlannedClip) -> bool:
    facts, sets = clip.facts, clip.table.sets
    is_even = facts.width % 2 == 0 and facts.height % 2 == 0
    is_h264 = facts.video_codec == "h264" and sets is not None and sets.length_bytes == 4
    return is_even and is_h264 and facts.pixel_format in ENCODABLE_PIXELS


def _choose_target(
    clips: Sequence[PlannedClip], wanted: Format, chosen: str, may_donate: Callable[[PlannedClip], bool] = bool
) -> Target:
    fitting = [
        clip for clip in clips if format_of(clip.facts) == wanted and not clip.table.obstacle and may_donate(clip)
    ]
    if not fitting:
        width, height = wanted.size
        even = wanted._replace(size=(max(width - width % 2, 16), max(height - height % 2, 16)))
        return Target(even, "yuv420p", _choose_colour(clips), "", None, "h264", None, chosen)
    signature = Counter(clip.facts.signature for clip in fitting).most_common(1)[0][0]
    donor = next(number for number, clip in enumerate(clips) if clip in fitting and clip.facts.signature == signature)
    facts = clips[donor].facts
    sets = clips[donor].table.sets
    return Target(wanted, facts.pixel_format, facts.colour, signature, donor, facts.video_codec, sets, chosen)


def _choose_colour(clips: Sequence[PlannedClip]) -> Colour:
    """The most frequent colours; HDR becomes SDR, for a film of 8 bits cannot hold it."""
    meant = [clip.facts.colour_meant for clip in clips]
    taken = [colour if is_kept_in_8_bits(colour) else SDR for colour in meant]
    return Counter(taken).most_common(1)[0][0]


def _cut(clips: Sequence[PlannedClip], target: Target, options: StitchOptions) -> FilmPlan:
    picked = [replace(clip, picks=_picks(clip, target.format.fps)) for clip in clips]
    overlap = round(Fraction(options.crossfade_seconds) * target.format.fps)
    planned: list[PlannedClip] = []
    starts: list[int] = []
    end = 0
    for number, clip in enumerate(picked):
        before = picked[number - 1] if number else None
        # At most half of either clip is blended, so that no picture belongs to two joins.
        shared = min(overlap, len(before.picks) // 2, len(clip.picks) // 2) if before else 0
        planned.append(replace(clip, overlap=shared))
        starts.append(end - shared)
        end += len(clip.picks) - shared
    plan = FilmPlan(tuple(planned), target, tuple(starts), end, _choose_sound_rate(clips))
    decided = tuple(_decide(clip, plan.overlap_after(number), target) for number, clip in enumerate(plan.clips))
    return replace(plan, clips=decided)


def _picks(clip: PlannedClip, fps: Fraction) -> Sequence[int]:
    facts, table = clip.facts, clip.table
    if facts.constant_rate and facts.fps == fps:
        return range(clip.head, facts.frames - clip.tail)
    begin = clip.shown_from_seconds - table.start_seconds
    last = facts.frames - clip.tail
    end = (table.times[last] - table.times[0]) * table.tick_seconds if clip.tail else table.end_seconds
    count = max(round((end - begin) * fps), 1)
    # A picture that is due a moment later is shown now: rounded time stamps must not drop one and double another.
    early = min(1 / (4 * fps), 1 / (2 * facts.fps))
    return [min(table.picture_at(begin + number / fps + early), last - 1) for number in range(count)]


def _decide(clip: PlannedClip, overlap_after: int, target: Target) -> PlannedClip:
    if why := _difference(clip, target):
        return replace(clip, why=why)
    first, last = clip.overlap, len(clip.picks) - overlap_after
    start, end = clip.table.copyable_span(clip.head + first, clip.head + last)
    copied = (start - clip.head, end - clip.head) if start < end else (0, 0)
    if copied == (0, len(clip.picks)):
        return replace(clip, copied=copied)
    causes = {"crossfade": clip.overlap or overlap_after, "trimmed": clip.head or clip.tail}
    cause = " and ".join(word for word, applies in causes.items() if applies) or "its last packets cannot stand alone"
    rest = "pictures outside the nearest clean cuts" if start < end else "it has no clean cut"
    return replace(clip, copied=copied, why=f"{cause}: {rest}")


def _difference(clip: PlannedClip, target: Target) -> str:
    """Why a clip's packets cannot stand in the film, "" if they can."""
    facts, own = clip.facts, format_of(clip.facts)
    varies = "" if facts.constant_rate else " and varies"
    ratio = f"{facts.sample_aspect.numerator}:{facts.sample_aspect.denominator}"
    differs = {
        f"its size is {own.size[0]}×{own.size[1]}": own.size != target.format.size,
        f"its rate is {float(facts.fps):.6g}{varies}": own.fps != target.format.fps or not facts.constant_rate,
        f"its pixels are {ratio}": own.sample_aspect != target.format.sample_aspect,
        clip.table.obstacle: bool(clip.table.obstacle),
        "packets of this codec leave no room for others'": target.donor is None,
        f"its codec is {facts.video_codec}": facts.video_codec != target.codec,
        f"its pixel format is {facts.pixel_format}": facts.pixel_format != target.pixel_format,
        "its colours are declared otherwise": facts.colour != target.colour,
        "its decoder setup (SPS, PPS) differs": facts.signature != target.signature,
    }
    return next((words for words, applies in differs.items() if applies), "")
