"""Places under a run's limit: taken where they are checked, given back where nothing was bought, in order of turns."""

from __future__ import annotations

import asyncio
import random

import pytest

from longtake.rendering.buying.places import Places


async def asked(places: Places, *turns: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(places.take(turn)) for turn in turns]
    await asyncio.sleep(0)
    return tasks


def answers(tasks: list[asyncio.Task[bool]]) -> list[bool | None]:
    return [task.result() if task.done() else None for task in tasks]


async def settled(tasks: list[asyncio.Task[bool]]) -> list[bool | None]:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return answers(tasks)


async def test_without_a_limit_everybody_gets_a_place():
    assert all([await Places(None).take(turn) for turn in range(9)])


async def test_the_first_in_line_have_their_places_before_they_ask():
    places = Places(2, range(4))
    late = await asked(places, 3, 2)
    first = await asked(places, 0, 1)
    assert await settled(late + first) == [None, None, True, True]
    places.keep()
    places.keep()
    assert await settled(late) == [False, False]
    assert not await places.take(7)


async def test_a_place_that_is_given_back_or_left_goes_to_the_next_in_line():
    places = Places(2, range(5))
    tasks = await asked(places, 0, 3, 2, 4)
    assert await settled(tasks) == [True, None, None, None]
    places.leave(1)  # it is refused, and never asks
    assert await settled(tasks) == [True, None, True, None]
    places.give_back()
    assert await settled(tasks) == [True, True, True, None]
    places.keep()
    places.keep()
    assert await settled(tasks) == [True, True, True, False]


async def test_another_attempt_of_an_earlier_shot_goes_before_a_shot_that_waits_for_it():
    places = Places(2, [0, 1])
    assert await places.take(0)
    places.keep()
    assert await places.take(0)
    places.keep()
    assert not await places.take(1)


async def test_a_waiter_that_is_cancelled_keeps_no_place_from_others():
    places = Places(1, [0, 1, 2])
    assert await places.take(0)
    (waiting,) = await asked(places, 1)
    (last,) = await asked(places, 2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    places.leave(1)
    places.give_back()
    assert await last


async def test_a_waiter_that_is_cancelled_with_its_place_in_hand_gives_it_back():
    places = Places(1, [0, 1, 2])
    assert await places.take(0)
    (waiting,) = await asked(places, 1)
    places.give_back()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.wait_for(places.take(2), 1)


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_happens_to_purchases_never_more_are_bought_and_none_is_left_over(seed):
    chance = random.Random(seed)
    reels = [chance.randint(1, 4) for _ in range(12)]
    turns = [list(range(sum(reels[:n]), sum(reels[: n + 1]))) for n in range(len(reels))]
    most, bought, beyond = chance.randint(0, 20), list[int](), list[int]()
    places = Places(most, range(sum(reels)))

    async def chain(shots: list[int]) -> None:
        for turn in shots:
            await asyncio.sleep(chance.random() / 500)
            if chance.random() < 0.1:  # held, blocked, or refused before it asks
                places.leave(turn)
            elif not await places.take(turn):
                beyond.append(turn)
            else:
                await asyncio.sleep(chance.random() / 500)
                if chance.random() < 0.7:
                    bought.append(turn)
                    places.keep()
                else:
                    places.give_back()

    await asyncio.wait_for(asyncio.gather(*map(chain, turns)), 10)
    assert len(bought) == most or (len(bought) < most and not beyond)
    assert max(bought, default=-1) < min(beyond, default=99)
