"""Timelines as FCPXML and EDL: read back by the library's adapters, and what the formats do not hold is told."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

from longtake.domain.errors import ConfigurationError
from longtake.rendering.timeline import export
from longtake.rendering.timeline.build import timeline_text
from longtake.rendering.timeline.export import exported, require_library
from tests.unit.rendering.timeline.test_timeline import receipt_of, take


def address(key: str) -> str:
    return f"file:///out/{quote(key, errors='replace')}"


def text_of(takes: list[Any], reel: str = "r", crossfade: int = 0, others: list[Any] | None = None, **more: Any) -> str:
    receipt = receipt_of(takes, crossfade, **more)
    return timeline_text(reel, "reels/r.mp4", receipt, [*takes, *(others or [])], address)


def ranges(timeline: Any) -> list[tuple[str, float, float]]:
    clips = timeline.video_tracks()[0].find_clips()
    return [(c.name, c.source_range.start_time.value, c.source_range.duration.value) for c in clips]


def trimmed() -> tuple[list[Any], dict[str, Any]]:
    takes = [take("r/1", 121), take("r/2", 97), take("r/3", 73, has_audio=False)]
    receipt = receipt_of(takes)
    receipt["clips"][1] |= {"trimmed_head": 7, "trimmed_tail": 2, "frames_used": 88}
    return takes, receipt | {"frames": 121 + 88 + 73, "missing": ["r/0", "r/9"]}


@pytest.mark.parametrize("form", ["fcpxml", "edl"])
def test_a_timeline_is_read_back_with_the_same_ranges(form: Any) -> None:
    takes, receipt = trimmed()
    text = timeline_text("r", "reels/r.mp4", receipt, takes, address)
    adapter = {"fcpxml": "fcpx_xml", "edl": "cmx_3600"}[form]
    back: Any = otio.adapters.read_from_string(exported(text, form).text, adapter)
    assert ranges(back) == [("r/1", 0, 121), ("r/2", 7, 88), ("r/3", 0, 73)]
    assert back.video_tracks()[0].duration().value == 282
    if form == "fcpxml":
        urls = [clip.media_reference.target_url for clip in back.video_tracks()[0].find_clips()]
        assert urls == [address(one.key) for one in takes]


def test_a_crossfade_is_kept_in_an_edl_and_told_as_lost_in_fcpxml() -> None:
    takes = [take("r/1"), take("r/2"), take("r/3")]
    edl = exported(text_of(takes, crossfade=6), "edl")
    back: Any = otio.adapters.read_from_string(edl.text, "cmx_3600")
    track = back.video_tracks()[0]
    assert [item.out_offset.value for item in track if isinstance(item, otio.schema.Transition)] == [6, 6]
    assert ranges(back) == [("r/1", 0, 94), ("r/2", 0, 94), ("r/3", 0, 100)]
    fcpxml = exported(text_of(takes, crossfade=6), "fcpxml")
    assert any("crossfades (2)" in words for words in fcpxml.lost)
    assert otio.adapters.read_from_string(fcpxml.text, "fcpx_xml").duration().value == 288


def test_fcpxml_has_the_films_own_rate_its_size_and_the_clips_sound() -> None:
    takes = [take("r/1", 48, "24000/1001"), take("r/2", 49, "24000/1001", has_audio=False)]
    root = ElementTree.fromstring(
        exported(text_of(takes, format={"fps": "24000/1001", "width": 640, "height": 360}), "fcpxml").text
    )
    (form,) = root.iterfind("./resources/format")
    assert Fraction(form.attrib["frameDuration"].removesuffix("s")) == Fraction(1001, 24000)
    assert (form.get("width"), form.get("height"), form.get("name")) == ("640", "360", None)
    assert [asset.get("hasAudio") for asset in root.iterfind("./resources/asset")] == ["1", "0"]
    lengths = [Fraction(clip.attrib["duration"].removesuffix("s")) for clip in root.iterfind(".//spine/asset-clip")]
    assert lengths == [Fraction(48 * 1001, 24000), Fraction(49 * 1001, 24000)]


@pytest.mark.parametrize("form", ["fcpxml", "edl"])
def test_takes_markers_and_missing_shots_survive_or_are_told(form: Any) -> None:
    found = ({"check": "frozen", "severity": "warn", "message": "still", "start_seconds": 1.0},)
    takes = [take("r/1"), take("r/3", findings=found)]
    made = exported(text_of(takes, others=[take("r/1", take=2)], missing=["r/2", "r/4"]), form)
    assert any("not chosen (1)" in words for words in made.lost)
    lower = made.text.lower()
    assert all(words in lower for words in ("r/2 is missing", "r/4 is missing", "frozen: still"))
    assert "take 2" not in lower


@pytest.mark.parametrize("form", ["fcpxml", "edl"])
def test_any_name_can_be_exported_and_read_back(form: Any) -> None:
    for name in ("a b", "ü/ä", "100% #1", "it's", 'say "x" & <y>', "映画", "half \ud83d", "a\nb", "\x1b[0m"):
        takes = [take(f"{name}/1", key="clips/it's/1.mp4"), take(f"{name}/2")]
        made = exported(text_of(takes, name, missing=[f"{name}/3"]), form)
        back: Any = otio.adapters.read_from_string(made.text, {"fcpxml": "fcpx_xml", "edl": "cmx_3600"}[form])
        assert [duration for _, _, duration in ranges(back)] == [100, 100]


@pytest.mark.parametrize("fps", ["24/1", "24000/1001", "25/1", "30000/1001", "30/1", "60/1"])
def test_an_edl_of_any_rate_that_has_timecode_is_read_back(fps: str) -> None:
    takes = [take("r/1", 1801, fps), take("r/2", 29, fps)]
    edl = exported(text_of(takes, format={"fps": fps, "width": 16, "height": 16}), "edl").text
    back: Any = otio.adapters.read_from_string(edl, "cmx_3600", rate=float(Fraction(fps)))
    assert [duration for _, _, duration in ranges(back)] == [1801, 29]


def test_an_edl_of_another_rate_is_refused_with_what_to_do() -> None:
    takes = [take("r/1", fps="15")]
    with pytest.raises(ConfigurationError, match=r"15 pictures a second; take fcpxml or otio"):
        exported(text_of(takes, format={"fps": "15/1", "width": 16, "height": 16}), "edl")


def test_clips_of_one_name_are_no_tape_of_one_name() -> None:
    takes = [take("r/1", key="clips/r/a.mp4"), take("r/2", key="clips/s/a.mp4"), take("r/3", key="clips/r/b1.mp4")]
    lines = [line.split() for line in exported(text_of(takes), "edl").text.splitlines() if line[:3].isdigit()]
    assert [line[1] for line in lines] == ["C0000001", "C0000002", "b1"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_NEEDS", ("no_such_library_here",))
    require_library("otio")
    for form in ("fcpxml", "edl"):
        with pytest.raises(ConfigurationError, match=r"pip install 'longtake\[timeline\]'"):
            require_library(form)
