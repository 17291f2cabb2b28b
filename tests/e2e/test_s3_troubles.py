"""A store that answers badly, late or not at all: two runs over it buy each row once, and nothing paid is lost."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
TROUBLES = {
    "503 before": {"trouble": 503},
    "503 after": {"trouble": 503, "is_late": True},
    "500 before": {"trouble": 500},
    "500 after": {"trouble": 500, "is_late": True},
    "412 after": {"trouble": 412, "is_late": True},
    "409 after": {"trouble": 409, "is_late": True},
    "409 before": {"trouble": 409},
    "dropped before": {"trouble": 0},
    "dropped after": {"trouble": 0, "is_late": True},
    "lists are 5 s old": {"stale_seconds": 5.0},
}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    with s3_server() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.files().makedirs("troubles", exist_ok=True)
        yield running


def billed(sandbox) -> Counter[str]:
    counts: Counter[str] = Counter()
    for entry in sandbox.bill.entries:
        text = json.dumps(entry.body)
        counts[text[text.index("row ") : text.index(" end")]] += 1
    return counts


BOUNDED = {"503 after", "409 before", "lists are 5 s old"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in BOUNDED else pytest.mark.slow) for name in TROUBLES]
)
async def test_two_runs_over_a_troubled_bucket_buy_each_row_once_and_lose_nothing(
    sandbox, server, write_manifest, name
):
    rows = [SHOT | {"reel": "c", "shot": n, "continue_from": "clip" if n > 1 else ""} for n in (1, 2)]
    rows += [SHOT | {"reel": f"lone-{n}", "shot": 1} for n in range(2)]
    manifest = write_manifest([row | {"prompt": f"row {n} end"} for n, row in enumerate(rows)])
    output, load = f"s3://troubles/{name.replace(' ', '-')}", sandbox_accounts(sandbox)
    for field, value in TROUBLES[name].items():
        setattr(server, field, value)
    first = await render_plain(manifest, output, load, check=quick_check)
    assert max(billed(sandbox).values(), default=0) <= 1, first.verdicts
    second = await render_plain(manifest, output, load, check=quick_check)
    assert server.troubled or server.stale_seconds
    server.trouble, server.stale_seconds = None, 0.0
    third = await render_plain(manifest, output, load, check=quick_check)
    told = [[(row.shot_id, row.verdict.value, row.error) for row in end.rows] for end in (first, second, third)]
    assert set(billed(sandbox).values()) <= {1}, told
    jobs = {one.accepted.job.job_id for one in Ledger(open_store(output)).load().values() if one.accepted is not None}
    # What the store did not keep is told with its id, to be adopted: it is never read as not bought.
    lost = {entry.job_id for entry in sandbox.bill.entries} - jobs
    assert all(any(job_id in (row.error or "") for row in third.rows) for job_id in lost), told
    assert third.all_done or lost, told
