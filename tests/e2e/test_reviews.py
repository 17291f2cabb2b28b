"""Takes, reviews and decisions, judged by the sandbox's bill and by bytes: what follows is not paid before a word."""

from __future__ import annotations

import hashlib
import json

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.prepare import WouldReplaceError
from longtake.reports.review.given import give_decisions
from tests.e2e.conftest import frame_codes
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "ad", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


def chain(length: int = 4, **first) -> list[dict[str, object]]:
    """A chain whose first shot is bought in takes and waits for a person."""
    rows = [
        SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""}
        for n in range(1, length + 1)
    ]
    rows[0] |= {"variants": 3, "review": "wait"} | first
    return rows


def decide(output, *words, **given):
    return give_decisions(Ledger(open_store(str(output))), words, **given)


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def render(tmp_path, sandbox, write_manifest, monkeypatch):
    """Renders rows; without films where pictures are not what is tested."""
    without_films(monkeypatch)

    async def rendered(rows, name="manifest.csv", **options):
        manifest = write_manifest(rows, name)
        return await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check, **options)

    return rendered


async def test_what_follows_is_paid_after_the_decision_and_goes_on_from_the_chosen_take(
    tmp_path, sandbox, write_manifest
):
    manifest, out, load = write_manifest(chain()), tmp_path / "out", sandbox_accounts(sandbox)
    first = await render_plain(manifest, out, load)
    assert sandbox.bill.count() == 3
    assert first.verdicts == {"done": 1, "awaiting_review": 3}
    assert not first.all_done
    assert "3 shots await review" in first.line
    assert not (out / "reels/ad.mp4").exists()

    decide(out, "ad/1=2", by="Ann", why="the calm one")
    second = await render_plain(manifest, out, load)
    assert sandbox.bill.count() == 6
    assert second.all_done
    jobs = sandbox.jobs("evolink")
    chosen = out / "clips/ad/1.mp4"
    assert frame_codes(out / "reels/ad.mp4")[:97] == frame_codes(chosen)
    ledger = Ledger(open_store(str(out)))
    decision = json.loads((out / "decisions/ad/1/0001.json").read_bytes())
    assert ledger.purchase(decision["purchase"]).intent.variant == 2
    assert sha256(chosen) == decision["sha256"] == sha256(out / ledger.clip_key(decision["purchase"]))
    clips = [sha256(out / f"clips/ad/{n}.mp4") for n in range(1, 5)]
    assert [[reference.sha256 for reference in job.references] for job in jobs[3:]] == [[clip] for clip in clips[:3]]
    assert second.rows[0].chosen_take == 2
    assert "Ann" in json.loads((out / "clips/ad/1.json").read_bytes())["chosen"]
    assert json.loads((out / "reels/ad.json").read_bytes())["chosen"][0]["take"] == 2

    third = await render_plain(manifest, out, load)
    assert sandbox.bill.count() == 6
    assert third.all_done


@pytest.mark.parametrize("option", [{"replace": True}, {}])
async def test_a_changed_choice_buys_what_followed_it_anew_only_with_replace(sandbox, tmp_path, render, option):
    await render(chain(3))
    decide(tmp_path / "out", "ad/1=2")
    await render(chain(3))
    assert sandbox.bill.count() == 5
    decide(tmp_path / "out", "ad/1=3")
    if not option:
        with pytest.raises(WouldReplaceError, match=r"2 shot\(s\).*ad/2, ad/3"):
            await render(chain(3))
        assert sandbox.bill.count() == 5
        return
    end = await render(chain(3), **option)
    assert sandbox.bill.count() == 7
    assert end.all_done
    decide(tmp_path / "out", "ad/1=2")  # and back, for nothing
    end = await render(chain(3))
    assert sandbox.bill.count() == 7
    assert end.all_done
