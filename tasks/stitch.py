"""Stitch: join the clips of a reel."""

from __future__ import annotations

import logging
from collections.abc import Callable

from prefect import task
from prefect.logging import get_run_logger

from blocks.credentials import load_account
from blocks.labels import load_signing_identity
from longtake.jobs.resources import open_resources
from longtake.rendering.output.reel_order import ReelOrder
from longtake.rendering.output.reels import MadeReel, make_reel
from tasks._policy import STEP


@task(name="stitch", task_run_name="stitch {order.reel}", **STEP)
async def stitch_reel(order: ReelOrder) -> MadeReel:
    """Makes a reel and its receipt in `order.output`; a reel that stands there already is left alone.

    Args:
        order: The clips, in order, and how to join them.

    Raises:
        longtake.domain.errors.MediaError: A clip cannot be used.
    """
    async with open_resources(load_account) as resources:
        ledger = await resources.ledger(order.output)
        signing = resources.signing
        if order.label is not None and signing is None:
            signing = await load_signing_identity()
        progress = _quarters(order.reel, get_run_logger())
        return await make_reel(order, ledger.store, resources.workers, progress, signing)


def _quarters(reel: str, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> Callable[[float], None]:
    """Logs a film's progress four times, however often it is told of."""
    told = 0

    def tell(share: float) -> None:
        nonlocal told
        if int(share * 4) > told:
            told = int(share * 4)
            logger.info("%s: %d %% of the reel is made", reel, told * 25)

    return tell
