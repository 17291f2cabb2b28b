"""Which reels are under way at once, and in which order they get their turn."""

from __future__ import annotations

import asyncio

import pytest

from longtake.domain.events import RunEvent
from longtake.domain.identity import WrittenRow
from longtake.domain.job import Job
from longtake.domain.request import ShotRequest
from longtake.ledger.records import Accepted, Intent, Purchase, Void
from longtake.manifests.schema import ManifestRow
from longtake.planning.plan import Plan, Shot
from longtake.planning.pools.candidates import Candidate
from longtake.rendering.scheduler import Window, opening_order
from longtake.vendors import adapter_named
from tests.simulated import chain, simulate


def shot(reel, vendor="evolink", *, number="1", attempts=()):
    row = ManifestRow(row=1, reel=reel, shot=number, lone=False, written=WrittenRow())
    return Shot(row, 1, 0, vendor, ShotRequest(), attempts=list(attempts))


def purchase(*, accepted):
    intent = Intent(
        identity="i",
        shot_id="r/1",
        take=1,
        attempt=1,
        number=1,
        vendor="evolink",
        account="evolink/default",
        base_url="http://x",
        wire_model="m",
        request={},
        deadline=0.0,
    )
    job = Job(
        vendor="evolink",
        account="evolink/default",
        base_url="http://x",
        wire_model="m",
        job_id="j",
        identity="i",
        shot_id="r/1",
        submitted_at=0.0,
    )
    taken = {"accepted": Accepted(identity="i", job=job)} if accepted else {"voids": {1: Void(identity="i", reason="")}}
    return Purchase(identity="i", intents={1: intent}, **taken)


class Stage:
    """Notes which reels are under way; each ends when told."""

    def __init__(self):
        self.open, self.begun, self.most = set(), [], 0
        self.ends = {}

    async def bring(self, shots):
        reel = shots[0].row.reel
        self.open.add(reel)
        self.begun.append(reel)
        self.most = max(self.most, len(self.open))
        try:
            await self.ends.setdefault(reel, asyncio.Event()).wait()
        finally:
            self.open.discard(reel)

    def end(self, reel):
        self.ends.setdefault(reel, asyncio.Event()).set()


def window(most):
    return Window(lambda *told: None, most_open=most)


async def a_moment():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_reel_opens_when_an_earlier_one_of_its_account_ends():
    stage = Stage()
    work = asyncio.create_task(window(2).bring([[shot(f"r{n}")] for n in range(6)], stage.bring))
    await a_moment()
    assert stage.begun == ["r0", "r1"]
    stage.end("r1")
    await a_moment()
    assert stage.begun == ["r0", "r1", "r2"]
    for number in range(6):
        stage.end(f"r{number}")
    await work
    assert stage.begun == [f"r{n}" for n in range(6)]
    assert stage.most == 2


async def test_one_accounts_long_queue_keeps_no_other_account_waiting():
    stage = Stage()
    reels = [[shot(f"e{n}")] for n in range(10)] + [[shot(f"a{n}", "anyfast")] for n in range(2)]
    work = asyncio.create_task(window(3).bring(reels, stage.bring))
    await a_moment()
    assert stage.open == {"e0", "e1", "e2", "a0", "a1"}
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_a_reel_that_has_begun_makes_room_for_one_that_waits():
    stage, heard = Stage(), []
    turns = Window(lambda *told: heard.append(told), most_open=5, most_waiting=2)
    reels = [[shot(f"r{n}"), shot(f"r{n}", number="2")] for n in range(9)]
    work = asyncio.create_task(turns.bring(reels, stage.bring))
    await a_moment()
    assert stage.begun == ["r0", "r1"]
    turns.tell(RunEvent.QUEUED, reels[0][0], "")
    await a_moment()
    assert stage.begun == ["r0", "r1"]  # it waits as before
    for told in ((RunEvent.BOUGHT, reels[1][0], "job"), (RunEvent.BOUGHT, reels[1][1], "job")):
        turns.tell(*told)
        await a_moment()
        assert stage.begun == ["r0", "r1", "r2"]  # its second shot makes no room again
    assert heard[-1] == told
    turns.tell(RunEvent.RESUMED, reels[0][0], "job")
    stage.end("r1")
    await a_moment()
    assert stage.begun == ["r0", "r1", "r2", "r3"]
    stage.end("r2")  # without a job
    await a_moment()
    assert stage.open == {"r0", "r3", "r4"}
    for number in (3, 4, 5, 6):
        turns.tell(RunEvent.BOUGHT, reels[number][0], "job")
        await a_moment()
    assert stage.open == {"r0", "r3", "r4", "r5", "r6"}  # so many are under way at most
    for number in range(9):
        stage.end(f"r{number}")
    await work
    assert stage.begun == [f"r{n}" for n in range(9)]


async def test_while_clips_come_home_slowly_no_more_reels_are_opened():
    stage = Stage()
    turns = Window(lambda *told: None, most_waiting=2, most_coming=2)
    reels = [[shot(f"r{n}"), shot(f"r{n}", number="2")] for n in range(6)]
    work = asyncio.create_task(turns.bring(reels, stage.bring))
    await a_moment()
    for number in (0, 1):
        turns.tell(RunEvent.BOUGHT, reels[number][0], "job")
        turns.tell(RunEvent.FINISHED, reels[number][0], "")
    await a_moment()
    assert stage.begun == ["r0", "r1"]
    turns.tell(RunEvent.DONE, reels[0][0], "")
    await a_moment()
    assert stage.begun == ["r0", "r1"]  # its film is yet to be made
    turns.tell(RunEvent.QUEUED, reels[1][1], "")
    await a_moment()
    assert stage.begun == ["r0", "r1", "r2", "r3"]  # it waits for the vendor again, and not for us
    turns.tell(RunEvent.BOUGHT, reels[2][0], "job")
    turns.tell(RunEvent.ENDED, reels[2][0], "failed")
    await a_moment()
    assert stage.begun == ["r0", "r1", "r2", "r3"]
    stage.end("r0")
    await a_moment()
    assert stage.begun == ["r0", "r1", "r2", "r3", "r4"]
    for number in range(6):
        stage.end(f"r{number}")
    await work
    assert stage.begun == [f"r{n}" for n in range(6)]


async def test_what_waits_for_one_account_keeps_nothing_closed_that_another_may_take():
    stage, reels = Stage(), [[shot(f"e{n}")] for n in range(5)]
    pool = shot("pool")
    pool.candidates = tuple(Candidate(vendor, adapter_named(vendor).models[0]) for vendor in ("evolink", "anyfast"))
    work = asyncio.create_task(window(2).bring([*reels, [pool]], stage.bring))
    await a_moment()
    assert stage.open == {"e0", "e1", "pool"}
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def test_shots_that_wait_for_their_turn_have_no_tasks():
    most = 0

    def seconds(shot):
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        return 60.0

    shots = [one for number in range(1500) for one in chain(f"s{number:04}", 1)]
    played = simulate(shots, {"evolink": 30}, seconds)
    assert played.most_at_once == 30
    assert played.wall_seconds < 1.001 * 60 * 1500 / 30
    assert most < 500  # 30 with a job, 100 that wait, each with a task of its reel, of its shot and of its film


async def test_cancelling_stops_all_that_is_open_and_opens_nothing_more():
    stage = Stage()
    work = asyncio.create_task(window(2).bring([[shot(f"r{n}")] for n in range(6)], stage.bring))
    await a_moment()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not stage.open
    assert stage.begun == ["r0", "r1"]


def test_reels_with_a_job_in_flight_come_first_then_begun_ones_then_the_rest():
    tried = shot("tried", attempts=[purchase(accepted=False)])
    resumed = shot("resumed", number="2", attempts=[purchase(accepted=True)])
    plan = Plan([shot("first"), shot("second"), tried, shot("resumed"), resumed], [])
    assert [shots[0].row.reel for shots in opening_order(plan)] == ["resumed", "tried", "first", "second"]
    assert [each.row.shot for each in opening_order(plan)[0]] == ["1", "2"]
