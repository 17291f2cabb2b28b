"""Flow: a person's decisions about finished takes; on request the render that waits for them goes on."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import AwaitingRetry, Completed, Failed

from flows._child_runs import parent_of
from flows._dates import fill_date, fill_date_of
from flows._endings import ended_in_words
from flows._observe.observer import rename_flow_run
from longtake.domain.errors import ConfigurationError, LongtakeError
from longtake.files.open_store import open_store
from longtake.files.store import Store
from longtake.ledger.ledger import Ledger
from longtake.reports.review.given import GivenDecisions, give_decisions
from longtake.reports.run.rewrite import told_before


@flow(name="decide", persist_result=False)
async def decide(
    output: str,
    decisions: list[str],
    by: str = "",
    why: str = "",
    then_render: bool = False,
) -> Any:
    """Chooses, approves or rejects finished takes; all decisions are checked before any is written.

    Args:
        output: Directory or s3:// address of the output. {date} is the scheduled day.
        decisions: One each: reel/shot=2 for take 2, reel/shot=approve or reel/shot=reject; or a decisions.csv's text.
        by: Who decides.
        why: The reason.
        then_render: Start the render of this output again, so that it goes on from what was decided.
    """
    return await ended_in_words(_decided(output, decisions, by, why, then_render=then_render))


async def _decided(output: str, decisions: list[str], by: str, why: str, *, then_render: bool) -> Any:
    place = await fill_date(output)
    await rename_flow_run(f"decide {place}")
    store = await asyncio.to_thread(open_store, place)
    try:
        end: GivenDecisions = await asyncio.to_thread(give_decisions, Ledger(store), decisions, by=by, why=why)
    except LongtakeError as error:
        return Failed(message=str(error))
    for line in end.lines:
        get_run_logger().info(line)
    if not then_render:
        return Completed(message=end.line)
    try:
        words = await _render_again(store)
    except ConfigurationError as error:
        return Failed(message=f"{end.line}; the render was not started again: {error}")
    return Completed(message=f"{end.line}; {words}")


async def _render_again(store: Store) -> str:
    """Puts the last render of an output to work again; one that is still running, another one behind it.

    Raises:
        ConfigurationError: Nobody knows which run it was, or no worker can run it.
    """
    told = await asyncio.to_thread(told_before, store)
    async with get_client() as client:
        run = await _run_of(client, told.run if told is not None else "")
        if run is None or run.deployment_id is None:
            raise ConfigurationError("the last render was not one of a deployment here; start it as before")
        if run.state is not None and run.state.is_final():
            # As Retry does: the same run, with its parameters and its day.
            await client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
            return f"the run {run.name!r} goes on"
        dated = {
            name: await fill_date_of(value, run) if isinstance(value, str) else value
            for name, value in run.parameters.items()
        }
        again = await client.create_flow_run_from_deployment(run.deployment_id, parameters=dated)
        return f"the run {again.name!r} goes on when {run.name!r}, which has begun without them, has ended"


async def _run_of(client: PrefectClient, name: str) -> FlowRun | None:
    """The run that rendered an output last; of a share, the run whose share it is."""
    try:
        run = await client.read_flow_run(UUID(name))
        parent = parent_of(run)
        return run if parent is None else await client.read_flow_run(UUID(parent))
    except (ValueError, ObjectNotFound):
        return None
