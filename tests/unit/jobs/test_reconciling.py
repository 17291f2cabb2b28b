"""What a reconcile brings home, settles and leaves open, in which order; it buys nothing."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from longtake.domain.errors import ConfigurationError, JobFailedError, StillRunningError
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.jobs import reconcile as reconciling
from longtake.jobs.decisions import Home
from longtake.jobs.reconcile import Decisions, ReconcileReport, dying_links, outputs_at, reconcile
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import ClipRecord, State, Terminal, VerdictRecord
from longtake.vendors import Adapter, adapter_named
from tests.unit.bought import ACCOUNT, BASE_URL, accepted, clip, intent, quiet_session


class World:
    """An output, its vendor, and what a reconcile asked of it."""

    def __init__(self, folder) -> None:
        self.ledger = Ledger(DirectoryStore(folder))
        self.session = quiet_session("old")
        self.resources = SimpleNamespace(session=self.open_session)
        self.opened, self.followed, self.fetched = [], [], []
        self.at_once = self.most_at_once = self.fetching = self.most_fetching = 0
        self.fails, self.loses = {}, {}

    async def open_session(self, name):
        self.opened.append(name)
        return self.session

    async def await_job(self, followed, taken_up):
        assert taken_up is True
        self.followed.append(followed.identity)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if (error := self.fails.get(followed.identity)) is not None:
            raise error
        return JobSnapshot(status=JobStatus.SUCCEEDED, video_url=f"http://v/{followed.identity}")

    async def download(self, fetched, link):
        self.fetched.append((fetched.identity, link))
        self.fetching += 1
        self.most_fetching = max(self.most_fetching, self.fetching)
        await asyncio.sleep(0)
        self.fetching -= 1
        if (error := self.loses.get(fetched.identity)) is not None:
            raise error
        return clip()

    async def reconcile(self, **decisions) -> ReconcileReport:
        return await reconcile(
            self.ledger, self.resources, Decisions(**decisions), await_job=self.await_job, download=self.download
        )

    def buy(self, name, *more, slot="", **job):
        self.ledger.intend(intent(name, shot_id=f"reel/{name}", slot=slot))
        self.ledger.add(accepted(name, shot_id=f"reel/{name}", **job))
        for record in more:
            self.ledger.add(record)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def ended(name, expires_at=None):
    return Terminal(identity=name, status=JobStatus.SUCCEEDED, expires_at=expires_at)


async def test_every_paid_clip_is_followed_and_fetched_and_nothing_else_is(world):
    world.buy("1-a")
    world.buy("1-b", ended("1-b"))
    world.buy("1-c", ClipRecord(identity="1-c", clip=clip()))
    world.buy("1-d", VerdictRecord(identity="1-d", verdict=Verdict.FAILED))
    end = await world.reconcile()
    assert sorted(world.fetched) == [("1-a", "http://v/1-a"), ("1-b", "http://v/1-b")]
    assert (sorted(end.brought_home), end.settled, end.open) == (["reel/1-a", "reel/1-b"], [], {})
    assert end.line == "2 brought home, 0 settled, 0 still open"
    assert set(world.opened) == {ACCOUNT}


async def test_what_may_have_been_paid_is_told_with_what_to_do_and_left(world):
    for name in ("1-a", "1-b"):
        world.ledger.intend(intent(name, shot_id=f"reel/{name}"))
    world.ledger.unknown(intent("1-a"), "the line went dead")
    world.ledger.store.create("ledger/1-c/accepted.json", b"{")
    void = intent("1-d")
    world.ledger.intend(void)
    world.ledger.void(void, "429")
    end = await world.reconcile()
    assert set(end.open) == {"reel/1-a", "reel/1-b", "1-c"}
    assert end.open["reel/1-a"].startswith(f"unknown outcome at {ACCOUNT}: the line went dead; ")
    assert f"longtake reconcile --output {world.ledger.store.url} --adopt reel/1-a=JOB_ID" in end.open["reel/1-a"]
    assert "submitting" in end.open["reel/1-b"]
    assert end.open["1-c"].startswith("its records cannot be read at an account that no record tells: accepted.json")
    assert "--adopt 1-c=JOB_ID" in end.open["1-c"]
    assert (world.followed, end.brought_home) == ([], [])


async def test_a_job_that_ended_badly_is_settled_with_its_reason(world):
    world.buy("1-a")

    async def fails(job, taken_up):
        world.ledger.add(VerdictRecord(identity="1-a", verdict=Verdict.FAILED))
        raise JobFailedError("it failed")

    world.await_job = fails
    end = await world.reconcile()
    assert (end.settled, end.open, end.brought_home) == (["reel/1-a: it failed"], {}, [])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StillRunningError("no end yet"), "job j1 at evolink/default: no end yet"),
        (RuntimeError("odd"), "job j1 at evolink/default: our machine: RuntimeError: odd"),
    ],
)
async def test_what_could_not_be_brought_home_stays_open_and_holds_up_no_other(world, error, words):
    world.buy("1-a")
    world.buy("1-b")
    world.fails["1-a"] = error
    end = await world.reconcile()
    assert end.open == {"reel/1-a": words}
    assert end.brought_home == ["reel/1-b"]


async def test_a_clip_that_could_not_be_fetched_stays_open(world):
    world.buy("1-a")
    world.loses["1-a"] = StillRunningError("the host is away")
    end = await world.reconcile()
    assert end.open == {"reel/1-a": "job j1 at evolink/default: the host is away"}


async def test_an_adopted_job_that_does_not_come_is_told_with_the_way_back(world):
    world.ledger.intend(intent("1-a", shot_id="reel/1"))
    world.ledger.add(accepted("1-a").model_copy(update={"adopted_by": "reconcile --adopt"}))
    world.fails["1-a"] = StillRunningError("no end yet")
    end = await world.reconcile()
    assert (
        f"no end yet; the wrong job? `longtake reconcile --output {world.ledger.store.url} --adopt"
        in end.open["reel/1"]
    )


async def test_a_ledger_that_cannot_be_asked_settles_nothing(world, monkeypatch):
    world.buy("1-a")
    ask = world.ledger.purchase

    def away(identity):
        if world.followed:
            raise OSError("away")
        return ask(identity)

    monkeypatch.setattr(world.ledger, "purchase", away)
    world.fails["1-a"] = JobFailedError("it failed")
    end = await world.reconcile()
    assert (end.settled, set(end.open)) == ([], {"reel/1-a"})


async def test_clips_whose_links_die_first_are_fetched_first_and_few_at_once(world, monkeypatch):
    monkeypatch.setattr(reconciling, "MOST_FOLLOWED", 1)
    monkeypatch.setattr(reconciling, "MOST_DOWNLOADS", 1)
    now = time.time()
    for name, hours in (("1-a", 9), ("1-b", 3), ("1-c", 6), ("1-d", 1)):
        world.buy(name, ended(name, now + 3600 * hours))
    await world.reconcile()
    assert world.followed == ["1-d", "1-b", "1-c", "1-a"]
    assert (world.most_at_once, world.most_fetching) == (1, 1)


async def test_the_slot_that_a_dead_run_left_to_a_job_is_free_at_its_end(world):
    for name in ("1-a", "1-b", "1-c"):
        world.buy(name, slot="old" if name != "1-c" else "")
    world.fails["1-b"] = JobFailedError("it failed")
    await world.reconcile()
    assert world.session.slots.given == ["old", "old"]
    assert world.session.slots.asked == []
    assert world.ledger.purchase("1-a").claims[1].run == "reconcile"


async def test_the_slot_of_a_job_that_runs_on_stays_taken(world):
    world.buy("1-a", slot="old")
    world.fails["1-a"] = StillRunningError("no end yet")
    await world.reconcile()
    assert world.session.slots.given == []


async def test_decisions_are_looked_up_and_written_before_anything_is_fetched(world, monkeypatch):
    tried = intent("1-a", shot_id="reel/1")
    world.ledger.intend(tried)
    world.ledger.unknown(tried, "cut")
    asked = []

    async def look_up(ledger, resources, decisions):
        asked.append((ledger, resources, decisions.adopt))
        return {"reel/1": Home(ACCOUNT, BASE_URL)}, ["it was seen"]

    monkeypatch.setattr(reconciling, "look_up", look_up)
    end = await world.reconcile(adopt={"reel/1": "task-9"})
    assert asked == [(world.ledger, world.resources, {"reel/1": "task-9"})]
    assert end.settled[0] == "it was seen"
    assert len(end.settled) == 2
    assert "task-9" in end.settled[1]
    assert (end.brought_home, world.ledger.purchase("1-a").accepted.job.job_id) == (["reel/1"], "task-9")


async def test_a_decision_that_does_not_fit_stops_everything(world):
    world.buy("1-a")
    with pytest.raises(ConfigurationError):
        await world.reconcile(give_up=["reel/none"])
    assert world.followed == []


async def test_giving_up_ends_an_unknown_outcome(world):
    tried = intent("1-a", shot_id="reel/1")
    world.ledger.intend(tried)
    world.ledger.unknown(tried, "cut")
    end = await world.reconcile(give_up=["reel/1"])
    assert (len(end.settled), end.open) == (1, {})
    assert world.ledger.purchase("1-a").state(0.0) is State.OVER


def test_links_that_die_soon_are_those_of_paid_clips_that_are_not_here(world):
    now = time.time()
    world.ledger.clock = lambda: now
    soon, late = now + 6 * 3600 - 1, now + 6 * 3600
    world.buy("1-a", ended("1-a", soon))
    world.buy("1-b", ended("1-b", late))
    world.buy("1-c", ended("1-c", soon), ClipRecord(identity="1-c", clip=clip()))
    world.buy("1-d")
    world.buy("1-gone", ended("1-gone", now - 5))
    found = dying_links(world.ledger)
    assert found == {"reel/1-a": soon, "reel/1-gone": now - 5}
    known = world.ledger.purchase("1-d").accepted.at + adapter_named("evolink").link_seconds
    assert dying_links(world.ledger, 10**9) == found | {"reel/1-b": late, "reel/1-d": known}


def test_a_link_of_an_unknown_vendor_dies_as_soon_as_any(world):
    world.buy("1-a", vendor="nobody")
    at = world.ledger.purchase("1-a").accepted.at
    assert dying_links(world.ledger, 10**9) == {"reel/1-a": at + Adapter.link_seconds}


def test_settlements_of_several_outputs_name_each_shot_with_its_output():
    one = ReconcileReport(["r/1"], ["r/2: over"], {"r/3": "open"})
    two = ReconcileReport(["r/1"], [], {"r/3": "late"})
    whole = ReconcileReport.together({"a": one, "b": two})
    assert whole.brought_home == ["a: r/1", "b: r/1"]
    assert whole.settled == ["a: r/2: over"]
    assert whole.open == {"a: r/3": "open", "b: r/3": "late"}


@pytest.mark.parametrize(("depth", "is_found"), [(1, True), (3, True), (4, False)])
def test_outputs_are_looked_for_three_folders_deep(tmp_path, depth, is_found):
    place = "/".join("abcd"[:depth])
    DirectoryStore(tmp_path / place).write("ledger/1-a/try-1.intent.json", b"{}")
    assert outputs_at(str(tmp_path)) == [f"{tmp_path}/{place}" if is_found else str(tmp_path)]
    assert outputs_at(f"{tmp_path}/") == [f"{tmp_path}/{place}" if is_found else f"{tmp_path}/"]
