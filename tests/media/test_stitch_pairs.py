"""The clips of the nasty set beside each other: pictures read back one by one, sound by tone and beep."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.domain.errors import UnreadableClipError
from longtake.media.stitching.stitch import stitch_clips
from tests.media.film_reading import assert_film_is_right
from tests.media.nasty_clips import BY_NAME

NAMES = tuple(BY_NAME)


def assert_pair_is_right(nasty: dict[str, Path], folder: Path, first: str, second: str) -> None:
    """Stitches two clips and reads the film back."""
    film = folder / "film.mp4"
    receipt = stitch_clips([nasty[first], nasty[second]], film)
    assert_film_is_right(film, [BY_NAME[first], BY_NAME[second]], receipt)
    # A film takes its first clip's format; only where those packets cannot be kept are both encoded again.
    if first not in ("hevc", "turned", "varying_rate"):
        assert receipt.clips[0].action == "copied"
    assert receipt.joins[0].click_ratio is not None
    assert receipt.joins[0].click_ratio < 1


@pytest.mark.parametrize("first", NAMES)
def test_a_clip_beside_itself_a_plain_one_and_the_next_makes_a_film_that_is_right(
    nasty: dict[str, Path], tmp_path: Path, first: str
) -> None:
    """Each clip stands at both places; all pairs are in the slow form."""
    following = NAMES[(NAMES.index(first) + 1) % len(NAMES)]
    for one, other in dict.fromkeys([(first, first), ("plain", first), (first, following)]):
        assert_pair_is_right(nasty, tmp_path, one, other)


@pytest.mark.slow
@pytest.mark.parametrize("first", NAMES)
def test_every_pair_in_both_orders_makes_a_film_that_is_right(
    nasty: dict[str, Path], tmp_path: Path, first: str
) -> None:
    for second in NAMES:
        assert_pair_is_right(nasty, tmp_path, first, second)


def test_all_of_them_in_one_film(nasty: dict[str, Path], tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    receipt = stitch_clips(list(nasty.values()), film)
    assert_film_is_right(film, list(BY_NAME.values()), receipt)
    copied = {clip.name.split(".")[0] for clip in receipt.clips if clip.action == "copied"}
    assert copied == {
        "plain", "silent", "mono_22k", "surround", "start_at_1s", "clock_600", "sound_short", "sound_long",
        "sound_late", "two_tracks", "fragmented", "quicktime", "many_keyframes",
    }  # fmt: skip
    assert all(clip.why for clip in receipt.clips)


def test_every_broken_file_stops_the_film_and_leaves_nothing(
    nasty: dict[str, Path], broken: dict[str, Path], tmp_path: Path
) -> None:
    for path in broken.values():
        with pytest.raises(UnreadableClipError, match=path.name):
            stitch_clips([nasty["plain"], path, nasty["plain"]], tmp_path / "film.mp4")
        assert list(tmp_path.iterdir()) == []
