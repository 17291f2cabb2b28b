"""SIGKILL at every step of writing decisions and of the run that follows them: the bill is what was decided."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.reports.review.given import give_decisions
from longtake.reviews.decisions import ReviewLog
from tests.chaos.test_kill_points import ROOT, Victim, adopt_or_resubmit, sandbox
from tests.warm import warm

__all__ = ["sandbox"]

HEAD = "reel,shot,prompt,vendor,duration_seconds,resolution,ratio,continue_from,variants,review\n"
REELS, TAKES, LINKS = 2, 2, 2
DECIDED = {"r0/0": 2, "r1/0": 1}
DEADLY = """
import os, runpy, signal, sys
from longtake.files.directory import DirectoryStore

left, module, *sys.argv = int(sys.argv[1]), *sys.argv[2:]


def dies_before(name):
    work = getattr(DirectoryStore, name)

    def step(*given, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*given, **more)

    setattr(DirectoryStore, name, step)


for name in ("create", "write", "publish", "link", "move", "list"):
    dies_before(name)
sys.argv = [module, *sys.argv]
runpy.run_module(module, run_name="__main__")
"""
"""Runs a module in a process that kills itself right before its nth step in the output: the one before it is done."""


class Reviewed(Victim):
    """Two chains of three whose first shots are bought in two takes and wait."""

    def __init__(self, folder: Path, sandbox) -> None:
        super().__init__(folder, sandbox, reels=REELS)
        rows = []
        for reel in range(REELS):
            for shot in range(LINKS + 1):
                first = f",{TAKES},wait" if shot == 0 else "clip,,"
                rows.append(f"r{reel},{shot},reel {reel} shot {shot} end,evolink,4,480p,16:9,{first}\n")
        self.manifest.write_text(HEAD + "".join(rows))

    def dying(self, step: int, *command: str) -> bool:
        """Runs a module until its nth step; False where it came to its end before."""
        environment = os.environ | self.sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "3"}
        words = [*warm(), "-c", DEADLY, str(step), *command]
        return (
            subprocess.run(words, check=False, cwd=ROOT, env=environment, capture_output=True, timeout=120).returncode
            == -9
        )

    def decide(self, step: int) -> bool:
        given = [f"{shot_id}={take}" for shot_id, take in DECIDED.items()]
        return self.dying(step, "longtake_cli.main", "decide", "--output", str(self.output), *given)

    def render(self, step: int) -> bool:
        return self.dying(step, "tests.plain_render", str(self.manifest), str(self.output), "hold")

    def decisions(self) -> dict[str, int]:
        found = ReviewLog(open_store(str(self.output))).read()
        return {shot_id: each[-1].variant for shot_id, each in found.items()}

    def to_its_end(self) -> None:
        """Runs, with what is unknown looked up, until all is done; then everything is as it was decided."""
        ledger = Ledger(open_store(str(self.output)))
        for _ in range(3):
            verdicts = self.finish()
            unknown = [shot_id for shot_id, verdict in verdicts.items() if verdict == "unknown_outcome"]
            if not unknown:
                break
            adopt_or_resubmit(self, ledger, unknown)
        assert set(verdicts.values()) == {"done"}
        assert self.sandbox.bill.count() == REELS * (TAKES + LINKS)
        for reel in range(REELS):
            receipt = json.loads((self.output / f"reels/r{reel}.json").read_bytes())
            assert [one["take"] for one in receipt["chosen"]] == [DECIDED[f"r{reel}/0"]]
            sidecar = json.loads((self.output / f"clips/r{reel}/1.json").read_bytes())
            assert sidecar["parent"] == json.loads((self.output / f"clips/r{reel}/0.json").read_bytes())["identity"]


@pytest.fixture
def waiting(tmp_path, sandbox) -> Reviewed:
    victim = Reviewed(tmp_path, sandbox)
    verdicts = victim.finish()
    assert sandbox.bill.count() == REELS * TAKES
    assert list(verdicts.values()) == ["done", "awaiting_review", "awaiting_review"] * REELS
    return victim


def test_a_kill_at_every_step_of_deciding_decides_all_or_nothing_and_buys_nothing(waiting):
    step, seen = 1, []
    while waiting.decide(step):
        seen.append(waiting.decisions())
        assert seen[-1] in ({}, DECIDED)
        step += 1
    assert waiting.decisions() == DECIDED
    assert {} in seen
    assert waiting.sandbox.bill.count() == REELS * TAKES
    waiting.to_its_end()


@pytest.mark.slow
def test_what_was_not_decided_when_the_writer_was_killed_is_not_bought(waiting):
    log = ReviewLog(open_store(str(waiting.output)))
    step = 1
    while waiting.decide(step) and not list(waiting.output.glob("decisions/*/*/0001.json")):
        step += 1
    assert len(list(waiting.output.glob("decisions/*/*/0001.json"))) == 1  # half of it
    assert log.read() == {}
    verdicts = waiting.finish()
    assert set(verdicts.values()) == {"done", "awaiting_review"}
    assert waiting.sandbox.bill.count() == REELS * TAKES
    assert not waiting.decide(10_000)
    waiting.to_its_end()


def steps_in_the_gate() -> Sequence[object]:
    """Steps of the run that follows; the slow form takes every one."""
    some = {9}
    return [pytest.param(step, marks=[] if step in some else [pytest.mark.slow]) for step in range(1, 70)]


@pytest.mark.parametrize("step", steps_in_the_gate())
def test_a_kill_at_any_step_of_the_run_that_follows_bills_what_was_decided(waiting, step):
    give_decisions(Ledger(open_store(str(waiting.output))), [f"{shot_id}={take}" for shot_id, take in DECIDED.items()])
    waiting.render(step)
    assert waiting.sandbox.bill.count() <= REELS * (TAKES + LINKS)
    waiting.to_its_end()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_kill_at_a_random_moment_of_deciding_and_rendering_bills_what_was_decided(waiting, seed):
    chance = random.Random(seed)
    process = waiting.start()
    time.sleep(chance.uniform(0.5, 2.5))
    waiting.decide(chance.randrange(1, 12))
    process.kill()
    process.wait()
    waiting.decide(10_000)
    waiting.render(chance.randrange(1, 60))
    waiting.to_its_end()


def test_two_who_decide_at_once_in_processes_of_their_own_leave_one_decision_and_one_is_told(waiting):
    def start(take: int) -> subprocess.Popen[bytes]:
        command = [
            *warm(),
            "-m",
            "longtake_cli.main",
            "decide",
            "--output",
            str(waiting.output),
            "--by",
            f"{take}",
        ]
        words = [f"{shot_id}={take}" for shot_id in DECIDED]
        return subprocess.Popen([*command, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    running = {take: start(take) for take in (1, 2)}
    told = {take: process.communicate(timeout=60)[1].decode() for take, process in running.items()}
    found = ReviewLog(open_store(str(waiting.output))).read()
    assert {one.by for each in found.values() for one in each[-1:]} <= {"1", "2"}
    assert len({each[-1].by for each in found.values()}) == 1
    for take, process in running.items():
        # Both came through where the second began after the first had ended; else one is told by whom it was beaten.
        assert process.returncode == 0 or (process.returncode == 2 and f"chosen by {3 - take}" in told[take]), told
