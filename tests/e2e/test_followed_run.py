"""A run that goes on tells what its ledger wrote: nothing is read for its report, and a shot that ended is small."""

from __future__ import annotations

import json
import threading

import pytest

from longtake.files.directory import DirectoryStore
from longtake.rendering.report import RunReport
from longtake.rendering.shot_result import ShotResult
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


def rows(count: int) -> list[dict[str, object]]:
    return [SHOT | {"reel": f"r{n:03}", "shot": 1, "prompt": f"row {n}"} for n in range(count)]


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """The reports of a run as they are written while it goes, and the keys of the ledger that were read for them."""
    monkeypatch.setattr("longtake.rendering.report.EVERY_SECONDS", 0.05)
    monkeypatch.setattr("longtake.rendering.report.REST_FACTOR", 0)
    told: list[dict] = []
    read: list[str] = []
    telling = threading.local()

    def watched(name):
        real = getattr(DirectoryStore, name)

        def look(self, keys, *more):
            if getattr(telling, "now", False):
                read.extend(key for key in ([keys] if isinstance(keys, str) else [*keys]) if key.startswith("ledger"))
            return real(self, keys, *more)

        monkeypatch.setattr(DirectoryStore, name, look)

    def telling_in(name):
        real = getattr(RunReport, name)

        def tell(self, *args, **more):
            telling.now = not more.get("finished", False)
            try:
                return real(self, *args, **more)
            finally:
                if telling.now and name == "write":
                    told.append(json.loads((tmp_path / "out" / "report.json").read_bytes()))
                telling.now = False

        monkeypatch.setattr(RunReport, name, tell)

    for name in ("read", "read_many", "list", "open"):
        watched(name)
    for name in ("write", "_unless_finished"):
        telling_in(name)
    return told, read


async def test_the_report_of_a_run_that_goes_on_reads_no_record_and_tells_jobs_and_clips(
    tmp_path, sandbox, write_manifest, monkeypatch, reports
):
    without_films(monkeypatch)
    sandbox.settings.job_seconds = (0.5, 2.0)
    told, read = reports
    end = await render_plain(write_manifest(rows(6)), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)

    assert end.all_done
    assert read == []
    shots = [shot for one in told if not one["finished"] for reel in one["reels"] for shot in reel["shots"]]
    running = [shot for shot in shots if shot["verdict"] == "running"]
    done = [shot for shot in shots if shot["verdict"] == "done"]
    assert running, "no report was written while jobs ran"
    assert done, "no report was written while some were done"
    assert all(shot["job_id"] and shot["submitted_at"] for shot in running)
    assert all(shot["clip"] and shot["downloaded_at"] and shot["width"] for shot in done)


async def test_a_shot_that_ended_is_packed_and_its_row_is_told_whole(tmp_path, sandbox, write_manifest, monkeypatch):
    without_films(monkeypatch)
    put_away: list[ShotResult] = []
    real = ShotResult.put_away
    monkeypatch.setattr(ShotResult, "put_away", lambda self: (real(self), put_away.append(self))[0])

    end = await render_plain(write_manifest(rows(3)), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)

    assert [(one.job, one.clip, one.snapshot) for one in put_away] == [(None, None, None)] * 3
    assert {one.unpacked().job.shot_id for one in put_away} == {"r000/1", "r001/1", "r002/1"}
    by_shot = {one.shot.shot_id: one.unpacked() for one in put_away}
    for row in end.rows:
        assert (row.sha256, row.job_id) == (by_shot[row.shot_id].clip.sha256, by_shot[row.shot_id].job.job_id)
        assert row.clip
        assert row.finished_at
