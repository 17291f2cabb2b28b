"""The same render without Prefect: `python -m tests.benchmarks.whole_runs.plain MANIFEST OUT`."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.plain_render import accounts_of, render_plain


def main(manifest: str, output: str) -> None:
    """Renders with the slots and looks that EvoLink's variables name."""
    load_account = accounts_of(
        os.environ,
        max_jobs_in_flight=int(os.environ["EVOLINK_MAX_JOBS_IN_FLIGHT"]),
        poll_interval_seconds=float(os.environ["EVOLINK_POLL_INTERVAL_SECONDS"]),
        max_wait_seconds=3600,
    )
    summary = asyncio.run(render_plain(manifest, output, load_account))
    assert summary.all_done, summary.line


if __name__ == "__main__":
    main(*sys.argv[1:3])
