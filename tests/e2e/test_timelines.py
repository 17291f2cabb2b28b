"""The timeline beside a film of real runs, and `longtake timeline`: media that open, pictures, old outputs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import opentimelineio as otio
import pytest

from longtake.files.open_store import open_store
from longtake.sandbox.faults import Fault
from longtake_cli.main import main
from tests.e2e.conftest import frame_codes
from tests.e2e.quick_steps import no_pictures, quick_check
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
CHAIN = "50% ü's #1"
ADAPTERS = {"otio": "otio_json", "fcpxml": "fcpx_xml", "edl": "cmx_3600"}


def opened(timeline: Path) -> Any:
    return otio.adapters.read_from_file(str(timeline), "otio_json")


def media_of(clip: Any, timeline: Path) -> Path:
    return (timeline.parent / unquote(clip.media_reference.target_url)).resolve()


def frames_of(film: Path) -> int:
    with av.open(str(film)) as container:
        return container.streams.video[0].frames


def told_of(timeline: Path) -> dict[str, Any]:
    return json.loads(timeline.with_suffix(".json").read_text())


@pytest.fixture
def render(tmp_path, sandbox, write_manifest, monkeypatch):
    monkeypatch.setattr("longtake.rendering.render.make_pictures", no_pictures)

    async def run(rows, **options) -> Path:
        manifest = write_manifest([SHOT | row for row in rows])
        await render_plain(manifest, tmp_path / "my #out", sandbox_accounts(sandbox), check=quick_check, **options)
        return tmp_path / "my #out"

    return run


async def test_every_film_of_a_run_has_a_timeline_that_names_its_pictures(sandbox, render, capsys, tmp_path):
    sandbox.settings.echo_frames = 7
    rows = [{"reel": CHAIN, "shot": 1, "prompt": "first", "variants": 2}]
    rows += [{"reel": CHAIN, "shot": 2, "prompt": "second", "continue_from": "clip"}]
    rows += [{"id": "alone", "prompt": "alone"}]
    out = await render(rows)
    timelines = sorted(out.glob("reels/*.otio"))
    assert [path.with_suffix(".mp4") for path in timelines] == sorted(out.glob("reels/*.mp4"))
    for path in timelines:
        timeline, film = opened(path), path.with_suffix(".mp4")
        track, *muted = timeline.video_tracks()
        codes, receipt = frame_codes(film), told_of(path)
        clips = list(track.find_clips())
        assert sum(clip.source_range.duration.value for clip in clips) == len(codes) == receipt["frames"]
        for clip in [*clips, *(clip for track in muted for clip in track.find_clips())]:
            assert frames_of(media_of(clip, path)) == clip.available_range().duration.value
        for clip in clips:
            source, begins = clip.source_range, int(clip.range_in_parent().start_time.value)
            first, count = int(source.start_time.value), int(source.duration.value)
            media = frame_codes(media_of(clip, path))
            assert codes[begins : begins + count] == media[first : first + count]
        if path.stem != "alone":
            assert [clip.source_range.start_time.value for clip in clips] == [0, 7]
            assert "echo" in [marker.name for marker in clips[1].markers]
            assert [[clip.name for clip in track.find_clips()] for track in muted] == [[f"{CHAIN}/1 take 2"]]
    before = {path: path.read_bytes() for path in timelines}

    # An output of a release that wrote none: from what is stored comes the same.
    for path in timelines:
        path.unlink()
        receipt = told_of(path)
        del receipt["timeline"]
        path.with_suffix(".json").write_text(json.dumps(receipt))
    assert main(["timeline", str(out)]) == 0
    assert {path: path.read_bytes() for path in timelines} == before
    again = await render(rows)
    assert {path: path.read_bytes() for path in again.glob("reels/*.otio")} == before

    for form, adapter in ADAPTERS.items():
        assert main(["timeline", str(out), "--format", form, "--output", str(tmp_path / "cut")]) == 0
        for path in timelines:
            made: Any = otio.adapters.read_from_file(str(tmp_path / "cut" / f"{path.stem}.{form}"), adapter)
            clips = list(made.video_tracks()[0].find_clips())
            assert sum(clip.source_range.duration.value for clip in clips) == told_of(path)["frames"]
            for clip in clips:
                assert Path(unquote(urlsplit(clip.media_reference.target_url).path)).is_file()
    assert "not in it: takes that were not chosen (1)" in capsys.readouterr().out
    assert sandbox.bill.count() == 4


async def test_a_take_that_a_person_chose_is_none_of_those_that_nobody_did(render):
    rows = [{"reel": "r", "shot": 1, "prompt": "first", "variants": 2, "review": "wait"}]
    out = await render(rows)
    assert await asyncio.to_thread(main, ["decide", "--output", str(out), "r/1=2"]) == 0
    await render(rows)
    path = out / "reels/r.otio"
    written = path.read_bytes()
    assert (
        main(["timeline", str(out)]) == 0
    )  # `clips/` has the chosen take twice: as the shot's clip, as one of its takes
    _, *muted = opened(path).video_tracks()
    assert [[clip.name for clip in track.find_clips()] for track in muted] == [["r/1 take 1"]]
    assert path.read_bytes() == written


async def test_a_partial_film_has_a_timeline_that_names_what_it_lacks(sandbox, render, capsys):
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="second", times=None))
    rows = [{"reel": "r", "shot": n, "prompt": word} for n, word in enumerate(("first", "second", "third"), 1)]
    out = await render(rows, partial_reels=True)
    path = out / "reels/r.partial.otio"
    items = [*opened(path).video_tracks()[0]]
    assert [type(item).__name__ for item in items] == ["Clip", "Gap", "Clip"]
    assert items[1].markers[0].comment == "r/2 is missing"
    assert main(["timeline", str(out), "--reel", "r", "--format", "edl"]) == 0
    assert "R/2 IS MISSING" in (out / "reels/r.partial.edl").read_text()
    assert "r.partial.edl" in capsys.readouterr().out


async def test_what_cannot_be_written_is_refused_with_what_to_do(render, capsys, tmp_path):
    assert main(["timeline", str(tmp_path / "nothing")]) == 2
    assert "no film was made there" in capsys.readouterr().err
    out = await render([{"id": name, "prompt": name} for name in ("one", "two")])
    written = sorted(out.glob("reels/*"))
    for words, why in (
        (["--reel", "three"], "has no film of three. It has one, two"),
        (["--format", "edl", "--output", str(tmp_path / "all.edl")], "is one file for 2 films"),
    ):
        assert main(["timeline", str(out), *words]) == 2
        assert why in capsys.readouterr().err
    receipt = out / "reels/two.json"
    receipt.write_text(json.dumps(json.loads(receipt.read_text()) | {"format": {"fps": "0/0"}}))
    assert main(["timeline", str(out), "--format", "edl"]) == 2
    assert "reels/two.mp4: the JSON beside it does not tell of the film" in capsys.readouterr().err
    assert sorted(out.glob("reels/*")) == written
    assert main(["timeline", str(out), "--reel", "o*", "--format", "edl", "--output", str(tmp_path / "new/1.edl")]) == 0
    assert (tmp_path / "new/1.edl").is_file()
    edl, command = out / "reels/one.edl", ["timeline", str(out), "--reel", "one", "--format", "edl"]
    assert main(command) == main(command) == 0
    assert "kept as" not in capsys.readouterr().out
    edl.write_text("a person's")
    assert main(command) == 0
    assert "they are kept as reels/one.edited-1.edl" in capsys.readouterr().out
    assert (out / "reels/one.edited-1.edl").read_text() == "a person's"


async def test_a_film_whose_clip_was_replaced_under_its_name_is_told_with_the_clip_that_it_shows(render):
    out = await render([{"id": "one", "prompt": "one"}])
    (sidecar,) = out.glob("clips/*/*.json")
    told = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps(told | {"clip": told["clip"] | {"sha256": "0" * 64}}))
    assert main(["timeline", str(out)]) == 0
    (clip,) = opened(out / "reels/one.otio").video_tracks()[0]
    assert media_of(clip, out / "reels/one.otio").read_bytes() == (out / "reels/one.mp4").read_bytes()
    assert "/ledger/" in clip.media_reference.target_url


async def test_an_output_on_s3_has_timelines_and_says_which_formats_need_a_copy(
    sandbox, write_manifest, monkeypatch, capsys
):
    sandbox.settings.media = "stub"
    monkeypatch.setattr("longtake.rendering.render.make_pictures", no_pictures)
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("cuts", exist_ok=True)
        manifest, output = write_manifest([SHOT | {"id": "one", "prompt": "one"}]), "s3://cuts/out"
        await render_plain(manifest, output, sandbox_accounts(sandbox), check=quick_check)
        store = open_store(output)
        timeline: Any = otio.adapters.read_from_string(store.read("reels/one.otio").decode(), "otio_json")
        (clip,) = timeline.video_tracks()[0]
        assert store.size(clip.media_reference.target_url.removeprefix("../"))
        assert main(["timeline", output]) == 0
        assert main(["timeline", output, "--format", "edl"]) == 0
        assert b"s3://cuts/out/clips/" in store.read("reels/one.edl")
        assert main(["timeline", output, "--format", "fcpxml"]) == 2
        assert "aws s3 sync s3://cuts/out FOLDER" in capsys.readouterr().err
