"""EvoLink's callback: when a job has ended, its query answer is POSTed to the address the order named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from longtake.sandbox.events import EventLog
from longtake.sandbox.jobs import Job

_RETRY_AFTER_SECONDS = (1.0, 2.0, 4.0)
_TIMEOUT_SECONDS = 10.0


async def call_back(job: Job, body: Callable[[], object], events: EventLog, deliver_to: str = "") -> None:
    """Waits for the job's end, then POSTs; a failure is tried again after 1, 2 and 4 s, as documented."""
    url = httpx.URL(job.order.callback_url)
    if deliver_to:
        host, _, port = deliver_to.rpartition(":")
        url = url.copy_with(scheme="http", host=host, port=int(port))
    while (left := job.ends - time.monotonic()) > 0:  # noqa: ASYNC110 - a fault may bring the end forward
        await asyncio.sleep(left)
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
        for pause in (*_RETRY_AFTER_SECONDS, None):
            events.emit("callback", job.vendor, job.job_id)
            try:
                if (await client.post(url, json=body())).is_success:
                    return
            except httpx.HTTPError:
                pass
            if pause is not None:
                await asyncio.sleep(pause)
