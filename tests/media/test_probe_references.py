"""What a probe tells of any reference: pictures, videos, sounds."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from longtake.domain.errors import UnreadableClipError
from longtake.media.reading import probe
from longtake.media.reading.probe import probe_media
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


@pytest.mark.parametrize("name", ["png", "jpeg"])
@pytest.mark.parametrize("end", [0.3, 0.6, 0.99])
def test_a_large_picture_is_read_to_its_end_without_all_its_pixels(
    monkeypatch: pytest.MonkeyPatch, name: str, end: float
) -> None:
    monkeypatch.setattr(probe, "WHOLE_MAX_PIXELS", 100_000)
    data = picture(name)
    facts = probe_media(io.BytesIO(data))
    assert (facts.container, facts.width, facts.height) == (name, 400, 300)
    with pytest.raises(UnreadableClipError):
        probe_media(io.BytesIO(data[: int(len(data) * end)]))


@pytest.mark.parametrize("packing", ["raw", "tiff_lzw", "jpeg", "tiff_deflate"])
def test_a_large_tiff_is_held_against_its_length_without_its_pixels(
    monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    monkeypatch.setattr(probe, "WHOLE_MAX_PIXELS", 1000)
    monkeypatch.setattr("PIL.TiffImagePlugin.TiffImageFile.load", lambda self: pytest.fail("decoded"))
    file = io.BytesIO()
    Image.effect_noise((403, 301), 90).save(file, "tiff", compression=packing)
    # Where its tags stand behind its pixels, half of it does not even open.
    for data in (file.getvalue(), file.getvalue() + b"\n"):
        facts = probe_media(io.BytesIO(data), takes_large=False)
        assert (facts.container, facts.width, facts.height) == ("tiff", 403, 301)
    with pytest.raises(UnreadableClipError):
        probe_media(io.BytesIO(file.getvalue()[: len(file.getvalue()) // 2]))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_a_large_bmp_is_held_against_its_length_without_its_pixels(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(probe, "WHOLE_MAX_PIXELS", 1000)
    data = io.BytesIO()
    Image.effect_noise((403, 301), 90).convert(mode).save(data, "bmp")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert probe_media(io.BytesIO(data.getvalue()), takes_large=False).width == 403
    with pytest.raises(UnreadableClipError, match="cut short"):
        probe_media(io.BytesIO(data.getvalue()[:-10]))


@pytest.mark.parametrize("name", ["webp", "gif"])
def test_a_large_picture_that_must_be_decoded_whole_waits_until_it_is_asked_for_alone(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(probe, "WHOLE_MAX_PIXELS", 1000)
    data = picture(name)
    with pytest.raises(probe.LargePictureError):
        probe_media(io.BytesIO(data), takes_large=False)
    assert probe_media(io.BytesIO(data)).width == 400


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_every_kind_of_large_png_is_taken_and_one_that_lacks_pixels_is_not(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(probe, "WHOLE_MAX_PIXELS", 1000)
    file = io.BytesIO()
    Image.effect_noise((403, 301), 90).convert("L" if mode == "I;16" else mode).save(file, "png")
    assert probe_media(io.BytesIO(file.getvalue())).width == 403
    data = bytearray(file.getvalue())
    data[16:24] = struct.pack(">II", 403, 400)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(UnreadableClipError, match="all its pixels"):
        probe_media(io.BytesIO(bytes(data)))
    data[60] ^= 1
    with pytest.raises(UnreadableClipError):
        probe_media(io.BytesIO(bytes(data)))


def test_a_phones_jpeg_with_more_pictures_behind_its_own_is_a_jpeg() -> None:
    file = io.BytesIO()
    first = Image.new("RGB", (1200, 900), (90, 120, 60))
    first.save(file, format="MPO", save_all=True, append_images=[first.resize((300, 225))])
    facts = probe_media(io.BytesIO(file.getvalue()))
    assert (facts.container, facts.codec, facts.width, facts.height) == ("jpeg", "jpeg", 1200, 900)


@pytest.mark.parametrize("kind", ["text", "international", "profile"])
def test_a_png_with_megabytes_of_packed_text_or_profile_is_taken(kind: str) -> None:
    file, about = io.BytesIO(), PngImagePlugin.PngInfo()
    text = "workflow " * 400_000
    if kind == "text":
        about.add_text("workflow", text, zip=True)
    if kind == "international":
        about.add_itxt("XML:com.adobe.xmp", text, zip=True)
    profile = {"icc_profile": text.encode()} if kind == "profile" else {}
    Image.new("RGB", (640, 480)).save(file, "png", pnginfo=about, **profile)
    assert probe_media(io.BytesIO(file.getvalue())).width == 640


@pytest.mark.parametrize("claimed", [0x7FFFFFFF, 0x7FFFF000, 0x7FFFFFFF - 36, 0xFFFFFFFF, 0xFFFFFFF0, 0])
def test_a_streamed_wav_is_measured_by_its_bytes(claimed: int) -> None:
    data = bytearray(wav(3))
    struct.pack_into("<I", data, 4, claimed)
    struct.pack_into("<I", data, 40, claimed)
    assert probe_media(io.BytesIO(bytes(data))).duration_seconds == pytest.approx(3.0)


@pytest.mark.parametrize("off", [-44, -8, -1, 1, 8, 36, 44])
@pytest.mark.parametrize("place", [4, 40])
def test_a_wav_whose_sizes_are_a_little_off_is_taken(place: int, off: int) -> None:
    data = bytearray(wav(3))
    struct.pack_into("<I", data, place, struct.unpack_from("<I", data, place)[0] + off)
    assert probe_media(io.BytesIO(bytes(data))).duration_seconds == pytest.approx(3.0, abs=0.01)


def test_half_a_wav_is_refused() -> None:
    data = wav(3)
    with pytest.raises(UnreadableClipError, match="cut short"):
        probe_media(io.BytesIO(data[: len(data) // 2]))


def wav(seconds: int) -> bytes:
    """Nearly silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 24000, 0, "NONE", ""))
        writer.writeframes(b"\x10\0" * 24000 * seconds)
    return file.getvalue()


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
