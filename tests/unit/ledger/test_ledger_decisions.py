"""What the ledger tells of a purchase, file by file, and what it never takes for unbought."""

from __future__ import annotations

import errno
import json
import time

import pytest

from longtake.domain.errors import ConfigurationError, PublishConflictError, StorageError, UnreadableRecordError
from longtake.domain.identity import attempt_identity
from longtake.domain.job import JobStatus
from longtake.domain.verdicts import Verdict
from longtake.files.clocks import steady_seconds, this_process
from longtake.files.directory import DirectoryStore
from longtake.ledger import deadlines
from longtake.ledger.ledger import RESERVE, Ledger, notices, require_own_identities
from longtake.ledger.record_files import NAME_OF, RecordName, assemble, encode, own_record, parse_record, record_name
from longtake.ledger.records import (
    Accepted,
    Claim,
    ClipRecord,
    Purchase,
    State,
    Terminal,
    Unknown,
    VerdictRecord,
    Void,
    attempts_in,
)
from longtake.ledger.spill import keep_elsewhere
from tests.unit.bought import IDENTITY, accepted, clip, intent, job

OTHER = "1-" + "b" * 40


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path)


@pytest.fixture
def ledger(store):
    return Ledger(store)


def put(ledger, name, record, identity=IDENTITY):
    data = record if isinstance(record, bytes) else record.model_dump_json().encode()
    assert ledger.store.create(f"ledger/{identity}/{name}", data)


def verdict(**more):
    return VerdictRecord(**({"identity": IDENTITY, "verdict": Verdict.FAILED} | more))


def state(ledger, now=None):
    return ledger.purchase(IDENTITY).state(time.time() if now is None else now)


# Names.


@pytest.mark.parametrize(
    ("name", "kind", "number"),
    [
        ("try-1.intent.json", "intent", 1),
        ("try-12.void.json", "void", 12),
        ("try-3.unknown.json", "unknown", 3),
        ("claim-4.json", "claim", 4),
        ("accepted.json", "accepted", 1),
        ("accepted-2.json", "accepted", 2),
        ("verdict-10.json", "verdict", 10),
        ("terminal.json", "terminal", 1),
        ("clip.json", "clip", 1),
    ],
)
def test_a_record_s_name_tells_its_kind_and_number_and_is_written_so(name, kind, number):
    assert record_name(name) == RecordName(kind, number)
    assert f"{RecordName(kind, number).stem}.json" == name


@pytest.mark.parametrize(
    "name",
    [
        "accepted-1.json",
        "accepted-0.json",
        "accepted.json.bak",
        "xaccepted.json",
        "try-1.json",
        "claim.json",
        "clip.mp4",
    ],
)
def test_other_names_are_no_records(name):
    assert record_name(name) is None


# What stands where.


def test_a_purchase_of_which_nothing_is_written_is_new_and_free(ledger):
    purchase = ledger.purchase(IDENTITY)
    assert (purchase.identity, purchase.state(0.0), purchase.last_try) == (IDENTITY, State.NEW, 0)
    assert (purchase.is_charged, purchase.is_void) == (False, True)
    assert (purchase.intent, purchase.job, purchase.shot_id, purchase.slot) == (None, None, "", "")
    assert not purchase.is_adopted
    assert purchase.is_replaced_by_a_changed_row


def test_states_follow_the_records(ledger):
    first = intent(deadline=time.time() + 5)
    ledger.intend(first)
    assert state(ledger) is State.SUBMITTING
    assert ledger.purchase(IDENTITY).is_charged
    ledger.unknown(first, "cut")
    assert state(ledger) is State.UNKNOWN
    assert ledger.purchase(IDENTITY).evidence_of_unknown() == "cut"
    ledger.intend(intent(number=2))
    ledger.void(intent(number=2), "429")
    assert state(ledger) is State.NEW
    assert (ledger.purchase(IDENTITY).last_try, ledger.purchase(IDENTITY).voids[2].reason) == (2, "429")
    ledger.add(accepted())
    assert state(ledger) is State.IN_FLIGHT
    ledger.add(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
    assert state(ledger) is State.FINISHED
    ledger.add(verdict())
    assert state(ledger) is State.OVER
    ledger.add(ClipRecord(identity=IDENTITY, clip=clip()))
    assert state(ledger) is State.DONE


def test_a_deadline_itself_still_belongs_to_the_submit():
    purchase = Purchase(identity=IDENTITY, intents={1: intent(deadline=100.0)})
    assert purchase.state(100.0) is State.SUBMITTING
    assert purchase.state(100.001) is State.UNKNOWN
    assert "no answer was recorded" in purchase.evidence_of_unknown()


def test_the_latest_try_rules(ledger):
    for number in (1, 2, 10):
        ledger.intend(intent(number=number, shot_id=f"reel/{number}"))
    ledger.void(intent(number=10), "429")
    purchase = ledger.purchase(IDENTITY)
    assert (purchase.last_try, purchase.state(0.0), purchase.shot_id) == (10, State.NEW, "reel/10")
    assert purchase.intent.number == 10
    assert not purchase.is_charged


def test_an_end_without_a_job_is_unreadable_and_charged(ledger):
    ledger.add(Terminal(identity=IDENTITY, status=JobStatus.FAILED))
    assert state(ledger) is State.UNREADABLE
    assert ledger.purchase(IDENTITY).is_charged


@pytest.mark.parametrize(("verdict_of", "free"), [(Verdict.CONTENT_REFUSED, True), (Verdict.FAILED, False)])
def test_only_moderation_s_no_to_the_submit_itself_is_free(ledger, verdict_of, free):
    ledger.intend(intent())
    ledger.add(verdict(verdict=verdict_of))
    assert ledger.purchase(IDENTITY).is_charged is not free
    put(ledger, "terminal.json", b"{")
    assert ledger.purchase(IDENTITY).is_charged


def test_a_job_that_moderation_refused_at_its_end_is_charged(ledger):
    ledger.intend(intent())
    ledger.add(accepted())
    ledger.add(verdict(verdict=Verdict.CONTENT_REFUSED))
    assert ledger.purchase(IDENTITY).is_charged


def test_a_changed_row_buys_anew_where_the_row_itself_was_the_reason_and_no_clip_is_here(ledger):
    ledger.intend(intent())
    ledger.add(accepted())
    assert not ledger.purchase(IDENTITY).is_replaced_by_a_changed_row
    ledger.add(verdict(verdict=Verdict.CONTENT_REFUSED))
    assert ledger.purchase(IDENTITY).is_replaced_by_a_changed_row
    ledger.add(ClipRecord(identity=IDENTITY, clip=clip()))
    assert not ledger.purchase(IDENTITY).is_replaced_by_a_changed_row


def test_a_failure_is_not_bought_anew_by_a_changed_row(ledger):
    ledger.intend(intent())
    ledger.add(accepted())
    ledger.add(verdict(verdict=Verdict.LOST))
    assert not ledger.purchase(IDENTITY).is_replaced_by_a_changed_row


def test_the_slot_is_the_one_of_the_last_claim_else_the_buyer_s(ledger):
    ledger.intend(intent(slot="first"))
    assert ledger.purchase(IDENTITY).slot == "first"
    for number in (1, 2, 10):
        ledger.add(Claim(identity=IDENTITY, slot=f"slot-{number}"), name=f"claim-{number}")
    assert ledger.purchase(IDENTITY).slot == "slot-10"
    ledger.store.write(f"ledger/{IDENTITY}/claim-99.txt", b"none of ours")
    assert ledger.last_claim(IDENTITY) == 10
    assert ledger.last_claim(OTHER) == 0


def test_a_job_is_told_by_its_record_else_by_the_intent_and_what_a_torn_text_names(ledger):
    ledger.intend(intent())
    assert (ledger.purchase(IDENTITY).job.job_id, ledger.purchase(IDENTITY).job.account) == ("", "evolink/default")
    put(ledger, "accepted.json", b'{"format":1,"job":{"job_id":"task-\\"7","shot_id": "reel/1"')
    purchase = ledger.purchase(IDENTITY)
    assert purchase.job.job_id == 'task-"7'
    assert "accepted.json" in purchase.unreadable[0]
    assert 'task-"7' in purchase.unreadable[0]
    assert purchase.state(time.time()) is State.UNREADABLE


def test_a_shot_is_told_by_a_torn_text_where_no_record_tells(ledger):
    put(ledger, "try-1.intent.json", b'{"shot_id":"reel/7","x":')
    assert ledger.purchase(IDENTITY).shot_id == "reel/7"
    ledger.add(accepted(shot_id="reel/8"))
    assert ledger.purchase(IDENTITY).shot_id == "reel/8"
    ledger.intend(intent(number=2, shot_id="reel/9"))
    assert ledger.purchase(IDENTITY).shot_id == "reel/9"


def test_a_job_of_the_intent_keeps_what_was_submitted_where_and_when():
    made = intent(at=77.0).job("j7")
    assert (made.job_id, made.identity, made.shot_id, made.submitted_at) == ("j7", IDENTITY, "reel/1", 77.0)
    assert (made.vendor, made.account, made.wire_model) == ("evolink", "evolink/default", "m")
    assert made.base_url == "https://vendor.test"
    assert intent(at=77.0).job("j7", submitted_at=99.0).submitted_at == 99.0


def test_a_torn_record_hides_nothing_that_others_prove(ledger):
    ledger.intend(intent())
    ledger.add(accepted())
    put(ledger, "claim-1.json", b"{")
    put(ledger, "try-2.void.json", b"\xff{")
    assert state(ledger) is State.IN_FLIGHT
    assert len(ledger.purchase(IDENTITY).unreadable) == 2
    assert not ledger.purchase(IDENTITY).doubtful


@pytest.mark.parametrize("name", ["try-1.intent.json", "try-2.void.json", "try-3.unknown.json"])
def test_a_torn_try_is_never_taken_for_unbought(ledger, name):
    put(ledger, name, b"{")
    purchase = ledger.purchase(IDENTITY)
    assert purchase.state(time.time()) is State.UNREADABLE
    assert purchase.last_try == int(name[4])
    assert name in purchase.evidence_of_unknown()


def test_a_torn_claim_alone_is_never_taken_for_unbought(ledger):
    put(ledger, "claim-1.json", b"{")
    assert state(ledger) is State.UNREADABLE


def test_all_that_cannot_be_read_is_evidence(ledger):
    put(ledger, "try-1.intent.json", b"{")
    put(ledger, "accepted.json", b"{")
    first, _, second = ledger.purchase(IDENTITY).evidence_of_unknown().partition("; ")
    assert first.startswith("accepted.json")
    assert second.startswith("try-1.intent.json")


def test_a_void_after_a_torn_intent_is_still_proof(ledger):
    put(ledger, "try-1.intent.json", b"{")
    put(ledger, "try-1.void.json", Void(identity=IDENTITY, reason="429"))
    assert state(ledger) is State.NEW


@pytest.mark.parametrize("kind", ["accepted", "terminal", "clip", "verdict"])
def test_a_torn_record_that_may_tell_of_a_job_makes_a_void_try_doubtful(ledger, kind):
    ledger.intend(intent())
    ledger.void(intent(), "429")
    put(ledger, f"{kind}.json", b"{")
    assert state(ledger) is State.UNREADABLE


def test_a_later_word_on_another_job_makes_all_records_of_the_first_void_its_clip_too(ledger):
    ledger.intend(intent())
    ledger.add(accepted(job_id="first"))
    ledger.add(Terminal(identity=IDENTITY, status=JobStatus.FAILED))
    ledger.add(verdict())
    assert state(ledger) is State.OVER
    ledger.add_later(accepted(job_id="second"))
    purchase = ledger.purchase(IDENTITY)
    assert (purchase.accepted.job.job_id, purchase.state(0.0)) == ("second", State.IN_FLIGHT)
    assert ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.SUCCEEDED))
    assert ledger.store.size(f"ledger/{IDENTITY}/terminal-2.json") is not None
    assert state(ledger) is State.FINISHED
    put(ledger, "clip.json", ClipRecord(identity=IDENTITY, clip=clip()))
    assert state(ledger) is State.FINISHED
    put(ledger, "clip-2.json", ClipRecord(identity=IDENTITY, clip=clip()))
    assert state(ledger) is State.DONE


def test_a_torn_later_word_on_the_job_is_doubtful_whatever_the_first_said(ledger):
    ledger.intend(intent())
    ledger.add(accepted())
    put(ledger, "accepted-2.json", b"{")
    assert state(ledger) is State.UNREADABLE
    assert ledger.purchase(IDENTITY).accepted is None


def test_a_torn_record_of_the_first_job_is_no_doubt_on_the_later_one(ledger):
    ledger.intend(intent())
    put(ledger, "accepted.json", b"{")
    ledger.add_later(
        accepted(
            job_id="second",
        )
    )
    assert (state(ledger), ledger.purchase(IDENTITY).doubtful) == (State.IN_FLIGHT, False)


# Foreign files.


def test_files_that_are_none_of_ours_are_told_and_prove_nothing(ledger):
    ledger.intend(intent())
    ledger.void(intent(), "429")
    for name in ("notes.txt", "Thumbs.db", "accepted (copy).json"):
        ledger.store.write(f"ledger/{IDENTITY}/{name}", b"hello")
    ledger.store.write(f"ledger/{IDENTITY}/clip.mp4", b"bytes")
    ledger.store.write(f"ledger/{IDENTITY}/clip.mp4.part", b"bytes")
    purchase = ledger.purchase(IDENTITY)
    assert purchase.state(0.0) is State.NEW
    assert purchase.foreign == ("Thumbs.db", "accepted (copy).json", "notes.txt")


def test_a_copied_record_of_a_job_is_never_taken_for_unbought(ledger):
    ledger.intend(intent())
    ledger.void(intent(), "429")
    ledger.store.write(f"ledger/{IDENTITY}/accepted (copy).json", accepted().model_dump_json().encode())
    purchase = ledger.purchase(IDENTITY)
    assert purchase.state(0.0) is State.UNREADABLE
    assert "accepted (copy).json" in purchase.evidence_of_unknown()


@pytest.mark.parametrize(("text", "found"), [(b'\xff{"format":1}', State.UNREADABLE), (b"\xffhello", State.NEW)])
def test_a_lone_stray_file_is_a_moved_record_where_it_looks_like_one(ledger, text, found):
    ledger.store.write(f"ledger/{IDENTITY}/approved.json", text)
    assert state(ledger) is found


def test_a_stray_copy_of_another_s_job_is_no_doubt(ledger):
    ledger.intend(intent())
    ledger.void(intent(), "429")
    ledger.store.write(f"ledger/{IDENTITY}/x.json", accepted(OTHER).model_dump_json().encode())
    ledger.store.write(f"ledger/{IDENTITY}/y.json", json.dumps({"identity": IDENTITY}).encode())
    assert state(ledger) is State.NEW


def test_notices_name_place_shot_and_files():
    told = notices(
        [
            Purchase(identity="1-a", intents={1: intent("1-a")}, foreign=("x.txt", "y.txt"), unreadable=("z: torn",)),
            Purchase(identity="1-b", unreadable=("u: torn", "v: torn")),
            Purchase(identity="1-c"),
        ]
    )
    assert len(told) == 3
    assert told[0].startswith("ledger/1-a (reel/1): ")
    assert told[0].endswith("x.txt, y.txt")
    assert told[1].startswith("ledger/1-a (reel/1): ")
    assert told[1].endswith("z: torn")
    assert told[2].startswith("ledger/1-b: ")
    assert told[2].endswith("u: torn; v: torn")


@pytest.mark.parametrize(
    ("identity", "unreadable", "refused"),
    [
        ("2-abc", True, True),
        ("2-abc-2", True, True),
        ("2-abc", False, False),
        ("1-abc", True, False),
        ("abc", True, False),
        ("x-abc", True, False),
    ],
)
def test_a_ledger_of_a_newer_release_that_nobody_can_read_is_refused(identity, unreadable, refused):
    purchases = [Purchase(identity=identity, unreadable=("torn",) if unreadable else ())]
    if refused:
        with pytest.raises(ConfigurationError, match=f"ledger/{identity} was written by a newer release"):
            require_own_identities(purchases)
    else:
        require_own_identities(purchases)


# Writing.


def test_a_record_is_written_once_and_only_its_writer_s_repeats_are_his(ledger):
    first, second = verdict(), verdict()
    assert ledger.add(first) is first
    assert ledger.add(first) is first
    with pytest.raises(PublishConflictError, match=f"ledger/{IDENTITY}/verdict"):
        ledger.add(second)
    assert not ledger.add_once(second)
    assert ledger.purchase(IDENTITY).verdict.nonce == first.nonce


def test_a_record_that_must_be_there_once_takes_the_next_name_beside_torn_ones(ledger):
    put(ledger, "terminal.json", b"{")
    ledger.store.write(f"ledger/{IDENTITY}/notes.txt", b"none of ours")
    assert ledger.add_once(Terminal(identity=IDENTITY, status=JobStatus.FAILED))
    assert ledger.store.size(f"ledger/{IDENTITY}/terminal-2.json") is not None
    put(ledger, "verdict.json", b"{")
    put(ledger, "verdict-2.json", b"{")
    assert ledger.add_once(verdict(evidence="new"))
    assert ledger.store.size(f"ledger/{IDENTITY}/verdict-3.json") is not None
    assert ledger.purchase(IDENTITY).verdict.evidence == "new"
    assert not ledger.add_once(verdict())


def test_a_record_that_no_file_can_hold_is_an_error_and_not_tried_for_ever(ledger):
    odd = accepted(job_id="task-\ud800")
    with pytest.raises(UnreadableRecordError, match="job id"):
        ledger.add_once(odd)
    assert ledger.store.list("ledger") == []


def test_a_person_s_later_word_takes_the_number_above_all_that_stands(ledger):
    ledger.add_later(verdict())
    ledger.add_later(accepted())
    ledger.add_later(verdict())
    names = sorted(key.rpartition("/")[2] for key in ledger.store.list(f"ledger/{IDENTITY}"))
    assert names == ["accepted-2.json", "verdict-3.json", "verdict.json"]


def test_a_try_is_claimed_by_one(ledger):
    assert ledger.intend(intent())
    assert not ledger.intend(intent())


def test_room_is_set_aside_before_each_intent_and_given_up_for_what_follows(ledger, monkeypatch):
    assert ledger.intend(intent())
    assert ledger.store.size(RESERVE) == 256 * 1024
    create = ledger.store.create

    def full(key, data):
        if ledger.store.size(RESERVE) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return create(key, data)

    monkeypatch.setattr(ledger.store, "create", full)
    ledger.unknown(intent(), "cut")
    assert ledger.store.size(RESERVE) is None
    assert state(ledger) is State.UNKNOWN
    with pytest.raises(OSError, match="No space"):
        ledger.intend(intent(number=2))
    assert ledger.purchase(IDENTITY).last_try == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_where_no_room_can_be_given_up_the_disk_s_error_is_told(ledger, monkeypatch, number):
    def full(key, data):
        raise OSError(number, "full")

    monkeypatch.setattr(ledger.store, "create", full)
    with pytest.raises(OSError, match="full"):
        ledger.add(verdict())


def test_another_error_of_the_disk_gives_up_no_room(ledger, monkeypatch):
    ledger.intend(intent())

    def broken(key, data):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(ledger.store, "create", broken)
    with pytest.raises(OSError, match="broken"):
        ledger.add(verdict())
    assert ledger.store.size(RESERVE) is not None


def test_a_job_s_id_is_kept_on_the_machine_where_the_output_takes_it_no_more(ledger, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ledger.intend(intent())
    create = ledger.store.create

    def away(key, data):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(ledger.store, "create", away)
    with pytest.raises(StorageError, match=r"Read-only file system.*kept in .*takes it up by itself") as caught:
        ledger.add(accepted())
    assert str(tmp_path / "state") in str(caught.value)
    monkeypatch.setattr(ledger.store, "create", create)
    assert ledger.purchase(IDENTITY).accepted is None
    assert ledger.load([IDENTITY])[IDENTITY].accepted.job.job_id == "j1"


def test_other_records_are_not_kept_elsewhere(ledger, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def away(key, data):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(ledger.store, "create", away)
    with pytest.raises(OSError, match="Read-only") as caught:
        ledger.add(verdict())
    assert not isinstance(caught.value, StorageError)
    assert not list(tmp_path.glob("state/**/*.json"))


@pytest.mark.parametrize(
    ("stands", "is_taken"),
    [([("accepted.json", b"{")], True), ([("accepted.json", b"{"), ("verdict.json", verdict())], False), ([], True)],
)
@pytest.mark.parametrize("load", ["load", "load_open"])
def test_a_job_s_id_that_was_kept_elsewhere_goes_in_beside_a_torn_record(
    ledger, monkeypatch, tmp_path, stands, is_taken, load
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ledger.intend(intent())
    for name, record in stands:
        put(ledger, name, record)
    keep_elsewhere(ledger.store, f"ledger/{IDENTITY}/accepted.json", encode(accepted(job_id="kept")))
    getattr(ledger, load)()
    there = ledger.purchase(IDENTITY).accepted
    assert (there.job.job_id if there else None) == ("kept" if is_taken else None)
    assert bool(list(tmp_path.glob("state/**/*.json"))) is not is_taken
    getattr(ledger, load)()  # once more changes nothing
    assert ledger.purchase(IDENTITY).accepted == there


def test_a_clip_lies_in_its_purchase_s_folder(ledger):
    assert ledger.clip_key(IDENTITY) == f"ledger/{IDENTITY}/clip.mp4"


# Reading many.


def test_a_load_reads_all_or_those_named_that_exist(ledger):
    for name in "abc":
        ledger.intend(intent(f"1-{name}"))
    ledger.store.write("ledger/stray.txt", b"")
    ledger.store.write("ledger/1-a/deeper/accepted.json", b"{")
    assert set(ledger.load()) == {"1-a", "1-b", "1-c"}
    assert set(ledger.load(["1-b", "1-none"])) == {"1-b"}
    assert ledger.load([]) == {}
    assert ledger.load()["1-a"].state(time.time()) is State.SUBMITTING


def test_open_purchases_are_all_but_those_with_a_readable_clip_or_verdict(ledger):
    ledger.intend(intent("1-open"))
    for name in ("1-done", "1-over", "1-torn", "1-reopened", "1-taken-back"):
        ledger.intend(intent(name))
        ledger.add(accepted(name))
    ledger.add(ClipRecord(identity="1-done", clip=clip()))
    ledger.add(VerdictRecord(identity="1-over", verdict=Verdict.FAILED))
    put(ledger, "verdict.json", b"{", "1-torn")
    ledger.intend(intent("1-refused"))
    ledger.add(VerdictRecord(identity="1-refused", verdict=Verdict.CONTENT_REFUSED))
    ledger.add(VerdictRecord(identity="1-reopened", verdict=Verdict.FAILED))
    ledger.add_later(accepted("1-reopened", job_id="second"))
    ledger.add(ClipRecord(identity="1-taken-back", clip=clip()))
    put(ledger, "accepted-2.json", accepted("1-taken-back", job_id="second"), "1-taken-back")
    assert set(ledger.load_open()) == {"1-open", "1-torn", "1-reopened", "1-taken-back"}
    put(ledger, "verdict-2.json", VerdictRecord(identity="1-reopened", verdict=Verdict.FAILED), "1-reopened")
    assert "1-reopened" not in ledger.load_open()


def test_a_record_that_a_right_is_missing_for_is_unreadable_and_hides_no_other(ledger, monkeypatch):
    ledger.intend(intent("1-a"))
    ledger.intend(intent("1-b"))
    read = ledger.store.read

    def denied(key):
        if "1-a" in key:
            raise PermissionError(13, "Permission denied")
        return read(key)

    def many(keys):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ledger.store, "read", denied)
    monkeypatch.setattr(ledger.store, "read_many", many)
    found = ledger.load()
    assert found["1-a"].state(time.time()) is State.UNREADABLE
    assert found["1-b"].state(time.time()) is State.SUBMITTING


def test_attempts_end_with_the_first_that_was_not_made(ledger):
    names = [attempt_identity(IDENTITY, number) for number in (1, 2, 4)]
    for name in names:
        ledger.intend(intent(name))
    purchases = ledger.load()
    assert [one.identity for one in attempts_in(IDENTITY, purchases)] == names[:2]
    assert attempts_in("", purchases) == []
    assert attempts_in(OTHER, purchases) == []


# Whose clock.


def unanswered(ledger, **more):
    known = {"at": 1000.0, "deadline": 1090.0, "process": None} | more
    put(ledger, "try-1.intent.json", intent(**known))


def test_a_submit_s_time_is_counted_on_our_clock_by_the_age_of_its_file(store, monkeypatch):
    ledger = Ledger(store, clock=lambda: 50_000.0)
    ages = {}
    monkeypatch.setattr(ledger.store, "ages", lambda keys: dict.fromkeys(keys, ages["age"]))
    unanswered(ledger)
    ages["age"] = 80.0
    assert ledger.purchase(IDENTITY).intent.deadline == pytest.approx(50_010.0)
    ages["age"] = 95.0
    assert ledger.purchase(IDENTITY).state(50_000.0) is State.UNKNOWN


def test_a_store_that_tells_no_age_counts_from_when_we_first_saw_the_file(store, monkeypatch):
    now, ledger = [700.0], Ledger(store, clock=lambda: 50_000.0)
    monkeypatch.setattr(deadlines, "steady_seconds", lambda: now[0])
    monkeypatch.setattr(ledger.store, "ages", lambda keys: {})
    unanswered(ledger)
    assert ledger.purchase(IDENTITY).intent.deadline == pytest.approx(50_090.0)
    now[0] += 60
    assert ledger.purchase(IDENTITY).intent.deadline == pytest.approx(50_030.0)


def test_a_writer_of_this_boot_is_timed_by_the_time_since_boot(store, monkeypatch):
    ledger = Ledger(store, clock=lambda: 50_000.0)
    monkeypatch.setattr(ledger.store, "ages", lambda keys: dict.fromkeys(keys, 0.0))
    unanswered(ledger, process=this_process(), steady_at=steady_seconds() - 30)
    assert ledger.purchase(IDENTITY).intent.deadline == pytest.approx(50_060.0, abs=5)


def test_a_writer_that_has_ended_without_an_answer_leaves_an_unknown_outcome_at_once(ledger):
    unanswered(ledger, process=f"{this_process()}0", steady_at=steady_seconds())
    assert state(ledger, 0.0) is State.UNKNOWN


def test_no_submit_is_waited_for_longer_than_an_hour(store, monkeypatch):
    ledger = Ledger(store, clock=lambda: 50_000.0)
    monkeypatch.setattr(ledger.store, "ages", lambda keys: dict.fromkeys(keys, 0.0))
    unanswered(ledger, deadline=1000.0 + 10**6)
    assert ledger.purchase(IDENTITY).intent.deadline == pytest.approx(53_600.0, abs=5)


@pytest.mark.parametrize("deadline", [900.0, 1000.0])
def test_an_intent_whose_two_moments_make_no_window_keeps_its_deadline(ledger, deadline):
    unanswered(ledger, at=1000.0, deadline=deadline)
    assert ledger.purchase(IDENTITY).intent.deadline == deadline


def test_each_file_s_age_is_its_own_and_a_short_window_counts_as_well(store, monkeypatch):
    now, ledger = [700.0], Ledger(store, clock=lambda: 50_000.0)
    monkeypatch.setattr(deadlines, "steady_seconds", lambda: now[0])
    monkeypatch.setattr(ledger.store, "ages", lambda keys: {})
    put(ledger, "try-1.intent.json", intent(at=1000.0, deadline=1000.5, process=this_process()))
    assert ledger.purchase(IDENTITY).intent.deadline == pytest.approx(50_000.5)
    now[0] += 60
    put(ledger, "try-1.intent.json", intent(OTHER, at=1000.0, deadline=1090.0), OTHER)
    assert ledger.purchase(OTHER).intent.deadline == pytest.approx(50_090.0)
    assert ledger.clock() == 50_000.0


@pytest.mark.parametrize(
    "answer",
    [
        Void(identity=IDENTITY, reason="429"),
        Unknown(identity=IDENTITY, evidence="cut"),
        accepted(),
        verdict(),
        Terminal(identity=IDENTITY, status=JobStatus.FAILED),
        ClipRecord(identity=IDENTITY, clip=clip()),
    ],
)
def test_a_try_that_was_answered_keeps_its_moments(ledger, answer, monkeypatch):
    monkeypatch.setattr(ledger.store, "ages", None)  # nobody is asked
    unanswered(ledger)
    kind = NAME_OF[type(answer)]
    put(ledger, f"try-1.{kind}.json" if kind in ("void", "unknown") else f"{kind}.json", answer)
    assert ledger.purchase(IDENTITY).intent.deadline == 1090.0


# Texts.


def test_what_no_file_can_hold_is_left_out_of_a_record_and_the_rest_kept():
    odd = Accepted(identity=IDENTITY, job=job(), usage={"tokens": 5.0})
    odd.usage["much"] = float("inf")
    back = parse_record("accepted", encode(odd))
    assert (back.usage, back.job) == ({"tokens": 5.0}, odd.job)
    marks = verdict(evidence="a\ud800b é")
    assert parse_record("verdict", encode(marks)).evidence == "a\\ud800b é"
    findings = verdict(findings=[{"rule": "x\ud800", "list": ("a", 1, True, None), "nan": float("nan")}])
    assert parse_record("verdict", encode(findings)).findings == [{"rule": "x\\ud800", "list": ["a", 1, True, None]}]


def test_a_record_is_small_plain_json_without_what_is_not_there():
    text = encode(verdict(evidence="é")).decode()
    assert "é" in text
    assert ": " not in text
    assert "null" not in text


def test_a_record_that_cannot_be_written_names_the_reason():
    with pytest.raises(UnreadableRecordError, match="cannot be written"):
        encode(verdict(findings=[{"x": object()}]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"format": 2}', "format 2"),
        (b"[]", "torn or foreign"),
        (b"{", "torn or foreign"),
        (b'{"format": 1}', "not as expected"),
        (b"{}", "not as expected"),
        (None, "cannot be read"),
        (accepted(OTHER).model_dump_json().encode(), f"belongs to {OTHER}"),
    ],
)
def test_why_a_record_cannot_be_read_is_told(data, words):
    with pytest.raises(UnreadableRecordError, match=words):
        own_record(IDENTITY, "accepted", data)


def test_a_folder_is_put_together_from_its_files_alone():
    files = {
        "try-1.intent.json": intent().model_dump_json().encode(),
        "try-1.unknown.json": Unknown(identity=IDENTITY, evidence="cut").model_dump_json().encode(),
        "claim-1.json": Claim(identity=IDENTITY, slot="s").model_dump_json().encode(),
        "accepted.json": None,
        "x.txt": None,
    }
    purchase = assemble(IDENTITY, files)
    assert (set(purchase.intents), set(purchase.unknowns), set(purchase.claims)) == ({1}, {1}, {1})
    assert (purchase.voids, purchase.accepted, purchase.torn_try, purchase.told) == ({}, None, 0, {})
    assert purchase.unreadable == ("accepted.json: listed, yet it cannot be read",)
    assert (purchase.foreign, purchase.doubtful) == (("x.txt",), True)
