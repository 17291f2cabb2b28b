"""A run of more reels than may be open at once: the same results, events and purchases; cancelled and gone on with."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pandas
import pytest

from longtake.rendering.scheduler import Window
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

ROWS = 12


class UntilDone(list):
    """Events; `seen` is set with the first clip that is here."""

    def __init__(self):
        super().__init__()
        self.seen = asyncio.Event()

    def append(self, event):
        super().append(event)
        if event[0] == "done":
            self.seen.set()


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr("longtake.rendering.run.Window", partial(Window, most_open=3))
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.5, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def manifest(write_manifest):
    shot = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "1:1"}
    return write_manifest([shot | {"reel": f"r{n:02}", "shot": 1, "prompt": f"p{n}"} for n in range(ROWS)])


async def test_reels_beyond_the_window_are_all_rendered_in_manifest_order(tmp_path, sandbox, manifest):
    events = []
    load = sandbox_accounts(sandbox, max_jobs_in_flight=8)
    end = await render_plain(manifest, tmp_path / "out", load, check=quick_check, events=events)
    assert end.all_done, end.line
    assert [reel.reel for reel in end.reels_made] == [f"r{n:02}" for n in range(ROWS)]
    assert sandbox.bill.count() == ROWS
    assert sandbox.peak_in_flight("evolink") <= 3
    queued = [shot_id for event, shot_id, _ in events if event == "queued"]
    assert queued == [f"r{n:02}/1" for n in range(ROWS)]
    assert Counter(event for event, _, _ in events)["done"] == ROWS


async def test_a_cancelled_run_tells_of_every_row_and_the_next_one_goes_on(tmp_path, sandbox, manifest):
    load, events = sandbox_accounts(sandbox), UntilDone()
    work = asyncio.create_task(render_plain(manifest, tmp_path / "out", load, check=quick_check, events=events))
    await events.seen.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    verdicts = list(pandas.read_parquet(tmp_path / "out/results.parquet")["verdict"])
    assert len(verdicts) == ROWS
    assert "done" in verdicts[:3]
    assert set(verdicts[6:]) == {"not_started"}
    bought = sandbox.bill.count()
    assert bought < ROWS
    sandbox.settings.job_seconds = 0.1
    end = await render_plain(manifest, tmp_path / "out", load, check=quick_check)
    assert end.all_done, end.line
    assert end.bought_now == ROWS - bought
    assert sandbox.bill.count() == ROWS
