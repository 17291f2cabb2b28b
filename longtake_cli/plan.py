"""`longtake plan`: the whole manifest checked and shown, without a flow run; spends nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from longtake.domain.errors import ConfigurationError
from longtake.files.roots import reference_roots
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.planning.preview import PlanPreview
from longtake.reports.plan.markdown import plan_figures
from longtake.reports.plan.table import plan_json, plan_rows, print_plan
from longtake_cli.options import plan_options


def plan(chosen: argparse.Namespace) -> int:
    """Prints the plan; returns 0 where all rows fit, 2 where some do not.

    Args:
        chosen: The command's options.

    Raises:
        ManifestError: The manifest cannot be read.
        ConfigurationError: The output, the credentials or the extension template cannot be used, or a file that was
            asked for cannot be written.
    """
    view = asyncio.run(_prepared(plan_options(chosen)))
    print_plan(view)
    if chosen.json:
        _write(chosen.json, json.dumps(plan_json(view), ensure_ascii=False, indent=1).encode())
    if chosen.parquet:
        from longtake.reports.plan.parquet import plan_parquet  # noqa: PLC0415 - Arrow, for those who ask for it

        _write(chosen.parquet, plan_parquet(plan_rows(view)))
    return plan_figures(view).exit_code


def _write(file: str, data: bytes) -> None:
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None


async def _prepared(options: RenderOptions) -> PlanPreview:
    from blocks.credentials import load_account  # noqa: PLC0415 - Prefect is slow to import
    from blocks.storage import load_clip_store  # noqa: PLC0415
    from flows._prefect_settings import check_file  # noqa: PLC0415
    from tasks.limits_in_force import limits_in_force  # noqa: PLC0415

    prepared = await prepare(
        options,
        load_account=load_account,
        clip_store=await load_clip_store(),
        need_keys=False,
        reference_roots=reference_roots(),
        checks=check_file(),
    )
    prepared.accounts, notices = await limits_in_force(prepared.accounts)
    prepared.notices += notices
    return await prepared.forecast()
