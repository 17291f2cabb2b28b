"""Echo: repeated pictures are found to the picture or not at all, whatever was done to them, and never invented."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from longtake.domain.errors import UnreadableClipError
from longtake.media.checking.echo import find_echo
from tests.media import scenes
from tests.media.scenes import Picture

BEFORE, AFTER = 56, 24
LENGTHS = (0, 1, 5, 12, 48)


def _noisy(pictures: Sequence[Picture]) -> list[Picture]:
    random = np.random.default_rng(11)
    return [np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8) for picture in pictures]


CHANGES = {
    "clean": lambda pictures: (pictures, 18),
    "crf 24": lambda pictures: (pictures, 24),
    "crf 32": lambda pictures: (pictures, 32),
    "brightened": lambda pictures: (scenes.brightened(pictures, 12), 22),
    "brightened, flatter, noisy, crf 28": lambda pictures: (_noisy(scenes.brightened(pictures, 5, 0.95)), 28),
}
MOVING = {
    "pan": lambda: scenes.pan(BEFORE + AFTER, 2.0),
    "zoom": lambda: scenes.zoom(BEFORE + AFTER, 0.006),
    "slow pan": lambda: scenes.pan(BEFORE + AFTER, 0.4, seed=21),
    "ball": lambda: scenes.ball(BEFORE + AFTER, radius_px=12),
}


class Seam:
    """A scene cut in two, the second part beginning some pictures early."""

    def __init__(self, folder: Path, pictures: Sequence[Picture]) -> None:
        self.folder, self.pictures = folder, pictures
        self.before = scenes.write_clip(folder / "before.mp4", pictures[:BEFORE])

    def after(self, echo: int, change: str = "clean", frames: int | None = None) -> Path:
        first = BEFORE - echo
        pictures, crf = CHANGES[change](self.pictures[first : first + (frames or echo + AFTER)])
        return scenes.write_clip(self.folder / f"after-{echo}.mp4", pictures, crf=crf)


@pytest.fixture(scope="module", params=MOVING)
def seam(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seam:
    return Seam(tmp_path_factory.mktemp("seam"), MOVING[request.param]())


@pytest.mark.parametrize("change", CHANGES)
def test_every_length_of_echo_is_found_to_the_picture(seam: Seam, change: str) -> None:
    lengths = LENGTHS if change == "clean" else (0, 5, 48) if "noisy" in change else (0, 12)
    found = {length: find_echo(seam.before, seam.after(length, change)) for length in lengths}
    one = found.pop(1, None)
    assert {length: echo.frames for length, echo in found.items()} == {length: length for length in found}
    assert all(echo.verdict == ("found" if length else "none") for length, echo in found.items())
    assert one is None or (one.frames, one.verdict) in ((1, "found"), (0, "none"))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["pan", pytest.param("zoom", marks=pytest.mark.slow)])
def test_a_single_repeated_picture_is_found_in_clear_motion(name: str, change: str, tmp_path: Path) -> None:
    pictures = scenes.pan(76, 2.0, seed=5) if name == "pan" else scenes.zoom(76, 0.008, seed=6)
    seam = Seam(tmp_path, pictures)
    echo = find_echo(seam.before, seam.after(1, change, 16))
    assert (echo.frames, echo.verdict) == (1, "found")
    assert echo.confidence > 0.5


def test_a_clip_that_is_nothing_but_echo_is_found_whole(tmp_path: Path) -> None:
    seam = Seam(tmp_path, scenes.pan(BEFORE + 4))
    assert find_echo(seam.before, seam.after(24, frames=24)).frames == 24


def test_an_echo_longer_than_looked_for_is_not_trimmed(tmp_path: Path) -> None:
    seam = Seam(tmp_path, scenes.pan(BEFORE + AFTER))
    echo = find_echo(seam.before, seam.after(30), max_frames=16)
    assert (echo.frames, echo.verdict) == (0, "ambiguous")
    assert "more than the 16" in echo.reason


def test_an_echo_in_another_size_is_found(tmp_path: Path) -> None:
    seam = Seam(tmp_path, scenes.pan(BEFORE + AFTER))
    halved = [picture[::2, ::2] for picture in seam.pictures[BEFORE - 7 : BEFORE + 20]]
    assert find_echo(seam.before, scenes.write_clip(tmp_path / "small.mp4", halved)).frames == 7


def test_an_echo_cut_into_the_middle_of_a_still_scene_is_told_by_its_moving_pictures(tmp_path: Path) -> None:
    moving = scenes.pan(50, 2.0)
    seam = Seam(tmp_path, [*moving, *[moving[-1]] * 12, *scenes.pan(20, 2.0, seed=9)])
    assert find_echo(seam.before, seam.after(12)).frames == 12


STILL = {
    "still": lambda: scenes.still(100),
    "still with grain": lambda: scenes.still(100, grain=4),
    "crawling pan": lambda: scenes.pan(100, 0.03, seed=22),
    "black": lambda: scenes.flat(100),
    "grey": lambda: scenes.flat(100, 90),
    "fade to black and back": lambda: scenes.faded(scenes.pan(100, 1.0), BEFORE),
}


@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize(
    "change",
    [
        "clean",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("crf 32", "brightened, flatter, noisy, crf 28")),
    ],
)
def test_nothing_is_invented_where_nothing_moves(name: str, change: str, tmp_path: Path) -> None:
    seam = Seam(tmp_path, STILL[name]())
    for length in (0, 5):
        echo = find_echo(seam.before, seam.after(length, change, 40))
        # What a still scene repeats can not be told: finding the true length would be luck, another one a fault.
        assert echo.frames in (0, length)
        assert not (name == "still" and echo.frames)


@pytest.mark.parametrize("speed", [0.03, 0.08, 0.15, 0.3, 0.6, 1.2])
@pytest.mark.parametrize("crf", [pytest.param(18, marks=pytest.mark.slow), 32])
def test_no_echo_is_invented_where_a_slow_pan_goes_on(speed: float, crf: int, tmp_path: Path) -> None:
    pictures = scenes.pan(100, speed, seed=31)
    before = scenes.write_clip(tmp_path / "a.mp4", pictures[:64], crf=crf)
    after = scenes.write_clip(tmp_path / "b.mp4", pictures[64:], crf=crf)
    assert find_echo(before, after).frames == 0


@pytest.mark.parametrize("period", [2, 8, 24, 48])
def test_motion_that_repeats_itself_is_called_ambiguous(period: int, tmp_path: Path) -> None:
    pictures = scenes.swing(170, period)
    before = scenes.write_clip(tmp_path / "a.mp4", pictures[:100])
    for echo in (0, 5):
        after = scenes.write_clip(tmp_path / "b.mp4", pictures[100 - echo : 170 - echo], crf=26)
        answer = find_echo(before, after)
        assert answer.frames == 0
        assert answer.verdict == "ambiguous"
        assert answer.confidence < 0.6


def test_continuations_that_only_resemble_an_echo_are_left_alone(tmp_path: Path) -> None:
    pictures = scenes.pan(130, 2.0)
    before = scenes.write_clip(tmp_path / "a.mp4", pictures[:64])
    others = {
        "played backwards from the second last": pictures[62::-1],
        "begun anew": pictures[:50],
        "one picture skipped": pictures[65:110],
        "twice as fast": pictures[64:130:2],
        "half as fast": [picture for picture in pictures[64:90] for _ in (0, 1)],
        "mirrored": [picture[:, ::-1] for picture in pictures[60:100]],
        "another scene": scenes.pan(40, 1.5, seed=77),
        "one flashback": [pictures[58], *pictures[70:100]],
        "the same clip again": pictures[:64],
    }
    for name, after in others.items():
        echo = find_echo(before, scenes.write_clip(tmp_path / "b.mp4", after, crf=22), max_frames=48)
        assert echo.frames == 0, f"{name}: {echo}"


def test_different_frame_rates_are_not_compared(tmp_path: Path) -> None:
    pictures = scenes.pan(60)
    before = scenes.write_clip(tmp_path / "a.mp4", pictures[:40], fps=24)
    after = scenes.write_clip(tmp_path / "b.mp4", pictures[30:], fps=30)
    echo = find_echo(before, after)
    assert (echo.verdict, echo.confidence) == ("none", 0.0)
    assert "24.000 and 30.000" in echo.reason


def test_two_pictures_are_too_few(tmp_path: Path) -> None:
    pictures = scenes.pan(20)
    before = scenes.write_clip(tmp_path / "a.mp4", pictures)
    after = scenes.write_clip(tmp_path / "b.mp4", pictures[-2:])
    assert find_echo(before, after).verdict == "none"


def test_a_broken_clip_is_an_error_and_no_answer(tmp_path: Path) -> None:
    before = scenes.write_clip(tmp_path / "a.mp4", scenes.pan(20))
    (tmp_path / "b.mp4").write_bytes(before.read_bytes()[:-500])
    with pytest.raises(UnreadableClipError):
        find_echo(before, tmp_path / "b.mp4")


def test_the_answer_travels_between_processes(tmp_path: Path) -> None:
    before = scenes.write_clip(tmp_path / "a.mp4", scenes.pan(20))
    echo = find_echo(before, before, max_frames=4)
    assert pickle.loads(pickle.dumps(echo)) == echo
    assert pickle.loads(pickle.dumps(find_echo)) is find_echo
