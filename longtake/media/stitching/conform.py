"""Pictures of clips decoded, fitted into the film's format, and encoded so that they may stand beside copied ones."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, cast

import av
import numpy as np
from av import VideoFrame
from av.codec.context import Flags

from longtake.domain.errors import MediaError, UnreadableClipError
from longtake.media.reading.fitting import Canvas, Fitter
from longtake.media.reading.opening import reading
from longtake.media.reading.parameter_sets import ParameterSets, join_lengths, read_parameter_sets, split_annex_b
from longtake.media.reading.probe import ClipFacts, OpenClip, open_clip
from longtake.media.stitching.film_plan import PlannedClip, Target

Fit = Literal["pad", "crop", "scale"]

ENCODER_DELAY = 2
"""By how many pictures the encoder's decoding order runs ahead of display: B-pictures that refer to B-pictures."""

_THREADS = 4


class EncodedPicture(NamedTuple):
    """One packet: its units behind their lengths, which picture of its run it holds, and whether it is a keyframe."""

    data: bytes
    number: int
    is_keyframe: bool


def pictures(clip: PlannedClip, target: Target, fit: Fit, first: int, last: int) -> Iterator[VideoFrame]:
    """The film's pictures [first, last) of one clip, in the film's format.

    Raises:
        UnreadableClipError: A picture is damaged or missing.
    """
    if first == last:
        return
    wanted = iter(clip.picks[first:last])
    due = next(wanted)
    place = {time: number for number, time in enumerate(clip.table.times)}
    with open_clip(clip.path) as opened, reading(clip.path):
        # Slice threads, PyAV's choice, hide damage: with one thread the decoder tells of it.
        opened.video.codec_context.thread_count = 1
        fitter = Fitter(
            Canvas(target.format.size, target.pixel_format, target.colour_meant),
            turned=opened.facts.rotation_degrees,
            inner=_inner_size(opened.facts, target, fit),
        )
        _go_near(opened, clip, due)
        for frame in opened.container.decode(opened.video):
            number = place.get(cast(int, frame.pts), -1)
            if frame.is_corrupt or number < 0 or number > due:
                raise UnreadableClipError(f"its picture {due} is damaged")
            if number < due:
                continue
            fitted = fitter(frame)
            while due == number:
                yield fitted
                following = next(wanted, None)
                if following is None:
                    return
                due = following
    raise UnreadableClipError(f"{clip.path.name}: its picture {due} of {clip.facts.frames} does not decode")


def blended(earlier: Iterable[VideoFrame], later: Iterable[VideoFrame], count: int) -> Iterator[VideoFrame]:
    """A crossfade of `count` pictures, linear in the coded values."""
    for number, (old, new) in enumerate(zip(earlier, later, strict=True), 1):
        before, after = old.to_ndarray().astype(np.float32), new.to_ndarray()
        mixed = before + (after - before) * (number / (count + 1))
        yield VideoFrame.from_ndarray(np.round(mixed).astype(after.dtype), format=new.format.name)


def encoded(
    frames: Iterable[VideoFrame], target: Target, set_id: int, expected: ParameterSets
) -> Iterator[EncodedPicture]:
    """Encodes one run of pictures, beginning with a keyframe.

    Args:
        frames: In the film's format.
        target: The film.
        set_id: As given to `encoder_sample`.
        expected: The parameter sets of that sample, under which the film's header lists these pictures.
    """
    encoder = av.CodecContext.create("libx264", "w")
    _set_up(encoder, target, set_id)
    encoder.time_base = 1 / target.format.fps
    encoder.flags |= Flags.global_header
    encoder.open()
    sets = list(split_annex_b(bytes(encoder.extradata or b"")))
    if not set(expected.sps + expected.pps) <= set(sets):
        raise MediaError("the encoder does not repeat its own parameter sets")
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base, frame.pict_type = number, 1 / target.format.fps, 0
        yield from _packed(encoder.encode(frame))
    yield from _packed(encoder.encode(None))


def _packed(packets: Iterable[Any]) -> Iterator[EncodedPicture]:
    for packet in packets:
        yield EncodedPicture(join_lengths(split_annex_b(bytes(packet)), 4), packet.pts, packet.is_keyframe)


class EncoderSample(NamedTuple):
    """An MP4 of one picture as the encoder makes it: the film's header is made from it beforehand."""

    file: io.BytesIO
    sets: ParameterSets
    extradata: bytes


def encoder_sample(target: Target, set_id: int) -> EncoderSample:
    """Encodes one grey picture in the film's format, under parameter sets of this number."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=target.format.fps)
        _set_up(stream.codec_context, target, set_id)
        frame = VideoFrame(*target.format.size, target.pixel_format)
        for plane in frame.planes:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = 0, 1 / target.format.fps
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r", format="mov") as sample:
        extradata = bytes(sample.streams.video[0].codec_context.extradata or b"")
    sets = read_parameter_sets("h264", extradata)
    if sets is None or sets.length_bytes != 4:
        raise MediaError("the encoder has no parameter sets")
    file.seek(0)
    return EncoderSample(file, sets, extradata)


def _set_up(encoder: Any, target: Target, set_id: int) -> None:
    encoder.width, encoder.height = target.format.size
    encoder.pix_fmt = target.pixel_format
    encoder.framerate = target.format.fps
    encoder.sample_aspect_ratio = target.format.sample_aspect
    encoder.color_range, encoder.colorspace, encoder.color_primaries, encoder.color_trc = target.colour
    # The same clips shall make the same bytes on every machine: neither slice threads, PyAV's choice, nor x264's
    # macroblock tree, which was seen to read memory it had not written, do so.
    encoder.thread_type, encoder.thread_count = "FRAME", _THREADS
    # "stitchable" keeps the rate control out of the parameter sets; a number of their own lets them stand beside
    # those of copied clips.
    parameters = f"stitchable=1:mbtree=0:sps-id={set_id}"
    encoder.options = {"preset": "veryfast", "crf": "17", "x264-params": parameters}


def _go_near(opened: OpenClip, clip: PlannedClip, number: int) -> None:
    """Moves to the last picture at or before this one from which decoding may start; the beginning needs no move."""
    near = max((idr for idr in clip.table.idr if clip.table.order[idr] <= number), default=0)
    if near:
        opened.container.seek(clip.table.times[clip.table.order[near]], stream=opened.video)


def _inner_size(facts: ClipFacts, target: Target, fit: Fit) -> tuple[int, int]:
    """How large the clip's pictures become within the film's, before bars are added or edges cut off."""
    (width, height), aspect = target.format.size, target.format.sample_aspect
    shown_width, shown_height = facts.display_size
    ratios = (width * aspect / shown_width, height / 1 / shown_height)
    factor = max(ratios) if fit == "crop" else min(ratios)
    inner = [round(shown_width * factor / aspect), round(shown_height * factor)]
    for axis, side in enumerate((width, height)):
        # A bar of a pixel or two is rounding, not another ratio; chroma wants even sides.
        inner[axis] = side if fit == "scale" or abs(inner[axis] - side) <= 2 else inner[axis] + inner[axis] % 2
    return inner[0], inner[1]
