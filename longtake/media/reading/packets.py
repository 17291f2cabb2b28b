"""The video packets of one clip: which picture each holds, and where the sequence may be cut without loss."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from longtake.domain.errors import UnreadableClipError
from longtake.media.reading.clock import exact
from longtake.media.reading.opening import reading
from longtake.media.reading.parameter_sets import ParameterSets, key_units, read_parameter_sets
from longtake.media.reading.probe import ClipFacts, OpenClip


class PacketTable(NamedTuple):
    """The packets of a clip's pictures.

    Attributes:
        order: For every packet in decoding order, the number of its picture in order of display.
        idr: The packets from which decoding may start afresh.
        times: Presentation times in ticks, in order of display.
        tick_seconds: Length of a tick.
        end_seconds: Length of the picture track, with the last picture's own duration.
        obstacle: Why the packets cannot be copied, "" if they can.
        stream: The number of the video stream within the file.
        sets: What the packets are decoded with, where the codec keeps such sets.
    """

    order: tuple[int, ...]
    idr: frozenset[int]
    times: tuple[int, ...]
    tick_seconds: Fraction
    end_seconds: Fraction
    obstacle: str
    stream: int
    sets: ParameterSets | None

    @property
    def start_seconds(self) -> Fraction:
        """When the first picture is shown, on the clip's own clock."""
        return self.times[0] * self.tick_seconds

    def picture_at(self, seconds: Fraction) -> int:
        """The number of the picture shown at a time that counts from the first one's."""
        return max(bisect_right(self.times, seconds / self.tick_seconds + self.times[0]) - 1, 0)

    def copyable_span(self, first: int, last: int) -> tuple[int, int]:
        """The longest run of pictures within [first, last) whose packets stand alone; empty as (first, first).

        Numbers of pictures and of packets are the same at both its ends.
        """
        reached = accumulate(self.order, max)
        closed = [0, *(number for number, highest in enumerate(reached, 1) if highest == number - 1)]
        starts = [number for number in closed if first <= number and (number == 0 or number in self.idr)]
        ends = [number for number in closed if number <= last]
        start, end = min(starts, default=last), max(ends, default=first)
        return (start, end) if start < end else (first, first)

    def delay(self, first: int, last: int) -> int:
        """By how many pictures decoding must run ahead of display within a copyable span."""
        return max((packet - self.order[packet] for packet in range(first, last)), default=0)


def read_packets(clip: OpenClip, path: Path) -> PacketTable:
    """Reads every video packet of a clip that was just opened.

    Raises:
        UnreadableClipError: Packets are missing or out of order, as against the index.
    """
    facts = clip.facts
    sets = read_parameter_sets(facts.video_codec, bytes(clip.video.codec_context.extradata or b""))
    tick = exact(clip.video.time_base)
    times: list[int] = []
    idr: set[int] = set()
    obstacle = facts.copy_obstacle
    with reading(path):
        for packet in clip.container.demux(clip.video):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None or packet.is_corrupt:
                raise UnreadableClipError(f"its video packet {len(times)} is damaged or has no time")
            if packet.has_sidedata("new_extradata"):
                obstacle = obstacle or "its decoder setup changes on the way"
            if packet.is_keyframe and sets:
                units = key_units(facts.video_codec, bytes(packet), sets.length_bytes)
                idr |= {len(times)} if units.is_idr else set()
                # Sets between the pictures would outlive the clip and spoil the next one's.
                if not units.sets <= {*sets.sps, *sets.pps, *sets.vps}:
                    obstacle = obstacle or "its decoder setup changes on the way"
            times.append(packet.pts)
        if len(times) != facts.frames:
            raise UnreadableClipError(f"its index names {facts.frames} pictures, {len(times)} are there")
        shown = sorted(times)
        place = {time: number for number, time in enumerate(shown)}
        if len(place) != len(times):
            raise UnreadableClipError("two of its pictures have the same time")
    if facts.constant_rate and not _are_even(shown, 1 / (facts.fps * tick)):
        obstacle = obstacle or "its pictures are not evenly spaced"
    end_seconds = _length(facts, shown, clip.video.duration or 0, tick)
    return PacketTable(
        tuple(place[time] for time in times),
        frozenset(idr),
        tuple(shown),
        tick,
        end_seconds,
        obstacle,
        clip.video.index,
        sets,
    )


def _are_even(shown: list[int], step: Fraction) -> bool:
    """Whether each picture is due at its time, to a tick; in whole numbers, for there are many."""
    numerator, denominator = step.numerator, step.denominator
    return all(
        abs((time - shown[0]) * denominator - number * numerator) <= denominator for number, time in enumerate(shown)
    )


def _length(facts: ClipFacts, shown: list[int], track_ticks: int, tick: Fraction) -> Fraction:
    if facts.constant_rate:
        return facts.frames / facts.fps
    span = shown[-1] - shown[0]
    # Of a varying rate only the track's header knows how long the last picture stays.
    return (track_ticks if track_ticks > span else span + Fraction(span, len(shown) - 1)) * tick
