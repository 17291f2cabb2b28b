"""`longtake render`: the flow run in this process, with a live display."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from prefect.exceptions import ParameterTypeError, TerminationSignal

from flows._interrupts import Ended, asked_by
from flows._not_done import NotDoneError
from flows._observe.observer import AUDIENCE, Audience
from flows.render_manifest import RenderEnd, render_manifest
from longtake.domain.errors import ConfigurationError
from longtake.domain.events import RunEvent
from longtake.planning.plan import Shot
from longtake.planning.prepare import PreparedRun
from longtake.reports.progress.display import Progress

NOT_DONE = 1
TELLS_END_WITHIN_SECONDS = 30.0
"""So long the server has for taking the run's end, once all is done and written here."""


def render(parameters: Mapping[str, Any], *, json_lines: bool) -> RenderEnd:
    """Runs the flow to its end.

    Raises:
        ConfigurationError: A parameter has a value that cannot be.
        Ended: A signal ended it.
        KeyboardInterrupt: The run was cancelled.
    """
    with _Display(json_lines=json_lines) as display:
        token = AUDIENCE.set(Audience(display.begin, display.event, display.note, display.end))
        try:
            return asyncio.run(_run(parameters, display))
        except TerminationSignal as error:
            raise Ended(error.signal) from None
        except Exception as error:
            if not display.ends:
                raise
            # All is done and written; only the server was not told.
            display.note(f"the Prefect server could not be told of the run's end: {type(error).__name__}: {error}")
            return display.ends[-1]
        finally:
            AUDIENCE.reset(token)


async def _run(parameters: Mapping[str, Any], display: _Display) -> RenderEnd:
    flow: Any = render_manifest
    running = asyncio.ensure_future(flow(**parameters, return_state=True))
    while not running.done():
        await asyncio.wait({running}, timeout=1.0)
        if display.ends and time.monotonic() > display.ended_at + TELLS_END_WITHIN_SECONDS and not running.done():
            raise TimeoutError(f"no answer in {TELLS_END_WITHIN_SECONDS:.0f} s")
    state: Any = running.result()
    if (number := asked_by()) is not None:
        raise Ended(number)
    if state.is_cancelled():
        raise KeyboardInterrupt
    value: object = state.result(raise_on_failure=False)
    if inspect.isawaitable(value):
        value = await value
    end = value.end if isinstance(value, NotDoneError) else value
    if isinstance(end, RenderEnd):
        return end
    if isinstance(value, asyncio.CancelledError | KeyboardInterrupt):
        raise KeyboardInterrupt
    if isinstance(value, ParameterTypeError):
        raise ConfigurationError(str(value))
    return RenderEnd(exit_code=NOT_DONE, line=f"the run ended {state.name}: {state.message or value}")


class _Display(contextlib.ExitStack):
    """The display of one run, from its plan to its end."""

    def __init__(self, *, json_lines: bool) -> None:
        super().__init__()
        self._json_lines = json_lines
        self._progress: Progress | None = None
        self.ends: list[RenderEnd] = []
        self.ended_at = 0.0

    def begin(self, prepared: PreparedRun) -> None:
        counts = Counter(shot.account for shot in prepared.rendered_shots)
        self._progress = self.enter_context(Progress(counts, mode="json" if self._json_lines else "auto"))
        for purchase in (each for shot in prepared.rendered_shots for each in shot.attempts):
            if purchase.is_charged and (intent := purchase.intent) is not None:
                self._progress.add_spent(intent.account, intent.price_low_usd, intent.price_high_usd)

    def event(self, event: RunEvent, shot: Shot, words: str) -> None:
        if self._progress is not None:
            price = (shot.quote.low_usd, shot.quote.high_usd) if shot.quote else None
            take = shot.take if shot.row.variants > 1 else None
            self._progress.event(event, shot.shot_id, shot.account, words, take=take, price_usd=price)

    def note(self, words: str) -> None:
        if self._progress is not None:
            self._progress.note(words)

    def end(self, end: RenderEnd) -> None:
        self.ends.append(end)
        self.ended_at = time.monotonic()
