"""A run whose shots wait says why: an account that is paused is told from one whose slots are taken."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from longtake.reports.run.rewrite import DATA
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.command import CommandLine, wait_until
from tests.flows.conftest import PrefectServer, basic_login


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(job_seconds=0.3, media="stub")) as box:
        yield box


@pytest.fixture
def line(sandbox: Sandbox, prefect_server: PrefectServer, tmp_path: Path) -> CommandLine:
    names = ("fox", "hare", "owl")
    return CommandLine(sandbox, tmp_path, prefect_server.environment(), names, f"paused-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def limits(prefect_server: PrefectServer) -> Iterator[httpx.Client]:
    base = f"{prefect_server.api_url}/v2/concurrency_limits"
    with httpx.Client(base_url=base, auth=basic_login(), timeout=60) as client:
        yield client


def waiting(line: CommandLine) -> list[str]:
    """Why shots wait, as the report tells it."""
    path = line.output / DATA
    told = json.loads(path.read_text()) if path.exists() else {"reels": []}
    shots = [shot for reel in told["reels"] for shot in reel["shots"] if shot["verdict"] == "queued"]
    return [shot["evidence"] for shot in shots]


def test_a_paused_account_is_named_by_run_report_and_status_until_it_goes_on(line, limits) -> None:
    name = f"longtake-evolink-{line.account}"
    limits.post("/", json={"name": name, "limit": 0, "slot_decay_per_second": 0.0}).raise_for_status()
    process = line.start()
    paused = f"evolink/{line.account} is paused: the Prefect limit {name} is 0; raise it to go on"
    wait_until(lambda: paused in line.words, process)
    wait_until(lambda: waiting(line) == [paused] * 3, process)
    told = line.shell(f"longtake status {line.output}")
    assert (told.returncode, line.billed()) == (1, set())
    assert "0 of 3 shots done; 3 waiting for a slot; spent $0.00 on 0 purchases" in told.stdout
    assert "a run is at work here" in told.stdout
    assert f"fox/1  {paused}" in told.stdout

    limits.patch(f"/{name}", json={"limit": 1}).raise_for_status()
    wait_until(lambda: f"evolink/{line.account} goes on" in line.words or process.poll() is not None, process)
    assert process.wait(120) == 0, line.words
    assert line.words.count("is paused") == 1
    assert len(line.billed()) == 3


def test_shots_that_wait_for_one_anothers_slots_are_no_trouble(line, limits, sandbox) -> None:
    sandbox.settings.job_seconds = 600
    name = f"longtake-evolink-{line.account}"
    limits.post("/", json={"name": name, "limit": 1, "slot_decay_per_second": 0.0}).raise_for_status()
    process = line.start()
    try:
        wait_until(lambda: waiting(line) == [f"1 of 1 slots of {name} taken"] * 2, process)
        assert "is paused" not in line.words
        told = line.shell(f"longtake status {line.output}").stdout
        assert "in flight (1)" in told
        assert "waiting for a slot (2)" in told
    finally:
        process.terminate()
        process.wait(60)
