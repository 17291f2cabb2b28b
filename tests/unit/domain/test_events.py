"""The events of a run: whoever tells of one, and whoever hears it, means the same."""

from __future__ import annotations

from longtake.domain.events import ENDS, STAGE_AFTER, TAKES_UP, RunEvent
from longtake.domain.verdicts import ShotStage


def test_after_each_event_a_shot_is_in_a_stage_or_at_its_end() -> None:
    assert {*STAGE_AFTER, *ENDS} == set(RunEvent)
    assert not {*STAGE_AFTER} & ENDS


def test_a_shot_runs_from_the_moment_that_its_job_is_taken_up() -> None:
    assert {event for event, stage in STAGE_AFTER.items() if stage is ShotStage.RUNNING} == TAKES_UP


def test_the_words_of_json_lines_stay_as_scripts_know_them() -> None:
    assert [f"{event}" for event in RunEvent] == ["queued", "bought", "resumed", "finished", "done", "ended", "beyond"]
