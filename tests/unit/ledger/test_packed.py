"""Purchases held packed: the same as read, and grown by what the ledger writes, without a look at the store."""

from __future__ import annotations

import pytest

from longtake.domain.job import JobStatus
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, Claim, ClipRecord, State, Terminal
from tests.unit.ledger.test_ledger import IDENTITY, clip, intent, job

OTHER = "1-" + "b" * 40


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


def write_all(ledger: Ledger, identity: str) -> None:
    ledger.intend(intent(identity))
    ledger.add(Accepted(identity=identity, job=job(identity)))
    ledger.add(Claim(identity=identity, slot="s", run="r"), name="claim-1")
    ledger.add(Terminal(identity=identity, status=JobStatus.SUCCEEDED, usage={"total_tokens": 7.5}))
    ledger.add(ClipRecord(identity=identity, clip=clip()))


def test_packed_purchases_are_those_that_are_read(ledger, tmp_path):
    for identity in (IDENTITY, OTHER):
        write_all(ledger, identity)
    (tmp_path / "ledger" / OTHER / "terminal.json").write_text("{torn")
    (tmp_path / "ledger" / OTHER / "notes.txt").write_text("a person's")
    (tmp_path / "ledger" / OTHER / "clip.mp4").write_bytes(b"film")

    packed, read = ledger.load_packed(), ledger.load()

    assert dict(packed) == read
    assert packed[OTHER].foreign == ("notes.txt",)
    assert packed[OTHER].unreadable == read[OTHER].unreadable != ()
    assert packed.get("1-" + "c" * 40) is None


def test_what_a_ledger_writes_is_known_without_a_look_at_the_store(ledger, tmp_path, monkeypatch):
    write_all(ledger, OTHER)
    packed = ledger.load_packed()
    before = packed.copy()
    ledger.follow(packed)
    monkeypatch.setattr(DirectoryStore, "read_many", None)
    monkeypatch.setattr(DirectoryStore, "list", None)

    ledger.intend(intent())
    assert packed[IDENTITY].state(0.0) is State.SUBMITTING
    ledger.add(Accepted(identity=IDENTITY, job=job()))
    assert packed[IDENTITY].job == job()
    ledger.add(ClipRecord(identity=IDENTITY, clip=clip()))

    assert packed[IDENTITY].state(0.0) is State.DONE
    assert set(packed) == {IDENTITY, OTHER}
    assert set(before) == {OTHER}, "what stood when the run began stays as it stood"


def test_a_record_of_ours_whose_answer_was_lost_is_known_and_anothers_is_not(ledger, tmp_path):
    other = Ledger(DirectoryStore(tmp_path))
    packed = ledger.load_packed()
    ledger.follow(packed)
    accepted = Accepted(identity=IDENTITY, job=job())
    other.add(accepted)

    ledger.add(accepted)

    assert packed[IDENTITY].accepted == accepted
    other.add(ClipRecord(identity=IDENTITY, clip=clip()))
    assert not ledger.add_once(ClipRecord(identity=IDENTITY, clip=clip()))
    assert packed[IDENTITY].clip is None


def test_many_purchases_much_like_one_another_take_few_bytes_each(ledger):
    names = [f"1-{number:040x}" for number in range(50)]
    for identity in names:
        write_all(ledger, identity)

    packed = ledger.load_packed()

    assert sum(len(pack) for pack in packed._texts._packs.values()) < 50 * 600
