"""The picture of time: stages come from the right moments, idle days shrink, and large runs stay small."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from longtake.reports.run.gantt import MOST_BARS, gantt_svg
from longtake.reports.run.timeline import Axis, Span, spans, stage_seconds
from tests.unit.reports.report_runs import BEGIN, hostile_run, large_run, reel_of, run_of, shot

TIMES = {
    "waiting_since": 0.0,
    "submitted_at": 10.0,
    "started_running_at": 30.0,
    "finished_at": 90.0,
    "downloaded_at": 95.0,
}


def test_a_done_shot_went_through_all_four_stages() -> None:
    assert spans(shot("r", 1, **TIMES), now=500) == [
        Span("waiting", 0, 10),
        Span("queued", 10, 30),
        Span("running", 30, 90),
        Span("download", 90, 95),
    ]


def test_a_break_between_the_jobs_end_and_the_run_that_fetched_its_clip_is_no_download() -> None:
    night = TIMES | {"downloaded_at": 43_295.0, "fetched_from": 43_290.0}
    assert spans(shot("r", 1, **night), now=50_000)[-1] == Span("download", 43_290, 43_295)


def test_a_job_never_seen_queued_counts_as_running() -> None:
    found = spans(shot("r", 1, **TIMES | {"started_running_at": None, "waiting_since": None}), now=500)
    assert found == [Span("running", 10, 90), Span("download", 90, 95)]


@pytest.mark.parametrize(
    ("verdict", "stage"),
    [("waiting", "waiting"), ("queued", "queued"), ("running", "running"), ("downloading", "download")],
)
def test_what_goes_on_ends_now(verdict: str, stage: str) -> None:
    moments = dict.fromkeys(TIMES)
    for name, reached in zip(TIMES, ("waiting", "queued", "running", "downloading"), strict=False):
        moments[name] = TIMES[name]
        if reached == verdict:
            break
    last = spans(shot("r", 1, verdict, **moments), now=500)[-1]
    assert (last.stage, last.end) == (stage, 500)


def test_a_failed_shot_has_no_download_and_a_held_one_nothing() -> None:
    failed = spans(shot("r", 1, "failed", **TIMES | {"downloaded_at": None}), now=500)
    assert [span.stage for span in failed] == ["waiting", "queued", "running"]
    assert spans(shot("r", 1, "held"), now=BEGIN + 500) == []


def test_times_that_run_backwards_are_left_out() -> None:
    found = spans(shot("r", 1, **TIMES | {"started_running_at": 5.0, "downloaded_at": 1.0}), now=500)
    assert [span.stage for span in found] == ["waiting", "running"]


def test_seconds_add_up_over_all_shots() -> None:
    shots = [shot("r", place, **TIMES) for place in (1, 2)]
    view = run_of([reel_of("r", [], shots=shots)])
    assert stage_seconds(view) == {"waiting": 20, "queued": 40, "running": 120, "download": 10}


def test_an_idle_night_shrinks_to_a_gap_and_times_stay_in_order() -> None:
    night = 12 * 3600.0
    axis = Axis([Span("running", 0, 600), Span("running", night, night + 600)], 100, 1000)
    assert len(axis.sessions) == 2
    assert axis.x(300) - axis.x(0) == pytest.approx(axis.x(night + 300) - axis.x(night))
    assert 100 == axis.x(-5) <= axis.x(600) < axis.x(night) < axis.x(night + 600) == pytest.approx(1000)


def test_a_clip_fetched_the_next_day_does_not_stretch_the_picture() -> None:
    day = 86_400.0
    axis = Axis([Span("running", 0, 300), Span("download", 300, day), Span("running", day, day + 300)], 0, 1000)
    assert len(axis.sessions) == 2
    assert axis.x(300) > 300


def test_ticks_are_round_and_apart() -> None:
    axis = Axis([Span("running", BEGIN, BEGIN + 754)], 0, 900)
    ticks = axis.ticks()
    assert [seconds for _, seconds in ticks] == list(range(0, 755, 120))
    assert all(after[0] - before[0] >= 84 for before, after in pairwise(ticks))


@pytest.mark.parametrize("seconds", [0.5, 30.0, 86_400.0 * 40])
def test_any_length_of_run_gets_few_ticks(seconds: float) -> None:
    assert 1 <= len(Axis([Span("waiting", 0, seconds / 3)], 0, 900).ticks()) <= 12


def test_a_small_run_gets_a_bar_for_every_shot() -> None:
    tree = ElementTree.fromstring(gantt_svg(run_of([reel_of("harbour", ["done", "failed", "blocked"])])))
    titles = [group.findtext("{*}title") for group in tree.iterfind("{*}g")]
    assert [title.split(" (")[0] for title in titles if title] == ["harbour/1", "harbour/2"]


def test_a_run_of_thousands_of_shots_stays_small() -> None:
    small, large = gantt_svg(large_run(MOST_BARS, 1)), gantt_svg(large_run(1000, 3))
    ElementTree.fromstring(large)
    assert len(large) < 200_000
    assert small.count("<rect") > 100
    assert large.count("<rect") == 0


def test_areas_show_as_many_shots_as_there_were_at_once() -> None:
    together = [shot("r", place, vendor="evolink", **TIMES) for place in range(1, MOST_BARS + 2)]
    picture = gantt_svg(run_of([reel_of("r", [], shots=together)]))
    assert f"at most {MOST_BARS + 1} at once" in picture


def test_nothing_bought_makes_no_picture() -> None:
    assert gantt_svg(run_of([])) == ""


def test_hostile_names_stay_text_in_the_picture() -> None:
    picture = gantt_svg(hostile_run())
    tree = ElementTree.fromstring(picture)
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= {
        "svg",
        "g",
        "title",
        "text",
        "rect",
        "path",
        "line",
    }
    assert not re.search(r"<(script|img)", picture)
