"""What the Prefect UI shows of a run beside its states: progress, what is not done, and where the report is.

Artifacts are written beside the run, in their own time; a server that does not answer never hurts it. Text of others
comes out as text.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from longtake.accounts.transport import redact
from longtake.costs.spent import Spent
from longtake.domain.text import counted, one_line
from longtake.domain.violations import Violation
from longtake.files.store import Store
from longtake.manifests.results.row_result import RowResult
from longtake.rendering.output.retry import RETRY
from longtake.rendering.summary import Summary
from longtake.reports.figures import known_money
from longtake.reports.run.rewrite import PAGE

log = logging.getLogger("longtake.artifacts")

PROGRESS, NOT_DONE, REPORT = "longtake-progress", "longtake-not-done", "longtake-report"
EVERY_SECONDS = 3.0
CALL_SECONDS = 10.0
MOST_ROWS = 100
REASON_CHARACTERS = 300
_ACTS = re.compile(r"[`*<>\[\]!|~\\&#@]|(?<!\w)_|_(?!\w)|:/|www\.|^\s*(?:[-+=]|\d+[.)])")
"""What Markdown may take for more than text."""


@dataclass(frozen=True)
class Shown:
    """One artifact as it should stand. `description` is Markdown, `data` what its type wants."""

    kind: str
    data: str | float
    description: str


@dataclass(frozen=True)
class ShareProgress:
    """One child run of a parent, for the parent's own progress."""

    number: int
    reels: int
    state: str
    percent: float


class FlowRunArtifacts:
    """The artifacts of the flow run that surrounds us; what an earlier execution of it left is replaced.

    An async context manager. No method raises for what the server does.
    """

    def __init__(self) -> None:
        self._run = UUID(flow_run.id) if flow_run.id else None
        self._standing: dict[str, UUID] = {}
        self._stack = AsyncExitStack()
        self._client: PrefectClient | None = None

    async def __aenter__(self) -> Self:
        await self._tried(self._find())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tried(self._stack.aclose())

    async def show(self, key: str, shown: Shown | None) -> None:
        """Makes the artifact of this key stand as it should; None: takes it away."""
        await self._tried(self._show(key, shown))

    async def progress_of(self, runs: Sequence[UUID]) -> dict[UUID, float]:
        """How far other runs say that they have come, in percent; those that say nothing are left out."""
        found: dict[UUID, float] = {}
        if runs:
            await self._tried(self._read_progress(runs, found))
        return found

    async def _read_progress(self, runs: Sequence[UUID], found: dict[UUID, float]) -> None:
        if self._client is None:
            return
        for artifact in await self._client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[PROGRESS])),
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(runs))),
        ):
            if artifact.flow_run_id is not None and isinstance(artifact.data, int | float):
                found[artifact.flow_run_id] = float(artifact.data)

    async def past_runs(self, deployment: UUID, most: int) -> list[FlowRun]:
        """The last runs of a deployment that have ended, the latest first."""
        found: list[FlowRun] = []
        await self._tried(self._read_runs(deployment, most, found))
        return found

    async def _read_runs(self, deployment: UUID, most: int, found: list[FlowRun]) -> None:
        if self._client is None:
            return
        ended = FlowRunFilterStateType(any_=sorted(TERMINAL_STATES))
        found += await self._client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=ended)),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=most,
        )

    async def _find(self) -> None:
        if self._run is None:
            return
        self._client = await self._stack.enter_async_context(get_client())
        ours = FlowRunFilter(id=FlowRunFilterId(any_=[self._run]))
        for artifact in await self._client.read_artifacts(flow_run_filter=ours):
            if artifact.key is not None:
                self._standing[artifact.key] = artifact.id

    async def _show(self, key: str, shown: Shown | None) -> None:
        if self._client is None:
            return
        if (there := self._standing.get(key)) is not None:
            try:
                if shown is None:
                    del self._standing[key]
                    await self._client.delete_artifact(there)
                else:
                    change = ArtifactUpdate(data=shown.data, description=shown.description)
                    await self._client.update_artifact(there, change)
            except ObjectNotFound:  # a person deleted it
                self._standing.pop(key, None)
        elif shown is not None:
            wanted = ArtifactCreate(
                key=key, type=shown.kind, data=shown.data, description=shown.description, flow_run_id=self._run
            )
            self._standing[key] = (await self._client.create_artifact(wanted)).id

    async def _tried(self, step: Coroutine[None, None, None]) -> None:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await step
        except Exception as error:
            log.warning("the Prefect server does not take what is shown of this run: %r", error)


def of_shares(title: str, shares: Sequence[ShareProgress], ended: int) -> Shown:
    """The progress of a parent of child runs, each weighted by its reels; the table has those that are not through."""
    lines = [f"**{ended:,} / {len(shares):,} shares ended** of {code(title)}"]
    if open_shares := [share for share in shares if share.percent < 100.0][:MOST_ROWS]:
        lines += ["", "| share | reels | state | progress |", "|--:|--:|---|--:|"]
        lines += [f"| {s.number} | {s.reels:,} | {s.state} | {s.percent:.0f} % |" for s in open_shares]
    percent = sum(share.percent * share.reels for share in shares) / sum(share.reels for share in shares)
    return Shown("progress", round(percent, 1), "\n".join(lines))


def not_done(rows: Sequence[RowResult], reels_missing: Iterable[tuple[str, str]] = ()) -> Shown | None:
    """The table of what is not done: open money first, then in manifest order; None where all is done."""
    open_rows = [row for row in rows if not row.verdict.facts.is_done]
    open_rows.sort(key=lambda row: (not row.verdict.facts.open_money, row.row))
    entries = [
        _entry(row.shot_id, row.verdict.value, row.error or "", row.next_action or "", row.vendor or "", row.job_id)
        for row in open_rows[:MOST_ROWS]
    ]
    reels_of_rows = {row.shot_id.rpartition("/")[0] for row in open_rows}
    alone = [(reel, why) for reel, why in reels_missing if reel not in reels_of_rows]
    entries += [_entry(reel, "reel not made", why, "run again") for reel, why in alone[: MOST_ROWS - len(entries)]]
    return _table(entries, len(open_rows) + len(alone), "not done")


def violations(found: Sequence[Violation]) -> Shown | None:
    """The table of what is wrong in a manifest; None where nothing is."""
    entries = [
        _entry(
            shot=each.shot_id or f"row {each.row}",
            verdict="refused",
            reason=f"{each.column} = {each.value[:80]!r}: {each.rule}",
            next_action=plain(each.fix),
        )
        for each in found[:MOST_ROWS]
    ]
    return _table(entries, len(found), "wrong in the manifest, nothing was spent")


def report_link(store: Store, more: Iterable[str] = ()) -> Shown:
    """Where the run's report is, and more of it that can be seen without it, in Markdown."""
    address = address_of(store, PAGE)
    path = store.local(PAGE)
    link = path.as_uri() if path is not None else address
    where = f"on {one_line(socket.gethostname())}" if path is not None else "; `longtake report` fetches it"
    told = [f"[{PAGE}](<{link}>)", f"{code(address)} {where}", *filter(None, more)]
    return Shown("markdown", "\n\n".join(told), "The run's report, to be opened from disk")


def address_of(store: Store, key: str) -> str:
    """The absolute path of a file of the output, or its address in the store."""
    path: Path | None = store.local(key)
    return str(path) if path is not None else f"{store.url}/{key}"


def state_message(summary: Summary, store: Store) -> str:
    """How a run ended, all in a line."""
    parts = [summary.line]
    if summary.reels_missing:
        parts.append(f"{counted(len(summary.reels_missing), 'reel')} not made")
    parts.append(_spent(summary.spent, summary.spent_now))
    if not summary.all_done:
        parts.append(f"retry {address_of(store, RETRY)}")
    return one_line("; ".join([*parts, f"report {address_of(store, PAGE)}"]), 2000)


def _spent(whole: Spent, now: Spent) -> str:
    words = f"spent {known_money(whole.low_usd, whole.high_usd, whole.unpriced)}"
    if whole.purchases == now.purchases:
        return words
    return f"{words}, of it {known_money(now.low_usd, now.high_usd, now.unpriced)} now"


def code(text: str, limit: int = 200) -> str:
    """Text of others as a code span of Markdown, in which nothing acts."""
    return "`" + one_line(redact(text), limit).replace("`", "ˋ").replace("|", "¦") + "`"


def plain(text: str, limit: int = REASON_CHARACTERS) -> str:
    """Text of others for the cell of a table, which the UI takes for Markdown: as it is, or as a code span."""
    text = one_line(redact(text), limit)
    return code(text, limit) if _ACTS.search(text) else text


def _entry(
    shot: str, verdict: str, reason: str, next_action: str, vendor: str = "", job_id: str | None = None
) -> dict[str, str]:
    """A row of a table; `verdict` and `next_action` are our own Markdown."""
    told = {"shot": plain(shot), "verdict": verdict, "next": next_action, "reason": plain(reason)}
    return told | {"vendor": plain(vendor), "job": plain(job_id or "")}


def _table(entries: list[dict[str, str]], count: int, what: str) -> Shown | None:
    if not entries:
        return None
    more = count - len(entries)
    rest = f"; the first {len(entries):,} are here, {more:,} more in the report and in `results.csv`" if more else ""
    return Shown("table", json.dumps(entries), f"{count:,} {what}{rest}")
