"""Events of real runs, read back from a real server; and automations that carry them to a webhook."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments import notifications
from deployments.server_contents import bootstrap
from flows import reconcile_jobs as reconcile_flow
from flows._observe.events import MOST_UNBEGUN, RunEvents, deliver
from flows._observe.observer import AUDIENCE, RunObserver
from flows._observe.review import what_waits
from flows.render_manifest import render_manifest
from longtake.domain.errors import BudgetExceededError, InsufficientBalanceError
from longtake.domain.job import Clip
from longtake.domain.verdicts import Outcome, Verdict
from longtake.files.open_store import open_store
from longtake.jobs.reconcile import dying_links
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.rendering.shot_result import DONE, ShotResult
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.flows.conftest import ROOT, PrefectServer, clean_environment
from tests.flows.project import Project
from tests.flows.test_local_server import wait_for
from tests.plain_render import sandbox_accounts
from tests.unit.reports.review_runs import review_run
from tests.warm import warm

CLIP = Clip(key="ledger/x.mp4", sha256="a" * 64, size_bytes=1, width=2, height=2, frames=96, duration_seconds=4.0)
COLUMNS = "reel,shot,vendor,prompt,duration_seconds,resolution\n"


def events_of(project: Project, output: str, name: str = "longtake.") -> list[dict[str, Any]]:
    """Our events about an output, in their order."""
    body = {"filter": {"event": {"prefix": [name]}, "order": "ASC"}, "limit": 50}
    page = project.call("POST", "/events/filter", body).json()
    found = page["events"]
    while page["next_page"]:
        page = project.call("GET", page["next_page"].partition("/api")[2]).json()
        found += page["events"]
    return [event for event in found if output in json.dumps(event["resource"])]


def rendered(project: Project, name: str, rows: list[str], **parameters: Any) -> dict[str, Any]:
    (project.folder / f"{name}.csv").write_text(COLUMNS + "\n".join(rows) + "\n")
    return project.run_here("render-manifest-sandbox", manifest=f"{name}.csv", output=f"out-{name}", **parameters)


def test_every_step_of_a_run_has_its_event_with_shot_money_and_run(project: Project) -> None:
    project.sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="told 3 end"))
    project.sandbox.faults.add(Fault(kind="unauthorized", step="submit", vendor="anyfast", times=None))
    rows = [f"told,{shot},evolink,told {shot} end,4,480p" for shot in (1, 2)]
    rows += ["alone,1,evolink,told 3 end,4,480p", "away,1,anyfast,told 4 end,4,480p"]
    run = rendered(project, "told", rows)
    output = str(project.folder / "out-told")
    wait_for(lambda: len(events_of(project, output)) >= 7, 30)

    events = events_of(project, output)

    assert sorted((event["event"], event["resource"]["prefect.resource.name"]) for event in events) == [
        ("longtake.reel.finished", "told"),
        ("longtake.shot.bought", "told/1"),
        ("longtake.shot.bought", "told/2"),
        ("longtake.shot.done", "told/1"),
        ("longtake.shot.done", "told/2"),
        ("longtake.shot.failed", "alone/1"),
        ("longtake.shot.failed", "away/1"),
    ]
    by_name = {(event["event"], event["resource"]["prefect.resource.name"]): event for event in events}
    bought = by_name["longtake.shot.bought", "told/1"]
    assert bought["resource"]["prefect.resource.id"] == f"longtake.shot.{output}/told/1"
    assert bought["payload"]["price_high_usd"] == pytest.approx(0.12)
    assert bought["payload"]["job_id"] == by_name["longtake.shot.done", "told/1"]["payload"]["job_id"]
    related = {one["prefect.resource.id"] for one in bought["related"]}
    assert {f"prefect.flow-run.{run['id']}", "longtake.account.evolink/default", "prefect.tag.longtake"} <= related
    assert by_name["longtake.shot.failed", "alone/1"]["payload"]["verdict"] == "refused"
    assert "the next run tries again" in by_name["longtake.shot.failed", "alone/1"]["payload"]["next_action"]
    assert by_name["longtake.shot.failed", "away/1"]["payload"]["verdict"] == "held"
    assert by_name["longtake.reel.finished", "told"]["payload"]["film"] == "reels/told.mp4"
    [refused] = events_of(project, "anyfast/default", "longtake.account.refused")[-1:]
    assert refused["payload"]["http_status"] == 401
    told = json.dumps([*events, refused])
    assert not any(project.sandbox.api_key(vendor) in told for vendor in ("evolink", "anyfast"))

    project.sandbox.faults.clear()
    again = rendered(project, "told", rows[:2])
    assert again["state_type"] == "COMPLETED"
    assert len(events_of(project, output)) == 7  # what was done before is no news


def test_a_process_that_ends_with_its_own_server_leaves_no_event_behind(
    prefect_server: PrefectServer, new_home: Callable[[], Path], tmp_path: Path
) -> None:
    home, shots = new_home(), 12
    rows = "".join(f"r{number},1,evolink,p{number},4,480p\n" for number in range(shots))
    (tmp_path / "m.csv").write_text(COLUMNS + rows)
    with Sandbox(SandboxSettings(job_seconds=0.2, jobs_per_key=None, media="stub")) as sandbox:
        environment = clean_environment(home) | sandbox.environment() | {"EVOLINK_MAX_JOBS_IN_FLIGHT": str(shots)}
        command = [
            *warm(),
            "-m",
            "longtake_cli.main",
            "render",
            str(tmp_path / "m.csv"),
            "--output",
            str(tmp_path / "o"),
        ]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        query = f"SELECT event, count(*) FROM events WHERE resource_id LIKE '%{tmp_path}/o/%' GROUP BY event"
        wait_for(lambda: dict(database.execute(query)).get("longtake.reel.finished") == shots, 10)
        assert dict(database.execute(query)) == dict.fromkeys(
            ("longtake.shot.bought", "longtake.shot.done", "longtake.reel.finished"), shots
        )


class TestWithoutAServer:
    @pytest.fixture
    def emitted(self, monkeypatch) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []

        def emit(event: str, resource: dict[str, str], *, payload: dict[str, Any], **_: Any) -> None:
            found.append((event, resource | payload))

        monkeypatch.setattr("flows._observe.events.emit_event", emit)
        return found

    @pytest.fixture
    async def prepared(self, tmp_path: Path, monkeypatch) -> Any:
        monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
        rows = "".join(f"r{number},1,evolink,p{number},4,480p\n" for number in range(3))
        (tmp_path / "m.csv").write_text(COLUMNS + rows)
        options = RenderOptions(manifest=str(tmp_path / "m.csv"), output=str(tmp_path / "out"), budget_usd=1)
        with Sandbox() as sandbox:
            return await prepare(options, load_account=sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"]))

    async def test_a_heap_of_held_shots_is_told_up_to_a_bound_and_the_budget_once(self, prepared, emitted) -> None:
        events, shot = RunEvents(prepared), prepared.rendered_shots[0]
        for _ in range(MOST_UNBEGUN + 50):
            cause = BudgetExceededError("the budget: up to 1 USD are needed")
            events.ended(ShotResult(shot, Outcome(verdict=Verdict.HELD, evidence=str(cause)), cause=cause))
        assert [name for name, _ in emitted].count("longtake.shot.failed") == MOST_UNBEGUN
        assert [told["words"] for name, told in emitted if name == "longtake.budget.reached"] == [
            "r0/1 is held: the budget: up to 1 USD are needed"
        ]

    async def test_an_account_that_refuses_while_others_make_its_shots_is_told_to_the_command_once(
        self, prepared, emitted, monkeypatch
    ) -> None:
        monkeypatch.setattr("flows._observe.observer.get_run_logger", logging.getLogger)
        progress: Any = SimpleNamespace(may_be_bought=lambda shot: None)
        observer, told = RunObserver(prepared, progress, progress, lambda account: None), list[str]()
        heard: Any = SimpleNamespace(note=told.append)
        token = AUDIENCE.set(heard)
        try:
            for shot in prepared.rendered_shots:
                passed = {"evolink/default": InsufficientBalanceError("used up")}
                observer.ended(ShotResult(shot, DONE, passed=passed))
        finally:
            AUDIENCE.reset(token)
        assert told == ["evolink/default refuses: used up; rows that name others too go to those"]
        assert [name for name, _ in emitted].count("longtake.account.refused") == 1

    async def test_a_shot_that_waits_for_a_person_is_told_by_the_run_that_brought_it_and_by_no_later_one(
        self, prepared, emitted
    ) -> None:
        first, second = (
            shot.model_copy(update={"shot_id": name, "reel": name[:2]})
            for shot, name in zip(what_waits(review_run(2)), ("r0/1", "r1/1"), strict=True)
        )
        events, shot = RunEvents(prepared), prepared.rendered_shots[0]
        events.ended(ShotResult(shot, Outcome(verdict=Verdict.DONE), clip=CLIP))
        events.awaiting_review([first, second])
        [told] = [told for name, told in emitted if name == "longtake.shot.awaiting_review"]
        assert told["prefect.resource.name"] == "r0/1"
        assert (told["takes"], told["follows"], told["follows_high_usd"]) == ([1, 2, 3], 3, 1.5)
        assert told["words"].startswith(
            "2 shots await a decision; 6 shots follow for $2.40–3.00: r0/1, r1/1. Choose in "
        )
        assert "longtake decide --output " in told["words"]
        emitted.clear()
        RunEvents(prepared).awaiting_review([first, second])
        assert emitted == []

    async def test_no_signed_link_and_no_control_character_gets_into_a_payload(self, prepared, emitted) -> None:
        evidence = "see https://h.example/v.mp4?sig=SECRET and \x1b[31m Bearer abcdefghij"
        shot = prepared.rendered_shots[0]
        RunEvents(prepared).ended(ShotResult(shot, Outcome(verdict=Verdict.LOST, evidence=evidence)))
        [(_, told)] = emitted
        assert told["reason"] == "see https://h.example/v.mp4 and ␛[31m Bearer ***"


def test_waiting_for_delivery_is_bounded(monkeypatch) -> None:
    class Stuck:
        @staticmethod
        def instance():
            return Stuck()

        def wait_until_empty(self) -> None:
            time.sleep(30)

    monkeypatch.setattr("flows._observe.events.EventsWorker", Stuck)
    monkeypatch.setattr("flows._observe.events.should_emit_events", lambda: True)
    begun = time.monotonic()
    assert not deliver(0.2)
    assert time.monotonic() - begun < 2


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[str]]]:
    """A webhook on loopback: its address, and the texts that it was sent."""
    texts: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook/T0P-SECRET", texts
    server.shutdown()
    server.server_close()


def ours(project: Project) -> dict[str, dict[str, Any]]:
    found = project.call("POST", "/automations/filter", {"limit": 200}).json()
    return {one["name"]: one for one in found if one["name"].startswith("Longtake: tell when ")}


@pytest.fixture
def switched_on(project: Project, webhook: tuple[str, list[str]], monkeypatch) -> Iterator[None]:
    """Bootstrap's notifications, sent to the webhook and switched on."""
    monkeypatch.setenv(notifications.NOTIFY_URL, webhook[0])
    assert {one["enabled"] for one in ours(project).values()} == {False}
    line = "block document custom-webhook/longtake-notify"
    assert f"{line}: made from the environment" in asyncio.run(bootstrap())
    assert f"{line}: left as it is" in asyncio.run(bootstrap())
    assert len(ours(project)) == 5
    for one in ours(project).values():
        project.call("PATCH", f"/automations/{one['id']}", {"enabled": True}).raise_for_status()
    time.sleep(3)  # the server takes changed automations up
    yield
    for one in ours(project).values():
        project.call("PATCH", f"/automations/{one['id']}", {"enabled": False}).raise_for_status()


@pytest.fixture
def left_alone(project: Project, monkeypatch) -> str:
    """An output with a paid job whose clip cannot be downloaded."""
    for name, value in project.sandbox.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EVOLINK_MAX_WAIT_SECONDS", "1")
    project.sandbox.faults.add(Fault(kind="stuck", step="look", prompt="left alone"))
    manifest, output = project.folder / "left.csv", str(project.folder / "out-left")
    manifest.write_text(COLUMNS + "left,1,evolink,left alone,4,480p\n")
    state: Any = asyncio.run(render_manifest(str(manifest), output, return_state=True))
    assert "1 still_running" in state.message
    return output


def test_links_die_soon_when_most_of_their_day_has_passed(left_alone: str) -> None:
    store = open_store(left_alone)
    assert dying_links(Ledger(store)) == {}
    [(shot, dies_at)] = dying_links(Ledger(store, clock=lambda: time.time() + 20 * 3600)).items()
    assert shot == "left/1"
    assert dies_at - time.time() == pytest.approx(24 * 3600, abs=120)


@pytest.mark.usefixtures("switched_on")
def test_automations_that_are_switched_on_tell_of_rows_budget_account_links_and_review(
    project: Project, webhook: tuple[str, list[str]], left_alone: str, monkeypatch
) -> None:
    project.sandbox.faults.add(Fault(kind="unauthorized", step="submit", vendor="anyfast", times=None))
    rendered(project, "away", ["away,1,anyfast,notify 3 end,4,480p"])
    rendered(project, "poor", ["first,1,evolink,a,4,480p", "second,1,evolink,b,4,480p"], budget_usd=0.13)
    rows = "quay,1,evolink,a,4,480p,wait\nmole,1,evolink,b,4,480p,wait\n"
    (project.folder / "look.csv").write_text(COLUMNS.strip() + ",review\n" + rows)
    project.run_here("render-manifest-sandbox", manifest="look.csv", output="out-look")
    monkeypatch.setattr(reconcile_flow, "dying_links", partial(dying_links, within_seconds=1e9))
    asyncio.run(reconcile_flow.reconcile_jobs(left_alone, return_state=True))

    def told(words: str) -> list[str]:
        return [text for text in list(webhook[1]) if text.startswith(f"Longtake: {words}\n")]

    kinds = ("rows failed", "budget reached", "an account refuses", "links are dying", "shots await review")
    wait_for(lambda: all(told(words) for words in kinds), 60)
    # A set, because Prefect delivers at least once.
    [poor] = {text for text in told("rows failed") if "render poor.csv: 1/2 rows done" in text}
    assert poor.splitlines()[-1].startswith(("flow run ", "http"))
    assert any("anyfast/default refuses: Invalid token" in text for text in told("an account refuses"))
    assert any("second/1 is held: the budget: " in text for text in told("budget reached"))
    assert any("1 paid clips are not here yet; the first link dies at " in text for text in told("links are dying"))
    [waiting] = set(told("shots await review"))
    assert "2 shots await a decision; nothing waits behind: quay/1, mole/1. Choose in report.html" in waiting
    stored = project.call("POST", "/block_documents/filter", {}).text
    assert "longtake-notify" in stored
    assert "T0P-SECRET" not in stored
