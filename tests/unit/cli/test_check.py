"""`longtake check`: a line for each thing that was looked at, and whether all is good."""

from __future__ import annotations

import pytest

from longtake.domain.errors import UnknownVendorError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.vendors import VENDORS
from longtake_cli.check import check_accounts


@pytest.fixture
def sandbox(monkeypatch):
    with Sandbox(SandboxSettings(media="stub")) as running:
        monkeypatch.setenv("LONGTAKE_SANDBOX_URL", running.url)
        monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        yield running


def test_all_accounts_are_looked_at_and_a_bad_one_is_told(sandbox):
    lines: list[str] = []
    assert check_accounts([], lines.append)
    key = "key: good: the sandbox's key, taken; LONGTAKE_SANDBOX_URL is set"
    assert [f"{vendor}: {key}" in lines for vendor in VENDORS] == [True] * len(VENDORS)
    assert max(map(len, lines)) <= 250
    sandbox.faults.add(Fault(kind="no_balance", step="account", vendor="evolink"))
    lines.clear()
    assert not check_accounts(["evolink", "byteplus/second"], lines.append)
    assert sandbox.bill.request_count(step="submit") == 0


def test_a_name_that_is_no_vendors_is_refused(sandbox):
    with pytest.raises(UnknownVendorError):
        check_accounts(["evolnk"], lambda line: None)
