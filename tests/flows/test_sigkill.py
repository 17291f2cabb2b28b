"""`longtake render` killed again and again on one Prefect home: the next run goes on soon, nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.test_saturation import write_manifest

ROOT = Path(__file__).parents[2]
SUBMITS_WITHIN_SECONDS = 90
LIMIT = 3


def start(sandbox: Sandbox, home: Path, manifest: Path, output: Path) -> subprocess.Popen:
    environment = os.environ | sandbox.environment() | {"PREFECT_HOME": str(home)}
    environment |= {f"{vendor}_MAX_JOBS_IN_FLIGHT": str(LIMIT) for vendor in ("EVOLINK", "ANYFAST", "POWERTOKENS")}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "longtake_cli.main", "render", str(manifest), "--output", str(output)]
    log = (home / "render.log").open("ab")
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def wait_for(condition, seconds: float, process: subprocess.Popen) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def of_this_home(home: Path) -> list[psutil.Process]:
    """Processes that were started with this PREFECT_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("PREFECT_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def check_kills(tmp_path, new_home, kills: int) -> list[float]:
    manifest, output, home = tmp_path / "m.csv", tmp_path / "out", new_home()
    write_manifest(manifest, 40 * kills)
    waits = []
    with Sandbox(SandboxSettings(job_seconds=3.0, jobs_per_key=None, media="stub")) as sandbox:
        for _ in range(kills):
            before, begun = sandbox.bill.count(), time.monotonic()
            process = start(sandbox, home, manifest, output)
            submitted = wait_for(lambda: sandbox.bill.count() > before, SUBMITS_WITHIN_SECONDS, process)  # noqa: B023
            waits.append(time.monotonic() - begun)
            assert submitted, f"no submit within {SUBMITS_WITHIN_SECONDS} s; waits so far {waits}"
            full = before + 3 * LIMIT
            wait_for(lambda: sandbox.bill.count() >= full, 60, process)  # noqa: B023
            process.kill()
            process.wait()
        deadline = time.monotonic() + 20
        while (left := of_this_home(home)) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert not left
        assert all(sandbox.peak_in_flight(vendor) <= LIMIT for vendor in ("evolink", "anyfast", "powertokens"))
        assert not sandbox.bill.duplicates()
    return waits


@pytest.mark.slow
def test_a_killed_render_is_followed_by_one_that_submits_soon_and_leaves_nothing_behind(tmp_path, new_home, capsys):
    waits = check_kills(tmp_path, new_home, 2)
    with capsys.disabled():
        print(f"\nseconds until the first submit: {[round(wait, 1) for wait in waits]}")


@pytest.mark.slow
def test_twelve_kills_on_one_home_lose_no_slot(tmp_path, new_home, capsys):
    waits = check_kills(tmp_path, new_home, 12)
    with capsys.disabled():
        print(f"\nseconds until the first submit: {[round(wait, 1) for wait in waits]}")
