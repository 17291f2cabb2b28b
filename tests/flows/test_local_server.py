"""The local server: joined by all, left behind by none, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import pytest

from deployments.local.server.join import Places
from deployments.local.server.leases import mend_leases
from deployments.local.server.process import _listening
from tests.flows.conftest import ROOT, PrefectServer, basic_login, clean_environment

CLIENT = """
import json, sys
from deployments.local.server.join import join_server
handle = join_server()
print(json.dumps({"api_url": handle.api_url, "local": handle.is_local}), flush=True)
handle.wait_until_ready()
print("ready", flush=True)
sys.stdin.read()
"""


class Client:
    """A process that joins the server of `home` and stays until told or killed."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            cwd=environment.pop("cwd", str(ROOT)),
            env=clean_environment(home) | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def joined(self) -> dict[str, Any]:
        return json.loads(self.process.stdout.readline())

    def wait_until_ready(self) -> None:
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def start(home: Path, **environment: str) -> Client:
        clients.append(Client(home, **environment))
        return clients[-1]

    yield start
    for one in clients:
        one.kill()


def server_processes(home: Path) -> list[psutil.Process]:
    def belongs(process: psutil.Process) -> bool:
        try:
            return "deployments.local.server.process" in process.cmdline() and process.environ().get(
                "PREFECT_HOME"
            ) == str(home)
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if belongs(process)]


def wait_for(met: Callable[[], Any], seconds: float, pause_seconds: float = 0.1) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"not met within {seconds} s"
        time.sleep(pause_seconds)


def test_clients_that_start_at_once_share_one_server_which_leaves_when_they_are_killed(
    new_home: Callable[[], Path], client: Callable[..., Client]
) -> None:
    home = new_home()
    one, two = client(home), client(home)

    assert one.joined() == two.joined()
    one.wait_until_ready()
    two.wait_until_ready()
    assert len(server_processes(home)) == 1
    one.kill()
    time.sleep(4)  # longer than the server lingers
    assert len(server_processes(home)) == 1
    two.kill()

    wait_for(lambda: not server_processes(home), 10)


def test_answers_leave_at_once(new_home: Callable[[], Path]) -> None:
    # asyncio takes Nagle's delay, 40 ms an answer, off connections whose protocol is known, and off no others.
    with _listening(Places(new_home())) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.slow
def test_a_server_whose_only_client_dies_while_it_starts_leaves_too(
    new_home: Callable[[], Path], client: Callable[..., Client]
) -> None:
    home = new_home()
    only = client(home)
    only.joined()
    assert server_processes(home)
    only.kill()

    wait_for(lambda: not server_processes(home), 10)


def test_a_killed_server_is_started_again_at_its_address_with_its_leases(
    new_home: Callable[[], Path], client: Callable[..., Client]
) -> None:
    home = new_home()
    waiting = client(home)
    api_url = waiting.joined()["api_url"]
    waiting.wait_until_ready()
    limits = f"{api_url}/v2/concurrency_limits"
    httpx.post(
        f"{limits}/", json={"name": "survivor", "limit": 2}, timeout=60, auth=basic_login(home)
    ).raise_for_status()
    wanted = {"names": ["survivor"], "slots": 1, "lease_duration": 60}
    lease = httpx.post(f"{limits}/increment-with-lease", json=wanted, timeout=60, auth=basic_login(home))
    lease_id = UUID(lease.json()["lease_id"])

    [first] = server_processes(home)
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: [p for p in server_processes(home) if p.pid != first.pid], 10)
    newcomer = client(home)

    assert newcomer.joined()["api_url"] == api_url
    newcomer.wait_until_ready()
    assert httpx.get(f"{limits}/survivor", timeout=60, auth=basic_login(home)).json()["active_slots"] == 1
    renewed = httpx.post(
        f"{limits}/leases/{lease_id}/renew", json={"lease_duration": 60}, timeout=60, auth=basic_login(home)
    )
    assert renewed.status_code == 204


def test_slots_and_leases_that_a_killed_server_left_half_done_are_put_right(new_home: Callable[[], Path]) -> None:
    home = new_home()
    leases = home / "concurrency_leases"
    leases.mkdir()
    ours, others = str(uuid4()), str(uuid4())
    lease = {
        "id": str(uuid4()),
        "resource_ids": [ours],
        "metadata": {"slots": 1},
        "expiration": "2026-01-01T00:00:00+00:00",
    }
    (leases / f"{lease['id']}.json").write_text(json.dumps(lease | {"created_at": lease["expiration"]}))
    (leases / f"{uuid4()}.json").write_text("")
    (leases / "expirations.json").write_text(json.dumps({str(uuid4()): lease["expiration"]}))
    (leases / "expirations.lock").write_text(str(os.getpid()))
    insert = """INSERT INTO concurrency_limit_v2
        (id, active, name, "limit", active_slots, denied_slots, slot_decay_per_second, avg_slot_occupancy_seconds)
        VALUES (?, 1, ?, 9, 7, 0, 0.0, 2.0)"""
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        database.executemany(insert, [(ours, f"longtake-x-{ours}"), (others, f"another-{others}")])

    mend_leases(home)

    with closing(sqlite3.connect(home / "prefect.db")) as database:
        counts = dict(database.execute("SELECT id, active_slots FROM concurrency_limit_v2").fetchall())
    assert (counts[ours], counts[others]) == (1, 7)
    assert json.loads((leases / "expirations.json").read_text()) == {lease["id"]: lease["expiration"]}
    assert not (leases / "expirations.lock").exists()


def test_a_server_named_in_the_environment_is_used_as_it_is(tmp_path: Path, client: Callable[..., Client]) -> None:
    named = "http://prefect.example/api"

    assert client(tmp_path, PREFECT_API_URL=named).joined() == {"api_url": named, "local": False}
    assert not server_processes(tmp_path)


def test_a_server_named_in_the_active_profile_is_used_as_it_is(tmp_path: Path, client: Callable[..., Client]) -> None:
    named = "http://prefect.example/api"
    (tmp_path / "profiles.toml").write_text(f'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "{named}"\n')

    assert client(tmp_path, cwd=str(tmp_path)).joined() == {"api_url": named, "local": False}
    assert not server_processes(tmp_path)


@pytest.mark.slow
def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_text("this is no database, whatever its name says")
    ended = subprocess.run(
        [sys.executable, "-c", CLIENT],
        cwd=ROOT,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )

    assert "file is not a database" in ended.stderr
    wait_for(lambda: not server_processes(tmp_path), 10)


async def test_writers_that_come_together_take_turns_and_none_is_sent_away(prefect_server: PrefectServer) -> None:
    async with httpx.AsyncClient(base_url=prefect_server.api_url, timeout=60, auth=basic_login()) as caller:
        limit = {"name": f"crowd-{uuid4()}", "limit": 200, "active": True, "slot_decay_per_second": 0.0}
        (await caller.post("/v2/concurrency_limits/", json=limit)).raise_for_status()
        wanted = {"names": [limit["name"]], "slots": 1, "mode": "concurrency", "lease_duration": 60}
        asked = (caller.post("/v2/concurrency_limits/increment-with-lease", json=wanted) for _ in range(120))
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
