"""Open outcomes are counted by purchase: those of one shot's variants, takes and manifests are as many as were sent."""

from __future__ import annotations

import pytest

from longtake.jobs.reconcile import Decisions, reconcile
from longtake.jobs.resources import open_resources
from longtake.sandbox.app import Fault
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts

ROW = {"reel": "r", "shot": 1, "prompt": "a red ball", "vendor": "evolink", "duration_seconds": 4}


async def opened(output, load, decisions=None):
    async def nothing_to_follow(*_):
        raise AssertionError("there is no job")

    async with open_resources(load) as resources:
        ledger = await resources.ledger(str(output))
        steps = {"await_job": nothing_to_follow, "download": nothing_to_follow}
        return await reconcile(ledger, resources, decisions or Decisions(), **steps)


@pytest.mark.parametrize("kind", ["variants", "takes"])
async def test_several_open_outcomes_of_one_shot_are_counted_and_told_one_by_one(
    tmp_path, sandbox, write_manifest, kind
):
    load, output = sandbox_accounts(sandbox), tmp_path / "out"
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", times=None))
    rows = [[ROW | {"variants": 3}]] if kind == "variants" else [[ROW | {"take": take}] for take in (1, 2, 3)]
    for row in rows:
        await render_plain(write_manifest(row), output, load, check=quick_check)
    assert sandbox.bill.count() == 3
    end = await opened(output, load)
    assert len(end.open) == 3
    assert end.line.endswith("3 still open")
    assert len(set(end.open)) == 3
    assert all("reconcile --output" in words for words in end.open.values())


async def test_of_several_open_outcomes_each_is_settled_by_its_own_name(tmp_path, sandbox, write_manifest):
    load, output = sandbox_accounts(sandbox), tmp_path / "out"
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", times=None))
    await render_plain(write_manifest([ROW | {"variants": 3}]), output, load, check=quick_check)
    for left in (2, 1, 0):
        name = next(iter((await opened(output, load)).open))
        end = await opened(output, load, Decisions(give_up=[name]))
        assert len(end.open) == left
    assert sandbox.bill.count() == 3
