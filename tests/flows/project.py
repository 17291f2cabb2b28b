"""A folder with our `prefect.yaml`, deployed to the test server, with a real worker on its pool."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.flows.conftest import ROOT, PrefectServer
from tests.flows.test_local_server import wait_for

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")


@dataclass
class Project:
    """A folder with our `prefect.yaml`, deployed to the test server, and a worker on its pool."""

    folder: Path
    api_url: str
    sandbox: Sandbox

    def write_manifest(self, path: str, reel: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"reel,shot,vendor,prompt,duration_seconds\n{reel},1,evolink,a lighthouse at dusk,4\n")

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A request as Prefect's own client makes it: asked again where SQLite was busy (503)."""
        for _ in range(20):
            reply = httpx.request(method, f"{self.api_url}{path}", json=body, timeout=30)
            if reply.status_code != 503:
                break
            time.sleep(0.5)
        return reply

    def deployment(self, name: str) -> dict[str, Any]:
        flow = "render-manifest" if name.startswith("render") else name.removesuffix("-sandbox")
        return self.call("GET", f"/deployments/name/{flow}/{name}").raise_for_status().json()

    def run(self, name: str, state: str = "SCHEDULED", **parameters: Any) -> httpx.Response:
        body = {"parameters": parameters, "state": {"type": state}}
        return self.call("POST", f"/deployments/{self.deployment(name)['id']}/create_flow_run", body)

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        body = {"deployments": {"id": {"any_": [self.deployment(name)["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return self.call("POST", "/flow_runs/filter", body).json()

    def switch_on_trigger(self, name: str) -> None:
        found = self.call("POST", "/automations/filter", {"automations": {"name": {"any_": [f"{name}__automation_1"]}}})
        [automation] = found.json()
        self.call("PATCH", f"/automations/{automation['id']}", {"enabled": True}).raise_for_status()

    def emit(self, event: str, resource_id: str) -> None:
        event_id, occurred = str(uuid.uuid4()), datetime.now(UTC).isoformat()
        resource = {"prefect.resource.id": resource_id}
        body = [{"id": event_id, "occurred": occurred, "event": event, "resource": resource}]
        self.call("POST", "/events", body).raise_for_status()

    def add_schedule(self, name: str, starts: datetime) -> None:
        schedule = {"interval": 86400, "anchor_date": starts.isoformat(), "timezone": "UTC"}
        path = f"/deployments/{self.deployment(name)['id']}"
        self.call("POST", f"{path}/schedules", [{"schedule": schedule, "active": True}]).raise_for_status()
        self.call("PATCH", path, {"paused": False}).raise_for_status()  # else it is looked at within a minute

    def end_of(self, run_id: str) -> dict[str, Any]:
        """One run, when it has come to an end."""
        ends = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        wait_for(lambda: self.call("GET", f"/flow_runs/{run_id}").json()["state_type"] in ends, 90)
        return self.call("GET", f"/flow_runs/{run_id}").json()

    def ended(self, name: str, how_many: int) -> list[dict[str, Any]]:
        """So many runs that came to an end, within a minute."""

        def final() -> list[dict[str, Any]]:
            ends = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            return [run for run in self.runs_of(name) if run["state_type"] in ends]

        wait_for(lambda: len(final()) >= how_many, 90)
        return final()


@contextmanager
def deployed_project(prefect_server: PrefectServer, folder: Path) -> Iterator[Project]:
    """The project in an empty folder; its worker ends with the block."""
    shutil.copy(ROOT / "prefect.yaml", folder)
    with Sandbox(SandboxSettings(job_seconds=0.5, media="stub")) as sandbox:
        environment = prefect_server.environment() | {
            "LONGTAKE_SANDBOX_URL": sandbox.url,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        for command in ([sys.executable, "-m", "deployments.bootstrap"], [*PREFECT, "deploy", "--all"]):
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        del environment["LONGTAKE_SANDBOX_URL"]  # the deployments bring it
        worker = [*PREFECT, "worker", "start", "--pool", "longtake", "--type", "process"]
        with subprocess.Popen(
            [sys.executable, "-m", "deployments.local._tether", *worker],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=(folder / "worker.log").open("wb"),
            stderr=subprocess.STDOUT,
        ):
            yield Project(folder, prefect_server.api_url, sandbox)
