"""A page of a vendor's list of jobs: ids, the tokens that came with their submits, and when they were made."""

from __future__ import annotations

from typing import NamedTuple

from longtake.domain.errors import UnexpectedReplyError
from longtake.vendors.answers.ids import job_id_of
from longtake.vendors.answers.replies import fields, words
from longtake.vendors.answers.reply import Reply


class ListedJob(NamedTuple):
    """One job of the list. `made_at` is Unix time by the vendor's clock, None where it does not tell."""

    job_id: str
    token: str
    made_at: float | None


class JobPage(NamedTuple):
    """One page; `total` is how many jobs the list says that it has, None where it does not."""

    jobs: tuple[ListedJob, ...]
    total: int | None


def read_page(reply: Reply, token_name: str) -> JobPage:
    """Reads `{items: [job, …], total}`.

    Args:
        reply: The answer.
        token_name: The field of a job in which its submit's token comes back.

    Raises:
        UnexpectedReplyError: It is something else, or holds a job without an id: what may be missing is not counted.
    """
    body = fields(reply.body)
    items = body.get("items")
    if not isinstance(items, list) or reply.torn:
        raise UnexpectedReplyError("the list of jobs cannot be read", http_status=reply.status)
    jobs = tuple(_job(fields(item), token_name) for item in items)
    if any(not job.job_id for job in jobs):
        raise UnexpectedReplyError("the list holds a job without an id", http_status=reply.status)
    total = body.get("total")
    return JobPage(jobs, total if isinstance(total, int) and not isinstance(total, bool) else None)


def _job(item: object, token_name: str) -> ListedJob:
    job = fields(item)
    made = job.get("created_at")
    at = float(made) if isinstance(made, int | float) and not isinstance(made, bool) else None
    return ListedJob(job_id_of(job.get("id")), words(job.get(token_name)), at)
