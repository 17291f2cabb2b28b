"""Slots over real runs on one Prefect server: never above a limit, nearly always all in use."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings

ROOT = Path(__file__).parents[2]
LIMITS = {"evolink": 5, "anyfast": 3, "powertokens": 2}


def write_manifest(path: Path, shots: int, first: int = 0) -> None:
    """Shots in the proportion of the limits, so that every vendor is busy to the end."""
    pattern = [vendor for vendor, limit in LIMITS.items() for _ in range(limit)]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "prompt", "vendor", "duration_seconds", "resolution", "ratio"])
        for number in range(first, first + shots):
            table.writerow([f"s{number}", f"shot {number}", pattern[number % len(pattern)], 4, "480p", "1:1"])


def utilisation(sandbox: Sandbox, vendor: str) -> float:
    """Average share of the vendor's slots in use, from the first job to the moment its queue runs dry."""
    history = sandbox.in_flight_history(vendor)
    limit = LIMITS[vendor]
    accepted = [at for (at, count), (_, before) in zip(history[1:], history, strict=False) if count > before]
    begin, end = history[0][0], accepted[-1]
    area, last_at, last_count = 0.0, begin, 0
    for at, count in history:
        if at > end:
            break
        area += (at - last_at) * last_count
        last_at, last_count = at, count
    return area / ((end - begin) * limit)


def render_all(sandbox: Sandbox, home: Path, runs: list[tuple[Path, Path]]) -> None:
    environment = os.environ | sandbox.environment() | {"PREFECT_HOME": str(home)}
    for vendor, limit in LIMITS.items():
        environment[f"{vendor.upper()}_MAX_JOBS_IN_FLIGHT"] = str(limit)
    environment.pop("PREFECT_API_URL", None)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "longtake_cli.main", "render", str(manifest), "--output", str(output)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for manifest, output in runs
    ]
    for process in processes:
        out, _ = process.communicate(timeout=900)
        assert process.returncode == 0, out.decode()[-3000:]


def check(sandbox: Sandbox, shots: int, share: float, capsys) -> None:
    assert sandbox.bill.count() == shots
    used = {vendor: utilisation(sandbox, vendor) for vendor in LIMITS}
    peaks = {vendor: sandbox.peak_in_flight(vendor) for vendor in LIMITS}
    with capsys.disabled():
        print(f"\n{shots} shots: peaks {peaks}, slots in use { ({v: round(u, 3) for v, u in used.items()}) }")
    assert all(peaks[vendor] <= limit for vendor, limit in LIMITS.items())
    average = sum(used[vendor] * limit for vendor, limit in LIMITS.items()) / sum(LIMITS.values())
    assert average >= share


@pytest.mark.slow
@pytest.mark.parametrize("runs", [1, 2])
def test_300_shots_use_the_slots_of_three_vendors_and_never_more(tmp_path, new_home, runs, capsys):
    with Sandbox(SandboxSettings(job_seconds=15.0, jobs_per_key=None, media="stub")) as sandbox:
        pairs = []
        for run in range(runs):
            write_manifest(tmp_path / f"{run}.csv", 300 // runs, run * 1000)
            pairs.append((tmp_path / f"{run}.csv", tmp_path / f"out{run}"))
        render_all(sandbox, new_home(), pairs)
        check(sandbox, 300, 0.95, capsys)


@pytest.mark.slow
def test_two_runs_at_once_share_the_slots_and_never_take_more(tmp_path, new_home, capsys):
    with Sandbox(SandboxSettings(job_seconds=4.0, jobs_per_key=None, media="stub")) as sandbox:
        for run in range(2):
            write_manifest(tmp_path / f"{run}.csv", 20, run * 1000)
        render_all(sandbox, new_home(), [(tmp_path / f"{run}.csv", tmp_path / f"out{run}") for run in range(2)])
        check(sandbox, 40, 0.3, capsys)
