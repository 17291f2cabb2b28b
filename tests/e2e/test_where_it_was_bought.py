"""A shot's vendor, account, model and price travel together: where it was bought, else where it is asked for."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.costs.budget import Budget
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.sandbox.app import Fault
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain

ROW = [{"id": "s", "prompt": "a red ball"}]


@pytest.fixture
def render(tmp_path, sandbox, monkeypatch):
    without_films(monkeypatch)
    names = sandbox.environment()

    async def load(written):
        vendor, _, document = written.partition("/")
        start = vendor.upper()
        return Account(
            vendor=vendor,
            document=document or "default",
            api_key=SecretStr(names[f"{start}_API_KEY"]),
            base_url=names[f"{start}_BASE_URL"],
            upload_base_url=names[f"{start}_UPLOAD_BASE_URL"],
            poll_interval_seconds=0.1,
            prices=dict(fictitious_prices()[vendor]),
        ), []

    async def run(manifest, **options):
        return await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)

    async def planned(manifest, **options):
        wish = RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"), **options)
        return (await prepare(wish, load_account=load)).plan.shots[0]

    run.planned = planned
    return run


@pytest.mark.parametrize("kind", ["no_balance", "bad_request", "unauthorized"])
async def test_a_void_submit_binds_a_shot_to_no_vendor(tmp_path, sandbox, write_manifest, render, kind):
    manifest = write_manifest(ROW)
    sandbox.faults.add(Fault(kind=kind, step="submit", vendor="evolink"))
    await render(manifest, vendor="evolink")
    shot = await render.planned(manifest, vendor="anyfast")
    assert (shot.vendor, shot.account, shot.model in shot_models("anyfast")) == ("anyfast", "anyfast/default", True)
    end = await render(manifest, vendor="anyfast")
    (entry,) = sandbox.bill.entries
    (row,) = end.rows
    assert (entry.vendor, row.vendor, row.verdict) == ("anyfast", "anyfast", "done")
    assert row.price_low_usd <= entry.price_usd <= row.price_high_usd
    assert (await Budget(Ledger(open_store(str(tmp_path / "out")))).open()).spent_usd == row.price_high_usd


async def test_a_shot_that_goes_on_to_the_next_vendor_says_so_where_it_is_bought(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="no_balance", step="submit", vendor="evolink"))
    events = []
    await render(write_manifest(ROW), vendor="evolink|anyfast", events=events)
    [words] = [words for event, _, words in events if event == "bought"]
    assert [entry.vendor for entry in sandbox.bill.entries] == ["anyfast"]
    assert words.startswith("job ")
    assert "; nothing bought at evolink: Insufficient quota" in words


@pytest.mark.parametrize("kind", ["moderation", "bad_request"])
async def test_what_one_vendor_refused_names_the_word_that_shows_it_to_the_next(sandbox, write_manifest, render, kind):
    manifest = write_manifest(ROW)
    sandbox.faults.add(Fault(kind=kind, step="submit", vendor="evolink", times=None))
    [row] = (await render(manifest, vendor="evolink|anyfast")).rows
    assert row.next_action.endswith(
        ", or run again with `--on-refused next`" + told(kind) + ", which shows it to anyfast"
    )
    [row] = (await render(manifest, vendor="evolink|anyfast", on_refused="next")).rows
    assert (row.verdict, row.vendor, sandbox.bill.count()) == ("done", "anyfast", 1)


async def test_a_row_of_one_vendor_or_refused_by_all_names_no_such_word(sandbox, write_manifest, render):
    manifest = write_manifest(ROW)
    sandbox.faults.add(Fault(kind="moderation", step="submit", times=None))
    for vendor, on_refused in (("evolink", "hold"), ("evolink|anyfast", "next"), ("evolink|anyfast", "hold")):
        [row] = (await render(manifest, vendor=vendor, on_refused=on_refused)).rows
        assert (row.verdict, "--on-refused" in row.next_action) == ("content_refused", False)
    assert sandbox.bill.count() == 0


async def test_a_held_row_is_told_at_the_vendor_that_is_asked_for(sandbox, write_manifest, render):
    manifest = write_manifest(ROW)
    sandbox.faults.add(Fault(kind="no_balance", step="submit", vendor="evolink"))
    await render(manifest, vendor="evolink")
    end = await render(manifest, vendor="anyfast", budget_usd=0)
    assert (end.rows[0].verdict, end.rows[0].vendor, sandbox.bill.count()) == ("held", "anyfast", 0)


async def test_a_second_attempt_stays_where_the_first_was_bought_at_its_price(sandbox, write_manifest, render):
    manifest = write_manifest(ROW)
    sandbox.faults.add(Fault(kind="failed", step="look", retryable=True))
    await render(manifest, vendor="evolink")
    end = await render(manifest, vendor="anyfast", max_attempts=2, budget_usd=50)
    assert [entry.vendor for entry in sandbox.bill.entries] == ["evolink", "evolink"]
    (row,) = end.rows
    assert (row.verdict, row.vendor) == ("done", "evolink")
    assert row.price_low_usd <= sandbox.bill.entries[1].price_usd <= row.price_high_usd


async def test_an_unknown_outcome_is_resubmitted_where_it_may_have_been_bought(sandbox, write_manifest, render):
    manifest = write_manifest(ROW)
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit"))
    await render(manifest, vendor="evolink")
    shot = await render.planned(manifest, vendor="anyfast")
    assert (shot.account, shot.model in shot_models("evolink")) == ("evolink/default", True)
    await render(manifest, vendor="anyfast", on_unknown="resubmit")
    assert [entry.vendor for entry in sandbox.bill.entries] == ["evolink", "evolink"]


async def test_another_default_vendor_changes_nothing_for_what_is_done(sandbox, write_manifest, render):
    manifest = write_manifest(ROW)
    await render(manifest, vendor="evolink")
    end = await render(manifest, vendor="anyfast")
    assert (sandbox.bill.count(), end.rows[0].vendor) == (1, "evolink")


def shot_models(vendor):
    from longtake.vendors import VENDORS

    return VENDORS[vendor].models


def told(kind):
    return " (with a higher `--max-attempts` where a film was paid)" if kind == "moderation" else ""
