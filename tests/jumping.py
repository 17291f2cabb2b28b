"""Time that passes only between appointments: a test of waiting takes no seconds and no machine is too slow for it."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from typing import ParamSpec

Given = ParamSpec("Given")


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: moves the clock on to when something is due."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        # A clock that stood still while code runs would let a wait of a rounding error go on for ever.
        self.now += 1e-6 if ready or not timeout else timeout + 1e-6
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only between its appointments; what would go to a thread is done at once."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor, func, *args):
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def jumping(test: Callable[Given, Awaitable[None]]) -> Callable[Given, None]:
    """A test that waits for nothing outside its own loop is played on a jumping clock."""

    @functools.wraps(test)
    def played(*args: Given.args, **kwargs: Given.kwargs) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(test(*args, **kwargs))

    return played


def now() -> float:
    """The running loop's time."""
    return asyncio.get_running_loop().time()
