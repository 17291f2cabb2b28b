"""What `buy` sends, writes down and leaves alone: by the vendor's count of requests and the records on disk."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import time

import httpx
import pytest

from longtake.costs.budget import Budget
from longtake.costs.quote import Quote
from longtake.domain.errors import (
    BudgetExceededError,
    ContentRefusedError,
    LedgerError,
    NotSentError,
    RateLimitedError,
    RejectedRequestError,
    UnknownOutcomeError,
    UnreadableRecordError,
    UnsupportedRequestError,
    VendorAccountError,
)
from longtake.domain.request import Reference, Role, ShotRequest
from longtake.domain.verdicts import Verdict
from longtake.files.clocks import steady_seconds, this_process
from longtake.files.directory import DirectoryStore
from longtake.jobs import submit as buying
from longtake.jobs.order import Order
from longtake.jobs.submit import buy, wait_for_other_run
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import ClipRecord, Expectation, State, VerdictRecord
from tests.unit.bought import ACCOUNT, BASE_URL, IDENTITY, accepted, clip, intent, session_at, until

QUOTE = Quote(low_usd=0.2, high_usd=0.5)


class Vendor:
    """Gives its answers in turn, the last one again and again, and keeps what it was asked."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers) or [ok()]
        self.bodies: list[dict[str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def count(self) -> int:
        return len(self.bodies)


def ok(job_id="task-1", **more):
    return httpx.Response(200, json={"id": job_id, "status": "pending"} | more)


def refused(status, code="", message="no", headers=None):
    return httpx.Response(status, json={"error": {"code": code, "message": message}}, headers=headers)


def order(**more) -> Order:
    known = {"output": "/out", "account": "evolink", "shot_id": "reel/1", "request": ShotRequest(prompt="a cat")}
    return Order(**(known | {"identity": IDENTITY, "quote": QUOTE} | more))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


@pytest.fixture
def pauses(monkeypatch):
    """How long was slept; time does not pass for it."""
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds, *more):
        slept.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


async def bought(vendor, ledger, budget=None, wanted=None, **account):
    session = session_at(vendor, **account)
    try:
        return await buy(wanted or order(), session, ledger, budget)
    finally:
        await session.close()


def write(ledger, *records) -> None:
    for record in records:
        ledger.add(record)


async def test_an_unknown_outcome_is_not_submitted_again(ledger):
    ledger.intend(intent())
    ledger.unknown(intent(), "the line went dead")
    vendor = Vendor()
    with pytest.raises(UnknownOutcomeError, match="the line went dead"):
        await bought(vendor, ledger)
    assert vendor.count == 0


async def test_a_try_whose_process_has_ended_without_an_answer_is_not_submitted_again(ledger):
    ledger.intend(intent(process=f"{this_process()}0"))
    vendor = Vendor()
    with pytest.raises(UnknownOutcomeError):
        await bought(vendor, ledger)
    assert vendor.count == 0


async def test_what_cannot_be_read_is_not_bought(ledger):
    ledger.store.create(f"ledger/{IDENTITY}/accepted.json", b"{")
    vendor = Vendor()
    with pytest.raises(UnreadableRecordError, match=r"accepted\.json"):
        await bought(vendor, ledger)
    assert vendor.count == 0


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.CONTENT_REFUSED, Verdict.UNKNOWN_OUTCOME])
async def test_a_purchase_that_is_over_is_not_bought_again(ledger, verdict):
    ledger.intend(intent())
    write(ledger, VerdictRecord(identity=IDENTITY, verdict=verdict, evidence="it ended badly"))
    vendor = Vendor()
    with pytest.raises(LedgerError, match="it ended badly") as caught:
        await bought(vendor, ledger)
    assert not isinstance(caught.value, UnknownOutcomeError | UnreadableRecordError)
    assert vendor.count == 0


@pytest.mark.parametrize("ended", [None, VerdictRecord(identity=IDENTITY, verdict=Verdict.FAILED)])
async def test_a_job_that_was_bought_is_given_and_not_bought(ledger, ended):
    ledger.intend(intent())
    write(ledger, accepted(job_id="theirs"), *([ended] if ended else []))
    vendor = Vendor()
    assert (await bought(vendor, ledger)).job_id == "theirs"
    assert vendor.count == 0


async def test_after_a_void_try_the_next_one_is_submitted_under_the_next_number(ledger):
    first = intent()
    ledger.intend(first)
    ledger.void(first, "429")
    vendor = Vendor()
    await bought(vendor, ledger)
    assert (vendor.count, ledger.purchase(IDENTITY).last_try) == (1, 2)


async def test_the_intent_tells_what_is_bought_where_by_whom_and_until_when(ledger):
    wanted = order(
        take=3,
        row_take=2,
        variant=2,
        attempt=4,
        run="run-7",
        slot="slot-9",
        expected=Expectation(clip_seconds=5.0),
        written={"prompt": "as written"},
    )
    ledger.clock = lambda: 5000.0
    await bought(Vendor(), ledger, wanted=wanted)
    kept = ledger.purchase(IDENTITY).intent
    assert (kept.take, kept.row_take, kept.variant, kept.attempt, kept.number) == (3, 2, 2, 4, 1)
    assert (kept.vendor, kept.account, kept.base_url, kept.shot_id) == ("evolink", ACCOUNT, BASE_URL, "reel/1")
    assert (kept.run, kept.slot, kept.request) == ("run-7", "slot-9", {"prompt": "as written"})
    assert (kept.price_low_usd, kept.price_high_usd, kept.expected.clip_seconds) == (0.2, 0.5, 5.0)
    assert kept.wire_model.startswith("seedance")
    assert (kept.at, kept.deadline) == (5000.0, 5000.0 + 60 + 30)
    assert kept.host == f"{socket.gethostname()}:{os.getpid()}"
    assert kept.process == this_process()
    assert abs(steady_seconds() - kept.steady_at) < 60


async def test_an_intent_without_words_of_its_own_keeps_the_request_and_the_take(ledger):
    await bought(Vendor(), ledger, wanted=order(take=5, quote=None))
    kept = ledger.purchase(IDENTITY).intent
    assert (kept.row_take, kept.price_low_usd, kept.price_high_usd) == (5, None, None)
    assert kept.request["prompt"] == "a cat"


def test_a_stored_request_holds_no_signed_link_and_no_bytes(tmp_path):
    picture = tmp_path / "cat.png"
    picture.write_bytes(b"a picture")
    request = ShotRequest(
        prompt="a cat",
        references=(
            Reference(role=Role.FIRST_FRAME, source="https://host.test/a.png?Signature=secret"),
            Reference(role=Role.LAST_FRAME, source=str(picture)),
            Reference(role=Role.REFERENCE_VIDEO, source="clip:1-abc"),
            Reference(role=Role.REFERENCE_IMAGE, source="last_frame:1-abc"),
        ),
    )
    form = buying.stored_request(request)
    assert "secret" not in json.dumps(form)
    assert json.loads(json.dumps(form))["prompt"] == "a cat"
    roles = [one["role"] for one in form["references"]]
    assert roles == [one.role.value for one in request.references]
    sources = [one["source"] for one in form["references"]]
    assert sources[0] == "https://host.test/a.png"
    assert str(tmp_path) not in sources[1]
    assert sources[2:] == ["clip:1-abc", "last_frame:1-abc"]
    assert "seed" not in form  # what was not asked is not written


async def test_the_job_is_written_down_with_its_figures_and_told(ledger):
    moments = iter(range(4000, 5000))
    ledger.clock = lambda: float(next(moments))
    answer = ok(usage={"credits_reserved": 7.5}, task_info={"estimated_time": 90})
    got = await bought(Vendor(answer), ledger)
    kept = ledger.purchase(IDENTITY).accepted
    assert kept.job == got
    assert (got.job_id, got.account, got.base_url) == ("task-1", ACCOUNT, BASE_URL)
    assert got.submitted_at > ledger.purchase(IDENTITY).intent.at  # when it was answered
    assert kept.usage == {"credits_reserved": 7.5}
    assert got.estimated_seconds == 90


SPENT_ENDS = {
    "rejected": (refused(400, "invalid_request", "bad prompt"), RejectedRequestError),
    "key": (refused(401, "unauthorized", "no such key"), VendorAccountError),
    "not sent": (httpx.ConnectError("no route"), NotSentError),
}


@pytest.mark.parametrize("name", SPENT_ENDS)
async def test_after_a_refusal_the_try_is_void_and_its_money_free(ledger, name, pauses):
    answer, error = SPENT_ENDS[name]
    budget = await Budget(ledger, budget_usd=0.5).open()
    with pytest.raises(error):
        await bought(Vendor(answer), ledger, budget)
    purchase = ledger.purchase(IDENTITY)
    assert purchase.state(time.time()) is State.NEW
    assert purchase.voids
    assert budget.spent_usd == 0
    again = await Budget(ledger, budget_usd=0.5).open()
    await again.reserve("1-other", QUOTE, ACCOUNT)


@pytest.mark.parametrize("name", SPENT_ENDS)
async def test_where_another_account_may_be_asked_its_money_stays_set_aside(ledger, name, pauses):
    answer, error = SPENT_ENDS[name]
    budget = await Budget(ledger, budget_usd=0.5).open()
    session = session_at(Vendor(answer))
    with pytest.raises(error):
        await buy(order().model_copy(update={"goes_on": True}), session, ledger, budget)
    await session.close()
    with pytest.raises(BudgetExceededError):
        await (await Budget(ledger, budget_usd=0.5).open()).reserve("1-other", QUOTE, ACCOUNT)
    await budget.reserve(IDENTITY, QUOTE, "anyfast/default")


async def test_after_an_unknown_outcome_its_money_stays_set_aside(ledger):
    budget = await Budget(ledger, budget_usd=0.5).open()
    with pytest.raises(UnknownOutcomeError):
        await bought(Vendor(httpx.ReadError("cut")), ledger, budget)
    assert ledger.purchase(IDENTITY).state(time.time()) is State.UNKNOWN
    assert budget.spent_usd == 0.5
    with pytest.raises(BudgetExceededError):
        await budget.reserve("1-other", QUOTE, ACCOUNT)


async def test_what_does_not_fit_into_the_budget_is_not_sent(ledger):
    vendor = Vendor()
    with pytest.raises(BudgetExceededError):
        await bought(vendor, ledger, await Budget(ledger, budget_usd=0.4).open())
    assert (vendor.count, ledger.load()) == (0, {})


async def test_a_cap_of_the_account_holds_without_a_budget(ledger):
    vendor = Vendor()
    with pytest.raises(BudgetExceededError, match=f"max_spend_usd of {ACCOUNT}"):
        await bought(vendor, ledger, max_spend_usd=0.4)
    assert vendor.count == 0
    await bought(vendor, ledger, max_spend_usd=0.6)
    assert vendor.count == 1
    with pytest.raises(BudgetExceededError):
        await bought(vendor, ledger, wanted=order(identity="1-b"), max_spend_usd=0.6)
    assert vendor.count == 1


async def test_a_cap_of_the_account_holds_within_a_budget(ledger):
    vendor = Vendor()
    with pytest.raises(BudgetExceededError, match="max_spend_usd"):
        await bought(vendor, ledger, await Budget(ledger, budget_usd=9.0).open(), max_spend_usd=0.4)
    assert vendor.count == 0


async def test_a_vendor_that_cannot_be_reached_is_tried_four_times(ledger, pauses):
    vendor = Vendor(httpx.ConnectError("no route"))
    with pytest.raises(NotSentError):
        await bought(vendor, ledger)
    assert vendor.count == 4
    assert [pause for pause in pauses if pause >= 0.25] == [0.5, 1.0, 2.0]
    assert sorted(ledger.purchase(IDENTITY).voids) == [1, 2, 3, 4]


async def test_a_vendor_that_is_reached_at_the_fourth_try_is_bought_from_once(ledger, pauses):
    vendor = Vendor(*[httpx.ConnectError("no route")] * 3, ok())
    assert (await bought(vendor, ledger)).job_id == "task-1"
    assert sorted(ledger.purchase(IDENTITY).voids) == [1, 2, 3]


async def test_a_throttled_submit_waits_as_long_as_the_vendor_asks(ledger, monkeypatch):
    vendor = Vendor(refused(429, headers={"Retry-After": "7"}), refused(429, headers={"Retry-After": "7200"}), ok())
    session, asked = session_at(vendor), []
    monkeypatch.setattr(session.pace, "pause", asked.append)
    await buy(order(), session, ledger)
    await session.close()
    assert (vendor.count, asked) == (3, [7.0, 60.0])
    assert sorted(ledger.purchase(IDENTITY).voids) == [1, 2]


@pytest.mark.parametrize(
    ("asked", "number", "seconds"),
    [
        (None, 1, 1.5),
        (None, 2, 2.25),
        (None, 9, 30.0),
        (None, 50, 30.0),
        (0.5, 1, 0.5),
        (60.0, 1, 60.0),
        (3600, 1, 60.0),
    ],
)
def test_nobody_submits_for_as_long_as_is_asked_but_never_for_hours(asked, number, seconds):
    session = session_at(Vendor())
    error = RateLimitedError("slow down", retry_after_seconds=asked)
    assert buying._pause_seconds(error, intent(number=number), session) == seconds


def test_a_pause_longer_than_is_kept_is_told(caplog):
    session = session_at(Vendor())
    buying._pause_seconds(RateLimitedError("", retry_after_seconds=60.0), intent(), session)
    assert caplog.text == ""
    buying._pause_seconds(RateLimitedError("", retry_after_seconds=7200.0), intent(), session)
    assert ACCOUNT in caplog.text
    assert "7.2e+03 s" in caplog.text
    assert "60 s" in caplog.text


async def test_every_submit_waits_for_its_turn_at_the_account(ledger, monkeypatch):
    vendor, turns = Vendor(), []
    session = session_at(vendor)

    async def turn():
        turns.append(vendor.count)

    monkeypatch.setattr(session.pace, "turn", turn)
    await buy(order(), session, ledger)
    await session.close()
    assert turns == [0]


async def test_an_account_in_trouble_is_asked_for_nothing(ledger):
    vendor = Vendor()
    session = session_at(vendor)
    session.trouble = VendorAccountError("no such key")
    with pytest.raises(VendorAccountError, match="no such key"):
        await buy(order(), session, ledger)
    await session.close()
    assert (vendor.count, ledger.load()) == (0, {})


async def test_an_account_that_refuses_the_key_is_put_on_hold(ledger):
    session = session_at(Vendor(refused(401, "unauthorized", "no such key")))
    with pytest.raises(VendorAccountError) as caught:
        await buy(order(), session, ledger)
    await session.close()
    assert session.trouble is caught.value
    assert "no such key" in ledger.purchase(IDENTITY).voids[1].reason


async def test_a_rejected_request_tells_in_its_void_why_and_holds_nobody_else(ledger):
    session = session_at(Vendor(refused(400, "invalid_request", "bad prompt")))
    with pytest.raises(RejectedRequestError):
        await buy(order(), session, ledger)
    await session.close()
    assert session.trouble is None
    assert "bad prompt" in ledger.purchase(IDENTITY).voids[1].reason


async def test_moderation_s_no_is_the_end_of_a_purchase_and_free(ledger):
    budget = await Budget(ledger, budget_usd=0.5).open()
    vendor = Vendor(refused(400, "content_policy_violation", "unsafe words"))
    with pytest.raises(ContentRefusedError):
        await bought(vendor, ledger, budget)
    purchase = ledger.purchase(IDENTITY)
    assert (purchase.verdict.verdict, purchase.voids) == (Verdict.CONTENT_REFUSED, {})
    assert "unsafe words" in purchase.verdict.evidence
    assert (budget.spent_usd, purchase.is_charged) == (0, False)


async def test_a_request_that_breaks_a_limit_writes_no_intent(ledger):
    vendor = Vendor()
    with pytest.raises(UnsupportedRequestError):
        await bought(vendor, ledger, wanted=order(request=ShotRequest(prompt="a cat", duration_seconds=900)))
    assert (vendor.count, ledger.load()) == (0, {})


async def test_whatever_a_submit_raises_is_an_unknown_outcome(ledger, monkeypatch):
    session = session_at(Vendor())

    async def broken(*given):
        raise ZeroDivisionError("x" * 900)

    monkeypatch.setattr(session.client, "submit", broken)
    with pytest.raises(UnknownOutcomeError, match=r"ZeroDivisionError: x{500}$") as caught:
        await buy(order(), session, ledger)
    await session.close()
    assert ledger.purchase(IDENTITY).unknowns[1].evidence == str(caught.value)
    assert ledger.purchase(IDENTITY).state(time.time()) is State.UNKNOWN


async def test_ids_that_an_odd_answer_names_are_told_with_the_way_to_adopt_them(ledger, monkeypatch):
    session = session_at(Vendor())

    async def odd(*given):
        raise UnknownOutcomeError("odd words", "E7", 418, None, ("task-8", "task-9"))

    monkeypatch.setattr(session.client, "submit", odd)
    with pytest.raises(UnknownOutcomeError) as caught:
        await buy(order(), session, ledger)
    await session.close()
    for words in (str(caught.value), ledger.purchase(IDENTITY).evidence_of_unknown()):
        assert "odd words" in words
        assert "--output /out --adopt reel/1=task-8 or " in words
        assert "--adopt reel/1=task-9" in words
    assert (caught.value.code, caught.value.http_status, caught.value.job_ids) == ("E7", 418, ("task-8", "task-9"))


async def test_an_odd_answer_that_names_no_job_keeps_its_words(ledger, monkeypatch):
    session = session_at(Vendor())

    async def odd(*given):
        raise UnknownOutcomeError("odd words", "E7", 418)

    monkeypatch.setattr(session.client, "submit", odd)
    with pytest.raises(UnknownOutcomeError) as caught:
        await buy(order(), session, ledger)
    await session.close()
    assert (caught.value.message, caught.value.code) == ("odd words", "E7")
    assert "--adopt" not in str(caught.value)


async def test_a_job_is_expected_to_call_back_at_the_address_that_was_sent(ledger, monkeypatch):
    session, expected = session_at(Vendor()), []
    sent = ShotRequest(prompt="a cat", callback_url="https://us.test/called")
    monkeypatch.setattr(session, "with_callback", lambda request: sent)
    monkeypatch.setattr(session, "expect_callback", lambda request, job_id: expected.append((request, job_id)))
    await buy(order(), session, ledger)
    await session.close()
    assert expected == [(sent, "task-1")]


async def test_the_callback_address_is_in_the_request_that_leaves(ledger, monkeypatch):
    vendor = Vendor()
    session = session_at(vendor)
    sent = ShotRequest(prompt="a cat", callback_url="https://us.test/called")
    monkeypatch.setattr(session, "with_callback", lambda request: sent)
    await buy(order(), session, ledger)
    await session.close()
    assert "https://us.test/called" in json.dumps(vendor.bodies)
    assert "us.test" not in ledger.purchase(IDENTITY).model_dump_json()


async def test_a_run_whose_beat_is_too_old_sends_nothing_by_it(ledger, monkeypatch):
    """Others may have taken what it set aside: it writes anew that it lives, and only then submits."""
    now = [1000.0]
    vendor, budget = Vendor(), await Budget(ledger, budget_usd=1.0, clock=lambda: now[0]).open()
    intend, slept = ledger.intend, []

    def slow(record):
        if not slept:
            slept.append(record)
            now[0] += 151
        return intend(record)

    monkeypatch.setattr(ledger, "intend", slow)
    await bought(vendor, ledger, budget)
    assert (vendor.count, sorted(ledger.purchase(IDENTITY).voids)) == (1, [1])


@pytest.mark.parametrize(
    ("clock_seconds", "slept_seconds", "late"),
    [(0, 0, False), (30, 0, False), (31, 0, True), (0, 30, False), (0, 31, True)],
)
def test_a_submit_that_others_may_take_for_unknown_while_it_runs_is_too_late(
    ledger, clock_seconds, slept_seconds, late, monkeypatch
):
    monkeypatch.setattr(buying, "steady_seconds", lambda: 500.0)
    ledger.clock = lambda: 1000.0 + clock_seconds
    written = intent(at=1000.0, deadline=1000.0 + 60 + 30, steady_at=500.0 - slept_seconds)
    assert buying._is_too_late(written, ledger) is late
    assert buying._is_too_late(written.model_copy(update={"steady_at": None}), ledger) is (clock_seconds == 31)


async def test_what_leaves_is_what_was_made_ready_before_the_intent(ledger, monkeypatch):
    session, ready, sent = session_at(Vendor()), [], []
    prepare, submit = session.client.prepare, session.client.submit

    def prepared(request):
        ready.append((request, prepare(request), ledger.purchase(IDENTITY).last_try))
        return ready[-1][1]

    async def noted(*given):
        sent.append(given)
        return await submit(*given)

    monkeypatch.setattr(session.client, "prepare", prepared)
    monkeypatch.setattr(session.client, "submit", noted)
    await buy(order(), session, ledger)
    await session.close()
    assert [(request, call) for request, call, _ in ready] == sent
    assert [last_try for *_, last_try in ready] == [0]


async def test_a_clip_without_the_record_of_its_job_is_not_bought_again(ledger):
    ledger.intend(intent())
    ledger.store.create(f"ledger/{IDENTITY}/accepted.json", b"{")
    ledger.add(ClipRecord(identity=IDENTITY, clip=clip()))
    vendor = Vendor()
    with pytest.raises(LedgerError):
        await bought(vendor, ledger)
    assert vendor.count == 0


async def test_a_try_that_another_run_claimed_first_is_not_sent_by_us(ledger, monkeypatch):
    vendor = Vendor()
    intend = ledger.intend

    def outrun(record):
        if ledger.purchase(IDENTITY).last_try == 0:
            intend(intent())
            ledger.add(accepted(job_id="theirs"))
        return intend(record)

    monkeypatch.setattr(ledger, "intend", outrun)
    assert (await bought(vendor, ledger)).job_id == "theirs"
    assert vendor.count == 0


async def test_while_another_run_submits_it_is_waited_for_and_its_job_taken(ledger, pauses, monkeypatch):
    ledger.intend(intent())
    read, looks = ledger.purchase, []

    def looked(identity):
        looks.append(identity)
        if len(looks) == 4:
            ledger.add(accepted(job_id="theirs"))
        return read(identity)

    monkeypatch.setattr(ledger, "purchase", looked)
    vendor = Vendor()
    assert (await bought(vendor, ledger)).job_id == "theirs"
    assert vendor.count == 0
    assert [pause for pause in pauses if pause >= 0.25] == [1.0, 1.0]


async def test_another_run_s_next_try_is_waited_for_anew(ledger, pauses, monkeypatch):
    """Its first try was throttled; it is at its second. We do not submit beside it."""
    waited = []

    async def wait(identity, ledger):
        waited.append(ledger.purchase(identity).last_try)
        if waited == [1]:
            ledger.void(intent(), "429")
            ledger.intend(intent(number=2))
        else:
            ledger.add(accepted(job_id="theirs"))

    monkeypatch.setattr(buying, "wait_for_other_run", wait)
    ledger.intend(intent())
    vendor = Vendor()
    assert (await bought(vendor, ledger)).job_id == "theirs"
    assert (vendor.count, waited) == (0, [1, 2])


async def test_a_try_that_stays_without_an_end_is_waited_for_once(ledger, monkeypatch):
    waited = []

    async def wait(identity, ledger):
        waited.append(identity)

    monkeypatch.setattr(buying, "wait_for_other_run", wait)
    ledger.intend(intent())
    vendor = Vendor()
    with pytest.raises(UnknownOutcomeError):
        await bought(vendor, ledger)
    assert (vendor.count, waited) == (0, [IDENTITY])


async def test_waiting_for_another_run_ends_with_its_try_or_after_the_time_that_one_may_take(ledger, monkeypatch):
    now, slept = [0.0], []

    async def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds
        if voids and len(slept) == voids[0]:
            tried = ledger.purchase(IDENTITY).intent
            ledger.void(tried, "429")
            ledger.intend(intent(number=tried.number + 1))

    monkeypatch.setattr(buying.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(buying.asyncio, "sleep", sleep)
    voids: list[int] = []
    await wait_for_other_run(IDENTITY, ledger)
    assert slept == []
    ledger.intend(intent())
    await wait_for_other_run(IDENTITY, ledger)
    assert slept == [1.0] * 91  # 60 s of the submit and 30 s beyond
    for number in (0, 1):  # its next try may be seen at the first look already
        voids = [3 + number]
        now[0] = 0.0
        slept.clear()
        await wait_for_other_run(IDENTITY, ledger)
        assert slept == [1.0] * voids[0]


async def test_a_run_that_is_cancelled_in_its_submit_keeps_the_job(ledger, monkeypatch):
    session, release = session_at(Vendor()), asyncio.Event()
    submit = session.client.submit

    async def slow(*given):
        await release.wait()
        return await submit(*given)

    monkeypatch.setattr(session.client, "submit", slow)
    buyer = asyncio.create_task(buy(order(), session, ledger))
    await until(buying.submits_under_way)
    for _ in range(3):
        buyer.cancel()
        await asyncio.sleep(0.01)
    assert not buyer.done()
    assert buying.submits_under_way() == 1
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(buyer, 5)
    assert ledger.purchase(IDENTITY).accepted.job.job_id == "task-1"
    await asyncio.sleep(0)
    assert buying.submits_under_way() == 0
    await session.close()


async def test_a_submit_that_never_ends_is_given_up_after_its_time(ledger, monkeypatch):
    monkeypatch.setattr(buying, "FINISH_SUBMIT_SECONDS", 0.1)
    session = session_at(Vendor())

    async def hangs(*given):
        await asyncio.sleep(60)

    monkeypatch.setattr(session.client, "submit", hangs)
    buyer = asyncio.create_task(buy(order(), session, ledger))
    await until(buying.submits_under_way)
    buyer.cancel()
    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(buyer, 5)
    assert 0.08 < time.monotonic() - begun < 3
    await asyncio.sleep(0.02)
    assert buying.submits_under_way() == 0
    assert ledger.purchase(IDENTITY).state(time.time()) is State.SUBMITTING
    await session.close()


async def test_a_submit_that_fails_after_its_run_was_cancelled_is_written_down_and_leaves_no_noise(ledger, monkeypatch):
    session, release, noise = session_at(Vendor()), asyncio.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: noise.append(context))

    async def broken(*given):
        await release.wait()
        raise RuntimeError("cut")

    monkeypatch.setattr(session.client, "submit", broken)
    buyer = asyncio.create_task(buy(order(), session, ledger))
    await until(buying.submits_under_way)
    buyer.cancel()
    await asyncio.sleep(0)
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await buyer
    del buyer
    gc.collect()
    await asyncio.sleep(0)
    assert ledger.purchase(IDENTITY).state(time.time()) is State.UNKNOWN
    assert noise == []
    await session.close()


async def test_throttled_for_longer_than_is_waited_nothing_was_bought(ledger, monkeypatch):
    now = [100.0]
    vendor = Vendor(refused(429))
    session = session_at(vendor, max_wait_seconds=40)
    monkeypatch.setattr(buying.time, "monotonic", lambda: now[0])

    async def turn():
        now[0] += 20

    monkeypatch.setattr(session.pace, "turn", turn)
    monkeypatch.setattr(session.pace, "pause", lambda seconds: None)
    budget = await Budget(ledger, budget_usd=0.5).open()
    with pytest.raises(RateLimitedError):
        await buy(order(), session, ledger, budget)
    await session.close()
    assert vendor.count == 3
    assert ledger.purchase(IDENTITY).state(time.time()) is State.NEW
    assert budget.spent_usd == 0


def test_an_order_of_one_s_own_flow_gets_account_and_identity_of_shot_take_and_request():
    bare = Order(output="/out", account="evolink", shot_id="reel/1", request=ShotRequest(prompt="a cat"))
    known = bare.identified()
    assert known.account == ACCOUNT
    assert known.identified() == known
    alike = [
        bare.model_copy(update={"shot_id": "reel/2"}),
        bare.model_copy(update={"shot_id": "other/1"}),
        bare.model_copy(update={"take": 2}),
        bare.model_copy(update={"request": ShotRequest(prompt="a dog")}),
        bare.model_copy(update={"request": ShotRequest(prompt="a cat", model="seedance-2.0-fast")}),
        bare.model_copy(update={"account": "jimmyai"}),
    ]
    assert len({one.identified().identity for one in [bare, *alike]}) == 7
    lone = bare.model_copy(update={"shot_id": "reel"}).identified()
    assert lone.identity == known.identity


def test_an_order_with_a_file_that_was_not_hosted_is_refused():
    request = ShotRequest(prompt="a cat", references=(Reference(role=Role.FIRST_FRAME, source="/tmp/cat.png"),))
    with pytest.raises(UnsupportedRequestError):
        Order(output="/out", account="evolink", shot_id="reel/1", request=request).identified()
