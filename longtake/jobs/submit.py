"""Buying one clip at most once: the intent is durable before the request leaves, the id before all that follows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
import uuid
from collections.abc import Coroutine
from typing import Any, NamedTuple

from longtake.accounts.session import AccountSession, raise_trouble
from longtake.accounts.transport import PreparedCall, submit_timeout_seconds
from longtake.costs.budget import Budget
from longtake.domain.errors import (
    ContentRefusedError,
    LedgerError,
    NotSentError,
    RateLimitedError,
    RejectedRequestError,
    UnknownOutcomeError,
    UnreadableRecordError,
    UnsupportedRequestError,
    VendorAccountError,
)
from longtake.domain.job import Job, JobSnapshot
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Verdict
from longtake.files.clocks import steady_seconds, this_process
from longtake.jobs.lost_answers import Settled, settle_lost, token_for
from longtake.jobs.order import Order, stored_request
from longtake.ledger.attempts import require_shown
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import UNKNOWN_AFTER_SECONDS, Accepted, Intent, Purchase, State, VerdictRecord
from longtake.vendors import SubmitReply

log = logging.getLogger("longtake.jobs.submit")

FINISH_SUBMIT_SECONDS = 25.0
"""A cancelled run lets a submit under way finish so long; Prefect kills at 30 s."""
NOT_SENT_TRIES = 4
LONGEST_PAUSE_SECONDS = 60.0
OTHER_RUN_LOOK_SECONDS = 1.0
NOTHING_BOUGHT = (
    NotSentError,
    RateLimitedError,
    RejectedRequestError,
    ContentRefusedError,
    UnsupportedRequestError,
    VendorAccountError,
)
"""Errors of a purchase after which its money is free again."""


class _Ready(NamedTuple):
    """A request as it is sent, and the call that carries it."""

    request: ShotRequest
    call: PreparedCall


def _ready(order: Order, session: AccountSession, intent: Intent) -> _Ready:
    """Everything that can go wrong on our side does so here, before the intent is written."""
    sent = session.with_callback(order.request)
    if intent.token:
        sent = sent.model_copy(update={session.adapter.echoed_option: intent.token})
    return _Ready(sent, session.client.prepare(sent))


async def buy(order: Order, session: AccountSession, ledger: Ledger, budget: Budget | None = None) -> Job:
    """Buys the clip of an order, unless the ledger says that it is bought.

    Args:
        order: What to buy.
        session: The account's session.
        ledger: Where the purchase is recorded.
        budget: Where money is set aside before the request leaves; None: only `max_spend_usd` bounds it.

    Returns:
        The job: ours, or the one that an earlier or simultaneous run bought.

    Raises:
        UnknownOutcomeError: It may have been bought; the ledger says why.
        UnreadableRecordError: The ledger cannot be read for it.
        VendorAccountError: The account is refused; nothing was bought, the session is on hold.
        RejectedRequestError: Refused as it stands; nothing was bought.
        ContentRefusedError: Refused by moderation; recorded as such.
        NotSentError: The vendor could not be reached; nothing was bought.
        RateLimitedError: The vendor throttled us all along; nothing was bought.
        LedgerError: The purchase is over.
        BudgetExceededError: It does not fit into the budget; nothing was bought.
    """
    order = order.identified()
    if budget is None and session.account.max_spend_usd is not None:
        budget = await Budget(ledger).open()
    try:
        job = await _buy(order, session, ledger, budget)
    except NOTHING_BOUGHT:
        if budget is not None and not order.goes_on:
            await budget.release(order.identity)
        raise
    if budget is not None:
        await budget.bought(order.identity, order.quote, session.account.name)
    return job


async def _buy(order: Order, session: AccountSession, ledger: Ledger, budget: Budget | None) -> Job:
    give_up_at = time.monotonic() + session.account.max_wait_seconds
    unsent = waited_for = 0
    while True:
        purchase = await asyncio.to_thread(ledger.before_buying, order.identity)
        if (job := _settled(purchase, ledger)) is not None:
            return job
        require_shown(session.account.name, purchase.refused_at.intersection(order.bound))
        if purchase.state(ledger.clock()) is State.SUBMITTING:
            if waited_for == purchase.last_try:
                raise UnknownOutcomeError("another run began to submit it and told no end; its clock is ahead of ours")
            waited_for = purchase.last_try
            await wait_for_other_run(order.identity, ledger)
            continue
        if time.monotonic() > give_up_at:
            raise RateLimitedError("the vendor throttled every submit; nothing was bought")
        raise_trouble(session)
        await session.pace.turn()
        if budget is not None:
            account = session.account
            await budget.reserve(order.identity, order.quote, account.name, cap_usd=account.max_spend_usd)
        intent = _intent(order, session, purchase.last_try + 1, ledger)
        ready = _ready(order, session, intent)
        if not await asyncio.to_thread(ledger.intend, intent):
            continue
        if _is_too_late(intent, ledger) or (budget is not None and not budget.is_fresh):
            await asyncio.to_thread(ledger.void, intent, "this process slept before it could submit")
            continue
        begun = time.monotonic()
        try:
            return await _bought(order, intent, ready, session, ledger)
        except NotSentError:
            unsent += 1
            give_up_at += time.monotonic() - begun  # what a proof takes is no time that the vendor throttled us
            if unsent >= NOT_SENT_TRIES:
                raise
            await asyncio.sleep(2.0**unsent / 4)
        except RateLimitedError as error:
            session.pace.pause(_pause_seconds(error, intent, session))


async def _bought(order: Order, intent: Intent, ready: _Ready, session: AccountSession, ledger: Ledger) -> Job:
    """Submits once; a lost answer is looked up in the vendor's list of jobs, where there is one."""
    try:
        return await _finish_when_cancelled(_submit(order, intent, ready, session, ledger))
    except UnknownOutcomeError as error:
        settled = await settle_lost(order.identity, session, ledger)
        if settled is Settled.ABSENT:
            raise NotSentError(f"{error.message}; the vendor's list of jobs does not have it") from None
        if settled is Settled.OPEN:
            raise
    purchase = await asyncio.to_thread(ledger.purchase, order.identity)
    if purchase.accepted is None:
        raise UnknownOutcomeError(purchase.evidence_of_unknown())
    session.expect_callback(ready.request, purchase.accepted.job.job_id)
    return purchase.accepted.job


def _pause_seconds(error: RateLimitedError, intent: Intent, session: AccountSession) -> float:
    """How long nobody submits at this account: as the vendor asks, within reason."""
    asked = error.retry_after_seconds or min(30.0, 1.5 ** min(intent.number, 9))
    if asked > LONGEST_PAUSE_SECONDS:
        words = "%s asks for a pause of %.3g s; it is asked again in %.0f s"
        log.warning(words, session.account.name, asked, LONGEST_PAUSE_SECONDS)
    return min(LONGEST_PAUSE_SECONDS, asked)


async def wait_for_other_run(identity: str, ledger: Ledger) -> None:
    """Waits while another run makes one try to submit this purchase, at most as long as a try may take."""
    # By our own clock: that of the other run may be ahead, and its deadline days away.
    end, number = time.monotonic() + submit_timeout_seconds() + UNKNOWN_AFTER_SECONDS, 0
    while time.monotonic() <= end:
        purchase = await asyncio.to_thread(ledger.purchase, identity)
        if purchase.state(ledger.clock()) is not State.SUBMITTING or number not in (0, purchase.last_try):
            return
        number = purchase.last_try
        await asyncio.sleep(OTHER_RUN_LOOK_SECONDS)


def _settled(purchase: Purchase, ledger: Ledger) -> Job | None:
    state = purchase.state(ledger.clock())
    if state is State.UNREADABLE:
        raise UnreadableRecordError(purchase.evidence_of_unknown())
    if purchase.accepted is not None:
        return purchase.accepted.job
    if state is State.UNKNOWN:
        raise UnknownOutcomeError(purchase.evidence_of_unknown())
    if state is State.OVER and purchase.verdict is not None:
        raise LedgerError(f"this purchase is over: {purchase.verdict.verdict}, {purchase.verdict.evidence}")
    if state not in (State.NEW, State.SUBMITTING):
        raise UnreadableRecordError(f"the clip was bought, its job cannot be told: {'; '.join(purchase.unreadable)}")
    return None


def _intent(order: Order, session: AccountSession, number: int, ledger: Ledger) -> Intent:
    nonce = uuid.uuid4().hex
    option, model = session.adapter.echoed_option, session.adapter.model_for(order.request)
    carries = option != "" and option in model.limits.options
    return Intent(
        nonce=nonce,
        token=getattr(order.request, option) or token_for(nonce) if carries else "",
        key_mark=session.account.key_mark(nonce) if carries else "",
        identity=order.identity,
        shot_id=order.shot_id,
        take=order.take,
        row_take=order.row_take or order.take,
        variant=order.variant,
        attempt=order.attempt,
        number=number,
        vendor=session.account.vendor,
        account=session.account.name,
        base_url=session.account.base_url,
        wire_model=model.wire,
        request=order.written or stored_request(order.request),
        expected=order.expected,
        price_low_usd=order.quote.low_usd if order.quote else None,
        price_high_usd=order.quote.high_usd if order.quote else None,
        run=order.run,
        slot=order.slot,
        host=f"{socket.gethostname()}:{os.getpid()}",
        process=this_process(),
        steady_at=steady_seconds(),
        at=(now := ledger.clock()),
        deadline=now + submit_timeout_seconds() + UNKNOWN_AFTER_SECONDS,
    )


def _is_too_late(intent: Intent, ledger: Ledger) -> bool:
    """Whether a submit that begins now may still be under way when others take its outcome for unknown."""
    slept = steady_seconds() - intent.steady_at if intent.steady_at is not None else 0.0
    return slept > UNKNOWN_AFTER_SECONDS or ledger.clock() + submit_timeout_seconds() > intent.deadline


async def _submit(order: Order, intent: Intent, ready: _Ready, session: AccountSession, ledger: Ledger) -> Job:
    """Sends the request once and makes the answer durable, whatever it is."""
    try:
        accepted = await session.client.submit(ready.request, ready.call)
    except (NotSentError, RateLimitedError, RejectedRequestError, UnsupportedRequestError) as error:
        blames_row = isinstance(error, RejectedRequestError)
        await asyncio.to_thread(ledger.void, intent, str(error), blames_row=blames_row)
        raise
    except VendorAccountError as error:
        await asyncio.to_thread(ledger.void, intent, str(error))
        session.trouble = error
        raise
    except ContentRefusedError as error:
        record = VerdictRecord(identity=intent.identity, verdict=Verdict.CONTENT_REFUSED, evidence=str(error))
        await asyncio.to_thread(ledger.add, record)
        raise
    except Exception as raised:  # whatever it is, the request may have left: nothing but an unknown outcome is safe
        error = _unknown(raised, order)
        await asyncio.to_thread(ledger.unknown, intent, str(error))
        raise error from None
    try:
        job = await asyncio.to_thread(_record_job, intent, accepted, ready.request.make_up, ledger)
    except Exception as error:  # whatever the store's fault: the job is paid, and its id is known here alone
        words = (
            f"accepted as job {accepted.job_id}, which the ledger could not keep ({type(error).__name__}: {error}); "
            f"{_adopting(order, accepted.job_id)}"
        )
        log.error("%s: %s", order.shot_id, words)  # noqa: TRY400 - told once, in words
        with contextlib.suppress(Exception):
            await asyncio.to_thread(ledger.unknown, intent, words)
        raise UnknownOutcomeError(words) from None
    session.expect_callback(ready.request, job.job_id)
    return job


def _unknown(raised: Exception, order: Order) -> UnknownOutcomeError:
    """The unknown outcome that an exception of a submit stands for, with the way to adopt what the answer named."""
    if not isinstance(raised, UnknownOutcomeError):
        return UnknownOutcomeError(f"the submit ended in {type(raised).__name__}: {str(raised)[:500]}")
    if not raised.job_ids:
        return raised
    ways = " or ".join(_adopting(order, job_id) for job_id in raised.job_ids)
    words = f"{raised.message}; if that is its job: {ways}"
    return UnknownOutcomeError(words, raised.code, raised.http_status, None, raised.job_ids)


def _adopting(order: Order, job_id: str) -> str:
    return f"longtake reconcile --output {order.output} --adopt {order.shot_id}={job_id}"


def _record_job(intent: Intent, accepted: SubmitReply, make_up: str, ledger: Ledger) -> Job:
    snapshot: JobSnapshot = accepted.snapshot
    known = {"submitted_at": ledger.clock(), "estimated_seconds": snapshot.estimated_seconds, "make_up": make_up}
    job = intent.job(accepted.job_id, **known)
    ledger.add(Accepted(identity=intent.identity, job=job, usage=snapshot.usage))
    log.info("%s: bought at %s as job %s", job.shot_id, job.account, job.job_id)
    return job


_UNDER_WAY: set[asyncio.Task[Job]] = set()
"""Submits of this process that wait for their answer, or for its record."""


def submits_under_way() -> int:
    """How many submits of this process are neither answered nor recorded yet."""
    return len(_UNDER_WAY)


async def _finish_when_cancelled(work: Coroutine[Any, Any, Job]) -> Job:
    """Runs a submit; when cancelled, however often, lets it finish first, so that its answer is not thrown away."""
    task = asyncio.ensure_future(work)
    # A loop that is torn down cancels all tasks that it knows and waits for them. This one it is not told of: it is
    # waited for by us, who are one of them.
    asyncio.tasks._unregister_task(task)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    _UNDER_WAY.add(task)
    task.add_done_callback(_UNDER_WAY.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        give_up_at = time.monotonic() + FINISH_SUBMIT_SECONDS
        while not task.done() and (left := give_up_at - time.monotonic()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=left)
        if not task.cancel() and not task.cancelled():
            task.exception()  # seen: the ledger holds what it means
        raise
