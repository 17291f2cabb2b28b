"""What the moments in results mean: `finished_at` is the job's end at the vendor, not when its clip was here."""

from __future__ import annotations

import csv
import json
from datetime import datetime

from longtake.sandbox.app import Fault
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "r", "shot": 1, "prompt": "a red ball", "vendor": "evolink", "duration_seconds": 4}


async def test_a_slow_download_does_not_move_the_moment_at_which_the_job_finished(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    sandbox.faults.add(Fault(kind="slow", step="media", seconds=6.0))
    output = tmp_path / "out"
    for _ in range(2):  # in the run that bought it, and in one that finds it here
        await render_plain(write_manifest([SHOT]), output, sandbox_accounts(sandbox), check=quick_check)
        [row] = csv.DictReader((output / "results.csv").open())
        finished = datetime.fromisoformat(row["finished_at"].replace("Z", "+00:00")).timestamp()
        assert abs(finished - sandbox.jobs()[0].ended_at) < 4
        [reel] = json.loads((output / "report.json").read_text())["reels"]
        [shot] = reel["shots"]
        assert abs(shot["finished_at"] - sandbox.jobs()[0].ended_at) < 4
        assert shot["downloaded_at"] - shot["finished_at"] > 2
