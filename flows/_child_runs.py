"""A large run spread over child runs of a deployment: so many reels each, on whatever workers the pool has.

Children are keyed by the parent's run and the reels of their share. Retry of the parent puts only those to work again
that did not complete; Prefect's workers are the engine.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import deployment
from prefect.states import AwaitingRetry, Cancelling

from flows._observe.artifacts import PROGRESS, FlowRunArtifacts, ShareProgress, Shown, of_shares
from longtake.domain.addresses import has_scheme
from longtake.domain.errors import ConfigurationError
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Shot, Standing
from longtake.planning.prepare import PreparedRun
from longtake.settings import settings

LOOK_SECONDS = 5.0
CLAIMED_SECONDS = 300.0
"""A worker that has claimed a child starts it within this time. One that died in between leaves it Pending for ever."""
_PAGE = 200


@dataclass(frozen=True)
class Share:
    """What one child run renders.

    Args:
        number: From 1, in manifest order.
        reels: Its reels.
        limit: Its part of the run's limit; None: no limit; 0: what is bought is downloaded, nothing is bought.
        is_bought: Whether the ledger holds every shot of it as done, and no take of it was to be chosen.
    """

    number: int
    reels: tuple[str, ...]
    limit: int | None
    is_bought: bool

    def key(self, run: str) -> str:
        """The same for a parent's run and its Retry, another for the next parent."""
        return f"{run}-{hashlib.sha256(repr(self.reels).encode()).hexdigest()[:16]}"


def shares(prepared: PreparedRun, reels_per_run: int) -> list[Share]:
    """The reels of this run in groups, in manifest order; those beyond the run's limit are left out.

    Args:
        production: The prepared run.
        reels_per_run: Reels in a group; 0: no groups.
    """
    if not reels_per_run:
        return []
    shots: dict[str, list[Shot]] = {}
    for shot in prepared.rendered_shots:
        shots.setdefault(shot.row.reel, []).append(shot)
    reels, left, found = list(shots), prepared.options.limit, list[Share]()
    for start in range(0, len(reels), reels_per_run):
        group = tuple(reels[start : start + reels_per_run])
        standings = [shot.standing for reel in group for shot in shots[reel]]
        wanted = sum(standing.buys for standing in standings)
        limit = None if left is None else min(left, wanted)
        if left is not None and limit is not None:
            left -= limit
        # A choice makes another film of the same clips.
        is_bought = all(standing is Standing.DONE for standing in standings) and not any(
            shot.choice is not None and shot.choice.is_told for reel in group for shot in shots[reel]
        )
        # What is bought already is downloaded and joined beyond the limit as well.
        if limit != 0 or not wanted or Standing.RESUME in standings:
            found.append(Share(len(found) + 1, group, None if is_bought else limit, is_bought=is_bought))
    return found


async def render_in_children(options: RenderOptions, groups: Sequence[Share], page: FlowRunArtifacts) -> list[FlowRun]:
    """Runs every share as a child run and waits for all; cancelling cancels the children.

    Args:
        options: The parent's options; each child gets the same with its own reels.
        groups: The shares.
        page: Where the parent shows how far its children have come.

    Returns:
        The children as they ended, in the order of the shares.

    Raises:
        ConfigurationError: The server has no deployment for children.
    """
    if not groups:
        return []
    if deployment.id is None:  # started by hand, in a folder that need not be the workers'
        options = options.model_copy(update={"manifest": _whole(options.manifest), "output": _whole(options.output)})
    async with get_client() as client:
        try:
            return await _Children(client, options, groups, page).rendered()
        except asyncio.CancelledError:
            await _cancel(client, options.run)
            raise


class _Children:
    """The child runs of one parent, from whichever of its passes they come."""

    def __init__(
        self, client: PrefectClient, options: RenderOptions, groups: Sequence[Share], page: FlowRunArtifacts
    ) -> None:
        self._client, self._options, self._page = client, options, page
        self._shares = {share.key(options.run): share for share in groups}
        self._log = get_run_logger()
        self._told: set[str] = set()
        self._shown: Shown | None = None

    async def rendered(self) -> list[FlowRun]:
        """Starts what is not there, puts to work again what did not complete in an earlier pass, waits for all.

        A child that completed counts as such only while the manifest asks of it what it did.
        """
        earlier = await self._found()
        outdated = {key for key, child in earlier.items() if _is_completed(child) and not self._shares[key].is_bought}
        for key in self._shares:
            if key not in earlier:
                await self._start(key)
        while True:
            children = await self._answered()
            ended = {key for key, child in children.items() if child.state and child.state.is_final()}
            for key in earlier.keys() & ended:
                del earlier[key]
                if key in outdated or not _is_completed(children[key]):
                    await self._client.set_flow_run_state(children[key].id, AwaitingRetry(), force=True)
                    ended.remove(key)
            for key, child in children.items():
                if _is_abandoned(child):
                    self._log.warning("share %d: its worker claimed it and did not start it", self._shares[key].number)
                    await self._client.set_flow_run_state(child.id, AwaitingRetry(), force=True)
            self._tell(children, ended)
            await self._show(children, ended)
            if len(ended) == len(self._shares):
                return [children[key] for key in self._shares]
            await asyncio.sleep(LOOK_SECONDS)

    async def _start(self, key: str) -> None:
        share, name = self._shares[key], settings().share_deployment
        try:
            await arun_deployment(
                name,
                parameters=child_parameters(self._options, share),
                idempotency_key=key,
                timeout=0,
                tags=[_tag(self._options.run)],
                flow_run_name=f"render {self._options.manifest} share {share.number}",
            )
        except ObjectNotFound:
            raise ConfigurationError(
                f"reels_per_run needs the deployment {name}, which this Prefect server does not have: "
                "run `python -m deployments.bootstrap` and `prefect --no-prompt deploy --all`"
            ) from None

    async def _found(self) -> dict[str, FlowRun]:
        children = await _children_of(self._client, self._options.run)
        return {child.idempotency_key: child for child in children if child.idempotency_key in self._shares}

    async def _answered(self) -> dict[str, FlowRun]:
        """The children as they are, from a server that may be away for a while."""
        while True:
            try:
                return await self._found()
            except httpx.HTTPError as error:
                if isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error:
                    raise
                self._log.warning("the Prefect server does not answer (%r); children go on, asking again", error)
                await asyncio.sleep(LOOK_SECONDS)

    async def _show(self, children: Mapping[str, FlowRun], ended: set[str]) -> None:
        running = [child.id for child in children.values() if child.state and child.state.is_running()]
        percent = await self._page.progress_of(running) | {children[key].id: 100.0 for key in ended}
        rows: list[ShareProgress] = []
        for key, share in self._shares.items():
            child = children.get(key)
            state = child.state.name if child and child.state else None
            so_far = percent.get(child.id, 0.0) if child else 0.0
            rows.append(ShareProgress(share.number, len(share.reels), state or "–", so_far))
        if (shown := of_shares(self._options.manifest, rows, len(ended))) != self._shown:
            self._shown = shown
            await self._page.show(PROGRESS, shown)

    def _tell(self, children: Mapping[str, FlowRun], ended: set[str]) -> None:
        for key in ended - self._told:
            self._told.add(key)
            child, share = children[key], self._shares[key]
            level = logging.INFO if _is_completed(child) else logging.WARNING
            state = child.state
            words = f"{state.name}, {state.message}" if state else ""
            self._log.log(level, "share %d (%d reels): %s", share.number, len(share.reels), words)
        if "late" not in self._told and any(child.state and child.state.name == "Late" for child in children.values()):
            self._told.add("late")
            self._log.warning("shares wait for a worker: `prefect worker start --pool longtake` adds one")


def child_parameters(options: RenderOptions, share: Share) -> dict[str, Any]:
    """The parent's options, every one of them, narrowed to a share; `run` is each run's own."""
    same = options.model_dump(mode="json", exclude={"run"})
    return same | {"reels": list(share.reels), "limit": share.limit, "limit_reels": None}


def _whole(place: str) -> str:
    """An address that means the same in any folder."""
    return place if has_scheme(place) else str(Path(place).absolute())


async def _cancel(client: PrefectClient, run: str) -> None:
    """Cancels the children that have not ended. Their jobs run on, and Retry takes them up."""
    for child in await _children_of(client, run):
        if child.state and not child.state.is_final():
            await client.set_flow_run_state(child.id, Cancelling())


async def _children_of(client: PrefectClient, run: str) -> list[FlowRun]:
    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=[_tag(run)]))
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(flow_run_filter=ours, limit=_PAGE, offset=len(found)):
        found += page
        if len(page) < _PAGE:
            break
    return found


def parent_of(run: FlowRun) -> str | None:
    """The run whose share a run renders; None where it renders for itself."""
    return next((tag.removeprefix(_tag("")) for tag in run.tags if tag.startswith(_tag(""))), None)


def _tag(run: str) -> str:
    return f"longtake-parent:{run}"


def _is_completed(child: FlowRun) -> bool:
    return child.state is not None and child.state.is_completed()


def _is_abandoned(child: FlowRun) -> bool:
    if child.state is None or not child.state.is_pending():
        return False
    return (datetime.now(UTC) - child.state.timestamp).total_seconds() > CLAIMED_SECONDS
