"""A folder with our `prefect.yaml`, deployed to the test server, with a real worker on its pool."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from prefect.flow_engine import load_flow_run, run_flow

from flows.decide import decide
from flows.render_manifest import render_manifest
from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.flows.conftest import ROOT, basic_login
from tests.flows.test_local_server import wait_for
from tests.warm import warm

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
FLOWS = {flow.name: flow for flow in (render_manifest, decide)}
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
RETRY = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
CANCEL = {"state": {"type": "CANCELLING"}}
LOOK_SECONDS = 0.5
"""Between two looks at a run: each costs the server as much as a run's own call does."""
_CALLER = httpx.Client(timeout=30)


class Server(Protocol):
    """A Prefect server that processes can be pointed at."""

    @property
    def api_url(self) -> str: ...
    def environment(self) -> dict[str, str]: ...


@dataclass
class Project:
    """A folder with our `prefect.yaml`, deployed to the test server, and a worker on its pool."""

    folder: Path
    api_url: str
    sandbox: Sandbox
    environment: dict[str, str]

    def write_manifest(self, path: str, reel: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"reel,shot,vendor,prompt,duration_seconds\n{reel},1,evolink,a lighthouse at dusk,4\n")

    def write_reels(self, name: str, reels: int) -> str:
        """A manifest of so many reels of one shot each, its prompts told apart by `name`; returns its path."""
        lines = ["reel,shot,vendor,prompt,duration_seconds,resolution"]
        lines += [f"{name}-{number},1,evolink,{name} prompt {number} end,4,480p" for number in range(reels)]
        (self.folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        return f"{name}.csv"

    def billed(self, name: str) -> int:
        """How many shots of the manifest of this name were bought."""
        return sum(f"{name} prompt" in str(entry.body) for entry in self.sandbox.bill.entries)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A request as Prefect's own client makes it: asked again where SQLite was busy (503)."""
        for _ in range(60):
            try:
                reply = _CALLER.request(method, f"{self.api_url}{path}", json=body, auth=basic_login())
            except httpx.TransportError:  # it is being started again
                time.sleep(0.5)
                continue
            if reply.status_code != 503:
                return reply
            time.sleep(0.5)
        raise AssertionError(f"{self.api_url} does not answer")

    def deployment(self, name: str) -> dict[str, Any]:
        flow = "render-manifest" if name.startswith("render") else name.removesuffix("-sandbox")
        return self.call("GET", f"/deployments/name/{flow}/{name}").raise_for_status().json()

    def run(self, name: str, state: str = "SCHEDULED", **parameters: Any) -> httpx.Response:
        body = {"parameters": parameters, "state": {"type": state}}
        return self.call("POST", f"/deployments/{self.deployment(name)['id']}/create_flow_run", body)

    def run_here(self, name: str, **parameters: Any) -> dict[str, Any]:
        """A run of a deployment that this process executes, for what needs no worker: a start less, seconds of CPU."""
        run = self.run(name, "PENDING", **parameters).raise_for_status().json()  # no worker takes a pending one
        with self._in_its_place(name), ThreadPoolExecutor(1) as thread:  # a browser's loop may run in this one
            thread.submit(copy_context().run, self._execute, run).result()
        return self.read(run["id"])

    @contextmanager
    def working_here(self, name: str = "render-manifest-sandbox") -> Iterator[None]:
        """Inside, this process executes what is scheduled, children and retries too, and the worker is given nothing.

        Args:
            name: The deployment whose variables all these runs have.
        """
        over, taken = threading.Event(), set[str]()

        def look(runs: ThreadPoolExecutor) -> None:
            while not over.wait(0.1):
                now = datetime.now(UTC).isoformat()
                due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "next_scheduled_start_time": {"before_": now}}
                for run in self.call("POST", "/flow_runs/filter", {"flow_runs": due}).json():
                    if run["state_id"] not in taken:
                        taken.add(run["state_id"])
                        runs.submit(copy_context().run, self._execute, run)

        self.call("PATCH", "/work_pools/longtake", {"is_paused": True}).raise_for_status()
        try:
            with self._in_its_place(name), ThreadPoolExecutor() as runs, ThreadPoolExecutor(1) as looking:
                looked = looking.submit(copy_context().run, look, runs)
                try:
                    yield
                finally:
                    over.set()
                    looked.result()
        finally:
            self.call("PATCH", "/work_pools/longtake", {"is_paused": False}).raise_for_status()

    @contextmanager
    def _in_its_place(self, name: str) -> Iterator[None]:
        """Folder, environment and log of this process are as a worker gives them to a run of the deployment."""
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in self.deployment(name)["job_variables"]["env"].items():
                patch.setenv(variable, value)
            patch.chdir(self.folder)
            patch.setattr(logging.getLogger("prefect.flow_runs"), "level", logging.INFO)
            yield

    def _execute(self, run: dict[str, Any]) -> None:
        flow: Any = FLOWS[self.call("GET", f"/flows/{run['flow_id']}").json()["name"]]
        asyncio.run(run_flow(flow, flow_run=load_flow_run(uuid.UUID(run["id"])), return_type="state"))

    def scheduled(self, name: str, moment: datetime, **parameters: Any) -> httpx.Response:
        """A run that was due at this moment."""
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": moment.isoformat()}}
        body = {"state": state, "parameters": parameters}
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

    def end_of(self, run_id: str, seconds: float = 300) -> dict[str, Any]:
        """One run, when it has come to an end."""
        wait_for(lambda: self.read(run_id)["state_type"] in ENDS, seconds, LOOK_SECONDS)
        return self.read(run_id)

    def read(self, run_id: str) -> dict[str, Any]:
        """One run as the server holds it now."""
        return self.call("GET", f"/flow_runs/{run_id}").raise_for_status().json()

    def press_retry(self, run_id: str, seconds: float = 300) -> dict[str, Any]:
        """What the UI's Retry sends; the run when it has come to its next end."""
        before = self.read(run_id)["state_id"]
        self.call("POST", f"/flow_runs/{run_id}/set_state", RETRY).raise_for_status()

        def has_ended_anew() -> bool:
            run = self.read(run_id)
            return run["state_id"] != before and run["state_type"] in ENDS

        wait_for(has_ended_anew, seconds, LOOK_SECONDS)
        return self.read(run_id)

    def press_cancel(self, run_id: str) -> dict[str, Any]:
        """What the UI's Cancel sends; the run when it has come to its end."""
        self.call("POST", f"/flow_runs/{run_id}/set_state", CANCEL).raise_for_status()
        return self.end_of(run_id)

    def children_of(self, run_id: str) -> list[dict[str, Any]]:
        """The child runs of a parent, in the order of their shares."""
        body = {"flow_runs": {"tags": {"all_": [f"longtake-parent:{run_id}"]}}, "limit": 200}
        found = self.call("POST", "/flow_runs/filter", body).json()
        return sorted(found, key=lambda run: run["created"])

    def log_of(self, run_id: str) -> list[str]:
        """The messages of a run's log."""
        body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200}
        return [line["message"] for line in self.call("POST", "/logs/filter", body).json()]

    def ended(self, name: str, how_many: int) -> list[dict[str, Any]]:
        """So many runs that came to an end."""

        def final() -> list[dict[str, Any]]:
            return [run for run in self.runs_of(name) if run["state_type"] in ENDS]

        wait_for(lambda: len(final()) >= how_many, 300, LOOK_SECONDS)
        return final()


@contextmanager
def worker_of(project: Project, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker on the project's pool, in a process of its own that ends with the block and takes its runs along.

    Yields:
        The process that holds the worker by a tether; the worker is its only child.
    """
    command = [*PREFECT, "worker", "start", "--pool", "longtake", "--type", "process", "--name", name, *options]
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.local._tether", *command],
        env=project.environment,
        cwd=project.folder,
        stdin=subprocess.PIPE,
        stdout=(project.folder / f"{name}.log").open("wb"),
        stderr=subprocess.STDOUT,
    ) as process:
        yield process


@contextmanager
def deployed(server: Server, folder: Path) -> Iterator[Project]:
    """The project in an empty folder, deployed to a server, with no worker yet."""
    shutil.copy(ROOT / "prefect.yaml", folder)
    with Sandbox(SandboxSettings(job_seconds=0.5, media="stub")) as sandbox:
        environment = server.environment() | {
            "LONGTAKE_SANDBOX_URL": sandbox.url,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        for words in ("deployments.bootstrap", "prefect --no-prompt deploy --all"):
            command = [*warm(), "-m", *words.split()]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        del environment["LONGTAKE_SANDBOX_URL"]  # the deployments bring it
        yield Project(folder, server.api_url, sandbox, environment)


@contextmanager
def deployed_project(prefect_server: Server, folder: Path) -> Iterator[Project]:
    """The project in an empty folder; its worker ends with the block."""
    with deployed(prefect_server, folder) as project, worker_of(project, "worker"):
        yield project
