"""What a run's report tells: other columns, times also after later runs, and hostile text as nothing but text."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from longtake.media.cutting.frames import poster
from longtake.media.workers import WorkerPool
from longtake.reports.run.view import ReportView
from longtake_cli.main import main
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts
from tests.unit.reports.report_runs import EVIL

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
ACTS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SIGNED = "https://bucket.example.com/brief.pdf?X-Amz-Signature=secret"


def told(output) -> ReportView:
    return ReportView.model_validate_json((output / "report.json").read_bytes())


async def test_other_columns_stand_beside_each_shot_without_signatures(tmp_path, sandbox, write_manifest, monkeypatch):
    without_films(monkeypatch)
    rows = [
        SHOT | {"id": "a", "prompt": "one", "director": "Ana", "brief": SIGNED},
        SHOT | {"id": "b", "prompt": "two", "director": "", "brief": "none"},
    ]
    await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    first, second = told(tmp_path / "out").shots
    assert first.extra == {"director": "Ana", "brief": "https://bucket.example.com/brief.pdf"}
    assert second.extra == {"brief": "none"}
    assert "secret" not in (tmp_path / "out/report.html").read_text()


async def test_waiting_and_running_times_are_still_told_when_a_later_run_had_nothing_to_do(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    sandbox.settings.job_seconds, sandbox.settings.queue_share = 2.0, 0.75
    manifest = write_manifest([SHOT | {"id": name, "prompt": name} for name in "abc"])
    for _ in range(2):
        load = sandbox_accounts(sandbox, max_jobs_in_flight=1)
        await render_plain(manifest, tmp_path / "out", load, check=quick_check)
        shots = told(tmp_path / "out").shots
        waits = [shot.submitted_at - shot.waiting_since for shot in shots]
        assert waits[0] < 1 < waits[1] < waits[2]
        # Later jobs are looked at when they should end, so nobody sees them queued.
        first = shots[0]
        assert first.submitted_at < first.started_running_at < first.finished_at
    assert sandbox.bill.count() == 3


async def test_a_picture_that_cannot_be_made_fails_neither_its_reel_nor_the_other_pictures(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    calls = []
    real = WorkerPool.call

    async def first_poster_fails(self, function, *arguments, **options):
        if function is poster:
            calls.append(function)
            if len(calls) == 1:
                raise ValueError("nobody thought of this")
        return await real(self, function, *arguments, **options)

    monkeypatch.setattr(WorkerPool, "call", first_poster_fails)
    rows = [SHOT | {"reel": "r", "shot": number, "prompt": f"p {number}"} for number in (1, 2, 3)]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox))
    assert end.all_done
    (reel,) = told(tmp_path / "out").reels
    assert [shot.poster for shot in reel.shots] == [None, "posters/r/2.jpg", "posters/r/3.jpg"]
    assert (tmp_path / "out" / str(reel.contact_sheet)).is_file()


async def test_hostile_cells_go_through_a_whole_run_and_act_nowhere(tmp_path, sandbox, write_manifest, monkeypatch):
    without_films(monkeypatch)
    texts = [text for text in EVIL if not re.search("[\ud800-\udfff\0]", text) and len(text) < 1000]
    names = [ACTS.sub("", text).replace("\u2028", "").replace("\u2029", "")[:80] for text in texts]
    rows = [
        SHOT | {"reel": name, "shot": name, "prompt": text.replace("{", "{{").replace("}", "}}"), "=1+1": text}
        for name, text in zip(names, texts, strict=True)
    ]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.all_done, end.line
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert not ACTS.search(page)
    assert "<script>alert" not in page
    assert "onerror='window" not in page.partition('id="data"')[0]
    assert [shot.prompt for shot in told(tmp_path / "out").shots] != texts  # what acts is shown, not passed on
    text = (tmp_path / "out/results.csv").read_bytes().decode("utf-8-sig")
    for line in csv.reader(io.StringIO(text, newline="")):
        assert not [cell for cell in line if re.match(r"[\s\"'`]*[=+@\t\r]", cell) and not cell.startswith("'")]
    for path in (tmp_path / "out").rglob("*"):
        assert path.resolve().is_relative_to(tmp_path / "out")


@pytest.mark.parametrize("name", ["\x1b[2J\x1b]0;owned\x07.csv", "a\u202eb\x9b31m.csv"])
def test_no_name_acts_in_the_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", name]) == 2
    said = capsys.readouterr().err
    assert ".csv: " in said
    assert not ACTS.search(said)


def test_no_cell_acts_in_the_terminal_when_a_plan_is_shown(
    write_manifest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    texts = [text for text in EVIL if not re.search("[\ud800-\udfff\0]", text)]
    rows = [
        {"prompt": text} | dict.fromkeys(("reel", "shot", "vendor", "ratio", "first_frame"), text) for text in texts
    ]
    assert main(["plan", str(write_manifest(rows))]) == 2
    said = capsys.readouterr()
    assert "[red]markup[/red]" in said.out
    assert not ACTS.search(said.out + said.err)


async def test_a_report_of_another_release_is_no_hindrance(tmp_path, sandbox, write_manifest, monkeypatch):
    without_films(monkeypatch)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.json").write_text(json.dumps({"of": "another release"}))
    manifest = write_manifest([SHOT | {"id": "a", "prompt": "one"}])
    await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert told(tmp_path / "out").totals.done == 1
