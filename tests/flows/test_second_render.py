"""Two renders in one process: each is heard by its own display alone."""

from __future__ import annotations

import contextvars
import signal
from pathlib import Path

import pytest

from flows._observe.observer import AUDIENCE
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from longtake_cli.main import main
from tests.flows.command import HEADER
from tests.flows.conftest import PrefectServer


def test_a_second_render_in_the_process_is_told_once_and_to_its_own_display(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: dict[str, list[str]] = {}
    handlers = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Sandbox(SandboxSettings(job_seconds=0.2, media="stub")) as box:
        monkeypatch.setenv("LONGTAKE_SANDBOX_URL", box.url)
        monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
        for name in ("first", "second"):
            manifest = tmp_path / f"{name}.csv"
            manifest.write_text(f"{HEADER}\n{name},evolink,A {name} fox,4,480p,16:9\n")
            assert main(["render", str(manifest), "--output", str(tmp_path / name)]) == 0
            told[name] = capsys.readouterr().err.replace(str(tmp_path), "").splitlines()
        assert box.bill.count() == 2

    for name, other in (("first", "second"), ("second", "first")):
        assert sum(line.startswith("bought") for line in told[name]) == 1
        assert not any(other in line for line in told[name])
    assert contextvars.copy_context().get(AUDIENCE) is None
    assert handlers == [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
