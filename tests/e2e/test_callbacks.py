"""EvoLink's callbacks over real HTTP: the end of a job is noticed at once, and nobody's word is taken for it.

The sandbox delivers what is meant for the public host to the receiver's own port, as a tunnel would.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from longtake.domain.errors import ConfigurationError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_here, render_plain, sandbox_accounts

ROOT = Path(__file__).parents[2]
BASE = "https://studio.example/longtake"
LONG_SECONDS = 30
"""A gap between looks that no test here lasts."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def place(monkeypatch) -> str:
    """Where the receiver listens."""
    place = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setenv("LONGTAKE_CALLBACK_URL", BASE)
    monkeypatch.setenv("LONGTAKE_CALLBACK_LISTEN", place)
    without_films(monkeypatch)
    return place


@pytest.fixture
def sandbox(place):
    settings = SandboxSettings(
        job_seconds=0.4, jobs_per_key=None, media="stub", numbering="content", callbacks_to=place
    )
    with Sandbox(settings) as running:
        yield running


def rows(count: int, vendor: str = "evolink", **given: str) -> list[dict[str, object]]:
    shot = {"vendor": vendor, "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
    return [{"id": f"{vendor}-{number}", "prompt": f"shot {number}"} | shot | given for number in range(count)]


async def rendered(manifest, output, sandbox, *, gap: float = LONG_SECONDS, events: list | None = None):
    accounts = sandbox_accounts(sandbox, poll_interval_seconds=gap, max_wait_seconds=2 * LONG_SECONDS)
    begun = time.monotonic()
    summary = await render_plain(manifest, output, accounts, check=quick_check, events=events)
    return summary, time.monotonic() - begun


def tokens(sandbox: Sandbox) -> list[str]:
    return [job.order.callback_url.rpartition("/")[2] for job in sandbox.jobs("evolink") if job.order.callback_url]


def looks(sandbox: Sandbox) -> int:
    return sandbox.bill.requests["evolink"]["look"]


async def test_the_end_of_a_job_is_noticed_at_once_though_looks_are_far_apart(sandbox, write_manifest, tmp_path):
    summary, seconds = await rendered(write_manifest(rows(4)), tmp_path / "out", sandbox)
    assert summary.all_done
    assert seconds < LONG_SECONDS / 2
    assert looks(sandbox) == 4
    assert sandbox.bill.count() == 4
    assert len(set(tokens(sandbox))) == 4


async def test_without_the_environment_nothing_listens_and_nobody_is_asked_to_call(
    sandbox, place, write_manifest, tmp_path, monkeypatch
):
    monkeypatch.delenv("LONGTAKE_CALLBACK_URL")
    host, port = place.split(":")
    refused: list[bool] = []

    def knock(event) -> None:
        with socket.socket() as caller:
            refused.append(event.name == "submit_received" and caller.connect_ex((host, int(port))) != 0)

    sandbox.on_event(knock)
    summary, _ = await rendered(write_manifest(rows(1)), tmp_path / "out", sandbox, gap=0.2)
    assert summary.all_done
    assert True in refused
    assert tokens(sandbox) == []


async def test_who_a_shot_is_does_not_depend_on_callbacks(sandbox, write_manifest, tmp_path, monkeypatch):
    manifest = write_manifest(rows(2))
    await rendered(manifest, tmp_path / "with", sandbox)
    monkeypatch.delenv("LONGTAKE_CALLBACK_URL")
    await rendered(manifest, tmp_path / "without", sandbox, gap=0.2)
    bought = [{path.name for path in (tmp_path / name / "ledger").iterdir()} for name in ("with", "without")]
    assert bought[0] == bought[1]
    summary, _ = await rendered(manifest, tmp_path / "with", sandbox)
    assert summary.bought_now == 0


async def test_a_rows_own_address_wins_over_ours(sandbox, write_manifest, tmp_path):
    manifest = write_manifest(rows(1, callback_url="https://hook.example/done?job=1"))
    summary, _ = await rendered(manifest, tmp_path / "out", sandbox, gap=0.2)
    assert summary.all_done
    assert [job.order.callback_url for job in sandbox.jobs("evolink")] == ["https://hook.example/done?job=1"]


async def test_vendors_that_do_not_call_back_are_polled_beside_one_that_does(sandbox, write_manifest, tmp_path):
    manifest = write_manifest(rows(1) + rows(1, "anyfast") + rows(1, "powertokens") + rows(1, "jimmyai"))
    summary, _ = await rendered(manifest, tmp_path / "out", sandbox, gap=0.3)
    assert summary.all_done
    asked = {job.vendor for job in sandbox.jobs() if job.order.callback_url}
    assert asked == {"evolink"}


async def test_forged_calls_cost_a_look_at_most_and_are_not_believed(sandbox, place, write_manifest, tmp_path):
    sandbox.settings.job_seconds = 3.0
    stuck = sandbox.faults.add(Fault(kind="stuck", step="look"))  # until all have called
    render = asyncio.create_task(rendered(write_manifest(rows(1)), tmp_path / "out", sandbox, gap=1.0))
    while not tokens(sandbox):  # noqa: ASYNC110 - the sandbox lives in a thread of its own
        await asyncio.sleep(0.02)
    (job,) = sandbox.jobs("evolink")
    lie = {"id": job.job_id, "status": "completed", "results": ["http://127.0.0.1:9/evil.mp4"]}
    answers = set()
    async with httpx.AsyncClient(trust_env=False) as attacker:
        for _ in range(200):
            url = f"http://{place}/longtake/{tokens(sandbox)[0]}"
            answers.add((await attacker.post(url, json=lie)).status_code)
            answers.add((await attacker.post(f"http://{place}/longtake/ltcb_{'x' * 43}", json=lie)).status_code)
    stuck.times = stuck.fired
    summary, seconds = await render
    assert answers == {204, 404}
    assert summary.all_done
    assert seconds > 3.0
    assert looks(sandbox) <= seconds / 1.0 + 2
    (clip,) = (tmp_path / "out").glob("ledger/*/clip.mp4")
    assert hashlib.sha256(clip.read_bytes()).hexdigest() == hashlib.sha256(job.clip_bytes).hexdigest()


async def test_a_late_call_finds_nobody_and_a_repeated_one_changes_nothing(sandbox, place, write_manifest, tmp_path):
    summary, _ = await rendered(write_manifest(rows(1)), tmp_path / "out", sandbox)
    (token,) = tokens(sandbox)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(f"http://{place}/longtake/{token}", json={})
    assert summary.all_done
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}


async def test_a_port_that_is_taken_refuses_the_run_before_anything_is_bought(sandbox, place, write_manifest, tmp_path):
    host, port = place.split(":")
    with socket.create_server((host, int(port))), pytest.raises(ConfigurationError, match="LONGTAKE_CALLBACK_LISTEN"):
        await rendered(write_manifest(rows(1)), tmp_path / "out", sandbox)
    assert sandbox.bill.count() == 0
    assert sandbox.bill.requests["evolink"]["submit"] == 0


async def test_no_token_is_kept_in_any_file_or_log(sandbox, write_manifest, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    events: list = []
    summary, _ = await rendered(write_manifest(rows(2)), tmp_path / "out", sandbox, events=events)
    assert summary.all_done
    # The vendor's side runs in this process too, and its HTTP client logs whom it calls.
    ours = [record for record in caplog.records if record.name.startswith("longtake.")]
    said = "\n".join(record.getMessage() for record in ours)
    assert "callbacks to https://studio.example/longtake are taken" in said
    kept = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert len(tokens(sandbox)) == 2
    for token in tokens(sandbox):
        assert token.encode() not in kept
        assert token not in said + str(events) + str(summary)
    assert b"ltcb_" not in kept


def started(manifest: Path, output: Path, sandbox: Sandbox) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.plain_render", str(manifest), str(output), "hold"]
    environment = os.environ | sandbox.environment()
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_what_a_killed_run_was_to_be_called_for_is_brought_home_by_polling(sandbox, write_manifest, tmp_path):
    sandbox.settings.job_seconds = 2.0
    manifest, output = write_manifest(rows(1)), tmp_path / "out"
    process = started(manifest, output, sandbox)
    while len(list(output.glob("ledger/*/accepted.json"))) < 1 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert render_here(sandbox, manifest, output) == {"evolink-0/1": "done"}
    assert sandbox.bill.count() == 1
    assert len(list(output.glob("ledger/*/clip.mp4"))) == 1
