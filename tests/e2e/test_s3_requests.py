"""What an output on S3 is asked, counted; its index torn, lying or foreign, a run killed at a write: the same bill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from longtake.files.bucket.known_texts import packed, split, unpacked
from longtake.files.open_store import open_store
from longtake.jobs.reconcile import Decisions, settle
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

ROOT = Path(__file__).parents[2]
SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.2, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def server(monkeypatch):
    # What is written while a run goes is written by the clock; here it would be counted by the machine's load.
    monkeypatch.setattr("longtake.rendering.report.EVERY_SECONDS", 600.0)
    with s3_server() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.files().makedirs("requests", exist_ok=True)
        yield running


def rows_of(lone: int, chain: int = 0) -> list[dict[str, object]]:
    rows = [SHOT | {"reel": "chain", "shot": n, "continue_from": "clip" if n > 1 else ""} for n in range(1, chain + 1)]
    rows += [SHOT | {"id": f"lone-{n}"} for n in range(lone)]
    return [row | {"prompt": f"row {n} end"} for n, row in enumerate(rows)]


def billed(sandbox) -> Counter[str]:
    counts: Counter[str] = Counter()
    for entry in sandbox.bill.entries:
        text = json.dumps(entry.body)
        counts[text[text.index("row ") : text.index(" end")]] += 1
    return counts


async def test_a_bought_shot_costs_few_requests_and_a_done_one_none(sandbox, server, write_manifest):
    asked: dict[int, list[Counter[str]]] = {}
    for shots in (2, 10):
        manifest, output = write_manifest(rows_of(shots), f"{shots}.csv"), f"s3://requests/counted-{shots}"
        for _ in range(2):
            since = len(server.requests)
            end = await render_plain(manifest, output, sandbox_accounts(sandbox))
            assert end.all_done
            asked.setdefault(shots, []).append(server.counts(since))
    bought, again = ((asked[10][run].total() - asked[2][run].total()) / 8 for run in range(2))
    assert bought <= 14.5, asked  # each shot is a film of its own here: clip, sidecar, film, receipt, timeline
    assert again == 0, asked
    assert asked[10][1].total() <= 30, asked
    assert asked[10][1]["HEAD"] == 0


async def rendered(write_manifest, sandbox, output, monkeypatch, name="manifest.csv", lone=3):
    without_films(monkeypatch)
    manifest = write_manifest(rows_of(lone), name)
    return await render_plain(manifest, output, sandbox_accounts(sandbox), check=quick_check)


def lying(data: bytes) -> bytes:
    """The same texts, as if nothing had been bought, each as long as it was."""
    texts = [text for pack in split(data) for text in unpacked(pack)]
    assert texts
    return packed(text.replace(b'"accepted', b'"accepten').replace(b'"job_id"', b'"job_ix"') for text in texts)


@pytest.mark.parametrize("fault", ["lies", "is torn", "is gone", "is another output's", "is rubbish"])
async def test_an_index_that_is_wrong_buys_nothing_and_changes_nothing(
    sandbox, server, write_manifest, monkeypatch, fault
):
    output = f"s3://requests/{fault.replace(' ', '-').replace(chr(39), '')}"
    first = await rendered(write_manifest, sandbox, output, monkeypatch)
    store = open_store(output)
    told, ledger = store.read("results.csv"), Ledger(store).load()
    (key,) = store.list("index")
    match fault:
        case "lies":
            store.write(key, lying(store.read(key)))
        case "is torn":
            store.write(key, store.read(key)[:-200])
        case "is gone":
            store.remove(key)
        case "is rubbish":
            store.write(key, os.urandom(1000))
        case _:
            await rendered(write_manifest, sandbox, "s3://requests/other", monkeypatch, "other.csv", lone=4)
            other = open_store("s3://requests/other")
            store.write(key, other.read(other.list("index")[0]))
    before = sandbox.bill.count()
    again = await rendered(write_manifest, sandbox, output, monkeypatch)
    assert first.all_done
    assert again.all_done
    assert (again.bought_now, sandbox.bill.count()) == (0, before)
    assert open_store(output).read("results.csv") == told
    assert Ledger(open_store(output)).load() == ledger


async def test_a_record_that_was_torn_since_the_index_was_written_is_not_taken_from_it(
    sandbox, server, write_manifest, monkeypatch
):
    output = "s3://requests/torn-record"
    await rendered(write_manifest, sandbox, output, monkeypatch)
    for key in [key for key in open_store(output).list("ledger") if not key.endswith(".mp4")]:
        server.files().pipe_file(f"requests/torn-record/{key}", b'{"torn')
    end = await rendered(write_manifest, sandbox, output, monkeypatch)
    assert end.verdicts == {"unknown_outcome": 3}
    assert sandbox.bill.count() == 3


async def test_a_clip_that_was_changed_in_its_own_size_is_found_by_verify_and_fetched_again(
    sandbox, server, write_manifest, monkeypatch
):
    output, load = "s3://requests/changed", sandbox_accounts(sandbox)
    await rendered(write_manifest, sandbox, output, monkeypatch, lone=2)
    store = open_store(output)
    clip = next(key for key in store.list("ledger") if key.endswith("clip.mp4"))
    whole = store.read(clip)
    store.write(clip, whole[:-1] + bytes([whole[-1] ^ 1]))
    manifest = write_manifest(rows_of(2))
    since = len(server.requests)
    end = await render_plain(manifest, output, load, check=quick_check, verify=True)
    assert end.all_done, [row.error for row in end.rows]
    assert server.counts(since)["GET"] >= 2
    assert store.read(clip) == whole
    assert (end.bought_now, sandbox.bill.count()) == (0, 2)


async def test_lost_answers_of_every_create_change_no_bill(sandbox, server, write_manifest, monkeypatch):
    server.loses_answers = True
    for _ in range(2):
        end = await rendered(write_manifest, sandbox, "s3://requests/lost", monkeypatch)
        assert end.all_done
    assert any("/ledger/" in key for key in server.lost)
    assert billed(sandbox) == {f"row {n}": 1 for n in range(3)}


POINTS = [(number, is_done) for number in range(3, 36) for is_done in (False, True)]
IN_THE_GATE = {(4, True), (7, True)}


def killed_at(server, number: int, is_done: bool, command: list[str], environment: dict[str, str]) -> None:
    """Runs a command until the numbered write, and kills it before that or right after it."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(write: int, was_done: bool) -> None:
        if (write, was_done) == (number, is_done):
            process.send_signal(signal.SIGKILL)
            process.wait()

    server.on_write = kill
    process.wait(timeout=120)
    server.on_write = lambda *_: None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("number", "is_done"),
    [pytest.param(*point, marks=[] if point in IN_THE_GATE else pytest.mark.slow) for point in POINTS],
)
async def test_a_run_that_is_killed_at_a_write_pays_nothing_twice_and_loses_nothing(
    sandbox, server, write_manifest, monkeypatch, number, is_done
):
    """The numbered write of a run, and the process gone before it or right after it."""
    manifest, output = write_manifest(rows_of(lone=1, chain=2)), f"s3://requests/killed-{number}-{is_done}"
    environment = os.environ | sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "3"}
    command = [sys.executable, "-m", "tests.plain_render", str(manifest), output, "hold"]
    killed_at(server, number, is_done, command, environment)
    end = await render_plain(manifest, output, sandbox_accounts(sandbox))
    assert set(end.verdicts) <= {"done", "unknown_outcome", "blocked"}
    assert set(billed(sandbox).values()) <= {1}
    settle_unknown(sandbox, output)
    end = await render_plain(manifest, output, sandbox_accounts(sandbox))
    assert end.all_done, [row.error for row in end.rows]
    assert billed(sandbox) == {f"row {n}": 1 for n in range(3)}
    store = open_store(output)
    clips = [purchase for purchase in Ledger(store).load().values() if purchase.clip is not None]
    assert len(clips) == 3
    for purchase in clips:
        assert store.sha256(purchase.clip.clip.key) == purchase.clip.clip.sha256


def settle_unknown(sandbox, output: str) -> None:
    """What a person would do: adopt the job that the vendor's bill shows, say "buy again" where it shows none."""
    jobs = {json.dumps(entry.body): entry.job_id for entry in sandbox.bill.entries}
    late = Ledger(open_store(output), clock=lambda: time.time() + 3600)
    for purchase in late.load().values():
        if purchase.state(late.clock()) is State.UNKNOWN:
            prompt, shot_id = purchase.intent.request["prompt"], purchase.intent.shot_id
            job_id = next((job_id for body, job_id in jobs.items() if prompt in body), None)
            settle(late, Decisions(adopt={shot_id: job_id}) if job_id else Decisions(resubmit=[shot_id]))
