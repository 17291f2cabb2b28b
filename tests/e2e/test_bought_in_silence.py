"""What would be paid twice in silence: names in another spelling, rows that are alike, variants against takes."""

from __future__ import annotations

import json
from itertools import product

import pytest

from longtake.domain.identity import Identities, WrittenRow
from longtake.domain.request import ShotRequest
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import WouldReplaceError, prepare
from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "r", "vendor": "evolink"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def render(tmp_path, sandbox, monkeypatch, write_manifest):
    without_films(monkeypatch)
    load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])

    async def run(rows, **options):
        return await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check, **options)

    async def planned(rows):
        wish = RenderOptions(manifest=str(write_manifest(rows)), output=str(tmp_path / "out"))
        return await prepare(wish, load_account=load)

    run.planned = planned
    return run


def named(*names, column="shot", **cells):
    return [SHOT | {column: name, "prompt": f"animal {n}"} | cells for n, name in enumerate(names)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (named("001", "002"), named("1", "2")),
        (named("1", "2"), named("1.0", "2.0")),
        (named("a", "b"), named("opening", "end")),
        (named("x", column="id", reel=""), named("X ", column="id", reel="")),
        (named("007", column="id", reel=""), named("7", column="id", reel="")),
        (named("1", reel="01"), named("1", reel="1")),
        (named("1", reel="Act/01"), named("1", reel="act/1")),
        (named("1", "2", column="id", reel=""), named("1.0", "2.0", column="id", reel="")),
        (named("1", reel="2"), named("1.0", reel="2.0")),
        (named("4006381333931", column="id", reel=""), named("4.00638E+12", column="id", reel="")),
        (named("1,5", column="id", reel=""), named("1.50", column="id", reel="")),
        (named("2026-01-05", column="id", reel=""), named("2026-01-05 00:00:00", column="id", reel="")),
        (named("caf\u00e9", column="id", reel=""), named("cafe\u0301", column="id", reel="")),
        (named("", column="id", reel=""), named("fox", column="id", reel="")),
        (named("", column="id", reel=""), named("opening", reel="film")),
        (named("S-1_a", column="id", reel=""), named("S\u20131 a\u200b", column="id", reel="")),
    ],
    ids=[
        "zeros",
        "decimals",
        "names",
        "case",
        "ids",
        "reels",
        "slashes",
        "decimals-as-ids",
        "decimals-as-reels",
        "rounded",
        "comma",
        "midnight",
        "composed",
        "no-name-then-an-id",
        "no-name-then-a-reel",
        "dashes",
    ],
)
async def test_a_shot_under_another_spelling_is_told_and_not_bought_again(sandbox, render, before, after):
    await render(before)
    plan = (await render.planned(after)).plan
    assert {shot.standing.value for shot in plan.shots} == {"replaces"}
    assert all(
        any("which the manifest no longer has" in str(found) for found in shot.violations) for shot in plan.shots
    )
    assert not plan.refusals
    with pytest.raises(WouldReplaceError, match=rf"{len(after)} shot.*\(bought as .*/"):
        await render(after)
    assert sandbox.bill.count() == len(before)
    await render(after, replace=True)
    assert sandbox.bill.count() == 2 * len(before)


async def test_a_chain_under_another_spelling_is_told_to_its_end(sandbox, render):
    def chain(*names):
        rows = named(*names)
        return [rows[0], *(row | {"continue_from": "clip"} for row in rows[1:])]

    await render(chain("01", "02", "03"))
    plan = (await render.planned(chain("1", "2", "3"))).plan
    assert all("which the manifest no longer has" in str(shot.violations) for shot in plan.shots)


async def test_other_manifests_of_the_output_and_changed_rows_are_bought_without_a_word(sandbox, render):
    await render(named("001"))
    assert not (await render.planned(named("1", reel="another"))).plan.violations
    other = [row | {"prompt": "something else"} for row in named("1")]
    assert not (await render.planned(other)).plan.violations
    await render([*named("001"), SHOT | {"shot": "1", "prompt": "animal 0"}])
    assert sandbox.bill.count() == 2


async def test_rows_that_are_alike_are_counted_and_priced_before_they_are_bought(render):
    rows = [{"prompt": "a fox", "vendor": "evolink"}] * 3 + [{"prompt": "a hare", "vendor": "evolink"}]
    (notice,) = [words for words in (await render.planned(rows)).notices if "exactly" in words]
    assert notice.startswith("2 rows ask for exactly what another row asks and would be bought as well (at most 0.6000")
    assert "row 2" in notice and "row 1" in notice
    (notice,) = [words for words in (await render.planned(rows[1:])).notices if "exactly" in words]
    assert notice.startswith("1 row asks for exactly what")
    different = [row | {"seed": n} for n, row in enumerate(rows)]
    assert not [words for words in (await render.planned(different)).notices if "exactly" in words]
    assert not [words for words in (await render.planned(named("1", variants=3))).notices if "exactly" in words]


async def test_a_raised_take_buys_anew_though_variants_were_bought_before(sandbox, render):
    await render(named("1", variants=2))
    await render(named("1", take=2))
    assert sandbox.bill.count() == 3
    await render(named("1", take=2, variants=2))
    assert sandbox.bill.count() == 4
    await render(named("1", take=3, variants=2))
    assert sandbox.bill.count() == 6


async def test_more_variants_of_an_earlier_take_are_bought_though_a_later_take_was(sandbox, render):
    await render(named("1"))
    await render(named("1", take=2))
    await render(named("1", variants=2), replace=True)
    assert sandbox.bill.count() == 3
    await render(named("1", variants=3))
    assert sandbox.bill.count() == 4


def test_no_two_of_takes_and_variants_share_an_identity_and_the_first_variant_is_the_take():
    identities, row = Identities(str), WrittenRow(request=ShotRequest(prompt="a fox"))
    make = {
        (take, variant): identities.of_shot(reel="r", shot="1", take=take, variant=variant, row=row)
        for take, variant in product(range(1, 30), range(30))
    }
    assert len(set(make.values())) == len(make)
    assert make[7, 0] == identities.of_shot(reel="r", shot="1", take=7, row=row)


async def test_variants_of_an_earlier_release_are_not_bought_again(tmp_path, sandbox, render):
    rows = named("1", variants=3)
    await render(rows)
    plan = (await render.planned(rows)).plan
    as_an_earlier_release(tmp_path / "out/ledger", plan.shots)
    again = (await render.planned(rows)).plan
    assert {shot.standing.value for shot in again.shots} == {"done"}
    await render(rows)
    assert sandbox.bill.count() == 3


def as_an_earlier_release(ledger, shots):
    """Gives purchases the identities and records that a release had which counted takes and variants in one."""
    identities = Identities(str)
    for shot in shots:
        row = shot.row
        older = identities.of_shot(reel=row.reel, shot=row.shot, take=shot.take, row=row.written)
        folder = ledger / shot.identity
        for file in folder.glob("*.json"):
            record = json.loads(file.read_text().replace(shot.identity, older))
            for name in ("row_take", "variant"):
                record.pop(name, None)
            file.write_text(json.dumps(record))
        folder.rename(ledger / older)
