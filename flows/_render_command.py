"""`longtake render`: the flow run in this process, with a live display."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from prefect.exceptions import ParameterTypeError

from flows._watch import BEGINNERS, WATCHERS
from flows.render_manifest import RenderEnd, render_manifest
from longtake.errors import ConfigurationError
from longtake.plan import Shot
from longtake.production import Production
from longtake.reports.terminal import Progress

NOT_DONE = 1


def render(parameters: Mapping[str, Any], *, json_lines: bool) -> RenderEnd:
    """Runs the flow to its end.

    Raises:
        ConfigurationError: A parameter has a value that cannot be.
        KeyboardInterrupt: The run was cancelled.
    """
    with contextlib.ExitStack() as display:
        BEGINNERS.append(partial(_display, display, json_lines=json_lines))
        return asyncio.run(_run(parameters))


async def _run(parameters: Mapping[str, Any]) -> RenderEnd:
    flow: Any = render_manifest
    state: Any = await flow(**parameters, return_state=True)
    if state.is_cancelled():
        raise KeyboardInterrupt
    value: object = state.result(raise_on_failure=False)
    if inspect.isawaitable(value):
        value = await value
    if isinstance(value, RenderEnd):
        return value
    if isinstance(value, asyncio.CancelledError | KeyboardInterrupt):
        raise KeyboardInterrupt
    if isinstance(value, ParameterTypeError):
        raise ConfigurationError(str(value))
    return RenderEnd(exit_code=NOT_DONE, line=f"the run ended {state.name}: {state.message or value}")


def _display(display: contextlib.ExitStack, production: Production, *, json_lines: bool) -> None:
    counts = Counter(shot.account for shot in production.rendered_shots)
    progress = display.enter_context(Progress(counts, mode="json" if json_lines else "auto"))

    def tell(event: str, shot: Shot, words: str) -> None:
        progress.event(event, shot.shot_id, shot.account, words)

    WATCHERS.append(tell)
