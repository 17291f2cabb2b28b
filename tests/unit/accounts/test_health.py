"""What `longtake check` finds out of an account: nothing is bought, and what is bad is told as bad."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.health import check_account
from longtake.files.open_store import open_store
from longtake.files.web.reachable import link_problem
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.vendors import VENDORS


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(SandboxSettings(media="stub")) as running:
        yield running


def account(sandbox, vendor, **more):
    values = {"api_key": SecretStr(sandbox.api_key(vendor)), "base_url": sandbox.base_url(vendor)} | more
    return Account(vendor=vendor, **values)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_good_account_is_told_as_good_and_nothing_is_bought(sandbox, vendor):
    found = {each.what: each for each in await check_account(account(sandbox, vendor))}
    assert found["key"].is_good is True
    assert found["clock"].is_good is True
    assert found["balance"].is_good is (True if vendor in ("evolink", "jimmyai") else None)
    assert "seedance-2.0-mini" in found["models"].words
    assert sandbox.bill.count() == sandbox.bill.request_count(step="submit") == 0


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast"])
async def test_a_vendor_that_lists_its_models_tells_which_are_open_to_the_key(sandbox, vendor):
    mini, *others = (model.wire for model in VENDORS[vendor].models)
    told = {each.what: each for each in await check_account(account(sandbox, vendor))}["models"]
    assert (told.is_good, told.closed) == (True, ())
    sandbox.settings.closed_models = (mini,)
    told = {each.what: each for each in await check_account(account(sandbox, vendor))}["models"]
    assert (told.closed, "not open: seedance-2.0-mini" in told.words) == ((mini,), True)
    sandbox.settings.closed_models = (mini, *others)  # a list without any of ours is one of other things
    told = {each.what: each for each in await check_account(account(sandbox, vendor))}["models"]
    assert (told.is_good, told.closed) == (None, ())
    sandbox.settings.closed_models = ()


@pytest.mark.parametrize("kind", ["server_error", "html_200", "model_not_allowed"])
async def test_a_list_of_models_that_cannot_be_had_closes_none_and_is_no_trouble(sandbox, kind):
    sandbox.faults.add(Fault(kind=kind, step="account", vendor="anyfast", times=None))
    found = {each.what: each for each in await check_account(account(sandbox, "anyfast"))}
    sandbox.faults.clear()
    assert (found["key"].is_good, found["models"].is_good, found["models"].closed) == (True, None, ())


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_bad_key_is_told_as_bad(sandbox, vendor):
    found = await check_account(account(sandbox, vendor, api_key=SecretStr("sk-wrong-0123456789")))
    (key,) = [each for each in found if each.what == "key"]
    assert key.is_good is False
    assert not any("sk-wrong-0123456789" in each.words for each in found)


async def test_an_address_without_a_vendor_is_told_as_bad(sandbox):
    (found,) = await check_account(account(sandbox, "evolink", base_url="http://127.0.0.1:9"))
    assert (found.what, found.is_good) == ("address", False)
    elsewhere = await check_account(account(sandbox, "evolink", base_url=f"{sandbox.url}/nowhere"))
    assert elsewhere[0].is_good is not True


async def test_an_empty_balance_and_a_clock_that_is_off_are_told_as_bad(sandbox, monkeypatch):
    sandbox.faults.add(Fault(kind="no_balance", step="account", vendor="evolink"))
    found = {each.what: each for each in await check_account(account(sandbox, "evolink"))}
    assert found["balance"].is_good is False
    monkeypatch.setattr("longtake.accounts.health.time", SimpleNamespace(time=lambda: 1_000_000_000.0))
    found = {each.what: each for each in await check_account(account(sandbox, "evolink"))}
    assert found["clock"].is_good is False
    assert "behind" in found["clock"].words


async def test_links_of_a_folder_are_no_links(tmp_path):
    assert "gives no links" in await link_problem(open_store(str(tmp_path)))
