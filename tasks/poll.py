"""Poll: wait for one job's end. One task per job; the looks are made by the account's shared poller."""

from __future__ import annotations

from prefect import task

from blocks.credentials import load_account
from longtake.domain.job import Job, JobSnapshot
from longtake.jobs.resources import open_resources
from longtake.jobs.wait import await_end
from tasks._policy import STEP


@task(name="poll", task_run_name="poll {job.shot_id}", **STEP)
async def await_job(job: Job, output: str, taken_up: bool = False) -> JobSnapshot:
    """Waits for a job to end well and records its end in the ledger of `output`.

    Args:
        job: As `submit_shot` returned it.
        output: The output whose ledger knows the job.
        taken_up: The job comes from an earlier run: look at once.

    Returns:
        The last look, with a live link to the clip.

    Raises:
        longtake.domain.errors.StillRunningError: Waited `max_wait_seconds`; the job runs on and can be taken up again.
        longtake.domain.errors.JobError: It failed, was cancelled, expired or got lost.
    """
    async with open_resources(load_account) as resources:
        return await await_end(
            job, await resources.session(job.account), await resources.ledger(output), taken_up=taken_up
        )
