"""Odd answers to creates and looks through the real client and `buy`, judged by the vendor's count of creates."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from longtake.sandbox.clips.film import render_clip
from tests.contract.odd_vendor import Case, OddVendor
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import accounts_of, render_plain

ANSWERS = Path(__file__).with_name("answers")
FREE = {"refused", "held", "not_started", "content_refused", "blocked"}
"""Verdicts that call a purchase not made."""
BOUGHT = {"done", "still_running", "failed", "cancelled", "lost", "bad_clip"}
ENDED = {"failed", "cancelled", "lost", "content_refused"}
FITTING = {
    "RejectedRequestError": {"refused"},
    "ContentRefusedError": {"content_refused"},
    "RateLimitedError": {"held"},
    "AuthenticationError": {"held"},
    "InsufficientBalanceError": {"held"},
    "ModelNotAllowedError": {"held"},
}


def cases_of(*names: str) -> list[Case]:
    steps = {"replies": "create", "looks": "look"}
    found: list[tuple[str, str, dict[str, Any]]] = []
    for name in names:
        for each in json.loads((ANSWERS / f"{name}.json").read_text()):
            found += [(steps[name.split("-")[-1]], vendor, each) for vendor in each["vendors"]]
    return [Case(number, *each) for number, each in enumerate(found)]


def write_manifest(path: Path, cases: list[Case]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "prompt", "vendor", "duration_seconds", "resolution", "ratio"])
        for case in cases:
            table.writerow([f"c{case.number}", case.word, case.account, 4, "480p", "16:9"])


def wrong(case: Case, creates: int, verdicts: tuple[str, str], errors: tuple[str, str]) -> str | None:
    """Why the outcome of a case is wrong, None where it is right."""
    truth, first, last = case.case["truth"], *verdicts
    told = f"{case.name}: {truth}: {creates} creates, {first} -> {last} ({errors[0][:150]})"
    match truth[0]:
        case "A" | "S" | "K":
            is_right = creates == 1 and last == "done" and (truth[0] != "S" or first == "done")
        case "F":
            is_right = creates == 1 and first == last and first in ("failed", "content_refused")
        case "T":
            is_right = creates == 1 and last in ENDED and first in ENDED
        case "M":
            is_right = creates == 1 and not FREE & set(verdicts)
        case _:
            kind = truth.partition(":")[2]
            is_right = creates >= 1 and not (BOUGHT | {"unknown_outcome"}) & set(verdicts)
            is_right = is_right and (not kind or first in FITTING[kind])
    return None if is_right else told


async def outcomes(cases: list[Case], folder: Path) -> list[str]:
    """Renders every case twice into one output; what went wrong."""
    render_clip(folder / "clip.mp4", width=864, height=496, frames=97, job=1, audio=True)
    write_manifest(folder / "m.csv", cases)
    with OddVendor(cases, (folder / "clip.mp4").read_bytes()) as vendor:
        load = accounts_of(vendor.environment(), max_jobs_in_flight=40, max_wait_seconds=12)
        ends = [
            await render_plain(folder / "m.csv", folder / "out", load, check=quick_check, brake=0) for _ in range(2)
        ]
    rows = [{row.shot_id: row for row in end.rows} for end in ends]
    found = []
    for case in cases:
        shot = f"c{case.number}/1"
        verdicts = tuple(rows[run][shot].verdict.value for run in (0, 1))
        errors = tuple(rows[run][shot].error or "" for run in (0, 1))
        found.append(wrong(case, vendor.creates[case.number], verdicts, errors))
    return [each for each in found if each]


@pytest.mark.parametrize("name", sorted(path.stem for path in ANSWERS.glob("*.json")))
async def test_every_odd_answer_is_read_right_over_two_runs(name, tmp_path, monkeypatch):
    without_films(monkeypatch)
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "20")
    found = await outcomes(cases_of(name), tmp_path)
    assert not found, "\n".join(found)
