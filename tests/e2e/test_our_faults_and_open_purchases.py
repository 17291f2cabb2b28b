"""A submit that is out, or whose answer was lost, never reads as not bought because our own machine is in trouble."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from dataclasses import dataclass

import pytest

from longtake.accounts.session import LoadAccount
from longtake.domain.errors import VendorAccountError
from longtake.domain.violations import refusal
from longtake.files.directory import DirectoryStore
from longtake.files.open_store import open_store
from longtake.jobs.resources import RunResources
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, Intent
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.rendering.order_builder import OrderBuilder
from longtake.rendering.render import write_up
from longtake.rendering.report import RunReport
from longtake.rendering.summary import Summary
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

ROWS = [
    {"reel": "r", "shot": "1", "prompt": "a red ball", "vendor": "evolink", "continue_from": ""},
    {"reel": "r", "shot": "2", "prompt": "it rolls", "vendor": "evolink", "continue_from": "last_frame"},
]
FREE = {"not_started", "held", "refused", "blocked", "content_refused"}
STATES = ("submitting", "unknown", "in_flight")


@dataclass
class Output:
    """An output of one chain."""

    options: RenderOptions
    load: LoadAccount
    base_url: str

    async def begin(self, state: str) -> None:
        """Another run has begun to buy every shot, and came so far."""
        prepared = await prepare(self.options, load_account=self.load)
        ledger = Ledger(open_store(self.options.output))
        for shot in prepared.plan.shots:
            intent = Intent(
                identity=shot.identity,
                shot_id=shot.shot_id,
                take=1,
                attempt=1,
                number=1,
                vendor="evolink",
                account="evolink/default",
                base_url=self.base_url,
                wire_model="any",
                request={},
                deadline=time.time() + 600,
            )
            assert ledger.intend(intent)
            if state == "unknown":
                ledger.unknown(intent, "its answer was lost")
            if state == "in_flight":
                ledger.add(Accepted(identity=shot.identity, job=intent.job(f"job-{shot.row.shot}")))

    async def render(self, **options: object) -> Summary:
        return await render_plain(self.options.manifest, self.options.output, self.load, check=quick_check, **options)


@pytest.fixture
def output(tmp_path, sandbox, write_manifest, monkeypatch):
    without_films(monkeypatch)
    options = RenderOptions(manifest=str(write_manifest(ROWS)), output=str(tmp_path / "out"))
    load = sandbox_accounts(sandbox, max_wait_seconds=2)
    return Output(options, load, sandbox.environment()["EVOLINK_BASE_URL"])


def raises(error):
    def broken(*_, **__):
        raise error

    return broken


def full_for_the_ledger(self, key, data):
    if key.startswith("ledger/"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/the/disk")
    return CREATE(self, key, data)


CREATE = DirectoryStore.create
FAULTS = {
    "the ledger cannot be asked": lambda patch: patch.setattr(Ledger, "purchase", raises(OSError("it is away"))),
    "the disk is full": lambda patch: patch.setattr(DirectoryStore, "create", full_for_the_ledger),
    "out of memory": lambda patch: patch.setattr(OrderBuilder, "order", raises(MemoryError())),
    "no session can be opened": lambda patch: patch.setattr(
        RunResources, "session", raises(OSError(errno.EMFILE, "too many"))
    ),
    "the account is refused": lambda patch: patch.setattr(
        RunResources, "session", raises(VendorAccountError("no balance"))
    ),
    "a fault that nobody foresaw": lambda patch: patch.setattr(RunResources, "session", raises(RuntimeError("odd"))),
    "the budget holds it": lambda patch: None,
    "the shot before it is not there": lambda patch: None,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_trouble_of_ours_makes_an_open_purchase_read_as_not_bought(output, sandbox, monkeypatch, state, fault):
    await output.begin(state)
    if state == "submitting":  # the other run is waited for no longer than this
        monkeypatch.setattr("longtake.jobs.submit.UNKNOWN_AFTER_SECONDS", 0.2)
        monkeypatch.setattr("longtake.jobs.submit.OTHER_RUN_LOOK_SECONDS", 0.1)
        monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "1")
    with monkeypatch.context() as patch:
        FAULTS[fault](patch)
        options = {"budget_usd": 0.01} if fault == "the budget holds it" else {}
        end = await output.render(**options)
    assert {row.verdict.value for row in end.rows}.isdisjoint(FREE), [(r.verdict.value, r.error) for r in end.rows]
    assert sandbox.bill.count() == 0


@pytest.mark.parametrize("state", STATES)
async def test_a_run_that_is_cancelled_tells_open_purchases_as_what_they_are(output, state):
    await output.begin(state)
    prepared = await prepare(output.options, load_account=output.load)
    report = RunReport(prepared, lambda event, shot, words: None)
    end = await asyncio.to_thread(write_up, prepared, {}, {}, report, ["nobody"])
    assert {row.verdict.value for row in end.rows}.isdisjoint(FREE)
    for shot in prepared.plan.shots:  # a row that this release would refuse is bought all the same
        shot.violations = [refusal("prompt", "", "it is refused today", "none")]
    end = await asyncio.to_thread(write_up, prepared, {}, {}, report, ["nobody"])
    assert {row.verdict.value for row in end.rows}.isdisjoint(FREE)
