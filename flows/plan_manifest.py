"""Flow: a manifest in; violations, requests and standing of every row out. Spends nothing."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import Field

from blocks.credentials import load_account
from blocks.storage import load_clip_store
from flows._artifacts import NOT_DONE, RunPage, violations
from flows._dates import dated
from flows._watch import named, tagged
from longtake.errors import ConfigurationError, ManifestError
from longtake.production import Wishes, prepare
from longtake.roots import reference_roots
from longtake.transport import redact


@flow(name="plan-manifest", persist_result=False)
async def plan_manifest(
    manifest: str,
    output: str | None = None,
    vendor: str | None = None,
    budget_usd: Annotated[float, Field(ge=0)] | None = None,
) -> Any:
    """Checks every row and reference and tells what a run would buy; spends nothing.

    Args:
        manifest: CSV or Parquet file, folder or glob of Parquet; local or s3://. {date} is the scheduled day.
        output: Output whose ledger tells which rows are done; none: every row counts as new.
        vendor: Vendor for rows that name none.
        budget_usd: Most that the output may cost in US dollars.
    """
    wishes = Wishes(
        manifest=await dated(manifest), output=await dated(output or ""), vendor=vendor, budget_usd=budget_usd
    )
    await named(f"plan {wishes.manifest}")
    try:
        production = await prepare(
            wishes,
            load_account=load_account,
            clip_store=await load_clip_store(),
            need_keys=False,
            reference_roots=reference_roots(),
        )
    except (ManifestError, ConfigurationError) as error:
        return Failed(message=redact(str(error))[:4000])
    await tagged(account.partition("/")[0] for account in production.accounts)
    async with RunPage() as page:
        await page.show(NOT_DONE, violations(production.plan.refusals))
    logger = get_run_logger()
    for notice in production.notices:
        logger.warning(notice)
    for violation in production.plan.violations:
        logger.log(30 if violation.warning else 40, redact(str(violation)))
    words = f"{len(production.plan.shots)} shots, {len(production.plan.refusals)} violations"
    return (Failed if production.plan.refusals else Completed)(message=words)
