"""What a reference turned out to be: its kind, size, pixels and length, read from its own bytes."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

import av
from av.error import FFmpegError
from PIL import Image

from longtake.sandbox.order import MediaKind, Refused, Why

_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)


@dataclass(frozen=True)
class Fetched:
    """One reference as the vendor received it.

    `url` is without query, or `data:`; `seconds`, `fps`, `width`, `height` are 0 where there is nothing to measure (an
    asset that was never uploaded here has no bytes at all, and an empty `sha256`).
    """

    kind: MediaKind
    role: str
    url: str
    sha256: str = ""
    size_bytes: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    content: bytes = field(default=b"", repr=False, compare=False)

    @property
    def was_measured(self) -> bool:
        """Whether there were bytes to measure."""
        return bool(self.sha256)


def measure(kind: MediaKind, role: str, url: str, content: bytes) -> Fetched:
    """What these bytes are.

    Raises:
        Refused: They are not a picture, video or sound of the kind wanted.
    """
    probe = {"image": _measure_image, "video": _measure_video, "audio": _measure_audio}[kind]
    try:
        facts = probe(content)
    except (FFmpegError, OSError, ValueError, LookupError, EOFError, SyntaxError) as error:
        raise Refused(Why.BAD_REFERENCE, f"{role}: not a readable {kind}") from error
    return Fetched(
        kind, role, url, hashlib.sha256(content).hexdigest(), size_bytes=len(content), content=content, **facts
    )


def _measure_image(content: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(content)) as image:
        # Phones write JPEGs with a second picture inside, which Pillow names otherwise.
        name = "JPEG" if image.format == "MPO" else image.format
        size = image.size
        if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE:
            size = size[::-1]
        return {"format": name or "", "width": size[0], "height": size[1]}


def _measure_video(content: bytes) -> dict[str, Any]:
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        if not rate or stream.duration is None or stream.time_base is None:
            raise ValueError("no frame rate or length")
        return {
            "format": "mp4" if "mp4" in container.format.name else container.format.name,
            "width": stream.width,
            "height": stream.height,
            "seconds": float(stream.duration * stream.time_base),
            "fps": rate,
        }


def _measure_audio(content: bytes) -> dict[str, Any]:
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.audio[0]
        # Counted: a recorder that streams writes a length that is none.
        ticks = sum(packet.duration or 0 for packet in container.demux(stream) if packet.size)
        if not ticks or stream.time_base is None:
            raise ValueError("no length")
        name = "wav" if container.format.name.startswith("wav") else container.format.name
        return {"format": name, "seconds": float(ticks * stream.time_base)}
