"""Marked clips of each kind, in every way a film is made: the file has the marks, or the receipt names the loss."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import av
import pytest

from longtake.domain.marks import Marks
from longtake.media.cutting.tail import TailLimits, cut_tail, make_fit
from longtake.media.reading.marks import read_marks
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from longtake.sandbox.clips.film import render_clip
from longtake.sandbox.clips.marks import aigc_text, c2pa_box
from tests.media.marked_files import xmp

SOURCE_TYPE = xmp('<rdf:Description a="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>')
KINDS: dict[str, tuple[bool, tuple[bytes, ...]]] = {
    "none": (False, ()),
    "aigc": (True, ()),
    "c2pa": (False, (c2pa_box(1),)),
    "both": (True, (c2pa_box(1),)),
    "xmp": (False, (SOURCE_TYPE,)),
    "all": (True, (c2pa_box(1), SOURCE_TYPE)),
}
LOST = {"c2pa": ["the C2PA manifest"], "both": ["the C2PA manifest"], "xmp": ["trainedAlgorithmicMedia"]}
LOST["all"] = LOST["c2pa"] + LOST["xmp"]


class Clips:
    """Clips of each kind, each made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def clip(self, kind: str, number: int, vendor: str, width: int = 480) -> Path:
        path = self._folder / f"{kind}-{number}-{vendor}-{width}.mp4"
        has_aigc, boxes = KINDS[kind]
        if not path.exists():
            aigc = aigc_text(vendor, number) if has_aigc else ""
            render_clip(path, width=width, height=320, frames=96, job=number, aigc=aigc, behind=b"".join(boxes))
        return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("marked"))


Made = tuple[Path, list[str], list[dict[str, str]]]
"""The film, what its receipt calls lost, and the fields of the clips in it."""


def _film(clips: Clips, kind: str, folder: Path, options: StitchOptions, second_width: int = 480) -> Made:
    parts = [clips.clip(kind, 1, "evolink"), clips.clip(kind, 2, "anyfast", second_width)]
    receipt = stitch_clips(parts, folder / "film.mp4", options)
    assert receipt.marks == read_marks(folder / "film.mp4")
    assert [clip.marks for clip in receipt.clips] == [read_marks(part) for part in parts]
    lost = {clip.marks_lost for clip in receipt.clips}
    assert len(lost) == 1
    fields = [fields for clip in receipt.clips for fields in clip.marks.aigc]
    return folder / "film.mp4", list(lost.pop()), fields


def _copied(clips: Clips, kind: str, folder: Path) -> Made:
    return _film(clips, kind, folder, StitchOptions())


def _re_encoded(clips: Clips, kind: str, folder: Path) -> Made:
    return _film(clips, kind, folder, StitchOptions(), second_width=448)


def _all_re_encoded(clips: Clips, kind: str, folder: Path) -> Made:
    return _film(clips, kind, folder, StitchOptions(fps=cast(Any, "30")))


def _crossfaded(clips: Clips, kind: str, folder: Path) -> Made:
    return _film(clips, kind, folder, StitchOptions(crossfade_seconds=0.5))


def _tail(clips: Clips, kind: str, folder: Path, seconds: float, method: str) -> Made:
    clip = clips.clip(kind, 1, "evolink")
    receipt = cut_tail(clip, seconds, folder / "tail.mp4", TailLimits(min_seconds=1))
    assert receipt.method == method
    assert receipt.marks == read_marks(folder / "tail.mp4")
    return folder / "tail.mp4", list(receipt.marks_lost), list(read_marks(clip).aigc)


def _copied_tail(clips: Clips, kind: str, folder: Path) -> Made:
    return _tail(clips, kind, folder, 2.0, "copied")


def _re_encoded_tail(clips: Clips, kind: str, folder: Path) -> Made:
    return _tail(clips, kind, folder, 1.5, "re-encoded")


def _fit(clips: Clips, kind: str, folder: Path) -> Made:
    clip = clips.clip(kind, 1, "evolink")
    receipt = make_fit(clip, folder / "fit.mp4", TailLimits(max_side_px=460))
    lost = [change.removesuffix(" left out") for change in receipt.changes if change.endswith(" left out")]
    return folder / "fit.mp4", lost, list(read_marks(clip).aigc)


WAYS: dict[str, Callable[[Clips, str, Path], Made]] = {
    "copied": _copied,
    "re-encoded": _re_encoded,
    "all re-encoded": _all_re_encoded,
    "crossfaded": _crossfaded,
    "copied tail": _copied_tail,
    "re-encoded tail": _re_encoded_tail,
    "fit": _fit,
}


EVERY_WAY = [
    pytest.param(way, kind, marks=() if kind == "all" or way == "copied" else pytest.mark.slow, id=f"{way}-{kind}")
    for way in WAYS
    for kind in KINDS
]


@pytest.mark.parametrize(("way", "kind"), EVERY_WAY)
def test_what_is_made_of_marked_clips_has_their_marks_or_its_receipt_names_the_loss(
    clips: Clips, tmp_path: Path, way: str, kind: str
) -> None:
    film, lost, fields = WAYS[way](clips, kind, tmp_path)
    marks = read_marks(film)
    assert lost == LOST.get(kind, [])
    assert marks.c2pa is None and marks.other == ()
    assert bool(marks.aigc) == (kind in ("aigc", "both", "all")) == bool(fields)
    for one in fields:
        assert one["ContentProducer"] in marks.aigc[0]["ContentProducer"]
        assert one["ProduceID"] in marks.aigc[0]["ProduceID"]
    assert [one["Label"] for one in marks.aigc] == ["1"] * bool(fields)


@pytest.mark.parametrize("way", WAYS)
def test_pictures_and_sound_of_what_is_marked_are_those_of_what_is_not_bit_for_bit(
    clips: Clips, tmp_path: Path, way: str
) -> None:
    made: list[list[bytes]] = []
    for kind in ("none", "all"):
        (tmp_path / kind).mkdir()
        film, _, _ = WAYS[way](clips, kind, tmp_path / kind)
        with av.open(str(film)) as container:
            made.append([bytes(cast(Any, packet)) for packet in container.demux() if packet.size])
            streams = [(stream.type, stream.frames, stream.duration) for stream in container.streams]
        made.append([repr(streams).encode()])
    assert made[:2] == made[2:]


def test_a_film_without_marks_is_the_very_file_that_it_was(clips: Clips, tmp_path: Path) -> None:
    film, _, _ = _copied(clips, "none", tmp_path)
    assert b"mdta" not in film.read_bytes()


def test_other_programs_read_the_fields_and_the_index_still_stands_in_front(clips: Clips, tmp_path: Path) -> None:
    film, _, _ = _copied(clips, "all", tmp_path)
    with av.open(str(film)) as container:
        told = json.loads(container.metadata["AIGC"])
    asked = ["ffprobe", "-v", "error", "-of", "json", "-show_format", str(film)]
    shown = json.loads(subprocess.run(asked, check=True, capture_output=True, timeout=60).stdout)
    assert json.loads(shown["format"]["tags"]["AIGC"]) == told
    assert shown["format"]["tags"]["AIGC"] == (
        '{"Label": "1", "ContentProducer": "sandbox-evolink; sandbox-anyfast", '
        '"ProduceID": "evolink-clip-1; anyfast-clip-2", "ReservedCode1": "", "ContentPropagator": "", '
        '"PropagateID": "", "ReservedCode2": ""}'
    )
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_film_of_a_thousand_products_has_room_for_all_their_names(clips: Clips, tmp_path: Path) -> None:
    products = ["产" * 8000, "品" * 8000]
    for number, product in enumerate(products, 1):
        long = json.dumps({"Label": "1", "ContentProducer": "制" * 2000, "ProduceID": product})
        render_clip(tmp_path / f"{number}.mp4", width=320, height=180, frames=12, job=number, aigc=long)
    receipt = stitch_clips([tmp_path / "1.mp4", tmp_path / "2.mp4"], tmp_path / "film.mp4")
    assert receipt.marks.aigc[0]["ProduceID"] == "; ".join(products)
    assert [clip.marks_lost for clip in receipt.clips] == [(), ()]


def test_an_untouched_tail_keeps_everything(clips: Clips, tmp_path: Path) -> None:
    clip = clips.clip("all", 1, "evolink")
    receipt = cut_tail(clip, 10, tmp_path / "tail.mp4")
    assert (receipt.method, receipt.marks_lost) == ("untouched", ())
    assert receipt.marks == read_marks(clip) != Marks()
