"""Two processes render one manifest into one output at once; and no run takes an unreadable record for "not bought"."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

ROOT = Path(__file__).parents[2]
VENDORS = ("evolink", "anyfast", "powertokens", "jimmyai")
SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}

# Imports first, then waits for the word to go, so that both runs meet at every step.
RUNNER = """
import pathlib, runpy, sys, time
import tests.plain_render, s3fs, av, pandas
import longtake.rendering.render
from tests.e2e.quick_steps import no_pictures
longtake.rendering.render.make_pictures = no_pictures
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
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.5, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def store(monkeypatch):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def rows_of(chain: int, lone: int) -> list[dict[str, object]]:
    """A chain, a reel of two shots, and lone shots, over four vendors."""
    rows = [SHOT | {"reel": "a", "shot": n, "continue_from": "clip" if n > 1 else ""} for n in range(1, chain + 1)]
    rows += [SHOT | {"reel": "b", "shot": n, "vendor": "powertokens"} for n in (1, 2)]
    rows += [SHOT | {"id": f"lone-{n}", "vendor": VENDORS[n % 4]} for n in range(lone)]
    return [row | {"prompt": f"row {n} end"} for n, row in enumerate(rows)]


def run_two_at_once(folder: Path, sandbox: Sandbox, manifest: Path, output: str) -> list[dict]:
    """Both ends, in words."""
    environment = os.environ | sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "20"}
    go = folder / "go"
    ready = [folder / f"ready-{number}" for number in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(mark), str(go), str(manifest), output, "hold", '{"quick": true}'],
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


def check_both(sandbox: Sandbox, ends: list[dict], rows: int, output: str) -> None:
    for end in ends:
        assert set(end["verdicts"].values()) == {"done"}, end
        assert len(end["verdicts"]) == rows
    assert billed(sandbox) == {f"row {number}": 1 for number in range(rows)}
    store = open_store(output)
    purchases = Ledger(store).load().values()
    assert [len(purchase.intents) for purchase in purchases] == [1] * rows
    for purchase in purchases:
        assert store.sha256(purchase.clip.clip.key) == purchase.clip.clip.sha256
    receipts = [key for key in store.list("reels") if key.endswith(".json")]
    assert len(receipts) == len({row.partition("/")[0] for row in ends[0]["verdicts"]})
    for key in receipts:
        receipt = json.loads(store.read(key))
        assert store.size(key.removesuffix(".json") + ".mp4") == receipt["size_bytes"]
    folders = ("ledger", "clips", "reels")
    assert not [key for folder in folders for key in store.list(folder) if key.endswith(".part")]


SIZES = pytest.mark.parametrize(("chain", "lone"), [(2, 3), pytest.param(5, 20, marks=pytest.mark.slow)])


@SIZES
def test_two_runs_at_once_in_one_folder_buy_each_row_once(tmp_path, sandbox, write_manifest, chain, lone):
    manifest = write_manifest(rows_of(chain, lone))
    ends = run_two_at_once(tmp_path, sandbox, manifest, str(tmp_path / "out"))
    check_both(sandbox, ends, chain + 2 + lone, str(tmp_path / "out"))


@SIZES
def test_two_runs_at_once_in_one_bucket_buy_each_row_once_though_answers_are_lost(
    tmp_path, sandbox, store, write_manifest, chain, lone
):
    output = f"s3://two-runs/{chain}"
    store.files().makedirs("two-runs", exist_ok=True)
    store.loses_answers = True
    ends = run_two_at_once(tmp_path, sandbox, write_manifest(rows_of(chain, lone)), output)
    check_both(sandbox, ends, chain + 2 + lone, output)
    assert len([key for key in store.lost if key.endswith("accepted.json")]) == chain + 2 + lone


async def test_runs_that_meet_count_no_purchase_twice(tmp_path, sandbox, write_manifest):
    manifest, load = write_manifest(rows_of(2, 4)), sandbox_accounts(sandbox)
    ends = await asyncio.gather(
        *(render_plain(manifest, tmp_path / "out", load, check=quick_check, run=run) for run in ("one", "other"))
    )
    assert [end.verdicts for end in ends] == [{"done": sandbox.bill.count()}] * 2
    assert sum(end.bought_now for end in ends) == sandbox.bill.count()


NEWER = {"format": 2, "identity": "…", "approved": True}
UNREADABLE = {
    "empty": b"",
    "torn": b'{"format":1,"identity":"1-',
    "foreign": b"<Error><Code>AccessDenied</Code></Error>",
    "newer": json.dumps(NEWER).encode(),
}


async def planned(manifest: Path, output: Path | str, load):
    """The identity of the manifest's first shot, and the output's store."""
    prepared = await prepare(RenderOptions(manifest=str(manifest), output=str(output)), load_account=load)
    return prepared.plan.shots[0].identity, prepared.ledger.store


async def check_that_nothing_is_bought(sandbox, manifest, output, load, reason: str) -> None:
    before = sandbox.bill.request_count(step="submit")
    for on_unknown in ("hold", "resubmit"):
        end = await render_plain(manifest, output, load, check=quick_check, on_unknown=on_unknown, max_attempts=3)
        assert [row.verdict.value for row in end.rows] == ["unknown_outcome", "blocked"]
        assert reason in end.rows[0].error
        assert end.rows[0].next_action
    assert sandbox.bill.request_count(step="submit") == before


def chain_of_two() -> list[dict[str, object]]:
    return [
        SHOT | {"reel": "a", "shot": n, "prompt": f"p{n}", "continue_from": "clip" if n > 1 else ""} for n in (1, 2)
    ]


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("name", ["try-1.intent.json", "accepted.json"])
async def test_a_row_with_an_unreadable_record_is_never_bought(tmp_path, sandbox, write_manifest, content, name):
    manifest, load = write_manifest(chain_of_two()), sandbox_accounts(sandbox)
    identity, store = await planned(manifest, tmp_path / "out", load)
    store.create(f"ledger/{identity}/{name}", content)
    await check_that_nothing_is_bought(sandbox, manifest, tmp_path / "out", load, name)


async def test_a_record_that_only_a_newer_release_knows_is_never_bought(tmp_path, sandbox, write_manifest):
    manifest, load = write_manifest(chain_of_two()), sandbox_accounts(sandbox)
    identity, store = await planned(manifest, tmp_path / "out", load)
    store.create(f"ledger/{identity}/approval.json", json.dumps(NEWER).encode())
    await check_that_nothing_is_bought(sandbox, manifest, tmp_path / "out", load, "approval.json")


@pytest.mark.parametrize("name", ["clip.json", "terminal.json", "try-1.intent.json"])
async def test_a_bought_row_whose_record_was_damaged_is_not_bought_again(tmp_path, sandbox, write_manifest, name):
    manifest, load = write_manifest(chain_of_two()), sandbox_accounts(sandbox)
    end = await render_plain(manifest, tmp_path / "out", load, check=quick_check, limit=1)
    assert [row.verdict.value for row in end.rows] == ["done", "not_started"]
    (damaged,) = (tmp_path / "out/ledger").glob(f"*/{name}")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    for on_unknown in ("hold", "resubmit"):
        end = await render_plain(manifest, tmp_path / "out", load, check=quick_check, on_unknown=on_unknown)
        # What the other records prove holds: the clip is here, and the chain goes on from it.
        assert [row.verdict.value for row in end.rows] == ["done", "done"]
        assert any(name in notice for notice in end.notices)
    assert [sum(prompt in str(entry.body) for entry in sandbox.bill.entries) for prompt in ("p1", "p2")] == [1, 1]


async def test_a_torn_record_in_a_bucket_is_never_taken_for_not_bought(sandbox, store, write_manifest):
    store.files().makedirs("torn", exist_ok=True)
    manifest, load = write_manifest(chain_of_two()), sandbox_accounts(sandbox)
    identity, output = await planned(manifest, "s3://torn/out", load)
    output.write(f"ledger/{identity}/accepted.json", UNREADABLE["torn"])
    await check_that_nothing_is_bought(sandbox, manifest, "s3://torn/out", load, "accepted.json")


async def test_an_output_of_a_newer_kind_of_identity_is_left_alone(tmp_path, sandbox, write_manifest):
    manifest, load = write_manifest(chain_of_two()), sandbox_accounts(sandbox)
    identity, store = await planned(manifest, tmp_path / "out", load)
    store.create(f"ledger/2-{identity[2:]}/accepted.json", json.dumps(NEWER).encode())
    with pytest.raises(ConfigurationError, match=r"ledger/2-.*newer release"):
        await render_plain(manifest, tmp_path / "out", load, check=quick_check)
    assert sandbox.bill.request_count() == 0
