"""Many at once on one output: renders of one manifest, of several, with `--replace`, reconcile and report beside."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.files.open_store import open_store
from longtake.jobs.download import download_clip
from longtake.jobs.reconcile import Decisions, reconcile
from longtake.jobs.resources import open_resources
from longtake.jobs.wait import await_end
from longtake.ledger.ledger import Ledger
from longtake.reports.run.rewrite import rewrite_report
from tests.e2e.quick_steps import alike_clips, no_pictures, quick_check
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture(autouse=True)
def _alike_clips(monkeypatch):
    alike_clips(monkeypatch)


def rows_of(word: str, *, edited: str = "") -> list[dict[str, object]]:
    """A chain of three and three lone reels."""
    chain = [SHOT | {"reel": f"{word}-c", "shot": n, "continue_from": "clip" if n > 1 else ""} for n in (1, 2, 3)]
    lone = [SHOT | {"reel": f"{word}-{n}", "shot": 1} for n in range(3)]
    return [row | {"prompt": f"row {word} {n}{edited} end"} for n, row in enumerate(chain + lone)]


def billed(sandbox) -> Counter[str]:
    counts: Counter[str] = Counter()
    for entry in sandbox.bill.entries:
        text = json.dumps(entry.body)
        counts[text[text.index("row ") : text.index(" end")]] += 1
    return counts


def check_files(output) -> None:
    """Every film and every table is whole, and nothing half-made is left."""
    assert not list(output.rglob("*.part*"))
    for receipt in (output / "reels").glob("*.json"):
        told, film = json.loads(receipt.read_text()), receipt.with_suffix(".mp4").read_bytes()
        assert told["size_bytes"] == len(film)
        assert told.get("sha256", "") in ("", hashlib.sha256(film).hexdigest())
    for purchase in Ledger(open_store(str(output))).load().values():
        assert purchase.clip is not None
        assert hashlib.sha256((output / purchase.clip.clip.key).read_bytes()).hexdigest() == purchase.clip.clip.sha256


async def test_five_renders_of_one_manifest_with_reconcile_and_report_beside_buy_each_row_once(
    tmp_path, sandbox, write_manifest
):
    manifest, output, load = write_manifest(rows_of("a")), tmp_path / "out", sandbox_accounts(sandbox)
    over, events = asyncio.Event(), [[] for _ in range(5)]

    async def report_beside() -> int:
        written = 0
        while not over.is_set():
            with contextlib.suppress(ConfigurationError):  # there is none yet
                await asyncio.to_thread(rewrite_report, str(output))
                written += 1
            await asyncio.sleep(0.1)
        return written

    async def reconcile_beside() -> int:
        settled = 0
        async with open_resources(load) as resources:
            ledger = await resources.ledger(str(output))

            async def follow(job, taken_up):
                return await await_end(job, await resources.session(job.account), ledger, taken_up=taken_up)

            async def download(job, link):
                session = await resources.session(job.account)
                return await download_clip(job, session, ledger, resources.media, quick_check, link=link)

            while not over.is_set():
                await reconcile(ledger, resources, Decisions(), await_job=follow, download=download)
                settled += 1
                await asyncio.sleep(0.1)
        return settled

    async def renders():
        try:
            return await asyncio.gather(
                *(
                    render_plain(manifest, output, load, check=quick_check, run=f"run-{n}", events=events[n])
                    for n in range(5)
                )
            )
        finally:
            over.set()

    ends, written, settled = await asyncio.gather(renders(), report_beside(), reconcile_beside())
    assert [end.verdicts for end in ends] == [{"done": 6}] * 5
    assert billed(sandbox) == {f"row a {n}": 1 for n in range(6)}
    assert sum(end.bought_now for end in ends) == 6
    # What one run buys the others take up, and nobody else tells of it as bought.
    told = Counter(shot_id for of_run in events for event, shot_id, _ in of_run if event == "bought")
    assert set(told.values()) == {1}
    assert told.total() == 6
    assert written
    assert settled
    check_files(output)
    assert len(list((output / "reels").glob("*.mp4"))) == 4


async def test_three_manifests_on_one_output_at_once_are_all_rendered_and_all_told(tmp_path, sandbox, write_manifest):
    output, load = tmp_path / "out", sandbox_accounts(sandbox)
    manifests = [write_manifest(rows_of(word), f"{word}.csv") for word in "abc"]
    ends = await asyncio.gather(*(render_plain(one, output, load, check=quick_check) for one in manifests))
    assert [end.verdicts for end in ends] == [{"done": 6}] * 3
    assert billed(sandbox) == {f"row {word} {n}": 1 for word in "abc" for n in range(6)}
    check_files(output)
    assert len(list((output / "reels").glob("*.mp4"))) == 12
    for one in manifests:  # whoever wrote last, the next of each tells of all
        end = await render_plain(one, output, load, check=quick_check)
        assert (end.verdicts, end.bought_now) == ({"done": 6}, 0)
    table = (output / "results.csv").read_text()
    assert all(f"{word}-c/{n}" in table for word in "abc" for n in (1, 2, 3))


@pytest.mark.parametrize("runs", [2, pytest.param(5, marks=pytest.mark.slow)])
async def test_replace_at_once_buys_each_edited_row_once_more(tmp_path, sandbox, write_manifest, monkeypatch, runs):
    monkeypatch.setattr("longtake.rendering.render.make_pictures", no_pictures)
    output, load = tmp_path / "out", sandbox_accounts(sandbox)
    await render_plain(write_manifest(rows_of("a")), output, load, check=quick_check)
    manifest = write_manifest(rows_of("a", edited=" anew"))
    ends = await asyncio.gather(
        *(render_plain(manifest, output, load, check=quick_check, replace=True, run=f"{n}") for n in range(runs))
    )
    assert [end.verdicts for end in ends] == [{"done": 6}] * runs
    assert set(billed(sandbox).values()) == {1}
    assert sandbox.bill.count() == 12
    check_files(output)
