"""A command whose Prefect server, or vendor, is gone: before it begins, in its midst, at its end."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.command import CommandLine, send, wait_until
from tests.flows.conftest import ROOT, PrefectServer, clean_environment
from tests.flows.own_server import free_port, own_server
from tests.warm import warm


@pytest.mark.parametrize(
    "command",
    [
        "render examples/storyboard.csv --output OUT",
        pytest.param("plan examples/storyboard.csv", marks=pytest.mark.slow),
        pytest.param("reconcile --output OUT", marks=pytest.mark.slow),
    ],
)
def test_a_server_that_is_not_there_is_one_line_and_nothing_is_spent(tmp_path: Path, command: str) -> None:
    url, begun = f"http://127.0.0.1:{free_port()}/api", time.monotonic()
    ended = subprocess.run(
        [*warm(), "-m", "longtake_cli.main", *command.replace("OUT", str(tmp_path / "out")).split()],
        cwd=ROOT,
        env=clean_environment(tmp_path) | {"PREFECT_API_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert f"PREFECT_API_URL={url}" in line
    assert time.monotonic() - begun < 60
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "proxy",
    ["HTTP_PROXY", "socks", *(pytest.param(name, marks=pytest.mark.slow) for name in ("http_proxy", "ALL_PROXY"))],
)
def test_no_proxy_is_asked_about_this_machine(prefect_server: PrefectServer, tmp_path: Path, proxy: str) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    asked = {"ALL_PROXY": address.replace("http", "socks5")} if proxy == "socks" else {proxy: address}
    environment = {name: value for name, value in prefect_server.environment().items() if "proxy" not in name.lower()}
    command = [*warm(), "-m", "longtake_cli.main", "reconcile", "--output", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    ended = subprocess.run(
        command, cwd=ROOT, env=environment | asked, capture_output=True, text=True, check=False, timeout=100
    )

    assert "Traceback" not in ended.stderr
    assert "0 brought home" in ended.stderr, ended.stderr


@pytest.mark.parametrize("port", ["taken", "70000"])
def test_a_port_that_cannot_be_had_is_one_line(port: str) -> None:
    with Sandbox(SandboxSettings()) as box:
        wanted = box.url.rpartition(":")[2] if port == "taken" else port
        command = [*warm(), "-m", "longtake_cli.main", "sandbox", "--port", wanted]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert wanted in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_command_within_30_seconds_though_server_and_vendor_are_gone(
    tmp_path: Path, name: signal.Signals
) -> None:
    box = Sandbox(SandboxSettings(job_seconds=600, media="stub"))
    box.start()
    with own_server(tmp_path / "home") as server:
        line = CommandLine(box, tmp_path, server.environment())
        process = line.start()
        wait_until(lambda: len(line.jobs_in_ledger()) == 2, process)
        server.kill()
        box.stop()
        time.sleep(2)
        seconds = send(process, name)

    assert process.returncode == 128 + name, line.words
    assert seconds < 30
    assert "Traceback" not in line.words
    assert set(line.verdicts().values()) == {"still_running"}


@pytest.mark.slow
def test_what_is_bought_comes_home_though_the_server_dies_and_the_command_ends(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(job_seconds=20, media="stub")) as box, own_server(tmp_path / "home") as server:
        line = CommandLine(box, tmp_path, server.environment(), ("fox", "hare", "owl"))
        process = line.start()
        wait_until(lambda: len(line.jobs_in_ledger()) == 3, process)
        server.kill()
        process.wait(300)

    assert process.returncode == 0, line.words
    assert set(line.verdicts().values()) == {"done"}
    assert len(list((line.output / "reels").glob("*.mp4"))) == 3
    assert "could not be told of the run's end" in line.words
    assert "3/3 rows done" in line.words
    assert "Traceback" not in line.words
    assert "EventsWorker" not in line.words
