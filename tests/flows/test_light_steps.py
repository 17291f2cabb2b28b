"""What task runs cost beside their work: few questions whether the server is there, no line for what a state tells."""

from __future__ import annotations

import asyncio
import logging
from unittest.mock import Mock

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

import flows._detour as detour
from longtake.domain.errors import StillRunningError
from tasks._policy import tells_news


async def test_steps_that_begin_together_ask_for_the_server_once_and_see_at_once_that_it_is_gone(monkeypatch):
    asked = []

    async def answer(reader, writer):
        asked.append(reader)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        way = detour._Detour()
        assert not any([await way.is_needed() for _ in range(40)])
        await asyncio.sleep(0)
        assert len(asked) <= 2

        server.close()
        await server.wait_closed()
        monkeypatch.setattr(detour, "GONE_AFTER_SECONDS", 0.0)
        monkeypatch.setattr(detour, "get_run_logger", lambda: logging.getLogger("test"))
        await asyncio.sleep(detour.ANSWER_STANDS_SECONDS)
        assert await way.is_needed()
        assert await way.is_needed(), "an answer of before must not count once the server is known to be gone"


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancel_that_comes_together_with_the_servers_answer_is_not_forgotten(monkeypatch, steps):
    answered = asyncio.get_running_loop().create_future()

    async def connection(host, port):
        return await answered

    monkeypatch.setattr(asyncio, "open_connection", connection)
    asking = asyncio.ensure_future(detour._refuses("127.0.0.1", 1))
    await asyncio.sleep(0.01)
    answered.set_result((None, Mock()))
    for _ in range(steps):
        await asyncio.sleep(0)
    was_over = asking.done()
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled() != was_over


def line(level: int, words: str, error: Exception | None = None) -> logging.LogRecord:
    about = (type(error), error, None) if error else None
    return logging.LogRecord("prefect.task_runs", level, __file__, 1, words, (), about)


def test_a_task_run_that_ended_well_writes_no_line_and_one_that_failed_does():
    assert not tells_news(line(logging.INFO, "Finished in state Completed()"))
    assert tells_news(line(logging.ERROR, "Finished in state Failed('the disk is full')"))
    assert tells_news(line(logging.INFO, "r1: 25 % of the reel is made"))
    assert not tells_news(line(logging.ERROR, "Task run failed", StillRunningError("it runs on")))
    assert tells_news(line(logging.ERROR, "Task run failed", ValueError("a fault of ours")))
