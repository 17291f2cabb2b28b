"""Writes a planned film into one MP4: stamps every video packet on the film's clock and feeds the sound beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
from av import AudioFrame
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from longtake.domain.errors import MediaError, StorageError
from longtake.media.reading.mark_texts import KEEPS_NAMES, metadata_of
from longtake.media.reading.opening import demuxing
from longtake.media.reading.parameter_sets import h264_set_ids, write_avcc
from longtake.media.reading.probe import open_clip
from longtake.media.stitching.conform import (
    ENCODER_DELAY,
    EncoderSample,
    Fit,
    blended,
    encoded,
    encoder_sample,
    pictures,
)
from longtake.media.stitching.film_plan import FilmPlan, PlannedClip
from longtake.media.stitching.loudness import Meter, amplified, limited
from longtake.media.stitching.receipt import LoudnessReceipt, StitchOptions
from longtake.media.stitching.seams import SeamMeter
from longtake.media.stitching.sound import Sound, film_sound, sample_at

Progress = Callable[[float], None]

_SOUND_BITS_PER_SECOND = 192_000
_INDEX_BYTES_PER_PACKET, _INDEX_BYTES = 24, 65_536


class Gain(NamedTuple):
    """How the film's sound is brought to a level: what it was before, the gain, whether peaks must be limited."""

    before: LoudnessReceipt
    decibels: float
    must_limit: bool


class SoundReport(NamedTuple):
    """What was measured while the sound passed by."""

    click_ratios: list[float]
    gain: Gain | None
    after: LoudnessReceipt | None


def has_sound(plan: FilmPlan, options: StitchOptions) -> bool:
    """Whether the film gets a sound track."""
    return options.silent_film == "silent-track" or any(clip.facts.has_audio for clip in plan.clips)


def write_film(plan: FilmPlan, part: Path, options: StitchOptions, progress: Progress) -> SoundReport | None:
    """Writes the film; reports on its sound, None where it has none.

    Raises:
        UnreadableClipError: A clip is damaged.
        StorageError: The file cannot be written.
    """
    try:
        if not has_sound(plan, options):
            _write_tracks(plan, part, options, None, progress)
            return None
        gain = _choose_gain(plan, options)
        meter = Meter(plan.sound_rate_hz) if gain else None
        seams = SeamMeter([sample_at(plan, start) for start in plan.starts[1:]], plan.sound_rate_hz)
        blocks = seams.watch(_finished_sound(plan, options, gain))
        _write_tracks(plan, part, options, _metered(blocks, meter) if meter else blocks, progress)
        return SoundReport(seams.result(), gain, meter.result() if meter else None)
    except FFmpegError as error:
        kind = StorageError if isinstance(error, OSError) else MediaError
        raise kind(f"the film could not be written: {error.strerror or error}") from error


def _choose_gain(plan: FilmPlan, options: StitchOptions) -> Gain | None:
    if options.loudness_lufs is None:
        return None
    meter = Meter(plan.sound_rate_hz)
    for block in film_sound(plan, options.fade_seconds):
        meter.add(block)
    before = meter.result()
    if before.integrated_lufs is None:
        return Gain(before, 0.0, False)
    gain_db = round(options.loudness_lufs - before.integrated_lufs, 2)
    peak = before.true_peak_dbtp
    return Gain(before, gain_db, peak is not None and peak + gain_db > options.true_peak_dbtp)


def _finished_sound(plan: FilmPlan, options: StitchOptions, gain: Gain | None) -> Iterator[Sound]:
    sound = film_sound(plan, options.fade_seconds)
    if gain and gain.decibels:
        sound = amplified(sound, gain.decibels)
    return limited(sound, plan.sound_rate_hz, options.true_peak_dbtp) if gain and gain.must_limit else sound


def _metered(blocks: Iterator[Sound], meter: Meter) -> Iterator[Sound]:
    for block in blocks:
        meter.add(block)
        yield block


def film_clock(fps: Fraction) -> tuple[Fraction, int]:
    """The film's tick in seconds, and how many make a picture: 12,288 ticks a second at 24."""
    factor = 512 if fps.denominator == 1 else -(-10_000 // fps.numerator)
    return Fraction(1, fps.numerator * factor), fps.denominator * factor


def _bytes_of(metadata: dict[str, str]) -> int:
    return sum(len(text.encode()) + 256 for text in metadata.values())


def _write_tracks(
    plan: FilmPlan, part: Path, options: StitchOptions, sound: Iterator[Sound] | None, progress: Progress
) -> None:
    fps = plan.target.format.fps
    tick_seconds, step = film_clock(fps)
    packets = plan.pictures * (1 + plan.sound_rate_hz / 1024 / float(fps)) + 16
    metadata = metadata_of([*(clip.marks for clip in plan.clips), plan.own])
    settings = {
        # Room for the index in front of the media: the film is written once, not moved afterwards.
        "moov_size": str(int(packets * _INDEX_BYTES_PER_PACKET) + _INDEX_BYTES + _bytes_of(metadata)),
        # Otherwise an edit list counts in milliseconds and cuts up to one of them off the sound.
        "movie_timescale": str(lcm(fps.numerator, plan.sound_rate_hz)),
        "video_track_timescale": str(tick_seconds.denominator),
        **({"movflags": KEEPS_NAMES} if metadata else {}),
    }
    with av.open(str(part), "w", format="mp4", options=settings) as output:
        output.metadata.update(metadata)
        video = _VideoWriter(output, plan, options)
        writer = _SoundWriter(output, sound, plan.sound_rate_hz) if sound else None
        for number, (packet, picture) in enumerate(video.packets()):
            packet.pts, packet.dts, packet.duration = picture * step, (number - video.delay) * step, step
            packet.time_base, packet.stream = tick_seconds, video.stream
            output.mux(packet)
            if writer:
                writer.write_until(sample_at(plan, number + 1))
            if number % 24 == 0:
                progress(number / plan.pictures * 0.98)
        if writer:
            writer.finish()


class _VideoWriter:
    """The film's video track: its header, and its packets in decoding order."""

    def __init__(self, output: OutputContainer, plan: FilmPlan, options: StitchOptions) -> None:
        self._plan = plan
        self._fit: Fit = options.fit
        self._set_id, self._sample = 0, None
        donor = plan.target.donor
        if donor is None or any(clip.why for clip in plan.clips):
            used = h264_set_ids(plan.target.sets) if plan.target.sets else set[int]()
            self._set_id = min(set(range(32)) - used)
            self._sample = encoder_sample(plan.target, self._set_id)
        # Decoding runs ahead of display by the same amount throughout, so that its times never step back.
        self.delay = max(
            ENCODER_DELAY if self._sample else 0,
            *(clip.table.delay(clip.head + clip.copied[0], clip.head + clip.copied[1]) for clip in plan.clips),
        )
        self.stream = self._add_stream(output, donor)

    def _add_stream(self, output: OutputContainer, donor: int | None) -> Any:
        if donor is None:
            sample = cast(EncoderSample, self._sample)
            with av.open(sample.file, "r", format="mov") as container:
                return output.add_stream_from_template(container.streams.video[0])
        with open_clip(self._plan.clips[donor].path) as clip:
            stream = output.add_stream_from_template(clip.video)
        if self._sample and self._plan.target.sets:
            both = (self._plan.target.sets, self._sample.sets)
            stream.codec_context.extradata = write_avcc(both, self._sample.extradata[-4:])
        if self._plan.target.codec == "hevc":
            # Under PyAV's own choice, hev1, Apple's players refuse the film.
            stream.codec_context.codec_tag = "hvc1"
        return stream

    def packets(self) -> Iterator[tuple[Any, int]]:
        """Every packet with the number of its picture in the film."""
        for number, clip in enumerate(self._plan.clips):
            start, last = self._plan.starts[number], len(clip.picks) - self._plan.overlap_after(number)
            first, (copied_from, copied_to) = clip.overlap, clip.copied
            if clip.overlap:
                yield from self._encoded(self._crossfade(number), start)
            if copied_from == copied_to:
                copied_from = copied_to = last
            yield from self._encoded(self._pictures(clip, first, copied_from), start + first)
            yield from self._copied(clip, copied_from, copied_to, start)
            yield from self._encoded(self._pictures(clip, copied_to, last), start + copied_to)

    def _pictures(self, clip: PlannedClip, first: int, last: int) -> Iterator[av.VideoFrame]:
        return pictures(clip, self._plan.target, self._fit, first, last)

    def _crossfade(self, number: int) -> Iterator[av.VideoFrame]:
        earlier, later = self._plan.clips[number - 1], self._plan.clips[number]
        count = later.overlap
        ending = self._pictures(earlier, len(earlier.picks) - count, len(earlier.picks))
        return blended(ending, self._pictures(later, 0, count), count)

    def _encoded(self, frames: Iterator[av.VideoFrame], start: int) -> Iterator[tuple[Any, int]]:
        if self._sample is None:
            return
        for number, picture in enumerate(encoded(frames, self._plan.target, self._set_id, self._sample.sets)):
            if number - picture.number > self.delay:
                raise MediaError("the encoder's decoding order runs further ahead than its settings allow")
            packet: Any = Packet(picture.data)
            packet.is_keyframe = picture.is_keyframe
            yield packet, start + picture.number

    def _copied(self, clip: PlannedClip, first: int, last: int, start: int) -> Iterator[tuple[Any, int]]:
        if first == last:
            return
        span = range(clip.head + first, clip.head + last)
        with demuxing(clip.path) as container:
            video = container.streams[clip.table.stream]
            source = (packet for packet in container.demux(video) if packet.size)
            for number, packet in enumerate(source):
                if number >= span.stop:
                    return
                if number in span:
                    yield packet, start + clip.table.order[number] - clip.head


class _SoundWriter:
    """Encodes the film's sound, no further ahead than the pictures have come."""

    def __init__(self, output: OutputContainer, blocks: Iterator[Sound], rate_hz: int) -> None:
        self._output, self._blocks, self._rate_hz, self._written = output, blocks, rate_hz, 0
        # The fast coder costs a quarter of the default one and is as good at this bit rate.
        options = {"aac_coder": "fast"}
        self._stream: Any = output.add_stream("aac", rate=rate_hz, layout="stereo", options=options)
        self._stream.bit_rate = _SOUND_BITS_PER_SECOND

    def write_until(self, sample: int) -> None:
        """Encodes blocks until this sample of the film is reached."""
        while self._written < sample and (block := next(self._blocks, None)) is not None:
            self._write(block)

    def finish(self) -> None:
        """Encodes what is left."""
        for block in self._blocks:
            self._write(block)
        self._output.mux(self._stream.encode(None))

    def _write(self, block: Sound) -> None:
        if not block.shape[1]:
            return
        frame: Any = AudioFrame.from_ndarray(block.copy(), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, self._written, Fraction(1, self._rate_hz)
        self._written += block.shape[1]
        self._output.mux(self._stream.encode(frame))
