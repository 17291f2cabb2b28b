"""What the steps of a run leave behind in Prefect's memory."""

from __future__ import annotations

from prefect.context import FlowRunContext

from flows import _steps


def test_only_the_latest_links_from_results_to_task_runs_are_kept(monkeypatch):
    monkeypatch.setattr(_steps, "MOST_LINKS", 3)
    links = dict.fromkeys(range(10))
    with FlowRunContext.model_construct(run_results=links):
        _steps._forget_old_links()
    assert list(links) == [7, 8, 9]


def test_steps_outside_a_flow_have_no_links_to_forget():
    _steps._forget_old_links()
