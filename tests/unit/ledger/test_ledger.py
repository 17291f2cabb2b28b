"""The ledger's records: exclusive, durable, and never mistaken for "not bought"."""

from __future__ import annotations

import json
import threading
import time

import pytest

from longtake.domain.errors import PublishConflictError, UnreadableRecordError
from longtake.domain.job import Clip, Job
from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, ClipRecord, Intent, State, VerdictRecord

IDENTITY = "1-" + "a" * 40


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


def intent(identity=IDENTITY, number=1, deadline=None):
    return Intent(
        identity=identity,
        shot_id="reel/1",
        take=1,
        attempt=1,
        number=number,
        vendor="evolink",
        account="evolink/default",
        base_url="https://vendor.test",
        wire_model="m",
        request={"prompt": "p"},
        deadline=time.time() + 90 if deadline is None else deadline,
    )


def job(identity=IDENTITY):
    return Job(
        vendor="evolink",
        account="evolink/default",
        base_url="https://vendor.test",
        wire_model="m",
        job_id="j1",
        identity=identity,
        shot_id="reel/1",
        submitted_at=1.0,
    )


def clip():
    return Clip(key="k", sha256="0" * 64, size_bytes=1, width=2, height=2, frames=1, duration_seconds=1)


def state(ledger, now=None):
    return ledger.purchase(IDENTITY).state(time.time() if now is None else now)


def test_a_purchase_walks_through_its_states(ledger):
    assert state(ledger) is State.NEW
    first = intent()
    assert ledger.intend(first)
    assert state(ledger) is State.SUBMITTING
    ledger.void(first, "429")
    assert state(ledger) is State.NEW
    assert ledger.purchase(IDENTITY).last_try == 1
    ledger.intend(intent(number=2))
    ledger.add(Accepted(identity=IDENTITY, job=job()))
    assert state(ledger) is State.IN_FLIGHT
    ledger.add(ClipRecord(identity=IDENTITY, clip=clip()))
    assert state(ledger) is State.DONE


def test_an_intent_without_an_id_becomes_an_unknown_outcome_after_its_deadline(ledger):
    ledger.intend(intent(deadline=100.0))
    assert state(ledger, now=99.0) is State.SUBMITTING
    assert state(ledger, now=101.0) is State.UNKNOWN


def test_a_second_claim_of_one_try_is_not_ours(ledger):
    assert ledger.intend(intent())
    assert not ledger.intend(intent())


def test_only_one_of_many_claims_at_once_wins(ledger):
    wins: list[bool] = []
    threads = [threading.Thread(target=lambda: wins.append(ledger.intend(intent()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == [False] * 15 + [True]


def test_a_create_whose_answer_was_lost_is_still_ours(ledger):
    record = intent()
    assert ledger.intend(record)
    assert ledger.intend(record)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"format": 2}', b"\x00\xff", b"<html>", b'{"format":1,"identity":"x"}'],
    ids=["empty", "torn", "list", "newer", "binary", "html", "incomplete"],
)
@pytest.mark.parametrize("name", ["try-1.intent", "accepted", "terminal", "clip", "verdict", "try-1.void"])
def test_an_unreadable_record_is_never_taken_for_unbought(ledger, content, name):
    ledger.store.create(f"ledger/{IDENTITY}/{name}.json", content)
    purchase = ledger.purchase(IDENTITY)
    assert purchase.state(time.time()) is State.UNREADABLE
    assert purchase.is_charged
    assert name in purchase.unreadable[0]


def test_a_record_of_another_purchase_is_reported(ledger):
    other = "1-" + "b" * 40
    ledger.store.create(
        f"ledger/{IDENTITY}/accepted.json", Accepted(identity=other, job=job(other)).model_dump_json().encode()
    )
    assert state(ledger) is State.UNREADABLE


def test_a_file_of_unknown_name_makes_the_purchase_unreadable(ledger):
    ledger.store.create(f"ledger/{IDENTITY}/approved.json", json.dumps({"format": 1}).encode())
    assert state(ledger) is State.UNREADABLE


def test_a_conflicting_record_is_an_error(ledger):
    ledger.add(VerdictRecord(identity=IDENTITY, verdict=Verdict.FAILED))
    with pytest.raises(PublishConflictError):
        ledger.add(VerdictRecord(identity=IDENTITY, verdict=Verdict.LOST))


def test_a_conflict_with_a_torn_record_is_reported_as_unreadable(ledger):
    ledger.store.create(f"ledger/{IDENTITY}/verdict.json", b"{")
    with pytest.raises(UnreadableRecordError):
        ledger.add(VerdictRecord(identity=IDENTITY, verdict=Verdict.LOST))


def test_one_load_reads_every_purchase(ledger):
    for number in range(50):
        ledger.intend(intent(identity=f"1-{number:040d}"))
    purchases = ledger.load()
    assert len(purchases) == 50
    assert {purchase.state(time.time()) for purchase in purchases.values()} == {State.SUBMITTING}
