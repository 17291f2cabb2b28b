"""Slots: handed to the most urgent, passed on inside the process, given back when idle or no longer allowed."""

from __future__ import annotations

import asyncio

import pytest

from longtake.accounts.slots import FixedSlots, Lease, SlotPool
from tests.jumping import jumping, now


@jumping
async def test_never_more_than_the_limit_at_once_and_all_get_their_turn():
    backend, running, peak = FixedSlots(3), 0, 0
    pool = SlotPool(backend, clock=now)

    async def job(number):
        nonlocal running, peak
        lease = await pool.acquire(number)
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.01)
        running -= 1
        pool.release(lease)

    await asyncio.gather(*(job(number) for number in range(30)))
    await pool.close()
    assert peak == 3
    assert backend.held == 0


@jumping
async def test_the_most_urgent_waiter_is_served_first():
    pool, order = SlotPool(FixedSlots(1), clock=now), []
    held = await pool.acquire(0)

    async def wait(priority):
        lease = await pool.acquire(priority)
        order.append(priority)
        pool.release(lease)

    tasks = [asyncio.create_task(wait(priority)) for priority in (5, 1, 3)]
    await asyncio.sleep(0.05)
    pool.release(held)
    await asyncio.gather(*tasks)
    await pool.close()
    assert order == [1, 3, 5]


@jumping
async def test_slots_pass_on_without_asking_the_backend():
    backend = FixedSlots(2)
    takes = 0
    take = backend.take

    async def counted():
        nonlocal takes
        takes += 1
        return await take()

    backend.take = counted
    pool = SlotPool(backend, clock=now)

    async def job():
        lease = await pool.acquire()
        await asyncio.sleep(0.001)
        pool.release(lease)

    await asyncio.gather(*(job() for _ in range(50)))
    await pool.close()
    assert takes < 10


@jumping
async def test_an_idle_slot_goes_back_after_a_moment():
    backend = FixedSlots(1)
    pool = SlotPool(backend, linger_seconds=0.05, clock=now)
    pool.release(await pool.acquire())
    await asyncio.sleep(0.3)
    assert backend.held == 0
    await pool.close()


@jumping
async def test_a_lowered_limit_takes_slots_away_between_jobs():
    backend = FixedSlots(3)
    pool = SlotPool(backend, linger_seconds=0.05, clock=now)
    leases = [await pool.acquire() for _ in range(3)]
    backend.limit = 1
    waiter = asyncio.create_task(pool.acquire())
    pool.release(leases.pop())
    pool.release(leases.pop())
    await asyncio.sleep(0.2)
    assert not waiter.done()
    assert backend.held == 1
    pool.release(leases.pop())
    await asyncio.wait_for(waiter, 2)
    pool.release(waiter.result())
    await pool.close()


@jumping
async def test_a_waiter_that_gives_up_takes_no_slot_with_it():
    backend = FixedSlots(1)
    pool = SlotPool(backend, linger_seconds=0.05, clock=now)
    held = await pool.acquire()
    waiter = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.02)
    waiter.cancel()
    pool.release(held)
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert isinstance(await asyncio.wait_for(pool.acquire(), 2), Lease)
    await pool.close()


class SlowSlots(FixedSlots):
    """A backend that answers when it is let, and knows how many were asking at once."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.answering = asyncio.Event()
        self.asking = self.most_asking = 0

    async def take(self) -> Lease | float:
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        await self.answering.wait()
        await asyncio.sleep(0.01)
        self.asking -= 1
        return await super().take()


@jumping
async def test_a_slot_that_comes_free_is_passed_on_while_the_backend_is_slow_to_answer():
    backend = SlowSlots(1)
    backend.answering.set()
    pool = SlotPool(backend, clock=now)
    held = await pool.acquire()
    backend.answering.clear()
    waiter = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.1)
    assert backend.asking
    pool.release(held)
    pool.release(await asyncio.wait_for(waiter, 2))
    backend.answering.set()
    await pool.close()
    assert backend.held == 0


@jumping
async def test_a_slot_that_the_backend_gives_goes_to_the_most_urgent_though_another_asked_for_it():
    backend = SlowSlots(1)
    pool = SlotPool(backend, clock=now)
    first = asyncio.create_task(pool.acquire(7))
    await asyncio.sleep(0.05)
    assert backend.asking
    urgent = asyncio.create_task(pool.acquire(2))
    await asyncio.sleep(0)
    backend.answering.set()
    pool.release(await asyncio.wait_for(urgent, 2))
    pool.release(await asyncio.wait_for(first, 2))
    await pool.close()
    assert backend.held == 0


@pytest.mark.parametrize("moment", range(8))
@jumping
async def test_waiters_that_give_up_one_after_another_lose_no_slot(moment):
    backend = FixedSlots(2)
    pool = SlotPool(backend, linger_seconds=0.02, clock=now)

    async def work(priority):
        pool.release(await pool.acquire(priority))

    waiters = [asyncio.create_task(work(priority)) for priority in (3, 1, 2, 5, 4)]
    for _ in range(moment):
        await asyncio.sleep(0)
    for waiter in waiters[:4]:
        waiter.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(waiters[4], 5)
    await asyncio.gather(*waiters, return_exceptions=True)
    async with asyncio.timeout(5):
        while backend.held:  # noqa: ASYNC110 - it is looked at from outside
            await asyncio.sleep(0.01)
    await pool.close()


@jumping
async def test_the_backend_is_asked_for_one_slot_at_a_time():
    backend = SlowSlots(5)
    backend.answering.set()
    pool = SlotPool(backend, clock=now)
    waiters = [asyncio.create_task(pool.acquire()) for _ in range(6)]
    await asyncio.wait_for(asyncio.gather(*waiters[:5]), 2)
    await asyncio.sleep(0.2)
    assert backend.most_asking == 1
    for waiter in waiters[:5]:
        pool.release(waiter.result())
    pool.release(await asyncio.wait_for(waiters[5], 2))
    await pool.close()
    assert backend.held == 0


@jumping
async def test_a_slot_that_comes_while_the_pool_closes_goes_back():
    backend = SlowSlots(3)
    pool = SlotPool(backend, clock=now)
    waiter = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0.05)
    backend.answering.set()
    await asyncio.wait_for(closing, 2)
    assert backend.held == 0
    waiter.cancel()


class Failing(FixedSlots):
    """A backend that fails at what it is told to."""

    def __init__(self, *steps):
        super().__init__(2)
        self.steps, self.asked = steps, 0

    def _fail(self, step):
        self.asked += 1
        if step in self.steps:
            raise KeyError("lease_id")

    async def take(self):
        self._fail("take")
        return await super().take()

    async def give(self, lease):
        self._fail("give")
        await super().give(lease)

    async def keep(self, lease, seconds):
        self._fail("keep")

    async def take_over(self, slot, seconds):
        self._fail("take_over")

    async def over_limit(self):
        self._fail("over_limit")
        return False

    async def close(self):
        self._fail("close")


@jumping
async def test_a_backend_that_fails_to_give_a_slot_is_asked_again_only_after_a_pause():
    backend = Failing("take")
    pool = SlotPool(backend, clock=now)
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.3)
    waiting.cancel()
    await pool.close()
    assert backend.asked < 5


@jumping
async def test_waiters_are_served_whatever_else_of_the_backend_fails():
    pool = SlotPool(Failing("give", "keep", "take_over", "over_limit", "close"), linger_seconds=0.01, clock=now)
    assert await pool.take_over("slot", 60) is None
    for _ in range(2):
        lease = await asyncio.wait_for(pool.acquire(), 2)
        await pool.keep(lease, 60)
        pool.release(lease)
        await asyncio.sleep(0.05)
    await pool.close()


@jumping
async def test_closing_as_a_slot_comes_back_waits_for_no_other_link_of_its_chain():
    backend = FixedSlots(1)
    pool = SlotPool(backend, clock=now)
    lease = await pool.acquire()
    await asyncio.sleep(0.1)  # the pool waits for something to change
    begun = now()
    pool.release(lease)
    await pool.close()
    assert backend.held == 0
    assert now() - begun < 0.5
