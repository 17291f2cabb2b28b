"""The text of records: whatever a vendor says can be read back, and what the last release wrote can be read."""

from __future__ import annotations

import json
import math

import pytest

from longtake.domain.errors import UnreadableRecordError
from longtake.domain.job import JobFailure, JobSnapshot, JobStatus
from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.record_files import record_name
from longtake.ledger.records import Accepted, State, Terminal, VerdictRecord
from tests.unit.ledger.test_ledger import IDENTITY, intent, job

ODD_FIGURES = {"nan": math.nan, "inf": math.inf, "minus": -math.inf, "huge": 10**400, "text": "12", "ok": 12.5}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


@pytest.mark.parametrize("kind", [Accepted, Terminal])
@pytest.mark.parametrize("checked", [True, False])
def test_figures_that_no_number_can_hold_are_left_out_and_the_record_is_read_back(ledger, kind, checked):
    fields = {"job": job()} if kind is Accepted else {"status": JobStatus.SUCCEEDED}
    record = kind(identity=IDENTITY, usage=ODD_FIGURES if checked else {}, **fields)
    if not checked:  # as a caller that builds it without validation would
        record = record.model_copy(update={"usage": ODD_FIGURES | {"text": 1.0}})
    ledger.intend(intent())
    assert ledger.add_once(record)
    read = ledger.purchase(IDENTITY)
    assert not read.unreadable
    assert (read.accepted or read.terminal).usage["ok"] == 12.5
    assert not {"nan", "inf", "minus", "huge"} & (read.accepted or read.terminal).usage.keys()


def test_a_snapshot_holds_only_numbers():
    assert JobSnapshot(status=JobStatus.SUCCEEDED, usage=ODD_FIGURES).usage == {"ok": 12.5}


@pytest.mark.parametrize(
    "words", ["half an emoji \ud83d", "\ud800", "nul \0", "\u2028", "é" * 10_000], ids=lambda words: ascii(words[:20])
)
def test_text_that_no_file_can_hold_is_written_as_it_would_be_escaped(ledger, words):
    failure = JobFailure(message=words, code=words)
    ledger.intend(intent())
    assert ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.FAILED, failure=failure))
    assert ledger.add_once(VerdictRecord(identity=IDENTITY, verdict=Verdict.FAILED, evidence=words))
    ledger.unknown(intent(), words)
    read = ledger.purchase(IDENTITY)
    assert not read.unreadable
    assert read.state(0) is State.OVER
    assert read.verdict.evidence == words.encode("utf-8", "backslashreplace").decode()


def test_a_job_id_that_no_file_can_hold_is_an_error_and_not_another_id(ledger):
    record = Accepted(identity=IDENTITY, job=job().model_copy(update={"job_id": "t\ud800"}))
    with pytest.raises(UnreadableRecordError, match="job id"):
        ledger.add(record)
    with pytest.raises(UnreadableRecordError, match="job id"):
        ledger.add_once(record)
    assert ledger.store.list("ledger") == []


@pytest.mark.parametrize("name", ["accepted", "terminal"])
def test_the_null_that_the_last_release_wrote_for_a_figure_is_read(ledger, name):
    record = Accepted(identity=IDENTITY, job=job()) if name == "accepted" else None
    record = record or Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED)
    form = json.loads(record.model_dump_json()) | {"usage": {"total_tokens": None, "credits": 3}}
    ledger.store.create(f"ledger/{IDENTITY}/{name}.json", json.dumps(form).encode())
    read = ledger.purchase(IDENTITY)
    assert not read.unreadable
    assert (read.accepted or read.terminal).usage == {"credits": 3.0}


@pytest.mark.parametrize(
    "name",
    ["accepted-1.json", "accepted-02.json", "Accepted.json", "accepted.json ", "accepted-٢.json", "try-1.intent.json~"],
)
def test_names_that_are_nearly_a_records_are_none(name):
    assert record_name(name) is None


def test_a_copy_of_a_record_of_a_job_is_no_proof_that_nothing_was_bought(ledger):
    """A program that syncs folders gave our record another name."""
    first = intent()
    ledger.intend(first)
    ledger.void(first, "429")
    assert ledger.purchase(IDENTITY).state(0) is State.NEW
    data = Accepted(identity=IDENTITY, job=job()).model_dump_json().encode()
    ledger.store.create(f"ledger/{IDENTITY}/accepted (1).json", data)
    assert ledger.purchase(IDENTITY).state(0) is State.UNREADABLE
    assert ledger.purchase(IDENTITY).is_charged
