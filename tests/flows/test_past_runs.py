"""The report's artifact at a run's end: pictures that need no file, and past runs at a glance."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Failed

from flows._observe.artifacts import report_link
from flows._observe.past_runs import MOST_PICTURE_BYTES, MOST_PICTURES, MOST_RUNS, pictures, runs_table
from longtake.files.open_store import open_store

JPEG = b"\xff\xd8\xff picture"


def run(state, minutes_late: float = 0.0, day: int = 1) -> FlowRun:
    planned = datetime(2026, 1, day, 6, 0, tzinfo=UTC)
    return FlowRun(
        flow_id=uuid4(),
        name="nimble-fox",
        state=state,
        state_name=state.name,
        state_type=state.type,
        expected_start_time=planned,
        start_time=planned + timedelta(minutes=minutes_late),
        estimated_start_time_delta=timedelta(minutes=minutes_late),
        total_run_time=timedelta(seconds=130),
    )


def test_past_runs_are_told_with_rows_money_lateness_and_time() -> None:
    done = run(Completed(message="5/5 rows done; 5 bought now; 3 reels; spent $0.568–0.605; report /r"), 12)
    bad = run(Failed(message="2/5 rows done; 2 bought now; 1 reel (3 held); spent unknown; retry /x; report /r"), day=2)
    refused = run(Failed(message="refused, nothing spent: <b>no</b>"), day=3)
    assert runs_table([done, bad, refused]).splitlines()[2:] == [
        "| 2026-01-01 06:00 | Completed | 5 | 0 | $0.568–0.605 | 12 min | 2 min 10 s |",
        "| 2026-01-02 06:00 | Failed | 2 | 3 | unknown | 0.0 s | 2 min 10 s |",
        "| 2026-01-03 06:00 | Failed | – | – | – | 0.0 s | 2 min 10 s |",
    ]
    assert len(runs_table([done] * 50).splitlines()) == MOST_RUNS + 2
    assert runs_table([]) == ""


def test_the_first_reels_pictures_are_shown_as_data_within_bounds(tmp_path) -> None:
    store = open_store(str(tmp_path))
    store.write("posters/chain.jpg", JPEG)
    store.write("posters/lone/1.jpg", JPEG + b"2")
    store.write("posters/huge.jpg", JPEG + b"0" * MOST_PICTURE_BYTES)
    store.write("posters/odd.jpg", b"<svg onload=x>")
    shown = pictures(store, ["chain", "lone", "huge", "odd", "none"])
    found = [base64.b64decode(data) for data in re.findall(r"base64,([^)]*)\)", shown)]
    assert found == [JPEG, JPEG + b"2"]
    assert pictures(store, ["chain"] * 20).count("data:image/jpeg") == MOST_PICTURES
    told = report_link(store, [shown, ""]).data
    assert told.startswith("[report.html](<file:")
    assert "`chain`" in told
