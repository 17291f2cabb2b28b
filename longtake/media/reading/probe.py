"""What a clip or a reference is, from one read of its header and index; only a picture file is decoded."""

from __future__ import annotations

import contextlib
import hashlib
import re
import struct
import warnings
import zlib
from collections.abc import Generator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from av.container import InputContainer
from av.stream import Disposition
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict

from longtake.domain.errors import UnreadableClipError
from longtake.domain.request import MediaFacts
from longtake.media.reading.boxes import MOV_BOXES, BoxFacts, read_boxes, top_level
from longtake.media.reading.clock import Ratio, exact, frame_clock
from longtake.media.reading.colour import Colour, decided
from longtake.media.reading.file_kinds import described, heif_container, is_mp3, is_readable_picture, is_wav
from longtake.media.reading.opening import Source, open_bytes, open_container, reading
from longtake.media.reading.packed import check_bmp, check_png, check_tiff, check_wav
from longtake.media.reading.parameter_sets import read_parameter_sets
from longtake.media.reading.turned import lies_on_its_side

PICTURE_MAX_PIXELS = 100_000_000
"""A picture larger than this is refused before it is decoded."""
WHOLE_MAX_PIXELS = 25_000_000
"""A picture up to here is decoded as it is; a larger JPEG, PNG, TIFF or BMP is checked without all its pixels."""

_PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# Photoshop and ComfyUI write profiles, XMP and workflows of megabytes; Pillow takes one for a bomb by default.
PngImagePlugin.MAX_TEXT_CHUNK = 64 * 2**20
PngImagePlugin.MAX_TEXT_MEMORY = 64 * 2**20
_HEIF_CODECS = {"heic": "hevc", "avif": "av1"}


class ClipFacts(BaseModel):
    """What one read told of a clip.

    `width` and `height` are as coded, before `sample_aspect` (width to height of one pixel) and `rotation_degrees`
    (clockwise, for display). `duration_seconds` is that of the picture. `colour` is range, matrix,
    primaries and transfer by FFmpeg's numbers. `signature` is a hash of all that must agree for two clips' packets to
    stand in one film; `copy_obstacle` says why packets can not be copied at all, "" if they can.
    """

    model_config = ConfigDict(frozen=True)

    container: str
    size_bytes: int
    video_codec: str
    width: int
    height: int
    pixel_format: str
    sample_aspect: Ratio
    rotation_degrees: int
    colour: tuple[int, int, int, int]
    frames: int
    fps: Ratio
    constant_rate: bool
    duration_seconds: float
    first_is_keyframe: bool
    has_audio: bool
    audio_tracks: int = 0
    audio_codec: str = ""
    audio_decoder: str = ""
    audio_rate_hz: int = 0
    audio_channels: int = 0
    audio_seconds: float = 0.0
    signature: str
    copy_obstacle: str = ""

    @property
    def colour_meant(self) -> Colour:
        """What `colour` means, with what it leaves open decided."""
        return decided(self.colour, (self.width, self.height), self.pixel_format)

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels, upright."""
        width, height = round(self.width * self.sample_aspect), self.height
        return (height, width) if self.rotation_degrees in (90, 270) else (width, height)


class OpenClip(NamedTuple):
    """A clip that passed the cheap checks: its container, its first real video stream, and the facts."""

    container: InputContainer
    video: Any
    facts: ClipFacts


def probe_clip(source: Source) -> ClipFacts:
    """What a clip is. Reads header and index only, except of a fragmented file, which has no index.

    Raises:
        UnreadableClipError: Not an MP4 or MOV with at least two pictures, or cut short.
    """
    with open_clip(source) as clip:
        return clip.facts


@contextlib.contextmanager
def open_clip(source: Source) -> Generator[OpenClip]:
    """Opens a clip for demuxing, after the checks of `probe_clip`. Put `reading` around what is read from it.

    Raises:
        UnreadableClipError: As `probe_clip`.
    """
    with contextlib.ExitStack() as stack:
        with reading(source):
            file, size_bytes = stack.enter_context(open_bytes(source))
            boxes = _checked_boxes(file, size_bytes)
            container = stack.enter_context(open_container(source, file, "mov"))
            video = _first_video(container)
            clip = OpenClip(container, video, _facts(container, video, boxes, size_bytes, source))
        yield clip


class LargePictureError(UnreadableClipError):
    """A picture that takes much memory to look at, and was not asked for; ask again when nothing else does."""


def probe_media(source: Source, *, takes_large: bool = True) -> MediaFacts:
    """What any reference is: picture, video or sound. Pictures are decoded, after their size was checked.

    Args:
        source: The file.
        takes_large: Whether a picture may be decoded that takes hundreds of megabytes.

    Containers: jpeg, png, webp, bmp, tiff, gif, heic, avif; mp4, mov; wav, mp3, m4a. `width` and `height` are as
    displayed; of HEIC and AVIF, which are not decoded, they may be unknown.

    Raises:
        LargePictureError: It takes much memory, and `takes_large` is false.
        UnreadableClipError: None of these, damaged, or cut short.
    """
    with reading(source), open_bytes(source) as (file, size_bytes):
        head = file.read(64)
        if (still := heif_container(head)) is not None:
            return _heif_facts(file, size_bytes, still)
        if head[4:8] in MOV_BOXES:
            return _mov_facts(source, file, size_bytes)
        if is_wav(head):
            return _sound_facts(source, file, size_bytes, "wav")
        if is_mp3(head):
            return _sound_facts(source, file, size_bytes, "mp3")
        return _picture_facts(file, size_bytes, head, takes_large)


def _mov_facts(source: Source, file: BinaryIO, size_bytes: int) -> MediaFacts:
    with open_container(source, file, "mov") as container:
        has_picture = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
    if not has_picture:
        return _sound_facts(source, file, size_bytes, "mov")
    facts = probe_clip(source)
    width, height = facts.display_size
    return MediaFacts(
        kind="video",
        container=facts.container,
        size_bytes=size_bytes,
        codec=facts.video_codec,
        width=width,
        height=height,
        duration_seconds=facts.duration_seconds,
        fps=float(facts.fps),
    )


def _sound_facts(source: Source, file: BinaryIO, size_bytes: int, demuxer: str) -> MediaFacts:
    if demuxer == "mov":
        read_boxes(file, size_bytes)
    elif demuxer == "wav":
        check_wav(file, size_bytes)
    with open_container(source, file, demuxer) as container:
        if not container.streams.audio:
            raise UnreadableClipError("no sound in it")
        stream = container.streams.audio[0]
        # Counted packet by packet: an MP3's header often does not know its length.
        ticks = sum(packet.duration or 0 for packet in container.demux(stream) if packet.size)
        seconds = float(ticks * exact(stream.time_base))
        if not seconds:
            raise UnreadableClipError("no sound in it")
        name = "m4a" if demuxer == "mov" else demuxer
        codec = _codec_name(stream.codec_context)
        return MediaFacts(kind="audio", container=name, size_bytes=size_bytes, codec=codec, duration_seconds=seconds)


def _heif_facts(file: BinaryIO, size_bytes: int, container: str) -> MediaFacts:
    for _ in top_level(file, size_bytes):
        pass
    file.seek(0)
    properties = file.read(2**18)
    # Every tile and thumbnail tells its size; the whole picture is the largest.
    found = re.findall(rb"\0\0\0\x14ispe\0{4}(.{4})(.{4})", properties, re.DOTALL)
    sizes = [(int.from_bytes(width, "big"), int.from_bytes(height, "big")) for width, height in found]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(None, None))
    turns = re.search(rb"\0\0\0\x09irot(.)", properties, re.DOTALL)
    if turns and turns[1][0] % 2:
        width, height = height, width
    codec = _HEIF_CODECS[container]
    return MediaFacts(kind="image", container=container, size_bytes=size_bytes, codec=codec, width=width, height=height)


def _picture_facts(file: BinaryIO, size_bytes: int, head: bytes, takes_large: bool) -> MediaFacts:
    file.seek(0)
    try:
        with warnings.catch_warnings(action="ignore"):
            picture = Image.open(file, formats=_PICTURE_FORMATS)
            with picture:
                width, height = picture.size
                if width * height > PICTURE_MAX_PIXELS:
                    raise UnreadableClipError(_too_many(f"{width}×{height}"))
                # An iPhone's and a Samsung's JPEG carries more pictures behind its own.
                name = "jpeg" if picture.format == "MPO" else (picture.format or "").lower()
                _read_through(picture, file, size_bytes, takes_large)
                if lies_on_its_side(picture):
                    width, height = height, width
    except Image.DecompressionBombError as error:
        counted = re.search(r"\((\d+) pixels\)", str(error))
        raise UnreadableClipError(_too_many(f"{int(counted[1]):,}" if counted else "too many")) from error
    except UnidentifiedImageError as error:
        words = described(head)
        if is_readable_picture(words):
            raise UnreadableClipError(f"{words} that is damaged, or coded in a way that is not known here") from error
        raise UnreadableClipError(f"not a picture, video or sound that is known here but {words}") from error
    except ValueError as error:
        if "too large" not in str(error):
            raise
        limit = PngImagePlugin.MAX_TEXT_CHUNK >> 20
        raise UnreadableClipError(f"its profile or text unpacks to more than {limit} MiB; save it without") from error
    except (SyntaxError, struct.error, ZeroDivisionError, zlib.error) as error:
        raise UnreadableClipError(f"damaged picture ({error})") from error
    return MediaFacts(kind="image", container=name, size_bytes=size_bytes, codec=name, width=width, height=height)


def _too_many(size: str) -> str:
    return f"a picture of {size} px is more than is decoded here (at most {PICTURE_MAX_PIXELS:,}); scale it down"


def _read_through(picture: Image.Image, file: BinaryIO, size_bytes: int, takes_large: bool) -> None:
    """Decodes a picture; of a large one only so much as shows that nothing of it is missing."""
    width, height = picture.size
    if width * height > WHOLE_MAX_PIXELS:
        if picture.format == "PNG":
            check_png(file)
            return
        if picture.format == "TIFF":
            check_tiff(picture, size_bytes)
            return
        if picture.format == "BMP" and check_bmp(file, size_bytes):
            return
        picture.draft(None, (width // 8, height // 8))
        if picture.size == (width, height) and not takes_large:
            raise LargePictureError(f"a picture of {width}×{height} px")
    try:
        picture.load()
    except OSError as error:
        if "decoder object" not in str(error) or width * height <= WHOLE_MAX_PIXELS:
            raise
        raise MemoryError from error  # how the WebP decoder says it


def _checked_boxes(file: BinaryIO, size_bytes: int) -> BoxFacts:
    file.seek(0)
    head = file.read(64)
    if head[4:8] not in MOV_BOXES:
        raise UnreadableClipError(f"not an MP4 or MOV but {described(head)}")
    return read_boxes(file, size_bytes)


def _first_video(container: InputContainer) -> Any:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if cast(Any, stream.codec_context) is None:
                raise UnreadableClipError("its video codec is unknown")
            return stream
    raise UnreadableClipError("no video in it" + (", only sound" if container.streams.audio else ""))


def _facts(container: InputContainer, video: Any, boxes: BoxFacts, size_bytes: int, source: Source) -> ClipFacts:
    context = video.codec_context
    if not (context.width and context.height and context.pix_fmt):
        raise UnreadableClipError("its pictures have no size or format: the header is damaged")
    codec = _codec_name(context)
    rotation = boxes.rotations.get(video.id, 0)
    if rotation is None:
        raise UnreadableClipError("its display matrix mirrors or flattens the picture")
    times, first_is_keyframe, hides = _index(video, size_bytes) if not boxes.fragmented else _count(source, video)
    if len(times) < 2:
        raise UnreadableClipError(f"{len(times) or 'no'} picture{'s' * (len(times) != 1)}: not a video")
    fps, constant = frame_clock(times, exact(video.time_base))
    sets = read_parameter_sets(codec, bytes(context.extradata or b""))
    aspect = exact(video.sample_aspect_ratio) or Fraction(1)
    colour = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
    colour = cast(tuple[int, int, int, int], tuple(int(value) for value in colour))
    agreed = (codec, context.width, context.height, context.pix_fmt, aspect, colour, rotation, sets, fps)
    obstacles = {
        "its rate varies": not constant,
        "its first picture is no keyframe": not first_is_keyframe,
        "its edit list hides pictures": hides,
        "it is turned for display": rotation != 0,
        f"{codec} is not copied": sets is None,
    }
    return ClipFacts(
        container="mov" if boxes.brand in (b"qt  ", b"") else "mp4",
        size_bytes=size_bytes,
        video_codec=codec,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt,
        sample_aspect=aspect,
        rotation_degrees=rotation,
        colour=colour,
        frames=len(times),
        fps=fps,
        constant_rate=constant,
        duration_seconds=float(len(times) / fps if constant else _span(times, video) + 1 / fps),
        first_is_keyframe=first_is_keyframe,
        signature=hashlib.sha256(repr(agreed).encode()).hexdigest()[:16],
        copy_obstacle=next((words for words, applies in obstacles.items() if applies), ""),
        **_audio_facts(container, size_bytes),
    )


def _span(times: Sequence[int], video: Any) -> Fraction:
    """From the first picture to the last, in seconds."""
    return (times[-1] - times[0]) * exact(video.time_base)


def _codec_name(context: Any) -> str:
    """The codec's name, whichever decoder is used for it."""
    return str(context.codec.canonical_name)


def _index(video: Any, size_bytes: int) -> tuple[list[int], bool, bool]:
    """Decoding times of the pictures that are shown, whether the first is a keyframe, whether some are hidden."""
    entries = list(video.index_entries)
    _check_extents(entries, size_bytes)
    times = [entry.timestamp for entry in entries if not entry.is_discard]
    return times, bool(entries) and entries[0].is_keyframe, len(times) != len(entries)


def _check_extents(entries: Sequence[Any], size_bytes: int) -> None:
    end = max((entry.pos + entry.size for entry in entries), default=0)
    if end > size_bytes:
        raise UnreadableClipError(f"cut short: its index names bytes up to {end}, the file has {size_bytes}")


def _count(source: Source, video: Any) -> tuple[list[int], bool, bool]:
    """The same as `_index` by reading every packet: a fragmented file has no index of the whole."""
    with contextlib.ExitStack() as stack:
        container = video.container
        if isinstance(source, str | Path):
            file, _ = stack.enter_context(open_bytes(source))
            container = stack.enter_context(open_container(source, file, "mov"))
        packets = [packet for packet in container.demux(container.streams[video.index]) if packet.size]
        times = [packet.dts for packet in packets if packet.dts is not None and not packet.is_discard]
        return times, bool(packets) and packets[0].is_keyframe, len(times) != len(packets)


def _audio_facts(container: InputContainer, size_bytes: int) -> dict[str, Any]:
    streams = [stream for stream in container.streams.audio if cast(Any, stream.codec_context) is not None]
    for stream in streams:
        _check_extents(list(stream.index_entries), size_bytes)
    if not streams:
        return {"has_audio": False}
    first = streams[0]
    return {
        "has_audio": True,
        "audio_tracks": len(streams),
        "audio_codec": _codec_name(first.codec_context),
        "audio_decoder": first.codec_context.name,
        "audio_rate_hz": first.codec_context.sample_rate or 0,
        "audio_channels": first.codec_context.channels,
        "audio_seconds": float((first.duration or 0) * exact(first.time_base)),
    }
