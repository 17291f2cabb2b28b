"""What happened in the sandbox, in order, for tests that pick a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

Listener = Callable[["Event"], None]


@dataclass(frozen=True)
class Event:
    """One moment.

    `name` is one of submit_received (the whole body is here), submit_refused, submit_accepted, submit_answered, look,
    media_started, media_finished, upload, account, list, cancel, callback. `sequence` counts from 1; `at` is Unix time.
    """

    sequence: int
    name: str
    vendor: str
    job_id: str
    at: float


class EventLog:
    """Every event since the start; listeners are called in the server's thread, before the answer is sent."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._listeners: list[Listener] = []

    def emit(self, name: str, vendor: str, job_id: str = "") -> None:
        """Records an event and calls every listener with it."""
        event = Event(len(self.all) + 1, name, vendor, job_id, time.time())
        self.all.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def listen(self, listener: Listener) -> None:
        """Calls `listener` with every coming event."""
        self._listeners.append(listener)

    async def after(self, sequence: int, wait_seconds: float) -> list[dict[str, object]]:
        """Events after a sequence number; waits so long for the first of them."""
        deadline = time.monotonic() + wait_seconds
        while len(self.all) <= sequence and time.monotonic() < deadline:  # noqa: ASYNC110 - listeners are for in-process use
            await asyncio.sleep(0.02)
        return [asdict(event) for event in self.all[sequence:]]
