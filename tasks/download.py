"""Download: bring the clip of a finished job home, through the quality gate, into the ledger."""

from __future__ import annotations

import asyncio

from prefect import task

from blocks.credentials import load_account
from longtake.domain.job import Clip, Job
from longtake.jobs.download import download_clip as fetch_into_ledger
from longtake.jobs.gate import gate
from longtake.jobs.resources import open_resources
from longtake.ledger.records import Expectation
from longtake.media.checking.policy import GatePolicy
from tasks._policy import STEP


@task(name="download", task_run_name="download {job.shot_id}", **STEP)
async def download_clip(job: Job, output: str, link: str | None = None, policy: GatePolicy | None = None) -> Clip:
    """Fetches a finished job's clip; the vendor's key never goes to the media host.

    Args:
        job: A job that ended well.
        output: The output whose ledger keeps the clip.
        link: The vendor's link, where it was just told; else the vendor is asked.
        policy: Which checks are strict; by default as the run that bought it said.

    Returns:
        The clip; the same one, without a fetch, when called again.

    Raises:
        longtake.domain.errors.JobLostError: The vendor no longer has it.
        longtake.domain.errors.UnfitClipError: It came, is kept, and did not pass the gate.
        longtake.domain.errors.StillRunningError: The media host does not give it now.
        longtake.domain.errors.MachineError: A fault of our own machine; what was fetched is kept.
    """
    async with open_resources(load_account) as resources:
        ledger = await resources.ledger(output)
        session = await resources.session(job.account)
        purchase = await asyncio.to_thread(ledger.latest, job.identity)
        wanted = purchase.intent.expected if purchase.intent else Expectation()
        check = gate(wanted, resources.workers, policy)
        return await fetch_into_ledger(job, session, ledger, resources.media, check, link=link)
