"""`examples/storyboard.parquet` into S3, from the command line and from a deployment that a real worker picks up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas
import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.s3_server import s3_server
from tests.flows.conftest import ROOT
from tests.flows.project import Project
from tests.warm import warm

STORYBOARD = str(ROOT / "examples/storyboard.parquet")


@pytest.fixture(scope="module")
def store():
    with s3_server() as server:
        server.files().makedirs("s3-render", exist_ok=True)
        yield server


def check(store, prefix: str) -> None:
    files = store.files()
    results = pandas.read_csv(files.open(f"s3-render/{prefix}/results.csv"))
    assert list(results.verdict) == ["done"] * 5
    reels = sorted(path.rsplit("/", 1)[1] for path in files.glob(f"s3-render/{prefix}/reels/*.mp4"))
    assert reels == ["courier.mp4", "day.mp4", "lighthouse.mp4"]
    assert files.exists(f"s3-render/{prefix}/report.html")
    assert not files.glob(f"s3-render/{prefix}/**/*.part")


def test_the_command_line_renders_into_s3_and_a_second_time_buys_nothing(store, prefect_server, tmp_path: Path):
    with Sandbox(SandboxSettings(job_seconds=0.5)) as sandbox:
        environment = prefect_server.environment() | sandbox.environment() | store.environment
        command = [*warm(), "-m", "longtake_cli.main", "render", STORYBOARD, "--output", "s3://s3-render/cli"]
        for _ in range(2):
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert sandbox.bill.count() == 5
        assert "5/5 rows done; 0 bought now" in done.stderr
        check(store, "cli")
        report = subprocess.run(
            [*warm(), "-m", "longtake_cli.main", "report", "s3://s3-render/cli"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        page = Path(report.stdout.strip())
        assert page.is_relative_to(tmp_path)
        assert (page.parent / "reels/courier.mp4").is_file()


@pytest.mark.slow
def test_a_deployment_renders_into_s3_on_a_real_worker(store, project: Project):
    deployment = project.deployment("render-manifest-sandbox")
    body = {
        "parameters": {"manifest": STORYBOARD, "output": "s3://s3-render/worker"},
        "job_variables": {"env": deployment["job_variables"]["env"] | store.environment},
        "state": {"type": "SCHEDULED"},
    }
    before = project.sandbox.bill.count()
    made = project.call("POST", f"/deployments/{deployment['id']}/create_flow_run", body).raise_for_status().json()
    run = project.end_of(made["id"])
    assert run["state_name"] == "Completed", run["state"]["message"]
    assert project.sandbox.bill.count() - before == 5
    check(store, "worker")
