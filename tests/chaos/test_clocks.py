"""Clocks that are wrong, that are set in mid-run, and that disagree between machines: one bill in every cell."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.plain_render import render_here
from tests.warm import warm

SKEWED = """
import runpy, sys, threading, time
at_start, later = float(sys.argv.pop(1)), float(sys.argv.pop(1))
real, offset = time.time, [at_start]
time.time = lambda: real() + offset[0]
threading.Timer(1.5, lambda: offset.__setitem__(0, later)).start()
runpy.run_module("tests.plain_render", run_name="__main__", alter_sys=True)
"""
HOUR, DAY = 3600.0, 86_400.0
SHOTS = 4


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=2.0, media="stub")) as running:
        yield running


@pytest.fixture
def begin(tmp_path, sandbox):
    """Starts a run by a clock that is so many seconds off at its start and later."""
    manifest = tmp_path / "m.csv"
    rows = [f"r{number // 2},{number},a clip of number {number} end,evolink,4,480p,16:9" for number in range(SHOTS)]
    manifest.write_text("\n".join(["reel,shot,prompt,vendor,duration_seconds,resolution,ratio", *rows]) + "\n")
    environment = os.environ | sandbox.environment() | {"LONGTAKE_ALLOW_HOSTS": "127.0.0.1"}

    def start(at_start: float, later: float) -> subprocess.Popen[str]:
        command = [
            *warm(),
            "-c",
            SKEWED,
            str(at_start),
            str(later),
            str(manifest),
            str(tmp_path / "out"),
            "hold",
        ]
        return subprocess.Popen(
            command, cwd=Path(__file__).parents[2], env=environment, stdout=subprocess.PIPE, text=True
        )

    return start


def verdict_of_shots(run: subprocess.Popen[str]) -> dict[str, str]:
    said, _ = run.communicate(timeout=240)
    return json.loads(said.splitlines()[-1])["verdicts"]


def verdicts(run: subprocess.Popen[str]) -> set[str]:
    return set(verdict_of_shots(run).values())


def billed(sandbox) -> Counter[str]:
    return Counter(entry.body["prompt"] for entry in sandbox.bill.entries)


@pytest.mark.parametrize(
    ("at_start", "later"),
    [
        (HOUR, HOUR),
        pytest.param(-HOUR, -HOUR, marks=pytest.mark.slow),
        pytest.param(DAY, DAY, marks=pytest.mark.slow),
        pytest.param(-DAY, -DAY, marks=pytest.mark.slow),
        pytest.param(0, HOUR, marks=pytest.mark.slow),
        (0, -HOUR),
        pytest.param(0, DAY, marks=pytest.mark.slow),
        pytest.param(0, -DAY, marks=pytest.mark.slow),
    ],
)
def test_a_clock_that_is_wrong_or_is_set_in_mid_run_costs_nothing_twice_and_holds_up_nothing(
    tmp_path, sandbox, begin, at_start, later
):
    assert verdicts(begin(at_start, later)) == {"done"}
    assert set(render_here(sandbox, tmp_path / "m.csv", tmp_path / "out").values()) == {"done"}
    assert set(billed(sandbox).values()) == {1}
    assert sandbox.bill.count() == SHOTS


@pytest.mark.parametrize("apart", [310, *(pytest.param(each, marks=pytest.mark.slow) for each in (HOUR, -310))])
def test_two_machines_whose_clocks_disagree_buy_each_shot_once(sandbox, begin, apart):
    runs = [begin(0, 0), begin(apart, apart)]
    assert [verdicts(run) for run in runs] == [{"done"}] * 2
    assert set(billed(sandbox).values()) == {1}
    assert sandbox.bill.count() == SHOTS


@pytest.mark.parametrize("apart", [pytest.param(310, marks=pytest.mark.slow), -310])
def test_a_run_that_was_killed_on_a_machine_with_another_clock_is_gone_on_with(tmp_path, sandbox, begin, apart):
    first = begin(apart, apart)
    accepted: list[str] = []

    def listen(event) -> None:
        accepted.extend([event.name] if event.name == "submit_accepted" else [])
        if len(accepted) == SHOTS // 2:
            first.kill()

    sandbox.on_event(listen)
    first.communicate(timeout=120)
    ends = render_here(sandbox, tmp_path / "m.csv", tmp_path / "out")
    bill = billed(sandbox)
    assert set(bill.values()) == {1}
    assert len(bill) >= SHOTS // 2
    for number in range(SHOTS):
        verdict = ends[f"r{number // 2}/{number}"]
        # A submit that was killed on its way is an unknown outcome, whether it arrived or not; all others are bought.
        assert verdict in ("done", "unknown_outcome")
        assert verdict == "unknown_outcome" or f"a clip of number {number} end" in bill
