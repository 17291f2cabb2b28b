"""The progress display: it counts right, guesses the time left, and nobody's text acts in the terminal."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from longtake.domain.events import RunEvent
from longtake.reports.progress.display import Progress
from tests.unit.reports.report_runs import EVIL


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def rows(progress: Progress) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    console.print(progress.table())
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def row(progress: Progress, vendor: str) -> list[str]:
    return next(re.split(r"\s{2,}", line.strip()) for line in rows(progress) if line.startswith(vendor))


def test_a_shot_is_counted_where_it_is() -> None:
    progress = Progress({"evolink": 3}, stream=io.StringIO())
    for place in range(3):
        progress.event(RunEvent.QUEUED, f"r/{place}", "evolink")
    progress.event(RunEvent.BOUGHT, "r/0", "evolink", "job 1", price_usd=(0.3, 0.4))
    progress.event(RunEvent.BOUGHT, "r/1", "evolink", "job 2", price_usd=(0.3, 0.4))
    progress.event(RunEvent.FINISHED, "r/0", "evolink")
    progress.event(RunEvent.DONE, "r/0", "evolink", "done")
    progress.event(RunEvent.ENDED, "r/1", "evolink", "failed")
    assert row(progress, "evolink")[:6] == ["evolink", "1", "0", "1/3", "1", "$0.600–0.800"]


def test_a_shot_that_is_tried_again_is_counted_once() -> None:
    progress = Progress({"evolink": 1}, stream=io.StringIO())
    for name in (
        RunEvent.QUEUED,
        RunEvent.BOUGHT,
        RunEvent.QUEUED,
        RunEvent.BOUGHT,
        RunEvent.FINISHED,
        RunEvent.DONE,
        RunEvent.DONE,
    ):
        progress.event(name, "r/1", "evolink")
    assert row(progress, "evolink")[1:5] == ["0", "0", "1/1", "0"]


def test_a_shot_that_another_of_its_vendors_takes_is_counted_there() -> None:
    progress = Progress({"evolink": 2}, stream=io.StringIO())
    for place in range(2):
        progress.event(RunEvent.QUEUED, f"r/{place}", "evolink")
    for name in (RunEvent.BOUGHT, RunEvent.FINISHED, RunEvent.DONE):
        progress.event(name, "r/1", "anyfast")
    assert row(progress, "evolink")[1:5] == ["1", "0", "0/1", "0"]
    assert row(progress, "anyfast")[1:5] == ["0", "0", "1/1", "0"]


def test_takes_of_one_shot_are_counted_and_named_one_by_one() -> None:
    stream = io.StringIO()
    progress = Progress({"evolink": 2}, mode="lines", stream=stream)
    for take in (1, 2):
        progress.event("bought", "film/1", "evolink", f"job {take}", take=take)
        progress.event("done", "film/1", "evolink", "done", take=take)
    assert row(progress, "evolink")[1:5] == ["0", "0", "2/2", "0"]
    told = [line.split() for line in stream.getvalue().splitlines()]
    assert [line[:4] for line in told] == [[word, "film/1", "take", n] for n in "12" for word in ("bought", "done")]


def test_a_shot_that_ends_while_it_waits_leaves_the_queue() -> None:
    progress = Progress({"evolink": 1}, stream=io.StringIO())
    progress.event(RunEvent.QUEUED, "r/1", "evolink")
    progress.event(RunEvent.ENDED, "r/1", "evolink", "the vendor stopped")
    assert row(progress, "evolink")[1:5] == ["0", "0", "0/1", "1"]


def test_time_left_is_unknown_then_guessed_then_over() -> None:
    clock = Clock()
    progress = Progress({"evolink": 4}, stream=io.StringIO(), clock=clock)
    assert progress.seconds_left is None
    for place in range(2):
        progress.event(RunEvent.BOUGHT, f"r/{place}", "evolink")
    clock.now = 100
    for place in range(2):
        progress.event(RunEvent.FINISHED, f"r/{place}", "evolink")
        progress.event(RunEvent.DONE, f"r/{place}", "evolink")
    assert progress.seconds_left == pytest.approx(100)
    for place in (2, 3):
        progress.event(RunEvent.ENDED, f"r/{place}", "evolink")
    assert progress.seconds_left == 0


def test_an_expected_duration_serves_until_jobs_have_ended_and_the_slowest_vendor_counts() -> None:
    progress = Progress({"a": 2, "b": 10}, stream=io.StringIO(), expected_seconds={"a": 60, "b": 60})
    assert progress.seconds_left == pytest.approx(600)


def test_a_job_taken_up_midway_teaches_nothing_about_durations() -> None:
    clock = Clock()
    progress = Progress({"a": 2}, stream=io.StringIO(), clock=clock)
    progress.event(RunEvent.RESUMED, "r/1", "a")
    clock.now = 1
    progress.event(RunEvent.FINISHED, "r/1", "a")
    assert progress.seconds_left is None


def test_without_a_terminal_there_is_one_plain_line_for_each_step_that_matters() -> None:
    stream = io.StringIO()
    with Progress({"evolink": 1}, stream=stream) as progress:
        for name in (RunEvent.QUEUED, RunEvent.BOUGHT, RunEvent.FINISHED, RunEvent.DONE):
            progress.event(name, "r/1", "evolink", "job 7" if name is RunEvent.BOUGHT else name)
    assert stream.getvalue() == "bought   r/1 (evolink) job 7\ndone     r/1 (evolink)\n"


def test_json_lines_are_exact_ascii_and_count_along() -> None:
    stream = io.StringIO()
    with Progress({"evolink": 1}, mode="json", stream=stream) as progress:
        progress.event(RunEvent.BOUGHT, "r/é\x1b", "evolink", EVIL[5], price_usd=(0.1, 0.2))
        progress.event(RunEvent.DONE, "r/é\x1b", "evolink")
        progress.note("two\nlines")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert stream.getvalue().isascii()
    assert (lines[0]["shot_id"], lines[0]["words"], lines[0]["running"]) == ("r/é\x1b", EVIL[5], 1)
    assert (lines[1]["done"], lines[1]["spent_high_usd"], lines[2]["words"]) == (1, 0.2, "two\nlines")


def test_on_a_terminal_the_table_and_the_troubles_are_drawn() -> None:
    stream = Terminal()
    with Progress({"evolink": 2}, mode="live", stream=stream) as progress:
        progress.event(RunEvent.ENDED, "r/1", "evolink", "moderation refused it")
    assert "moderation refused it" in stream.getvalue()
    assert "time left" in stream.getvalue()


def test_many_troubles_do_not_push_the_table_out_of_sight() -> None:
    progress = Progress({"evolink": 500}, mode="live", stream=Terminal())
    for place in range(500):
        progress.event(RunEvent.ENDED, f"r/{place}", "evolink", "failed")
    assert len(rows(progress)) < 12
    assert "496 more" in rows(progress)[0]


@pytest.mark.parametrize("mode", ["live", "lines", "json", "silent"])
def test_hostile_names_and_messages_do_nothing_to_the_terminal(mode: str) -> None:
    stream = Terminal() if mode == "live" else io.StringIO()
    harmless = re.compile(r"\x1b\[(\d+(;\d+)*)?[mKAJ]|\x1b\[\?25[lh]")
    with Progress(dict.fromkeys(EVIL, 1), mode=mode, stream=stream) as progress:  # type: ignore[arg-type]
        for text in EVIL:
            for name in (RunEvent.QUEUED, RunEvent.BOUGHT, RunEvent.ENDED):
                progress.event(name, text, text, text)
            progress.note(text)
        progress.table()
    left = harmless.sub("", stream.getvalue())
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", left)
    if mode == "lines":
        assert "[red]markup[/red]" in left
        assert len(left.splitlines()) == 3 * len(EVIL)
    if mode == "silent":
        assert left == ""
