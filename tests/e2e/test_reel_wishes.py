"""What a person wishes of reels and clips: size, crossfade, loudness, strict checks, chains held by their drift."""

from __future__ import annotations

import inspect
import json
import time

import pytest
from pydantic import ValidationError

from longtake.media.checking.policy import CHECKS, DriftLimits, GatePolicy
from longtake.media.reading.probe import probe_clip
from longtake.media.stitching.receipt import ReelStyle
from longtake.sandbox.app import Fault
from longtake_cli.main import _parser
from longtake_cli.options import render_parameters
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts

pytestmark = pytest.mark.usefixtures("_without_posters")

SHOT = {"reel": "r", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
CHAIN = [SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""} for n in (1, 2, 3)]
PAIR = [SHOT | {"shot": n, "prompt": f"shot {n}", "generate_audio": True} for n in (1, 2)]

NEVER_LOUD_ENOUGH = GatePolicy(silent="strict", silent_below_db=0.0)


def receipt_of(output, name="r"):
    return json.loads((output / f"reels/{name}.json").read_text())


async def test_a_reel_has_the_size_rate_and_loudness_asked_for(tmp_path, sandbox, write_manifest):
    style = ReelStyle(size="640x640", fps="30", fit="crop", loudness_lufs=-20)
    out = tmp_path / "out"
    await render_plain(write_manifest(PAIR), out, sandbox_accounts(sandbox), check=quick_check, reel_style=style)
    film = probe_clip(out / "reels/r.mp4")
    assert (film.width, film.height, film.fps) == (640, 640, 30)
    assert film.frames == 242
    assert receipt_of(out)["loudness_after"]["integrated_lufs"] == pytest.approx(-20, abs=0.5)


async def test_another_crossfade_makes_the_reel_anew_and_buys_nothing(tmp_path, sandbox, write_manifest):
    manifest, out, accounts = write_manifest(PAIR), tmp_path / "out", sandbox_accounts(sandbox)
    await render_plain(manifest, out, accounts, check=quick_check)
    assert receipt_of(out)["frames_found"] == 194
    end = await render_plain(manifest, out, accounts, check=quick_check, reel_style=ReelStyle(crossfade_seconds=0.5))
    assert receipt_of(out)["frames_found"] == 194 - 12
    assert (end.verdicts, end.bought_now, sandbox.bill.count()) == ({"done": 2}, 0, 2)


async def test_a_strict_check_makes_a_bad_clip_and_a_retake_counts_as_an_attempt(tmp_path, sandbox, write_manifest):
    out = tmp_path / "out"
    end = await render_plain(
        write_manifest(PAIR[:1]), out, sandbox_accounts(sandbox), gate=NEVER_LOUD_ENOUGH, max_attempts=2
    )
    assert [row.verdict.value for row in end.rows] == ["bad_clip"]
    assert "silent from 0.00" in end.rows[0].error
    assert sandbox.bill.count() == 2
    assert not list((out / "clips").rglob("*.mp4"))
    assert len(list((out / "ledger").rglob("*.mp4"))) == 2


async def test_a_clip_is_judged_by_the_checks_it_was_bought_under(tmp_path, sandbox, write_manifest):
    sandbox.settings.job_seconds = 600.0
    manifest, out = write_manifest(PAIR[:1]), tmp_path / "out"
    impatient = sandbox_accounts(sandbox, max_wait_seconds=0.5)
    first = await render_plain(manifest, out, impatient, gate=NEVER_LOUD_ENOUGH)
    assert [row.verdict.value for row in first.rows] == ["still_running"]
    sandbox.jobs()[0].ends = time.monotonic()
    second = await render_plain(manifest, out, sandbox_accounts(sandbox))
    assert [row.verdict.value for row in second.rows] == ["bad_clip"]


async def test_a_receipt_tells_the_drift_of_every_link(tmp_path, sandbox, write_manifest):
    await render_plain(write_manifest(CHAIN), tmp_path / "out", sandbox_accounts(sandbox))
    drift = receipt_of(tmp_path / "out")["drift"]
    assert [link["shot_id"] for link in drift] == ["r/1", "r/2", "r/3"]
    assert drift[0]["brightness"] == 0


async def test_a_chain_that_has_drifted_is_held_and_goes_on_with_wider_limits(tmp_path, sandbox, write_manifest):
    manifest, out, accounts = write_manifest(CHAIN), tmp_path / "out", sandbox_accounts(sandbox)
    narrow = DriftLimits(brightness=0, colour=0, contrast_ratio=None, sharpness_ratio=None)
    wide = narrow.model_copy(update={"brightness": 255, "colour": 255})
    held = await render_plain(manifest, out, accounts, drift_limits=narrow)
    assert [row.verdict.value for row in held.rows] == ["done", "done", "held"]
    assert "r/2 has drifted from r/1" in held.rows[2].error
    assert sandbox.bill.count() == 2
    end = await render_plain(manifest, out, accounts, drift_limits=wide)
    assert (end.verdicts, sandbox.bill.count()) == ({"done": 3}, 3)


def test_the_command_line_knows_every_check_limit_and_parameter():
    from flows.render_manifest import render_manifest

    assert set(CHECKS) == {name for name in GatePolicy.model_fields if "_" not in name or name == "frame_rate"}
    chosen = _parser().parse_args(["render", "m.csv", "--output", "out"])
    assert set(render_parameters(chosen)) == set(inspect.signature(render_manifest.fn).parameters)


@pytest.mark.parametrize(
    "bad",
    [{"size": "1281x720"}, {"size": "wide"}, {"fps": "1/0"}, {"fps": "fast"}, {"crossfade_seconds": -1}, {"tilt": 1}],
)
def test_a_style_that_cannot_be_is_refused(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        ReelStyle.model_validate(bad)


@pytest.mark.parametrize("failed", [(2,), (1, 3)])
async def test_a_partial_reel_s_receipt_says_that_it_is_and_what_is_missing(tmp_path, sandbox, write_manifest, failed):
    rows = [SHOT | {"shot": n, "prompt": f"shot {n} end"} for n in (1, 2, 3)]
    out, manifest, load = tmp_path / "out", write_manifest(rows), sandbox_accounts(sandbox)
    for shot in failed:
        sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt=f"shot {shot} end"))
    await render_plain(manifest, out, load, check=quick_check, partial_reels=True)
    told = receipt_of(out, "r.partial")
    assert told["partial"] is True
    assert told["missing"] == [f"r/{shot}" for shot in failed]
    assert (out / "reels/r.partial.mp4").exists()
    assert not (out / "reels/r.mp4").exists()
    await render_plain(manifest, out, load, check=quick_check, partial_reels=True)
    whole = receipt_of(out)
    assert (whole["partial"], whole["missing"]) == (False, [])
