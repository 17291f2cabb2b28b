"""A joint: how far picture and sound jump where one clip of a film ends and the next begins.

A chain's own joints are made by the vendor, who saw the end of the clip before. Where a clip was taken anew and those
behind it were kept, nobody saw the other side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from math import log10
from pathlib import Path
from typing import Any, cast

import numpy as np
from av import AudioResampler
from numpy.typing import NDArray
from pydantic import BaseModel

from longtake.media.checking.looks import mean, measured
from longtake.media.checking.policy import DriftLimits
from longtake.media.reading.opening import demuxing, reading
from longtake.media.reading.pictures import all_pictures, last_pictures
from longtake.media.reading.probe import probe_clip

PICTURES = 3
"""So many on either side are averaged: one alone may be a flash."""
SOUND_SECONDS = 0.25
QUIETEST_DB = -60.0
"""What is quieter counts as silence: no step is heard from one silence to another."""
RATE_HZ = 48000


class JointStep(BaseModel, frozen=True):
    """The step from the end of one clip to the beginning of the next.

    Attributes:
        brightness: Change of the mean luma, of 255; positive is brighter.
        colour: Distance of the mean colour in the blue–red plane (Cb, Cr), of 255.
        sound_db: Change of the sound's level within a quarter of a second on either side, positive is louder; None
            where one of the clips has no sound.
    """

    brightness: float
    colour: float
    sound_db: float | None

    def beyond(self, limits: DriftLimits) -> tuple[str, ...]:
        """Which limits of a chain's drift the step passes, in words; empty if none."""
        breaches: list[str] = []
        if words := limits.too_bright(self.brightness):
            breaches.append(f"it begins {words} than the clip before it ends")
        if words := limits.too_coloured(self.colour):
            breaches.append(f"its colour begins {words} from the clip before it")
        return tuple(breaches)


def measure_joint(before: Path, after: Path, *, trimmed_tail: int = 0, trimmed_head: int = 0) -> JointStep:
    """Measures the step between two clips as a film joins them.

    Args:
        before: The earlier clip.
        after: The later one.
        trimmed_tail: Pictures that the film drops at the end of the earlier one.
        trimmed_head: Pictures that it drops at the beginning of the later one.

    Raises:
        UnreadableClipError: One of them does not decode.
    """
    ending = list(deque(last_pictures(before, PICTURES + trimmed_tail), maxlen=PICTURES + trimmed_tail))
    last = mean([measured(picture) for picture in ending[: max(1, len(ending) - trimmed_tail)]])
    first = mean([measured(picture) for picture in islice(all_pictures(after), trimmed_head, trimmed_head + PICTURES)])
    levels = _level_db(before, trimmed_tail, at_end=True), _level_db(after, trimmed_head, at_end=False)
    step = None if levels[0] is None or levels[1] is None else round(levels[1] - levels[0], 2)
    return JointStep(
        brightness=round(first.luma - last.luma, 2), colour=round(first.colour_from(last), 2), sound_db=step
    )


def _level_db(clip: Path, trimmed: int, *, at_end: bool) -> float | None:
    """The level of the sound beside the cut, dB of full scale; None where the clip has none."""
    facts = probe_clip(clip)
    if not facts.has_audio:
        return None
    cut = round(trimmed / float(facts.fps) * RATE_HZ)
    length = round(SOUND_SECONDS * RATE_HZ)
    with reading(clip):
        sound = np.concatenate([np.zeros(0, np.float32), *_sound(clip, facts.audio_decoder)])
    beside = sound[: sound.size - cut][-length:] if at_end else sound[cut:][:length]
    power = float(np.mean(np.square(beside, dtype=np.float64))) if beside.size else 0.0
    return max(QUIETEST_DB, 10 * log10(power)) if power > 0 else QUIETEST_DB


def _sound(clip: Path, decoder: str) -> Iterator[NDArray[np.float32]]:
    """The first sound track, its channels averaged."""
    resampler = AudioResampler("fltp", "mono", RATE_HZ)
    with demuxing(clip, decoder) as container:
        stream = next(stream for stream in container.streams.audio if cast(Any, stream.codec_context) is not None)
        for packet in container.demux(stream):
            for frame in packet.decode():
                yield from (block.to_ndarray()[0] for block in resampler.resample(frame))
        yield from (block.to_ndarray()[0] for block in resampler.resample(None))
