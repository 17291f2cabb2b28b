"""`python -m deployments.local` beside servers that are there already: told in a line, or joined when asked."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.flows.conftest import ROOT, PrefectServer, basic_login, clean_environment
from tests.warm import warm

LOCAL = ["-m", "deployments.local"]


def refused(home: Path, *options: str) -> str:
    """What the command says when it starts nothing."""
    environment = clean_environment(home)
    done = subprocess.run(
        [*warm(), *LOCAL, *options], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert not (home / "longtake" / "server.json").exists()
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def test_a_port_that_another_program_holds_is_told_with_the_option(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(tmp_path, "--port", str(port))
    assert f"port {port} cannot be had" in said
    assert "--port" in said


def test_beside_another_prefect_server_no_second_one_is_started_on_its_database(
    prefect_server: PrefectServer, tmp_path: Path
) -> None:
    port = urlsplit(prefect_server.api_url).port
    said = refused(tmp_path, "--port", str(port))
    assert f"a Prefect server that is not ours listens on port {port}" in said
    assert f"`PREFECT_API_URL=http://127.0.0.1:{port}/api python -m deployments.local --join`" in said


def test_a_server_that_a_profile_names_is_told_as_the_profiles(prefect_server: PrefectServer, tmp_path: Path) -> None:
    named = f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{prefect_server.api_url}"\n'
    (tmp_path / "profiles.toml").write_text(named)
    said = refused(tmp_path)
    assert f"a Prefect profile or settings file names the server {prefect_server.api_url}: --join" in said
    assert "`prefect config unset PREFECT_API_URL`" in said


@pytest.fixture
def running() -> Iterator[Callable[..., list[str]]]:
    """Starts the command and returns what it says until all of it runs."""
    started: list[subprocess.Popen[str]] = []

    def start(environment: dict[str, str], *options: str) -> list[str]:
        process = subprocess.Popen(
            [sys.executable, *LOCAL, *options], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        lines: list[str] = []
        while not lines or "Everything runs" not in lines[-1]:
            assert process.stdout is not None
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        return lines

    yield start
    for process in reversed(started):
        process.terminate()
        process.wait(60)


@pytest.mark.slow
def test_a_server_that_is_named_is_joined_when_asked(new_home, running, tmp_path: Path) -> None:
    home = new_home()
    own = clean_environment(home) | {"PYTHONUNBUFFERED": "1"}
    [line] = [line for line in running(own, "--port", "0", "--sandbox-port", "0") if line.startswith("Prefect ")]
    api_url = line.split()[1].strip(",") + "/api"
    user, password = basic_login(home)
    other = clean_environment(tmp_path / "other") | {"PYTHONUNBUFFERED": "1"}
    other |= {"PREFECT_API_URL": api_url, "PREFECT_API_AUTH_STRING": f"{user}:{password}"}
    lines = running(other, "--join", "--sandbox-port", "0", "--workers", "1")
    assert any("which was there already" in line for line in lines)
    assert not (tmp_path / "other" / "longtake" / "server.json").exists()
    workers = httpx.post(f"{api_url}/work_pools/longtake/workers/filter", json={}, auth=(user, password)).json()
    assert len(workers) >= 1
