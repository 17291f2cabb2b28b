"""Pictures and sounds as references: fitted copies keep the limits, legal files stay as they are."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.domain.errors import UnfitClipError, UnreadableClipError
from longtake.media.cutting.fit import make_picture_fit, make_sound_fit
from longtake.media.reading.probe import probe_media
from tests.media import scenes


def picture(target: Path, width: int, height: int, **options: object) -> Path:
    Image.fromarray(scenes.landscape(height, width).astype(np.uint8)).save(target, **options)
    return target


def sound(target: Path, seconds: float, channels: int = 2, rate: int = 44100) -> Path:
    samples = (scenes.tone(seconds, rate=rate, channels=channels) * 32767).astype("<i2")
    with wave.open(str(target), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.T.tobytes())
    return target


def test_a_legal_picture_stays_as_it_is(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.png", 400, 320)
    receipt = make_picture_fit(source, tmp_path / "out.png")
    assert receipt.changes == ()
    assert (tmp_path / "out.png").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("size", "limits", "expected"),
    [
        ((200, 150), {}, (400, 300)),
        ((900, 450), {"max_side_px": 700}, (700, 350)),
        ((151, 320), {}, (300, 636)),
    ],
)
def test_a_picture_is_scaled_into_the_limits(
    size: tuple[int, int], limits: dict[str, int], expected: tuple[int, int], tmp_path: Path
) -> None:
    source = picture(tmp_path / "in.png", *size)
    receipt = make_picture_fit(source, tmp_path / "out.jpg", **limits)
    assert (receipt.width, receipt.height) == expected == Image.open(tmp_path / "out.jpg").size
    assert any(change.startswith("scaled") for change in receipt.changes)


def test_a_picture_that_is_too_large_becomes_coarser_then_smaller(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.jpg", 900, 700, quality=99)
    for target, most in (("out.jpg", source.stat().st_size // 2), ("small.png", 600_000)):
        receipt = make_picture_fit(source, tmp_path / target, max_bytes=most)
        assert receipt.bytes == (tmp_path / target).stat().st_size <= most
    assert Image.open(tmp_path / "out.jpg").size == (900, 700)
    assert min(Image.open(tmp_path / "small.png").size) < 700
    with pytest.raises(UnfitClipError, match="max_bytes is 3000"):
        make_picture_fit(source, tmp_path / "out.png", max_bytes=3000)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = picture(tmp_path / "in.jpg", 600, 400, exif=exif)
    receipt = make_picture_fit(source, tmp_path / "out.jpg")
    assert receipt.changes == ("turned upright",)
    assert Image.open(tmp_path / "out.jpg").size == (400, 600)


def test_pictures_that_cannot_be_made_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitClipError, match=r"width to height is 2\.75"):
        make_picture_fit(picture(tmp_path / "wide.png", 1100, 400), tmp_path / "out.png")
    (tmp_path / "page.png").write_text("<html>not found</html>")
    with pytest.raises(UnreadableClipError):
        make_picture_fit(tmp_path / "page.png", tmp_path / "out.png")
    with pytest.raises(UnreadableClipError):
        make_picture_fit(sound(tmp_path / "sound.wav", 3), tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
@pytest.mark.parametrize("keep", ["start", "end"])
def test_a_long_sound_is_trimmed(suffix: str, keep: str, tmp_path: Path) -> None:
    source = sound(tmp_path / "in.wav", 5, channels=1, rate=22050)
    receipt = make_sound_fit(source, tmp_path / f"out.{suffix}", max_seconds=3, keep=keep)
    facts = probe_media(tmp_path / f"out.{suffix}")
    assert (facts.kind, facts.container) == ("audio", suffix)
    assert 2.9 < (facts.duration_seconds or 0) <= 3
    assert f"trimmed from 5.00 to 3.00 s, its {keep} kept" in receipt.changes


def test_sound_is_taken_out_of_a_clip(tmp_path: Path) -> None:
    clip = scenes.write_clip(tmp_path / "in.mp4", scenes.flat(72, 90), sound=scenes.tone(3))
    receipt = make_sound_fit(clip, tmp_path / "out.wav")
    assert receipt.seconds == pytest.approx(3, abs=0.05)
    with wave.open(str(tmp_path / "out.wav")) as file:
        samples = np.frombuffer(file.readframes(-1), "<i2").reshape(-1, 2)
    assert np.abs(samples).max() == pytest.approx(0.3 * 32767, rel=0.1)


def test_a_legal_sound_stays_as_it_is_and_hopeless_ones_are_refused(tmp_path: Path) -> None:
    source = sound(tmp_path / "in.wav", 3)
    assert make_sound_fit(source, tmp_path / "out.wav").changes == ()
    assert (tmp_path / "out.wav").read_bytes() == source.read_bytes()
    (tmp_path / "out.wav").unlink()
    with pytest.raises(UnfitClipError, match="min_seconds is 2"):
        make_sound_fit(sound(tmp_path / "short.wav", 1), tmp_path / "out.wav")
    with pytest.raises(UnfitClipError, match="max_bytes is 1000"):
        make_sound_fit(source, tmp_path / "out.wav", max_bytes=1000)
    with pytest.raises(UnreadableClipError):
        make_sound_fit(picture(tmp_path / "in.png", 300, 300), tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()
