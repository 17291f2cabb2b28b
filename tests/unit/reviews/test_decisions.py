"""Decisions as records: one rules, two at once, what is half written or torn counts for nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from longtake.files.directory import DirectoryStore
from longtake.reviews.choices import RefusedDecisionsError, ShownShot, ShownTake, choices_in, decided
from longtake.reviews.decision import Decision, ruling_on
from longtake.reviews.decisions import DecidedMeanwhileError, ReviewLog

NOW = 1_800_000_000.0
TAKES = (
    ShownTake(1, "1-aa", "a" * 64, "done"),
    ShownTake(2, "1-bb", "b" * 64, "done"),
    ShownTake(3, "1-cc", "", "failed"),
)
SHOT = ShownShot("ad/1", ReviewLog.folder("ad", "1"), 1, TAKES)
LONE = ShownShot("lone/1", ReviewLog.folder("lone", "1"), 1, TAKES[:1])
SHOTS = {"ad/1": SHOT, "lone/1": LONE}
PLACES = {shot_id: shot.folder for shot_id, shot in SHOTS.items()}
HASHES = {take.purchase: take.sha256 for take in TAKES}


def decide(*words: str, shots=SHOTS, **given) -> list[Decision]:
    return decided(choices_in(words), shots, now=NOW, **given)


def test_the_highest_number_rules_and_nothing_is_replaced(tmp_path):
    log = ReviewLog(DirectoryStore(tmp_path))
    for word in ("ad/1=2", "ad/1=1"):
        log.read()
        log.write(decide(word, by="Ann"), PLACES)
    first = (tmp_path / "decisions/ad/1/0001.json").read_bytes()
    found = log.read()["ad/1"]
    assert [one.variant for one in found] == [2, 1]
    ruling = ruling_on(HASHES, found, NOW)
    assert (ruling.state, ruling.decision and ruling.decision.purchase) == ("chosen", "1-aa")
    assert (tmp_path / "decisions/ad/1/0001.json").read_bytes() == first


def test_of_two_who_decide_at_once_one_rules_and_the_other_is_told(tmp_path):
    logs = [ReviewLog(DirectoryStore(tmp_path)) for _ in range(8)]
    for log in logs:
        log.read()

    def write(number: int) -> str:
        try:
            logs[number].write(decide(f"ad/1={number % 2 + 1}", "lone/1=reject", by=f"reviewer {number}"), PLACES)
        except DecidedMeanwhileError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(write, range(8)))
    assert told.count("") == 1
    winner = f"reviewer {told.index('')}"
    assert all(winner in words for words in told if words)
    found = ReviewLog(DirectoryStore(tmp_path)).read()
    assert {shot_id: [one.by for one in each] for shot_id, each in found.items()} == {
        "ad/1": [winner],
        "lone/1": [winner],
    }


def test_decisions_of_one_go_count_together_or_not_at_all_wherever_the_writer_is_killed(tmp_path):
    store = DirectoryStore(tmp_path)

    class Killed(BaseException):
        pass

    class Dying(DirectoryStore):
        left = 0

        def create(self, key, data):
            if self.left == 0:
                raise Killed
            self.left -= 1
            return super().create(key, data)

    dying = Dying(tmp_path)
    for left in (0, 1):
        dying.left = left
        log = ReviewLog(dying)
        log.read()
        with pytest.raises(Killed):
            log.write(decide("ad/1=2", "lone/1=approve"), PLACES)
        assert ReviewLog(store).read() == {}
    log = ReviewLog(store)
    log.read()
    log.write(decide("ad/1=1", "lone/1=approve"), PLACES)
    assert {shot_id: one[-1].variant for shot_id, one in log.read().items()} == {"ad/1": 1, "lone/1": 1}


def test_a_torn_record_brings_back_nothing_that_it_overruled_and_the_next_goes_above_it(tmp_path):
    log = ReviewLog(DirectoryStore(tmp_path))
    log.read()
    log.write(decide("ad/1=2"), PLACES)
    (tmp_path / "decisions/ad/1/0002.json").write_text('{"format":1,"shot_id":"ad/1"')
    again = ReviewLog(DirectoryStore(tmp_path))
    assert again.read() == {}
    assert again.unreadable == ["decisions/ad/1/0002.json"]
    again.write(decide("ad/1=1"), PLACES)
    assert (tmp_path / "decisions/ad/1/0003.json").exists()
    assert [one.variant for one in again.read()["ad/1"]] == [1]


def test_records_that_were_read_are_not_read_again(tmp_path):
    class Counting(DirectoryStore):
        listings = 0

        def __init__(self, root):
            super().__init__(root)
            self.read_keys: list[str] = []

        def read_many(self, keys):
            keys = list(keys)
            self.read_keys += keys
            return super().read_many(keys)

        def list(self, prefix):
            Counting.listings += 1
            return super().list(prefix)

    store = Counting(tmp_path)
    log = ReviewLog(store)
    log.read()
    log.write(decide("ad/1=2", "lone/1=approve"), PLACES)
    for _ in range(3):
        log.read()
    assert len(store.read_keys) == 2
    assert Counting.listings == 4


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("ad/9=1", "no such shot"),
        ("ad/1=4", "no take 4; it has takes 1 to 3"),
        ("ad/1=0", "no take 0"),
        ("ad/1=3", "take 3 is not done (failed)"),
        ("ad/1=approve", "say which, such as ad/1=1"),
        ("ad/1=perhaps", "no choice"),
        ("ad/1", "write `SHOT=2`"),
        ("", "nothing was given"),
    ],
)
def test_a_word_that_cannot_be_taken_is_refused_with_its_reason(word, reason):
    with pytest.raises(RefusedDecisionsError, match="no decision was written") as refused:
        decide(word)
    assert reason in str(refused.value)


def test_every_wrong_row_is_told_at_once_and_nothing_of_the_right_ones_is_taken():
    table = (
        "shot_id,choice,take,purchase,sha256,by,why,expires_at\n"
        f"ad/1,2,,1-bb,{'a' * 64},,,\n"
        "lone/1,approve,,1-zz,,,,\n"
        "lone/1,approve,,,,,,2001-01-01\n"
        "lone/1,approve,1,,,,,\n"
    )
    with pytest.raises(RefusedDecisionsError) as refused:
        decide(table)
    reasons = refused.value.reasons
    assert len(reasons) == 3
    assert "other sha256" in reasons[0]
    assert "none of its takes any more" in reasons[1]
    assert "no time to come" in reasons[2]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_page_s_table_is_taken_as_it_is_also_when_a_spreadsheet_saved_it_again(mark):
    head = mark.join(["shot_id", "choice", "take", "purchase", "sha256", "by", "why", "expires_at"])
    rows = [
        ["ad/1", "2", "", "1-bb", "b" * 64, "Ann", '"the horse, at last"', "2099-01-01T00:00:00Z"],
        ["lone/1", "reject", "", "1-aa", "A" * 64, "", "", ""],
    ]
    table = "\ufeff" + "\r\n".join([head, *(mark.join(row) for row in rows)]) + "\r\n"
    first, second = decide(table, by="Bob", why="as agreed")
    assert (first.choice, first.variant, first.by, first.why) == ("approve", 2, "Ann", "the horse, at last")
    assert first.expires_at == 4_070_908_800.0
    assert (second.choice, second.by, second.why, second.seen) == ("reject", "Bob", "as agreed", {"1-aa": "a" * 64})
    assert (first.batch, first.batch_count) == (second.batch, 2)


def test_two_ways_for_one_shot_are_refused_and_the_same_twice_is_one():
    with pytest.raises(RefusedDecisionsError, match="decided twice"):
        decide("ad/1=1", "ad/1=2")
    assert len(decide("ad/1=1", "ad/1=1")) == 1


def test_what_stands_so_already_is_not_written_again():
    [standing] = decide("ad/1=2")
    shots = {"ad/1": ShownShot("ad/1", SHOT.folder, 1, TAKES, standing)}
    assert decide("ad/1=2", shots=shots) == []
    assert [one.variant for one in decide("ad/1=1", shots=shots)] == [1]


def test_a_damaged_file_is_refused():
    with pytest.raises(RefusedDecisionsError, match="take 2: its file is damaged"):
        decide("ad/1=2", damage=lambda take: "its file is damaged")


@pytest.mark.parametrize(
    ("decision", "takes", "state"),
    [
        (Decision(shot_id="ad/1", choice="approve", purchase="1-bb", sha256="b"), {"1-aa": "a", "1-bb": "b"}, "chosen"),
        (Decision(shot_id="ad/1", choice="approve", purchase="1-bb", sha256="b"), {"1-bb": "x"}, "other bytes"),
        (Decision(shot_id="ad/1", choice="approve", purchase="1-bb", sha256="b"), {"1-bb": ""}, "other bytes"),
        (Decision(shot_id="ad/1", choice="approve", purchase="1-bb", sha256=""), {"1-bb": ""}, "other bytes"),
        (Decision(shot_id="ad/1", choice="approve", purchase="1-bb", sha256="b"), {"1-zz": "b"}, "none"),
        (
            Decision(shot_id="ad/1", choice="approve", purchase="1-bb", sha256="b", expires_at=NOW),
            {"1-bb": "b"},
            "expired",
        ),
        (Decision(shot_id="ad/1", choice="reject", seen={"1-aa": "a"}), {"1-aa": "a"}, "rejected"),
        (Decision(shot_id="ad/1", choice="reject", seen={"1-aa": "a"}), {"1-aa": "b"}, "other bytes"),
        (Decision(shot_id="ad/1", choice="reject", seen={"1-aa": "a"}), {"1-aa": "a", "1-bb": "b"}, "none"),
        (Decision(shot_id="ad/1", choice="reject", seen={"1-aa": "a"}), {"1-aa": "a", "1-bb": ""}, "rejected"),
    ],
)
def test_a_decision_counts_for_the_purchase_and_the_bytes_that_it_names(decision, takes, state):
    assert ruling_on(takes, [decision], NOW).state == state


def test_what_a_later_decision_overruled_does_not_come_back_when_that_one_expires():
    first = Decision(shot_id="ad/1", choice="approve", purchase="1-aa", sha256="a")
    later = Decision(shot_id="ad/1", choice="reject", seen={"1-aa": "a"}, expires_at=NOW - 1)
    assert ruling_on({"1-aa": "a"}, [first, later], NOW).state == "expired"


def test_a_decision_about_another_take_leaves_the_one_that_is_asked_for_alone():
    first = Decision(shot_id="ad/1", choice="approve", purchase="1-aa", sha256="a")
    of_take_two = Decision(shot_id="ad/1", choice="reject", seen={"1-tt": "t"}, take=2)
    assert ruling_on({"1-aa": "a"}, [first, of_take_two], NOW).state == "chosen"


def test_of_a_name_with_a_slash_that_was_decided_in_two_folders_the_later_decision_rules(tmp_path):
    log, shot = ReviewLog(DirectoryStore(tmp_path)), "ad/b/1"
    own, other = "decisions/ad/b-1", "decisions/ad-b/1"
    for at, (take, folder) in enumerate((("1-aa", own), ("1-bb", own), ("1-cc", other))):
        log.read()
        log.write([Decision(shot_id=shot, choice="approve", purchase=take, sha256="a", at=float(at))], {shot: folder})
    assert [one.purchase for one in log.read()[shot]] == ["1-aa", "1-bb", "1-cc"]
