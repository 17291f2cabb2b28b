"""Encodes a stretch of a clip anew: exactly so many pictures at an even rate, and sound of the same length."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import numpy as np
from av import AudioFrame, AudioResampler, VideoFrame
from av.container import OutputContainer
from numpy.typing import NDArray

from longtake.domain.errors import UnreadableClipError
from longtake.domain.marks import Marks
from longtake.media.reading.clock import exact
from longtake.media.reading.colour import SDR, Colour, check_convertible, is_kept_in_8_bits
from longtake.media.reading.fitting import Canvas, Fitter
from longtake.media.reading.mark_texts import KEEPS_NAMES, metadata_of
from longtake.media.reading.opening import reading
from longtake.media.reading.packets import PacketTable
from longtake.media.reading.pictures import last_pictures
from longtake.media.reading.probe import ClipFacts, open_clip

SUB_TICKS = 512
"""Ticks of the new clip's clock per picture."""
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)

Sound = NDArray[np.float32]


class Source(NamedTuple):
    """A clip that was looked through."""

    path: Path
    facts: ClipFacts
    table: PacketTable
    marks: Marks = Marks()


class Stretch(NamedTuple):
    """What the new clip holds: `frames` pictures at `fps` from `start_seconds` after the clip's first picture on."""

    start_seconds: Fraction
    frames: int
    fps: Fraction
    size: tuple[int, int]


def encoded_colour(facts: ClipFacts) -> Colour:
    """The colours of a stretch encoded anew: the clip's own; HDR becomes SDR, for it is encoded with 8 bits."""
    meant = facts.colour_meant
    return meant if is_kept_in_8_bits(meant) else SDR


def _mp4(target: Path, marks: Marks) -> OutputContainer:
    """A new file that says how it was made as far as its source did."""
    metadata = metadata_of([marks])
    flags = f"+faststart+{KEEPS_NAMES}" if metadata else "+faststart"
    # The muxer's own clock of 1/1000 s would cut the sound short by up to a millisecond.
    output = av.open(str(target), "w", format="mp4", options={"movflags": flags, "movie_timescale": "96000"})
    output.metadata.update(metadata)
    return output


def encode_stretch(source: Source, stretch: Stretch, target: Path, crf: int) -> None:
    """Writes the stretch as H.264 and AAC, in order of display, so that no player or vendor needs an edit list for it.

    Raises:
        UnreadableClipError: The source does not decode.
        UnfitClipError: Its colours cannot be converted.
    """
    colour = encoded_colour(source.facts)
    check_convertible(source.facts.colour_meant, colour, source.path.name)
    with _mp4(target, source.marks) as output:
        video: Any = output.add_stream("libx264", rate=stretch.fps)
        video.width, video.height = stretch.size
        video.pix_fmt = "yuv420p"
        # Without B-pictures the first packet is the first picture at time 0.
        video.options = {"preset": "veryfast", "crf": str(crf), "bf": "0"}
        context = video.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = colour
        sound = add_sound(output, source.facts)
        canvas = Canvas(stretch.size, "yuv420p", colour)
        fitter = Fitter(canvas, turned=source.facts.rotation_degrees)
        for number, picture in enumerate(map(fitter, _evenly(source, stretch))):
            picture.pts, picture.time_base = number * SUB_TICKS, 1 / (stretch.fps * SUB_TICKS)
            picture.pict_type = 0
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
        if sound is not None:
            encode_sound(source, stretch, output, sound)


def copy_stretch(source: Source, stretch: Stretch, target: Path) -> None:
    """Writes the last pictures by copying their packets, where `PacketTable.copyable_span` allows it; new sound.

    Raises:
        UnreadableClipError: The source does not decode.
    """
    table, facts = source.table, source.facts
    first = facts.frames - stretch.frames
    delay = table.delay(first, facts.frames)
    with _mp4(target, source.marks) as output:
        with reading(source.path), open_clip(source.path) as opened:
            video: Any = output.add_stream_from_template(opened.video)
            video.time_base = tick = 1 / (stretch.fps * SUB_TICKS)
            sound = add_sound(output, facts)
            packets = (packet for packet in opened.container.demux(opened.video) if packet.size)
            for number, packet in enumerate(packets):
                if number < first:
                    continue
                packet.pts, packet.dts = (
                    (table.order[number] - first) * SUB_TICKS,
                    (number - first - delay) * SUB_TICKS,
                )
                packet.duration, packet.time_base, packet.stream = SUB_TICKS, tick, video
                output.mux(packet)
        if sound is not None:
            encode_sound(source, stretch, output, sound)


def add_sound(output: Any, facts: ClipFacts) -> Any:
    """Adds an AAC stream like the source's; None for a clip without sound."""
    if not facts.has_audio:
        return None
    rate = facts.audio_rate_hz if facts.audio_rate_hz in _AAC_RATES else 48_000
    stream = output.add_stream("aac", rate=rate, layout="mono" if facts.audio_channels == 1 else "stereo")
    stream.bit_rate = 96_000 if facts.audio_channels == 1 else 192_000
    return stream


def encode_sound(source: Source, stretch: Stretch, output: Any, stream: Any) -> None:
    """Encodes the sound of the stretch, exactly as long as its pictures: cut, or filled up with silence."""
    rate = stream.rate
    sound = read_sound(
        source.path,
        source.table.start_seconds + stretch.start_seconds,
        rate,
        round(stretch.frames / stretch.fps * rate),
        stream.layout.name,
    )
    for start in range(0, sound.shape[1], 1024):
        block: Any = AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[:, start : start + 1024]), format="fltp", layout=stream.layout.name
        )
        block.sample_rate, block.pts, block.time_base = rate, start, Fraction(1, rate)
        output.mux(stream.encode(block))
    output.mux(stream.encode(None))


def read_sound(path: Path, from_seconds: Fraction, rate: int, samples: int, layout: str) -> Sound:
    """So many samples of a clip's first sound track, from a time on its own clock on; silence where there are none."""
    sound = np.zeros((1 if layout == "mono" else 2, samples), np.float32)
    resampler, position = AudioResampler("fltp", layout, rate), None
    with reading(path), open_clip(path) as opened:
        for frame in _blocks(opened.container.decode(opened.container.streams.audio[0]), resampler):
            due = round((exact(frame.time_base) * (frame.pts or 0) - from_seconds) * rate)
            # Counted on from block to block; a time stamp is believed only where it tells of a real gap.
            position = due if position is None or abs(due - position) > rate // 100 else position
            values = cast(Sound, frame.to_ndarray())
            begin, end = max(position, 0), min(position + frame.samples, samples)
            if begin < end:
                sound[:, begin:end] = values[:, begin - position : end - position]
            position += frame.samples
    return sound


def _blocks(frames: Iterator[AudioFrame], resampler: AudioResampler) -> Iterator[AudioFrame]:
    for frame in frames:
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _evenly(source: Source, stretch: Stretch) -> Iterator[VideoFrame]:
    """The picture shown at each moment: each once at the source's own rate, else some doubled or left out."""
    table = source.table
    moments = [table.picture_at(stretch.start_seconds + number / stretch.fps) for number in range(stretch.frames)]
    place = {time: number for number, time in enumerate(table.times)}
    wanted = iter(moments)
    due = next(wanted, None)
    for frame in last_pictures(source.path, source.facts.frames - moments[0]):
        number = place.get(frame.pts or 0, -1)
        if due is None or number < due:
            continue
        if number > due:
            raise UnreadableClipError(f"{source.path.name}: its picture {due} does not decode")
        while due == number:
            yield frame
            due = next(wanted, None)
    if due is not None:
        raise UnreadableClipError(f"{source.path.name}: its picture {due} does not decode")
