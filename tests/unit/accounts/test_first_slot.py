"""One slot of several accounts: the first that has one free, else the first to have one; none is ever lost."""

from __future__ import annotations

import asyncio

import pytest

from longtake.accounts.slots import FixedSlots, SlotPool, first_slot
from tests.jumping import jumping, now


class Pools:
    """Two accounts' pools, of so many slots each."""

    def __init__(self, *limits: int) -> None:
        self.backends = [FixedSlots(limit) for limit in limits]
        self.pools = [SlotPool(backend, linger_seconds=0.02, clock=now) for backend in self.backends]

    def which(self, granted) -> int:
        return self.pools.index(granted.pool)

    async def all_come_back(self) -> None:
        async with asyncio.timeout(5):
            while any(backend.held for backend in self.backends):  # noqa: ASYNC110 - it is looked at from outside
                await asyncio.sleep(0.01)
        for pool in self.pools:
            await pool.close()


@jumping
async def test_slots_are_taken_of_the_first_account_until_it_has_none_free():
    world = Pools(2, 2)
    taken = [await first_slot(world.pools, number) for number in range(4)]
    assert [world.which(each) for each in taken] == [0, 0, 1, 1]
    for each in taken:
        each.release()
    await world.all_come_back()


@jumping
async def test_a_crowd_fills_all_accounts_and_none_beyond_its_limit():
    world, most = Pools(3, 3), [0, 0]

    async def work(number):
        granted = await first_slot(world.pools, number)
        most[:] = [max(seen, backend.held) for seen, backend in zip(most, world.backends, strict=True)]
        await asyncio.sleep(0.002)
        granted.release()

    await asyncio.wait_for(asyncio.gather(*(work(number) for number in range(40))), 10)
    assert most == [3, 3]
    await world.all_come_back()


@pytest.mark.parametrize("which", [0, 1])
@jumping
async def test_where_none_is_free_the_first_that_comes_free_is_taken_and_the_other_line_left(which):
    world = Pools(1, 1)
    held = [await pool.acquire() for pool in world.pools]
    waiting = asyncio.create_task(first_slot(world.pools, 1))
    behind = asyncio.create_task(world.pools[1 - which].acquire(2))
    await asyncio.sleep(0.03)
    world.pools[which].release(held[which])
    granted = await asyncio.wait_for(waiting, 2)
    assert world.which(granted) == which
    world.pools[1 - which].release(held[1 - which])
    world.pools[1 - which].release(await asyncio.wait_for(behind, 2))
    granted.release()
    await world.all_come_back()


@jumping
async def test_two_that_come_free_at_once_go_to_two():
    world = Pools(1, 1)
    held = [await pool.acquire() for pool in world.pools]
    waiting = [asyncio.create_task(first_slot(world.pools, number)) for number in range(2)]
    await asyncio.sleep(0.03)
    for pool, lease in zip(world.pools, held, strict=True):
        pool.release(lease)
    taken = await asyncio.wait_for(asyncio.gather(*waiting), 2)
    assert {world.which(each) for each in taken} == {0, 1}
    for each in taken:
        each.release()
    await world.all_come_back()


@jumping
async def test_the_most_urgent_is_served_first_though_it_stands_in_two_lines():
    world = Pools(1, 1)
    held = [await pool.acquire() for pool in world.pools]
    late = asyncio.create_task(world.pools[1].acquire(5))
    await asyncio.sleep(0.02)
    urgent = asyncio.create_task(first_slot(world.pools, 1))
    await asyncio.sleep(0.02)
    world.pools[1].release(held[1])
    granted = await asyncio.wait_for(urgent, 2)
    assert (world.which(granted), late.done()) == (1, False)
    granted.release()
    world.pools[1].release(await asyncio.wait_for(late, 2))
    world.pools[0].release(held[0])
    await world.all_come_back()


@pytest.mark.parametrize("moment", range(12))
@jumping
async def test_who_gives_up_at_any_moment_leaves_no_slot_lost(moment):
    world = Pools(1, 1)
    held = [await pool.acquire() for pool in world.pools]
    waiting = [asyncio.create_task(first_slot(world.pools, number)) for number in range(3)]
    for _ in range(moment // 2):
        await asyncio.sleep(0)
    for pool, lease in zip(world.pools, held, strict=True):
        pool.release(lease)
    for _ in range(moment % 6):
        await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    for end in await asyncio.gather(*waiting, return_exceptions=True):
        if not isinstance(end, BaseException):
            end.release()
    await world.all_come_back()


@jumping
async def test_an_account_without_any_slot_keeps_nobody_from_the_next():
    world = Pools(0, 1)
    granted = await asyncio.wait_for(first_slot(world.pools, 0), 2)
    assert world.which(granted) == 1
    granted.release()
    await world.all_come_back()
