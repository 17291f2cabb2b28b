"""Records that are torn, foreign or taken away: what the others prove holds, a person settles the rest, one bill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longtake.files.open_store import open_store
from longtake.jobs.decisions import Decisions
from longtake.jobs.download import download_clip
from longtake.jobs.reconcile import ReconcileReport, reconcile
from longtake.jobs.resources import open_resources
from longtake.jobs.wait import await_end
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

TEARS = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "another encoding": lambda data: data.decode().encode("utf-16"),
    "of another": lambda data: data.replace(b'"identity":"1-', b'"identity":"1-0'),
    "newer": lambda data: b'{"format": 9}',
}
STRAYS = {
    "._accepted.json": b"\x00\x05\x16\x07",
    ".DS_Store": b"\x00\x00\x00\x01Bud1",
    "accepted.json.bak": b"{}",
    "accepted (1).json": b"{",
    "accepted.sync-conflict-20261127-101010-ABCDEFG.json": b"{}",
    "notes.json": b'{"note": "mine"}',
    "refund.json": b"[]",
    "backup/accepted.json": b"{}",
    "backup/try-9.intent.json": b"{}",
}


def some_of(*names: str) -> list:
    """Every record torn in every way; in the suite each way meets one record."""
    quick = {(names[place % len(names)], how) for place, how in enumerate(TEARS)}
    cells = [(name, how) for name in names for how in TEARS]
    return [pytest.param(*cell, marks=[] if cell in quick else pytest.mark.slow) for cell in cells]


@pytest.fixture
def sandbox(monkeypatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr("longtake.jobs.adoption.PAUSE_SECONDS", 0.05)
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.05, media="stub")) as running:
        yield running


@pytest.fixture
def manifest(tmp_path) -> Path:
    path = tmp_path / "m.csv"
    path.write_text("reel,shot,prompt,vendor,duration_seconds\nr,1,a red ball rolls,evolink,4\n")
    return path


async def rendered(manifest: Path, sandbox: Sandbox, **options) -> str:
    load = sandbox_accounts(sandbox, max_wait_seconds=5)
    end = await render_plain(manifest, manifest.parent / "out", load, check=quick_check, **options)
    [verdict] = end.verdicts
    return verdict


async def rendered_but_not_fetched(manifest: Path, sandbox: Sandbox) -> None:
    """As if the run had died when the job's end was recorded."""
    assert await rendered(manifest, sandbox) == "done"
    for name in ("clip.json", "clip.mp4"):
        (folder(manifest) / name).unlink()


async def settled(manifest: Path, sandbox: Sandbox, decisions: Decisions | None = None, **account) -> ReconcileReport:
    load = sandbox_accounts(sandbox, max_wait_seconds=5, **account)
    async with open_resources(load) as resources:
        ledger = await resources.ledger(str(manifest.parent / "out"))

        async def follow(job, taken_up):
            return await await_end(job, await resources.session(job.account), ledger, taken_up=taken_up)

        async def download(job, link):
            session = await resources.session(job.account)
            return await download_clip(job, session, ledger, resources.media, quick_check, link=link)

        return await reconcile(ledger, resources, decisions or Decisions(), await_job=follow, download=download)


def folder(manifest: Path) -> Path:
    [found] = (manifest.parent / "out" / "ledger").iterdir()
    return found


def tear(manifest: Path, name: str, how: str) -> None:
    path = folder(manifest) / f"{name}.json"
    path.write_bytes(TEARS[how](path.read_bytes()))


@pytest.mark.parametrize(("name", "how"), some_of("try-1.intent", "accepted", "terminal"))
async def test_a_clip_that_is_here_stays_done_whatever_other_record_is_torn(manifest, sandbox, name, how):
    assert await rendered(manifest, sandbox) == "done"
    tear(manifest, name, how)
    assert await rendered(manifest, sandbox) == "done"
    assert (await settled(manifest, sandbox)).open == {}
    assert sandbox.bill.count() == 1


@pytest.mark.parametrize("how", TEARS)
async def test_a_clip_whose_own_record_is_torn_is_recorded_anew_and_not_bought_again(manifest, sandbox, how):
    assert await rendered(manifest, sandbox) == "done"
    tear(manifest, "clip", how)
    assert await rendered(manifest, sandbox) == "done"
    assert (folder(manifest) / "clip-2.json").exists()
    assert sandbox.bill.count() == 1


@pytest.mark.parametrize(("name", "how"), some_of("try-1.intent", "terminal"))
async def test_a_job_in_flight_is_brought_home_whatever_other_record_is_torn(manifest, sandbox, name, how):
    await rendered_but_not_fetched(manifest, sandbox)
    tear(manifest, name, how)
    assert (await settled(manifest, sandbox)).open == {}
    assert await rendered(manifest, sandbox) == "done"
    assert sandbox.bill.count() == 1


@pytest.mark.parametrize("how", TEARS)
async def test_a_torn_failure_is_looked_up_again_and_not_bought_again(manifest, sandbox, how):
    sandbox.faults.add(Fault(kind="failed", step="look", times=None))
    assert await rendered(manifest, sandbox) == "failed"
    tear(manifest, "verdict", how)
    assert await rendered(manifest, sandbox) == "failed"
    assert (folder(manifest) / "verdict-2.json").exists()
    assert sandbox.bill.count() == 1


@pytest.mark.parametrize(
    ("how", "torn"),
    [
        ("half", ("accepted",)),
        ("newer", ("accepted", "terminal")),
        ("empty", ("accepted", "try-1.intent")),
        ("of another", ("accepted", "try-1.intent", "terminal")),
    ],
)
@pytest.mark.parametrize("decision", ["adopt", "resubmit", "give up"])
async def test_where_nothing_proves_it_reconcile_tells_it_open_and_a_person_settles_it(
    manifest, sandbox, torn, how, decision
):
    await rendered_but_not_fetched(manifest, sandbox)
    job_id = json.loads((folder(manifest) / "accepted.json").read_text())["job"]["job_id"]
    for name in torn:
        if (folder(manifest) / f"{name}.json").exists():
            tear(manifest, name, how)
    assert await rendered(manifest, sandbox) == "unknown_outcome"
    end = await settled(manifest, sandbox)
    [(named, reason)] = end.open.items()
    assert "accepted.json" in reason
    assert f"longtake reconcile --output {manifest.parent / 'out'} --adopt {named}=JOB_ID" in reason
    if decision == "adopt":
        end = await settled(manifest, sandbox, Decisions(adopt={named: job_id}))
        assert (len(end.brought_home), end.open) == (1, {})
        assert await rendered(manifest, sandbox) == "done"
        assert sandbox.bill.count() == 1
    elif decision == "give up":
        assert (await settled(manifest, sandbox, Decisions(give_up=[named]))).open == {}
        assert await rendered(manifest, sandbox) == "failed"
        assert sandbox.bill.count() == 1
    else:
        assert (await settled(manifest, sandbox, Decisions(resubmit=[named]))).open == {}
        assert await rendered(manifest, sandbox) == "done"
        assert sandbox.bill.count() == 2


@pytest.mark.parametrize("torn", ["try-1.void", "try-1.intent"])
async def test_a_torn_proof_of_a_refusal_is_none(manifest, sandbox, torn):
    sandbox.faults.add(Fault(kind="bad_request", step="submit"))
    assert await rendered(manifest, sandbox) == "refused"
    tear(manifest, torn, "half")
    ledger = Ledger(open_store(str(manifest.parent / "out")))
    [purchase] = ledger.load().values()
    is_proved = torn == "try-1.intent"  # the void is whole
    assert purchase.state(float("inf")) is (State.NEW if is_proved else State.UNKNOWN)
    assert purchase.is_charged is not is_proved


@pytest.mark.parametrize("name", STRAYS)
async def test_foreign_files_are_passed_over_and_told(manifest, sandbox, name, caplog):
    sandbox.faults.add(Fault(kind="stuck", step="look", times=None))
    load = sandbox_accounts(sandbox, max_wait_seconds=0.3)
    await render_plain(manifest, manifest.parent / "out", load)
    sandbox.faults.clear()
    path = folder(manifest) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(STRAYS[name])
    end = await settled(manifest, sandbox)
    assert (len(end.brought_home), end.open) == (1, {})
    assert "/" in name or f"none of Longtake's: {name}" in caplog.text
    assert await rendered(manifest, sandbox) == "done"
    assert sandbox.bill.count() == 1


async def test_a_record_that_we_may_not_read_hides_nothing_that_others_prove(manifest, sandbox, monkeypatch):
    from longtake.files.directory import DirectoryStore

    assert await rendered(manifest, sandbox) == "done"
    read = DirectoryStore.read

    def denied(store, key):
        if key.endswith("terminal.json"):
            raise PermissionError(13, "Permission denied", key)
        return read(store, key)

    monkeypatch.setattr(DirectoryStore, "read", denied)
    assert await rendered(manifest, sandbox) == "done"
    assert sandbox.bill.count() == 1
