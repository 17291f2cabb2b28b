"""What the next run buys: retry.csv, rows put in, moved or edited, raised takes. Every count is the sandbox's bill."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from longtake.manifests.reader import read_manifest
from longtake.production import WouldReplaceError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_check import quick_check
from tests.plain_render import render_plain, sandbox_accounts
from tests.sandbox.conftest import MediaShop

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.1, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def render(tmp_path, sandbox):
    """Renders a manifest into one and the same output; tells the run's end and the prompts that it bought."""

    async def run(manifest: Path, **wishes):
        before = len(sandbox.bill.entries)
        load = sandbox_accounts(sandbox)
        end = await render_plain(manifest, tmp_path / "out", load, check=quick_check, **wishes)
        return end, Counter(entry.body["prompt"] for entry in sandbox.bill.entries[before:])

    return run


def chain(reel: str, length: int, **more) -> list[dict[str, object]]:
    return [
        SHOT
        | {"reel": reel, "shot": n, "prompt": f"{reel}{n}", "take": 1, "continue_from": "clip" if n > 1 else ""}
        | more
        for n in range(1, length + 1)
    ]


def extended(*prompts: str) -> Counter[str]:
    """The prompts of shots that go on from a clip, as they are sent."""
    return Counter(f"Extend video 1: {prompt}" for prompt in prompts)


async def test_retry_csv_completes_broken_chains_and_buys_only_what_they_lack(tmp_path, sandbox, write_manifest, render):
    rows = [*chain("a", 4), *chain("b", 3), *chain("c", 2)]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="a2", retryable=False))
    sandbox.faults.add(Fault(kind="moderation_failed", step="look", prompt="b3"))
    first, _ = await render(write_manifest(rows))
    assert [row.verdict.value for row in first.rows] == [
        *("done", "failed", "blocked", "blocked"),
        *("done", "done", "content_refused"),
        *("done", "done"),
    ]
    retry = tmp_path / "out/retry.csv"
    takes = {(row["reel"], row["shot"]): row["take"] for row in read_manifest(str(retry)).text}
    assert {place for place, take in takes.items() if take == "2"} == {("a", "2"), ("b", "3")}
    assert {reel for reel, _ in takes} == {"a", "b"}
    second, bought = await render(retry)
    assert second.all_done
    assert bought == extended("a2", "a3", "a4", "b3")
    assert sorted(path.name for path in (tmp_path / "out/reels").glob("*.mp4")) == ["a.mp4", "b.mp4", "c.mp4"]
    assert len(retry.read_text().splitlines()) == 1


async def test_retry_csv_keeps_the_identity_of_rows_with_files_templates_and_no_reel(
    tmp_path, sandbox, write_manifest, render
):
    (tmp_path / "stills").mkdir()
    (tmp_path / "stills/a.png").write_bytes(MediaShop.image_bytes())
    rows = [
        SHOT | {"reel": "r", "shot": 1, "prompt": "{scene} {{as is}}", "scene": "sea", "first_frame": "stills/a.png"},
        SHOT | {"reel": "r", "shot": 2, "prompt": "breaks"},
        SHOT | {"prompt": "alone {scene}", "scene": "hill", "variants": 2},
        SHOT | {"id": "named", "prompt": "breaks too"},
    ]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="breaks", retryable=False, times=2))
    sandbox.faults.add(Fault(kind="stuck", step="look", prompt="alone", times=1))
    first, bought = await render(write_manifest(rows))
    assert bought["alone hill"] == 2
    assert [row.verdict.value for row in first.rows] == ["done", "failed", "done", "failed"]
    moved = tmp_path / "retry.csv"
    moved.write_bytes((tmp_path / "out/retry.csv").read_bytes())
    second, bought = await render(moved)
    assert second.all_done
    assert bought == {"breaks": 1, "breaks too": 1}


async def test_retry_csv_alone_buys_nothing_where_nothing_failed(tmp_path, sandbox, write_manifest, render):
    manifest = write_manifest(chain("a", 2))
    sandbox.faults.add(Fault(kind="stuck", step="look", prompt="a2"))
    first, _ = await render(manifest, limit=1)
    assert [row.verdict.value for row in first.rows] == ["done", "not_started"]
    second, bought = await render(tmp_path / "out/retry.csv", limit=1)
    assert bought == extended("a2")
    del second


async def test_a_row_put_in_at_the_top_of_prompts_buys_one_clip(tmp_path, write_manifest, render):
    rows = [{"prompt": f"prompt {n}"} for n in range(6)] + [{"prompt": "prompt 0"}]
    wishes = {"vendor": "powertokens"}
    await render(write_manifest(rows), **wishes)
    end, bought = await render(write_manifest([{"prompt": "new"}, *rows]), **wishes)
    assert end.verdicts == {"done": 8}
    assert bought == {}
