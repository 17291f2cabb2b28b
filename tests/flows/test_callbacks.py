"""Callbacks from the command line: a run that hears its vendor, a taken port, and a server that learns no token."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.conftest import ROOT, PrefectServer
from tests.warm import warm


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_render_is_called_back_and_one_whose_port_is_taken_is_refused(
    prefect_server: PrefectServer, tmp_path: Path, port: int
):
    manifest, output = tmp_path / "shots.csv", tmp_path / "out"
    manifest.write_text("id,vendor,prompt,duration_seconds,resolution\na,evolink,a cat,4,480p\n")
    settings = SandboxSettings(job_seconds=2, media="stub", callbacks_to=f"127.0.0.1:{port}")
    with Sandbox(settings) as sandbox:
        environment = prefect_server.environment() | sandbox.environment()
        environment |= {
            "EVOLINK_POLL_INTERVAL_SECONDS": "60",
            "LONGTAKE_CALLBACK_URL": "https://studio.example/longtake",
            "LONGTAKE_CALLBACK_LISTEN": f"127.0.0.1:{port}",
        }
        command = [*warm(), "-m", "longtake_cli.main", "render", str(manifest), "--output", str(output)]

        def render() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
            )

        with socket.create_server(("127.0.0.1", port)):
            refused = render()
        assert refused.returncode == 2, refused.stderr
        assert f"LONGTAKE_CALLBACK_LISTEN: 127.0.0.1:{port}" in refused.stderr
        assert "nothing spent" in refused.stderr
        assert sandbox.bill.count() == 0

        done = render()
        assert sandbox.bill.count() == 1
        (job,) = sandbox.jobs("evolink")
    # The stub clip is one for all, so the gate may find fault with it; it must be here, and long before the next look.
    assert list(output.glob("ledger/*/accepted.json")), done.stderr
    assert list(output.glob("ledger/*/terminal.json")), done.stderr
    token = job.order.callback_url.rpartition("/")[2]
    assert token.startswith("ltcb_")
    kept = [*output.rglob("*"), *prefect_server.home.rglob("*")]
    assert not [path for path in kept if path.is_file() and token.encode() in path.read_bytes()]
    assert token not in done.stdout + done.stderr
