"""Flow: one reel of a manifest alone."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.render_manifest import render_prepared
from longtake.planning.options import Dollars, RenderOptions


@flow(name="render-reel", persist_result=False)
async def render_reel(
    manifest: str, output: str, reel: str, vendor: str | None = None, budget_usd: Dollars | None = None
) -> Any:
    """Renders one reel of a manifest into an output, with the same ledger, limits and results as the whole manifest.

    Args:
        manifest: CSV, JSON Lines, Excel or Parquet file, folder or glob of Parquet; local or s3://.
            {date} is the scheduled day.
        output: Directory or s3:// address that holds ledger, clips, reels and results. {date} is the scheduled day.
        reel: The reel's name in the manifest.
        vendor: Vendor for rows that name none; several with | between them.
        budget_usd: Most that this output may cost in US dollars, earlier runs included.
    """
    return await render_prepared(
        RenderOptions(manifest=manifest, output=output, reels=(reel,), vendor=vendor, budget_usd=budget_usd)
    )
