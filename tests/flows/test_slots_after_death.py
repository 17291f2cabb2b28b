"""Runs that die while their jobs run on: no vendor ever has more jobs in flight than its limit allows.

Judged by the vendors' own count. Limits of 1, 3 and 10 stand side by side, one vendor each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.test_sigkill import ROOT, wait_for

LIMITS = {"evolink": 1, "anyfast": 3, "powertokens": 10}


def write_manifest(path: Path, rounds: int, words: str) -> None:
    """Lone shots, so many times the limit of each vendor."""
    rows = [
        f"{words}-{vendor}-{number},{vendor},a {words} {number} for {vendor},4,480p"
        for vendor, limit in LIMITS.items()
        for number in range(rounds * limit)
    ]
    path.write_text("\n".join(["id,vendor,prompt,duration_seconds,resolution", *rows]) + "\n")


@pytest.fixture
def start():
    """Starts renders, and ends what a failed test leaves of them."""
    started: list[subprocess.Popen] = []

    def begin(*arguments) -> subprocess.Popen:
        started.append(_start(*arguments))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def _start(sandbox: Sandbox, home: Path, manifest: Path, output: Path, max_wait_seconds: float) -> subprocess.Popen:
    environment = os.environ | sandbox.environment() | {"PREFECT_HOME": str(home)}
    for vendor, limit in LIMITS.items():
        environment[f"{vendor.upper()}_MAX_JOBS_IN_FLIGHT"] = str(limit)
        environment[f"{vendor.upper()}_MAX_WAIT_SECONDS"] = str(max_wait_seconds)
        environment[f"{vendor.upper()}_POLL_INTERVAL_SECONDS"] = "0.5"
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "longtake_cli.main", "render", str(manifest), "--output", str(output)]
    log = (home / f"{output.name}.log").open("ab")
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def recorded(output: Path) -> int:
    """Jobs whose ids the ledger has: one killed between the vendor's bill and the record is an unknown outcome."""
    return len(list(output.glob("ledger/*/accepted.json")))


def keeps_to_its_limits(sandbox: Sandbox) -> bool:
    peaks = {vendor: sandbox.peak_in_flight(vendor) for vendor in LIMITS}
    return all(peaks[vendor] <= limit for vendor, limit in LIMITS.items()) or pytest.fail(f"peaks {peaks}")


@pytest.mark.slow
def test_the_run_that_takes_up_a_dead_runs_jobs_takes_over_their_slots(tmp_path, new_home, start):
    """Would it wait for the dead run's slots to end by themselves, new jobs would begin after ten minutes."""
    manifest, output, home = tmp_path / "m.csv", tmp_path / "out", new_home()
    write_manifest(manifest, 2, "fox")
    full = sum(LIMITS.values())
    with Sandbox(SandboxSettings(job_seconds=12.0, jobs_per_key=None, media="stub")) as sandbox:
        dead = start(sandbox, home, manifest, output, 600)
        assert wait_for(lambda: recorded(tmp_path / "out") >= full, 90, dead)
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert start(sandbox, home, manifest, output, 600).wait(240) == 0
        assert keeps_to_its_limits(sandbox)
        assert sandbox.bill.count() == 2 * full
        assert not sandbox.bill.duplicates()


@pytest.mark.slow
def test_a_run_into_another_output_waits_while_a_dead_runs_jobs_may_run_on(tmp_path, new_home, start):
    home, full = new_home(), sum(LIMITS.values())
    for name in ("fox", "hare"):
        write_manifest(tmp_path / f"{name}.csv", 1, name)
    with Sandbox(SandboxSettings(job_seconds=110.0, jobs_per_key=None, media="stub")) as sandbox:
        dead = start(sandbox, home, tmp_path / "fox.csv", tmp_path / "out", 130)
        assert wait_for(lambda: recorded(tmp_path / "out") >= full, 90, dead)
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        other = start(sandbox, home, tmp_path / "hare.csv", tmp_path / "other", 900)
        assert other.wait(600) == 0
        assert sandbox.bill.count() == 2 * full
        assert keeps_to_its_limits(sandbox)
