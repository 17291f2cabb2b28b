"""How often an account may submit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Spaces submits evenly; `per_minute` None lets all through. Pauses that a vendor asks for hold everyone."""

    def __init__(
        self,
        per_minute: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap_seconds = 60.0 / per_minute if per_minute else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Waits for the next turn to submit."""
        while (wait := self._next - self._clock()) > 0:
            await self._sleep(wait)
        self._next = self._clock() + self._gap_seconds

    def pause(self, seconds: float) -> None:
        """Nobody submits for so long."""
        self._next = max(self._next, self._clock() + seconds)
