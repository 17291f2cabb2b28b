"""Submit: buy the clip of one order, at most once."""

from __future__ import annotations

from prefect import task

from blocks.credentials import load_account
from longtake.domain.job import Job
from longtake.jobs.order import Order
from longtake.jobs.resources import open_resources
from longtake.jobs.submit import buy
from tasks._policy import STEP


@task(name="submit", task_run_name="submit {order.shot_id}", **STEP)
async def submit_shot(order: Order) -> Job:
    """Buys one clip, unless the ledger of `order.output` says that it is bought.

    Args:
        order: What to buy, from whom, and the output whose ledger records it.

    Returns:
        The vendor's job; the same one when called again.

    Raises:
        longtake.domain.errors.UnknownOutcomeError: It may have been bought; it is never sent again by itself.
        longtake.domain.errors.VendorError: Refused, throttled or unreachable; nothing was bought.
    """
    order = order.identified()
    async with open_resources(load_account) as resources:
        session = await resources.session(order.account)
        return await buy(order, session, await resources.ledger(order.output), resources.budget)
