"""What a probe tells of any reference: pictures, videos, sounds."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from longtake.errors import UnreadableClipError
from longtake.media import probe
from longtake.media.probe import probe_media
from tests.media.nasty_clips import Recipe, bytes_of

FORMATS = ("jpeg", "png", "webp", "bmp", "tiff", "gif")


def picture(name: str, width: int = 400, height: int = 300) -> bytes:
    """A picture of noise, so that nothing compresses away."""
    file = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, name)
    return file.getvalue()


def sound(codec: str, container: str, seconds: float = 2.0) -> bytes:
    """Silence of a length."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=44100, layout="stereo")
        frame: Any = av.AudioFrame.from_ndarray(np.zeros((2, int(44100 * seconds)), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 44100, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_is_measured(name: str) -> None:
    data = picture(name)
    facts = probe_media(io.BytesIO(data))
    assert (facts.kind, facts.container, facts.width, facts.height) == ("image", name, 400, 300)
    assert facts.size_bytes == len(data)


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_picture_is_refused(name: str) -> None:
    data = picture(name)
    with pytest.raises(UnreadableClipError):
        probe_media(io.BytesIO(data[: len(data) // 2]))


def test_a_huge_picture_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture("png")
    monkeypatch.setattr(probe, "PICTURE_MAX_PIXELS", 100_000)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(UnreadableClipError, match="more than is decoded"):
        probe_media(io.BytesIO(data))


def test_a_decompression_bomb_is_refused() -> None:
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\0\0\0\x01\0\0\x08\x02\0\0\0"
    with pytest.raises(UnreadableClipError):
        probe_media(io.BytesIO(head + bytes(100)))


def test_a_video_is_measured_as_it_is_shown(nasty: dict[str, Path]) -> None:
    facts = probe_media(nasty["wide_pixels"])
    assert (facts.kind, facts.container, facts.codec) == ("video", "mp4", "h264")
    assert (facts.width, facts.height, facts.fps) == (320, 192, 24.0)
    assert facts.duration_seconds == pytest.approx(25 / 24)
    assert probe_media(nasty["quicktime"]).container == "mov"


def test_a_sound_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(bytes(2 * 44100))
    facts = probe_media(path)
    assert (facts.kind, facts.container, facts.duration_seconds) == ("audio", "wav", 2.0)
    data = path.read_bytes()
    with pytest.raises(UnreadableClipError, match="cut short"):
        probe_media(io.BytesIO(data[:-1000]))


@pytest.mark.parametrize(("codec", "container", "told"), [("libmp3lame", "mp3", "mp3"), ("aac", "mp4", "m4a")])
def test_a_compressed_sound_is_measured(codec: str, container: str, told: str) -> None:
    facts = probe_media(io.BytesIO(sound(codec, container)))
    assert (facts.kind, facts.container) == ("audio", told)
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.08)


def test_a_heic_picture_is_recognised_with_its_largest_size() -> None:
    def size(width: int, height: int) -> bytes:
        return b"\0\0\0\x14ispe" + bytes(4) + width.to_bytes(4, "big") + height.to_bytes(4, "big")

    content = bytes(4) + size(512, 512) + size(4032, 3024)
    meta = (len(content) + 8).to_bytes(4, "big") + b"meta" + content
    facts = probe_media(io.BytesIO(b"\0\0\0\x18ftypheic" + bytes(4) + b"mif1heic" + meta))
    assert (facts.kind, facts.container, facts.width, facts.height) == ("image", "heic", 4032, 3024)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"<html>", b"OggS" + bytes(60), b"GIF89a", b"RIFF" + bytes(60), b"ID3" + bytes(80)]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableClipError):
        probe_media(io.BytesIO(data))


def test_a_video_cut_short_is_refused() -> None:
    data = bytes_of(Recipe("cut", 1, container_options={"movflags": "+faststart"}))
    with pytest.raises(UnreadableClipError, match="cut short"):
        probe_media(io.BytesIO(data[:-10]))
