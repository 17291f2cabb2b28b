"""The environment: one place reads it, a value that cannot be stops before anything is spent."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from longtake.accounts.transport import submit_timeout_seconds
from longtake.domain.errors import ConfigurationError
from longtake.settings import settings
from longtake_cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("value", ["60s", "-1", "0", "nan", "inf", "1e9", "sixty", "1,5"])
def test_a_time_that_is_none_stops_with_the_variable_its_value_and_the_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", value)

    with pytest.raises(ConfigurationError):
        submit_timeout_seconds()
    assert main(["render", str(tmp_path / "m.csv"), "--output", str(tmp_path / "out")]) == 2
    words = capsys.readouterr().err
    assert f"LONGTAKE_SUBMIT_TIMEOUT_SECONDS={value}" in words
    assert "seconds above 0" in words
    assert "Traceback" not in words


def test_all_variables_that_cannot_be_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "soon")
    monkeypatch.setenv("LONGTAKE_SERVER_PORT", "99999")
    monkeypatch.setenv("LONGTAKE_SHARE_DEPLOYMENT", "nothing")

    with pytest.raises(ConfigurationError) as error:
        settings()
    assert all(name in str(error.value) for name in ("SUBMIT_TIMEOUT_SECONDS", "SERVER_PORT", "SHARE_DEPLOYMENT"))


def test_an_empty_variable_counts_as_unset_but_an_empty_sandbox_never_lets_real_keys_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SUBMIT_TIMEOUT_SECONDS", "SERVER_PORT", "SHARE_DEPLOYMENT", "SANDBOX_URL"):
        monkeypatch.setenv(f"LONGTAKE_{name}", "")

    assert (settings().submit_timeout_seconds, settings().server_port) == (60, None)
    assert settings().sandbox_url == ""


def test_a_change_of_the_environment_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "5")
    assert submit_timeout_seconds() == 5
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "7")
    assert submit_timeout_seconds() == 7


def test_no_other_module_reads_the_variables() -> None:
    pattern = r"""(environ|getenv)[^#]*["']LONGTAKE_"""
    folders = ["longtake", "flows", "tasks", "blocks"]
    found = subprocess.run(
        ["grep", "-rnE", pattern, "--include=*.py", *folders], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert found.stdout == ""
