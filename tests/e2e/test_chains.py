"""Chains: every job's reference is the previous clip, and the reel holds the clips in order, frame by frame."""

from __future__ import annotations

import hashlib

import pytest

from longtake.domain.errors import InvalidManifestError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.conftest import frame_codes
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "r", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def render(tmp_path, sandbox, write_manifest, monkeypatch):
    """Renders rows without films."""
    without_films(monkeypatch)

    async def run(rows):
        return await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)

    return run


@pytest.mark.usefixtures("_without_posters")
async def test_a_chain_of_five_passes_each_clip_on_and_joins_them_in_order(tmp_path, sandbox, write_manifest):
    rows = [SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""} for n in range(1, 6)]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": 5}
    jobs = sandbox.jobs("evolink")
    clips = [hashlib.sha256((tmp_path / f"out/clips/r/{n}.mp4").read_bytes()).hexdigest() for n in range(1, 6)]
    assert [[reference.sha256 for reference in job.references] for job in jobs] == [[], *([clip] for clip in clips[:4])]
    codes = frame_codes(tmp_path / "out/reels/r.mp4")
    assert codes == [(job.number, frame) for job in jobs for frame in range(97)]


@pytest.mark.usefixtures("_without_posters")
async def test_a_chain_may_change_its_vendor(tmp_path, sandbox, write_manifest):
    vendors = ["evolink", "anyfast", "powertokens", "jimmyai"]
    rows = [
        SHOT | {"shot": n, "prompt": f"shot {n}", "vendor": vendor, "continue_from": "clip" if n else ""}
        for n, vendor in enumerate(vendors)
    ]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": 4}
    jobs = [sandbox.jobs(vendor)[0] for vendor in vendors]
    assert frame_codes(tmp_path / "out/reels/r.mp4") == [(job.number, frame) for job in jobs for frame in range(97)]


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast", "evolink", "jimmyai"])
async def test_a_last_frame_continues_at_every_vendor(sandbox, render, vendor):
    rows = [
        SHOT | {"vendor": vendor, "shot": n, "prompt": "p", "continue_from": c} for n, c in ((1, ""), (2, "last_frame"))
    ]
    end = await render(rows)
    assert end.verdicts == {"done": 2}, [row.error for row in end.rows]
    assert len(sandbox.jobs(vendor)[1].references) == 1


async def test_a_clip_too_long_for_a_reference_is_cut_to_its_last_seconds(sandbox, render):
    rows = [
        SHOT | {"shot": 1, "prompt": "long", "duration_seconds": 15},
        SHOT | {"shot": 2, "prompt": "next", "continue_from": "clip"},
    ]
    end = await render(rows)
    assert end.verdicts == {"done": 2}, [row.error for row in end.rows]
    reference = sandbox.jobs("evolink")[1].references[0]
    assert reference.sha256 != sandbox.jobs("evolink")[0]
    assert 14.9 < reference.seconds <= 15.0


async def test_a_chain_that_cannot_be_hosted_is_refused_before_its_first_shot(tmp_path, sandbox, write_manifest):
    rows = [
        SHOT | {"vendor": "anyfast", "shot": 1, "prompt": "long", "duration_seconds": 15},
        SHOT | {"vendor": "anyfast", "shot": 2, "prompt": "next", "continue_from": "clip"},
    ]
    with pytest.raises(InvalidManifestError, match=r"15\.04 s, more than fits"):
        await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox))
    assert sandbox.bill.count() == 0
    assert sandbox.bill.request_count() == 0


async def test_a_route_of_audited_assets_is_given_the_clip_as_an_asset(sandbox, render):
    rows = [
        SHOT
        | {
            "vendor": "jimmyai",
            "model": "sd2_mx_video_720p",
            "resolution": "",
            "shot": n,
            "prompt": "p",
            "continue_from": c,
        }
        for n, c in ((1, ""), (2, "clip"))
    ]
    end = await render(rows)
    assert end.verdicts == {"done": 2}
    first, second = (str(entry.body) for entry in sandbox.bill.entries)
    assert ("asset://" in first, "asset://" in second, "http" in second) == (False, True, False)


@pytest.mark.usefixtures("_without_posters")
async def test_a_failed_link_blocks_only_the_rest_of_its_chain(tmp_path, sandbox, write_manifest):
    from longtake.sandbox.faults import Fault

    rows = [SHOT | {"shot": n, "prompt": f"a{n}", "continue_from": "clip" if n > 1 else ""} for n in (1, 2, 3)]
    rows += [SHOT | {"reel": "other", "shot": 1, "prompt": "fine"}]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="a2", retryable=False))
    load = sandbox_accounts(sandbox)
    end = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check)
    assert [row.verdict.value for row in end.rows] == ["done", "failed", "blocked", "done"]
    assert sandbox.bill.count() == 3
    assert not (tmp_path / "out/reels/r.mp4").exists()
    assert (tmp_path / "out/reels/other.mp4").exists()


@pytest.mark.usefixtures("_without_posters")
@pytest.mark.parametrize("echo_frames", [60, 96])
async def test_a_long_repeat_is_cut_or_told_in_the_results(tmp_path, monkeypatch, write_manifest, echo_frames):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    rows = [SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""} for n in (1, 2)]
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, echo_frames=echo_frames)) as sandbox:
        end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox))
    assert end.verdicts == {"done": 2}, [row.error for row in end.rows]
    codes = frame_codes(tmp_path / "out/reels/r.mp4")
    repeated = len(codes) - len(set(codes))
    told = end.rows[1].warnings or ""
    assert repeated == 0 or "repeat" in told, (repeated, told)
    assert (told in (tmp_path / "out/results.csv").read_text()) and (not repeated or told in end_of_report(tmp_path))


def end_of_report(folder):
    return (folder / "out/report.json").read_text()
