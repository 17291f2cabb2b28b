"""`longtake check`: a line for each thing that was looked at, and whether all is good."""

from __future__ import annotations

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.vendors import VENDORS
from longtake_cli.check import check_accounts
from longtake_cli.main import main


@pytest.fixture
def sandbox(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
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


@pytest.mark.parametrize("written", ["evolnk", "evolink|evolnk", "evolink|"])
def test_a_name_that_is_no_vendors_is_refused_before_anybody_is_asked(sandbox, written):
    with pytest.raises(ConfigurationError, match="--vendor"):
        check_accounts([written], lambda line: None)
    assert sandbox.bill.request_count() == 0


def test_a_pool_is_taken_apart_and_each_account_is_asked_once(sandbox):
    lines: list[str] = []
    assert check_accounts(["evolink|anyfast", "anyfast/default|evolink/b", "evolink"], lines.append)
    assert [line.partition(":")[0] for line in lines if ": key:" in line] == ["evolink", "anyfast", "evolink/b"]
    assert sandbox.bill.request_count(step="look") == 3


def test_two_accounts_with_one_key_are_told(sandbox, monkeypatch):
    monkeypatch.setattr(
        "longtake.sandbox.endpoint.api_key", lambda vendor, account="default": f"sk-{vendor}-0123456789"
    )
    lines: list[str] = []
    check_accounts(["evolink/a|evolink/b|anyfast"], lines.append)
    (told,) = [line for line in lines if "same key" in line]
    assert told.startswith("note: evolink/a and evolink/b hold")


def test_an_account_that_cannot_be_used_keeps_no_other_from_being_looked_at(sandbox, monkeypatch):
    monkeypatch.delenv("LONGTAKE_SANDBOX_URL")
    monkeypatch.setenv("ANYFAST_API_KEY", "sk 0123")
    monkeypatch.setenv("EVOLINK_API_KEY", sandbox.api_key("evolink"))
    monkeypatch.setenv("EVOLINK_BASE_URL", sandbox.base_url("evolink"))
    lines: list[str] = []
    assert not check_accounts(["anyfast|evolink"], lines.append)
    assert lines[0].startswith("anyfast: account: BAD: ")
    assert "evolink: key: good: taken" in lines


def test_plan_tells_what_a_check_found_and_no_more_once_a_check_finds_it_mended(sandbox, tmp_path, capsys):
    manifest = tmp_path / "m.csv"
    manifest.write_text("reel,shot,vendor,prompt\na,1,anyfast,a fox\nb,1,anyfast|evolink,a fox\nc,1,jimmyai,a fox\n")
    sandbox.settings.closed_models = ("seedance-2.0-mini",)
    sandbox.faults.add(Fault(kind="no_balance", step="account", vendor="evolink"))
    lines: list[str] = []
    assert not check_accounts(["evolink|anyfast|jimmyai"], lines.append)
    assert "anyfast: models: good: open to the key: " in "\n".join(lines)

    def told() -> list[str]:
        assert main(["plan", str(manifest)]) == 0
        words = " ".join(capsys.readouterr().out.split())
        return [name for name in ("anyfast", "evolink", "jimmyai") if f"{name}/default: `longtake check` at" in words]

    assert told() == ["anyfast", "evolink"]
    assert sandbox.bill.request_count(step="submit") == 0
    sandbox.settings.closed_models = ()
    assert check_accounts(["evolink|anyfast"], lambda line: None)
    assert told() == []
