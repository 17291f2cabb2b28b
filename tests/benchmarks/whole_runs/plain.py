"""The same render without Prefect: `python -m tests.benchmarks.whole_runs.plain MANIFEST OUT [--without-decoding]`."""

from __future__ import annotations

import asyncio
import os
import sys

import longtake.rendering.render
from longtake.accounts.account import Account
from tests.e2e.quick_steps import no_pictures, quick_check
from tests.plain_render import accounts_of, render_plain


def main(manifest: str, output: str, *wishes: str) -> None:
    """Renders with the slots and looks that each vendor's variables name."""
    check = None
    if "--without-decoding" in wishes:
        check = quick_check
        longtake.rendering.render.make_pictures = no_pictures
    summary = asyncio.run(render_plain(manifest, output, load_account, check=check))
    assert summary.all_done, summary.line


async def load_account(written: str) -> tuple[Account, list[str]]:
    """The account of a row's vendor."""
    name = written.partition("/")[0].upper()
    load = accounts_of(
        os.environ,
        max_jobs_in_flight=int(os.environ[f"{name}_MAX_JOBS_IN_FLIGHT"]),
        poll_interval_seconds=float(os.environ[f"{name}_POLL_INTERVAL_SECONDS"]),
        max_wait_seconds=3600,
    )
    return await load(written)


if __name__ == "__main__":
    main(*sys.argv[1:])
