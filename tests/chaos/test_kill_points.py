"""SIGKILL at every step of buying: one more run later nothing is billed twice, and what is paid is here."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from longtake.files.open_store import open_store
from longtake.jobs.reconcile import Decisions, settle
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_here

ROOT = Path(__file__).parents[2]
VENDORS = ("evolink", "anyfast", "powertokens", "jimmyai")
HEAD = "reel,shot,prompt,vendor,duration_seconds,resolution,ratio,continue_from\n"


def write_manifest(path: Path, reels: int) -> None:
    """Reels of one shot and chains of four by turns: twenty shots in eight reels."""
    rows = []
    for reel in range(reels):
        for shot in range(4 if reel % 2 else 1):
            vendor = VENDORS[reel % 4]
            rows.append(f"r{reel},{shot},reel {reel} shot {shot} end,{vendor},4,480p,16:9,{'clip' if shot else ''}\n")
    path.write_text(HEAD + "".join(rows))


class Victim:
    """A render in a process of its own, against a sandbox in this one."""

    def __init__(self, folder: Path, sandbox: Sandbox, reels: int = 8, *, quick: bool = False) -> None:
        self.manifest, self.output, self.sandbox, self.reels = folder / "m.csv", folder / "out", sandbox, reels
        self.quick = quick
        write_manifest(self.manifest, reels)

    def start(self, on_unknown: str = "hold") -> subprocess.Popen:
        environment = os.environ | self.sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "3"}
        command = [sys.executable, "-m", "tests.plain_render", str(self.manifest), str(self.output), on_unknown]
        command += ['{"quick": true}'] * self.quick
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, on_unknown: str = "hold") -> dict[str, str]:
        check = {"check": quick_check} if self.quick else {}
        return render_here(self.sandbox, self.manifest, self.output, on_unknown, **check)

    def billed(self) -> Counter:
        counts = Counter()
        for entry in self.sandbox.bill.entries:
            text = json.dumps(entry.body)
            start = text.index("reel ")
            counts[text[start : text.index(" end", start)]] += 1
        return counts

    def leftovers(self) -> list[Path]:
        return [path for path in self.output.rglob("*") if path.suffix == ".part"]


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.3, jobs_per_key=None, media="stub")) as running:
        yield running


def kill_at_event(victim: Victim, event: str, nth: int) -> bool:
    """Runs until the nth such event at the sandbox, then kills; False if the run ended before."""
    seen, reached = Counter(), threading.Event()
    process = victim.start()

    def listen(happened) -> None:
        seen[happened.name] += 1
        if happened.name == event and seen[event] == nth and not reached.is_set():
            process.send_signal(signal.SIGKILL)
            reached.set()

    victim.sandbox.on_event(listen)
    process.wait(timeout=120)
    return reached.is_set()


def kill_when(victim: Victim, pattern: str, nth: int) -> bool:
    """Runs until the nth file of this pattern is in the output, then kills."""
    process = victim.start()
    while process.poll() is None:
        if len(list(victim.output.glob(pattern))) >= nth:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.001)
    return False


def kill_after(victim: Victim, seconds: float) -> bool:
    process = victim.start()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


CHOSEN = {
    "intent-first": lambda victim: kill_when(victim, "ledger/*/try-1.intent.json", 1),
    "intent-many": lambda victim: kill_when(victim, "ledger/*/try-1.intent.json", 9),
    "post-received": lambda victim: kill_at_event(victim, "submit_received", 2),
    "post-accepted": lambda victim: kill_at_event(victim, "submit_accepted", 1),
    "post-accepted-late": lambda victim: kill_at_event(victim, "submit_accepted", 11),
    "id-recorded": lambda victim: kill_when(victim, "ledger/*/accepted.json", 1),
    "look": lambda victim: kill_at_event(victim, "look", 5),
    "end-recorded": lambda victim: kill_when(victim, "ledger/*/terminal.json", 3),
    "media-started": lambda victim: kill_at_event(victim, "media_started", 3),
    "part-file": lambda victim: kill_when(victim, "ledger/*/clip.mp4.part", 1),
    "clip-published": lambda victim: kill_when(victim, "ledger/*/clip.mp4", 2),
    "clip-recorded": lambda victim: kill_when(victim, "ledger/*/clip.json", 4),
    "clip-shown": lambda victim: kill_when(victim, "clips/*/*.mp4", 3),
    "reel-made": lambda victim: kill_when(victim, "reels/*.mp4", 1),
    "stitching": lambda victim: kill_when(victim, "reels/*.part", 1) or kill_when(victim, "reels/.*.part", 1),
}
IN_THE_GATE = ("intent-many", "post-accepted", "id-recorded", "part-file", "clip-published")


def go_on_and_check(victim: Victim) -> None:
    """One more run; then the unknown ones are adopted from the sandbox's bill, and all must be as undisturbed."""
    verdicts = victim.finish()
    assert max(victim.billed().values()) == 1
    unknown = [shot_id for shot_id, verdict in verdicts.items() if verdict == "unknown_outcome"]
    assert set(verdicts.values()) <= {"done", "unknown_outcome", "blocked"}
    ledger = Ledger(open_store(str(victim.output)))
    if unknown:
        adopt_or_resubmit(victim, ledger, unknown)
        verdicts = victim.finish()
    if any(verdict == "unknown_outcome" for verdict in verdicts.values()):
        verdicts = victim.finish("resubmit")
    assert set(verdicts.values()) == {"done"}
    assert not victim.leftovers()
    assert len(list((victim.output / "reels").glob("*.mp4"))) == victim.reels
    for path in (victim.output / "clips").rglob("*.json"):
        sidecar = json.loads(path.read_text())
        data = path.with_suffix(".mp4").read_bytes()
        assert hashlib.sha256(data).hexdigest() == sidecar["clip"]["sha256"]
    assert max(victim.billed().values()) == 1


def adopt_or_resubmit(victim: Victim, ledger: Ledger, unknown: list[str]) -> None:
    """What a person would do: adopt the job that the vendor's bill shows, say "buy again" where it shows none."""
    entries = {}
    for entry in victim.sandbox.bill.entries:
        text = json.dumps(entry.body)
        start = text.index("reel ")
        entries[text[start : text.index(" end", start)]] = entry.job_id
    for purchase in ledger.load().values():
        if purchase.state(float("inf")) is not State.UNKNOWN:
            continue
        shot_id = purchase.intent.shot_id
        reel, _, shot = shot_id.partition("/")
        job_id = entries.get(f"reel {reel[1:]} shot {shot}")
        # the deadline of the intent has not passed yet; a person would wait for it
        late = Ledger(ledger.store, clock=lambda: time.time() + 3600)
        settle(late, Decisions(adopt={shot_id: job_id}) if job_id else Decisions(resubmit=[shot_id]))


@pytest.mark.parametrize(
    "point", [pytest.param(name, marks=[] if name in IN_THE_GATE else [pytest.mark.slow]) for name in CHOSEN]
)
def test_a_kill_at_a_chosen_moment_pays_nothing_twice(tmp_path, sandbox, point):
    few = point in IN_THE_GATE
    victim = Victim(tmp_path, sandbox, reels=4 if few else 8, quick=few)
    killed = CHOSEN[point](victim)
    assert killed or point == "stitching"
    go_on_and_check(victim)


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[] if seed < 1 else [pytest.mark.slow]) for seed in range(40)]
)
def test_a_kill_at_a_random_moment_pays_nothing_twice(tmp_path, sandbox, seed):
    victim = Victim(tmp_path, sandbox, reels=4 if seed < 1 else 8)
    kill_after(victim, random.Random(seed).uniform(1.2, 6.0))
    go_on_and_check(victim)
