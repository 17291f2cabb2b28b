"""Bootstrap, `prefect deploy --all` and a real worker: every kind of deployment runs, nothing is bought unasked."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from blocks import JimmyAICredentials
from longtake.domain.errors import ConfigurationError
from tests.flows.conftest import ROOT, PrefectServer, clean_environment
from tests.flows.project import PREFECT, Project
from tests.flows.test_local_server import Client, wait_for

BUYING = {"render-manifest-daily", "render-manifest-on-arrival", "reconcile-jobs"}


def test_a_run_started_by_form_schedule_and_event_ends_completed_with_files(project: Project) -> None:
    today, before = datetime.now(UTC).date().isoformat(), project.sandbox.bill.count()
    project.write_manifest("form.csv", "by-form")
    project.write_manifest(f"manifests/{today}.csv", "by-schedule")
    project.write_manifest("manifests/incoming/spring.csv", "by-event")
    project.write_manifest("elsewhere.csv", "never")
    event = "longtake.sandbox.manifest.arrived"
    project.switch_on_trigger("render-manifest-on-arrival-sandbox")
    project.add_schedule("render-manifest-daily-sandbox", datetime.now(UTC) + timedelta(seconds=12))
    form = project.run("render-manifest-sandbox", manifest="form.csv", output="out").raise_for_status().json()["id"]
    project.emit(event, "manifests/incoming/spring.csv")
    project.emit(event, "elsewhere.csv")
    project.emit(event, "manifests/incoming/../../elsewhere.csv")

    outcomes = {"form": project.end_of(form), "daily": project.ended("render-manifest-daily-sandbox", 1)[0]}
    arrived = project.ended("render-manifest-on-arrival-sandbox", 2)

    log = (project.folder / "worker.log").read_text()[-5000:]
    assert {run["state_name"] for run in outcomes.values()} == {"Completed"}, log
    assert sorted(run["state_type"] for run in arrived) == ["COMPLETED", "FAILED"], log
    assert {run["parameters"]["manifest"] for run in arrived} == {
        "manifests/incoming/spring.csv",
        "not rendered: an address with ..",
    }
    assert (project.folder / "out/reels/by-form.mp4").is_file()
    assert (project.folder / f"reels-sandbox/{today}/reels/by-schedule.mp4").is_file()
    assert (project.folder / "reels-sandbox/arrived/manifests-incoming-spring.csv/reels/by-event.mp4").is_file()
    assert project.sandbox.bill.count() - before == 3


def test_the_form_has_help_on_every_field_and_refuses_bad_values_before_a_run(project: Project) -> None:
    name = "render-manifest-sandbox"
    fields = project.deployment(name)["parameter_openapi_schema"]["properties"]
    runs = len(project.runs_of(name))

    assert all(field.get("description") for field in fields.values())
    for bad in ({"budget_usd": -1}, {"on_unknown": "guess"}, {"reels_per_run": "many"}, {"max_attempts": 0}):
        refused = project.run(name, manifest="m.csv", output="o", **bad)
        assert refused.status_code in (409, 422), bad
    assert project.run(name, output="o").status_code in (409, 422)
    assert len(project.runs_of(name)) == runs


def test_a_manifest_that_is_not_there_yet_fails_the_run_and_retry_renders_the_same_day(project: Project) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    day, paths = yesterday.date().isoformat(), {"manifest": "manifests/{date}.csv", "output": "reels-sandbox/{date}"}
    with project.working_here():
        run = project.scheduled("render-manifest-sandbox", yesterday, **paths).raise_for_status().json()["id"]

        first = project.end_of(run)
        assert first["state_type"] == "FAILED"
        # A worker's folder is not where the manifest was named: the message says where it was looked for.
        missing = f"refused, nothing spent: manifests/{day}.csv: there is no such file in {project.folder}"
        assert first["state"]["message"].startswith(missing)

        project.write_manifest(f"manifests/{day}.csv", "came-late")
        assert project.press_retry(run)["state_name"] == "Completed"
    assert (project.folder / f"reels-sandbox/{day}/reels/came-late.mp4").is_file()


@pytest.mark.parametrize("name", ["plan-manifest", "reconcile-jobs", "render-manifest-share", "render-manifest-daily"])
def test_every_deployment_has_a_form_with_help_that_refuses_bad_values(project: Project, name: str) -> None:
    deployment = project.deployment(name)
    fields = deployment["parameter_openapi_schema"]["properties"]

    assert deployment["enforce_parameter_schema"]
    assert deployment["description"]
    assert [field for field, shown in fields.items() if not shown.get("description")] == []
    needed = dict.fromkeys(deployment["parameter_openapi_schema"]["required"], "x")
    assert project.run(name, **needed | {"output": 7}).status_code in (409, 422)


def test_a_fresh_deployment_buys_nothing_by_itself(project: Project) -> None:
    automations = {found["name"]: found["enabled"] for found in project.call("POST", "/automations/filter", {}).json()}

    for name in BUYING:
        deployment = project.deployment(name)
        assert not any(schedule["active"] for schedule in deployment["schedules"])
        assert not automations.get(f"{name}__automation_1", False)
        assert "LONGTAKE_SANDBOX_URL" not in deployment["job_variables"]["env"]
    assert automations["Longtake: a run whose process died is Crashed"]
    assert not automations["Longtake: a Crashed run is run again"]


def test_every_deployment_has_a_twin_at_the_sandbox_whose_children_stay_there() -> None:
    deployments = {entry["name"]: entry for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    real = {name for name in deployments if not name.endswith("-sandbox")}

    assert set(deployments) == real | {f"{name}-sandbox" for name in real}
    for name, entry in deployments.items():
        environment = entry["work_pool"]["job_variables"]["env"]
        at_sandbox = name.endswith("-sandbox")
        assert ("LONGTAKE_SANDBOX_URL" in environment) == at_sandbox
        assert environment["LONGTAKE_SHARE_DEPLOYMENT"].endswith("-sandbox") == at_sandbox
        if "output" in (entry.get("parameters") or {}):
            assert (entry["parameters"]["output"].partition("/")[0] == "reels-sandbox") == at_sandbox
        for trigger in entry.get("triggers", []):
            assert trigger["parameters"]["budget_usd"] > 0
            assert all(prefix.endswith("/*") for prefix in trigger["match"]["prefect.resource.id"])


class TestBootstrap:
    async def test_a_second_time_nothing_that_a_person_changed_is_touched(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from deployments.server_contents import bootstrap

        with contextlib.suppress(ValueError):  # another file's tests may have left theirs on this server
            await JimmyAICredentials.adelete("default")
        project.call("DELETE", "/v2/concurrency_limits/longtake-jimmyai-default")
        monkeypatch.setenv("JIMMYAI_API_KEY", "from-environment")
        monkeypatch.setenv("JIMMYAI_MAX_JOBS_IN_FLIGHT", "4")
        first = await bootstrap()
        assert "concurrency limit longtake-jimmyai-default: made, 4 jobs in flight" in first
        await JimmyAICredentials(api_key="by-hand", max_jobs_in_flight=8).asave("default", overwrite=True)
        project.call("PATCH", "/v2/concurrency_limits/longtake-jimmyai-default", {"limit": 2}).raise_for_status()
        second = await bootstrap()

        assert [line for line in second if "registered" not in line and "left as it is" not in line] == []
        stored = await JimmyAICredentials.aload("default")
        assert (stored.api_key.get_secret_value(), stored.max_jobs_in_flight) == ("by-hand", 8)
        assert project.call("GET", "/v2/concurrency_limits/longtake-jimmyai-default").json()["limit"] == 2
        await JimmyAICredentials.adelete("default")

    async def test_no_key_is_stored_on_a_server_that_anybody_can_read(
        self, prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from deployments import server_contents as module

        async def asks_nobody(api_url: str) -> bool:
            return False

        monkeypatch.setattr(module, "_is_loopback", lambda _: False)
        monkeypatch.setattr(module, "_asks_for_authentication", asks_nobody)
        monkeypatch.setenv("POWERTOKENS_API_KEY", "never-stored")

        with pytest.raises(ConfigurationError, match="PREFECT_SERVER_API_AUTH_STRING"):
            await module.bootstrap()
        with pytest.raises(ValueError, match="Unable to find"):
            await module.CREDENTIALS["powertokens"].aload("default")

    def test_loopback_is_told_from_the_rest(self) -> None:
        from deployments.server_contents import _is_loopback

        for mine in ("http://127.0.0.1:4200/api", "http://localhost/api", "http://[::1]:4200/api"):
            assert _is_loopback(mine)
        for other in ("http://10.0.0.5:4200/api", "https://prefect.example/api", "http://localhost.example/api"):
            assert not _is_loopback(other)

    @pytest.mark.slow
    def test_a_server_with_authentication_is_known_as_one(self, new_home: Callable[[], Path]) -> None:
        from deployments.server_contents import _asks_for_authentication

        client = Client(new_home(), PREFECT_SERVER_API_AUTH_STRING="me:secret")
        api_url = client.joined()["api_url"]
        client.wait_until_ready()

        assert asyncio.run(_asks_for_authentication(api_url))
        client.kill()


@pytest.mark.slow
@pytest.mark.parametrize("under_a_worker", [True, False])
def test_a_run_whose_process_is_killed_is_crashed_and_retry_finishes_it(
    project: Project, prefect_server: PrefectServer, under_a_worker: bool
) -> None:
    project.sandbox.settings.job_seconds = 20
    manifest = f"killed-{under_a_worker}.csv"
    project.write_manifest(manifest, manifest)
    bought = project.sandbox.bill.count() + 1
    state = "SCHEDULED" if under_a_worker else "PENDING"  # pending runs are left to whoever executes them
    run = project.run("render-manifest-sandbox", state, manifest=manifest, output="killed").raise_for_status().json()
    if not under_a_worker:  # nobody is left to tell of its death but the automation of bootstrap.py
        variables = project.deployment("render-manifest-sandbox")["job_variables"]["env"]
        environment = prefect_server.environment() | variables | {"PREFECT__FLOW_RUN_ID": run["id"]}
        subprocess.Popen([*PREFECT, "flow-run", "execute", run["id"]], cwd=project.folder, env=environment)
    wait_for(lambda: project.sandbox.bill.count() == bought, 60)
    time.sleep(2)
    for process in psutil.process_iter():
        if _environment(process).get("PREFECT__FLOW_RUN_ID") == run["id"]:
            process.kill()

    wait_for(lambda: project.call("GET", f"/flow_runs/{run['id']}").json()["state_type"] == "CRASHED", 150)
    retry = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    project.call("POST", f"/flow_runs/{run['id']}/set_state", retry).raise_for_status()
    wait_for(lambda: project.call("GET", f"/flow_runs/{run['id']}").json()["state_type"] == "COMPLETED", 90)
    assert project.sandbox.bill.count() == bought


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


@pytest.mark.slow
@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_the_local_set_up_ends_with_all_that_it_started(new_home: Callable[[], Path], end: str) -> None:
    home = new_home()
    environment = clean_environment(home) | {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "deployments.local", "--port", "0", "--sandbox-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as local:
        lines = []
        while not lines or "Everything runs" not in lines[-1]:
            lines.append(local.stdout.readline())
            assert lines[-1], lines

        def running() -> list[psutil.Process]:
            return [
                process
                for process in psutil.process_iter()
                if _environment(process).get("PREFECT_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE
            ]

        wait_for(lambda: len(running()) >= 4, 20)  # itself, server, tether and worker
        getattr(local, end)()

        wait_for(lambda: not running(), 30)
