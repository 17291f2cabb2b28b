"""Buying when the machine, the clock or the store misbehaves: nothing is sent late, no job id is forgotten."""

from __future__ import annotations

import asyncio
import errno
import json
import time

import httpx
import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.accounts.session import AccountSession, open_session
from longtake.accounts.transport import Transport
from longtake.domain.errors import RateLimitedError, UnknownOutcomeError, UnreadableRecordError
from longtake.domain.job import Clip
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Verdict, outcome_of
from longtake.files.directory import DirectoryStore
from longtake.jobs import submit as purchase
from longtake.jobs.order import Order
from longtake.jobs.submit import buy
from longtake.ledger.ledger import RESERVE, Ledger
from longtake.ledger.records import ClipRecord, Intent, State, VerdictRecord


class Vendor:
    """Accepts every order and counts them."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.prompts.append(json.loads(request.content)["prompt"])
        return httpx.Response(200, json={"id": f"task-{len(self.prompts)}", "status": "pending"})


def session_at(vendor) -> AccountSession:
    account = Account(vendor="evolink", api_key=SecretStr("key-of-the-account"), base_url="https://vendor.test")
    session = open_session(account)
    session.client = VendorClient(account, transport=Transport(account, transport=httpx.MockTransport(vendor)))
    return session


def order(folder) -> Order:
    return Order(output=str(folder), account="evolink", shot_id="r/1", request=ShotRequest(prompt="a cat")).identified()


class SleepyLedger(Ledger):
    """The machine is suspended right after the first intent is durable; meanwhile `meanwhile` happens elsewhere."""

    def __init__(self, store, seconds, meanwhile) -> None:
        super().__init__(store, clock=lambda: time.time() + self.slept)
        self.slept = 0.0
        self._seconds, self._meanwhile = seconds, meanwhile

    def intend(self, intent: Intent) -> bool:
        claimed = super().intend(intent)
        if not self.slept:
            self.slept = self._seconds
            self._meanwhile(intent)
        return claimed


async def test_a_run_that_slept_past_its_deadline_does_not_send_what_was_bought_again_meanwhile(tmp_path):
    """Another run finds the outcome unknown and buys the shot again on a person's word; then we wake."""
    vendor, store = Vendor(), DirectoryStore(tmp_path)

    def resubmitted(intent: Intent) -> None:
        verdict = VerdictRecord(identity=intent.identity, verdict=Verdict.UNKNOWN_OUTCOME, evidence="resubmitted")
        Ledger(store).add(verdict.model_copy(update={"resubmitted": True}))

    ledger, session = SleepyLedger(store, 3600.0, resubmitted), session_at(vendor)
    with pytest.raises(Exception, match="over"):
        await buy(order(tmp_path), session, ledger)
    await session.close()
    assert vendor.prompts == []


async def test_a_run_that_slept_and_finds_nothing_changed_buys_once_with_a_new_intent(tmp_path):
    vendor = Vendor()
    ledger, session = SleepyLedger(DirectoryStore(tmp_path), 40.0, lambda intent: None), session_at(vendor)
    job = await buy(order(tmp_path), session, ledger)
    await session.close()
    assert vendor.prompts == ["a cat"]
    bought = ledger.purchase(job.identity)
    assert (bought.state(time.time()), bought.last_try, list(bought.voids)) == (State.IN_FLIGHT, 2, [1])


class FullStore(DirectoryStore):
    """A disk that is full when the job's id is to be kept."""

    def create(self, key: str, data: bytes) -> bool:
        if key.endswith("accepted.json"):
            raise OSError(28, "No space left on device")
        return super().create(key, data)


@pytest.mark.usefixtures("state_home")
async def test_a_job_id_that_the_ledger_cannot_keep_is_told_with_the_way_to_adopt_it(tmp_path):
    vendor, ledger = Vendor(), Ledger(FullStore(tmp_path))
    session, wanted = session_at(vendor), order(tmp_path)
    with pytest.raises(UnknownOutcomeError, match=r"task-1.*No space left.*--adopt r/1=task-1"):
        await buy(wanted, session, ledger)
    await session.close()
    bought = ledger.purchase(wanted.identity)
    assert bought.state(time.time()) is State.UNKNOWN
    assert "--adopt r/1=task-1" in bought.evidence_of_unknown()


class AlmostFullStore(DirectoryStore):
    """A disk that takes an intent, and after it nothing but what finds room by giving some up."""

    is_full = False

    def create(self, key: str, data: bytes) -> bool:
        if self.is_full and self.read(RESERVE) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        created = super().create(key, data)
        self.is_full = self.is_full or key.endswith("intent.json")
        return created


@pytest.fixture
def state_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


async def test_the_room_for_a_job_s_id_was_taken_before_the_request_left(tmp_path):
    vendor, store = Vendor(), AlmostFullStore(tmp_path / "out")
    session, wanted = session_at(vendor), order(tmp_path / "out")
    job = await buy(wanted, session, Ledger(store))
    await session.close()
    assert vendor.prompts == ["a cat"]
    bought = Ledger(DirectoryStore(tmp_path / "out")).purchase(wanted.identity)
    assert (bought.state(time.time()), bought.accepted.job.job_id) == (State.IN_FLIGHT, job.job_id)


async def test_without_room_for_the_next_record_no_request_leaves(tmp_path, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("longtake.files.exclusive.os.posix_fallocate", full)
    vendor, wanted = Vendor(), order(tmp_path)
    session = session_at(vendor)
    with pytest.raises(OSError, match="No space"):
        await buy(wanted, session, Ledger(DirectoryStore(tmp_path)))
    await session.close()
    assert vendor.prompts == []
    assert Ledger(DirectoryStore(tmp_path)).load() == {}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
async def test_a_job_id_that_could_only_be_kept_elsewhere_is_taken_up_by_the_next_run(
    tmp_path, state_home, monkeypatch, error
):
    class Away(DirectoryStore):
        def create(self, key, data):
            if not key.endswith("intent.json"):
                raise error
            return super().create(key, data)

    vendor, wanted = Vendor(), order(tmp_path / "out")
    session = session_at(vendor)
    with pytest.raises(UnknownOutcomeError, match="takes it up by itself"):
        await buy(wanted, session, Ledger(Away(tmp_path / "out")))
    assert len(list(state_home.rglob("*.json"))) == 1
    later = Ledger(DirectoryStore(tmp_path / "out"))
    assert [one.state(time.time()) for one in later.load_open().values()] == [State.IN_FLIGHT]
    assert (await buy(wanted, session, later)).job_id == "task-1"
    await session.close()
    assert vendor.prompts == ["a cat"]
    assert list(state_home.rglob("*.json")) == []


class TearingStore(DirectoryStore):
    """A disk that fills up in the middle of the job's record, on a file system without whole creates."""

    def create(self, key: str, data: bytes) -> bool:
        if not key.endswith("intent.json"):
            super().create(key, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().create(key, data)


async def test_a_job_id_kept_elsewhere_goes_in_beside_the_torn_record_of_it(tmp_path, state_home):
    vendor, wanted = Vendor(), order(tmp_path / "out")
    session = session_at(vendor)
    with pytest.raises(UnknownOutcomeError, match="takes it up by itself"):
        await buy(wanted, session, Ledger(TearingStore(tmp_path / "out")))
    (kept,) = state_home.rglob("*.json")
    text = kept.read_bytes()
    later = Ledger(DirectoryStore(tmp_path / "out"))
    for _ in range(2):  # a run that was killed before it took the kept one away does no harm
        assert [one.state(time.time()) for one in later.load().values()] == [State.IN_FLIGHT]
        assert not kept.exists()
        kept.write_bytes(text)
    assert (await buy(wanted, session, later)).job_id == "task-1"
    await session.close()
    assert vendor.prompts == ["a cat"]
    assert sorted(path.name for path in (tmp_path / "out/ledger").glob("*/accepted*")) == [
        "accepted-2.json",
        "accepted.json",
    ]


@pytest.mark.usefixtures("state_home")
async def test_a_job_id_kept_elsewhere_does_not_overrule_a_person_s_later_word(tmp_path, state_home):
    vendor, wanted = Vendor(), order(tmp_path / "out")
    session = session_at(vendor)
    with pytest.raises(UnknownOutcomeError):
        await buy(wanted, session, Ledger(TearingStore(tmp_path / "out")))
    await session.close()
    later = Ledger(DirectoryStore(tmp_path / "out"))
    word = VerdictRecord(identity=wanted.identity, verdict=Verdict.UNKNOWN_OUTCOME, resubmitted=True)
    later.add_later(word)
    assert [one.state(time.time()) for one in later.load().values()] == [State.OVER]
    assert len(list(state_home.rglob("*.json"))) == 1


async def test_an_intent_from_a_clock_that_runs_ahead_is_not_waited_for_without_end(tmp_path, monkeypatch):
    """Its writer was killed; by our clock its deadline is a day away, and we hold a slot."""
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "0.5")
    monkeypatch.setattr(purchase, "UNKNOWN_AFTER_SECONDS", 0.5)
    vendor, wanted = Vendor(), order(tmp_path)
    ahead = Ledger(DirectoryStore(tmp_path), clock=lambda: time.time() + 86_400)
    session = session_at(vendor)
    ahead.intend(purchase._intent(wanted, session, 1, ahead))
    with pytest.raises(UnknownOutcomeError, match="clock"):
        await asyncio.wait_for(buy(wanted, session, Ledger(DirectoryStore(tmp_path))), 6)
    await session.close()
    assert vendor.prompts == []


async def test_a_step_of_its_own_never_buys_what_is_here_though_the_record_of_its_job_is_torn(tmp_path):
    vendor, wanted, ledger = Vendor(), order(tmp_path), Ledger(DirectoryStore(tmp_path))
    session = session_at(vendor)
    await buy(wanted, session, ledger)
    clip = Clip(key="clip.mp4", sha256="0" * 64, size_bytes=1, width=2, height=2, duration_seconds=1, frames=24)
    ledger.add(ClipRecord(identity=wanted.identity, clip=clip))
    (record,) = tmp_path.rglob("accepted.json")
    record.write_bytes(b"{")
    assert ledger.purchase(wanted.identity).state(time.time()) is State.DONE
    with pytest.raises(UnreadableRecordError, match=r"accepted\.json"):
        await buy(wanted, session, ledger)
    await session.close()
    assert vendor.prompts == ["a cat"]


async def test_two_runs_that_share_an_output_buy_a_shot_once(tmp_path):
    vendor = Vendor()
    sessions = [session_at(vendor) for _ in range(4)]
    jobs = await asyncio.gather(
        *(buy(order(tmp_path), session, Ledger(DirectoryStore(tmp_path))) for session in sessions)
    )
    for session in sessions:
        await session.close()
    assert vendor.prompts == ["a cat"]
    assert {job.job_id for job in jobs} == {"task-1"}


async def test_a_submit_that_is_throttled_to_the_end_bought_nothing_and_says_so(tmp_path):
    session = session_at(lambda request: httpx.Response(429, json={"error": {"message": "slow down"}}))
    session.account = session.account.model_copy(update={"max_wait_seconds": 1})
    with pytest.raises(RateLimitedError, match="nothing was bought") as caught:
        await buy(order(tmp_path), session, Ledger(DirectoryStore(tmp_path)))
    await session.close()
    assert outcome_of(caught.value).verdict is Verdict.HELD
