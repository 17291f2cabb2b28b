"""The sound of a film: every clip's own decoded, placed on the film's clock, faded at its edges, in one stream.

Sound is an array of shape (2, samples), float32; full scale is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from av import AudioResampler
from numpy.typing import NDArray

from longtake.media.reading.opening import demuxing
from longtake.media.stitching.film_plan import FilmPlan, PlannedClip

Sound = NDArray[np.float32]

_BLOCKS_PER_SECOND = 4
_GAP_SECONDS = 0.01


def sample_at(plan: FilmPlan, picture: int) -> int:
    """The film's sample at which a picture begins. Counted from the start, so no error adds up."""
    fps = plan.target.format.fps
    return (2 * picture * fps.denominator * plan.sound_rate_hz + fps.numerator) // (2 * fps.numerator)


def film_sound(plan: FilmPlan, fade_seconds: float) -> Iterator[Sound]:
    """The whole film's sound in blocks of at most a quarter of a second, each clip as long as its pictures.

    Raises:
        UnreadableClipError: A clip's sound is damaged.
    """
    carried = np.zeros((2, 0), np.float32)
    block = plan.sound_rate_hz // _BLOCKS_PER_SECOND
    for number, clip in enumerate(plan.clips):
        begin, shared = plan.starts[number], plan.overlap_after(number)
        end = begin + len(clip.picks)
        sound = _clip_sound(clip, sample_at(plan, end) - sample_at(plan, begin), plan.sound_rate_hz)
        if fade_seconds:
            _fade_edges(sound, round(fade_seconds * plan.sound_rate_hz), head=not clip.overlap, tail=not shared)
        overlap = carried.shape[1]
        if overlap:
            angle = np.linspace(0, np.pi / 2, overlap, dtype=np.float32)
            sound[:, :overlap] = sound[:, :overlap] * np.sin(angle) + carried * np.cos(angle)
        keep = sample_at(plan, end - shared) - sample_at(plan, begin)
        carried = sound[:, keep:]
        for start in range(0, keep, block):
            yield sound[:, start : min(start + block, keep)]


def _clip_sound(clip: PlannedClip, samples: int, rate_hz: int) -> Sound:
    """A clip's first sound track from its first shown picture on: cut, or filled up with silence."""
    sound = np.zeros((2, samples), np.float32)
    if not clip.facts.has_audio:
        return sound
    shown_from = float(clip.shown_from_seconds)
    position = None
    for start_seconds, block in _decoded(clip, rate_hz):
        due = round((start_seconds - shown_from) * rate_hz)
        # Counted on from block to block; a time stamp is believed only where it tells of a real gap.
        if position is None or abs(due - position) > _GAP_SECONDS * rate_hz:
            position = due
        begin, end = max(position, 0), min(position + block.shape[1], samples)
        if begin < end:
            sound[:, begin:end] = block[:, begin - position : end - position]
        position += block.shape[1]
        if position >= samples:
            break
    peak = float(np.abs(sound).max(initial=0)) if clip.facts.audio_channels > 2 else 0.0
    return sound / np.float32(peak) if peak > 1 else sound


def _decoded(clip: PlannedClip, rate_hz: int) -> Iterator[tuple[float, Sound]]:
    """Blocks of sound, each with its time on the clip's own clock."""
    # One channel is doubled as it is: FFmpeg's own way from mono to stereo takes 3 dB off.
    resampler = AudioResampler("fltp", "mono" if clip.facts.audio_channels == 1 else "stereo", rate_hz)
    with demuxing(clip.path, clip.facts.audio_decoder) as container:
        stream = next(stream for stream in container.streams.audio if cast(Any, stream.codec_context) is not None)
        for packet in container.demux(stream):
            for frame in packet.decode():
                yield from _resampled(resampler, frame)
        yield from _resampled(resampler, None)


def _resampled(resampler: AudioResampler, frame: Any) -> Iterator[tuple[float, Sound]]:
    for block in resampler.resample(frame):
        if block.samples:
            base: Any = block.time_base
            yield (block.pts or 0) * base.numerator / base.denominator, cast(Sound, block.to_ndarray())


def _fade_edges(sound: Sound, samples: int, *, head: bool, tail: bool) -> None:
    """Fades in place, equal in power, where the sound really begins and ends; not where it is crossfaded."""
    audible = np.flatnonzero(np.abs(sound).max(axis=0))
    if not audible.size:
        return
    first, last = int(audible[0]), int(audible[-1]) + 1
    samples = min(samples, (last - first) // 2)
    curve = np.sin(np.linspace(0, np.pi / 2, samples, dtype=np.float32))
    if head or first > 0:
        sound[:, first : first + samples] *= curve
    if tail or last < sound.shape[1]:
        sound[:, last - samples : last] *= curve[::-1]
