"""Signals that end a run: Ctrl-C, SIGTERM, SIGHUP. However often they come, what runs is cancelled once and may finish.

Python and Prefect break off the loop by an exception at whatever place it has come to, and their second signal breaks
off the tidying up. Here a signal cancels the flow's body as Prefect's own cancel should, and the ledger is complete
before the process ends: submits under way are answered (`longtake.jobs.submit`), results are written.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GO_ON = "What was bought is recorded; the same command goes on from there and buys nothing twice."
ENDS_WITHIN_SECONDS = 28.0
"""So long after the signal a command ends, whatever it waits for: who sent it kills after 30 s at most often."""
TELLS_SERVER_WITHIN_SECONDS = 6.0
"""Of it, what is left for the server to be told once all is done here; it may be gone."""

LAST_WORDS_SECONDS = 20.0
"""So long a command that is done waits for what Prefect still has to tell its server, which may be gone."""

Handler = Callable[[int, FrameType | None], object]


class Ended(KeyboardInterrupt):
    """A signal asked this command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells tell of signals: 130, 143, 129."""
        return 128 + self.number

    @property
    def words(self) -> str:
        """What a person needs to know."""
        name = "Interrupted" if self.number == signal.SIGINT else f"Ended by {signal.Signals(self.number).name}"
        return f"{name}. {GO_ON}"


class _Command:
    """The command of this process: which signals have asked it to end, and when it must be over."""

    def __init__(self) -> None:
        self.runs = False
        self.asked: list[int] = []
        self._over_by = 0.0

    def ask(self, number: int) -> bool:
        """Notes a signal; whether it is the first."""
        self.asked.append(number)
        if len(self.asked) > 1:
            return False
        if self.runs:
            self._over_by = time.monotonic() + ENDS_WITHIN_SECONDS
            threading.Thread(target=self._see_to_the_end, name="longtake-end", daemon=True).start()
        return True

    def hurry(self) -> None:
        """All is done but for telling the server."""
        self._over_by = min(self._over_by, time.monotonic() + TELLS_SERVER_WITHIN_SECONDS)

    def _see_to_the_end(self) -> None:
        while self.runs and (left := self._over_by - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
        if not self.runs:  # it said its last words; Python's own end may still wait for a thread
            time.sleep(TELLS_SERVER_WITHIN_SECONDS)
            os._exit(128 + self.asked[0])
        with contextlib.suppress(OSError):
            os.write(2, f"\n{Ended(self.asked[0]).words}\n".encode())
        os._exit(128 + self.asked[0])


_COMMAND = _Command()


@contextlib.contextmanager
def ending_command() -> Generator[None]:
    """Around a whole command: a signal raises `Ended` where no flow runs, later ones do nothing.

    Signals that the caller had ignored, as `nohup` does, stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if _COMMAND.ask(number):
            raise Ended(number)

    _COMMAND.runs, _COMMAND.asked = True, []
    before = _handled_by(handle)
    try:
        yield
    finally:
        _COMMAND.runs = False
        for number, handler in before.items():
            # Who ends does not end a second time; as it ends, Python gives up every handler but this one.
            signal.signal(number, signal.SIG_IGN if _COMMAND.asked else handler)


def leave_with(code: int) -> None:
    """From now on this process ends with this code, though Prefect's threads wait for a server that does not answer."""

    def leave() -> None:
        time.sleep(LAST_WORDS_SECONDS)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)

    threading.Thread(target=leave, name="longtake-leave", daemon=True).start()


def is_command() -> bool:
    """Whether this process is a command of ours, not a worker's or anybody's own flow."""
    return _COMMAND.runs


def asked_by() -> int | None:
    """The signal that asked this command to end, None as long as none did."""
    return _COMMAND.asked[0] if _COMMAND.asked else None


class Asked:
    """The signals that came while a flow's body ran."""

    def __init__(self) -> None:
        self.by: int | None = None


@contextlib.contextmanager
def cancelled_by_signals(tell: Callable[[], object]) -> Generator[Asked]:
    """Inside, the first of the signals cancels the surrounding task, and no later one disturbs its end.

    Args:
        tell: Called in the loop when the first has come.
    """
    task, asked = asyncio.current_task(), Asked()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield asked
        return
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()

    def end() -> None:
        task.cancel()
        tell()

    def handle(number: int, frame: FrameType | None) -> None:
        first = _COMMAND.ask(number) if _COMMAND.runs else asked.by is None
        if first or asked.by is None:
            asked.by = number
            loop.call_soon_threadsafe(end, context=context)

    with _as_prefects(handle):
        before = _handled_by(handle)
        try:
            yield asked
        finally:
            if asked.by is None:
                for number, handler in before.items():
                    signal.signal(number, handler)
            elif _COMMAND.runs:
                _COMMAND.hurry()


def _handled_by(handle: Handler) -> dict[int, Any]:
    """Sets the handler; returns those that stood there."""
    before: dict[int, Any] = {}
    for number in ENDING:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, handle)
    return before


@contextlib.contextmanager
def _as_prefects(handle: Handler) -> Generator[None]:
    """Inside, Prefect takes the handler for its own.

    A worker announces a cancel to the run's process, which confirms it only while "Prefect's handler" stands; else the
    run is killed as crashed.
    """
    engine: Any = sys.modules.get("prefect.utilities.engine")
    own = getattr(engine, "_prefect_sigterm_handler", None)
    if own is None:
        yield
        return
    engine._prefect_sigterm_handler = handle
    try:
        yield
    finally:
        engine._prefect_sigterm_handler = own
