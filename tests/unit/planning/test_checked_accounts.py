"""What `longtake check` found of accounts is told by plan and render, and changes nothing else of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows import plan_manifest as plan_flow
from flows import render_manifest as render_flow
from longtake.accounts.account import Account
from longtake.accounts.checked import CheckFile
from longtake.accounts.health import Finding
from longtake.domain.errors import ConfigurationError
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.prepare import prepare
from tests.unit.bought import intent
from tests.unit.planning.test_pools import options

KEYS = {"evolink": "k1", "anyfast": "k2", "evolink/a": "k3", "evolink/b": "k3", "anyfast/b": "k4"}
TAKEN = Finding("key", True, "taken")


def account(written: str, key: str = "") -> Account:
    vendor, _, document = written.partition("/")
    return Account(
        vendor=vendor, document=document or "default", api_key=SecretStr(key or KEYS[written]), base_url="http://x"
    )


async def load(written: str) -> tuple[Account, list[str]]:
    return account(written), []


@pytest.fixture
def checks(tmp_path: Path) -> CheckFile:
    return CheckFile(tmp_path / "home")


async def told(tmp_path: Path, checks: CheckFile, *vendors: str, **more: object) -> list[str]:
    run = await prepare(options(tmp_path, *vendors, **more), load_account=load, checks=checks)
    return [each for each in run.notices if "longtake check" in each]


async def test_a_key_that_was_refused_is_told_with_its_account_and_when(tmp_path, checks):
    at = time.time() - 3600
    checks.keep(account("evolink"), [Finding("key", False, "refused: no such key (HTTP 401)")], at)
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    assert await told(tmp_path, checks, "evolink", "anyfast") == [
        f"evolink/default: `longtake check` at {when}: key refused: no such key (HTTP 401); "
        "run it again if that has changed"
    ]


async def test_a_balance_that_was_used_up_is_told(tmp_path, checks):
    checks.keep(account("anyfast"), [TAKEN, Finding("balance", False, "0 credits")], time.time())
    (words,) = await told(tmp_path, checks, "evolink|anyfast")
    assert words.startswith("anyfast/default: ")
    assert "balance 0 credits" in words


async def test_a_model_that_is_closed_is_told_where_shots_may_ask_for_it(tmp_path, checks):
    found = [TAKEN, Finding("models", True, "…", ("seedance-2.0-mini", "seedance-2.0"))]
    checks.keep(account("anyfast"), found, time.time())
    (words,) = await told(tmp_path, checks, "anyfast", "evolink|anyfast", "evolink", "anyfast/b")
    assert "model seedance-2.0-mini is not open to its key (2 shots may ask for it)" in words
    assert words.count("is not open") == 1


async def test_it_warns_and_leaves_nobody_out(tmp_path, checks):
    before = await prepare(options(tmp_path, "evolink|anyfast"), load_account=load)
    checks.keep(account("evolink"), [Finding("key", False, "refused")], time.time())
    after = await prepare(options(tmp_path, "evolink|anyfast"), load_account=load, checks=checks)
    accounts = [each.accounts for each in (before.plan.shots[0], after.plan.shots[0])]
    assert accounts[0] == accounts[1] == ["evolink/default", "anyfast/default"]
    assert after.refusal() is None


async def test_what_is_good_unused_or_found_with_another_key_is_not_told(tmp_path, checks):
    checks.keep(account("evolink"), [TAKEN, Finding("balance", True, "5 credits")], time.time())
    checks.keep(account("evolink/a"), [Finding("key", False, "refused")], time.time())
    checks.keep(account("anyfast", key="before"), [Finding("key", False, "refused")], time.time())
    assert await told(tmp_path, checks, "evolink|anyfast") == []


async def test_reels_that_are_not_asked_for_are_not_told_of(tmp_path, checks):
    checks.keep(account("anyfast"), [Finding("key", False, "refused")], time.time())
    assert await told(tmp_path, checks, "evolink", "anyfast", reels=("r0",)) == []
    assert len(await told(tmp_path, checks, "evolink", "anyfast", reels=("r1",))) == 1


async def test_what_no_shot_is_bought_at_any_more_is_not_told(tmp_path, checks):
    checks.keep(account("evolink"), [Finding("key", False, "refused")], time.time())
    manifest = options(tmp_path, "evolink")
    (shot,) = (await prepare(manifest, load_account=load)).plan.shots
    Ledger(open_store(manifest.output)).intend(intent(shot.identity, shot_id=shot.shot_id, deadline=1.0))
    assert await told(tmp_path, checks, "evolink") == []


async def test_a_file_that_cannot_be_read_is_told_once(tmp_path, checks):
    checks.path.parent.mkdir()
    checks.path.write_text('{"evolink/default":')
    assert [str(checks.path) in each for each in await told(tmp_path, checks, "evolink", "anyfast")] == [True]


async def test_two_accounts_of_a_run_that_hold_the_same_key_are_told(tmp_path):
    run = await prepare(options(tmp_path, "evolink/a|evolink/b", "evolink"), load_account=load)
    (words,) = [each for each in run.notices if "same key" in each]
    assert words.startswith("evolink/a and evolink/b hold")
    assert "k3" not in words


async def test_an_account_that_only_a_job_of_before_goes_on_at_counts_too(tmp_path):
    manifest = options(tmp_path, "", vendor="evolink/a")
    (shot,) = (await prepare(manifest, load_account=load)).plan.shots
    Ledger(open_store(manifest.output)).intend(intent(shot.identity, shot_id=shot.shot_id, account="evolink/b"))
    run = await prepare(manifest, load_account=load)
    assert [each.partition(" hold")[0] for each in run.notices if "same key" in each] == ["evolink/a and evolink/b"]


@pytest.mark.parametrize("flow", ["plan-manifest", "render-manifest"])
async def test_a_flow_knows_what_a_check_found_in_the_same_home(tmp_path, monkeypatch, flow):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    given: list[CheckFile] = []

    async def preparing(*_: object, checks: CheckFile, **__: object) -> None:
        given.append(checks)
        raise ConfigurationError("asked")

    async def nothing(*_: object) -> None:
        return None

    for module in (plan_flow, render_flow):
        monkeypatch.setattr(module, "prepare", preparing)
        monkeypatch.setattr(module, "load_clip_store", nothing)
        monkeypatch.setattr(module, "rename_flow_run", nothing)
        monkeypatch.setattr(module, "get_run_logger", lambda: None)
    if flow == "plan-manifest":
        await plan_flow.plan_manifest.fn("m.csv")
    else:
        await render_flow._rendered(options(tmp_path, "evolink"), 0, None)
    assert [each.path for each in given] == [tmp_path / "longtake" / "checked.json"]
