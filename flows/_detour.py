"""Steps whose Prefect server is gone: what is paid is downloaded all the same, only no task run tells of it.

Prefect begins no task without its server, and asks for each in vain for a minute, one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError
from prefect.logging import get_run_logger
from prefect.settings import get_current_settings

from flows._proxies import LOOPBACK

GONE_AFTER_SECONDS = 10.0
"""A server of this machine that refuses for so long is gone; the local one is started again sooner."""
ANSWER_STANDS_SECONDS = 0.25
"""Steps that begin within so long of an answer do not ask again: each costs the server a connection."""
_CONNECT_SECONDS = 2.0
_WORDS = "the Prefect server does not answer: the steps of what is bought go on without task runs"


class _Detour:
    """Whether the server of this process is gone, as the last step found it."""

    def __init__(self) -> None:
        self.taken = False
        self._answered_at = float("-inf")

    async def is_needed(self) -> bool:
        """Whether the server refuses; asked of another machine's only once a step could not begin."""
        parts = urlsplit(get_current_settings().api.url or "")
        if not parts.hostname or not (self.taken or parts.hostname in LOOPBACK):
            return False
        if not self.taken and time.monotonic() - self._answered_at < ANSWER_STANDS_SECONDS:
            return False
        port = parts.port or (443 if parts.scheme == "https" else 80)
        until = time.monotonic() + (0.0 if self.taken else GONE_AFTER_SECONDS)
        while await _refuses(parts.hostname, port):
            if time.monotonic() >= until:
                self.take()
                return True
            await asyncio.sleep(1.0)
        self.taken, self._answered_at = False, time.monotonic()
        return False

    def take(self) -> None:
        if not self.taken:
            get_run_logger().warning(_WORDS)
        self.taken = True


_DETOUR = _Detour()


def even_without_server(task: Any) -> Callable[..., Awaitable[Any]]:
    """The task; where its server is gone, what it does without it. Never for one that buys."""

    async def done(*args: Any) -> Any:
        if not await _DETOUR.is_needed():
            try:
                return await task(*args)
            except ConcurrencySlotAcquisitionError:  # raised before the step began, never after
                _DETOUR.take()
        return await task.fn(*args)

    return done


async def _refuses(host: str, port: int) -> bool:
    """Whether nothing listens there; a server that is slow, or behind a proxy, does not refuse."""
    try:
        # Not asyncio.wait_for, which in Python 3.11 forgets a cancel that comes together with what it waits for.
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return True
    except OSError:  # a timeout too
        return False
    writer.close()
    return False
