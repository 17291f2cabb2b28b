"""What objects of which a run holds one for each row are, and what they take."""

from __future__ import annotations

import gc
import pickle
import tracemalloc

import pytest
from pydantic import BaseModel

from longtake.domain.identity import first_attempt
from longtake.domain.job import JobStatus
from longtake.domain.little_memory import in_little_memory
from longtake.ledger.packed import PackedPurchases
from longtake.ledger.record_files import encode, parse_record
from longtake.ledger.records import ClipRecord, Expectation, Purchase, Terminal
from tests.unit.bought import accepted, clip, intent

MOST_BYTES = 4_500
"""Measured: 3,000; before names were shared, 11,900."""


class Part(BaseModel):
    """A part of a whole."""

    number: int = 0
    word: str = ""


class Whole(BaseModel):
    """An object with a part."""

    name: str
    part: Part = Part()
    note: str | None = None


@pytest.mark.parametrize("changes", [{}, {"note": "n"}, {"part": Part(word="other")}, {"name": "b", "note": None}])
def test_it_is_what_a_plain_copy_is(changes: dict[str, object]) -> None:
    whole = Whole.model_validate_json('{"name": "a", "part": {"number": 1}}')
    made, plain = in_little_memory(whole, changes), whole.model_copy(update=changes)
    assert (made, made.model_fields_set) == (plain, plain.model_fields_set)
    assert made.model_dump_json(exclude_unset=True) == plain.model_dump_json(exclude_unset=True)
    assert pickle.loads(pickle.dumps(made)) == plain


def test_a_copy_that_is_changed_changes_nothing_of_the_others() -> None:
    made, other = (in_little_memory(Whole(name=name)) for name in "ab")
    changed = made.model_copy(update={"note": "n"})
    assert (changed.model_fields_set, other.model_fields_set) == ({"name", "note"}, {"name"})


def test_a_record_that_was_read_is_written_as_it_was() -> None:
    for kind, record in (
        ("intent", intent()),
        ("accepted", accepted()),
        ("clip", ClipRecord(identity="i", clip=clip())),
    ):
        assert encode(parse_record(kind, encode(record))) == encode(record)


def test_a_further_row_that_is_done_takes_little_while_it_is_planned() -> None:
    packed = PackedPurchases()
    for number in range(400):
        identity = first_attempt(f"1-{number:040x}")
        expected = Expectation(clip_seconds=5.04, width=640, height=640)
        records = {
            "try-1.intent.json": intent(identity, expected=expected, host=f"vm:{number}", price_low_usd=0.1),
            "accepted.json": accepted(identity),
            "terminal.json": Terminal(identity=identity, status=JobStatus.SUCCEEDED, link="https://media.test/a.mp4"),
            "clip.json": ClipRecord(identity=identity, clip=clip(f"ledger/{identity}/clip.mp4")),
        }
        packed.put(identity, {name: encode(record) for name, record in records.items()}, 1)
    some: dict[str, Purchase] = {identity: packed[identity] for identity in list(packed)[:10]}  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        some = dict(packed)
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / len(some)
    finally:
        tracemalloc.stop()
    assert all(one.clip is not None and one.intent is not None for one in some.values())
    assert each < MOST_BYTES, f"{each:.0f} bytes a row"
