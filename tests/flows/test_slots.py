"""Slots from a real Prefect server: never too many, never lost, ruled by the limit in the UI."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from longtake.accounts.account import Account
from longtake.accounts.slots import Lease
from tests.flows.conftest import ROOT, PrefectServer, basic_login
from tests.flows.test_local_server import Client, server_processes

RUN = """
import asyncio, sys, time
from longtake.accounts.account import Account
from longtake.accounts.slots import SlotPool
from tasks._concurrency_limit import PrefectSlots

document, limit, jobs, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

async def main():
    account = Account(vendor="evolink", document=document, api_key="k", base_url="http://x", max_jobs_in_flight=limit)
    pool = SlotPool(PrefectSlots(account))
    async def job():
        lease = await pool.acquire()
        print("begin", time.monotonic(), flush=True)
        await asyncio.sleep(seconds)
        print("end", time.monotonic(), flush=True)
        pool.release(lease)
    await asyncio.gather(*(job() for _ in range(jobs)))
    await pool.close()

asyncio.run(main())
"""


def account(document: str, **fields: Any) -> Account:
    return Account(vendor="evolink", document=document, api_key="k", base_url="http://x", **fields)


@pytest.fixture
def document() -> str:
    """A name of its own for every test, and so a limit of its own."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
async def slots(prefect_server: PrefectServer) -> AsyncIterator[Callable[..., Any]]:
    from tasks._concurrency_limit import PrefectSlots

    made: list[Any] = []

    def make(*args: Any, **fields: Any) -> Any:
        made.append(PrefectSlots(account(*args, **fields)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def runs(prefect_server: PrefectServer) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Processes that run so many jobs under the limit and print when each begins and ends."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", RUN, *map(str, arguments)]
        environment = prefect_server.environment()
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


class Limit:
    """A limit as a person sees and changes it."""

    def __init__(self, api_url: str, document: str, home: Path | None = None) -> None:
        self._http = httpx.Client(timeout=60, auth=basic_login(home))
        self._url = f"{api_url}/v2/concurrency_limits/longtake-evolink-{document}"

    def read(self) -> dict[str, Any]:
        return self._http.get(self._url).raise_for_status().json()

    @property
    def active_slots(self) -> int:
        return self.read()["active_slots"]

    def change(self, **fields: Any) -> None:
        self._http.patch(self._url, json=fields).raise_for_status()

    def delete(self) -> None:
        self._http.delete(self._url).raise_for_status()

    def revoke(self, lease_id: str) -> None:
        url = f"{self._url.rpartition('/')[0]}/decrement-with-lease"
        self._http.post(url, json={"lease_id": lease_id}).raise_for_status()


@pytest.fixture
def limit(prefect_server: PrefectServer, document: str) -> Limit:
    return Limit(prefect_server.api_url, document)


async def becomes(wanted: Any, look: Callable[[], Any], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while (found := await seen if isinstance(seen := look(), Awaitable) else seen) != wanted:
        assert time.monotonic() < deadline, f"{found!r}, not {wanted!r}, after {seconds} s"
        await asyncio.sleep(0.1)


def most_at_once(lines: list[str]) -> int:
    moments = sorted((float(moment), word) for word, moment in (line.split() for line in lines))
    running = peak = 0
    for _, word in moments:
        running += 1 if word == "begin" else -1
        peak = max(peak, running)
    return peak


def test_two_processes_together_stay_at_the_limit(
    runs: Callable[..., subprocess.Popen[str]], document: str, limit: Limit
) -> None:
    both = [runs(document, 3, 8, 0.7), runs(document, 3, 8, 0.7)]
    lines = [line for run in both for line in run.communicate(timeout=60)[0].splitlines()]

    assert [run.returncode for run in both] == [0, 0]
    assert sum(line.startswith("end") for line in lines) == 16
    assert most_at_once(lines) == 3
    assert limit.active_slots == 0


async def test_processes_that_begin_at_once_make_one_limit_from_the_block(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    several = [slots(document, max_jobs_in_flight=2) for _ in range(4)]
    taken = await asyncio.gather(*(one.take() for one in several))

    assert sum(isinstance(one, Lease) for one in taken) == 2
    assert all(0 < one <= 2 for one in taken if not isinstance(one, Lease))
    assert (limit.read()["limit"], limit.active_slots) == (2, 2)


async def test_the_limit_rules_once_it_is_there_and_the_difference_is_told(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    first = slots(document, max_jobs_in_flight=1)
    assert await first.limit_notice() is None
    held = await first.take()
    await first.give(held)
    changed = slots(document, max_jobs_in_flight=5)
    assert isinstance(await changed.take(), Lease)

    assert not isinstance(await changed.take(), Lease)
    assert limit.read()["limit"] == 1
    assert "allows 1 jobs in flight, the block says 5" in await changed.limit_notice()
    limit.change(limit=0)
    assert "evolink/" in await changed.limit_notice()
    assert "paused" in await changed.limit_notice()


async def test_a_limit_changed_in_the_ui_is_followed_while_jobs_run(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    ours = slots(document, max_jobs_in_flight=2)
    one, two = await ours.take(), await ours.take()
    assert not isinstance(await ours.take(), Lease)

    limit.change(limit=3)
    three = await ours.take()
    assert isinstance(three, Lease)

    limit.change(limit=1)
    await becomes(True, ours.over_limit)
    await ours.give(one)
    assert await ours.over_limit()
    await ours.give(two)
    assert not await ours.over_limit()
    assert limit.active_slots == 1

    limit.change(limit=0)
    await becomes(True, ours.over_limit)
    assert not isinstance(await ours.take(), Lease)


async def test_a_slot_given_back_while_the_vendor_is_paused_is_free_after_the_pause(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    ours = slots(document, max_jobs_in_flight=1)
    held = await ours.take()
    limit.change(limit=0)  # Prefect's server cannot take a slot back while a limit is 0
    await ours.give(held)

    limit.change(limit=1)
    await becomes(0, lambda: limit.active_slots)
    assert isinstance(await ours.take(), Lease)


async def test_a_limit_switched_off_leaves_the_blocks_own_bound(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    ours = slots(document, max_jobs_in_flight=1)
    await ours.give(await ours.take())
    limit.change(limit=9, active=False)
    await becomes(False, lambda: ours._limit.active)

    assert isinstance(await ours.take(), Lease)
    assert not isinstance(await ours.take(), Lease)
    assert "switched off" in await ours.limit_notice()
    limit.change(active=True)
    await becomes(1, lambda: limit.active_slots)


async def test_a_lease_that_the_server_lost_is_taken_again_while_its_job_runs(
    slots: Callable[..., Any],
    document: str,
    limit: Limit,
    prefect_server: PrefectServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks._concurrency_limit._RENEW_AFTER_SECONDS", 0)
    ours, theirs = slots(document, max_jobs_in_flight=1), slots(document, max_jobs_in_flight=1)
    job = await ours.take()
    lease_id = str(ours._held[job.id].lease_id)
    limit.revoke(lease_id)
    other = await theirs.take()
    assert isinstance(other, Lease)

    await becomes(True, ours.over_limit)  # two jobs run under a limit of one: an idle slot would go back
    await theirs.give(other)
    await becomes(1, lambda: limit.active_slots)
    await becomes(False, ours.over_limit)
    await ours.give(job)
    await becomes(0, lambda: limit.active_slots)


async def test_a_limit_deleted_under_a_running_job_is_made_again_and_counts_the_job(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    ours = slots(document, max_jobs_in_flight=1)
    job = await ours.take()
    limit.delete()

    assert not isinstance(await ours.take(), Lease)
    await becomes((1, 1), lambda: _counted(limit))
    await ours.give(job)
    await becomes(0, lambda: limit.active_slots)


def _counted(limit: Limit) -> tuple[int, int] | None:
    try:
        found = limit.read()
    except httpx.HTTPError:
        return None
    return found["limit"], found["active_slots"]


async def test_without_a_server_nothing_is_taken_and_nothing_raises(
    slots: Callable[..., Any], document: str, prefect_server: PrefectServer
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        ours = slots(document)
        assert not isinstance(await ours.take(), Lease)
        assert not await ours.over_limit()


@pytest.mark.slow
def test_slots_of_a_killed_process_are_back_within_80_seconds(
    runs: Callable[..., subprocess.Popen[str]], document: str, limit: Limit
) -> None:
    run = runs(document, 2, 2, 600)
    assert [run.stdout.readline().split()[0] for _ in range(2)] == ["begin", "begin"]
    assert limit.active_slots == 2
    run.kill()

    asyncio.run(becomes(0, lambda: limit.active_slots, seconds=80))


async def test_a_slot_kept_for_a_job_outlives_its_process_by_as_long_as_the_job_may_run(
    slots: Callable[..., Any], document: str, prefect_server: PrefectServer
) -> None:
    ours = slots(document, max_jobs_in_flight=1)
    lease = await ours.take()
    assert 0 < seconds_left(prefect_server, lease) <= 60
    await ours.keep(lease, 600)
    assert 600 < seconds_left(prefect_server, lease) <= 900
    await ours.keep(lease, 600)
    await ours._renew_due()
    assert 600 < seconds_left(prefect_server, lease) <= 900, "a renewal shortens nothing"


async def test_a_slot_left_by_a_dead_run_is_taken_over_by_its_name_and_given_back_once(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    dead, next_run = slots(document, max_jobs_in_flight=1), slots(document, max_jobs_in_flight=1)
    left = await dead.take()
    await dead.keep(left, 600)
    await dead.close()

    assert not isinstance(await next_run.take(), Lease)
    ours = await next_run.take_over(left.slot, 600)
    assert (ours.slot, limit.active_slots) == (left.slot, 1)
    await next_run.give(ours)
    assert limit.active_slots == 0
    assert await next_run.take_over(left.slot, 600) is None, "it is gone"
    assert await next_run.take_over("nonsense", 600) is None


async def test_a_slot_that_another_run_has_taken_over_is_left_to_it(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    first, second = slots(document, max_jobs_in_flight=1), slots(document, max_jobs_in_flight=1)
    lease = await first.take()
    theirs = await second.take_over(lease.slot, 600)
    await first.forget(lease)
    await first.close()
    assert limit.active_slots == 1
    await second.give(theirs)
    assert limit.active_slots == 0


async def test_slots_under_a_limit_that_was_made_anew_are_not_taken_over(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    dead, next_run = slots(document, max_jobs_in_flight=1), slots(document, max_jobs_in_flight=1)
    left = await dead.take()
    await dead.close()
    limit.delete()  # as a person frees slots that nobody needs

    assert isinstance(await next_run.take(), Lease)
    assert await next_run.take_over(left.slot, 600) is None


def seconds_left(server: PrefectServer, lease: Lease) -> float:
    [path] = server.home.glob(f"concurrency_leases/{lease.slot.rpartition('/')[2]}.json")
    return datetime.fromisoformat(json.loads(path.read_text())["expiration"]).timestamp() - time.time()


async def test_a_slot_whose_job_runs_on_stays_taken_when_its_run_ends(
    slots: Callable[..., Any], document: str, limit: Limit
) -> None:
    ours = slots(document, max_jobs_in_flight=3)
    await ours.take()
    await ours.give(await ours.take())
    await ours.close()
    assert limit.active_slots == 1


@pytest.mark.slow
async def test_a_restarted_server_keeps_the_slots_and_gives_new_ones(
    new_home: Callable[[], Path], document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from deployments.local.server.join import Places
    from tasks._concurrency_limit import PrefectSlots

    monkeypatch.setattr("tasks._concurrency_limit._RENEW_AFTER_SECONDS", 0)
    home = new_home()
    client = Client(home)
    api_url = client.joined()["api_url"]
    client.wait_until_ready()
    login = Places(home).secret.read_text()
    with temporary_settings({PREFECT_API_URL: api_url, PREFECT_API_AUTH_STRING: login}):
        ours = PrefectSlots(account(document, max_jobs_in_flight=2))
        held = await ours.take()
        [server] = server_processes(home)
        os.kill(server.pid, signal.SIGKILL)
        after = Limit(api_url, document, home)
        await becomes((2, 1), lambda: _counted(after), seconds=40)
        second = await ours.take()
        assert isinstance(second, Lease)
        assert after.active_slots == 2
        await ours.give(held)
        await ours.give(second)
        await ours.close()
        assert after.active_slots == 0
    client.kill()
