"""A person's decision given in the Prefect UI: the render that waits goes on by itself, its child runs too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.flows.project import Project
from tests.flows.test_local_server import wait_for

RENDER, DECIDE = "render-manifest-sandbox", "decide-sandbox"


def write_chains(project: Project, reels: int) -> None:
    lines = ["reel,shot,vendor,prompt,duration_seconds,resolution,continue_from,variants,review"]
    for reel in range(reels):
        lines.append(f"desk-{reel},1,evolink,desk prompt {reel} first,4,480p,,2,wait")
        lines.append(f"desk-{reel},2,evolink,desk prompt {reel} second,4,480p,clip,,")
    (project.folder / "desk.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def working(project: Project) -> Iterator[Project]:
    with project.working_here():
        yield project


def test_a_decision_from_the_form_lets_the_render_that_waits_go_on_by_itself_its_children_too(working: Project):
    project = working
    write_chains(project, 2)
    asked = {"manifest": "desk.csv", "output": "out-desk", "reels_per_run": 1}
    render = project.run(RENDER, **asked).raise_for_status().json()["id"]
    first = project.end_of(render)
    assert first["state_type"] == "FAILED"
    assert "2 shots await a decision, 2 follow" in first["state"]["message"]
    assert project.billed("desk") == 4

    form = project.deployment(DECIDE)["parameter_openapi_schema"]["properties"]
    assert {"output", "decisions", "by", "why", "then_render"} <= form.keys()
    wrong = project.run(DECIDE, output="out-desk", decisions=["desk-0/1=2", "desk-1/1=3"], then_render=True).json()[
        "id"
    ]
    refused = project.end_of(wrong)
    assert (refused["state_type"], "no take 3" in refused["state"]["message"]) == ("FAILED", True)
    assert not (project.folder / "out-desk/decisions").exists()

    decisions = ["desk-0/1=2", "shot_id,choice,why\ndesk-1/1,1,the calm one\n"]
    given = project.run(DECIDE, output="out-desk", decisions=decisions, by="Ann", then_render=True).json()["id"]
    assert "2 decisions written; the run" in project.end_of(given)["state"]["message"]
    wait_for(lambda: project.read(render)["state_type"] == "COMPLETED", 300)
    assert project.billed("desk") == 6
    assert project.read(render)["run_count"] == 2
    for reel, take in ((0, 2), (1, 1)):
        receipt = json.loads((project.folder / f"out-desk/reels/desk-{reel}.json").read_bytes())
        assert [(one["shot_id"], one["take"]) for one in receipt["chosen"]] == [(f"desk-{reel}/1", take)]
        assert "Ann" in receipt["chosen"][0]["why"]
