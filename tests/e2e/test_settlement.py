"""What vendors report of purchases stands beside our figures, and the budget settles where the report is sure."""

from __future__ import annotations

import json

import pandas
import pytest

from longtake.costs.budget import Budget
from longtake.costs.price_book import PriceBook
from longtake.costs.quote import Span
from longtake.costs.usage import drift_percent, is_charged_but_failed, reckoned_tokens, reported_words
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.reports.run.view import ReportView
from longtake.sandbox.faults import Fault
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
TOKENS_OF_SHOT = round(97 * 864 * 496 / 1024)


@pytest.fixture
def sandbox(quick_sandbox):
    return quick_sandbox


async def render(manifest, output, sandbox, vendor, **options):
    load = sandbox_accounts(sandbox, prices=fictitious_prices()[vendor])
    return await render_plain(manifest, output, load, check=quick_check, **options)


def bought(output):
    return list(Ledger(open_store(str(output))).load().values())


async def test_every_vendors_report_stands_in_results_sidecar_and_page_as_its_document_says(
    tmp_path, sandbox, write_manifest
):
    vendors = ("powertokens", "anyfast", "evolink", "jimmyai")
    manifest = write_manifest(
        [SHOT | {"reel": vendor, "shot": 1, "prompt": "a", "vendor": vendor} for vendor in vendors]
    )
    await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    usage = pandas.read_parquet(tmp_path / "out/results.parquet").set_index("vendor")["reported_usage"]
    assert json.loads(usage["anyfast"]) == {"completion_tokens": TOKENS_OF_SHOT, "total_tokens": TOKENS_OF_SHOT}
    assert json.loads(usage["evolink"])["credits_reserved"] > 0
    assert pandas.isna(usage["powertokens"])
    assert pandas.isna(usage["jimmyai"])
    sidecar = json.loads((tmp_path / "out/clips/anyfast/1.json").read_text())
    assert (sidecar["usage"]["total_tokens"], sidecar["drift_percent"]) == (TOKENS_OF_SHOT, 0)
    view = ReportView.model_validate_json((tmp_path / "out/report.json").read_bytes())
    told = {totals.vendor: totals.reported for totals in view.by_vendor}
    assert told["anyfast"] == f"reports {TOKENS_OF_SHOT:,} total_tokens for 1 job; as reckoned"
    assert told["evolink"].startswith("reports ")
    assert told["evolink"].endswith(" credits_reserved for 1 job")
    assert told["powertokens"] == told["jimmyai"] == ""


async def test_a_report_beyond_our_reckoning_is_told_as_drift(tmp_path, sandbox, write_manifest, monkeypatch):
    monkeypatch.setattr("longtake.sandbox.vendors.anyfast.tokens", lambda job: TOKENS_OF_SHOT * 2)
    manifest = write_manifest([SHOT | {"reel": "r", "shot": 1, "prompt": "a", "vendor": "anyfast"}])
    await render(manifest, tmp_path / "out", sandbox, "anyfast")
    (purchase,) = bought(tmp_path / "out")
    low, high = reckoned_tokens(purchase)
    assert Span(low, high) == Span(TOKENS_OF_SHOT - 1, TOKENS_OF_SHOT) or low <= TOKENS_OF_SHOT <= high
    assert drift_percent([purchase]) == pytest.approx(100, abs=0.01)
    assert "100.0 % above our reckoning" in reported_words([purchase])
    # More than was reckoned counts in full.
    price = PriceBook(
        {"anyfast/default": (await sandbox_accounts(sandbox, prices=fictitious_prices()["anyfast"])("anyfast"))[0]}
    )
    assert price.settled(purchase) == pytest.approx(2 * purchase.intent.price_high_usd, rel=1e-4)


async def test_a_job_that_failed_though_its_vendor_names_a_charge_is_counted(tmp_path, sandbox, write_manifest):
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="bad"))
    rows = [SHOT | {"reel": name, "shot": 1, "prompt": name, "vendor": "evolink"} for name in ("bad", "good")]
    await render(write_manifest(rows), tmp_path / "out", sandbox, "evolink")
    assert [is_charged_but_failed(purchase) for purchase in bought(tmp_path / "out")].count(True) == 1
    view = ReportView.model_validate_json((tmp_path / "out/report.json").read_bytes())
    assert view.totals.charged_but_failed == 1
    assert view.totals.charged_but_failed_usd > 0
    assert view.by_vendor[0].reported.endswith("for 2 jobs; 1 of them charged without a clip")


async def test_the_next_run_counts_a_clip_at_what_its_tokens_cost_and_the_bill_keeps_to_the_budget(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    # `adaptive` leaves the size open, so that the high bound lies above what is billed.
    shots = [{"reel": f"r{n}", "shot": 1, "prompt": str(n), "vendor": "anyfast"} for n in range(6)]
    manifest = write_manifest(
        [{"duration_seconds": 4, "resolution": "480p", "ratio": "adaptive"} | shot for shot in shots]
    )
    output = tmp_path / "out"
    first = await render(manifest, output, sandbox, "anyfast", budget_usd=0.17)
    by_high_bound = first.verdicts["done"]
    assert 0 < by_high_bound < 6
    account = (await sandbox_accounts(sandbox, prices=fictitious_prices()["anyfast"])("anyfast"))[0]
    price_book = PriceBook({account.name: account})
    ledger = Ledger(open_store(str(output)))
    at_high = (await Budget(ledger, budget_usd=1).open()).spent_usd
    settled = (await Budget(ledger, budget_usd=1, settle=price_book.settled).open()).spent_usd
    assert sandbox.bill.total_usd <= settled < at_high
    assert settled == pytest.approx(sandbox.bill.total_usd, rel=1e-3)
    while (await render(manifest, output, sandbox, "anyfast", budget_usd=0.17)).bought_now:
        pass
    assert len(bought(output)) >= by_high_bound
    assert sandbox.bill.total_usd <= 0.17


@pytest.mark.parametrize("spoil", ["failed", "other_units", "another_price", "no_price", "search", "video"])
async def test_where_a_report_is_not_sure_the_high_bound_stands(tmp_path, sandbox, write_manifest, spoil):
    manifest = write_manifest([SHOT | {"reel": "r", "shot": 1, "prompt": "a", "vendor": "anyfast"}])
    await render(manifest, tmp_path / "out", sandbox, "anyfast")
    (purchase,) = bought(tmp_path / "out")
    prices = fictitious_prices()["anyfast"]
    account = (await sandbox_accounts(sandbox, prices=prices)("anyfast"))[0]
    price_book = PriceBook({account.name: account})
    assert price_book.settled(purchase) is not None
    intent, terminal = purchase.intent, purchase.terminal
    if spoil == "failed":
        terminal = terminal.model_copy(update={"status": "failed"})
    elif spoil == "other_units":
        terminal = terminal.model_copy(update={"usage": terminal.usage | {"super_resolution_tokens": 5.0}})
    elif spoil == "another_price":
        intent = intent.model_copy(update={"price_high_usd": intent.price_high_usd * 2})
    elif spoil == "no_price":
        price_book = PriceBook({})
    elif spoil == "search":
        intent = intent.model_copy(update={"request": intent.request | {"web_search": True}})
    else:
        video = {"role": "reference_video", "source": "sha256:ab"}
        intent = intent.model_copy(update={"request": intent.request | {"references": [video]}})
    assert price_book.settled(purchase.model_copy(update={"intents": {1: intent}, "terminal": terminal})) is None
