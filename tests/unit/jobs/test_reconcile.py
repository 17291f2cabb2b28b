"""Which outputs an address stands for, and what reconciling reads of their ledgers."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.files.open_store import open_store
from longtake.files.store import Store
from longtake.jobs.reconcile import outputs_at
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Unknown, VerdictRecord
from tests.e2e.s3_server import s3_server


@pytest.fixture(params=["a folder", "a bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty place for outputs."""
    if request.param == "a folder":
        yield str(tmp_path / "reels")
        return
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("films", exist_ok=True)
        yield f"s3://films/{tmp_path.name}"  # moto keeps one state for all servers of a process


def give_ledger(place: str, output: str) -> None:
    store: Store = open_store(f"{place}/{output}" if output else place)
    store.write("ledger/1-abc/try-1.intent.json", b"{}")
    store.write("clips/reel/1.mp4", b"")


def test_an_output_stands_for_itself_alone(place: str):
    give_ledger(place, "")
    give_ledger(place, "clips/strange")

    assert outputs_at(place) == [place]


def test_a_folder_stands_for_the_outputs_below_it(place: str):
    for output in ("2026-11-20", "2026-11-21", "arrived/spring.csv"):
        give_ledger(place, output)
    open_store(place).write("notes/readme.txt", b"no output")

    assert outputs_at(place) == [f"{place}/{name}" for name in ("2026-11-20", "2026-11-21", "arrived/spring.csv")]
    assert outputs_at(f"{place}/") == outputs_at(place)
    assert outputs_at(f"{place}/arrived") == [f"{place}/arrived/spring.csv"]


def test_a_place_with_nothing_in_it_stands_for_itself(place: str):
    assert outputs_at(f"{place}/nothing") == [f"{place}/nothing"]


def test_of_settled_purchases_only_the_record_that_says_so_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ledger = Ledger(DirectoryStore(tmp_path))
    for record in (Unknown(identity="1-over", evidence=""), VerdictRecord(identity="1-over", verdict=Verdict.FAILED)):
        ledger.add(record)
    ledger.store.write("ledger/1-torn/try-1.intent.json", b"{")
    read: list[str] = []
    read_many = ledger.store.read_many

    def noted(keys):
        read.extend(keys := list(keys))
        return read_many(keys)

    monkeypatch.setattr(ledger.store, "read_many", noted)
    found = ledger.load_open()

    assert list(found) == ["1-torn"]
    assert found["1-torn"].unreadable
    assert read == ["ledger/1-over/verdict.json", "ledger/1-torn/try-1.intent.json"]
