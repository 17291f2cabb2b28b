"""What a process knows of its purchases is not asked for again, and never keeps it from finding what others bought."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from longtake.domain.errors import PublishConflictError
from longtake.domain.job import JobStatus
from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.ledger import recent
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, ClipRecord, State, Terminal, VerdictRecord
from tests.unit.ledger.test_ledger import IDENTITY, clip, intent, job

OTHER = "1-" + "b" * 40


class CountedStore(DirectoryStore):
    """Counts what it is asked."""

    def __init__(self, root):
        super().__init__(root)
        self.asked = Counter()

    def survey(self, prefix):
        self.asked["list"] += 1
        return super().survey(prefix)

    def read_seen(self, seen):
        self.asked["read"] += len(seen)
        return super().read_seen(seen)

    def read(self, key):
        self.asked["read"] += 1
        return super().read(key)


@pytest.fixture
def store(tmp_path):
    return CountedStore(tmp_path)


@pytest.fixture
def ledger(store):
    ledger = Ledger(store)
    ledger.load()
    store.asked.clear()
    return ledger


def test_a_purchase_is_followed_from_intent_to_clip_without_a_question(store, ledger):
    assert ledger.before_buying(IDENTITY).state(time.time()) is State.NEW
    assert ledger.intend(intent())
    ledger.add(Accepted(identity=IDENTITY, job=job()))
    assert ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
    assert ledger.add_once(ClipRecord(identity=IDENTITY, clip=clip()))
    told = ledger.latest(IDENTITY)
    assert store.asked == {}
    assert told == Ledger(store).purchase(IDENTITY)
    assert told.state(time.time()) is State.DONE


def test_who_did_not_read_the_whole_ledger_takes_nothing_for_new(store):
    ledger = Ledger(store)
    Ledger(store).intend(intent())
    assert ledger.before_buying(IDENTITY).state(time.time()) is State.SUBMITTING


def test_what_another_run_bought_since_the_ledger_was_read_is_found_by_its_intent(store, ledger):
    other = Ledger(store)
    other.intend(intent())
    other.add(Accepted(identity=IDENTITY, job=job()))
    assert ledger.before_buying(IDENTITY).state(time.time()) is State.NEW
    assert not ledger.intend(intent())
    assert ledger.before_buying(IDENTITY).accepted.job.job_id == "j1"
    assert ledger.latest(IDENTITY).accepted.job.job_id == "j1"


def test_a_purchase_that_was_there_is_read_before_it_is_bought(store):
    first = Ledger(store)
    first.intend(intent())
    first.void(intent(), "429")
    ledger = Ledger(store)
    ledger.load()
    assert ledger.before_buying(IDENTITY).last_try == 1
    first.intend(intent(number=2))
    assert ledger.before_buying(IDENTITY).state(time.time()) is State.SUBMITTING


def test_what_a_person_decided_meanwhile_rules_over_what_is_added_by_old_knowledge(store, ledger):
    """The run still follows the job of which it knows; its end is no end of the job that a person named since."""
    ledger.before_buying(IDENTITY)
    ledger.intend(intent())
    ledger.add(Accepted(identity=IDENTITY, job=job()))
    named = job().model_copy(update={"job_id": "j2"})
    Ledger(store).add_later(Accepted(identity=IDENTITY, job=named, adopted_by="a person"))
    ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.FAILED))
    ledger.add_once(VerdictRecord(identity=IDENTITY, verdict=Verdict.FAILED))
    now = ledger.purchase(IDENTITY)
    assert now.accepted.job.job_id == "j2"
    assert now.state(time.time()) is State.IN_FLIGHT


def test_a_record_that_another_run_wrote_first_makes_what_was_known_void(store, ledger):
    ledger.before_buying(IDENTITY)
    ledger.intend(intent())
    ledger.add(Accepted(identity=IDENTITY, job=job()))
    Ledger(store).add_once(Terminal(identity=IDENTITY, status=JobStatus.FAILED))
    assert not ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
    assert ledger.latest(IDENTITY).terminal.status is JobStatus.FAILED
    with pytest.raises(PublishConflictError):
        ledger.add(Accepted(identity=IDENTITY, job=job()))


def test_what_was_forgotten_is_read_anew(store, ledger, monkeypatch):
    monkeypatch.setattr(recent, "MOST_PURCHASES", 1)
    for identity in (IDENTITY, OTHER):
        ledger.before_buying(identity)
        ledger.intend(intent(identity=identity))
    assert ledger.latest(OTHER).last_try == 1
    assert store.asked == {}
    assert ledger.latest(IDENTITY).last_try == 1
    assert store.asked["list"] == 1
    assert ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
