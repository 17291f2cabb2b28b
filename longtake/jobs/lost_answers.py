"""A submit whose answer was lost settles itself where the vendor can be asked: by the token that it carried.

Found in the vendor's list, it was accepted. Missing from it twice, in readings that were whole and began after the
submit must have ended, it was not, and another try may follow. In all other cases it stays open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from enum import Enum

from longtake.accounts.job_list import Reading
from longtake.accounts.session import AccountSession
from longtake.accounts.transport import submit_timeout_seconds
from longtake.domain.errors import LongtakeError, PublishConflictError, VendorError
from longtake.ledger.deadlines import LONGEST_WINDOW_SECONDS
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import UNKNOWN_AFTER_SECONDS, Accepted, Intent, Purchase, State
from longtake.vendors.answers.listing import ListedJob

log = logging.getLogger("longtake.jobs.lost_answers")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 15.0
ABSENT_GAP_SECONDS = 60.0
"""Two readings that miss a job lie so far apart at least: a list may be behind."""
ABSENT_WITHIN_SECONDS = 24 * 3600.0
"""After so long a record may have been erased by somebody, and what is not there proves nothing."""
MOST_FAILED_READINGS = 5
CLOCKS_SECONDS = 3600.0
"""By so much the vendor's clock and ours may differ."""


class Settled(Enum):
    """What the vendor's list says of a submit without an answer."""

    ACCEPTED = "accepted"
    ABSENT = "absent"
    OPEN = "open"


def token_for(intent_nonce: str) -> str:
    """The token of one try: no other try, run or output has it."""
    return f"lt-{intent_nonce}"


async def settle_lost(identity: str, session: AccountSession, ledger: Ledger) -> Settled:
    """Looks a submit up whose outcome is unknown, and writes down what is certain. Buys nothing, never raises for it.

    Returns:
        `ACCEPTED` where the ledger now holds its job, `ABSENT` where it holds the proof that nothing was accepted.
    """
    try:
        purchase = await asyncio.to_thread(ledger.purchase, identity)
        intent = _askable(purchase, session, ledger)
        return Settled.OPEN if intent is None else await _Search(intent, session, ledger).run()
    except (LongtakeError, OSError) as error:
        log.warning("%s: the list of jobs does not settle it: %s", identity, error)
        return Settled.OPEN


def _askable(purchase: Purchase, session: AccountSession, ledger: Ledger) -> Intent | None:
    """The try without an outcome, where the vendor has a list that would show it."""
    intent = purchase.intent
    if purchase.state(ledger.clock()) is not State.UNKNOWN or intent is None or intent.number != purchase.last_try:
        return None
    if not intent.token or session.adapter.listing(1) is None or intent.base_url != session.account.base_url:
        return None
    return intent if ledger.clock() - intent.at < session.adapter.listed_seconds else None


class _Search:
    """Reading the list until it shows the job, or has missed it twice."""

    def __init__(self, intent: Intent, session: AccountSession, ledger: Ledger) -> None:
        self.intent, self.session, self.ledger = intent, session, ledger
        now, window = ledger.clock(), submit_timeout_seconds() + UNKNOWN_AFTER_SECONDS
        # By the deadline, and by the time since the intent: who died in its submit may have sent it just before.
        ends = max(intent.deadline, intent.at + window) - now
        self.ended = time.monotonic() + min(max(0.0, ends), LONGEST_WINDOW_SECONDS)
        self.missed: float | None = None

    async def run(self) -> Settled:
        since = time.monotonic() - FIRST_PAUSE_SECONDS  # a reading of just now will do, or one for all would be many
        give_up = max(since, self.ended) + 3 * ABSENT_GAP_SECONDS
        pause, failed = FIRST_PAUSE_SECONDS, 0
        while True:
            try:
                reading = await self.session.job_list.read(since)
            except VendorError as error:
                failed += 1
                if failed >= MOST_FAILED_READINGS:
                    raise
                log.debug("%s: %s", self.intent.shot_id, error)
            else:
                failed, since = 0, reading.begun + FIRST_PAUSE_SECONDS
                if (settled := await self._settled_by(reading)) is not None:
                    return settled
            now = time.monotonic()
            if now > give_up:
                return Settled.OPEN
            await asyncio.sleep(min(pause, max(FIRST_PAUSE_SECONDS, self._next() - now)))
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)

    def _next(self) -> float:
        """When a reading may prove something that none can before."""
        return self.ended if self.missed is None else self.missed + ABSENT_GAP_SECONDS

    async def _settled_by(self, reading: Reading) -> Settled | None:
        alike = [job for job in reading.jobs.values() if job.token == self.intent.token]
        if self.intent.token == token_for(self.intent.nonce):
            if len(alike) == 1:
                return await asyncio.to_thread(self._accept, alike[0])
            return self._ambiguous(alike) if alike else await self._absent_by(reading)
        # The row's own tag: other jobs may have it as well, and which is ours nobody can tell for certain.
        near = [job for job in alike if self._may_be_ours(job)]
        return self._ambiguous(near) if near else await self._absent_by(reading)

    def _ambiguous(self, jobs: Iterable[ListedJob]) -> Settled:
        ids = ", ".join(job.job_id for job in jobs)
        log.warning("%s: the vendor's list has jobs that may be its own: %s", self.intent.shot_id, ids)
        return Settled.OPEN

    def _may_be_ours(self, job: ListedJob) -> bool:
        if job.made_at is None:
            return True
        window = max(self.intent.deadline - self.intent.at, 0.0) + CLOCKS_SECONDS
        return self.intent.at - CLOCKS_SECONDS <= job.made_at <= self.intent.at + min(window, 2 * CLOCKS_SECONDS)

    async def _absent_by(self, reading: Reading) -> Settled | None:
        intent, account = self.intent, self.session.account
        is_young = self.ledger.clock() - intent.at < ABSENT_WITHIN_SECONDS
        # Another key may be of another project, whose list never had the job.
        if not reading.is_whole or reading.begun < self.ended:
            return None
        if not is_young or intent.key_mark != account.key_mark(intent.nonce):
            return Settled.OPEN
        if self.missed is None:
            self.missed = reading.begun
        if reading.begun - self.missed < ABSENT_GAP_SECONDS:
            return None
        return await asyncio.to_thread(self._void)

    def _accept(self, job: ListedJob) -> Settled:
        record = Accepted(identity=self.intent.identity, job=self.intent.job(job.job_id))
        try:
            self.ledger.add(record)
        except PublishConflictError:  # another run found it, or a person named it
            log.debug("%s: its job is recorded already", self.intent.shot_id)
        log.warning("%s: its answer was lost; the vendor's list has it as job %s", self.intent.shot_id, job.job_id)
        return Settled.ACCEPTED

    def _void(self) -> Settled:
        purchase = self.ledger.purchase(self.intent.identity)
        if purchase.state(self.ledger.clock()) is not State.UNKNOWN or purchase.last_try != self.intent.number:
            return Settled.ACCEPTED if purchase.accepted is not None else Settled.OPEN
        words = "its answer was lost, and the vendor's list of jobs, read whole twice since, does not have it"
        try:
            self.ledger.void(self.intent, words)
        except PublishConflictError:
            log.debug("%s: another run wrote so, too", self.intent.shot_id)
        log.warning("%s: %s; it may be bought", self.intent.shot_id, words)
        return Settled.ABSENT
