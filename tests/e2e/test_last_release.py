"""What the release before the rooms left in an output is planned, rendered, settled and told as before, for nothing.

`tests/fixtures/last_release` is the demo with two more shots that came to nothing and one row that was refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas
import pytest

from longtake.domain.verdicts import Verdict
from longtake.files.open_store import open_store
from longtake.jobs.reconcile import Decisions, reconcile
from longtake.jobs.resources import open_resources
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Standing
from longtake.planning.prepare import prepare
from longtake.reports.run.rewrite import rewrite_report, told_before
from tests.plain_render import render_plain, sandbox_accounts

FIXTURE = Path(__file__).parents[1] / "fixtures/last_release"
BOUGHT = {
    "lighthouse/1": "1-296ce40d675bf75f8ecbf7e518a95925124f1024",
    "day/1": "1-8f2e2e88208571604d17ffe194b1266d0495b4f9",
    "courier/1": "1-13978309d146acb40d70a54588c7f91426106ede",
    "courier/2": "1-426ec7483b8a184717dc7e90015cf4cc9cdf299f",
    "courier/3": "1-ad5859d1856ca6194968b110cbf1785922f8f944",
    "broken/1": "1-a21102db7c904fa80e8363fd1b6382338c97db46",
    "silent/1": "1-8244f5d77973aacad4b5a669c343195414ed005f",
}
VERDICTS = dict.fromkeys(BOUGHT, "done") | {"broken/1": "failed", "silent/1": "unknown_outcome", "endless/1": "refused"}


@pytest.fixture
def kept(tmp_path):
    """A copy of the output beside its manifest."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "kept"))


def films(kept):
    """The bytes of everything that was bought or made of it."""
    return {path.relative_to(kept): path.read_bytes() for path in kept.rglob("*.mp4")}


def records(kept):
    """The bytes of every record of the ledger."""
    return {path.relative_to(kept): path.read_bytes() for path in (kept / "output/ledger").rglob("*.json")}


async def test_its_identities_and_standings_are_what_they_were(kept, sandbox):
    wish = RenderOptions(manifest=str(kept / "storyboard.csv"), output=str(kept / "output"), skip_refused=True)
    prepared = await prepare(wish, load_account=sandbox_accounts(sandbox))
    shots = {shot.shot_id: shot for shot in prepared.plan.shots}
    assert {name: shots[name].identity for name in BOUGHT} == BOUGHT
    standings = {name: shot.standing for name, shot in shots.items()}
    assert standings == dict.fromkeys(BOUGHT, Standing.DONE) | {
        "broken/1": Standing.OVER,
        "silent/1": Standing.UNKNOWN,
        "endless/1": Standing.REFUSED,
    }
    assert sandbox.bill.request_count() == 0


async def test_it_is_rendered_again_for_nothing_and_nothing_of_it_changes(kept, sandbox):
    made, written = films(kept), records(kept)
    end = await render_plain(
        kept / "storyboard.csv",
        kept / "output",
        sandbox_accounts(sandbox),
        skip_refused=True,
    )
    assert {row.shot_id: row.verdict.value for row in end.rows} == VERDICTS
    assert (sandbox.bill.count(), sandbox.bill.request_count()) == (0, 0)
    assert films(kept) == made
    assert records(kept) == written
    told = pandas.read_parquet(kept / "output/results.parquet").set_index("shot_id")
    before = pandas.read_parquet(FIXTURE / "output/results.parquet").set_index("shot_id")
    facts = ["verdict", "take", "vendor", "wire_model", "job_id", "clip", "sha256", "submitted_at", "finished_at"]
    pandas.testing.assert_frame_equal(told[facts], before[facts])


async def test_its_open_outcome_is_settled_by_a_persons_word(kept, sandbox):
    async def nothing_to_follow(*_):
        raise AssertionError("no job is open")

    async def settle(decisions):
        async with open_resources(sandbox_accounts(sandbox)) as resources:
            ledger = await resources.ledger(str(kept / "output"))
            return await reconcile(
                ledger, resources, decisions, await_job=nothing_to_follow, download=nothing_to_follow
            )

    assert list((await settle(Decisions())).open) == ["silent/1"]
    assert (await settle(Decisions(give_up=["silent/1"]))).open == {}
    purchase = Ledger(open_store(str(kept / "output"))).load()[BOUGHT["silent/1"]]
    assert purchase.verdict is not None
    assert purchase.verdict.verdict is Verdict.FAILED
    assert sandbox.bill.count() == 0


def test_its_report_is_written_anew_with_the_same_verdicts_clips_and_films(kept):
    before = told_before(open_store(str(kept / "output")))
    rewrite_report(str(kept / "output"))
    after = told_before(open_store(str(kept / "output")))
    assert {shot.shot_id: shot.verdict for shot in after.shots} == VERDICTS
    assert [(shot.clip, shot.poster) for shot in after.shots] == [(shot.clip, shot.poster) for shot in before.shots]
    page = (kept / "output/report.html").read_text("utf-8")
    for reel in ("lighthouse", "day", "courier"):
        assert f"reels/{reel}.mp4" in page
