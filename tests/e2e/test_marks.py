"""Clips that carry marks, as vendors' do: sidecar, results, receipt and film tell them, and a strict run loses none."""

from __future__ import annotations

import json

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.media.checking.policy import GatePolicy
from longtake.media.reading.marks import read_marks
from longtake.media.stitching.receipt import ReelStyle
from longtake.reports.status.lines import status_lines
from longtake.reports.status.standing import output_status
from tests.plain_render import render_plain, sandbox_accounts

pytestmark = pytest.mark.usefixtures("_without_posters")

SHOT = {"reel": "r", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
PAIR = [
    SHOT | {"shot": 1, "vendor": "byteplus", "prompt": "one", "watermark": True},
    SHOT | {"shot": 2, "vendor": "evolink", "prompt": "two"},
]
LOST = "marks: the C2PA manifest not in the film"


def status_of(output):
    return "\n".join(status_lines("out", output_status(Ledger(open_store(str(output))))))


def told_of(output, name):
    return json.loads((output / f"{name}.json").read_text())


@pytest.fixture
def marked(sandbox):
    sandbox.settings.marks = "both"
    return sandbox


async def test_a_reel_carries_aigc_over_names_both_producers_and_says_what_is_lost(tmp_path, marked, write_manifest):
    out = tmp_path / "out"
    end = await render_plain(write_manifest(PAIR), out, sandbox_accounts(marked))
    assert end.all_done
    assert [row.marks for row in end.rows] == ["C2PA|AIGC|watermark", "C2PA|AIGC"]
    assert [row.warnings for row in end.rows] == [LOST, LOST]
    film = read_marks(out / "reels/r.mp4")
    assert film.producers == ("sandbox-byteplus; sandbox-evolink",)
    receipt = told_of(out, "reels/r")
    assert receipt["marks"]["aigc"] == list(film.aigc)
    assert [clip["marks_lost"] for clip in receipt["clips"]] == [["the C2PA manifest"]] * 2
    assert [clip["marks"]["watermark"] for clip in receipt["clips"]] == [True, None]
    for number, vendor in ((1, "byteplus"), (2, "evolink")):
        marks = read_marks(out / f"clips/r/{number}.mp4")
        sidecar = told_of(out, f"clips/r/{number}")["marks"]
        assert sidecar["c2pa"] == marks.c2pa.model_dump()
        assert sidecar["aigc"][0]["ContentProducer"] == f"sandbox-{vendor}"
    reel = told_of(out, "report")["reels"][0]
    assert [shot["marks"] for shot in reel["shots"]] == ["C2PA, AIGC, watermark", "C2PA, AIGC"]
    assert reel["receipt"]["marks"]["aigc"][0]["ContentProducer"] == "sandbox-byteplus; sandbox-evolink"
    told = "marks that the clips have and their film has not (1)\n  r: the C2PA manifest of 2 clips"
    assert told in status_of(out)
    page = (out / "report.html").read_text()
    assert "the C2PA manifest of 2 clips" in page and "AIGC by sandbox-byteplus; sandbox-evolink" in page


async def test_a_strict_run_makes_no_film_that_loses_a_mark_and_keeps_the_clips(tmp_path, marked, write_manifest):
    manifest, out, accounts = write_manifest(PAIR), tmp_path / "out", sandbox_accounts(marked)
    end = await render_plain(manifest, out, accounts, gate=GatePolicy(marks="strict"))
    assert [row.verdict.value for row in end.rows] == ["done", "done"]
    assert "would lose marks of its clips: r/1: the C2PA manifest; r/2" in end.reels_missing["r"]
    assert not end.all_done
    assert not (out / "reels/r.mp4").exists()
    assert len(list((out / "clips").rglob("*.mp4"))) == marked.bill.count() == 2
    again = await render_plain(manifest, out, accounts)
    assert (again.all_done, again.bought_now, marked.bill.count()) == (True, 0, 2)


async def test_a_strict_run_makes_films_that_lose_nothing(tmp_path, marked, write_manifest):
    marked.settings.marks = "aigc"
    strict = GatePolicy(marks="strict")
    end = await render_plain(write_manifest(PAIR), tmp_path / "out", sandbox_accounts(marked), gate=strict)
    assert (end.all_done, [row.warnings for row in end.rows]) == (True, [None, None])


async def test_off_warns_of_nothing_and_the_receipt_tells_all_the_same(tmp_path, marked, write_manifest):
    out = tmp_path / "out"
    end = await render_plain(
        write_manifest(PAIR[:1]),
        out,
        sandbox_accounts(marked),
        gate=GatePolicy(marks="off"),
        reel_style=ReelStyle(size="320x320"),
    )
    assert (end.all_done, [row.warnings for row in end.rows]) == (True, [None])
    assert told_of(out, "reels/r")["clips"][0]["marks_lost"] == ["the C2PA manifest"]
    assert "marks that" not in status_of(out)


async def test_a_reel_of_one_clip_is_that_clip_with_all_its_marks(tmp_path, marked, write_manifest):
    out, strict = tmp_path / "out", GatePolicy(marks="strict")
    end = await render_plain(write_manifest(PAIR[1:]), out, sandbox_accounts(marked), gate=strict)
    assert (end.all_done, [row.warnings for row in end.rows]) == (True, [None])
    assert told_of(out, "reels/r")["marks"]["c2pa"]["sha256"] == read_marks(out / "reels/r.mp4").c2pa.sha256


async def test_clips_without_marks_are_told_as_such(tmp_path, sandbox, write_manifest):
    end = await render_plain(write_manifest(PAIR[1:]), tmp_path / "out", sandbox_accounts(sandbox))
    assert [row.marks for row in end.rows] == ["none"]


async def test_a_record_of_a_release_that_did_not_look_is_read_and_says_so(tmp_path, marked, write_manifest):
    manifest, out, accounts = write_manifest(PAIR), tmp_path / "out", sandbox_accounts(marked)
    await render_plain(manifest, out, accounts)
    (out / "reels/r.mp4").unlink()
    for record in (out / "ledger").rglob("clip*.json"):
        told = json.loads(record.read_text())
        del told["clip"]["marks"]
        record.write_text(json.dumps(told))
    end = await render_plain(manifest, out, accounts)
    assert (end.all_done, end.bought_now, [row.marks for row in end.rows]) == (True, 0, [None, None])
    assert [row.warnings for row in end.rows] == [LOST, LOST]


async def test_fields_that_attack_harm_no_reader_and_no_secret_of_theirs_is_written_down(
    tmp_path, marked, write_manifest, monkeypatch
):
    evil = {
        "Label": "1",
        "ContentProducer": "<script>alert(1)</script>\u202e\x1b[31m",
        "ProduceID": "https://x.example/a?X-Amz-Signature=5ecret0000",
        "ReservedCode1": "Bearer sk-live-5ecret1111",
        "<img src=x>\n\x1b[2J": "1",
    }
    monkeypatch.setattr("longtake.sandbox.clips.shelf.aigc_text", lambda vendor, number: json.dumps(evil))
    out = tmp_path / "out"
    end = await render_plain(write_manifest(PAIR), out, sandbox_accounts(marked))
    assert end.all_done
    texts = [path.read_text() for path in out.rglob("*") if path.suffix in (".json", ".csv", ".html")]
    assert len(texts) > 8 and not any("5ecret" in text for text in texts)
    page = (out / "report.html").read_text()
    assert "<script>alert" not in page and "<img src=x>" not in page and "\u202e" not in page and "\x1b" not in page
    assert "\x1b" not in status_of(out) and "\u202e" not in status_of(out)
    assert "\x1b" not in (out / "results.csv").read_text()
