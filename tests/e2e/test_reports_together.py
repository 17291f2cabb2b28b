"""`longtake report OUT OUT…`: one page over several outputs, its files and its money those of all."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import unquote

import pytest

from longtake.files.open_store import open_store
from longtake.reports.run.rewrite import told_before
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from longtake_cli.main import main
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None)) as running:
        yield running


async def test_two_days_in_one_page_with_their_films_and_their_money(sandbox, tmp_path, write_manifest, capsys):
    load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="fails"))
    for day, prompts in (("day 1", ["same"]), ("2/day", ["same", "fails"])):
        rows = [SHOT | {"id": prompt, "prompt": prompt} for prompt in prompts]
        await render_plain(write_manifest(rows), tmp_path / "reels" / day, load)
    outputs = [str(tmp_path / "reels" / day) for day in ("day 1", "2/day")]
    assert main(["report", *outputs]) == 0
    page = tmp_path / "reels" / "reports.html"
    assert capsys.readouterr().out.strip() == str(page)
    text = page.read_text()
    data = json.loads(html.unescape(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]))
    assert [reel["name"] for reel in data["reels"]] == ["day 1: same", "2/day: same", "2/day: fails"]
    for reel in data["reels"][:2]:
        assert (page.parent / unquote(reel["film"])).is_file()
        assert (page.parent / unquote(reel["shots"][0]["clip"])).is_file()
    views = [told_before(open_store(output)) for output in outputs]
    whole = sum(view.totals.spent_high_usd for view in views)
    assert f"<b>${whole:.3f}</b>" in text
    assert "<b>2</b> of 3" in text


async def test_a_way_up_and_down_again_leads_to_the_same_page(sandbox, tmp_path, write_manifest, capsys, monkeypatch):
    for place in ("a/reels", "b/out"):
        await render_plain(
            write_manifest([SHOT | {"id": "fox", "prompt": place}]), tmp_path / place, sandbox_accounts(sandbox)
        )
    monkeypatch.chdir(tmp_path / "b")
    assert main(["report", "out", "../a/reels"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "reports.html")
    text = (tmp_path / "reports.html").read_text()
    data = json.loads(html.unescape(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]))
    assert all((tmp_path / unquote(reel["film"])).is_file() for reel in data["reels"])
    assert 'href="None"' not in text


def test_outputs_without_a_report_and_in_buckets_are_named(tmp_path, capsys):
    assert main(["report", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert f"{tmp_path}/a has no report" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "a"), "s3://bucket/b"]) == 2
    assert "s3://bucket/b: one page over several outputs" in capsys.readouterr().err
