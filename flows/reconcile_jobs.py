"""Flow: paid jobs without a file and unknown outcomes are settled; nothing is ever bought."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows._dates import dated
from flows._endings import ended_in_words
from flows._events import links_dying
from flows._steps import office_of_run, task_steps
from flows._watch import named
from longtake.errors import ConfigurationError
from longtake.reconcile import Decisions, Settlement, dying_links, outputs_at, reconcile
from longtake.settings import settings


@flow(name="reconcile-jobs", persist_result=False)
async def reconcile_jobs(
    output: str,
    adopt: dict[str, str] | None = None,
    resubmit: list[str] | None = None,
    give_up: list[str] | None = None,
) -> Any:
    """Brings home what is paid and not yet here; settles unknown outcomes as a person decides.

    Args:
        output: Directory or s3:// address of an output; or a folder above outputs, and all of them are reconciled.
        adopt: Unknown outcomes whose job was found at the vendor, as {"reel/shot": "job id"}.
        resubmit: Unknown outcomes to buy again in the next run, as reel/shot. May pay twice.
        give_up: Unknown outcomes to close without a clip, as reel/shot.
    """
    return await ended_in_words(_reconciled(output, Decisions(adopt or {}, resubmit or (), give_up or ())))


async def _reconciled(output: str, decisions: Decisions) -> Any:
    logger = get_run_logger()
    place = await dated(output)
    await named(f"reconcile {place}")
    try:
        settings()
        settlement = await _settled(place, decisions)
    except ConfigurationError as error:
        return Failed(message=str(error))
    for words in settlement.settled:
        logger.info(words)
    for shot_id, reason in settlement.open.items():
        logger.warning("%s is open: %s", shot_id, reason)
    return (Failed if settlement.open else Completed)(message=settlement.line)


async def _settled(place: str, decisions: Decisions) -> Settlement:
    """Settles the output at a place, or all outputs below it."""
    outputs = await asyncio.to_thread(outputs_at, place)
    if decisions and len(outputs) > 1:
        raise ConfigurationError(
            f"{place} holds {len(outputs)} outputs; decide about shots of one, such as {outputs[0]}"
        )
    async with office_of_run() as office:

        async def settled(output: str) -> Settlement:
            ledger, steps = await office.ledger(output), task_steps(output)
            end = await reconcile(ledger, office, decisions, await_job=steps.await_job, download=steps.download)
            if end.open and (expiries := await asyncio.to_thread(dying_links, ledger)):
                links_dying(ledger.store.url, expiries)
            return end

        settlements = await asyncio.gather(*(settled(output) for output in outputs))
    if len(outputs) == 1:
        return settlements[0]
    return Settlement.together(dict(zip(outputs, settlements, strict=True)))
