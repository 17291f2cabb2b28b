"""What `longtake check` found is kept for a day, for the key that it was found with, and never harms who reads it."""

from __future__ import annotations

import json
import time

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account, same_keys
from longtake.accounts.checked import FILE, KEPT_SECONDS, CheckFile
from longtake.accounts.health import Finding

KEY = "sk-0123456789abcdef"
REFUSED = Finding("key", False, "refused: no such key")
FOUND = [
    Finding("key", True, "taken"),
    Finding("clock", False, "off"),
    Finding("models", True, "open to the key: a", ("b",)),
]
NOW = time.time()


def account(name="evolink/default", key=KEY, base_url="http://x"):
    vendor, _, document = name.partition("/")
    return Account(vendor=vendor, document=document, api_key=SecretStr(key), base_url=base_url)


@pytest.fixture
def checks(tmp_path):
    return CheckFile(tmp_path / "home" / "longtake")


def test_what_was_found_is_read_again_without_what_is_of_the_moment(checks):
    assert checks.read() == ({}, "")
    assert checks.keep(account(), FOUND, NOW) == ""
    assert checks.keep(account("evolink/b"), [REFUSED], NOW) == ""
    kept, said = checks.read()
    assert said == ""
    assert (kept["evolink/default"].troubles, kept["evolink/default"].closed) == ([], {"b"})
    assert kept["evolink/b"].troubles == ["key refused: no such key"]


def test_neither_the_key_nor_a_hash_of_it_alone_is_kept(checks):
    checks.keep(account(), FOUND, NOW)
    written = checks.path.read_text()
    checks.keep(account(), FOUND, NOW)
    assert KEY not in written
    marks = [json.loads(text)["evolink/default"]["mark"] for text in (written, checks.path.read_text())]
    assert marks[0] != marks[1]  # salted anew: two files tell nothing of whether their keys are one
    assert max(map(len, marks)) <= 8


@pytest.mark.parametrize(
    ("other", "later"),
    [
        (account(key="sk-another-0123456789"), 0),
        (account(base_url="http://y"), 0),
        (account(), KEPT_SECONDS + 1),
        (account(), -60),
    ],
    ids=["another key", "another address", "a day later", "a clock that was ahead"],
)
def test_it_holds_for_the_same_key_at_the_same_address_and_for_a_day(checks, other, later):
    checks.keep(account(), FOUND, NOW)
    kept = checks.read()[0]["evolink/default"]
    assert kept.holds_for(account(), NOW + 60)
    assert not kept.holds_for(other, NOW + later)


def test_where_the_key_was_not_judged_what_was_found_before_stays(checks):
    checks.keep(account(), [REFUSED], NOW)
    checks.keep(account(), [Finding("address", False, "no answer")], NOW + 1)
    checks.keep(account(), [Finding("key", None, "cannot be told")], NOW + 2)
    assert checks.read()[0]["evolink/default"].troubles == ["key refused: no such key"]
    checks.keep(account(), [Finding("key", True, "taken")], NOW + 3)
    assert checks.read()[0]["evolink/default"].troubles == []


def test_what_is_a_day_old_is_taken_out(checks):
    checks.keep(account("evolink/old"), FOUND, NOW - KEPT_SECONDS - 1)
    checks.keep(account(), FOUND, NOW)
    assert list(checks.read()[0]) == ["evolink/default"]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b'{"evolink/default": {"at": 1',
        b"[]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"evolink/default": {"at": "soon"}}',
        b'{"evolink/default": 5}',
        b'{"evolink/default": {"at": 1, "salt": "", "mark": "", "findings": [{"what": 1}]}}',
    ],
)
def test_a_file_that_is_torn_or_somebody_elses_is_told_and_written_anew(checks, broken):
    checks.path.parent.mkdir(parents=True)
    checks.path.write_bytes(broken)
    assert checks.read() == ({}, f"{checks.path} cannot be read as a whole; `longtake check` writes it anew")
    assert "cannot be read" in checks.keep(account(), FOUND, NOW)
    assert (list(checks.read()[0]), checks.read()[1]) == (["evolink/default"], "")


def test_one_bad_entry_takes_no_other_away(checks):
    checks.keep(account(), FOUND, NOW)
    checks.path.write_text(json.dumps(json.loads(checks.path.read_text()) | {"evolink/b": None}))
    kept, said = checks.read()
    assert (list(kept), bool(said)) == (["evolink/default"], True)


def test_a_home_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    checks = CheckFile(tmp_path / "file" / "longtake")
    assert "cannot be written" in checks.keep(account(), FOUND, NOW)
    assert checks.read()[0] == {}
    assert (tmp_path / "file").read_text() == ""
    (tmp_path / FILE).mkdir()
    assert CheckFile(tmp_path).read()[1]


def test_accounts_of_one_vendor_that_hold_the_same_key_are_named_together():
    names = ["evolink/a", "anyfast/a", "evolink/b", "evolink/c"]
    accounts = [account(name, key=KEY if name != "evolink/c" else "sk-other-0123456789") for name in names]
    (told,) = same_keys(accounts)
    assert told.startswith("evolink/a and evolink/b hold the same key")
    assert KEY not in told
    assert same_keys([account(), account()]) == []  # one account twice is one
