"""`longtake plan`: the whole manifest checked and shown, without a flow run; spends nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from longtake.production import Wishes, prepare
from longtake.reports.plan_table import plan_json, print_plan
from longtake.reports.plan_view import PlanView
from longtake.roots import reference_roots


def plan(manifest: str, output: str | None, vendor: str | None, budget_usd: float | None, json_file: str | None) -> int:
    """Prints the plan; returns 0 where all rows fit, 2 where some do not.

    Raises:
        ManifestError: The manifest cannot be read.
        ConfigurationError: The output or the credentials cannot be used.
    """
    wishes = Wishes(manifest=manifest, output=output or "", vendor=vendor, budget_usd=budget_usd)
    view = asyncio.run(_prepared(wishes))
    print_plan(view)
    if json_file:
        Path(json_file).write_text(json.dumps(plan_json(view), ensure_ascii=False, indent=1), encoding="utf-8")
    return 2 if view.plan.refusals else 0


async def _prepared(wishes: Wishes) -> PlanView:
    from blocks.credentials import load_account  # noqa: PLC0415 - Prefect is slow to import
    from blocks.storage import load_clip_store  # noqa: PLC0415

    production = await prepare(
        wishes,
        load_account=load_account,
        clip_store=await load_clip_store(),
        need_keys=False,
        reference_roots=reference_roots(),
    )
    return await production.forecast()
