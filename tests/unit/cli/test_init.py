"""`longtake init`: files that run in the sandbox as they are, and nothing of a person's that is overwritten."""

from __future__ import annotations

import importlib
import inspect
import shlex
from pathlib import Path

import pytest
import yaml

from longtake_cli.main import main


def environment_of(example: Path) -> dict[str, str]:
    """What a shell has after reading the file."""
    lines = [line for line in example.read_text().splitlines() if line and not line.startswith("#")]
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


def test_every_file_that_is_there_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "storyboard.csv").write_text("mine")
    (tmp_path / ".env.example").symlink_to(tmp_path / "nowhere")
    assert main(["init", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "storyboard.csv, .env.example are in" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env.example", "storyboard.csv"]
    assert (tmp_path / "storyboard.csv").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file" / "below")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_deployments_name_flows_that_are_there_with_parameters_that_they_have(tmp_path: Path) -> None:
    main(["init", str(tmp_path)])
    deployments = yaml.safe_load((tmp_path / "prefect.yaml").read_text())["deployments"]
    assert len(deployments) >= 3
    for deployment in deployments:
        module, _, name = deployment["entrypoint"].rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        assert deployment["parameters"].keys() <= inspect.signature(flow.fn).parameters.keys()
        assert "LONGTAKE_SANDBOX_URL" in deployment["work_pool"]["job_variables"]["env"]
        assert not any(schedule["active"] for schedule in deployment.get("schedules", []))


def test_the_compose_file_starts_what_there_is_on_one_loopback(tmp_path: Path) -> None:
    main(["init", str(tmp_path)])
    services = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]
    assert services["sandbox"]["command"] == ["longtake", "sandbox", "--port", "4280"]
    assert services["worker"]["environment"]["LONGTAKE_SANDBOX_URL"].endswith(":4280")
    assert {services[name]["network_mode"] for name in ("sandbox", "worker")} == {"service:server"}
    assert importlib.util.find_spec("deployments.bootstrap")
    assert "python -m deployments.bootstrap" in services["worker"]["command"][-1]
    asked = {"PREFECT_AUTH_STRING"}
    assert asked <= environment_of(tmp_path / ".env.example").keys()
