"""The sandbox in another process: its own routes, its output, and EvoLink's callback."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.faults import KINDS, Fault
from tests.sandbox.conftest import LONG_SECONDS, Speaker, patiently, text_body


def test_bill_state_faults_settings_and_events_over_http(sandbox: Sandbox, speak: Speaker) -> None:
    control = httpx.Client(base_url=sandbox.url + "/_sandbox", trust_env=False)
    job_id = speak.buy("evolink")
    bill = control.get("/bill").json()
    assert [entry["job_id"] for entry in bill["entries"]] == [job_id]
    assert bill["requests"] == {"evolink": {"submit": 1}}
    state = control.get("/state").json()
    assert state["vendors"]["evolink"]["peak_in_flight"] == 1
    assert state["keys_seen_by_media_host"] == []
    assert control.get(f"/jobs/{job_id}").json()["number"] == 1
    assert control.get("/jobs/nobody").status_code == 404
    assert control.get("/prices").json()["evolink"]

    control.post("/faults", json={"kind": "throttled", "step": "submit", "vendor": "evolink"})
    assert speak.submit("evolink", text_body("evolink")).status_code == 429
    assert control.get("/faults").json()[0]["fired"] == 1
    assert control.delete("/faults").json() == []
    assert control.post("/faults", json={"kind": "stuck", "step": "submit"}).status_code == 422

    assert control.post("/settings", json={"jobs_per_key": 0}).json()["jobs_per_key"] == 0
    assert speak.submit("evolink", text_body("evolink")).status_code == 429
    assert control.post("/settings", json={"jobs_per_key": -1}).status_code == 422
    assert sandbox.settings.jobs_per_key == 0

    events = control.get("/events", params={"after": 1}).json()
    assert [event["name"] for event in events[:2]] == ["submit_accepted", "submit_answered"]
    assert control.get("/events", params={"after": events[-1]["sequence"], "wait": 0.05}).json() == []


def test_events_can_be_waited_for(sandbox: Sandbox, speak: Speaker) -> None:
    threading.Timer(0.1, lambda: speak.submit("anyfast", text_body("anyfast"))).start()
    events = httpx.get(f"{sandbox.url}/_sandbox/events?after=0&wait=5", timeout=10).json()
    assert events[0]["name"] == "submit_received"


def test_served_in_another_process_it_tells_how_to_point_at_it_and_ends_on_interrupt() -> None:
    code = "from longtake.sandbox.app import serve; serve(print_line=lambda line: print(line, flush=True))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(19)]
        exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        response = httpx.post(
            exports["EVOLINK_BASE_URL"] + "/v1/videos/generations",
            json=text_body("evolink"),
            headers={"Authorization": f"Bearer {exports['EVOLINK_API_KEY']}"},
        )
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(10) == 0
    assert response.status_code == 200
    assert exports["LONGTAKE_ALLOW_HOSTS"] == "127.0.0.1"


def test_a_client_that_dies_while_sending_is_not_billed_and_does_no_harm(sandbox: Sandbox, speak: Speaker) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = "POST /evolink/v1/videos/generations HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 999\r\n\r\n{"
        connection.sendall(head.encode())
    speak.buy("evolink")
    assert sandbox.bill.count() == 1


def test_the_environment_points_at_all_four_vendors(sandbox: Sandbox) -> None:
    variables = sandbox.environment()
    for vendor in ("powertokens", "anyfast", "evolink", "jimmyai"):
        assert variables[f"{vendor.upper()}_BASE_URL"] == sandbox.base_url(vendor)
        assert variables[f"{vendor.upper()}_UPLOAD_BASE_URL"] == sandbox.upload_base_url(vendor)
        assert variables[f"{vendor.upper()}_API_KEY"] == f"sandbox-{vendor}-key"


class Receiver:
    """Takes callbacks and refuses the first of them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        receiver = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(503 if len(receiver.bodies) == 1 else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/done"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_evolink_calls_back_when_a_job_ends_and_again_when_refused(receiver: Receiver) -> None:
    with Sandbox(SandboxSettings(job_seconds=0.1, media="stub", allow_loopback_callbacks=True)) as sandbox:
        speak = Speaker(sandbox)
        job_id = speak.buy("evolink", text_body("evolink", callback_url=receiver.url))
        patiently(lambda: len(receiver.bodies) >= 2)
        told = [httpx.Response(200, content=body).json() for body in receiver.bodies]
    assert [(body["id"], body["status"]) for body in told] == [(job_id, "completed")] * 2
    assert told[0]["results"][0].startswith("http://127.0.0.1")


def test_a_callback_tells_of_failure_too(receiver: Receiver) -> None:
    receiver.bodies.append(b"not the first")
    with Sandbox(SandboxSettings(job_seconds=LONG_SECONDS, media="stub", allow_loopback_callbacks=True)) as sandbox:
        speak = Speaker(sandbox)
        sandbox.faults.add(Fault(kind="failed", step="look"))
        speak.look("evolink", speak.buy("evolink", text_body("evolink", callback_url=receiver.url)))
        patiently(lambda: len(receiver.bodies) >= 2)
    assert b'"failed"' in receiver.bodies[1]


def test_the_sandbox_tells_its_routes_settings_and_faults(sandbox) -> None:
    told = httpx.get(f"{sandbox.url}/_sandbox").raise_for_status().text
    for name in SandboxSettings.model_fields:
        assert f"{name} = " in told
        if name not in ("host", "port"):
            assert f"  {name}: " in told, f"nothing says what {name} is"
    for step, kinds in KINDS.items():
        assert f"  {step}: {', '.join(sorted(kinds))}" in told
    # The example can be typed as it is told.
    [command] = [line.strip() for line in told.splitlines() if "curl" in line]
    words = shlex.split(command)
    sent = httpx.post(words[words.index("-X") + 2], content=words[-1], headers={"content-type": "application/json"})
    assert sent.raise_for_status().json()[0]["prompt"] == "a blue kettle"
    sandbox.faults.clear()
