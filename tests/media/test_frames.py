"""Pictures out of clips: the last frame is the last one shown and exact; posters and sheets are whole or not there."""

from __future__ import annotations

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from longtake.domain.errors import UnreadableClipError
from longtake.media.cutting.frames import contact_sheet, last_frame, poster
from longtake.sandbox.clips import framecode
from tests.media import nasty_clips, scenes


def code_of(picture: Path) -> framecode.FrameCode | None:
    grey = np.asarray(Image.open(picture).convert("L"), float)
    return framecode.read((grey * 0.86 + 16).astype(np.uint8))


def test_the_last_frame_is_the_last_one_shown(nasty: dict[str, Path], tmp_path: Path) -> None:
    for name, clip in nasty.items():
        recipe = nasty_clips.BY_NAME[name]
        facts = last_frame(clip, tmp_path / "last.png")
        assert code_of(tmp_path / "last.png") == (recipe.job, recipe.frames - 1), name
        assert (facts.width_px, facts.height_px) == recipe.display_size, name
        assert facts.at_seconds == pytest.approx(float(recipe.picture_times()[-1]), abs=0.06), name


def test_the_png_equals_the_decoded_picture(tmp_path: Path) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", scenes.pan(30), extra={"bf": "3", "preset": "fast"})
    last_frame(clip, tmp_path / "last.png")
    with av.open(str(clip)) as container:
        shown = max(container.decode(video=0), key=lambda frame: frame.pts)
    luma, blue, red = (plane.astype(float) for plane in np.split(shown.to_ndarray(format="yuv444p"), 3))
    red_, green_, blue_ = np.moveaxis(np.asarray(Image.open(tmp_path / "last.png"), float), -1, 0)
    # BT.601 by the book. Where a channel was cut off at 0 or 255 the way back does not lead to the same place.
    inside = (np.minimum(np.minimum(red_, green_), blue_) > 0) & (np.maximum(np.maximum(red_, green_), blue_) < 255)
    grey = 0.299 * red_ + 0.587 * green_ + 0.114 * blue_
    assert np.abs(grey * 219 / 255 + 16 - luma[0])[inside].max() <= 1.5
    assert abs(((blue_ - grey) / 1.772 * 224 / 255 + 128 - blue)[0][inside].mean()) < 0.5
    assert abs(((red_ - grey) / 1.402 * 224 / 255 + 128 - red)[0][inside].mean()) < 0.5
    again = Image.open(tmp_path / "last.png")
    assert (again.mode, again.size) == ("RGB", (320, 180))


def test_only_the_end_of_a_long_clip_is_decoded_and_it_is_still_the_end(tmp_path: Path) -> None:
    pictures = scenes.coded(scenes.pan(60), job=3)
    for extra in ({"g": "12"}, {"g": "12", "x264-params": "open-gop=1:bframes=3:b-adapt=0"}, {"g": "250"}):
        clip = scenes.write_clip(tmp_path / "clip.mp4", pictures, extra=extra, preset="fast")
        last_frame(clip, tmp_path / "last.png")
        assert code_of(tmp_path / "last.png") == (3, 59), extra


def test_broken_clips_leave_no_picture_behind(broken: dict[str, Path], tmp_path: Path) -> None:
    for name, clip in broken.items():
        with pytest.raises(UnreadableClipError):
            last_frame(clip, tmp_path / "out" / "last.png")
        with pytest.raises(UnreadableClipError):
            poster(clip, tmp_path / "out" / "poster.jpg")
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir()), name


def test_a_damaged_end_is_an_error_and_the_old_picture_stays(tmp_path: Path) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", scenes.pan(48), container_options={"movflags": "+faststart"})
    last_frame(clip, tmp_path / "last.png")
    before = (tmp_path / "last.png").read_bytes()
    data = clip.read_bytes()
    clip.write_bytes(data[:-3000] + bytes(3000))
    with pytest.raises(UnreadableClipError):
        last_frame(clip, tmp_path / "last.png")
    assert (tmp_path / "last.png").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "last.png"}


def test_a_poster_is_the_nearest_keyframe(tmp_path: Path) -> None:
    pictures = scenes.coded(scenes.pan(48), job=9)
    clip = scenes.write_clip(tmp_path / "clip.mp4", pictures, extra={"g": "12", "sc_threshold": "0"})
    for at_seconds, number in ((None, 24), (0.0, 0), (0.6, 12), (1.4, 36), (99.0, 36)):
        facts = poster(clip, tmp_path / "poster.jpg", at_seconds)
        assert code_of(tmp_path / "poster.jpg") == (9, number)
        assert facts.at_seconds == pytest.approx(number / 24, abs=0.001)


def test_a_poster_is_as_wide_as_asked_and_never_wider_than_the_clip(nasty: dict[str, Path], tmp_path: Path) -> None:
    for name, clip in nasty.items():
        width, height = nasty_clips.BY_NAME[name].display_size
        facts = poster(clip, tmp_path / "poster.jpg", width_px=100)
        assert (facts.width_px, facts.height_px) == (100, pytest.approx(height * 100 / width, abs=1)), name
        assert poster(clip, tmp_path / "poster.jpg", width_px=9999).width_px == width, name


def test_a_contact_sheet_keeps_a_place_for_every_clip(nasty: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("<html>")
    clips = [nasty["plain"], broken, nasty["portrait"], nasty["turned"], nasty["hevc"]]
    facts = contact_sheet(clips, tmp_path / "sheet.jpg", columns=3, labels=["one", "two", "x" * 200], width_px=160)
    sheet = np.asarray(Image.open(tmp_path / "sheet.jpg"), int)
    assert (facts.width_px, facts.height_px) == (sheet.shape[1], sheet.shape[0]) == (3 * 168 + 8, facts.height_px)
    first_row = 267  # the portrait clip is the tallest
    places = [sheet[20:80, 20:150], sheet[100:180, 190:320], sheet[20:250, 350:500]]
    assert [bool(place.std() > 15) for place in places] == [False, False, True]
    assert sheet[8 + 85 : 8 + 180, 20:150].std() > 15
    assert np.abs(sheet[8 + first_row // 2, 190:320] - 64).max() < 12
    labels = sheet[8 + first_row + 2 : 8 + first_row + 20]
    assert [bool(labels[:, left : left + 160].max() > 200) for left in (8, 176, 344)] == [True, True, True]


def test_one_row_is_a_strip(nasty: dict[str, Path], tmp_path: Path) -> None:
    facts = contact_sheet([nasty["plain"]] * 3, tmp_path / "strip.jpg", columns=9, width_px=100)
    assert (facts.width_px, facts.height_px) == (3 * 108 + 8, 60 + 2 * 8)


def test_the_functions_travel_between_processes() -> None:
    for function in (last_frame, poster, contact_sheet):
        assert pickle.loads(pickle.dumps(function)) is function
