"""Reading a vendor's list of jobs, whole or told to be not whole: neither its pages nor their order are trusted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from longtake.accounts.client import VendorClient
from longtake.vendors.answers.listing import ListedJob

MOST_PAGES = 500


@dataclass(frozen=True)
class Reading:
    """All jobs that one reading found, by id.

    `begun` is when, by `time.monotonic`. `is_whole`: no job of the list can be missing, by what the list itself tells.
    """

    begun: float
    jobs: dict[str, ListedJob]
    is_whole: bool


class JobList:
    """The list of one account; those who ask at once share a reading."""

    def __init__(self, client: VendorClient) -> None:
        self._client = client
        self._last: Reading | None = None
        self._reading = asyncio.Lock()

    async def read(self, since: float) -> Reading:
        """A reading that began no earlier than `since` (`time.monotonic`).

        Raises:
            VendorError: A page was not answered as documented.
        """
        async with self._reading:
            if self._last is None or self._last.begun < since:
                self._last = await self._read()
            return self._last

    async def _read(self) -> Reading:
        begun = time.monotonic()
        jobs: dict[str, ListedJob] = {}
        told: list[int | None] = []
        for number in range(1, MOST_PAGES + 1):
            page = await self._client.list_jobs(number)
            told.append(page.total)
            fresh = [job for job in page.jobs if job.job_id not in jobs]
            jobs |= {job.job_id: job for job in fresh}
            # To the first page that brings nothing new: a list that grows or shrinks meanwhile moves its jobs from one
            # page to the next, and then fewer are found than it tells of.
            if not fresh:
                totals = [total for total in told if total is not None]
                return Reading(begun, jobs, len(totals) == len(told) and len(jobs) >= max(totals))
        return Reading(begun, jobs, is_whole=False)
