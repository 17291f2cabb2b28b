"""Callbacks: at a job's end, or at every change of its status, its query answer is POSTed to the order's address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from longtake.sandbox.events import EventLog
from longtake.sandbox.jobs import Job

_RETRY_AFTER_SECONDS = (1.0, 2.0, 4.0)
_LOOK_SECONDS = 0.2
_TIMEOUT_SECONDS = 10.0


async def call_back(
    job: Job, body: Callable[[], object], events: EventLog, deliver_to: str = "", *, on_change: bool = False
) -> None:
    """Waits for the job's end, then POSTs; a failure is tried again after 1, 2 and 4 s, as documented.

    Args:
        job: Whose.
        body: Makes what is sent.
        events: Told of every call.
        deliver_to: `SandboxSettings.callbacks_to`.
        on_change: It is told that it is queued and that it runs, too; once each.
    """
    url = httpx.URL(job.order.callback_url)
    if deliver_to:
        host, _, port = deliver_to.rpartition(":")
        url = url.copy_with(scheme="http", host=host, port=int(port))
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:

        async def is_told() -> bool:
            events.emit("callback", job.vendor, job.job_id)
            try:
                return (await client.post(url, json=body())).is_success
            except httpx.HTTPError:
                return False

        if on_change:
            await is_told()
            await _until(lambda: min(job.starts, job.ends))
            if job.ends > time.monotonic():
                await is_told()
        await _until(lambda: job.ends)
        for pause in (*_RETRY_AFTER_SECONDS, None):
            if await is_told() or pause is None:
                return
            await asyncio.sleep(pause)


async def _until(moment: Callable[[], float]) -> None:
    while (left := moment() - time.monotonic()) > 0:  # noqa: ASYNC110 - a fault may bring it forward
        await asyncio.sleep(min(left, _LOOK_SECONDS))
