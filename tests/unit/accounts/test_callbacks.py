"""Callbacks: what the receiver takes, what it refuses, and that a hint is worth a look and no more."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from longtake.accounts import callbacks as module
from longtake.accounts.account import Account
from longtake.accounts.callbacks import Callbacks, receiver_from_environment
from longtake.accounts.client import VendorClient
from longtake.accounts.polling import LOST_AFTER_LOOKS, REMEMBERED_HINTS, Poller
from longtake.accounts.session import open_session
from longtake.accounts.transport import Transport, redact
from longtake.domain.errors import ConfigurationError, JobLostError, RateLimitedError, RejectedRequestError
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import ShotRequest
from longtake.files.open_store import open_store
from longtake.jobs.order import Order
from longtake.jobs.submit import buy
from longtake.ledger.ledger import Ledger
from longtake.vendors import VENDORS
from tests.jumping import jumping, now

BASE = "https://studio.example/longtake"
RUNNING = JobSnapshot(status=JobStatus.RUNNING)
DONE = JobSnapshot(status=JobStatus.SUCCEEDED, video_url="https://media.test/a.mp4")


class Called:
    """Counts the looks that were asked for."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@asynccontextmanager
async def listening():
    receiver = Callbacks(BASE, "127.0.0.1", 0)
    await receiver.open()
    try:
        yield receiver
    finally:
        await receiver.close()


def path_of(address: str) -> str:
    return httpx.URL(address).path


async def sent(receiver: Callbacks, raw: bytes) -> bytes:
    """What comes back on a raw connection until the receiver hangs up, or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    try:
        writer.write(raw)
        if writer.can_write_eof():
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


def post(path: str, body: bytes = b"{}") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: studio.example\r\nContent-Length: %d\r\n\r\n%s" % (
        path.encode(),
        len(body),
        body,
    )


# --- switched on by the environment alone


async def test_nothing_listens_unless_an_address_is_named(monkeypatch):
    monkeypatch.delenv("LONGTAKE_CALLBACK_URL", raising=False)
    monkeypatch.setenv("LONGTAKE_CALLBACK_LISTEN", "127.0.0.1:0")
    assert await receiver_from_environment() is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://studio.example", "https addresses only"),
        ("https://127.0.0.1:8799", "private"),
        ("https://10.1.2.3/longtake", "private"),
        ("studio.example", "https addresses only"),
        ("https://user:word@studio.example", "without user and query"),
        ("https://studio.example/?job=1", "without user and query"),
        ("https://[nonsense", "https://host"),
        ("https://studio.example/" + "x" * 2030, "at most 2048"),
    ],
)
async def test_an_address_that_a_vendor_would_not_call_is_refused_before_anything_listens(monkeypatch, url, words):
    monkeypatch.setenv("LONGTAKE_CALLBACK_URL", url)
    monkeypatch.setenv("LONGTAKE_CALLBACK_LISTEN", "127.0.0.1:0")
    with pytest.raises(ConfigurationError, match="LONGTAKE_CALLBACK_URL") as caught:
        await receiver_from_environment()
    assert words in str(caught.value)
    assert "ltcb_" not in str(caught.value)


@pytest.mark.parametrize("written", ["8799", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", ":8799"])
async def test_a_place_to_listen_that_is_none_is_refused(monkeypatch, written):
    monkeypatch.setenv("LONGTAKE_CALLBACK_URL", BASE)
    monkeypatch.setenv("LONGTAKE_CALLBACK_LISTEN", written)
    with pytest.raises(ConfigurationError, match=r"LONGTAKE_CALLBACK_LISTEN.*host:port"):
        await receiver_from_environment()


async def test_a_port_that_is_taken_is_a_clear_error(monkeypatch):
    async with listening() as first:
        monkeypatch.setenv("LONGTAKE_CALLBACK_URL", BASE)
        monkeypatch.setenv("LONGTAKE_CALLBACK_LISTEN", f"127.0.0.1:{first.port}")
        with pytest.raises(ConfigurationError, match=f"LONGTAKE_CALLBACK_LISTEN: 127.0.0.1:{first.port} cannot"):
            await receiver_from_environment()


async def test_a_closed_receiver_hangs_up_and_leaves_its_port_free(monkeypatch):
    monkeypatch.setattr(module, "CONNECTION_SECONDS", 3600.0)
    async with listening() as receiver:
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(b"POST /")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 60)
    writer.transport.abort()
    again = Callbacks(BASE, "127.0.0.1", receiver.port)
    await again.open()
    await again.close()


# --- who is heard


@pytest.mark.parametrize("prefix", ["/longtake", "", "/what/a/proxy/adds"])
async def test_a_call_to_an_address_of_ours_is_heard_whatever_a_proxy_did_to_its_path(prefix):
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        url = f"http://127.0.0.1:{receiver.port}{prefix}/{address.rpartition('/')[2]}?from=proxy"
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(url, json={"status": "completed"})).status_code == 204
        assert called.times == 1


async def test_whoever_does_not_know_the_token_gets_404_whatever_the_method():
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        token = address.rpartition("/")[2]
        for path in ("/", "/longtake", f"/{token[:-1]}", f"/{token}x", f"/{token}/", f"/{token.upper()}", "/ltcb_"):
            for method in ("POST", "GET", "DELETE"):
                url = f"http://127.0.0.1:{receiver.port}{path}"
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.request(method, url)
                assert (answer.status_code, answer.content) == (404, b"")
        assert called.times == 0


async def test_another_method_than_post_is_not_heard():
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        for method in ("GET", "PUT", "OPTIONS", "DELETE"):
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.request(method, f"http://127.0.0.1:{receiver.port}{path_of(address)}")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert called.times == 0


@pytest.mark.parametrize(
    "line", [b"POST", b"POST /%s", b"post /%s HTTP/1.1", b"POST  /%s HTTP/1.1", b"POST /%s HTTP/2", b"\x16\x03\x01 /%s"]
)
async def test_what_is_no_request_is_refused(line):
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        raw = (line % address.rpartition("/")[2].encode() if b"%s" in line else line) + b"\r\n\r\n"
        assert (await sent(receiver, raw)).startswith(b"HTTP/1.1 400 ")
        assert called.times == 0


async def test_a_call_that_comes_before_the_answer_to_the_submit_is_kept_for_the_job():
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        assert (await sent(receiver, post(path_of(address)))).startswith(b"HTTP/1.1 204 ")
        receiver.expect(address, called)
        assert called.times == 1


async def test_addresses_cannot_be_guessed_from_one_another_and_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "MAX_ADDRESSES", 3)
    async with listening() as receiver:
        addresses = [receiver.new_address() for _ in range(5)]
        assert len(set(addresses)) == 5
        assert all(len(address.rpartition("/")[2]) >= 43 for address in addresses)
        answers = [(await sent(receiver, post(path_of(address))))[9:12] for address in addresses]
    assert answers == [b"404", b"404", b"204", b"204", b"204"]


async def test_an_address_of_the_rows_own_is_nothing_to_us():
    async with listening() as receiver:
        called = Called()
        receiver.expect("https://hook.example/done", called)
        receiver.expect(None, called)
        assert (await sent(receiver, post("/done"))).startswith(b"HTTP/1.1 404 ")
        assert called.times == 0


# --- what a caller can do to us


async def test_a_body_beyond_all_measure_is_not_taken_and_does_no_harm():
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        _, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        chunk, taken = b"x" * 2**20, 0
        with pytest.raises(ConnectionError):
            writer.write(f"POST {path_of(address)} HTTP/1.1\r\nContent-Length: {2**40}\r\n\r\n".encode())
            for _ in range(512):
                writer.write(chunk)
                await writer.drain()
                taken += len(chunk)
        writer.transport.abort()
        assert taken < 2**26
        assert (await sent(receiver, post(path_of(address)))).startswith(b"HTTP/1.1 204 ")


async def test_a_body_that_comes_in_pieces_is_read_so_that_the_answer_arrives():
    async with listening() as receiver:
        address = receiver.new_address()
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        whole = post(path_of(address), b"x" * 20_000)
        for piece in (whole[:-20_000], *[b"x" * 5_000] * 4):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 204 ")
        writer.transport.abort()


async def test_a_head_beyond_measure_is_cut():
    async with listening() as receiver:
        head = b"POST / HTTP/1.1\r\nX-Long: " + b"x" * (2 * module.MAX_HEAD_BYTES) + b"\r\n\r\n"
        assert await sent(receiver, head) == b""


async def test_callers_beyond_measure_are_cut(monkeypatch):
    monkeypatch.setattr(module, "CONNECTION_SECONDS", 3600.0)
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 5)
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        waiting = [await asyncio.open_connection("127.0.0.1", receiver.port) for _ in range(5)]
        assert await sent(receiver, post(path_of(address))) == b""
        assert called.times == 0
        for _, writer in waiting:
            writer.transport.abort()


async def test_slow_callers_are_cut_and_make_way(monkeypatch):
    monkeypatch.setattr(module, "CONNECTION_SECONDS", 0.4)
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 5)
    async with listening() as receiver:
        address, called = receiver.new_address(), Called()
        receiver.expect(address, called)
        slow = [await asyncio.open_connection("127.0.0.1", receiver.port) for _ in range(5)]

        async def speaks_on(reader, writer):
            while not reader.at_eof() and not writer.is_closing():
                writer.write(b"a")
                await asyncio.sleep(0.05)

        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(asyncio.gather(*(speaks_on(*caller) for caller in slow)), 60)
        for reader, writer in slow:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 60)
            writer.transport.abort()
        monkeypatch.setattr(module, "CONNECTION_SECONDS", 60.0)
        assert (await sent(receiver, post(path_of(address)))).startswith(b"HTTP/1.1 204 ")
        assert called.times == 1


# --- what a hint is worth


def poller_of(answers, *, gap: float, max_wait_seconds: float = 5.0):
    """A poller that is told the answers in turn, the last one again and again, and the times of its looks."""
    times: list[float] = []

    async def look(job_id):
        times.append(now())
        answer = answers[min(len(times), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def gone(error):
        return error.http_status == 404

    return Poller(look, gone, shortest_gap_seconds=gap, max_wait_seconds=max_wait_seconds), times


@jumping
async def test_a_hint_brings_the_first_look_forward():
    poller, _ = poller_of([DONE], gap=60, max_wait_seconds=120)
    waiting = asyncio.create_task(poller.wait("j", submitted_at=time.time()))
    await asyncio.sleep(0.05)
    poller.look_soon("j")
    assert await asyncio.wait_for(waiting, 1) == DONE
    await poller.close()


@jumping
async def test_a_hint_that_came_before_the_waiting_counts():
    poller, times = poller_of([DONE], gap=60, max_wait_seconds=120)
    poller.look_soon("j")
    assert await asyncio.wait_for(poller.wait("j", submitted_at=time.time()), 1) == DONE
    assert len(times) == 1
    await poller.close()


@jumping
async def test_a_flood_of_hints_makes_no_flood_of_looks():
    poller, times = poller_of([RUNNING], gap=0.25)
    waiting = asyncio.create_task(poller.wait("j", submitted_at=time.time()))
    end = now() + 1.1
    while now() < end:
        for _ in range(20):
            poller.look_soon("j")
        await asyncio.sleep(0.002)
    waiting.cancel()
    assert 3 <= len(times) <= 5
    assert all(later - earlier >= 0.245 for earlier, later in itertools.pairwise(times))
    assert len(poller._due) <= 10
    await poller.close()


@jumping
async def test_hints_on_one_job_hasten_no_other():
    seen: list[str] = []

    async def look(job_id):
        seen.append(job_id)
        return RUNNING

    poller = Poller(look, lambda error: False, shortest_gap_seconds=0.3, max_wait_seconds=5)
    waiting = [asyncio.create_task(poller.wait(job_id, submitted_at=time.time())) for job_id in ("a", "b")]
    await asyncio.sleep(0.05)
    poller.look_soon("a")
    await asyncio.sleep(0.1)
    assert seen == ["a"]
    for each in waiting:
        each.cancel()
    await poller.close()


@jumping
async def test_a_hint_during_a_look_brings_the_next_one_at_the_shortest_gap():
    answering, times = asyncio.Event(), []

    async def look(job_id):
        times.append(now())
        if len(times) == 1:
            await answering.wait()
            return RUNNING
        return DONE

    poller = Poller(look, lambda error: False, shortest_gap_seconds=0.2, max_wait_seconds=1200)
    waiting = asyncio.create_task(poller.wait("j", submitted_at=time.time() - 600))
    await asyncio.sleep(0.1)
    poller.look_soon("j")
    answering.set()
    assert await asyncio.wait_for(waiting, 2) == DONE
    assert len(times) == 2
    await poller.close()


@jumping
async def test_a_hint_does_not_end_the_quiet_that_a_vendor_asked_for():
    poller, times = poller_of([RateLimitedError("slow down", "", 429, 0.6), DONE], gap=0.05)
    waiting = asyncio.create_task(poller.wait("j", submitted_at=time.time()))
    while not times:  # noqa: ASYNC110 - there is nothing to wait for but the poller's own pace
        await asyncio.sleep(0.01)
    for _ in range(10):
        poller.look_soon("j")
        await asyncio.sleep(0.01)
    assert await waiting == DONE
    assert times[1] - times[0] >= 0.55
    await poller.close()


@jumping
async def test_hints_never_hasten_giving_a_job_up():
    """The looks that count towards `lost` keep their distance: a paid job is given up no sooner for being talked of."""

    async def ended_after(hinted: bool) -> float:
        poller, _ = poller_of([RejectedRequestError("no such job", "", 404)], gap=0.02, max_wait_seconds=60)
        begun = now()
        waiting = asyncio.create_task(poller.wait("j", submitted_at=time.time() - 2))
        while not waiting.done():
            if hinted:
                poller.look_soon("j")
            await asyncio.sleep(0.005)
        with pytest.raises(JobLostError):
            waiting.result()
        await poller.close()
        return now() - begun

    assert await ended_after(hinted=True) > 0.16 * (LOST_AFTER_LOOKS - 2)


@jumping
async def test_hints_on_jobs_that_nobody_waits_for_are_bounded():
    poller, times = poller_of([DONE], gap=0.01)
    for number in range(3 * REMEMBERED_HINTS):
        poller.look_soon(str(number))
    assert len(poller._hints) == REMEMBERED_HINTS
    assert times == []
    await poller.close()


# --- the address goes into the call and nowhere else


def account_at(vendor: str) -> Account:
    return Account(vendor=vendor, api_key=SecretStr("key-of-the-account"), base_url="https://vendor.test")


async def test_only_a_vendor_that_calls_back_gets_an_address_and_each_purchase_its_own():
    receiver = Callbacks(BASE, "127.0.0.1", 0)
    request = ShotRequest(prompt="a cat")
    given = {}
    for vendor in VENDORS:
        session = open_session(account_at(vendor), callbacks=receiver)
        given[vendor] = [session.with_callback(request).callback_url for _ in range(2)]
        await session.close()
    for vendor in ("evolink", "byteplus", "volcengine"):
        first, second = given.pop(vendor)
        assert first.startswith(f"{BASE}/ltcb_")
        assert first != second
    assert all(addresses == [None, None] for addresses in given.values())


async def test_a_rows_own_address_wins_and_without_a_receiver_nothing_is_added():
    own = ShotRequest(prompt="a cat", callback_url="https://hook.example/done")
    session = open_session(account_at("evolink"), callbacks=Callbacks(BASE, "127.0.0.1", 0))
    assert session.with_callback(own) is own
    await session.close()
    session = open_session(account_at("evolink"))
    assert session.with_callback(ShotRequest(prompt="a cat")) == ShotRequest(prompt="a cat")
    await session.close()


def test_the_token_is_known_wherever_a_vendor_repeats_it():
    address = Callbacks(BASE, "127.0.0.1", 0).new_address()
    token = address.rpartition("/")[2]
    for words in (address, json.dumps({"url": address}), address.replace("/", r"\/"), address[: len(address) - 7]):
        assert token[:12] not in redact(f"callback_url {words} cannot be reached")


@pytest.mark.parametrize("status", [200, 400, 403, 500])
async def test_a_vendor_that_repeats_the_address_in_its_refusal_does_not_bring_it_into_the_ledger(tmp_path, status):
    repeated: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        address = json.loads(request.content)["callback_url"]
        repeated.append(address)
        words = f"callback_url {address} cannot be reached"
        return httpx.Response(status, json={"error": {"code": "invalid_request", "message": words}})

    account = account_at("evolink")
    session = open_session(account, callbacks=Callbacks(BASE, "127.0.0.1", 0))
    session.client = VendorClient(account, transport=Transport(account, transport=httpx.MockTransport(answer)))
    order = Order(output=str(tmp_path), account="evolink", shot_id="r/1", request=ShotRequest(prompt="a cat"))
    with pytest.raises(Exception, match="callback_url") as caught:
        await buy(order, session, Ledger(open_store(str(tmp_path))))
    await session.close()
    token = repeated[0].rpartition("/")[2]
    files = [path for path in (tmp_path / "ledger").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert b"cannot be reached" in b"".join(path.read_bytes() for path in files)
    assert token not in str(caught.value)
    assert not any(token.encode() in path.read_bytes() for path in files)
