"""A run that begins with what earlier runs saw looks less often, and notices no later, by the sandbox's count."""

from __future__ import annotations

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SECONDS, JOBS = 3.0, 3


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=SECONDS, jobs_per_key=None, media="stub")) as running:
        yield running


def rows(first):
    return [{"id": f"s{first}{n}", "prompt": f"ball {first} {n}", "vendor": "evolink"} for n in range(JOBS)]


def looks(sandbox) -> int:
    return sum(steps.get("look", 0) for steps in sandbox.bill.requests.values())


async def test_the_first_wave_of_a_later_run_takes_few_looks(tmp_path, sandbox, write_manifest):
    load = sandbox_accounts(sandbox, poll_interval_seconds=0.1)
    counts: list[float] = []
    for number in range(2):
        before = looks(sandbox)
        manifest = write_manifest(rows(number), f"m{number}.csv")
        assert (await render_plain(manifest, tmp_path / "out", load, check=quick_check)).all_done
        counts.append((looks(sandbox) - before) / JOBS)
    ages = [
        one.terminal.at - one.accepted.job.submitted_at
        for one in Ledger(open_store(str(tmp_path / "out"))).load().values()
    ]
    first, second = counts
    assert second < 0.8 * first
    assert max(ages) < 2 * SECONDS
