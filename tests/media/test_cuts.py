"""Hidden cuts: found to the picture, and told of nothing else that changes a picture at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.media.checking.inspect import Finding, inspect_clip
from longtake.media.checking.policy import GatePolicy, Strictness
from tests.media import scenes
from tests.media.cut_scenes import CLEAN, CUTS, cut_place
from tests.media.scenes import Picture

HARDEST = ("whip_pan", "flash", "strobe", "fade_between", "crossing")
QUICK = ("cut_of_like_layout", "cut_in_shaken_shots")


def cuts(folder: Path, pictures: list[Picture], meaning: Strictness = "strict", crf: int = 26) -> list[Finding]:
    clip = scenes.write_clip(folder / "clip.mp4", pictures, crf=crf, extra={"bf": "2"})
    return [each for each in inspect_clip(clip, policy=GatePolicy(cuts=meaning)).findings if each.check == "cuts"]


def of_kinds(kinds: dict[str, object], quick: tuple[str, ...]) -> list[object]:
    """The quick ones in the suite, the others with `make slow`."""
    return [kind if kind in quick else pytest.param(kind, marks=pytest.mark.slow) for kind in kinds]


@pytest.mark.parametrize("kind", of_kinds({**CUTS}, QUICK))
def test_a_cut_is_found_at_its_picture(kind: str, tmp_path: Path) -> None:
    place = cut_place(5)
    (found,) = cuts(tmp_path, CUTS[kind](5))
    assert found.start_seconds == pytest.approx(place / 24, abs=0.001)
    assert f"frame {place} ({place / 24:.2f} s)" in found.message


@pytest.mark.parametrize("kind", of_kinds({**CLEAN}, HARDEST))
def test_what_is_no_cut_is_not_taken_for_one(kind: str, tmp_path: Path) -> None:
    assert cuts(tmp_path, CLEAN[kind](5)) == []


def test_each_cut_is_told_also_close_to_either_end(tmp_path: Path) -> None:
    shots = [scenes.pan(24, 1.5, seed=seed) for seed in range(1, 5)]
    pictures = shots[0][:2] + shots[1][:20] + shots[2][:20] + shots[3][:2]
    assert [round((each.start_seconds or 0) * 24) for each in cuts(tmp_path, pictures)] == [2, 22, 42]


@pytest.mark.parametrize(("meaning", "severities"), [("off", []), ("warn", ["warn"]), ("strict", ["strict"])])
def test_a_cut_warns_fails_or_is_nothing_as_the_policy_says(
    meaning: Strictness, severities: list[str], tmp_path: Path
) -> None:
    pictures = scenes.pan(20, seed=1) + scenes.pan(20, seed=2)
    assert [each.severity for each in cuts(tmp_path, pictures, meaning)] == severities
    assert GatePolicy().cuts == "warn"


def test_what_appears_out_of_black_or_fog_is_no_cut(tmp_path: Path) -> None:
    for level in (0, 200):
        assert cuts(tmp_path, scenes.flat(12, level) + scenes.pan(24) + scenes.flat(6, level)) == []
