"""Every kind of picture and sound that people bring is what it is, or is refused by its name; no copy loses anything in
silence.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.domain.errors import MediaError
from longtake.media.cutting.fit import make_picture_fit, make_sound_fit
from longtake.media.reading.probe import probe_media
from tests.media.reference_set import HEIGHT, PICTURES, SECONDS, SOUNDS, WIDTH, Case, Sound

TOLERANCE = 14
"""Of 255, of the mean of a field: what a palette and a coarse JPEG cost."""


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings(action="error"):
        yield


def seen(image: Image.Image) -> np.ndarray:
    """A picture as a viewer sees it on white, in 8 × 6 fields."""
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    # The fields' borders lie on the cut-out's, so that none is half transparent.
    return np.asarray(ground.convert("RGB").resize((8, 6), Image.Resampling.BOX), float)


def measured(case: Case | Sound) -> str:
    """What is wrong with how it is measured, "" if nothing."""
    try:
        facts = probe_media(io.BytesIO(case.make()))
    except MediaError as error:
        if not case.refused:
            return f"refused: {error}"
        return "" if case.refused in str(error) else f"{case.refused!r} is not in {str(error)!r}"
    if case.refused:
        return f"taken as {facts.container}"
    if facts.container != case.container:
        return f"{facts.container} is not {case.container}"
    if isinstance(case, Case):
        return "" if (facts.width, facts.height) == case.size else f"{facts.width}×{facts.height} is not {case.size}"
    return "" if abs((facts.duration_seconds or 0) - SECONDS) < 0.1 else f"{facts.duration_seconds} s"


def copied(case: Case, folder: Path, suffix: str) -> str:
    """What is wrong with a copy of half the size, "" if nothing."""
    source, target = folder / "source", folder / f"copy{suffix}"
    source.write_bytes(case.make())
    try:
        receipt = make_picture_fit(source, target, min_side_px=100, max_side_px=WIDTH // 2)
    except MediaError as error:
        return "" if case.not_copied and case.not_copied in str(error) else f"no copy: {error}"
    if case.not_copied:
        return "copied"
    with Image.open(target) as copy:
        if copy.size != (WIDTH // 2, HEIGHT // 2):
            return f"{copy.size} px"
        if copy.mode not in ("RGB", "RGBA"):
            return copy.mode
        worst = np.abs(seen(copy) - seen(case.copy_of())).max()
        alpha = copy.convert("RGBA").getchannel("A").getextrema()[0]
    words = " ".join(receipt.changes)
    if worst > TOLERANCE:
        return f"{worst:.0f} of 255 off"
    is_cut_out = case.copy_of().mode == "RGBA"
    if is_cut_out and suffix == ".png" and alpha:
        return "its cut-out is gone"
    if is_cut_out and suffix == ".jpg" and "transparent laid on white" not in words:
        return f"of the ground nothing in {words!r}"
    return "" if case.named in words else f"{case.named!r} is not in {words!r}"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_it_is_as_displayed_or_is_refused_by_its_name(name: str) -> None:
    assert measured(PICTURES[name]) == ""


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("name", [name for name, case in PICTURES.items() if case.copy_of or case.not_copied])
def test_a_copy_looks_like_its_picture_and_its_receipt_names_what_was_changed(
    name: str, suffix: str, tmp_path: Path
) -> None:
    assert copied(PICTURES[name], tmp_path, suffix) == ""


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_measured_by_its_bytes_or_is_refused_by_its_name(name: str) -> None:
    assert measured(SOUNDS[name]) == ""


@pytest.mark.parametrize("name", [name for name, sound in SOUNDS.items() if sound.container])
def test_a_copy_of_a_sound_has_the_length_asked_for(name: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(SOUNDS[name].make())
    receipt = make_sound_fit(source, tmp_path / "copy.wav", max_seconds=2.5)
    assert receipt.seconds == pytest.approx(2.5, abs=0.01)
    assert probe_media(tmp_path / "copy.wav").duration_seconds == pytest.approx(2.5, abs=0.01)
