"""A submit whose answer was lost settles itself where the vendor has a list of jobs, judged by the sandbox's bill."""

from __future__ import annotations

import csv

import httpx
import pytest

from longtake.files.open_store import open_store
from longtake.jobs import lost_answers
from longtake.jobs.decisions import Decisions
from longtake.jobs.reconcile import reconcile
from longtake.jobs.resources import open_resources
from longtake.ledger.ledger import Ledger
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.plain_render import hasten, render_plain, sandbox_accounts

PROMPT = "a lantern on the water"


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "2")
    hasten(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.3, jobs_per_key=None, media="stub")) as running:
        yield running


def manifest(tmp_path, rows=1, **more):
    path = tmp_path / "m.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "prompt", "vendor", "duration_seconds", "resolution", "ratio", *more])
        table.writeheader()
        for number in range(rows):
            row = {"id": number, "prompt": PROMPT, "vendor": "byteplus", "duration_seconds": 4}
            table.writerow(row | {"resolution": "480p", "ratio": "16:9"} | more)
    return path


def lose(sandbox, kind="answer_lost_after_accept", **more):
    sandbox.faults.add(Fault(kind=kind, step="submit", vendor="byteplus", **more))


async def reconciled(output, load):
    async def never(*_):
        raise AssertionError("nothing is followed here")

    async with open_resources(load) as resources:
        ledger = Ledger(open_store(str(output)))
        return await reconcile(ledger, resources, Decisions(), await_job=never, download=never)


LISTS = {
    "as it should be": {},
    "behind by a while": {"list_late_seconds": 3.0},
    "in pages of two": {"list_page_jobs": 2},
    "in no order": {"list_order": "random"},
    "in pages of two, some jobs twice": {"list_page_jobs": 2, "list_pages": "repeating"},
    "in pages of two, in no order": {"list_page_jobs": 2, "list_order": "random"},
    "by a clock that is a day behind": {"clock_offset_seconds": -86_400.0},
    "by a clock that is a day ahead": {"clock_offset_seconds": 86_400.0},
}


IN_SUITE = ("behind by a while", "in pages of two, some jobs twice", "by a clock that is a day behind")


@pytest.mark.parametrize(
    "how", [how if how in IN_SUITE else pytest.param(how, marks=pytest.mark.slow) for how in LISTS]
)
async def test_a_job_is_found_among_those_of_other_runs_whatever_the_list_is_like(tmp_path, sandbox, how):
    path, load = manifest(tmp_path), sandbox_accounts(sandbox)
    others = await render_plain(manifest(tmp_path, rows=4), tmp_path / "others", load)
    assert others.verdicts == {"done": 4}
    path = manifest(tmp_path)
    for name, value in LISTS[how].items():
        setattr(sandbox.settings, name, value)
    lose(sandbox)
    end = await render_plain(path, tmp_path / "out", load)
    assert end.verdicts == {"done": 1}, [row.error for row in end.rows]
    assert sandbox.bill.count() == 5
    # Each output has a job of its own, though all prompts are alike.
    bought = [ledger_job(tmp_path / name) for name in ("others", "out")]
    assert not set(bought[0]) & set(bought[1])
    assert end.rows[0].job_id == sandbox.bill.entries[-1].job_id


def ledger_job(output):
    return [one.accepted.job.job_id for one in Ledger(open_store(str(output))).load().values()]


@pytest.mark.parametrize("kind", ["reset_before_accept", "server_error_before_accept"])
async def test_what_never_arrived_is_proven_so_and_bought_once(tmp_path, sandbox, kind):
    lose(sandbox, kind)
    end = await render_plain(manifest(tmp_path), tmp_path / "out", sandbox_accounts(sandbox))
    assert end.verdicts == {"done": 1}, [row.error for row in end.rows]
    assert sandbox.bill.count() == 1
    assert sandbox.bill.request_count("byteplus", "submit") == 2
    (purchase,) = Ledger(open_store(str(tmp_path / "out"))).load().values()
    assert "read whole twice" in purchase.voids[1].reason


@pytest.mark.parametrize("trouble", ["skipping pages", "a fault at every reading", "a broken list"])
async def test_a_list_that_cannot_be_trusted_proves_nothing(tmp_path, sandbox, trouble):
    load = sandbox_accounts(sandbox)
    await render_plain(manifest(tmp_path, rows=4), tmp_path / "others", load)
    if trouble == "skipping pages":
        sandbox.settings.list_pages, sandbox.settings.list_page_jobs = "skipping", 2
    else:
        kind = "server_error" if "fault" in trouble else "html_200"
        sandbox.faults.add(Fault(kind=kind, step="list", times=None))
    lose(sandbox, "reset_before_accept")
    end = await render_plain(manifest(tmp_path), tmp_path / "out", load)
    assert end.verdicts == {"unknown_outcome": 1}
    assert sandbox.bill.count() == 4


async def test_a_list_that_is_behind_is_not_taken_for_proof(tmp_path, sandbox, monkeypatch):
    """The job turns up after the first whole reading without it."""
    monkeypatch.setattr(lost_answers, "ABSENT_GAP_SECONDS", 4.0)
    sandbox.settings.list_late_seconds = 6.0  # the submit must have ended after 4
    lose(sandbox)
    end = await render_plain(manifest(tmp_path), tmp_path / "out", sandbox_accounts(sandbox))
    assert end.verdicts == {"done": 1}
    assert sandbox.bill.count() == 1


async def test_the_next_run_finds_what_this_one_could_not_ask_for(tmp_path, sandbox):
    path, load = manifest(tmp_path), sandbox_accounts(sandbox)
    sandbox.faults.add(Fault(kind="server_error", step="list", times=None))
    lose(sandbox)
    first = await render_plain(path, tmp_path / "out", load)
    assert first.verdicts == {"unknown_outcome": 1}
    sandbox.faults.clear()
    second = await render_plain(path, tmp_path / "out", load)
    assert second.verdicts == {"done": 1}
    assert sandbox.bill.count() == 1


async def test_a_run_that_was_killed_before_it_could_tell_is_settled_by_the_next_one(tmp_path, sandbox):
    path, load = manifest(tmp_path, rows=2), sandbox_accounts(sandbox)
    sandbox.faults.add(Fault(kind="server_error", step="list", times=None))
    lose(sandbox)
    lose(sandbox, "reset_before_accept")
    assert (await render_plain(path, tmp_path / "out", load)).verdicts == {"unknown_outcome": 2}
    told = list((tmp_path / "out").glob("ledger/*/try-1.unknown.json"))
    assert len(told) == 2
    for record in told:
        record.unlink()  # as if it had been killed while it waited
    sandbox.faults.clear()
    assert (await render_plain(path, tmp_path / "out", load)).verdicts == {"done": 2}
    assert sandbox.bill.count() == 2


async def test_a_submit_that_something_sent_twice_is_for_a_person(tmp_path, sandbox):
    path, load = manifest(tmp_path), sandbox_accounts(sandbox)
    sandbox.faults.add(Fault(kind="server_error", step="list", times=None))
    lose(sandbox)
    await render_plain(path, tmp_path / "out", load)
    headers = {"Authorization": f"Bearer {sandbox.api_key('byteplus')}"}
    address = f"{sandbox.base_url('byteplus')}/contents/generations/tasks"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(address, json=sandbox.bill.entries[0].body, headers=headers)).is_success
    sandbox.faults.clear()
    assert (await render_plain(path, tmp_path / "out", load)).verdicts == {"unknown_outcome": 1}
    assert sandbox.bill.count() == 2


async def test_a_proof_may_take_longer_than_the_account_waits(tmp_path, sandbox):
    lose(sandbox, "reset_before_accept")
    load = sandbox_accounts(sandbox, max_wait_seconds=2)
    assert (await render_plain(manifest(tmp_path), tmp_path / "out", load)).verdicts == {"done": 1}
    assert sandbox.bill.count() == 1


async def test_reconcile_settles_both_ways_and_buys_nothing(tmp_path, sandbox):
    path, load = manifest(tmp_path, rows=2), sandbox_accounts(sandbox)
    sandbox.faults.add(Fault(kind="server_error", step="list", times=None))
    lose(sandbox)
    lose(sandbox, "reset_before_accept", nth=1)
    assert (await render_plain(path, tmp_path / "out", load)).verdicts == {"unknown_outcome": 2}
    sandbox.faults.clear()
    report = await reconciled(tmp_path / "out", load)
    assert any("was not accepted" in words for words in report.settled)
    assert sandbox.bill.count() == 1
    assert (await render_plain(path, tmp_path / "out", load)).verdicts == {"done": 2}
    assert sandbox.bill.count() == 2


async def test_another_key_proves_nothing_since_it_may_see_another_list(tmp_path, sandbox):
    path = manifest(tmp_path)
    sandbox.faults.add(Fault(kind="server_error", step="list", times=None))
    lose(sandbox)
    assert (await render_plain(path, tmp_path / "out", sandbox_accounts(sandbox))).verdicts == {"unknown_outcome": 1}
    sandbox.faults.clear()
    environment = sandbox.environment() | {"BYTEPLUS_API_KEY": sandbox.api_key("byteplus", "other-project")}
    from tests.plain_render import accounts_of

    end = await render_plain(path, tmp_path / "out", accounts_of(environment))
    assert end.verdicts == {"unknown_outcome": 1}
    assert sandbox.bill.count() == 1


async def test_a_rows_own_tag_is_sent_and_tells_of_absence_alone(tmp_path, sandbox):
    load = sandbox_accounts(sandbox)
    path = manifest(tmp_path, safety_identifier="user-7")
    lose(sandbox)
    end = await render_plain(path, tmp_path / "out", load)
    assert end.verdicts == {"unknown_outcome": 1}  # which of several jobs of this user it is nobody can tell
    assert [entry.body["safety_identifier"] for entry in sandbox.bill.entries] == ["user-7"]
    lose(sandbox, "reset_before_accept")
    other = manifest(tmp_path, safety_identifier="user-8")
    assert (await render_plain(other, tmp_path / "out2", load)).verdicts == {"done": 1}
    assert sandbox.bill.count() == 2


async def test_every_submit_has_a_token_of_its_own_that_no_identity_knows(tmp_path, sandbox):
    load = sandbox_accounts(sandbox)
    for name in ("a", "b"):
        await render_plain(manifest(tmp_path, rows=2), tmp_path / name, load)
    tokens = [entry.body["safety_identifier"] for entry in sandbox.bill.entries]
    assert len(set(tokens)) == len(tokens) == 4
    assert all(len(token) <= 64 for token in tokens)
    assert set(Ledger(open_store(str(tmp_path / "a"))).load()) == set(Ledger(open_store(str(tmp_path / "b"))).load())
