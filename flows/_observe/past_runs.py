"""The report's artifact at a run's end: pictures of its reels, and the last runs of its deployment at a glance."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence

from prefect.client.schemas.objects import FlowRun

from flows._observe.artifacts import code, plain
from longtake.files.names import file_name
from longtake.files.store import Store
from longtake.rendering.output.outputs import contact_sheet_key
from longtake.reports.figures import duration

MOST_PICTURES, MOST_PICTURE_BYTES = 6, 60_000
"""The server keeps them in its database."""
MOST_RUNS = 30
_ROWS = re.compile(r"^(\d+)/(\d+) rows done")
_SPENT = re.compile(r"; spent ([^;]+)")


def pictures(store: Store, reels: Iterable[str]) -> str:
    """The first reels' pictures as Markdown that needs no file; "" where there are none. Blocking."""
    lines: list[str] = []
    for reel in reels:
        if len(lines) >= MOST_PICTURES:
            break
        keys = [contact_sheet_key(reel), *store.list(f"posters/{file_name(reel)}")[:1]]
        if seen := picture(next((data for key in keys if (data := store.read(key))), None)):
            lines.append(f"{code(reel)}\n\n{seen}")
    return "\n\n".join(lines)


def picture(data: bytes | None) -> str:
    """A JPEG as Markdown that needs no file; "" for what is none, or too large to be kept."""
    if not data or len(data) > MOST_PICTURE_BYTES or not data.startswith(b"\xff\xd8\xff"):
        return ""
    return f"![](data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')})"


def runs_table(runs: Sequence[FlowRun]) -> str:
    """Runs at a glance as a table in Markdown: rows done and not, money, how late each began and how long it took."""
    if not runs:
        return ""
    lines = ["| run | state | done | not done | spent | began late by | took |", "|---|---|--:|--:|--:|--:|--:|"]
    for run in runs[:MOST_RUNS]:
        message = (run.state.message if run.state else None) or ""
        rows, spent = _ROWS.search(message), _SPENT.search(message)
        done, whole = (int(rows[1]), int(rows[2])) if rows else (0, 0)
        when = run.expected_start_time or run.start_time
        cells = [
            f"{when:%Y-%m-%d %H:%M}" if when else plain(run.name),
            plain(run.state_name or "–"),
            f"{done:,}" if rows else "–",
            f"{whole - done:,}" if rows else "–",
            plain(spent[1]) if spent else "–",
            duration(max(0.0, run.estimated_start_time_delta.total_seconds())),
            duration(run.total_run_time.total_seconds()),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
