"""Flow: a manifest in; violations, requests, price and forecast out. Spends nothing."""

from __future__ import annotations

import json
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from blocks.credentials import load_account
from blocks.storage import load_clip_store
from flows._dates import fill_date
from flows._not_done import NotDoneError
from flows._observe.artifacts import FlowRunArtifacts, Shown
from flows._observe.observer import rename_flow_run, tag_flow_run
from flows._prefect_settings import check_file
from longtake.accounts.transport import redact
from longtake.domain.errors import ConfigurationError, ManifestError
from longtake.files.roots import reference_roots
from longtake.planning.options import (
    AtLeastOne,
    Choose,
    Dollars,
    OnRefused,
    RenderOptions,
    ReviewRule,
    Route,
    SlotOrder,
)
from longtake.planning.prepare import prepare
from longtake.planning.preview import PlanPreview
from longtake.reports.plan.markdown import harmless, plan_figures, summary_markdown, violations_table
from tasks.limits_in_force import limits_in_force

SUMMARY, VIOLATIONS = "longtake-plan", "longtake-violations"
LOGGED_VIOLATIONS = 100
MESSAGE_CHARACTERS = 4000


@flow(name="plan-manifest", persist_result=False)
async def plan_manifest(
    manifest: str,
    output: str | None = None,
    vendor: str | None = None,
    model: str | None = None,
    resolution: str | None = None,
    budget_usd: Dollars | None = None,
    reels: list[str] | None = None,
    limit_reels: AtLeastOne | None = None,
    order: SlotOrder = "fastest",
    route: Route = "prefer",
    on_refused: OnRefused = "hold",
    replace: bool = False,
    keep_followers: bool = False,
    max_attempts: AtLeastOne = 1,
    review: ReviewRule = "none",
    choose: Choose = "first",
    extension_template: str | None = None,
) -> Any:
    """Checks every row and reference and tells what a run would buy; spends nothing.

    The run's page gets a summary and a table of violations; the run's result are the plan's figures.

    Args:
        manifest: CSV, JSON Lines, Excel or Parquet file, folder or glob of Parquet; local or s3://.
            {date} is the scheduled day.
        output: Output whose ledger tells which rows are done; none: every row counts as new.
        vendor: Vendor for rows that name none; several with | between them.
        model: Model for rows that name none.
        resolution: Resolution for rows that name none, such as 720p; a chained shot has that of the shot before it.
        budget_usd: Most that the output may cost in US dollars.
        reels: Only these reels; patterns such as sku00* name several.
        limit_reels: Only the first so many reels, in manifest order, that still want something.
        order: Who gets the next slot: fastest, the shot with the longest chain still to make; manifest, the shot of
            the first reel.
        route: Of several vendors: prefer, in the order in which they are written; cheapest, the one whose highest
            price is lowest first.
        on_refused: What moderation, or a vendor, refused as it stands: hold it, or next, show it to the next of the
            vendors that its row names.
        replace: Whether changed shots would be bought again although their take was not raised.
        keep_followers: Whether what follows a shot whose take was raised would be kept.
        max_attempts: Purchases of one shot take in all, after the vendor's own retryable failure.
        review: Shots that will wait for a person's decision, where their row does not say.
        choose: Of several takes that nobody reviews: the first, or the best by findings and drift.
        extension_template: Wording of shots that continue from a clip, with {prompt} and {index} in it; off for none.
    """
    options = RenderOptions(
        manifest=await fill_date(manifest),
        output=await fill_date(output or ""),
        vendor=vendor,
        model=model,
        resolution=resolution,
        budget_usd=budget_usd,
        reels=tuple(reels or ()),
        limit_reels=limit_reels,
        order=order,
        route=route,
        on_refused=on_refused,
        replace=replace,
        keep_followers=keep_followers,
        max_attempts=max_attempts,
        review=review,
        choose=choose,
        extension_template=extension_template,
    )
    await rename_flow_run(f"plan {options.manifest}")
    try:
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
        view = await prepared.forecast()
    except (ManifestError, ConfigurationError) as error:
        return Failed(message=redact(str(error))[:MESSAGE_CHARACTERS])
    await tag_flow_run(account.partition("/")[0] for account in prepared.accounts)
    _log(view)
    await _show(view, options.manifest)
    figures = plan_figures(view)
    if figures.exit_code:
        return Failed(message=figures.line, data=NotDoneError(figures.line, figures))
    return Completed(message=figures.line, data=figures)


def _log(view: PlanPreview) -> None:
    logger = get_run_logger()
    for notice in view.notices:
        logger.warning(notice)
    for violation in view.plan.violations[:LOGGED_VIOLATIONS]:
        logger.log(30 if violation.warning else 40, redact(str(violation)))
    if (more := len(view.plan.violations) - LOGGED_VIOLATIONS) > 0:
        logger.warning("… and %d more violations and warnings", more)


async def _show(view: PlanPreview, title: str) -> None:
    """Puts the plan on the run's page; a retry replaces what stood there."""
    table = violations_table(view)
    violations = f"{len(view.plan.refusals):,} violations of {harmless(title)}"
    async with FlowRunArtifacts() as page:
        await page.show(SUMMARY, Shown("markdown", summary_markdown(view, title), "What a run would do and cost"))
        await page.show(VIOLATIONS, Shown("table", json.dumps(table), violations) if table else None)
