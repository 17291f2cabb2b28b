"""One pass over a clip from its first packet to its last: what its pictures and its sound are like, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from av import AudioFrame, AudioResampler, VideoFrame
from av.error import FFmpegError
from numpy.typing import NDArray

from longtake.domain.machine import is_ours
from longtake.media.checking.cuts import Cut, CutWatch
from longtake.media.reading.clock import exact
from longtake.media.reading.opening import reading
from longtake.media.reading.parameter_sets import damage_in_units, read_parameter_sets
from longtake.media.reading.pictures import decode_strictly, grey
from longtake.media.reading.probe import ClipFacts, open_clip

WIDTH, HEIGHT, BLOCK = 160, 90, 10
BLACK_LEVEL, BLACK_SHARE, BLACK_SPREAD = 10, 0.98, 2.5
"""Black is up to luma 24 of 16–235 (10 of 0–255) nearly everywhere, and even: a night scene is darker in places."""
STILL = 1.5
"""A picture is still while no block of it is further, on average, from where the stillness began (of 255)."""
POP, POP_GAP = 5.0, 12
"""A still scene jumps a little at each keyframe; so much is forgiven, once in so many pictures."""
SOUND_BLOCK_SECONDS = 0.05
FULL_SCALE, FLAT_TOP, FLAT_SHARE, FLAT_FROM = 0.9995, 0.94, 0.3, 0.9
"""A clipped wave comes out of AAC either above full scale, or as a wave that spends its time (a sine: a fifth) near
its own top; the latter counts as clipped only if that top is near full scale."""
_SILENCE = np.zeros((1, 1), np.float32)
_MOST_BLOCKS = 100_000


@dataclass
class Viewing:
    """What was seen and heard. Times are seconds from the first picture; lists run by picture or by sound block.

    Attributes:
        facts: What header and index say.
        times: When each decoded picture is shown, in order.
        black: Whether it is black.
        cuts: The hard cuts inside it.
        still: Whether it is the same as the one before, motion too slow to see included.
        damaged: Times of the pictures that the decoder marked as damaged.
        complaints: Time and words of every packet that did not decode.
        loudness: Root mean square of each block of sound, full scale 1; 0 where there is none.
        clipped: Share of the block's samples at full scale.
    """

    facts: ClipFacts
    times: list[float] = field(default_factory=list[float])
    black: list[bool] = field(default_factory=list[bool])
    still: list[bool] = field(default_factory=list[bool])
    cuts: list[Cut] = field(default_factory=list[Cut])
    damaged: list[float] = field(default_factory=list[float])
    complaints: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    loudness: list[float] = field(default_factory=list[float])
    clipped: list[float] = field(default_factory=list[float])

    @property
    def is_whole(self) -> bool:
        """Whether every picture that the index names decoded without a complaint."""
        return not self.complaints and not self.damaged and len(set(self.times)) == self.facts.frames

    @property
    def seconds(self) -> float:
        """Length of the pictures that decoded, the last one's own time included."""
        return self.times[-1] + float(1 / self.facts.fps) if self.times else 0.0


class Watch(Protocol):
    """Who looks at the pictures of the same pass for other ends; never raises."""

    def begin(self, facts: ClipFacts) -> None:
        """Before the first picture."""
        ...

    def see(self, frame: VideoFrame, seconds: float) -> None:
        """The next picture, which is shown so many seconds after the first."""
        ...


def view(clip: Path, watch: Watch | None = None) -> Viewing:
    """Decodes all pictures and the first sound track; damage on the way is noted, not raised.

    Raises:
        UnreadableClipError: The file can not be opened as a clip at all.
    """
    with reading(clip), open_clip(clip) as opened:
        viewing = Viewing(opened.facts)
        video: Any = opened.video
        decode_strictly(video)
        streams = [video, *opened.container.streams.audio[:1]] if opened.facts.has_audio else [video]
        start = float((video.start_time or 0) * exact(video.time_base))
        eyes, ears = _Eyes(viewing, start, watch), _Ears(viewing, start)
        if watch is not None:
            watch.begin(opened.facts)
        sets = read_parameter_sets(opened.facts.video_codec, bytes(video.codec_context.extradata or b""))
        demuxed = opened.container.demux(streams)
        while True:
            try:
                packet = next(demuxed, None)
            except FFmpegError as error:
                if is_ours(error):
                    raise
                viewing.complaints.append((viewing.seconds, _words(error)))
                break
            if packet is None:
                break
            take = eyes.see if packet.stream is video else ears.hear
            at = packet.pts if packet.pts is not None else packet.dts
            seconds = float((at or 0) * exact(packet.time_base)) - start if at is not None else viewing.seconds
            if sets and packet.stream is video and (words := damage_in_units(bytes(packet), sets.length_bytes)):
                viewing.complaints.append((max(seconds, 0.0), words))
            try:
                for frame in packet.decode():
                    take(cast(Any, frame))
            except FFmpegError as error:
                if is_ours(error):
                    raise
                viewing.complaints.append((max(seconds, 0.0), _words(error)))
        ears.finish()
        eyes.finish()
    return viewing


def _words(error: FFmpegError) -> str:
    return str(error.strerror or type(error).__name__)


class _Eyes:
    """Looks at pictures one after the other."""

    def __init__(self, viewing: Viewing, start_seconds: float, watch: Watch | None) -> None:
        self._viewing = viewing
        self._start_seconds = start_seconds
        self._watch = watch
        self._anchor: NDArray[np.float32] | None = None
        self._before: NDArray[np.float32] | None = None
        self._since_pop = POP_GAP
        self._cuts = CutWatch()

    def see(self, frame: VideoFrame) -> None:
        viewing = self._viewing
        seconds = (frame.time or 0.0) - self._start_seconds
        if frame.is_corrupt:
            viewing.damaged.append(seconds)
        small = grey(frame, WIDTH, HEIGHT)
        dark = float((small <= BLACK_LEVEL).mean()) > BLACK_SHARE
        viewing.black.append(dark and float(small.std()) < BLACK_SPREAD)
        viewing.still.append(self._is_still(small.astype(np.float32)))
        self._cuts.see(small, seconds)
        viewing.times.append(seconds)
        if self._watch is not None:
            self._watch.see(frame, seconds)

    def finish(self) -> None:
        """After the last picture."""
        self._cuts.finish()
        self._viewing.cuts = self._cuts.found

    def _is_still(self, small: NDArray[np.float32]) -> bool:
        """Measured against the picture where the stillness began, so that a slow pan adds up to motion."""
        if self._anchor is None or self._before is None:
            self._anchor = self._before = small
            return False
        away, step = _largest_change(small, self._anchor), _largest_change(small, self._before)
        self._before = small
        self._since_pop += 1
        if away < STILL:
            return True
        is_pop = away < POP and step > 0.6 * away and self._since_pop > POP_GAP
        self._anchor = small
        self._since_pop = 0 if is_pop else self._since_pop
        return is_pop


def _largest_change(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    blocks = np.abs(one - other).reshape(HEIGHT // BLOCK, BLOCK, WIDTH // BLOCK, BLOCK)
    return float(blocks.mean(axis=(1, 3)).max())


class _Ears:
    """Listens to sound in blocks that begin with the first picture."""

    def __init__(self, viewing: Viewing, start_seconds: float) -> None:
        self._viewing = viewing
        self._start_seconds = start_seconds
        self._resampler: AudioResampler | None = None
        self._parts: list[NDArray[np.float32]] = []
        self._number = 0

    def hear(self, frame: AudioFrame) -> None:
        if self._resampler is None:
            self._resampler = AudioResampler("fltp", frame.layout, frame.sample_rate)
        for block in self._resampler.resample(frame):
            self._take(block)

    def _take(self, frame: AudioFrame) -> None:
        samples = cast("NDArray[np.float32]", frame.to_ndarray())
        per_block = max(1, round(frame.sample_rate * SOUND_BLOCK_SECONDS))
        position = round(((frame.time or 0.0) - self._start_seconds) * frame.sample_rate)
        while samples.shape[1]:
            number, inside = divmod(position, per_block)
            part, samples = np.split(samples, [per_block - inside], axis=1)
            position += part.shape[1]
            if self._number <= number < _MOST_BLOCKS:
                self._end_blocks(number)
                self._parts.append(np.clip(np.nan_to_num(part), -8, 8))

    def _end_blocks(self, following: int) -> None:
        """Writes down the block at hand, and silence for those that were left out before the next one."""
        viewing = self._viewing
        for _ in range(self._number, following):
            block = np.concatenate(self._parts, axis=1) if self._parts else _SILENCE
            viewing.loudness.append(float(np.sqrt((block.astype(np.float64) ** 2).mean())))
            viewing.clipped.append(_clipped_share(np.abs(block).max(axis=0)))
            self._parts = []
        self._number = following

    def finish(self) -> None:
        """Fits the blocks to the length of the pictures: sound that ends before them is silence."""
        viewing = self._viewing
        if viewing.facts.has_audio:
            blocks = min(int(np.ceil(viewing.seconds / SOUND_BLOCK_SECONDS - 1e-6)), _MOST_BLOCKS)
            self._end_blocks(max(blocks, self._number + 1))
            del viewing.loudness[blocks:], viewing.clipped[blocks:]


def _clipped_share(peaks: NDArray[np.float32]) -> float:
    full = float((peaks >= FULL_SCALE).mean())
    top = float(peaks.max())
    flat = float((peaks >= FLAT_TOP * top).mean())
    return max(full, flat) if top >= FLAT_FROM and flat >= FLAT_SHARE else full
