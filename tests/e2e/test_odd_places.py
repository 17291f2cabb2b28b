"""Outputs in odd places: names that no one expects, few open files, a folder that is deleted while a run goes on."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_here, render_plain, sandbox_accounts

ROOT = Path(__file__).parents[2]
SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
ROWS = [SHOT | {"reel": f"r{n}", "shot": 1, "prompt": f"row {n}"} for n in range(6)]


@pytest.mark.parametrize("name", ["🎬 out 🎥", "two\nlines", "-out", 'o\'ut "$(x)" `y`', "ünï—çode", "a" * 200])
async def test_an_output_of_any_name_is_rendered_and_bought_once(tmp_path, sandbox, write_manifest, name):
    manifest, load = write_manifest(ROWS[:2]), sandbox_accounts(sandbox)
    for bought in (2, 0):
        end = await render_plain(manifest, tmp_path / name, load, check=quick_check)
        assert (end.verdicts, end.bought_now) == ({"done": 2}, bought)
    assert len(list((tmp_path / name / "reels").glob("*.mp4"))) == 2


def test_forty_open_files_are_enough_to_lose_nothing(tmp_path, sandbox, write_manifest):
    manifest = write_manifest(ROWS)
    command = [sys.executable, "-m", "tests.plain_render", str(manifest), str(tmp_path / "out"), "hold"]
    environment = os.environ | sandbox.environment()

    def run(most_files: int) -> dict[str, str]:
        def few() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=120, preexec_fn=few, check=False
        )
        return json.loads(done.stdout.splitlines()[-1])["verdicts"] if done.returncode == 0 else {}

    short = run(40)
    assert set(short.values()) <= {"done", "still_running", "not_started", "unknown_outcome", "held"}
    assert sandbox.bill.count() <= len(ROWS)
    assert set(render_here(sandbox, manifest, tmp_path / "out").values()) <= {"done", "unknown_outcome"}
    assert sandbox.bill.count() <= len(ROWS)
    assert not sandbox.bill.duplicates()


async def test_an_output_that_is_deleted_in_mid_run_is_told_and_nothing_is_bought_twice_in_the_run(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    sandbox.settings.job_seconds = 3.0
    manifest, output, load = write_manifest(ROWS), tmp_path / "out", sandbox_accounts(sandbox)

    async def delete() -> None:
        while len(list(output.glob("ledger/*/accepted.json"))) < len(ROWS):  # noqa: ASYNC110 - other threads write
            await asyncio.sleep(0.05)
        await asyncio.to_thread(shutil.rmtree, output)
        for job in sandbox.jobs():
            job.ends = time.monotonic()

    end, _ = await asyncio.gather(render_plain(manifest, output, load, check=quick_check), delete())
    told = [(row.shot_id, row.verdict.value, row.error) for row in end.rows]
    assert sandbox.bill.count() == len(ROWS)
    assert {verdict for _, verdict, _ in told} <= {"done", "still_running"}, told
    end = await render_plain(manifest, output, load, check=quick_check)
    assert sandbox.bill.count() == len(ROWS), [(row.shot_id, row.verdict.value, row.error) for row in end.rows]
