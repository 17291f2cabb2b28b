"""A shot in the middle of a chain taken anew: with what follows from it, or alone and joined to what was kept."""

from __future__ import annotations

import hashlib
import json

import pytest

from longtake.media.checking.policy import DriftLimits
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import WouldReplaceError, prepare
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "r", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
NONE = DriftLimits(brightness=None, contrast_ratio=None, colour=None, sharpness_ratio=None)


def rows(takes: dict[int, int], edits: dict[int, str] | None = None) -> list[dict]:
    return [
        SHOT
        | {"shot": n, "prompt": (edits or {}).get(n, f"shot {n}"), "continue_from": "clip" if n > 1 else ""}
        | {"take": takes.get(n, 1)}
        for n in range(1, 5)
    ]


@pytest.fixture
def _quick(monkeypatch):
    without_films(monkeypatch)
    monkeypatch.setattr("tests.plain_render.gate", lambda wanted, workers: quick_check)


@pytest.fixture
async def bought(tmp_path, sandbox, write_manifest):
    end = await render_plain(write_manifest(rows({})), tmp_path / "out", sandbox_accounts(sandbox))
    assert end.verdicts == {"done": 4}
    return tmp_path / "out"


def bill(sandbox) -> int:
    return len(sandbox.jobs("evolink"))


def clips(output) -> list[str]:
    return [hashlib.sha256((output / f"clips/r/{n}.mp4").read_bytes()).hexdigest() for n in range(1, 5)]


@pytest.mark.usefixtures("_quick")
async def test_both_prices_are_told_and_nothing_that_follows_is_bought_unasked(bought, sandbox, write_manifest):
    manifest = write_manifest(rows({2: 2}))
    accounts = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])
    prepared = await prepare(RenderOptions(manifest=str(manifest), output=str(bought)), load_account=accounts)
    price = {shot.row.shot: shot.quote.high_usd for shot in prepared.plan.shots if shot.quote}
    alone, whole = price["2"], price["2"] + price["3"] + price["4"]
    words = next(notice for notice in prepared.notices if "--keep-followers" in notice)
    assert words == (
        f"r/2: at most {alone:.4f} USD with --keep-followers; with --replace at most {whole:.4f} USD (2 shots again)"
    )
    with pytest.raises(WouldReplaceError, match="--keep-followers"):
        await render_plain(manifest, bought, sandbox_accounts(sandbox))
    assert bill(sandbox) == 4


async def test_one_take_is_bought_and_joined_to_what_was_kept_and_stays_so(bought, sandbox, write_manifest):
    before = clips(bought)
    manifest = write_manifest(rows({2: 2}))
    end = await render_plain(manifest, bought, sandbox_accounts(sandbox), keep_followers=True)
    assert end.verdicts == {"done": 4}
    assert bill(sandbox) == 5
    after = clips(bought)
    assert (after[0], *after[2:]) == (before[0], *before[2:])
    assert after[1] != before[1]
    receipt = json.loads((bought / "reels/r.json").read_text())
    assert [clip["sha256"] for clip in receipt["clips"]] == after
    assert [joint["shot_id"] for joint in receipt["joints_anew"]] == ["r/2", "r/3"]
    assert {"brightness", "colour", "sound_db"} <= receipt["joints_anew"][0].keys()
    assert [echo["shot_id"] for echo in receipt["echoes"]] == ["r/2", "r/3", "r/4"]
    # The choice is remembered: neither Retry nor a schedule asks again, or buys.
    again = await render_plain(manifest, bought, sandbox_accounts(sandbox))
    assert again.verdicts == {"done": 4}
    assert bill(sandbox) == 5
    assert clips(bought) == after


@pytest.mark.usefixtures("_quick")
async def test_with_replace_all_that_follows_is_bought_anew(bought, sandbox, write_manifest):
    await render_plain(write_manifest(rows({2: 2})), bought, sandbox_accounts(sandbox), replace=True)
    assert bill(sandbox) == 7


async def test_a_film_whose_new_joints_step_too_far_is_held_and_costs_nothing_more(bought, sandbox, write_manifest):
    manifest = write_manifest(rows({2: 2}))
    tight = NONE.model_copy(update={"colour": 0.5})
    end = await render_plain(manifest, bought, sandbox_accounts(sandbox), keep_followers=True, drift_limits=tight)
    assert end.verdicts == {"done": 4}
    assert "drift limits: r/2: its colour begins" in end.reels_missing["r"]
    assert not end.all_done
    wide = NONE.model_copy(update={"colour": 255.0, "brightness": 255.0})
    end = await render_plain(manifest, bought, sandbox_accounts(sandbox), drift_limits=wide)
    assert end.all_done
    assert bill(sandbox) == 5


@pytest.mark.usefixtures("_quick")
async def test_a_follower_that_was_edited_is_not_kept(bought, sandbox, write_manifest):
    manifest = write_manifest(rows({2: 2}, {4: "another prompt"}))
    with pytest.raises(WouldReplaceError, match="r/4"):
        await render_plain(manifest, bought, sandbox_accounts(sandbox), keep_followers=True)
    end = await render_plain(manifest, bought, sandbox_accounts(sandbox), keep_followers=True, replace=True)
    assert end.verdicts == {"done": 4}
    assert bill(sandbox) == 6


@pytest.mark.usefixtures("_quick")
async def test_what_is_kept_may_be_taken_anew_later(bought, sandbox, write_manifest):
    await render_plain(write_manifest(rows({2: 2})), bought, sandbox_accounts(sandbox), keep_followers=True)
    end = await render_plain(write_manifest(rows({2: 3, 3: 2})), bought, sandbox_accounts(sandbox), keep_followers=True)
    assert end.verdicts == {"done": 4}
    assert bill(sandbox) == 7
