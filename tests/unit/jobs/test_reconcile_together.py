"""Reconciling many purchases at once: bounded, nearest expiry first, and no one's fault is another's."""

from __future__ import annotations

import asyncio
import time

import pytest

from longtake.domain.job import JobSnapshot, JobStatus
from longtake.files.directory import DirectoryStore
from longtake.jobs import reconcile as module
from longtake.jobs.reconcile import Decisions, dying_links, reconcile
from longtake.jobs.resources import RunResources
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Accepted, Terminal
from tests.unit.ledger.test_ledger import intent, job

DONE = JobSnapshot(status=JobStatus.SUCCEEDED, video_url="https://media.test/a.mp4")


async def no_account(name):
    raise AssertionError(name)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(DirectoryStore(tmp_path))


@pytest.fixture
def resources(monkeypatch):
    async def session(self, name):
        return None

    monkeypatch.setattr(RunResources, "session", session)
    return RunResources(no_account)


def bought(ledger, number, *, vendor="evolink", expires_at=None, at=None):
    identity = f"1-{number:040x}"
    known = {"shot_id": f"r/{number}", "vendor": vendor}
    ledger.intend(intent(identity).model_copy(update=known))
    accepted = Accepted(identity=identity, job=job(identity).model_copy(update=known | {"job_id": f"j{number}"}))
    ledger.add(accepted.model_copy(update={"at": at or time.time()}))
    if expires_at is not None:
        ledger.add(Terminal(identity=identity, status=JobStatus.SUCCEEDED, expires_at=expires_at))


async def test_no_more_than_eight_clips_are_fetched_at_a_time_and_those_first_that_die_first(ledger, resources):
    for number in range(40):
        bought(ledger, number, expires_at=time.time() + 1000 * ((number * 7) % 40))
    fetched, running, most = [], 0, 0

    async def await_job(job, taken_up):
        await asyncio.sleep(0.01)
        return DONE

    async def download(job, link):
        nonlocal running, most
        running += 1
        most = max(most, running)
        fetched.append(int(job.job_id[1:]))
        await asyncio.sleep(0.01)
        running -= 1

    end = await reconcile(ledger, resources, Decisions(), await_job=await_job, download=download)
    assert len(end.brought_home) == 40
    assert most <= module.MOST_DOWNLOADS
    order = [(number * 7) % 40 for number in fetched]
    assert max(abs(place - wanted) for place, wanted in enumerate(order)) < 2 * module.MOST_DOWNLOADS


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), KeyError("x"), RuntimeError("odd")])
@pytest.mark.parametrize("step", ["await", "download"])
async def test_whatever_befalls_one_clip_the_others_come_home(ledger, resources, fault, step):
    for number in range(3):
        bought(ledger, number)

    async def await_job(job, taken_up):
        if step == "await" and job.job_id == "j1":
            raise fault
        return DONE

    async def download(job, link):
        if step == "download" and job.job_id == "j1":
            raise fault

    end = await reconcile(ledger, resources, Decisions(), await_job=await_job, download=download)
    assert sorted(end.brought_home) == ["r/0", "r/2"]
    assert list(end.open) == ["r/1"]
    assert "our machine" in end.open["r/1"]


def test_a_link_dies_when_its_own_vendor_says(ledger):
    """A day at most vendors, three at one."""
    bought(ledger, 1, at=time.time() - 20 * 3600)
    bought(ledger, 2, vendor="jimmyai", at=time.time() - 20 * 3600)
    assert list(dying_links(ledger)) == ["r/1"]
