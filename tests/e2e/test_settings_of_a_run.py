"""Model and resolution of a run: for rows that name none, and for shots that were never bought."""

from __future__ import annotations

import pytest

from longtake.domain.errors import InvalidManifestError
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "ratio": "16:9"}


@pytest.fixture
def sandbox(quick_sandbox):
    return quick_sandbox


@pytest.fixture
def render(sandbox, tmp_path, write_manifest):
    async def run(rows, **options):
        manifest, load = write_manifest(rows), sandbox_accounts(sandbox)
        return await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)

    return run


def ordered(sandbox) -> dict[str, tuple[str, str | None]]:
    """Model and resolution of every order, by prompt."""
    return {each.body["prompt"]: (each.body["model"], each.body.get("quality")) for each in sandbox.bill.entries}


async def test_rows_that_name_none_get_the_run_s_model_and_resolution_and_others_keep_theirs(sandbox, render):
    rows = [
        SHOT | {"reel": "plain", "shot": 1, "prompt": "plain"},
        SHOT | {"reel": "own", "shot": 1, "prompt": "own", "model": "seedance-2.0-mini", "resolution": "480p"},
        SHOT | {"reel": "own", "shot": 2, "prompt": "next", "continue_from": "last_frame"},
    ]
    end = await render(rows, model="seedance-2.0-fast", resolution=" 720p ", extension_template="off")
    assert end.verdicts == {"done": 3}, [row.error for row in end.rows]
    assert ordered(sandbox) == {
        "plain": ("seedance-2.0-fast-text-to-video", "720p"),
        "own": ("seedance-2.0-mini-text-to-video", "480p"),
        "next": ("seedance-2.0-fast-image-to-video", "480p"),
    }


async def test_what_was_bought_keeps_its_own_and_is_bought_once_whatever_a_later_run_says(sandbox, render):
    rows = [SHOT | {"id": "first", "prompt": "first"}]
    await render(rows)
    more = {"model": "seedance-2.0-fast", "resolution": "480p"}
    rows.append(SHOT | {"id": "second", "prompt": "second"})
    end = await render(rows, **more)
    assert (end.verdicts, sandbox.bill.count()) == ({"done": 2}, 2)
    assert ordered(sandbox) == {
        "first": ("seedance-2.0-mini-text-to-video", None),
        "second": ("seedance-2.0-fast-text-to-video", "480p"),
    }
    assert [row.wire_model for row in end.rows] == [model for model, _ in ordered(sandbox).values()]
    assert ((await render(rows)).verdicts, sandbox.bill.count()) == ({"done": 2}, 2)


@pytest.mark.parametrize("wrong", [{"model": "seedance-9"}, {"resolution": "9p"}])
async def test_one_that_no_vendor_has_refuses_every_row_that_it_is_for_and_buys_nothing(sandbox, render, wrong):
    rows = [SHOT | {"id": name, "prompt": name} for name in ("a", "b")]
    with pytest.raises(InvalidManifestError) as refused:
        await render(rows, **wrong)
    [(column, value)] = wrong.items()
    assert {(each.row, each.column, each.value) for each in refused.value.violations} == {
        (1, column, value),
        (2, column, value),
    }
    assert sandbox.bill.count() == 0
