"""The plan from the command line and as a flow on a real server: files, artifacts, figures, exit codes."""

from __future__ import annotations

import asyncio
import csv
import json
import os

import httpx
import pandas
import pytest

from longtake.reports.plan.markdown import MOST_LINES, MOST_VIOLATIONS, PlanFigures
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from longtake_cli.main import main
from tests.flows.conftest import basic_login

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
HOSTILE = "<img src=x onerror=alert(1)> [go](javascript:alert(2)) | **b** `c` www.evil.example"
PRICES = {"seedance-2.0-mini-text-to-video": {"unit": "task", "usd": {"*": 0.5}}}


@pytest.fixture
def sandbox(prefect_server, monkeypatch):
    with Sandbox(SandboxSettings(job_seconds=0.2, media="stub")) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("EVOLINK_PRICES", json.dumps(PRICES))
        yield running


@pytest.fixture
def write(tmp_path):
    def manifest(rows):
        path = tmp_path / "manifest.csv"
        rows = [SHOT | row for row in rows]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, restval="")
            table.writeheader()
            table.writerows(rows)
        return str(path)

    return manifest


async def planned(manifest, **parameters):
    """The state that the flow run ends in, and its artifacts by key."""
    from flows.plan_manifest import plan_manifest

    state = await plan_manifest(manifest, return_state=True, **parameters)
    run = str(state.state_details.flow_run_id)
    body = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    address = f"{os.environ['PREFECT_API_URL']}/artifacts/filter"
    reply = await asyncio.to_thread(httpx.post, address, json=body, timeout=30, auth=basic_login())
    found = reply.json()
    return state, {artifact["key"]: artifact for artifact in found}


async def figures_of(state) -> PlanFigures:
    result = await state.aresult(raise_on_failure=False)
    return result.end if state.is_failed() else result


async def test_called_as_a_function_a_plan_with_violations_raises_them_in_a_line(sandbox, write):
    from flows._not_done import NotDoneError
    from flows.plan_manifest import plan_manifest

    with pytest.raises(NotDoneError, match="1 violation") as raised:
        await plan_manifest(write([{"reel": "r", "shot": 1, "prompt": "p", "resolution": "wide"}]))
    assert raised.value.end.violations == 1


async def test_called_as_a_function_a_refused_render_raises_why_and_one_that_is_done_returns_its_end(
    sandbox, write, tmp_path
):
    from flows._not_done import NotDoneError
    from flows.render_manifest import render_manifest

    bad = write([{"reel": "r", "shot": 1, "prompt": "p", "resolution": "wide"}])
    with pytest.raises(NotDoneError, match="refused, nothing spent") as raised:
        await render_manifest(bad, str(tmp_path / "out"))
    assert raised.value.end.exit_code == 2
    assert sandbox.bill.request_count() == 0
    end = await render_manifest(write([{"reel": "r", "shot": 1, "prompt": "p"}]), str(tmp_path / "out"))
    assert (end.exit_code, [reel.reel for reel in end.reels]) == (0, ["r"])


async def test_the_flow_shows_price_by_vendor_and_reel_forecast_and_what_the_budget_holds(sandbox, write):
    manifest = write([{"reel": f"r{number}", "shot": 1, "prompt": "a cat"} for number in range(3)])
    state, artifacts = await planned(manifest, budget_usd=1.2)
    assert state.is_completed(), state.message
    figures = await figures_of(state)
    assert (figures.exit_code, figures.shots, figures.to_buy, figures.reels_held) == (0, 3, 2, 1)
    assert (figures.price_low_usd, figures.price_high_usd, figures.budget_usd) == (1.0, 1.0, 1.2)
    assert 0 < figures.low_seconds <= figures.high_seconds
    text = artifacts["longtake-plan"]["data"]
    assert "| evolink/default | 3 | 2 | 1.0000 |" in text
    assert "| r0 | 1 | 1 | 0.5000 |" in text
    assert "### Held\n\n- r2: the budget" in text
    assert "longtake-violations" not in artifacts
    assert sandbox.bill.request_count() == 0


async def test_violations_stand_in_a_table_that_is_bounded_and_nothing_in_a_cell_acts(sandbox, write):
    rows = [
        {"reel": f"{HOSTILE} {n}", "shot": 1, "prompt": "p", "resolution": HOSTILE} for n in range(MOST_VIOLATIONS + 5)
    ]
    state, artifacts = await planned(write(rows))
    assert state.is_failed()
    figures = await figures_of(state)
    assert (figures.exit_code, figures.violations, figures.to_buy) == (2, len(rows), 0)
    table = json.loads(artifacts["longtake-violations"]["data"])
    assert len(table) == MOST_VIOLATIONS + 1
    assert table[-1]["rule"].startswith("… and 5 more")
    assert table[0]["column"] == "resolution"
    text = artifacts["longtake-plan"]["data"]
    assert f"… and {len(rows) - MOST_LINES} more reels" in text
    assert "### Violations by rule" in text
    for shown in [text, *(cell for row in table[:-1] for cell in row.values())]:
        for acting in ("<", "](", "javascript:", "**b", "`c", "www.evil"):
            assert acting not in shown.replace("**manifest", "").replace("**/", "")


def test_the_command_writes_every_row_as_parquet_and_tells_violations_by_its_exit_code(
    sandbox, write, tmp_path, capsys
):
    target = tmp_path / "plan.parquet"
    manifest = write([{"reel": "r", "shot": n, "prompt": "p"} for n in (1, 2)])
    assert main(["plan", manifest, "--parquet", str(target)]) == 0
    frame = pandas.read_parquet(target)
    assert frame["shot_id"].tolist() == ["r/1", "r/2"]
    assert frame["price_high_usd"].tolist() == [0.5, 0.5]
    assert (
        main(["plan", write([{"reel": "r", "shot": 1, "prompt": "p", "resolution": "9p"}]), "--parquet", str(target)])
        == 2
    )
    assert pandas.read_parquet(target)["standing"].tolist() == ["refused"]
    assert main(["plan", manifest, "--parquet", str(tmp_path / "no/such/folder")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_plan_takes_the_options_of_a_render_that_change_what_is_bought(sandbox, write, tmp_path, capsys):
    manifest = write([{"reel": reel, "shot": 1, "prompt": reel} for reel in ("a", "b", "c")])

    def reels(*options):
        assert main(["plan", manifest, "--parquet", str(tmp_path / "p"), *options]) == 0
        return pandas.read_parquet(tmp_path / "p")["reel"].tolist()

    both = ("--keep-followers", "--replace", "--max-attempts", "2", "--order", "manifest", "--choose", "best")
    assert reels(*both) == ["a", "b", "c"]
    assert reels("--only", "b", "c") == ["b", "c"]
    assert "2 shots, 2 to buy" in capsys.readouterr().out
    assert reels("--limit-reels", "1") == ["a"]
    assert "2 more reels" in capsys.readouterr().out
    assert main(["plan", manifest, "--max-attempts", "0", "--budget", "-1"]) == 2
    told = capsys.readouterr().err
    assert "max_attempts: " in told
    assert "budget_usd: " in told


def test_the_extension_wording_can_be_set_and_switched_off_and_a_bad_one_is_refused(sandbox, write, tmp_path, capsys):
    manifest = write(
        [{"reel": "r", "shot": 1, "prompt": "a"}, {"reel": "r", "shot": 2, "prompt": "b", "continue_from": "clip"}]
    )

    def row(*options):
        assert main(["plan", manifest, "--parquet", str(tmp_path / "p"), *options]) == 0
        second = pandas.read_parquet(tmp_path / "p").iloc[1]
        return json.loads(second["request"])["body"]["prompt"], second["identity"]

    told = [row(), row("--extension-template", "Go on, {index}. {prompt}"), row("--extension-template", "off")]
    assert [prompt for prompt, _ in told] == ["Extend video 1: b", "Go on, 1. b", "b"]
    assert len({identity for _, identity in told}) == 3
    assert main(["plan", manifest, "--extension-template", "no place"]) == 2
    assert "needs {prompt} in it" in capsys.readouterr().err


async def test_a_bad_extension_template_fails_the_flow_before_anything_is_read(sandbox, tmp_path):
    state, _ = await planned(str(tmp_path / "nothing.csv"), extension_template="{prompt} {x}")
    assert state.is_failed()
    assert "{x}" in state.message


@pytest.mark.parametrize(
    ("allowed", "words"), [(0, "is 0: evolink/default is paused"), (1, "allows 1 jobs in flight, the block says 3")]
)
def test_a_plan_goes_by_the_prefect_limit_and_says_where_the_block_differs(sandbox, write, tmp_path, allowed, words):
    address = f"{os.environ['PREFECT_API_URL']}/v2/concurrency_limits/"
    made = {"name": "longtake-evolink-default", "limit": allowed, "active": True, "slot_decay_per_second": 0}
    # Other tests of this server may have used the account.
    httpx.delete(f"{address}{made['name']}", auth=basic_login(), timeout=30)
    limit = httpx.post(address, json=made, auth=basic_login(), timeout=30).json()["id"]
    try:
        assert (
            main(["plan", write([{"id": f"s{n}", "prompt": f"p{n}"} for n in range(4)]), "--json", str(tmp_path / "p")])
            == 0
        )
    finally:
        httpx.delete(f"{address}{limit}", auth=basic_login(), timeout=30)
    told = json.loads((tmp_path / "p").read_text())
    assert any(words in notice for notice in told["notices"])
    forecast = told["forecast"]
    assert forecast["paused"] == ({} if allowed else {"evolink/default": 4})
    assert forecast["high_seconds"] == (4 * 1.6 * 90 if allowed else 0)
