"""Drift: brightness, colour and sharpness of each link against the first, through re-encoding and other sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from longtake.domain.errors import UnreadableClipError
from longtake.media.checking.drift import LinkDrift, first_beyond, measure_drift
from longtake.media.checking.policy import DriftLimits
from tests.media import scenes
from tests.media.scenes import Picture


@pytest.fixture(scope="module")
def pan() -> list[Picture]:
    return scenes.pan(24)


def measured(folder: Path, links: list[list[Picture]], crf: int = 20) -> list[LinkDrift]:
    clips = [scenes.write_clip(folder / f"{number}.mp4", pictures, crf=crf) for number, pictures in enumerate(links)]
    return measure_drift(clips)


def softened(picture: Picture, radius: float) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def test_a_chain_that_stays_as_it_is_has_no_drift(tmp_path: Path, pan: list[Picture]) -> None:
    larger = [np.asarray(Image.fromarray(picture).resize((640, 360))) for picture in pan]
    for drift in measured(tmp_path, [pan, pan, scenes.pan(48)[12:36], larger]):
        assert abs(drift.brightness) < 4
        assert drift.colour < 3
        assert 0.8 < drift.contrast_ratio < 1.25
        assert drift.beyond(DriftLimits()) == ()


def test_brightness_is_told_with_its_sign(tmp_path: Path, pan: list[Picture]) -> None:
    _, brighter, darker = measured(tmp_path, [pan, scenes.brightened(pan, 40), scenes.brightened(pan, -35)])
    assert brighter.brightness == pytest.approx(40 * 219 / 255, abs=3)
    assert darker.brightness == pytest.approx(-35 * 219 / 255, abs=3)
    assert brighter.beyond(DriftLimits()) == (f"{brighter.brightness:.0f} of 255 brighter than the first link",)


def test_colour_and_contrast_are_told_apart(tmp_path: Path, pan: list[Picture]) -> None:
    warm = [np.clip(picture * np.array([1.2, 1.0, 0.75]), 0, 255).astype(np.uint8) for picture in pan]
    _, warmer, harder = measured(tmp_path, [pan, warm, scenes.brightened(pan, 0, 1.4)])
    assert warmer.colour > 12
    assert abs(warmer.brightness) < 8
    assert harder.contrast_ratio == pytest.approx(1.38, abs=0.1)
    assert harder.colour < 2


def test_sharpness_falls_link_by_link_and_survives_re_encoding(tmp_path: Path, pan: list[Picture]) -> None:
    links = [[softened(picture, radius) for picture in pan] for radius in (0, 0.6, 1.2, 2.4)]
    ratios = [drift.sharpness_ratio for drift in measured(tmp_path, links, crf=24)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] == 1
    assert ratios[-1] < 0.4


def test_the_first_link_beyond_a_limit_is_named(tmp_path: Path, pan: list[Picture]) -> None:
    drifts = measured(tmp_path, [pan, scenes.brightened(pan, 10), scenes.brightened(pan, 30)])
    held = first_beyond(drifts, DriftLimits(brightness=15))
    assert held is not None
    assert held.link == 2
    assert first_beyond(drifts, DriftLimits(brightness=None)) is None


def test_a_link_that_does_not_decode_is_an_error(tmp_path: Path, pan: list[Picture]) -> None:
    clip = scenes.write_clip(tmp_path / "a.mp4", pan)
    (tmp_path / "b.mp4").write_bytes(clip.read_bytes()[:-100])
    with pytest.raises(UnreadableClipError):
        measure_drift([clip, tmp_path / "b.mp4"])
