"""How the body of a flow run ends that does not come to its own end: cancelled, ended by a signal, suspended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from prefect.context import FlowRunContext
from prefect.exceptions import Pause, TerminationSignal
from prefect.logging import get_run_logger
from prefect.logging.handlers import APILogHandler
from prefect.states import Cancelled

from flows._interrupts import cancelled_by_signals, is_command
from flows._observe.observer import tell_note
from longtake.jobs.submit import FINISH_SUBMIT_SECONDS, submits_under_way

BOUGHT_ONCE = "what was bought is recorded, jobs run on at the vendors"
SUSPENDED = f"Suspended: {BOUGHT_ONCE}; Resume goes on from there and buys nothing twice"
CANCELLED = f"Cancelled: {BOUGHT_ONCE}; Retry, or the same command, goes on from there and buys nothing twice"
_LOOK_SECONDS = 1.0
_LAST_WORDS_SECONDS = 3.0


async def ended_in_words(body: Coroutine[Any, Any, Any]) -> Any:
    """Runs the body of a flow. A signal cancels it once; what Prefect must know of its end is told in Prefect's words.

    Returns:
        The state that the body returns; Cancelled where a signal ended a command of ours.

    Raises:
        CancelledError: Prefect cancelled the run.
        TerminationSignal: A signal from elsewhere ended a worker's run.
        Pause: The run was suspended.
    """
    log = get_run_logger()
    with cancelled_by_signals(_tell_what_is_waited_for) as asked:
        try:
            async with _cancelled_by_suspension():
                return await body
        except asyncio.CancelledError:
            if (pause := _suspension()) is not None and asked.by is None:
                log.warning(SUSPENDED)
                _forget_cancel()
                raise pause from None
            log.warning(CANCELLED)
            if asked.by is None:
                raise
            return await _state_after(asked.by)
        except BaseExceptionGroup as group:
            if (pause := _pause_in(group)) is None:
                raise
            log.warning(SUSPENDED)
            raise pause from None


@contextlib.asynccontextmanager
async def _cancelled_by_suspension() -> AsyncGenerator[None]:
    """Inside, a suspension ends the run at once; Prefect looks for one only where a task begins."""
    body = asyncio.current_task()

    async def look() -> None:
        while _suspension() is None:  # noqa: ASYNC110 - Prefect tells it to a thread of its own
            await asyncio.sleep(_LOOK_SECONDS)
        if body is not None:
            body.cancel()
            _tell_what_is_waited_for()

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()


def _suspension() -> Pause | None:
    """What Prefect would raise at its next task if somebody has suspended the run."""
    request = getattr(FlowRunContext.get(), "flow_run_suspension_request", None)
    state = request.get_state() if request is not None else None
    return None if state is None else Pause(state=state)


async def _state_after(number: int) -> Any:
    from prefect._internal.control_listener import get_intent  # noqa: PLC0415 - private: it may move

    if is_command():
        _forget_cancel()
        return Cancelled(message=CANCELLED)
    if get_intent() is not None:  # the worker told beforehand what the signal means: Prefect expects a cancelled task
        raise asyncio.CancelledError
    with contextlib.suppress(Exception):  # the process dies of what is raised here, and its last words with it
        await asyncio.wait_for(APILogHandler.aflush(), _LAST_WORDS_SECONDS)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise TerminationSignal(signal=number)


def _forget_cancel() -> None:
    if (task := asyncio.current_task()) is not None:
        task.uncancel()


def _pause_in(group: BaseExceptionGroup[BaseException]) -> Pause | None:
    for error in group.exceptions:
        found = _pause_in(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, Pause):
            return found
    return None


def _tell_what_is_waited_for() -> None:
    if count := submits_under_way():
        submits = "1 submit is" if count == 1 else f"{count} submits are"
        words = f"{submits} under way: waiting for the vendor's answer, at most {FINISH_SUBMIT_SECONDS:.0f} s"
        get_run_logger().warning(words)
        tell_note(words)
