"""The library's steps as Prefect tasks, and the resources of a flow run: slots from Prefect, accounts from blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager

import httpx
from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import flow_run

from blocks.credentials import load_account
from flows._detour import even_without_server
from longtake.domain.job import Clip, Job, JobSnapshot
from longtake.jobs.order import Order
from longtake.jobs.resources import RunResources, open_resources
from longtake.rendering.run import Steps
from tasks._concurrency_limit import PrefectSlots
from tasks._policy import vendor_tags
from tasks.download import download_clip
from tasks.poll import await_job
from tasks.submit import submit_shot

SERVER_AWAY = "the Prefect server does not answer, and nothing is bought without it"
OnPurchase = Callable[[Order, Job], None]
MOST_LINKS = 20_000
"""Links from results to the task runs that gave them, of which a shot leaves about thirty."""


def resources_of_run() -> AbstractAsyncContextManager[RunResources]:
    """The resources whose slots are shared, through Prefect limits, with every other run on this server."""
    return open_resources(load_account, PrefectSlots)


def task_steps(output: str, on_purchase: OnPurchase = lambda order, job: None) -> Steps:
    """Submit, poll and download as task runs tagged with their vendor.

    Args:
        output: The output whose ledger knows the jobs.
        on_purchase: Called with every order whose job was bought now, not found in the ledger.
    """

    async def submit(order: Order) -> Job:
        with _servers_faults():
            job = await submit_shot.with_options(**vendor_tags(order.account))(order)
        if job.run == order.run:
            on_purchase(order, job)
        return job

    async def follow(job: Job, taken_up: bool) -> JobSnapshot:
        poll = await_job.with_options(**vendor_tags(job.account))
        return await even_without_server(poll)(job, output, taken_up)

    async def download(job: Job, link: str | None) -> Clip:
        fetch = download_clip.with_options(**vendor_tags(job.account))
        clip = await even_without_server(fetch)(job, output, link)
        _forget_old_links()
        return clip

    return Steps(submit=submit, await_job=follow, download=download)


@contextlib.contextmanager
def _servers_faults() -> Generator[None]:
    """Nothing is bought without the Prefect server, which counts the slots; a row is told so in words.

    Raises:
        ConnectionError: In place of what Prefect and its client raise.
    """
    try:
        yield
    except (ConcurrencySlotAcquisitionError, httpx.TransportError, PrefectHTTPStatusError) as error:
        raise ConnectionError(f"{SERVER_AWAY} ({type(error).__name__})") from error


def _forget_old_links() -> None:
    """Lets go of the oldest links, which Prefect keeps till the flow ends: 10 kB for every shot long done."""
    if (context := FlowRunContext.get()) is not None:
        while len(context.run_results) > MOST_LINKS:
            del context.run_results[next(iter(context.run_results))]


def run_id() -> str:
    """The flow run's id, as the ledger records it; "" outside a run."""
    return str(flow_run.id or "")
