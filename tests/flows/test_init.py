"""What `longtake init` writes, as a person goes on with it: planned and rendered in the sandbox."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake_cli.init import WRITTEN
from longtake_cli.main import main
from tests.flows.conftest import PrefectServer
from tests.unit.cli.test_init import environment_of
from tests.warm import warm


def longtake(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*warm(), "-m", "longtake_cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_init_writes_is_planned_and_rendered_in_the_sandbox(
    prefect_server: PrefectServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my shots"
    assert main(["init", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"cd '{folder}'" in said
    assert sorted(path.name for path in folder.iterdir()) == sorted(WRITTEN)
    with Sandbox(SandboxSettings(job_seconds=0.5)) as sandbox:
        environment = environment_of(folder / ".env.example")
        assert environment["LONGTAKE_SANDBOX_URL"] == "http://127.0.0.1:4280"
        assert "--port 4280" in said
        environment = prefect_server.environment() | environment | {"LONGTAKE_SANDBOX_URL": sandbox.url}
        plan = longtake(folder, environment, "plan", "storyboard.csv")
        assert plan.returncode == 0, plan.stdout + plan.stderr
        render = longtake(folder, environment, "render", "storyboard.csv", "--output", "reels")
        assert render.returncode == 0, render.stdout + render.stderr
        assert sandbox.bill.count() == 3
    assert {path.name for path in (folder / "reels/reels").glob("*.mp4")} == {"lighthouse.mp4", "courier.mp4"}
