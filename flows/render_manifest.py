"""Flow: a manifest in; reels, clips and a results table out."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel

from blocks.credentials import load_account
from blocks.labels import load_signing_identity
from blocks.storage import load_clip_store
from flows._child_runs import render_in_children, shares
from flows._dates import fill_date
from flows._detour import even_without_server
from flows._endings import ended_in_words
from flows._not_done import NotDoneError
from flows._observe.artifacts import NOT_DONE, FlowRunArtifacts, state_message, violations
from flows._observe.observer import rename_flow_run, show_end, tag_flow_run, tell_end, watched
from flows._prefect_settings import check_file
from flows._steps import resources_of_run, run_id, task_steps
from longtake.accounts.transport import redact
from longtake.domain.errors import ConfigurationError, InvalidManifestError, ManifestError
from longtake.domain.text import visible
from longtake.files.roots import reference_roots
from longtake.media.checking.policy import DriftLimits, GatePolicy
from longtake.media.stitching.receipt import ReelStyle
from longtake.planning.options import (
    IN_A_ROW,
    AtLeastOne,
    Choose,
    Count,
    Dollars,
    OnRefused,
    OnUnknown,
    RenderOptions,
    ReviewRule,
    Route,
    SlotOrder,
)
from longtake.planning.prepare import PreparedRun, WouldReplaceError, prepare
from longtake.rendering.output.labels import ready_to_sign
from longtake.rendering.output.reels import MadeReel
from longtake.rendering.render import as_recorded, render
from longtake.rendering.summary import Summary
from tasks.limits_in_force import limits_in_force
from tasks.stitch import stitch_reel

MESSAGE_CHARACTERS = 4000
"""The server keeps a state's message; a longer report stands in the log."""


class RenderEnd(BaseModel):
    """How a render ended, for the command line: its exit code, all in a line, and the reels."""

    exit_code: int
    line: str
    reels: list[MadeReel] = []


@flow(name="render-manifest", persist_result=False)
async def render_manifest(
    manifest: str,
    output: str,
    vendor: str | None = None,
    model: str | None = None,
    resolution: str | None = None,
    budget_usd: Dollars | None = None,
    on_unknown: OnUnknown = "hold",
    reels: list[str] | None = None,
    reels_per_run: Count = 0,
    limit: Count | None = None,
    limit_reels: AtLeastOne | None = None,
    order: SlotOrder = "fastest",
    route: Route = "prefer",
    on_refused: OnRefused = "hold",
    brake: Count = IN_A_ROW,
    skip_refused: bool = False,
    replace: bool = False,
    keep_followers: bool = False,
    verify: bool = False,
    max_attempts: AtLeastOne = 1,
    review: ReviewRule = "none",
    choose: Choose = "first",
    partial_reels: bool = False,
    fix_references: bool = False,
    label: bool = False,
    reel_style: ReelStyle | None = None,
    gate: GatePolicy | None = None,
    drift_limits: DriftLimits | None = None,
    extension_template: str | None = None,
) -> Any:
    """Renders a manifest into an output. Running it again, or Retry, finishes what is missing and buys nothing twice.

    Args:
        manifest: CSV, JSON Lines, Excel or Parquet file, folder or glob of Parquet; local or s3://.
            {date} is the scheduled day.
        output: Directory or s3:// address that holds ledger, clips, reels and results. {date} is the scheduled day.
        vendor: Vendor for rows that name none, such as evolink, or vendor/DOCUMENT; several with | between them.
            `longtake vendors` lists all.
        model: Model for rows that name none; shots that were bought keep theirs.
        resolution: Resolution for rows that name none, such as 720p; a chained shot has that of the shot before it.
        budget_usd: Most that this output may cost in US dollars, earlier runs included.
        on_unknown: What to do with submits whose outcome is unknown: hold them, or buy again (may pay twice).
        reels: Only these reels; patterns such as sku00* name several.
        reels_per_run: Above 0, reels are spread over child runs of so many reels each.
        limit: At most so many purchases in this run, whole reels first, in manifest order; 0 buys nothing.
        limit_reels: Only the first so many reels, in manifest order, that still want something.
        order: Who gets the next slot: fastest, the shot with the longest chain still to make, so that the run ends
            soon; manifest, the shot of the first reel, so that the first films are there first.
        route: Of several vendors: prefer, in the order in which they are written; cheapest, the one whose highest
            price is lowest first.
        on_refused: What moderation, or a vendor, refused as it stands: hold it, or next, show it to the next of the
            vendors that its row names.
        brake: A vendor's account is held once so many of its clips in a row were paid and not got; 0 switches it off.
        skip_refused: Render the reels that have no violation instead of refusing the whole manifest.
        replace: Buy changed shots again although their take was not raised.
        keep_followers: Keep what follows a shot whose take was raised, and join it to the new take.
        verify: Read each clip that is on S3 in full and compare its hash; without, its size tells.
        max_attempts: Purchases of one shot take in all, after the vendor's own retryable failure.
        review: Shots that wait for a person's decision before anything continues from them and before their reel is
            made, where their row does not say: none, the first of each reel, all that another continues from, or all.
        choose: Of several takes that nobody reviews: the first, or the best by findings and drift.
        partial_reels: Make reels although shots are missing; they say so in name and receipt.
        fix_references: Scale, trim or transcode references that break a limit.
        label: Sign films as made by AI (C2PA, AIGC), with the certificate of the block content-credentials/default.
        reel_style: Size, rate, fit, crossfade and loudness of the reels.
        gate: What each check of a downloaded clip means: strict (bad_clip), warn or off.
        drift_limits: Hold a chain whose last clip has drifted further from its first.
        extension_template: Wording of shots that continue from a clip, with {prompt} and {index} in it; off for none.
    """
    options = RenderOptions(
        manifest=manifest,
        output=output,
        vendor=vendor,
        model=model,
        resolution=resolution,
        budget_usd=budget_usd,
        on_unknown=on_unknown,
        reels=tuple(reels or ()),
        limit=limit,
        limit_reels=limit_reels,
        order=order,
        route=route,
        on_refused=on_refused,
        brake=brake,
        skip_refused=skip_refused,
        replace=replace,
        keep_followers=keep_followers,
        verify=verify,
        max_attempts=max_attempts,
        review=review,
        choose=choose,
        partial_reels=partial_reels,
        fix_references=fix_references,
        label=label,
        reel_style=reel_style or ReelStyle(),
        gate=gate or GatePolicy(),
        drift_limits=drift_limits,
        extension_template=extension_template,
    )
    return await render_prepared(options, reels_per_run)


async def render_prepared(options: RenderOptions, reels_per_run: int = 0) -> Any:
    """Prepares and renders inside a flow run; returns the state that it ends in, a `RenderEnd` in it."""
    return await ended_in_words(_to_the_end(options, reels_per_run))


async def _to_the_end(options: RenderOptions, reels_per_run: int) -> Any:
    options = await _dated(options)
    reels = f": {', '.join(options.reels)}" if options.reels else ""
    await rename_flow_run(f"render {options.manifest}{reels}")
    async with FlowRunArtifacts() as page:
        return await _rendered(options, reels_per_run, page)


async def _rendered(options: RenderOptions, reels_per_run: int, page: FlowRunArtifacts) -> Any:
    logger = get_run_logger()
    try:
        signing = await ready_to_sign(load_signing_identity) if options.label else None
        prepared = await prepare(
            options,
            load_account=load_account,
            clip_store=await load_clip_store(),
            reference_roots=reference_roots(),
            checks=check_file(),
        )
        prepared.signing = signing
        prepared.notices += [words] if signing is not None and (words := signing.signer.notice()) else []
        await tag_flow_run({account.partition("/")[0] for account in prepared.accounts})
        prepared.accounts, differing = await limits_in_force(prepared.accounts)
        for notice in [*prepared.notices, *differing]:
            logger.warning(notice)
        if (refusal := prepared.refusal()) is not None:
            raise refusal
        children = await render_in_children(prepared.options, shares(prepared, reels_per_run), page)
    except (ManifestError, ConfigurationError, WouldReplaceError) as error:
        return await _refused(error, page)
    if reels_per_run:
        summary = await as_recorded(prepared, [str(child.id) for child in children])
    else:
        try:
            summary = await render_in_flow(prepared, page)
        except ConfigurationError as error:  # raised before the first purchase alone
            return await _refused(error, page)
    await show_end(page, prepared, summary)
    message = state_message(summary, prepared.store)
    end = RenderEnd(exit_code=0 if summary.all_done else 1, line=message, reels=list(summary.reels_made))
    tell_end(end)
    if summary.all_done:
        return Completed(message=message, data=end)
    return Failed(message=message, data=NotDoneError(message, end))


async def _refused(error: Exception, page: FlowRunArtifacts) -> Any:
    words = redact(f"refused, nothing spent: {error}")
    if isinstance(error, InvalidManifestError):
        await page.show(NOT_DONE, violations(error.violations))
    end = NotDoneError(words, RenderEnd(exit_code=2, line=words))
    return Failed(message=visible(words, MESSAGE_CHARACTERS), data=end)


async def _dated(options: RenderOptions) -> RenderOptions:
    found = {"manifest": await fill_date(options.manifest), "output": await fill_date(options.output), "run": run_id()}
    return options.model_copy(update=found)


async def render_in_flow(prepared: PreparedRun, page: FlowRunArtifacts) -> Summary:
    """Renders a prepared run inside a flow run, its steps as task runs."""
    async with resources_of_run() as resources, watched(prepared, page, resources.scarcity) as watch:
        resources.signing = prepared.signing.identity if prepared.signing else None
        summary = await render(
            prepared,
            resources,
            steps=task_steps(prepared.options.output, watch.purchased),
            stitch=watch.stitching(even_without_server(stitch_reel)),
            on_event=watch.event,
            on_end=watch.ended,
        )
        await watch.waiting()
        return summary
