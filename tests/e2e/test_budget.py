"""A budget against the sandbox's own bill: several runs at once, kills, unknown outcomes, S3."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from longtake.costs.budget import Budget
from longtake.costs.quote import Quote
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from tests import plain_render
from tests.e2e.quick_steps import quick_check, quick_reel
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

ROOT = Path(__file__).parents[2]
PRICES = fictitious_prices()["evolink"]
SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
USD_PER_SHOT = 0.12

RUNNER = """
import asyncio, os, sys
from longtake.jobs import submit as purchase
from tests import plain_render
from tests.e2e.quick_steps import quick_check, quick_reel
from tests.e2e.test_budget import PRICES
purchase.UNKNOWN_AFTER_SECONDS = 2.0
plain_render.make_reel = quick_reel
load = plain_render.accounts_of(os.environ, prices=PRICES, max_jobs_in_flight=20)
end = asyncio.run(
    plain_render.render_plain(sys.argv[1], sys.argv[2], load, check=quick_check, budget_usd=float(sys.argv[3]))
)
print(end.line)
"""


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr(plain_render, "make_reel", quick_reel)
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


def rows(reels: int, shots: int = 2) -> list[dict[str, object]]:
    return [
        SHOT | {"reel": f"r{reel:03d}", "shot": shot, "prompt": f"reel {reel} shot {shot} end"}
        for reel in range(reels)
        for shot in range(shots)
    ]


def run(manifest, output, sandbox, usd, **options):
    load = sandbox_accounts(sandbox, prices=PRICES, max_jobs_in_flight=20)
    return render_plain(manifest, output, load, check=quick_check, budget_usd=usd, **options)


def reels_bought(output: str) -> Counter[str]:
    purchases = Ledger(open_store(output)).load().values()
    return Counter(each.intent.shot_id.partition("/")[0] for each in purchases if each.is_charged)


async def test_whole_reels_are_bought_up_to_the_budget_and_the_rest_is_held(tmp_path, sandbox, write_manifest):
    manifest, output = write_manifest(rows(10)), str(tmp_path / "out")
    summary = await run(manifest, output, sandbox, 1.0)
    assert summary.verdicts == {"done": 8, "held": 12}
    assert sandbox.bill.total_usd == pytest.approx(8 * USD_PER_SHOT)
    assert set(reels_bought(output).values()) == {2}
    held = next(row for row in summary.rows if row.verdict == "held")
    assert "0.0400 of 1 USD are left" in held.error
    # The next run has the same budget for the whole output, and a larger one buys the next reels.
    assert (await run(manifest, output, sandbox, 1.0)).bought_now == 0
    assert (await run(manifest, output, sandbox, 1.5)).bought_now == 4
    assert sandbox.bill.total_usd == pytest.approx(12 * USD_PER_SHOT)


async def test_two_runs_at_once_share_one_budget(tmp_path, sandbox, write_manifest):
    output = str(tmp_path / "out")
    other = [row | {"reel": f"other-{row['reel']}", "prompt": f"other {row['prompt']}"} for row in rows(20)]
    manifests = [write_manifest(rows(20), "a.csv"), write_manifest(other, "b.csv"), write_manifest(rows(20), "c.csv")]
    await asyncio.gather(*(run(manifest, output, sandbox, 3.0) for manifest in manifests))
    assert 3.0 * 0.95 - 2 * USD_PER_SHOT <= sandbox.bill.total_usd <= 3.0
    assert set(reels_bought(output).values()) == {2}
    assert sandbox.bill.duplicates() == {}


async def test_refused_submits_are_free_and_lost_answers_keep_their_price(tmp_path, sandbox, write_manifest):
    sandbox.faults.add(Fault(step="submit", kind="answer_lost_after_accept", times=2))
    manifest, output = write_manifest(rows(12, shots=1)), str(tmp_path / "out")
    summary = await run(manifest, output, sandbox, 1.0)
    assert summary.verdicts["unknown_outcome"] == 2
    assert summary.verdicts["done"] == 6
    assert sandbox.bill.total_usd == pytest.approx(8 * USD_PER_SHOT)


async def test_an_unknown_price_is_held_under_a_budget_and_told_by_the_plan(tmp_path, sandbox, write_manifest):
    manifest = write_manifest(rows(2))
    load = sandbox_accounts(sandbox)
    prepared = await prepare(RenderOptions(manifest=str(manifest), output=str(tmp_path / "out")), load_account=load)
    assert "seedance-2.0-mini-text-to-video" in "".join(prepared.notices)
    summary = await render_plain(manifest, tmp_path / "out", load, check=quick_check, budget_usd=5.0)
    assert summary.verdicts == {"held": 4}
    assert sandbox.bill.count() == 0


async def test_an_account_keeps_its_cap_without_a_budget(tmp_path, sandbox, write_manifest):
    load = sandbox_accounts(sandbox, prices=PRICES, max_spend_usd=0.5)
    summary = await render_plain(write_manifest(rows(4)), tmp_path / "out", load, check=quick_check)
    assert summary.verdicts == {"done": 4, "held": 4}


async def test_a_budget_holds_on_s3_though_answers_of_the_store_are_lost(monkeypatch):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().mkdir("budget")
        server.loses_answers = True

        async def spend(name: str) -> int:
            ledger = Ledger(open_store("s3://budget/out"))
            budget = await Budget(ledger, budget_usd=1.0).open()
            fitted = 0
            for number in range(12):
                try:
                    await budget.reserve(f"1-{name}-{number}", Quote(low_usd=0, high_usd=0.1), "evolink/default")
                except Exception as error:
                    assert type(error).__name__ == "BudgetExceededError"
                else:
                    fitted += 1
            return fitted

        assert sum(await asyncio.gather(spend("a"), spend("b"))) == 10


@pytest.mark.slow
def test_ten_dollars_over_500_rows_with_kills_and_two_runs_at_once(tmp_path, sandbox, write_manifest):
    manifest, output = write_manifest(rows(250)), tmp_path / "out"
    environment = os.environ | sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "5"}
    chance = random.Random(5)
    sandbox.settings.job_seconds = 1.0

    def start():
        command = [sys.executable, "-c", RUNNER, str(manifest), str(output), "10.0"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    kills = 0
    while kills < 6 and sandbox.bill.total_usd < 9.0:
        bought = sandbox.bill.count()
        pair = [start(), start()]
        while sandbox.bill.count() < bought + chance.randint(4, 14) and any(each.poll() is None for each in pair):
            time.sleep(0.02)
        for process in pair:
            kills += process.poll() is None
            process.kill()
            process.communicate()
    time.sleep(8)
    last = [start(), start()]
    for process in last:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors.decode()[-2000:]
    assert kills >= 4
    purchases = Ledger(open_store(str(output))).load().values()
    unknown = sum(each.intent.price_high_usd for each in purchases if each.is_charged and each.accepted is None)
    print(json.dumps({"billed": sandbox.bill.total_usd, "unknown": unknown, "kills": kills}))
    assert sandbox.bill.total_usd <= 10.0 + 1e-9
    known = sum(each.intent.price_high_usd for each in purchases if each.accepted is not None)
    assert known >= 0.95 * (10.0 - unknown) - 2 * USD_PER_SHOT
    assert sandbox.bill.duplicates() == {}
    assert set(reels_bought(str(output)).values()) == {2}
