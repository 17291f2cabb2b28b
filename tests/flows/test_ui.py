"""What a person sees of a run in the Prefect UI: names, tags, message, log, artifacts; and in a real browser."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments.local.server.access import login_address
from longtake.sandbox import fault_replies as mishaps
from longtake.sandbox.faults import Fault
from tests.flows.conftest import ROOT, PrefectServer
from tests.flows.project import Project
from tests.flows.test_local_server import wait_for
from tests.flows.test_retry import press_retry

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
KEEP_PICTURES = "KEEP_PICTURES" in os.environ  # read here: the server's fixture clears the environment
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"]
IMAGE = "orchard <img src=x onerror='window.harmed=1'>"
LINK = "[free](javascript:window.harmed=2)"
MESSAGE = "![x](http://127.0.0.1:9/x.png) <script>window.harmed=3</script> `code` | \x1b[31mred"
COLUMNS = "reel,shot,vendor,prompt,duration_seconds,resolution\n"
TODAY = datetime.now(UTC).date().isoformat()


@dataclass
class Told:
    """A run that ended with failures, as the server tells it."""

    project: Project
    run: dict[str, Any]

    def artifacts(self) -> dict[str, dict[str, Any]]:
        return artifacts(self.project, self.run["id"])

    def log(self) -> list[str]:
        body = {"logs": {"flow_run_id": {"any_": [self.run["id"]]}}, "limit": 200, "sort": "TIMESTAMP_ASC"}
        return [entry["message"] for entry in self.project.call("POST", "/logs/filter", body).json()]

    def task_runs(self) -> list[dict[str, Any]]:
        body = {"flow_runs": {"id": {"any_": [self.run["id"]]}}, "limit": 200}
        return self.project.call("POST", "/task_runs/filter", body).json()


def artifacts(project: Project, run_id: str) -> dict[str, dict[str, Any]]:
    """The artifacts of a run by key; each key stands once."""
    found = project.call("POST", "/artifacts/filter", {"flow_runs": {"id": {"any_": [run_id]}}}).json()
    assert len({artifact["key"] for artifact in found}) == len(found)
    return {artifact["key"]: artifact for artifact in found}


@pytest.fixture(scope="module")
def told(deployed: Project) -> Iterator[Told]:
    """Two shots of one reel are done; two are refused in hostile words; one waits for an account that is refused."""
    patch = pytest.MonkeyPatch()
    patch.setitem(mishaps._WORDS, "bad_request", MESSAGE)
    project = deployed
    project.sandbox.settings.job_seconds = 0.5
    project.sandbox.faults.clear()
    for number in (1, 2):
        project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt=f"hostile {number}"))
    project.sandbox.faults.add(Fault(kind="unauthorized", step="submit", vendor="anyfast", times=None))
    rows = [
        'harbour,1,evolink,"a harbour at dawn",4,480p',
        'harbour,2,evolink,"the same harbour at noon",4,480p',
        f'"{IMAGE}",1,evolink,"hostile 1",4,480p',
        f'"{LINK}",1,evolink,"hostile 2",4,480p',
        'held,1,anyfast,"never bought",4,480p',
    ]
    (project.folder / f"ui-{TODAY}.csv").write_text(COLUMNS + "\n".join(rows) + "\n")
    yield Told(project, project.run_here("render-manifest-sandbox", manifest="ui-{date}.csv", output="ui/{date}"))
    patch.undo()
    project.sandbox.faults.clear()


def test_the_runs_name_has_its_date_and_its_tags_name_the_vendors(told: Told) -> None:
    assert told.run["name"] == f"render ui-{TODAY}.csv"
    assert {"longtake", "vendor:evolink", "vendor:anyfast"} <= set(told.run["tags"])


def test_task_runs_tell_their_shot_and_vendor(told: Told) -> None:
    steps = {"submit harbour/2", "submit held/1", "poll harbour/1", "download harbour/1", "stitch harbour"}
    wait_for(lambda: steps <= {run["name"] for run in told.task_runs()}, 30)  # the server takes them in as events
    by_name = {run["name"]: run["tags"] for run in told.task_runs()}
    assert by_name["submit harbour/2"] == ["vendor:evolink"]
    assert by_name["submit held/1"] == ["vendor:anyfast"]


def test_the_state_message_says_it_all_in_a_line(told: Told) -> None:
    message = told.run["state"]["message"]
    assert told.run["state_type"] == "FAILED"
    assert message.startswith("2/5 rows done; 2 bought now; 1 reel (1 held, 2 refused); 3 reels not made; spent $")
    assert message.endswith(f"report {told.project.folder}/ui/{TODAY}/report.html")
    assert "\n" not in message


def test_progress_is_told_at_the_end_as_it_is(told: Told) -> None:
    progress = told.artifacts()["longtake-progress"]
    assert (progress["type"], progress["data"]) == ("progress", 100.0)
    assert "**2 / 5 shots done**" in progress["description"]
    assert "3 not done" in progress["description"]
    assert "| `evolink` | 0 | 0 | 2 / 4 | 2 |" in progress["description"]
    assert "- spent: $" in progress["description"]


def test_the_table_of_what_is_not_done_tells_verdict_reason_and_next_action(told: Told) -> None:
    artifact = told.artifacts()["longtake-not-done"]
    rows = {row["shot"]: row for row in json.loads(artifact["data"])}
    assert artifact["description"] == "3 not done"
    assert set(rows) == {f"`{IMAGE}/1`", f"`{LINK}/1`", "held/1"}
    assert rows["held/1"]["verdict"] == "held"
    assert "raise the budget or mend the vendor's account" in rows["held/1"]["next"]
    assert rows[f"`{LINK}/1`"]["verdict"] == "refused"
    assert "\x1b" not in artifact["data"]
    assert "ˋcodeˋ ¦ ␛[31mred" in rows[f"`{LINK}/1`"]["reason"]


def test_the_report_is_linked_by_its_absolute_path(told: Told) -> None:
    link = told.artifacts()["longtake-report"]["data"]
    path = told.project.folder / f"ui/{TODAY}/report.html"
    assert path.is_file()
    assert path.as_uri() in link
    assert f"`{path}`" in link
    # At its end it shows the made reel's picture without any file.
    assert "`harbour`\n\n![](data:image/jpeg;base64," in link


def test_the_log_has_one_readable_line_for_each_event_of_a_shot(told: Told) -> None:
    wait_for(lambda: any("stitch" in line or "reel of" in line for line in told.log()), 30)
    lines = [line for line in told.log() if line.startswith("harbour/1: ")]
    assert [line.partition(": ")[2].partition(",")[0] for line in lines] == [
        "waits for a slot of longtake-evolink-default",
        "bought at evolink/default",
        "made",
        "done",
    ]
    assert lines[1].endswith(", $0.120")
    [held] = [line for line in told.log() if line.startswith("held/1: held")]
    assert held.endswith("Next: raise the budget or mend the vendor's account; the next run tries again")
    assert not any("\n" in line or "\x1b" in line for line in told.log() if line.startswith((IMAGE, LINK)))
    assert not any("Traceback" in line for line in told.log())


def test_retry_replaces_what_was_shown(project: Project) -> None:
    rows = "".join(f"again-{number},1,evolink,again {number} end,4,480p\n" for number in range(2))
    (project.folder / "again.csv").write_text(COLUMNS + rows)
    project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="again 1 end"))
    run = project.run_here("render-manifest-sandbox", manifest="again.csv", output="out-again")
    assert run["state_type"] == "FAILED"
    first = artifacts(project, run["id"])
    assert set(first) == {"longtake-progress", "longtake-not-done", "longtake-report"}

    with project.working_here():
        assert press_retry(project, run["id"])["type"] == "COMPLETED"

    second = artifacts(project, run["id"])
    assert set(second) == {"longtake-progress", "longtake-report"}
    assert {key: second[key]["id"] for key in second} == {key: first[key]["id"] for key in second}
    assert "**2 / 2 shots done**" in second["longtake-progress"]["description"]

    # The next run of the deployment shows at a glance how this one ended.
    after = project.run_here("render-manifest-sandbox", manifest="again.csv", output="out-again")
    told = artifacts(project, after["id"])["longtake-report"]["data"].partition("### The last runs of this deployment")
    assert re.search(r"\| Completed \| 2 \| 0 \| \$[\d.]+", told[2]), told[2]


def test_a_refused_manifest_is_told_row_by_row(project: Project) -> None:
    (project.folder / "wrong.csv").write_text(COLUMNS + "a,1,evolink,x,99,480p\nb,1,evolink,<b>y</b>,4,9000p\n")
    end = project.run_here("render-manifest-sandbox", manifest="wrong.csv", output="out-wrong")
    assert end["state"]["message"].startswith("refused, nothing spent")
    table = artifacts(project, end["id"])["longtake-not-done"]
    assert {row["shot"] for row in json.loads(table["data"])} == {"a/1", "b/1"}
    assert table["description"].endswith("wrong in the manifest, nothing was spent")


@pytest.fixture(scope="module")
def guide(deployed: Project) -> dict[str, Any]:
    """A run as anybody's: one reel is made, one shot is refused by moderation and one waits for it."""
    project = deployed
    project.sandbox.faults.clear()
    project.sandbox.faults.add(Fault(kind="moderation_failed", step="look", prompt="the orchard at night"))
    rows = [
        'harbour,1,evolink,"a harbour at dawn, boats leaving",4,480p,',
        'harbour,2,evolink,"the same harbour at noon",4,480p,',
        'orchard,1,evolink,"the orchard at night",4,480p,',
        'orchard,2,evolink,"the camera moves on between the trees",4,480p,clip',
        'tram,1,anyfast,"a tram crosses a bridge in the rain",4,480p,',
    ]
    (project.folder / "storyboard.csv").write_text(f"{COLUMNS.strip()},continue_from\n" + "\n".join(rows) + "\n")
    end = project.run_here("render-manifest-sandbox", manifest="storyboard.csv", output="reels-storyboard")
    assert "3/5 rows done" in end["state"]["message"]
    return end


@pytest.fixture(scope="module")
def waiting(deployed: Project) -> dict[str, Any]:
    """A run that ends with two takes of a shot waiting for a person."""
    deployed.sandbox.faults.clear()
    deployed.sandbox.settings.job_seconds = 0.5
    columns = f"{COLUMNS.strip()},continue_from,variants,review\n"
    rows = 'quay,1,evolink,"a quay in the rain",4,480p,,2,wait\nquay,2,evolink,"a ferry lands",4,480p,clip,,\n'
    (deployed.folder / "quay.csv").write_text(columns + rows)
    return deployed.run_here("render-manifest-sandbox", manifest="quay.csv", output="reels-quay")


def test_what_waits_for_a_person_is_an_artifact_and_an_event_with_takes_price_and_command(
    deployed: Project, waiting: dict[str, Any]
) -> None:
    assert waiting["state_type"] == "FAILED"
    output = f"{deployed.folder}/reels-quay"
    told = artifacts(deployed, waiting["id"])["longtake-review"]["data"]
    assert told.startswith("**1 shot awaits a decision; 1 shot follows for $")
    assert "| `quay/1` | 1, 2 | 1 | $" in told
    assert f"longtake decide --output {output} quay/1=N" in told
    assert told.count("![](data:image/jpeg;base64,") == 1

    body = {"filter": {"event": {"prefix": ["longtake.shot.awaiting_review"]}}, "limit": 50}
    wait_for(lambda: output in deployed.call("POST", "/events/filter", body).text, 30)
    found = deployed.call("POST", "/events/filter", body).json()["events"]
    [event] = [one for one in found if one["resource"]["longtake.output"] == output]
    assert event["resource"]["prefect.resource.name"] == "quay/1"
    assert (event["payload"]["takes"], event["payload"]["follows"]) == ([1, 2], 1)
    assert "1 shot awaits a decision" in event["payload"]["words"]


def test_the_form_of_decide_tells_what_to_write(deployed: Project) -> None:
    form = deployed.deployment("decide-sandbox")["parameter_openapi_schema"]
    fields = form["properties"]
    assert list(fields) == ["output", "decisions", "by", "why", "then_render"]
    assert fields["decisions"]["type"] == "array"
    assert "reel/shot=2" in fields["decisions"]["description"]
    assert all(field["description"] for field in fields.values())
    assert form["required"] == ["output", "decisions"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


def test_the_printed_address_opens_the_ui_and_its_plain_address_asks_for_the_password(
    browser: Any, prefect_server: PrefectServer
) -> None:
    origin, secret = prefect_server.api_url.removesuffix("/api"), os.environ["PREFECT_API_AUTH_STRING"]
    with browser.new_context() as stranger:
        page = stranger.new_page()
        page.goto(f"{origin}/dashboard")
        page.wait_for_url("**/login**")
    for typed in (False, True):
        with browser.new_context() as context:
            page = context.new_page()
            page.set_default_timeout(90_000)
            page.goto(login_address(origin, "" if typed else secret))
            if typed:
                page.locator("input[type=password]").fill(secret)
                page.get_by_role("button").click()
            page.wait_for_url("**/dashboard**")
            page.get_by_text("Flow Runs").first.wait_for()
            assert secret not in page.url


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page in which nobody's text may act, load or lead away."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(90_000)
    password = base64.b64encode(os.environ["PREFECT_API_AUTH_STRING"].encode()).decode()
    page.add_init_script(f"localStorage.setItem('prefect-password', '{password}')")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert page.evaluate("window.harmed") is None
    assert not [url for url in asked if "127.0.0.1:9/" in url or url.endswith("/x")]
    page.close()


def kept_picture(page: Any, name: str, tmp_path: Path) -> None:
    """Takes a picture, for `docs/` where `KEEP_PICTURES` is set."""
    page.wait_for_timeout(700)  # panels fade in
    path = (ROOT / "docs/pictures" if KEEP_PICTURES else tmp_path) / f"{name}.png"
    page.screenshot(path=path)
    assert path.stat().st_size > 10_000


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium, or set CHROMIUM")
class TestInTheBrowser:
    def test_the_run_page_shows_names_tags_message_and_artifacts(
        self, deployed: Project, guide: dict[str, Any], page: Any, tmp_path: Path
    ) -> None:
        page.goto(f"{deployed.api_url.removesuffix('/api')}/runs/flow-run/{guide['id']}")
        for words in ("render storyboard.csv", "vendor:evolink", "vendor:anyfast", "harbour/1: done"):
            page.get_by_text(words).first.wait_for()
        page.set_viewport_size({"width": 1280, "height": 1500})  # the log, too
        kept_picture(page, "ui-run", tmp_path)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_text("Details", exact=True).first.click()
        page.get_by_text("3/5 rows done; 4 bought now").first.wait_for()
        page.get_by_text("Artifacts", exact=True).first.click()
        for key in ("longtake-progress", "longtake-not-done", "longtake-report"):
            page.get_by_text(key).first.wait_for()
        kept_picture(page, "ui-artifacts", tmp_path)

    def test_progress_and_what_is_not_done_have_pages(
        self, deployed: Project, guide: dict[str, Any], page: Any, tmp_path: Path
    ) -> None:
        shown = artifacts(deployed, guide["id"])
        expected = {
            "longtake-progress": ("ui-progress", ["3 / 5 shots done", "projected: $"]),
            "longtake-not-done": (
                "ui-not-done",
                ["2 not done", "orchard/1", "content_refused", "orchard/2", "blocked"],
            ),
        }
        for key, (name, words) in expected.items():
            page.goto(f"{deployed.api_url.removesuffix('/api')}/artifacts/artifact/{shown[key]['id']}")
            for each in words:
                page.get_by_text(each).first.wait_for()
            kept_picture(page, name, tmp_path)

    def test_what_waits_and_the_form_that_decides_have_pages(
        self, deployed: Project, waiting: dict[str, Any], page: Any, tmp_path: Path
    ) -> None:
        root = deployed.api_url.removesuffix("/api")
        shown = artifacts(deployed, waiting["id"])["longtake-review"]["id"]
        page.goto(f"{root}/artifacts/artifact/{shown}")
        page.get_by_text("1 shot awaits a decision").first.wait_for()
        assert page.locator("img[src^='data:image/jpeg']").count() == 1
        kept_picture(page, "ui-review", tmp_path)
        page.goto(f"{root}/deployments/deployment/{deployed.deployment('decide-sandbox')['id']}/run")
        for words in ("decisions", "then_render", "reel/shot=2 for take 2"):
            page.get_by_text(words).first.wait_for()
        kept_picture(page, "ui-decide", tmp_path)

    @pytest.mark.parametrize("ui", ["", pytest.param("/v2", marks=pytest.mark.slow)], ids=["v1", "v2"])
    def test_hostile_names_and_messages_are_only_text(self, told: Told, page: Any, ui: str) -> None:
        root = told.project.api_url.removesuffix("/api") + ui
        pages = {f"/artifacts/artifact/{shown['id']}": key for key, shown in told.artifacts().items()}
        pages[f"/runs/flow-run/{told.run['id']}"] = told.run["name"]
        page.set_viewport_size({"width": 1280, "height": 2400})  # what is out of sight is not drawn
        for address, words in pages.items():
            page.goto(root + address)
            page.get_by_text(words).first.wait_for()
            page.wait_for_timeout(1000)
            assert page.locator("img[onerror], a[href^='javascript'], img[src*='127.0.0.1:9']").count() == 0
