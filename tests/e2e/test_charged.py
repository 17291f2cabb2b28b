"""What counts as charged, everywhere alike, and when a changed row may be bought without more words; by the bill."""

from __future__ import annotations

import json

import pytest

from flows._observe.progress import RunProgress
from longtake.planning.forecast import forecast
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import WouldReplaceError, prepare
from longtake.sandbox.app import Fault
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "r", "shot": "1", "vendor": "evolink"}


@pytest.fixture
def render(tmp_path, sandbox, monkeypatch):
    without_films(monkeypatch)
    load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])

    async def run(manifest, **options):
        return await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)

    run.load = load
    return run


async def test_a_submit_that_moderation_refused_costs_nothing_in_report_progress_and_budget(
    tmp_path, sandbox, write_manifest, render
):
    sandbox.faults.add(Fault(kind="moderation", step="submit"))
    manifest = write_manifest([SHOT | {"prompt": "a red ball"}])
    end = await render(manifest)
    assert (end.rows[0].verdict, sandbox.bill.total_usd) == ("content_refused", 0)
    assert (end.totals.spent_low_usd, end.totals.spent_high_usd, end.totals.charged_but_failed_usd) == (0, 0, 0)
    again = await prepare(
        RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"), budget_usd=5), load_account=render.load
    )
    assert (await again.forecast()).spent_usd == 0
    meter = RunProgress(again, forecast(again.plan.shots, again.accounts))
    assert "- spent: $0.00 of a budget" in meter.shown().description


async def test_a_prompt_that_moderation_refused_is_changed_and_bought_without_replace(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="moderation", step="submit"))
    await render(write_manifest([SHOT | {"prompt": "a red ball"}]))
    end = await render(write_manifest([SHOT | {"prompt": "a blue ball"}]))
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("done", 1)


async def test_a_row_whose_job_was_moderated_is_changed_and_bought_without_replace(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="moderation_failed", step="look"))
    first = await render(write_manifest([SHOT | {"prompt": "a red ball"}]))
    assert (first.rows[0].verdict, first.totals.charged_but_failed_usd > 0) == ("content_refused", True)
    end = await render(write_manifest([SHOT | {"prompt": "a blue ball"}]))
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("done", 2)


@pytest.mark.parametrize("ending", ["failed", "cancelled", None])
async def test_another_paid_shot_is_not_bought_again_for_a_changed_prompt_alone(
    sandbox, write_manifest, render, ending
):
    if ending:
        sandbox.faults.add(Fault(kind=ending, step="look"))
    await render(write_manifest([SHOT | {"prompt": "a red ball"}]))
    with pytest.raises(WouldReplaceError, match="r/1"):
        await render(write_manifest([SHOT | {"prompt": "a blue ball"}]))
    assert sandbox.bill.count() == 1


async def test_an_attempt_that_failed_before_the_clip_came_is_told_as_charged_without_a_clip(
    sandbox, write_manifest, render
):
    sandbox.faults.add(Fault(kind="failed", step="look", retryable=True))
    end = await render(write_manifest([SHOT | {"prompt": "a red ball"}]), max_attempts=2)
    assert (end.rows[0].verdict, sandbox.bill.count()) == ("done", 2)
    assert end.totals.charged_but_failed_usd == pytest.approx(end.totals.spent_high_usd / 2)


async def test_the_report_tells_the_money_of_the_whole_output_replaced_purchases_too(
    tmp_path, sandbox, write_manifest, render
):
    for row in ({"prompt": "a"}, {"prompt": "a", "take": 2}, {"prompt": "b", "take": 3}):
        end = await render(write_manifest([SHOT | row]))
        assert end.totals.spent_high_usd == pytest.approx(end.spent.high_usd)
    assert sandbox.bill.count() == end.spent.purchases == 3
    told = json.loads((tmp_path / "out/report.json").read_text())
    assert [one["spent_high_usd"] for one in told["by_vendor"]] == [pytest.approx(end.spent.high_usd)]
    assert told["totals"]["projected_low_usd"] == pytest.approx(end.spent.low_usd)
    # A reel of another manifest stays in the report, and nothing of it counts twice.
    end = await render(write_manifest([SHOT | {"reel": "other", "prompt": "c"}]))
    assert end.totals.spent_high_usd == pytest.approx(end.spent.high_usd)
    assert sandbox.bill.count() == 4
