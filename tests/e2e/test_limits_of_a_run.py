"""What bounds a run beside its budget: `--limit`, `--limit-reels`, `--only`, `--brake`; by the sandbox's bill."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.sandbox.app import Fault, Sandbox, SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

LONE = [{"id": f"s{n}", "prompt": f"a red ball number {n}", "vendor": "evolink"} for n in range(6)]


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def render(tmp_path, sandbox, monkeypatch):
    without_films(monkeypatch)
    load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])

    async def run(manifest, **options):
        return await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)

    run.load = load
    return run


def reels_of(count: int, shots: int, *, vendor="evolink", chained=False) -> list[dict[str, object]]:
    return [
        {
            "reel": f"sku{reel:03}",
            "shot": shot,
            "prompt": f"ball {reel} {shot}",
            "vendor": vendor,
            "continue_from": "clip" if chained and shot > 1 else "",
        }
        for reel in range(count)
        for shot in range(1, shots + 1)
    ]


def verdicts(end) -> Counter[str]:
    return Counter(row.verdict.value for row in end.rows)


def bought_reels(sandbox) -> set[str]:
    return {re.search(r"ball (\d)", str(entry.body["prompt"]))[1] for entry in sandbox.bill.entries}


def bought_prompts(sandbox) -> list[str]:
    return sorted(str(entry.body["prompt"]) for entry in sandbox.bill.entries)


async def test_a_limit_holds_though_all_rows_were_tried_before(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="bad_request", step="submit", times=None))
    await render(write_manifest(LONE))
    sandbox.faults.clear()
    end = await render(write_manifest(LONE), limit=1)
    assert (sandbox.bill.count(), verdicts(end)) == (1, {"done": 1, "not_started": 5})
    end = await render(write_manifest(LONE), limit=2)
    assert sandbox.bill.count() == 3


@pytest.mark.parametrize("kind", ["bad_request", "moderation"])
async def test_rows_that_the_vendor_refuses_use_up_no_place(sandbox, write_manifest, render, kind):
    sandbox.faults.add(Fault(kind=kind, step="submit", times=3))
    end = await render(write_manifest(LONE), limit=2)
    assert (sandbox.bill.count(), verdicts(end)["done"], verdicts(end)["not_started"]) == (2, 2, 1)


async def test_a_lost_answer_uses_up_its_place(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit"))
    end = await render(write_manifest(LONE), limit=1)
    assert (sandbox.bill.count(), verdicts(end)) == (1, {"unknown_outcome": 1, "not_started": 5})


async def test_reels_that_the_budget_holds_use_up_no_place(tmp_path, sandbox, write_manifest, render):
    dear = LONE[0] | {"duration_seconds": 15, "resolution": "720p"}
    manifest = write_manifest([dear, *(row | {"duration_seconds": 4, "resolution": "480p"} for row in LONE[1:])])
    options = RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"))
    prices = [shot.quote.high_usd for shot in (await prepare(options, load_account=render.load)).plan.shots]
    assert prices[0] > sum(prices[1:])
    end = await render(manifest, limit=1, budget_usd=sum(prices[1:]) + 0.001)
    assert (sandbox.bill.count(), verdicts(end)) == (1, {"held": 1, "done": 1, "not_started": 4})


@pytest.mark.parametrize("chained", [False, True])
async def test_a_limit_buys_whole_reels_in_manifest_order(sandbox, write_manifest, render, chained):
    end = await render(write_manifest(reels_of(4, 3, chained=chained)), limit=7)
    assert (sandbox.bill.count(), len(end.reels_made)) == (7, 2)
    assert bought_reels(sandbox) == {"0", "1", "2"}
    assert end.line.endswith("(5 not_started; 5 beyond the limit, for the next run)")


async def test_another_attempt_counts_and_goes_before_what_waits_for_it(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="failed", step="look", retryable=True))
    end = await render(write_manifest(reels_of(2, 2, chained=True)), limit=2, max_attempts=3)
    assert (sandbox.bill.count(), verdicts(end)) == (2, {"done": 1, "not_started": 3})


async def test_a_limit_of_nothing_brings_home_what_is_paid_and_buys_nothing(tmp_path, sandbox, write_manifest, render):
    manifest, impatient = write_manifest(LONE[:2]), sandbox_accounts(sandbox, max_wait_seconds=0.05)
    sandbox.faults.add(Fault(kind="stuck", step="look"))
    end = await render_plain(manifest, tmp_path / "out", impatient, check=quick_check, limit=1)
    assert verdicts(end) == {"still_running": 1, "not_started": 1}
    sandbox.faults.clear()
    end = await render(manifest, limit=0)
    assert (sandbox.bill.count(), verdicts(end)) == (1, {"done": 1, "not_started": 1})


async def test_what_lies_beyond_a_limit_is_one_line_and_no_event_of_trouble(tmp_path, sandbox, write_manifest, render):
    events: list[tuple[str, str, str]] = []
    end = await render(write_manifest(reels_of(20, 2, chained=True)), limit=2, events=events)
    told = Counter(event for event, _, _ in events)
    assert (told["done"], told["ended"], told["beyond"]) == (2, 0, 38)
    assert "38 beyond the limit" in end.line


async def test_a_sample_of_reels_is_whole_and_the_next_one_goes_on(tmp_path, sandbox, write_manifest, render):
    manifest = write_manifest(reels_of(5, 2))
    end = await render(manifest, limit_reels=2)
    assert (sandbox.bill.count(), len(end.reels_made), end.all_done) == (4, 2, True)
    await render(manifest, limit_reels=2)
    assert bought_reels(sandbox) == {"0", "1", "2", "3"}
    options = RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"), limit_reels=2)
    await render(manifest, limit_reels=2)
    await render(manifest, limit_reels=2)
    assert sandbox.bill.count() == 10
    prepared = await prepare(options.model_copy(update={"output": str(tmp_path / "new")}), load_account=render.load)
    assert "3 more reels (6 shots) lie beyond the first 2; the next run goes on with them" in prepared.notices


async def test_a_violation_beyond_the_sample_does_not_refuse_it(sandbox, write_manifest, render):
    rows = reels_of(3, 1)
    rows[2]["ratio"] = "7:7"
    end = await render(write_manifest(rows), limit_reels=2)
    assert (sandbox.bill.count(), end.all_done) == (2, True)


async def test_only_takes_patterns_and_refuses_what_no_reel_has(sandbox, write_manifest, render):
    manifest = write_manifest([*reels_of(3, 1), *LONE])
    with pytest.raises(ConfigurationError, match=r"no reel car\*, s9\."):
        await render(manifest, reels=("sku00*", "car*", "s9"))
    end = await render(manifest, reels=("sku00[01]", "s5"))
    assert bought_prompts(sandbox) == ["a red ball number 5", "ball 0 1", "ball 1 1"]
    assert end.all_done


async def test_a_reel_that_is_named_like_a_pattern_is_named_by_it(sandbox, write_manifest, render):
    rows = [row | {"id": name} for row, name in zip(LONE, ("a*", "ab", "a[b]"), strict=False)]
    await render(write_manifest(rows), reels=("a*",))
    assert sandbox.bill.count() == 1


@pytest.mark.parametrize(
    ("step", "kind"), [("look", "failed"), ("media", "dead_link"), ("media", "garbage"), ("look", "cancelled")]
)
async def test_an_account_whose_clips_do_not_come_is_held_before_all_is_paid(
    tmp_path, sandbox, write_manifest, render, monkeypatch, step, kind
):
    monkeypatch.setattr("longtake.jobs.download.DOWNLOAD_TRIES", 2)
    sandbox.faults.add(Fault(kind=kind, step=step, vendor="evolink", times=None))
    rows = [
        row | {"vendor": vendor, "reel": f"{vendor}{row['id']}", "shot": 1, "id": ""}
        for vendor in ("evolink", "anyfast")
        for row in (LONE * 3 if vendor == "evolink" else LONE)
    ]
    rows = [row | {"shot": n} for n, row in enumerate(rows)]
    load = sandbox_accounts(sandbox, max_jobs_in_flight=2)
    end = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check, brake=3)
    bought = Counter(entry.vendor for entry in sandbox.bill.entries)
    assert bought["anyfast"] == len(LONE)
    assert 3 <= bought["evolink"] <= 3 + 2
    held = [row for row in end.rows if row.verdict == "held"]
    assert len(held) == 18 - bought["evolink"]
    assert "clips in a row of evolink/default were paid and not got" in held[0].error


async def test_a_clip_that_comes_lets_the_brake_go_and_0_switches_it_off(tmp_path, sandbox, write_manifest, render):
    rows = [row | {"prompt": f"{'bad' if n % 3 else 'good'} ball {n}"} for n, row in enumerate(LONE)]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="bad", times=None))
    load = sandbox_accounts(sandbox, max_jobs_in_flight=1)
    end = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check, brake=3)
    assert verdicts(end) == {"done": 2, "failed": 4}
    all_bad = [row | {"prompt": f"bad cube {n}"} for n, row in enumerate(LONE)]
    await render_plain(write_manifest(all_bad), tmp_path / "off", load, check=quick_check, brake=0)
    assert sandbox.bill.count() == 12


async def test_moderation_is_no_matter_of_the_account(tmp_path, sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="moderation_failed", step="look", times=None))
    await render(write_manifest(LONE), brake=2)
    assert sandbox.bill.count() == 6
