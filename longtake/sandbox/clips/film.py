"""Real MP4s that tell of themselves: every frame carries the frame code, all clips of one format share their SPS/PPS.

Plain shapes and a tone, so that a five-second 720p clip costs less than half a CPU second.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from longtake.sandbox.clips import framecode
from longtake.sandbox.clips.scene import Scene

FPS = 24
SAMPLE_RATE_HZ = 44_100
_VIDEO_OPTIONS = {
    "preset": "ultrafast",
    "crf": "28",
    "threads": "1",
    # B-frames as the vendors' clips have them; closed groups so that any keyframe can start a copy.
    "x264-params": "bframes=2:b-adapt=0:keyint=48:scenecut=0:open-gop=0:stitchable=1",
}
_TEN_BIT_OPTIONS = {
    "preset": "ultrafast",
    "crf": "32",
    "x265-params": "pools=none:frame-threads=1:keyint=48:scenecut=0:open-gop=0:log-level=error",
}
_AUDIO_OPTIONS = {
    "aac_coder": "fast",
    "cutoff": "8000",
    # What a tone does not need costs more than the tone.
    **dict.fromkeys(("aac_ms", "aac_is", "aac_pns", "aac_tns"), "0"),
}


def frame_count(seconds: int) -> int:
    """Frames of a clip of so many whole seconds: the vendors deliver one more than 24 a second."""
    return FPS * seconds + 1


def render_clip(
    path: Path | str,
    *,
    width: int,
    height: int,
    frames: int,
    job: int,
    audio: bool = True,
    fps: int = FPS,
    head_frames: Sequence[NDArray[np.uint8]] = (),
    prompt: str = "",
    mono: bool = False,
    ten_bits: bool = False,
    aigc: str = "",
    behind: bytes = b"",
) -> None:
    """Writes an MP4 (H.264 yuv420p with two B-frames, AAC stereo 44.1 kHz or no sound, index in front).

    Args:
        path: Where to write.
        width: Even px.
        height: Even px.
        frames: Number of frames, head frames included.
        job: Number stamped into every frame, and what scene and tone are made from.
        audio: Whether there is a sound track, exactly as long as the pictures.
        fps: Frames per second.
        head_frames: Pictures of shape (height * 3/2, width), yuv420p, shown first in place of the clip's own.
        prompt: Words that are shown at the lower edge.
        mono: The sound has one channel.
        ten_bits: The pictures are H.265 with ten bits a sample.
        aigc: The `AIGC` field of its metadata; none if empty.
        behind: Boxes that follow its own.
    """
    tick = Fraction(1, fps * 512)
    flags = "+faststart" + ("+use_metadata_tags" if aigc else "")
    with av.open(str(path), "w", format="mp4", options={"movflags": flags}) as container:
        container.metadata.update({"AIGC": aigc} if aigc else {})
        coder, samples = ("libx265", "yuv420p10le") if ten_bits else ("libx264", "yuv420p")
        video: Any = container.add_stream(coder, rate=fps)
        video.width, video.height, video.pix_fmt, video.time_base = width, height, samples, tick
        video.options = dict(_TEN_BIT_OPTIONS if ten_bits else _VIDEO_OPTIONS)
        context = video.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        sound: Any = container.add_stream("aac", rate=SAMPLE_RATE_HZ) if audio else None
        if sound is not None:
            sound.layout, sound.bit_rate, sound.options = "mono" if mono else "stereo", 64_000, dict(_AUDIO_OPTIONS)
        scene = Scene(width, height, job, prompt, fps)
        for index, picture in enumerate(_pictures(scene, frames, job, head_frames)):
            # Not copied: the encoder takes what it keeps.
            frame = av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")
            frame = frame.reformat(format=samples) if ten_bits else frame
            frame.pts, frame.time_base = index * 512, tick
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            for block in _tone(frames / fps, job, mono=mono):
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    if behind:
        with Path(path).open("ab") as file:
            file.write(behind)


def _pictures(
    scene: Scene, frames: int, job: int, head_frames: Sequence[NDArray[np.uint8]]
) -> Iterator[NDArray[np.uint8]]:
    yield from (np.ascontiguousarray(picture) for picture in head_frames)
    for index in range(len(head_frames), frames):
        picture = scene.picture(index)
        framecode.stamp(picture[: scene.height], job, index)
        yield picture


def _tone(seconds: float, job: int, *, mono: bool) -> Iterator[av.AudioFrame]:
    """A quiet tone on twelve steps of a scale, in blocks of one AAC frame."""
    total = round(seconds * SAMPLE_RATE_HZ)
    pitch_hz = 220.0 * 2 ** ((job % 12) / 12)
    wave = (0.2 * np.sin(2 * np.pi * pitch_hz * np.arange(total) / SAMPLE_RATE_HZ)).astype(np.float32)
    for start in range(0, total, 1024):
        part = wave[start : start + 1024]
        samples, layout = (part[None], "mono") if mono else (np.stack([part, part]), "stereo")
        block = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE_HZ, start, Fraction(1, SAMPLE_RATE_HZ)
        yield block


def last_frames(video: bytes, count: int, *, width: int, height: int) -> list[NDArray[np.uint8]]:
    """The last pictures of a video, scaled, as yuv420p planes of shape (height * 3/2, width)."""
    kept: list[NDArray[np.uint8]] = []
    with av.open(io.BytesIO(video), "r") as container:
        for frame in container.decode(video=0):
            kept.append(np.asarray(frame.reformat(width=width, height=height, format="yuv420p").to_ndarray(), np.uint8))
            del kept[:-count]
    return kept


def last_frame_png(clip: Path) -> bytes:
    """The last picture of a clip as PNG, at the clip's own size."""
    with av.open(str(clip), "r") as container:
        stream = container.streams.video[0]
        if stream.duration is not None:
            container.seek(stream.duration, stream=stream)
        last = None
        for frame in container.decode(stream):
            last = frame
    if last is None:
        raise ValueError(f"{clip} holds no picture")
    target = io.BytesIO()
    last.to_image().save(target, "PNG", compress_level=1)
    return target.getvalue()
