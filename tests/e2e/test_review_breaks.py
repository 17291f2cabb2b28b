"""Reviews under attack: expired and late rules, rejections while a run goes, tables that are not whole; by the bill."""

from __future__ import annotations

import dataclasses
import errno
import json
import shutil
import time
from datetime import UTC, datetime

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.rendering.choosing import Chooser
from longtake.reports.review.given import give_decisions
from longtake.reports.review.shown import shown_shots
from longtake.reviews.decisions import ReviewLog
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "ad", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


def chain(length: int, **first) -> list[dict[str, object]]:
    rows = [
        SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""}
        for n in range(1, length + 1)
    ]
    rows[0] |= first
    return rows


def decide(output, *words, **given):
    return give_decisions(Ledger(open_store(str(output))), words, **given)


@pytest.fixture
def render(tmp_path, sandbox, write_manifest, monkeypatch):
    """Renders rows without films."""
    without_films(monkeypatch)

    async def rendered(rows, name="manifest.csv", check=quick_check, **options):
        manifest = write_manifest(rows, name)
        return await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=check, **options)

    return rendered


async def test_a_review_that_is_asked_for_late_holds_what_is_not_bought_yet_and_keeps_what_is(
    render, sandbox, tmp_path
):
    await render(chain(2))
    assert sandbox.bill.count() == 2
    end = await render(chain(4, review="wait"))
    assert sandbox.bill.count() == 2
    assert [row.verdict.value for row in end.rows] == ["done", "done", "awaiting_review", "awaiting_review"]
    decide(tmp_path / "out", "ad/1=approve")
    assert (await render(chain(4, review="wait"))).all_done
    assert sandbox.bill.count() == 4


@pytest.mark.parametrize("review", ["wait", ""])
async def test_nothing_more_is_bought_of_a_chain_whose_first_was_rejected_after_its_follower_came(
    render, sandbox, tmp_path, review
):
    await render(chain(2))
    decide(tmp_path / "out", "ad/1=reject")
    end = await render(chain(4, review=review))
    assert sandbox.bill.count() == 2
    assert [row.verdict.value for row in end.rows] == ["bad_clip", "done", "blocked", "blocked"]
    decide(tmp_path / "out", "ad/1=approve")
    assert (await render(chain(4, review=review))).all_done
    assert sandbox.bill.count() == 4


async def test_an_expired_decision_stands_in_no_way_of_the_best_take(render, sandbox, tmp_path):
    out = tmp_path / "out"
    rows = chain(2, variants=3)
    await render(rows[:1])
    ledger = Ledger(open_store(str(out)), clock=lambda: time.time() - 1000)
    soon = datetime.fromtimestamp(time.time() - 500, UTC).isoformat()
    give_decisions(ledger, [f"shot_id,choice,expires_at\nad/1,2,{soon}\n"])
    end = await render(rows, choose="best")
    assert end.all_done
    assert sandbox.bill.count() == 4
    assert json.loads((out / "decisions/ad/1/0002.json").read_bytes())["by"] == "--choose best"


async def test_takes_rejected_while_the_run_goes_on_are_not_gone_on_from(render, sandbox, tmp_path, monkeypatch):
    best = Chooser._best

    async def rejected_meanwhile(self, done):
        decide(tmp_path / "out", "ad/1=reject")
        return await best(self, done)

    with monkeypatch.context() as patch:
        patch.setattr(Chooser, "_best", rejected_meanwhile)
        end = await render(chain(2, variants=2), choose="best")
    assert sandbox.bill.count() == 2
    assert [row.verdict.value for row in end.rows][-1] == "blocked"
    assert not end.reels_made
    await render(chain(2, variants=2), choose="best")
    assert sandbox.bill.count() == 2


async def test_a_decision_that_cannot_be_read_brings_back_none_that_it_overruled(render, sandbox, tmp_path):
    out = tmp_path / "out"
    rows = chain(2, variants=2, review="wait")
    await render(rows)
    decide(out, "ad/1=1")
    decide(out, "ad/1=2")
    (out / "decisions/ad/1/0002.json").write_bytes(b'{"format":1,"sho')
    end = await render(rows)
    assert sandbox.bill.count() == 2
    assert end.verdicts == {"done": 1, "awaiting_review": 1}
    decide(out, "ad/1=2")
    assert (await render(rows)).all_done
    assert sandbox.bill.count() == 3


async def test_followers_kept_behind_the_best_of_new_takes_stay_kept(render, sandbox, tmp_path):
    ledger = Ledger(open_store(str(tmp_path / "out")))

    async def check(path, digest):
        made = await quick_check(path, digest)
        [identity] = [part for part in path.parts if part.startswith("1-")]
        found = 1 if ledger.purchase(identity).intent.variant in (None, 1) else 0
        return dataclasses.replace(made, findings=[{"check": "black", "message": "dark"}] * found)

    await render(chain(3, variants=2), check=check)
    assert sandbox.bill.count() == 4
    anew = chain(3, variants=2, take=2)
    end = await render(anew, check=check, choose="best", keep_followers=True)
    assert (end.all_done, end.rows[0].chosen_take) == (True, 2)
    assert sandbox.bill.count() == 6
    for choose in ("best", "first"):
        end = await render(anew, check=check, choose=choose)
        assert end.all_done
    assert sandbox.bill.count() == 6


async def test_a_choice_that_cannot_be_written_down_stops_its_chain_and_no_other(render, sandbox, monkeypatch):
    def full(self, decisions, places):
        raise OSError(errno.ENOSPC, "No space left on device")

    rows = [*chain(2, variants=2), *(row | {"reel": "other"} for row in chain(2))]
    with monkeypatch.context() as patch:
        patch.setattr(ReviewLog, "write", full)
        end = await render(rows, choose="best")
    assert sandbox.bill.count() == 4
    assert [row.verdict.value for row in end.rows if row.shot_id == "other/2"] == ["done"]
    assert (await render(rows, choose="best")).all_done
    assert sandbox.bill.count() == 5


async def test_one_rejected_amid_its_chain_is_bought_alone_where_its_followers_are_kept(render, sandbox, tmp_path):
    await render(chain(4))
    decide(tmp_path / "out", "ad/2=reject")
    assert [row.verdict.value for row in (await render(chain(4))).rows] == ["done", "bad_clip", "done", "done"]
    assert (await render(chain(4), max_attempts=2, keep_followers=True)).all_done
    assert sandbox.bill.count() == 5
    for attempts in (1, 2, 3):
        assert (await render(chain(4), max_attempts=attempts)).all_done
    assert sandbox.bill.count() == 5


async def test_a_take_keeps_its_number_where_one_before_it_was_never_bought_and_no_report_tells_of_it(
    render, sandbox, tmp_path
):
    out, rows = tmp_path / "out", chain(2, variants=3, review="wait")
    await render(rows)
    ledger = Ledger(open_store(str(out)))
    takes = {one.intent.variant or 1: one.identity for one in ledger.load().values()}
    shutil.rmtree(out / "ledger" / takes[1])
    shot = shown_shots((), Ledger(open_store(str(out))).load(), {}, time.time())["ad/1"]
    assert [(take.number, take.purchase) for take in shot.takes] == [(2, takes[2]), (3, takes[3])]


async def test_variants_that_come_and_go_never_move_a_decision_to_another_take(render, sandbox, tmp_path):
    out = tmp_path / "out"

    def rows(variants, **more):
        return chain(3, variants=variants, review="wait", **more)

    await render(rows(3))
    decide(out, "ad/1=3")
    assert (await render(rows(3))).all_done
    assert sandbox.bill.count() == 5
    await render(rows(2))  # its take is no more asked for: a person decides
    assert sandbox.bill.count() == 5
    end = await render(rows(4))
    assert (end.all_done, end.rows[0].chosen_take) == (True, 3)
    assert sandbox.bill.count() == 6
    end = await render(rows(2, take=2), keep_followers=True)
    assert sandbox.bill.count() == 8
    assert not end.reels_made
    decide(out, "ad/1=2")
    for _ in range(2):
        assert (await render(rows(2, take=2), keep_followers=True)).all_done
    assert (await render(rows(2, take=2))).all_done
    assert sandbox.bill.count() == 8


async def test_one_rejected_chosen_and_rejected_again_under_a_limit_is_bought_from_once_it_is_chosen(
    render, sandbox, tmp_path
):
    out, rows = tmp_path / "out", chain(2, variants=3, review="wait")
    for bill in (1, 2, 3, 3):
        await render(rows, limit=1)
        assert sandbox.bill.count() == bill
    decide(out, "ad/1=reject")
    decide(out, "ad/1=2")
    decide(out, "ad/1=reject")
    end = await render(rows, limit=1)
    assert sandbox.bill.count() == 3
    assert [row.verdict.value for row in end.rows] == ["bad_clip", "blocked"]
    decide(out, "ad/1=2")
    assert (await render(rows, limit=1)).all_done
    assert sandbox.bill.count() == 4
