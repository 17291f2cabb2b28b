"""Rare ways to pay twice or to lose what is paid, found by a review."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.domain.errors import ConfigurationError, UnknownOutcomeError, VendorError
from longtake.domain.job import Job
from longtake.domain.request import ShotRequest
from longtake.files.directory import DirectoryStore
from longtake.jobs.reconcile import Decisions, settle
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, Intent, State


@asynccontextmanager
async def dripping_vendor():
    """A vendor, or a proxy before it, that keeps the line open with a blank every now and then, for a minute."""

    async def answer(reader, writer) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 600\r\n\r\n")
            for _ in range(600):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = Account(vendor="evolink", api_key=SecretStr("key"), base_url=f"http://127.0.0.1:{port}")
    async with VendorClient(account) as client:
        yield client
    server.close()


async def test_a_submit_ends_in_its_time_though_the_answer_drips(monkeypatch):
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "0.5")
    async with dripping_vendor() as client:
        with pytest.raises(UnknownOutcomeError):
            await asyncio.wait_for(client.submit(ShotRequest(prompt="a cat")), 3)


async def test_a_look_ends_in_its_time_though_the_answer_drips():
    async with dripping_vendor() as client:
        look = client.transport.send_again(client.adapter.look("task-1"), timeout_seconds=0.5)
        with pytest.raises(VendorError):
            await asyncio.wait_for(look, 3)


def identity(letter: str) -> str:
    return "1-" + letter * 40


def intend(ledger: Ledger, letter: str) -> Intent:
    intent = Intent(
        identity=identity(letter),
        shot_id=f"reel/{letter}",
        take=1,
        attempt=1,
        number=1,
        vendor="evolink",
        account="evolink/default",
        base_url="https://vendor.test",
        wire_model="m",
        request={},
        deadline=time.time() - 1,
    )
    assert ledger.intend(intent)
    return intent


def accept(ledger: Ledger, letter: str, job_id: str) -> None:
    job = Job(
        vendor="evolink",
        account="evolink/default",
        base_url="https://vendor.test",
        wire_model="m",
        job_id=job_id,
        identity=identity(letter),
        shot_id=f"reel/{letter}",
        submitted_at=1.0,
    )
    ledger.add(Accepted(identity=identity(letter), job=job))


def test_a_job_that_belongs_to_another_shot_is_not_adopted(tmp_path):
    ledger = Ledger(DirectoryStore(tmp_path))
    intend(ledger, "a")
    accept(ledger, "a", "task-1")
    intend(ledger, "b")
    with pytest.raises(ConfigurationError):
        settle(ledger, Decisions(adopt={"reel/b": "task-1"}))


def test_a_decision_that_does_not_fit_leaves_the_others_unwritten(tmp_path):
    ledger = Ledger(DirectoryStore(tmp_path))
    intend(ledger, "a")
    intend(ledger, "b")
    for decisions in (
        Decisions(adopt={"reel/a": "task-1", "reel/b": "task-1"}),
        Decisions(adopt={"reel/a": "task-1"}, give_up=["reel/a"]),
        Decisions(give_up=["reel/a", "reel/c"]),
    ):
        with pytest.raises(ConfigurationError):
            settle(ledger, decisions)
        assert ledger.purchase(identity("a")).state(time.time()) is State.UNKNOWN
