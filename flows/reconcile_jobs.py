"""Flow: paid jobs without a file and unknown outcomes are settled; nothing is ever bought."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows._dates import dated
from flows._steps import office_of_run, task_steps
from longtake.errors import ConfigurationError
from longtake.reconcile import Decisions, reconcile


@flow(name="reconcile-jobs", flow_run_name="reconcile {output}", persist_result=False)
async def reconcile_jobs(
    output: str,
    adopt: dict[str, str] | None = None,
    resubmit: list[str] | None = None,
    give_up: list[str] | None = None,
) -> Any:
    """Brings home what is paid and not yet here; settles unknown outcomes as a person decides.

    Args:
        output: Directory or s3:// address whose ledger is reconciled.
        adopt: Unknown outcomes whose job was found at the vendor, as {"reel/shot": "job id"}.
        resubmit: Unknown outcomes to buy again in the next run, as reel/shot. May pay twice.
        give_up: Unknown outcomes to close without a clip, as reel/shot.
    """
    logger = get_run_logger()
    place = await dated(output)
    decisions = Decisions(adopt or {}, resubmit or (), give_up or ())
    async with office_of_run() as office:
        ledger = await office.ledger(place)
        steps = task_steps(place)
        try:
            settlement = await reconcile(ledger, office, decisions, await_job=steps.await_job, download=steps.download)
        except ConfigurationError as error:
            return Failed(message=str(error))
    for words in settlement.settled:
        logger.info(words)
    for shot_id, reason in settlement.open.items():
        logger.warning("%s is open: %s", shot_id, reason)
    await asyncio.sleep(0)
    return (Failed if settlement.open else Completed)(message=settlement.line)
