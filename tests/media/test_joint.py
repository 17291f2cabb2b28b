"""A joint: the step of picture and sound between two clips, with its sign, beside what the film drops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longtake.media.checking.joint import measure_joint
from longtake.media.checking.policy import DriftLimits
from tests.media import scenes

PAN = scenes.pan(48)


def test_a_shot_cut_in_two_has_no_step(tmp_path: Path) -> None:
    hum = scenes.tone(1.0)
    one = scenes.write_clip(tmp_path / "1.mp4", PAN[:24], sound=hum)
    two = scenes.write_clip(tmp_path / "2.mp4", PAN[24:], sound=hum)
    step = measure_joint(one, two)
    assert abs(step.brightness) < 3
    assert step.colour < 3
    assert step.sound_db == pytest.approx(0, abs=0.5)
    assert step.beyond(DriftLimits()) == ()


@pytest.mark.parametrize("by", [45, -45])
def test_a_planted_jump_of_brightness_is_told_with_its_sign_and_held(tmp_path: Path, by: int) -> None:
    one = scenes.write_clip(tmp_path / "1.mp4", PAN[:24])
    two = scenes.write_clip(tmp_path / "2.mp4", scenes.brightened(PAN[24:], by))
    step = measure_joint(one, two)
    assert step.brightness == pytest.approx(by * 219 / 255, abs=6)
    assert step.sound_db is None
    assert step.beyond(DriftLimits())
    assert step.beyond(DriftLimits(brightness=None)) == ()


def test_another_colour_is_held(tmp_path: Path) -> None:
    warm = [np.clip(picture * np.array([1.3, 1.0, 0.6]), 0, 255).astype(np.uint8) for picture in PAN[24:]]
    one = scenes.write_clip(tmp_path / "1.mp4", PAN[:24])
    step = measure_joint(one, scenes.write_clip(tmp_path / "2.mp4", warm))
    assert step.colour > 15
    assert any("colour" in words for words in step.beyond(DriftLimits(brightness=None)))


def test_pictures_that_the_film_drops_are_not_looked_at(tmp_path: Path) -> None:
    flash = scenes.brightened(PAN[:6], 80)
    one = scenes.write_clip(tmp_path / "1.mp4", [*PAN[:24], *flash])
    two = scenes.write_clip(tmp_path / "2.mp4", [*flash, *PAN[24:]])
    assert measure_joint(one, two).brightness == pytest.approx(0, abs=12)
    assert abs(measure_joint(one, two, trimmed_tail=6).brightness) > 25
    assert abs(measure_joint(one, two, trimmed_tail=6, trimmed_head=6).brightness) < 4


def test_a_step_of_the_sound_is_told_in_decibels(tmp_path: Path) -> None:
    loud = scenes.tone(1.0)
    one = scenes.write_clip(tmp_path / "1.mp4", PAN[:24], sound=loud)
    two = scenes.write_clip(tmp_path / "2.mp4", PAN[24:], sound=loud * np.float32(0.25))
    assert measure_joint(one, two).sound_db == pytest.approx(-12.04, abs=0.5)
    assert measure_joint(two, one).sound_db == pytest.approx(12.04, abs=0.5)
