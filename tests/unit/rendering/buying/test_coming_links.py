"""Links of chains that stand in line before they are ready, and what becomes of slots that stand empty for them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from longtake.accounts.slots import FixedSlots, SlotPool
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan
from longtake.rendering.buying import coming_links
from longtake.rendering.buying.coming_links import ComingLinks
from longtake.rendering.buying.places import Places
from longtake.rendering.scheduler import OPEN_REELS, Turns
from tests.jumping import jumping, now
from tests.simulated import chain, simulate


class World:
    """A pool of one slot, a chain of three and a lone shot."""

    def __init__(self, limit=None) -> None:
        self.backend = FixedSlots(1)
        self.pool = SlotPool(self.backend, linger_seconds=0.02, clock=now)
        self.shots = [*chain("lone", 1), *chain("long", 3)]
        self.lone, self.first, self.second, self.third = self.shots
        options = RenderOptions(manifest="m.csv", output="out", limit=limit)
        self.turns = Turns(Plan(self.shots, []), options, (), {})
        self.places = Places(limit, (self.turns.place[shot] for shot in self.turns.to_buy))
        self.links = ComingLinks(self.turns, self.places, self.open_to)

    async def open_to(self, shot, number):
        return [SimpleNamespace(slots=self.pool)]

    def asks(self, shot) -> asyncio.Task:
        return asyncio.create_task(self.lease(shot))

    async def lease(self, shot):
        return (await self.links.slot(shot, [self.pool])).lease

    async def all_come_back(self) -> None:
        async with asyncio.timeout(5):
            while self.backend.held:  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.01)
        await self.pool.close()


async def a_moment() -> None:
    await asyncio.sleep(0.03)


@jumping
async def test_a_slot_stands_empty_for_the_next_link_though_another_shot_is_ready():
    world = World()
    held = await world.asks(world.first)
    waiting = world.asks(world.lone)
    await a_moment()
    await world.links.call(world.first)
    world.pool.release(held)
    await a_moment()
    assert not waiting.done()
    held = await asyncio.wait_for(world.asks(world.second), 1)
    world.pool.release(held)
    world.pool.release(await asyncio.wait_for(waiting, 1))
    await world.all_come_back()


@jumping
async def test_a_clip_that_does_not_come_soon_keeps_no_slot_empty(monkeypatch):
    monkeypatch.setattr(coming_links, "MOST_HELD_SECONDS", 0.05)
    world = World()
    held = await world.asks(world.first)
    waiting = world.asks(world.lone)
    await world.links.call(world.first)
    world.pool.release(held)
    held = await asyncio.wait_for(waiting, 1)
    late = world.asks(world.second)
    await a_moment()
    assert not late.done()
    world.pool.release(held)
    world.pool.release(await asyncio.wait_for(late, 1))
    await world.all_come_back()


@jumping
async def test_a_link_that_is_not_made_leaves_its_slot_to_the_next():
    world = World()
    held = await world.asks(world.first)
    waiting = world.asks(world.lone)
    await world.links.call(world.first)
    world.pool.release(held)
    await a_moment()
    world.links.leave(world.second)
    world.pool.release(await asyncio.wait_for(waiting, 1))
    await world.all_come_back()


@pytest.mark.parametrize("moment", range(8))
@jumping
async def test_waiters_that_are_cancelled_at_any_moment_leave_no_slot_lost(moment):
    world = World()
    held = await world.asks(world.first)
    await world.links.call(world.first)
    asking = world.asks(world.second)
    world.pool.release(held)
    for _ in range(moment):
        await asyncio.sleep(0)
    asking.cancel()
    ends = await asyncio.gather(asking, return_exceptions=True)
    for lease in ends:
        if not isinstance(lease, BaseException):
            world.pool.release(lease)
    world.links.leave(world.second)  # as every shot does at its end
    await world.all_come_back()


@pytest.mark.parametrize("moment", range(8))
@jumping
async def test_a_run_that_ends_leaves_every_place(moment):
    world = World()
    held = await world.asks(world.first)
    await world.links.call(world.first)
    world.pool.release(held)
    for _ in range(moment):
        await asyncio.sleep(0)
    world.links.leave_all()
    await world.all_come_back()


@jumping
async def test_beyond_a_limit_no_slot_stands_empty():
    world = World(limit=2)
    world.places.leave(world.turns.place[world.lone])
    assert await world.places.take(world.turns.place[world.first])
    world.places.keep()
    await world.links.call(world.first)
    assert set(world.links._standing) == {world.second}
    assert await world.places.take(world.turns.place[world.second])
    world.places.keep()
    await world.links.call(world.second)
    assert set(world.links._standing) == {world.second}
    world.links.leave_all()
    await world.all_come_back()


def test_the_longest_chain_is_begun_first_though_it_stands_beyond_the_open_reels():
    shots = [shot for number in range(OPEN_REELS + 50) for shot in chain(f"s{number:03}", 1)]
    played = simulate([*shots, *chain("long", 4)], {"evolink": 40}, lambda shot: 60.0)
    assert played.order[0] == "long/1"
    assert played.most_at_once == 40


def test_a_limit_goes_by_the_manifest_whatever_the_order_of_slots():
    shots = [shot for number in range(OPEN_REELS + 50) for shot in chain(f"s{number:03}", 1)]
    played = simulate([*shots, *chain("long", 4)], {"evolink": 40}, lambda shot: 60.0, limit=OPEN_REELS + 20)
    assert sorted(played.order) == [f"s{number:03}/1" for number in range(OPEN_REELS + 20)]


def test_twelve_lone_shots_and_a_chain_of_six_take_as_long_as_the_chain():
    shots = [*(shot for number in range(12) for shot in chain(f"s{number:02}", 1)), *chain("z", 6)]
    took = {order: simulate(shots, {"evolink": 3}, lambda shot: 20.0, order=order) for order in ("fastest", "manifest")}
    assert took["fastest"].wall_seconds == pytest.approx(120, abs=0.1)
    assert took["manifest"].wall_seconds > 160
