"""One logical create under four faults: how many jobs the vendor bills through other clients, and through ours.

    python -m tests.benchmarks.bench_bills [CLIENT ...]

Every client runs in a process of its own, all at once, against a vendor on loopback that bills what it accepts. The
other clients' interpreter is `BENCH_PYTHON`, by default this one; what it has not installed is skipped. About 90 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.bills.fake_vendor import DEADLINE_SECONDS, FAULTS, READ_TIMEOUT_SECONDS, RETRY_AFTER_SECONDS
from tests.benchmarks.bills.peers import PEERS

ROOT = Path(__file__).parents[2]
OURS = "longtake"
START_SECONDS = 50.0
"""What a process may take to import its client, beside its deadline."""
GOODBYE_SECONDS = 10.0
# Prefect comes with this project, so its row needs no other interpreter.
OWN = {OURS, "prefect"}
Row = dict[str, Any]


def environment(folder: str) -> dict[str, str]:
    """This process's environment without proxies and without anything that a client would fetch or report."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PREFECT_HOME": folder,
        "PREFECT_API_URL": "",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": f"{START_SECONDS:.0f}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(ROOT),
    }


async def rows_of(client: str, folder: str) -> list[Row]:
    """The rows of one client, or one that says why there are none."""
    python = sys.executable if client in OWN else os.environ.get("BENCH_PYTHON", sys.executable)
    command = ["tests.benchmarks.bills.ours"] if client == OURS else ["tests.benchmarks.bills.peers", client]
    complaints = Path(folder) / f"{client}.txt"
    with complaints.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            python,
            "-m",
            *command,
            cwd=ROOT,
            env=environment(folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        rows = await asyncio.wait_for(_rows(process), DEADLINE_SECONDS + START_SECONDS)
    except TimeoutError:
        return [{"client": client, "skipped": "no rows from its process in time"}]
    finally:
        await _end(process)
    if rows is None:
        last = complaints.read_text(errors="replace").strip().splitlines()[-1:]
        return [{"client": client, "skipped": f"its process failed: {''.join(last)}"}]
    return rows


async def _rows(process: asyncio.subprocess.Process) -> list[Row] | None:
    # Clients print things of their own, so only a line that is rows counts.
    assert process.stdout is not None
    async for written in process.stdout:
        if written.startswith(b'[{"client"'):
            return json.loads(written)
    return None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Lets the process end, then ends what is left of its session: clients that still try, a server it started."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GOODBYE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def line(row: Row) -> str:
    """One line of the table."""
    if "skipped" in row:
        return f"| {row['client']} | skipped: {row['skipped']} |"
    cells = [row["cells"][fault] for fault in FAULTS]
    shown = [f"**{cell['billed']}** · {cell['end']} · {cell['seconds']:.1f} s" for cell in cells]
    well = "yes" if ends_well(row) else "no"
    keyed = "yes" if any(cell["keyed"] for cell in cells) else "no"
    return f"| {row['client']} | {' | '.join(shown)} | {well} | {keyed} |"


def ends_well(row: Row) -> bool:
    """Whether nothing was bought twice and throttling was waited out."""
    if "skipped" in row:
        return False
    billed = [row["cells"][fault]["billed"] for fault in FAULTS]
    return max(billed) <= 1 and row["cells"]["throttled"]["end"] == "job"


async def measured(clients: list[str]) -> list[Row]:
    """All rows, in the order of the clients."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        groups = await asyncio.gather(*(rows_of(client, folder) for client in clients))
    return [row for rows in groups for row in rows]


def main(clients: list[str] | None = None) -> None:
    """Prints the table."""
    rows = asyncio.run(measured(clients or [*PEERS, OURS]))
    print("One logical create: **jobs billed** · how it ended · after how long.")
    print(f"Client's time limit {READ_TIMEOUT_SECONDS} s; Retry-After {RETRY_AFTER_SECONDS} on each 429.\n")
    print(f"| client | {' | '.join(FAULTS.values())} | ends well | idempotency key sent |")
    print("| --- " * (len(FAULTS) + 3) + "|")
    for row in rows:
        print(line(row))
    print("\nUnknownOutcomeError: recorded, never bought again by itself. No vendor of ours documents a key to send.")
    if bad := [row["client"] for row in rows if row["client"].startswith(OURS) and not ends_well(row)]:
        sys.exit(f"not at most once: {', '.join(bad)}")


if __name__ == "__main__":
    main(sys.argv[1:])
