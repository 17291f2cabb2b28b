"""A large run spread over child runs of a deployment: so many reels each, on whatever workers the pool has.

Children are keyed by the parent's run and their share. Retry of the parent puts only those to work again that did not
complete; Prefect's workers are the engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import arun_deployment
from prefect.states import AwaitingRetry, Cancelling

from longtake.production import Production, Wishes

DEPLOYMENT = "render-manifest/render-manifest-share"
LOOK_SECONDS = 5.0


def shares(production: Production, reels_per_run: int) -> list[list[str]]:
    """The reels of this run in groups, in manifest order."""
    reels = list(dict.fromkeys(shot.row.reel for shot in production.rendered_shots))
    return [reels[start : start + reels_per_run] for start in range(0, len(reels), reels_per_run)]


async def render_in_children(wishes: Wishes, groups: Sequence[Sequence[str]]) -> list[FlowRun]:
    """Runs every share as a child run and waits for all; cancelling cancels the children.

    Args:
        wishes: The parent's wishes; each child gets the same with its own reels.
        groups: Reels by share.

    Returns:
        The children as they ended.
    """
    async with get_client() as client:
        children: list[FlowRun] = []
        try:
            for number, reels in enumerate(groups):
                children.append(await _child(client, wishes, number, reels))
            while any(not (child.state and child.state.is_final()) for child in children):
                await asyncio.sleep(LOOK_SECONDS)
                children = [await client.read_flow_run(child.id) for child in children]
        except asyncio.CancelledError:
            for child in children:
                await client.set_flow_run_state(child.id, Cancelling())
            raise
        return children


async def _child(client: PrefectClient, wishes: Wishes, number: int, reels: Sequence[str]) -> FlowRun:
    """The child of a share: the one that this parent started before, put to work again if it ended badly."""
    names = ("manifest", "output", "vendor", "budget_usd", "on_unknown", "limit", "skip_refused", "replace")
    names += ("max_attempts", "partial_reels", "fix_references")
    parameters: dict[str, Any] = {name: getattr(wishes, name) for name in names} | {"reels": list(reels)}
    started = await arun_deployment(
        os.environ.get("LONGTAKE_SHARE_DEPLOYMENT", DEPLOYMENT),
        parameters=parameters,
        idempotency_key=f"{wishes.run}-{number}",
        timeout=0,
        as_subflow=False,
        tags=[f"longtake-parent:{wishes.run}"],
        flow_run_name=f"render {wishes.manifest} share {number + 1}",
    )
    child = await client.read_flow_run(started.id)
    if child.state and child.state.is_final() and not child.state.is_completed():
        await client.set_flow_run_state(child.id, AwaitingRetry(), force=True)
        child = await client.read_flow_run(child.id)
    return child
