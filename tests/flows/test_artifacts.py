"""What the artifacts say: bounded, in order, with text of others as text, and no harm to a run without a server."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from flows._observe import artifacts as _artifacts
from flows._observe.artifacts import FlowRunArtifacts, Shown, code, not_done, state_message, violations
from flows._observe.progress import RunProgress
from longtake.costs.spent import Spent
from longtake.domain.events import RunEvent
from longtake.domain.verdicts import Verdict
from longtake.domain.violations import refusal
from longtake.manifests.results.row_result import RowResult
from longtake.planning.forecast import Forecast
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import PreparedRun, prepare
from longtake.rendering.summary import Summary
from longtake.sandbox.app import Sandbox
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.plain_render import sandbox_accounts


def row(number: int, verdict: Verdict = Verdict.REFUSED, reel: str = "reel") -> RowResult:
    return RowResult(row=number, shot_id=f"{reel}/{number}", verdict=verdict, error="no", next_action="mend it")


@pytest.fixture
async def prepared(tmp_path: Path, monkeypatch) -> PreparedRun:
    """Two shots of evolink at known prices, nothing bought."""
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    manifest = tmp_path / "m.csv"
    rows = "".join(f"r,{shot},evolink,a lamp,4,480p,16:9\n" for shot in (1, 2))
    manifest.write_text("reel,shot,vendor,prompt,duration_seconds,resolution,ratio\n" + rows)
    options = RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"), budget_usd=1.0)
    with Sandbox() as sandbox:
        load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])
        return await prepare(options, load_account=load)


def test_the_table_is_bounded_and_says_how_many_more_there_are() -> None:
    shown = not_done([row(number) for number in range(1, 251)])
    assert shown is not None
    assert len(json.loads(shown.data)) == 100
    assert shown.description.startswith("250 not done; the first 100 are here, 150 more in the report")


def test_open_money_comes_first_and_what_is_done_is_left_out() -> None:
    rows = [row(1), row(2, Verdict.DONE), row(3, Verdict.UNKNOWN_OUTCOME), row(4, Verdict.LOST)]
    shown = not_done(rows)
    assert [entry["shot"] for entry in json.loads(shown.data)] == ["reel/3", "reel/4", "reel/1"]


def test_a_reel_that_failed_though_its_shots_are_done_has_a_row_and_others_have_not() -> None:
    rows = [row(1, Verdict.DONE, "whole"), row(2, reel="torn")]
    shown = not_done(rows, [("whole", "UnreadableClipError: bad"), ("torn", "1 of 1 shots are not done")])
    entries = json.loads(shown.data)
    assert [(entry["shot"], entry["verdict"]) for entry in entries] == [
        ("torn/2", "refused"),
        ("whole", "reel not made"),
    ]
    assert not_done([row(1, Verdict.DONE)]) is None
    assert violations([]) is None


def test_signed_links_and_control_characters_do_not_get_into_a_table() -> None:
    told = row(1).model_copy(update={"error": "see https://h.example/v.mp4?sig=SECRET \x1b[2J\nnow"})
    data = not_done([told]).data
    assert "SECRET" not in data
    assert "see https://h.example/v.mp4 ␛[2J␊now" in json.loads(data)[0]["reason"]
    assert "SECRET" not in violations([refusal("first_frame", "x" * 70, "bad", "see https://h/?sig=SECRET")]).data


def test_text_of_others_is_a_code_span_that_nothing_leaves() -> None:
    assert code("a`b|c\n<img>") == "`aˋb¦c␊<img>`"


def test_the_message_tells_rows_money_reels_and_report_in_a_line(prepared: PreparedRun) -> None:
    verdicts = Counter(done=1, failed=1)
    summary = Summary(verdicts=verdicts, reels_made=[], reels_missing={"r": "no"}, rows=[], bought_now=1)
    summary.spent = summary.spent_now = Spent(0.1, 0.15, 1)
    folder = prepared.store.url
    told = "1/2 rows done; 1 bought now; 0 reels (1 failed); 1 reel not made; spent"
    files = f"retry {folder}/retry.csv; report {folder}/report.html"
    assert state_message(summary, prepared.store) == f"{told} $0.100–0.150; {files}"
    summary.spent = Spent(2.0, 2.0, 4, 1)
    assert state_message(summary, prepared.store) == (
        f"{told} $2.00 and 1 at unknown prices, of it $0.100–0.150 now; {files}"
    )
    summary.verdicts, summary.reels_missing = Counter(done=2), {}
    assert "retry" not in state_message(summary, prepared.store)


async def test_the_meter_follows_money_and_counts_from_the_first_purchase_to_the_last(prepared: PreparedRun) -> None:
    one, two = prepared.rendered_shots
    meter = RunProgress(prepared, Forecast(60.0, 180.0, 2))
    before = meter.shown().description
    assert "**0 / 2 shots done** of `" in before
    assert "- spent: $0.00 of a budget of $1.00\n- projected: $0.240\n- time left: 1 min to 3 min" in before
    for event in (RunEvent.QUEUED, RunEvent.BOUGHT):
        meter.count(event, one)
    meter.count(RunEvent.QUEUED, two)
    assert "| `evolink` | 1 | 1 | 0 / 2 | 0 | $0.120 |" in meter.shown().description
    for event in (RunEvent.FINISHED, RunEvent.DONE):
        meter.count(event, one)
    meter.count(RunEvent.ENDED, two)
    end = meter.shown(over=True)
    assert end.data == 100.0
    assert "**1 / 2 shots done**" in end.description
    assert "1 not done" in end.description
    assert "- spent: $0.120 of a budget of $1.00\n- projected: $0.120" in end.description
    assert "time left" not in end.description


async def test_a_server_that_does_not_answer_costs_a_run_its_artifacts_and_no_more(monkeypatch) -> None:
    monkeypatch.setattr(_artifacts, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(_artifacts, "get_client", _Silent)
    begun = time.monotonic()
    async with FlowRunArtifacts() as page:
        page._run = uuid4()  # no flow run surrounds this test
        await page._tried(page._find())
        await page.show("longtake-progress", Shown("progress", 1.0, ""))
    assert time.monotonic() - begun < 2


class _Silent:
    """A client whose server takes a call and says nothing."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.sleep(60)

    async def read_artifacts(self, **_):
        await asyncio.sleep(60)

    async def create_artifact(self, _):
        await asyncio.sleep(60)
