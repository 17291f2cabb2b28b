"""Flow: a manifest in; reels, clips and a results table out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel, Field

from blocks.credentials import load_account
from blocks.storage import load_clip_store
from flows._dates import dated
from flows._shares import render_in_children, shares
from flows._steps import office_of_run, run_id, task_steps
from flows._watch import BEGINNERS, WATCHERS
from longtake.errors import ConfigurationError, ManifestError
from longtake.plan import Shot
from longtake.production import Production, Wishes, WouldReplaceError, prepare
from longtake.reels import MadeReel
from longtake.rendering import Summary, as_recorded, render
from longtake.roots import reference_roots
from longtake.run import RunOptions
from tasks.stitch import stitch_reel

MESSAGE_CHARACTERS = 4000
"""The server keeps a state's message; a longer report stands in the log."""


class RenderEnd(BaseModel):
    """How a render ended, for the command line: its exit code, all in a line, and the reels."""

    exit_code: int
    line: str
    reels: list[MadeReel] = []


Count = Annotated[int, Field(ge=1)]
Dollars = Annotated[float, Field(ge=0)]


@flow(name="render-manifest", flow_run_name="render {manifest}", persist_result=False)
async def render_manifest(
    manifest: str,
    output: str,
    vendor: str | None = None,
    budget_usd: Dollars | None = None,
    on_unknown: Literal["hold", "resubmit"] = "hold",
    reels: list[str] | None = None,
    reels_per_run: Annotated[int, Field(ge=0)] = 0,
    limit: Count | None = None,
    skip_refused: bool = False,
    replace: bool = False,
    max_attempts: Count = 1,
    partial_reels: bool = False,
    fix_references: bool = False,
) -> Any:
    """Renders a manifest into an output. Running it again, or Retry, finishes what is missing and buys nothing twice.

    Args:
        manifest: CSV or Parquet file, folder or glob of Parquet; local or s3://. {date} is the scheduled day.
        output: Directory or s3:// address that holds ledger, clips, reels and results. {date} is the scheduled day.
        vendor: Vendor for rows that name none: powertokens, anyfast, evolink or jimmyai, or vendor/DOCUMENT.
        budget_usd: Most that this output may cost in US dollars, earlier runs included.
        on_unknown: What to do with submits whose outcome is unknown: hold them, or buy again (may pay twice).
        reels: Only these reels.
        reels_per_run: Above 0, reels are spread over child runs of so many reels each.
        limit: At most so many purchases in this run.
        skip_refused: Render the reels that have no violation instead of refusing the whole manifest.
        replace: Buy changed shots again although their take was not raised.
        max_attempts: Purchases of one shot take in all, after the vendor's own retryable failure.
        partial_reels: Make reels although shots are missing; they say so in name and receipt.
        fix_references: Scale, trim or transcode references that break a limit.
    """
    wishes = Wishes(
        manifest=manifest,
        output=output,
        vendor=vendor,
        budget_usd=budget_usd,
        on_unknown=on_unknown,
        reels=tuple(reels or ()),
        limit=limit,
        skip_refused=skip_refused,
        replace=replace,
        max_attempts=max_attempts,
        partial_reels=partial_reels,
        fix_references=fix_references,
    )
    return await render_wishes(wishes, reels_per_run)


async def render_wishes(wishes: Wishes, reels_per_run: int = 0) -> Any:
    """Prepares and renders inside a flow run; returns the state that the run ends in, its data a `RenderEnd`."""
    logger = get_run_logger()
    try:
        production = await prepared(wishes)
        for notice in production.notices:
            logger.warning(notice)
        if (refusal := production.refusal()) is not None:
            raise refusal
    except (ManifestError, ConfigurationError, WouldReplaceError) as error:
        words = f"refused, nothing spent: {error}"
        return Failed(message=words[:MESSAGE_CHARACTERS], data=RenderEnd(exit_code=2, line=words))
    if reels_per_run:
        await render_in_children(production.wishes, shares(production, reels_per_run))
        summary = await as_recorded(await prepared(wishes))
    else:
        summary = await render_production(production)
    end = RenderEnd(exit_code=0 if summary.all_done else 1, line=summary.line, reels=summary.reels_made)
    return (Completed if summary.all_done else Failed)(message=summary.line, data=end)


async def prepared(wishes: Wishes) -> Production:
    """The production of these wishes, with dates filled in and accounts from blocks or the environment."""
    dated_wishes = wishes.model_copy(
        update={"manifest": await dated(wishes.manifest), "output": await dated(wishes.output), "run": run_id()}
    )
    return await prepare(
        dated_wishes,
        load_account=load_account,
        clip_store=await load_clip_store(),
        reference_roots=reference_roots(),
    )


async def render_production(production: Production) -> Summary:
    """Renders a prepared production inside a flow run, its steps as task runs."""
    logger = get_run_logger()
    wishes = production.wishes

    def on_event(event: str, shot: Shot, words: str) -> None:
        logger.info("%s: %s%s", shot.shot_id, event, f", {words}" if words else "")
        for watcher in WATCHERS:
            watcher(event, shot, words)

    for begin in BEGINNERS:
        begin(production)
    options = RunOptions(
        output=wishes.output,
        run=wishes.run,
        on_unknown=wishes.on_unknown,
        max_attempts=wishes.max_attempts,
        limit=wishes.limit,
    )
    async with office_of_run() as office:
        return await render(
            production,
            office,
            steps=task_steps(wishes.output),
            stitch=stitch_reel,
            on_event=on_event,
            options=options,
        )
