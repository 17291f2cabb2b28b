"""Pictures and sounds as references: copies changed until they keep the limits. Videos: `tail`."""

from __future__ import annotations

import io
import shutil
import warnings
import wave
from collections.abc import Generator
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
from av import AudioFrame, AudioResampler
from PIL import Image, UnidentifiedImageError

from longtake.domain.errors import UnfitClipError, UnreadableClipError
from longtake.media.cutting.tail import FitReceipt
from longtake.media.reading.opening import open_bytes, open_container, reading
from longtake.media.reading.pictures import published
from longtake.media.reading.probe import probe_media
from longtake.media.reading.srgb import as_srgb
from longtake.media.reading.turned import orientation

_FINEST_QUALITY = 95
_ANEW = {"png": "packed anew, without loss", "jpeg": f"encoded anew at JPEG quality {_FINEST_QUALITY}"}
_PICTURE_SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}


def make_picture_fit(
    source: Path,
    target: Path,
    *,
    max_bytes: int = 30 * 10**6,
    min_side_px: int = 300,
    max_side_px: int = 6000,
    min_aspect: float = 0.4,
    max_aspect: float = 2.5,
) -> FitReceipt:
    """Writes a picture that keeps the limits, upright and in sRGB; the file itself where it keeps them already.

    Args:
        source: JPEG, PNG, WebP, AVIF, BMP, TIFF or GIF (its first picture).
        target: Where the copy goes; `.png` or `.jpg`. A PNG that is too large is scaled down, a JPEG coarser first.
        max_bytes: Largest file.
        min_side_px: Smallest shorter side.
        max_side_px: Largest longer side.
        min_aspect: Smallest width to height.
        max_aspect: Largest width to height.

    Raises:
        UnfitClipError: Its ratio is not legal, or the bounds exclude each other.
        UnreadableClipError: Not a picture.
    """
    kind = _PICTURE_SUFFIXES.get(target.suffix.lower())
    if kind is None:
        raise ValueError(f"a picture is written as .png or .jpg, not {target.suffix}")
    facts = probe_media(source)
    if facts.kind != "image":
        raise UnreadableClipError(f"{source.name}: not a picture")
    if facts.container == "heic":
        raise UnreadableClipError(f"{source.name}: HEIC is not decoded here: save it as JPEG or PNG")
    with reading(source), _opened(source) as opened:
        turned = orientation(opened) != 1
        image, colours = as_srgb(opened, keeps_alpha=kind == "png")
    aspect = image.width / image.height
    if not min_aspect <= aspect <= max_aspect:
        raise UnfitClipError(f"{source.name}: width to height is {aspect:.2f}, allowed {min_aspect:g}–{max_aspect:g}")
    factor = min(max(1.0, min_side_px / min(image.size)), max_side_px / max(image.size))
    size = tuple(ceil(side * factor) if factor > 1 else int(side * factor) for side in image.size)
    if min(size) < min_side_px:
        raise UnfitClipError(f"{source.name}: no size of its ratio has sides of {min_side_px}–{max_side_px} px")
    changes = ["turned upright"] if turned else []
    if size != image.size:
        changes.append(f"scaled from {image.width}×{image.height} to {size[0]}×{size[1]} px")
        image = image.resize(cast("tuple[int, int]", size), Image.Resampling.LANCZOS)
    if facts.container != kind:
        changes.append(f"converted from {facts.container} to {kind}")
    if not changes and facts.size_bytes <= max_bytes:
        data = source.read_bytes()
    else:
        data, image, packed = _small_enough(image, kind, max_bytes, min_side_px)
        changes += [*packed, *colours]
        changes = changes or [_ANEW[kind]]
    with published(target) as draft:
        draft.write_bytes(data)
    return FitReceipt(changes=tuple(changes), bytes=len(data), width=image.width, height=image.height)


@contextmanager
def _opened(source: Path) -> Generator[Image.Image]:
    """A picture opened by Pillow, without its warnings on the screen.

    Raises:
        UnreadableClipError: It is not read here.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(source) as opened:
            yield opened
    except UnidentifiedImageError:
        raise UnreadableClipError("it cannot be decoded on this machine: save it as JPEG or PNG") from None


def _small_enough(
    image: Image.Image, kind: str, max_bytes: int, min_side_px: int
) -> tuple[bytes, Image.Image, list[str]]:
    """Encodes, ever coarser and then ever smaller, until the file is small enough; and says how."""
    full, file = image.size, io.BytesIO()
    while True:
        for quality in (_FINEST_QUALITY, 88, 75, 60) if kind == "jpeg" else (None,):
            file = io.BytesIO()
            if quality is not None:
                image.save(file, "JPEG", quality=quality, optimize=True)
            else:
                image.save(file, "PNG", compress_level=6)
            if file.tell() <= max_bytes:
                words = [f"scaled down to {image.width}×{image.height} px for its size"] if image.size != full else []
                words += [f"encoded at JPEG quality {quality}"] if quality and quality < _FINEST_QUALITY else []
                return file.getvalue(), image, words
        size = int(image.width * 0.8), int(image.height * 0.8)
        if min(size) < min_side_px:
            raise UnfitClipError(f"max_bytes is {max_bytes}, the smallest legal picture has {file.tell()}")
        image = image.resize(size, Image.Resampling.LANCZOS)


def make_sound_fit(
    source: Path,
    target: Path,
    *,
    min_seconds: float = 2.0,
    max_seconds: float = 15.0,
    max_bytes: int = 15 * 10**6,
    keep: Literal["start", "end"] = "start",
) -> FitReceipt:
    """Writes a sound that keeps the limits; the file itself where it keeps them already.

    Args:
        source: WAV, MP3, M4A, or the sound of an MP4 or MOV.
        target: Where the copy goes; `.wav` (16 bit) or `.mp3`.
        min_seconds: Shortest sound.
        max_seconds: Longest sound.
        max_bytes: Largest file; a WAV that is larger becomes an error, an MP3 coarser.
        keep: Which end of a sound that is too long stays.

    Raises:
        UnfitClipError: Too short, or too large.
        UnreadableClipError: No sound.
    """
    kind = target.suffix.lower().lstrip(".")
    if kind not in ("wav", "mp3"):
        raise ValueError(f"a sound is written as .wav or .mp3, not {target.suffix}")
    facts = probe_media(source)
    seconds = facts.duration_seconds or 0.0
    if facts.kind == "image":
        raise UnreadableClipError(f"{source.name}: not a sound")
    if seconds < min_seconds:
        raise UnfitClipError(f"{source.name}: min_seconds is {min_seconds:g}, it has {seconds:.2f}")
    changes: list[str] = []
    if seconds > max_seconds:
        changes.append(f"trimmed from {seconds:.2f} to {max_seconds:.2f} s, its {keep} kept")
    if facts.container != kind:
        changes.append(f"converted from {facts.container} to {kind}")
    if facts.size_bytes > max_bytes and not changes:
        changes.append(f"encoded anew: {facts.size_bytes} bytes are more than {max_bytes}")
    with published(target) as draft:
        if changes:
            samples, rate, mixed = _samples(source, facts.container)
            changes += mixed
            # A frame of MP3 is 1,152 samples, so that one must be left over.
            most = int(max_seconds * rate) - (2 * 1152 if kind == "mp3" else 0)
            samples = samples[:, :most] if keep == "start" else samples[:, max(0, samples.shape[1] - most) :]
            seconds = samples.shape[1] / rate
            (_write_wav if kind == "wav" else _write_mp3)(draft, samples, rate)
        else:
            shutil.copyfile(source, draft)
        size = draft.stat().st_size
        if size > max_bytes:
            raise UnfitClipError(f"{source.name}: max_bytes is {max_bytes}, as {kind} it has {size}")
    return FitReceipt(changes=tuple(changes), bytes=size, seconds=seconds)


def _samples(source: Path, container: str) -> tuple[np.ndarray[Any, np.dtype[np.int16]], int, list[str]]:
    """The first sound track, 16 bit, shape (channels, samples), in stereo unless it is mono, its rate, what changed."""
    blocks: list[np.ndarray[Any, np.dtype[np.int16]]] = []
    demuxer = container if container in ("wav", "mp3") else "mov"
    with reading(source), open_bytes(source) as (file, _), open_container(source, file, demuxer) as opened:
        stream = opened.streams.audio[0]
        channels, stored = stream.codec_context.channels, stream.codec_context.sample_rate
        rate = stored if stored in (32_000, 44_100, 48_000) else 48_000
        changes = [f"{len(opened.streams.audio)} tracks, the first kept"] if len(opened.streams.audio) > 1 else []
        changes += [f"{channels} channels mixed down to stereo"] if channels > 2 else []
        changes += [f"resampled from {stored} to {rate} Hz"] if rate != stored else []
        resampler = AudioResampler("s16p", "mono" if channels == 1 else "stereo", rate)
        for frame in opened.decode(stream):
            blocks += [cast(Any, block.to_ndarray()) for block in resampler.resample(frame)]
        blocks += [cast(Any, block.to_ndarray()) for block in resampler.resample(None)]
    if not blocks:
        raise UnreadableClipError(f"{source.name}: no sound decodes")
    return np.concatenate(blocks, axis=1), rate, changes


def _write_wav(draft: Path, samples: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> None:
    with wave.open(str(draft), "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(samples.T).tobytes())


def _write_mp3(draft: Path, samples: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> None:
    layout = "mono" if samples.shape[0] == 1 else "stereo"
    with av.open(str(draft), "w", format="mp3") as output:
        stream: Any = output.add_stream("libmp3lame", rate=rate, layout=layout)
        stream.bit_rate = 192_000
        for start in range(0, samples.shape[1], 1152):
            block: Any = AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + 1152]), format="s16p", layout=layout
            )
            block.sample_rate, block.pts, block.time_base = rate, start, Fraction(1, rate)
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
