"""One row's text never takes results, retry table, sidecars or report away; and neither does a row that never ends."""

from __future__ import annotations

import asyncio
import csv
import json

import pandas
import pytest

from longtake.domain.errors import JobFailedError
from longtake.files.open_store import open_store
from longtake.rendering.report import RunReport
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
ODD = {
    "half emoji": "broken \ud83d here",
    "NUL": "a\0b",
    "control": "\x1b[2J\x07\u202e",
    "huge": "x" * 3_000_000,
    "lines": "one\r\ntwo\rthree\u2028four",
    "formula": "=cmd()",
    "empty": "",
}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
async def test_a_failure_s_odd_words_take_no_table_away(out, sandbox, write_manifest, monkeypatch, text):
    without_films(monkeypatch)

    async def check(path, sha256):
        if failing:
            failing.clear()
            raise JobFailedError(text, text)
        return await quick_check(path, sha256)

    failing = [True]
    rows = [SHOT | {"id": "a", "prompt": "one"}, SHOT | {"id": "b", "prompt": "two"}]
    await render_plain(write_manifest(rows), out, sandbox_accounts(sandbox), check=check)
    table = pandas.read_parquet(out / "results.parquet")
    assert sorted(table["verdict"]) == ["done", "failed"]
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert len(pandas.read_csv(out / "retry.csv")) == 1
    assert "</html>" in (out / "report.html").read_text(encoding="utf-8")
    assert len(json.loads((out / "report.json").read_text(encoding="utf-8"))["reels"]) == 2
    assert sum(path.stat().st_size for path in out.glob("*.*")) < 3_000_000


async def test_a_sidecar_holds_a_half_emoji(out):
    from longtake.rendering.output.outputs import read_json, write_json

    store = open_store(str(out))
    write_json(store, "clips/a.json", {"usage": "broken \ud83d here", "name": "ü"})
    assert read_json(store, "clips/a.json") == {"usage": "broken \ud83d here", "name": "ü"}


@pytest.mark.parametrize("fails", ["report", "row"])
async def test_a_report_or_row_that_cannot_be_written_up_leaves_the_tables(
    out, sandbox, write_manifest, monkeypatch, fails
):
    without_films(monkeypatch)

    def broken(*given, **more):
        raise ValueError("odd")

    if fails == "report":
        monkeypatch.setattr(RunReport, "write", broken)
    else:
        monkeypatch.setattr("longtake.rendering.output.results.row_result", broken)
    end = await render_plain(
        write_manifest([SHOT | {"id": "a", "prompt": "one"}]), out, sandbox_accounts(sandbox), check=quick_check
    )
    assert pandas.read_parquet(out / "results.parquet")["verdict"].tolist() == ["done"]
    assert end.all_done


async def test_results_are_told_while_one_row_hangs(out, sandbox, write_manifest, monkeypatch):
    without_films(monkeypatch)
    monkeypatch.setattr("longtake.rendering.report.EVERY_SECONDS", 0.1)
    hangs, first = asyncio.Event(), []

    async def check(path, sha256):
        if not first:
            first.append(sha256)
            await hangs.wait()
        return await quick_check(path, sha256)

    rows = [SHOT | {"id": name, "prompt": name} for name in "abc"]
    run = asyncio.create_task(render_plain(write_manifest(rows), out, sandbox_accounts(sandbox), check=check))

    def told():
        path = out / "results.csv"
        return sorted(row["verdict"] for row in csv.DictReader(path.open(newline=""))) if path.exists() else []

    for _ in range(400):
        if told() == ["done", "done", "still_running"]:
            break
        await asyncio.sleep(0.1)
    assert told() == ["done", "done", "still_running"]
    assert not (out / "retry.csv").exists()
    hangs.set()
    assert (await run).all_done
    assert told() == ["done"] * 3
