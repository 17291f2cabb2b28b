"""`longtake report` after an upgrade and after reconcile: read tolerantly, and at one with itself."""

from __future__ import annotations

import asyncio
import io
import json
import threading

import pytest

from longtake.domain.errors import ConfigurationError, StorageError
from longtake.files.open_store import open_store
from longtake.rendering.report import RunReport
from longtake.reports.run.retold import read_view
from longtake.reports.run.rewrite import rewrite_report, told_before
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def rendered(sandbox, write_manifest, monkeypatch, output):
    """Renders two reels, one on each of two vendors; one clip is not downloaded at first."""
    without_films(monkeypatch)
    lost = ["one"]

    async def run():
        rows = [
            SHOT | {"reel": "a", "shot": 1, "prompt": "one"},
            SHOT | {"reel": "b", "shot": 1, "prompt": "two", "vendor": "anyfast"},
        ]
        load = sandbox_accounts(sandbox)

        async def check(path, sha256):
            if lost:
                lost.clear()
                raise OSError(28, "No space left on device")
            return await quick_check(path, sha256)

        return await render_plain(write_manifest(rows), output, load, check=check)

    return run


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(new_field=1),
        lambda told: told["reels"][0]["shots"][0].update(mood={"deep": [1]}),
        lambda told: told["totals"].update(done="many", spent_high_usd="a lot") or told["totals"].update(done=1),
        lambda told: told["reels"][0].update(partial="perhaps", receipt=["not", "one"]),
        lambda told: told["by_vendor"][0].update(queued=None, rate=3),
    ],
    ids=["new field", "new field of a shot", "word for a number", "other types", "vendor's new field"],
)
async def test_a_report_of_another_release_is_read_as_far_as_it_can_be(rendered, output, change):
    await rendered()
    path = output / "report.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    assert rewrite_report(str(output)) == str(output / "report.html")
    again = told_before(open_store(str(output)))
    assert [shot.shot_id for shot in again.shots] == ["a/1", "b/1"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"reels": 3}', b"[" * 100_000], ids=lambda data: repr(data[:20])
)
async def test_a_report_that_is_none_is_refused_in_words(output, data):
    store = open_store(str(output))
    store.write("report.json", data)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        rewrite_report(str(output))
    assert read_view(io.BytesIO(data)) is None


async def test_when_a_clip_came_home_since_verdicts_counts_vendors_and_links_of_the_page_agree(
    rendered, output, sandbox
):
    await rendered()
    store = open_store(str(output))
    told = store.read("report.json")
    before = read_view(io.BytesIO(told))
    assert (before.totals.done, sorted(shot.clip is None for shot in before.shots)) == (1, [False, True])
    await rendered()
    store.write("report.json", told)  # as `longtake reconcile` leaves it
    rewrite_report(str(output))
    after = told_before(store)
    assert [shot.verdict for shot in after.shots] == ["done", "done"]
    assert (after.totals.done, [vendor.done for vendor in after.by_vendor]) == (2, [1, 1])
    assert after.totals.charged_but_failed_usd == 0
    for shot in after.shots:
        assert (output / shot.clip).read_bytes() in {job.clip_bytes for job in sandbox.jobs()}
        assert shot.finished_at <= shot.downloaded_at
        assert f"./{shot.clip}" in (output / "report.html").read_text()


async def test_the_report_of_a_run_outlives_a_store_that_fails_for_a_while(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    for name, value in (("EVERY_SECONDS", 0.05), ("BEAT_SECONDS", 0.0), ("REST_FACTOR", 0.0)):
        monkeypatch.setattr(f"longtake.rendering.report.{name}", value)
    written, fails = [], [StorageError("the bucket is away"), RuntimeError("odd"), OSError("gone")]
    real, is_back = RunReport.write, threading.Event()

    def write(report, *given, finished):
        if not finished and fails:
            raise fails.pop()
        written.append(finished)
        is_back.set()
        return real(report, *given, finished=finished)

    async def check(path, sha256):
        await asyncio.to_thread(is_back.wait, 60)  # the run goes on until its report is written again
        return await quick_check(path, sha256)

    monkeypatch.setattr(RunReport, "write", write)

    rows = [SHOT | {"reel": "a", "shot": n, "prompt": f"{n}"} for n in range(1, 4)]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=check)
    assert end.all_done
    assert fails == []
    assert False in written
