"""A cancelled run stops what the vendor has not begun, where that can be done, and tells what runs on."""

from __future__ import annotations

import asyncio
import time

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

COLUMNS = {"duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    settings = SandboxSettings(job_seconds=4, queue_share=0.0, jobs_per_key=1, media="stub")
    with Sandbox(settings) as running:
        yield running


async def cancelled(sandbox, manifest, output, jobs):
    """A run that is cancelled once so many jobs are bought."""
    run = asyncio.create_task(render_plain(manifest, output, sandbox_accounts(sandbox)))
    async with asyncio.timeout(20):
        while len(list(output.glob("ledger/*/accepted.json"))) < jobs:  # noqa: ASYNC110 - written by other threads
            await asyncio.sleep(0.02)
    assert sandbox.bill.count() == jobs
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


def statuses(sandbox, vendor="byteplus"):
    return [job.status for job in sandbox.jobs(vendor)]


async def test_what_stands_queued_is_cancelled_and_bought_by_the_next_run(tmp_path, sandbox, write_manifest, caplog):
    rows = [{"id": number, "prompt": f"a cat, {number}", "vendor": "byteplus"} | COLUMNS for number in range(3)]
    manifest = write_manifest(rows)
    await cancelled(sandbox, manifest, tmp_path / "out", 3)
    assert statuses(sandbox) == ["running", "cancelled", "cancelled"]
    (words,) = [record.message for record in caplog.records if "could not be stopped" in record.message]
    assert sandbox.jobs("byteplus")[0].job_id in words
    sandbox.jobs("byteplus")[0].ends = time.monotonic()
    sandbox.settings.jobs_per_key = None
    sandbox.settings.job_seconds = 0.2
    end = await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": 3}, [row.error for row in end.rows]
    assert statuses(sandbox).count("succeeded") == 3
    assert sandbox.bill.count() == 5


@pytest.mark.parametrize("kind", ["server_error", "garbage_json", "unknown_word"])
async def test_nothing_is_cancelled_without_a_look_that_says_queued(tmp_path, sandbox, write_manifest, kind):
    rows = [{"id": number, "prompt": f"a cat, {number}", "vendor": "byteplus"} | COLUMNS for number in range(2)]
    sandbox.faults.add(Fault(kind=kind, step="look", times=None))
    await cancelled(sandbox, write_manifest(rows), tmp_path / "out", 2)
    assert statuses(sandbox) == ["running", "queued"]
    assert sandbox.bill.request_count("byteplus", "cancel") == 0


async def test_where_no_way_is_documented_nothing_is_asked_of_the_vendor(tmp_path, sandbox, write_manifest):
    manifest = write_manifest([{"id": 1, "prompt": "a cat", "vendor": "evolink"} | COLUMNS])
    await cancelled(sandbox, manifest, tmp_path / "out", 1)
    assert statuses(sandbox, "evolink") == ["running"]
    assert sandbox.bill.request_count("evolink", "cancel") == 0
