"""Records changed by hand, disk or copy, at every stage of a purchase: by the bill, nothing is bought twice for it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from longtake.domain.errors import LongtakeError
from longtake.sandbox.app import Fault
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import hasten, render_plain, sandbox_accounts

SHOT = {"reel": "r", "shot": 1, "prompt": "a red ball", "vendor": "evolink", "duration_seconds": 4}
RECORDS = ("try-1.intent", "accepted", "terminal", "clip")


def as_json(change):
    def mutate(path: Path) -> None:
        told = json.loads(path.read_text())
        change(told)
        path.write_text(json.dumps(told))

    return mutate


def renamed(path: Path) -> None:
    path.rename(path.with_name("try-2.intent.json" if "intent" in path.name else f"{path.name}.old"))


MUTATIONS = {
    "deleted": lambda path: path.unlink(),
    "renamed": renamed,
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a list": lambda path: path.write_text("[]"),
    "no object": lambda path: path.write_text("null"),
    "of another purchase": as_json(lambda told: told.update(identity="1-" + "0" * 40)),
    "of a newer release": as_json(lambda told: told.update(format=9)),
    "with a field more": as_json(lambda told: told.update(approved=True)),
    "without its first field": as_json(lambda told: told.pop(next(iter(told)))),
    "from the future": as_json(lambda told: told.update(at=9e9)),
    "from before time": as_json(lambda told: told.update(at=-1)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
CELLS = [
    (stage, record, name)
    for stage, records in (
        ("done", RECORDS),
        ("in flight", RECORDS[:2]),
        ("unknown", ("try-1.intent", "try-1.unknown")),
    )
    for record in records
    for name in MUTATIONS
]
NEVER_BOUGHT_AGAIN = {"done", "unknown_outcome", "still_running", "lost", "failed"}


@pytest.mark.parametrize(
    ("stage", "record", "name"),
    [
        pytest.param(*cell, marks=[] if place % 7 == 0 else pytest.mark.slow, id="-".join(cell))
        for place, cell in enumerate(CELLS)
    ],
)
async def test_a_changed_record_makes_no_purchase_free(
    tmp_path, sandbox, write_manifest, monkeypatch, stage, record, name
):
    without_films(monkeypatch)
    # Where the record that tells a submit's outcome is gone, its deadline is waited for.
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "2")
    hasten(monkeypatch, after_seconds=0.2)
    manifest, output = write_manifest([SHOT]), tmp_path / "out"
    load = sandbox_accounts(sandbox, max_wait_seconds=0.2 if stage == "in flight" else 5)
    if stage == "in flight":
        sandbox.settings.job_seconds = 600.0
    if stage == "unknown":
        sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit"))
    await render_plain(manifest, output, load, check=quick_check)
    for job in sandbox.jobs():
        job.ends = time.monotonic()
    [purchase] = (output / "ledger").iterdir()
    MUTATIONS[name](purchase / f"{record}.json")
    for _ in range(2):
        try:
            end = await render_plain(manifest, output, sandbox_accounts(sandbox, max_wait_seconds=5), check=quick_check)
        except LongtakeError:  # an output that cannot be read is refused as a whole
            continue
        assert {row.verdict.value for row in end.rows} <= NEVER_BOUGHT_AGAIN, [row.error for row in end.rows]
    assert sandbox.bill.count() == 1
