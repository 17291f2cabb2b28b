"""How the body of a flow run ends that does not come to its own end: cancelled, ended by a signal, suspended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from prefect.exceptions import Pause, TerminationSignal
from prefect.logging import get_run_logger
from prefect.states import Cancelled

from flows._interrupts import Asked, cancelled_by_signals, is_command
from flows._watch import tell_note
from longtake.purchase import FINISH_SUBMIT_SECONDS, submits_under_way

BOUGHT_ONCE = "what was bought is recorded, jobs run on at the vendors"
SUSPENDED = f"Suspended: {BOUGHT_ONCE}; Resume goes on from there and buys nothing twice"
CANCELLED = f"Cancelled: {BOUGHT_ONCE}; Retry, or the same command, goes on from there and buys nothing twice"


async def ended_in_words(body: Coroutine[Any, Any, Any]) -> Any:
    """Runs the body of a flow. A signal cancels it once; what Prefect must know of its end is told in Prefect's words.

    Returns:
        The state that the body returns; Cancelled where a signal ended a command of ours.

    Raises:
        CancelledError: Prefect cancelled the run.
        TerminationSignal: A signal from elsewhere ended a worker's run.
        Pause: The run was suspended.
    """
    with cancelled_by_signals(_tell_what_is_waited_for) as asked:
        try:
            return await body
        except asyncio.CancelledError:
            get_run_logger().warning(CANCELLED)
            if asked.by is None:
                raise
            return _state_after(asked, asked.by)
        except BaseExceptionGroup as group:
            if (pause := _pause_in(group)) is None:
                raise
            get_run_logger().warning(SUSPENDED)
            raise pause from None
        except Pause:
            get_run_logger().warning(SUSPENDED)
            raise


def _state_after(asked: Asked, number: int) -> Any:
    from prefect._internal.control_listener import get_intent  # noqa: PLC0415 - private: it may move

    if is_command():
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        return Cancelled(message=CANCELLED)
    if get_intent() is not None:  # the worker told beforehand what the signal means: Prefect expects a cancelled task
        raise asyncio.CancelledError
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise TerminationSignal(signal=number)


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
