"""Two processes render one manifest into one output at once; and no run takes an unreadable record for "not bought"."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from longtake.ledger import Ledger
from longtake.production import Wishes, prepare
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from longtake.storage import open_store
from tests.e2e.quick_steps import quick_check, quick_reel
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

ROOT = Path(__file__).parents[2]
VENDORS = ("evolink", "anyfast", "powertokens", "jimmyai")
SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}

# Imports first, then waits for the word to go, so that both runs meet at every step.
RUNNER = """
import pathlib, runpy, sys, time
import tests.plain_render, s3fs, av, pandas
ready, go = map(pathlib.Path, sys.argv[1:3])
sys.argv[1:3] = []
ready.touch()
while not go.exists():
    time.sleep(0.005)
runpy.run_module("tests.plain_render", run_name="__main__")
"""


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.5, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def store(monkeypatch):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def rows_of_chains_and_lone_shots() -> list[dict[str, object]]:
    """Twelve rows at four vendors: two chains of three, a reel of two shots, four lone ones."""
    chains = [
        SHOT | {"reel": reel, "shot": n, "vendor": vendor, "continue_from": "clip" if n > 1 else ""}
        for reel, vendor in (("a", "evolink"), ("b", "jimmyai"))
        for n in (1, 2, 3)
    ]
    reel = [SHOT | {"reel": "c", "shot": n} for n in (1, 2)]
    lone = [SHOT | {"vendor": vendor} for vendor in VENDORS]
    return [row | {"prompt": f"row {n} end"} for n, row in enumerate([*chains, *reel, *lone])]


def run_two_at_once(folder: Path, sandbox: Sandbox, manifest: Path, output: str) -> list[dict]:
    """Both ends, in words."""
    environment = os.environ | sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "20"}
    go = folder / "go"
    ready = [folder / f"ready-{number}" for number in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(mark), str(go), str(manifest), output, "hold"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for mark in ready
    ]
    try:
        while not all(mark.exists() for mark in ready):
            assert all(process.poll() is None for process in processes), processes[0].communicate()
            time.sleep(0.02)
        go.touch()
        ends = []
        for process in processes:
            out, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()[-3000:]
            ends.append(json.loads(out.splitlines()[-1]))
        return ends
    finally:
        for process in processes:
            process.kill()


def billed(sandbox: Sandbox) -> Counter[str]:
    counts: Counter[str] = Counter()
    for entry in sandbox.bill.entries:
        text = json.dumps(entry.body)
        counts[text[text.index("row ") : text.index(" end")]] += 1
    return counts


def check_both(sandbox: Sandbox, ends: list[dict], output: str) -> None:
    for end in ends:
        assert set(end["verdicts"].values()) == {"done"}, end
        assert len(end["verdicts"]) == 12
    assert billed(sandbox) == {f"row {number}": 1 for number in range(12)}
    store = open_store(output)
    hosts = Counter()
    for purchase in Ledger(store).load().values():
        assert len(purchase.intents) == 1
        assert store.sha256(purchase.clip.clip.key) == purchase.clip.clip.sha256
        hosts[purchase.intent.host] += 1
    assert sum(hosts.values()) == 12
    for key in store.list("reels"):
        if key.endswith(".json"):
            receipt = json.loads(store.read(key))
            assert store.size(key.removesuffix(".json") + ".mp4") == receipt["size_bytes"]
    names = {key.rpartition("/")[2] for key in store.list("reels")}
    assert {"a.mp4", "b.mp4", "c.mp4"} < names
    assert len([name for name in names if name.endswith(".mp4")]) == 7
    folders = ("ledger", "clips", "reels")
    assert not [key for folder in folders for key in store.list(folder) if key.endswith(".part")]


def test_two_runs_at_once_in_one_folder_buy_each_row_once(tmp_path, sandbox, write_manifest):
    manifest = write_manifest(rows_of_chains_and_lone_shots())
    ends = run_two_at_once(tmp_path, sandbox, manifest, str(tmp_path / "out"))
    check_both(sandbox, ends, str(tmp_path / "out"))


def test_two_runs_at_once_in_one_bucket_buy_each_row_once_though_answers_are_lost(
    tmp_path, sandbox, store, write_manifest
):
    store.files().mkdir("two-runs")
    store.loses_answers = True
    manifest = write_manifest(rows_of_chains_and_lone_shots())
    ends = run_two_at_once(tmp_path, sandbox, manifest, "s3://two-runs/out")
    check_both(sandbox, ends, "s3://two-runs/out")
    assert len([key for key in store.lost if key.endswith("accepted.json")]) == 12
