"""Flow: paid jobs without a file and unknown outcomes are settled; nothing is ever bought."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows._dates import fill_date
from flows._endings import ended_in_words
from flows._observe.events import links_dying
from flows._observe.observer import rename_flow_run
from flows._steps import resources_of_run, task_steps
from longtake.domain.errors import ConfigurationError
from longtake.jobs.reconcile import Decisions, ReconcileReport, dying_links, outputs_at, reconcile
from longtake.settings import settings

log = logging.getLogger("longtake.jobs.reconcile")

TELL: ContextVar[Callable[[str], None]] = ContextVar("longtake_reconcile_tell", default=lambda words: None)
"""Where the command line is told what was settled and what is open, line by line."""
OUTPUTS_AT_ONCE = 4


@flow(name="reconcile-jobs", persist_result=False)
async def reconcile_jobs(
    output: str,
    adopt: dict[str, str] | None = None,
    resubmit: list[str] | None = None,
    give_up: list[str] | None = None,
    unseen: bool = False,
) -> Any:
    """Brings home what is paid and not yet here; settles unknown outcomes as a person decides.

    Args:
        output: Directory or s3:// address of an output; or a folder above outputs, and all of them are reconciled.
        adopt: Unknown outcomes whose job was found at the vendor, as {"reel/shot": "job id"}; again, with another id,
            where the first brought no clip.
        resubmit: Unknown outcomes to buy again in the next run, as reel/shot. May pay twice.
        give_up: Unknown outcomes to close without a clip, as reel/shot.
        unseen: Adopt a job though its vendor cannot be asked about it, or tells other things of it than were ordered.
    """
    return await ended_in_words(
        _reconciled(output, Decisions(adopt or {}, resubmit or (), give_up or (), unseen=unseen))
    )


async def _reconciled(output: str, decisions: Decisions) -> Any:
    logger = get_run_logger()
    tell = TELL.get()
    place = await fill_date(output)
    await rename_flow_run(f"reconcile {place}")
    try:
        settings()
        report = await _settled(place, decisions)
    except ConfigurationError as error:
        return Failed(message=str(error))
    for words in report.settled:
        logger.info(words)
        tell(words)
    for shot_id, reason in report.open.items():
        logger.warning("%s is open: %s", shot_id, reason)
        tell(f"{shot_id} is open: {reason}")
    return (Failed if report.open else Completed)(message=report.line)


async def _settled(place: str, decisions: Decisions) -> ReconcileReport:
    """Settles the output at a place, or all outputs below it."""
    outputs = await asyncio.to_thread(outputs_at, place)
    if decisions and len(outputs) > 1:
        raise ConfigurationError(
            f"{place} holds {len(outputs)} outputs; decide about shots of one, such as {outputs[0]}"
        )
    places = asyncio.Semaphore(OUTPUTS_AT_ONCE)
    async with resources_of_run() as resources:

        async def settled(output: str) -> ReconcileReport:
            ledger, steps = await resources.ledger(output), task_steps(output)
            end = await reconcile(ledger, resources, decisions, await_job=steps.await_job, download=steps.download)
            if end.open and (expiries := await asyncio.to_thread(dying_links, ledger)):
                links_dying(ledger.store.url, expiries)
            return end

        async def alone(output: str) -> ReconcileReport:
            """One output's fault does not stop the others."""
            try:
                async with places:
                    return await settled(output)
            except Exception as error:
                if decisions:
                    raise
                log.exception("%s could not be settled", output)
                return ReconcileReport(open={"the output": f"{type(error).__name__}: {error}"})

        reports = await asyncio.gather(*(alone(output) for output in outputs))
    if len(outputs) == 1:
        return reports[0]
    return ReconcileReport.together(dict(zip(outputs, reports, strict=True)))
