"""A sandbox clip looks like a picture: things move, light changes, the prompt can be read, the code is a thin band."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from longtake.sandbox.clips import framecode
from longtake.sandbox.clips.film import render_clip
from longtake.sandbox.clips.scene import Scene

SIZES = [(864, 496), (496, 864), (1470, 630), (834, 1112), (320, 192)]


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_light_changes_and_things_move_below_the_code(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "clip.mp4"
    render_clip(path, width=width, height=height, frames=121, job=5, prompt="A red fox", audio=False)
    seen = [picture[height // 12 + 8 :] for picture in lumas(path)]
    assert np.ptp([picture.mean() for picture in seen]) > 15
    differences = [np.abs(later - earlier).max() for earlier, later in zip(seen, seen[4:], strict=False)]
    assert min(differences) > 40
    assert all(picture.std() > 15 for picture in seen)


def test_the_code_takes_no_more_than_a_twelfth_of_the_picture() -> None:
    luma = np.full((720, 1280), 100, np.uint8)
    framecode.stamp(luma, 7, 3)
    assert (luma[60:] == 100).all()
    assert framecode.read(luma) == (7, 3)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_words_of_the_prompt_stand_at_the_lower_edge_and_nowhere_else(width: int, height: int) -> None:
    plain, titled, other = (
        Scene(width, height, 5, prompt).picture(30)[:height].astype(int)
        for prompt in ("", "A red fox runs through deep snow", "Two boats")
    )
    assert (plain[: height // 2] == titled[: height // 2]).all()
    below = slice(height // 2, height)
    assert np.abs(plain[below] - titled[below]).max() > 60
    assert np.abs(other[below] - titled[below]).max() > 60


@pytest.mark.parametrize(
    "prompt", ["   ", "\n\t", "雪山 🦊", "x" * 5000, "one\x00two\x1b[31m", "word " * 1000, "\u200b"]
)
def test_no_prompt_breaks_a_picture(prompt: str) -> None:
    for width, height in SIZES:
        assert Scene(width, height, 1, prompt).picture(0).shape == (height * 3 // 2, width)


def test_a_scene_is_told_by_its_job_alone() -> None:
    first, again, other = (Scene(320, 192, job, "fox").picture(40) for job in (3, 3, 4))
    assert (first == again).all()
    assert np.abs(first.astype(int) - other).mean() > 5
