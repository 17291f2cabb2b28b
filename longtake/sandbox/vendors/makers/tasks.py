"""The list of an account's tasks, in pages, as truthful as the settings say; and deleting one, which depends on its
state.
"""

from __future__ import annotations

import random
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Refused, Why, demand
from longtake.sandbox.state import Back, Endpoint
from longtake.sandbox.vendors._dialect import DAY_SECONDS, Dialect

TASKS = "/contents/generations/tasks"

_KNOWN_DAYS = 7
_STATUSES = frozenset({"queued", "running", "cancelled", "succeeded", "failed"})


def task_routes(endpoint: Endpoint, dialect: Dialect) -> list[Route]:
    """`GET` of all tasks, `DELETE` of one."""
    back = endpoint.back

    async def listed(request: Request, account: str) -> Response:
        found = _filtered(request, _known(back, endpoint.name, account))
        start, size = _page(request, back)
        end = start + size
        if start and back.settings.list_pages == "repeating":
            start, end = start - 1, end - 1
        elif start and back.settings.list_pages == "skipping":
            start, end = start + 1, end + 1
        origin = f"http://{request.headers['host']}"
        items = [dialect.look(job, endpoint.view(job, origin)) for job in found[start:end]]
        return JSONResponse({"items": items, "total": len(found)})

    async def deleted(request: Request, account: str) -> Response:
        job = back.jobs.find(request.path_params["job_id"])
        if job is None or job.is_erased or (job.vendor, job.account) != (endpoint.name, account):
            raise Refused(Why.UNKNOWN_JOB, request.path_params["job_id"])
        if job.status in ("running", "cancelled"):
            raise Refused(Why.WRONG_STATE, f"a task that is {job.status} cannot be deleted")
        if job.status == "queued":
            job.end("cancelled")
        else:
            job.is_erased = True
        return JSONResponse({})

    return [
        Route(TASKS, endpoint.guarded("list", listed), methods=["GET"]),
        Route(f"{TASKS}/{{job_id}}", endpoint.guarded("cancel", deleted), methods=["DELETE"]),
    ]


def _known(back: Back, vendor: str, account: str) -> list[Job]:
    oldest = time.time() - _KNOWN_DAYS * DAY_SECONDS
    settings = back.settings
    visible_from = time.monotonic() - settings.list_late_seconds
    found = [
        job
        for job in back.jobs
        if (job.vendor, job.account) == (vendor, account)
        and not job.is_erased
        and job.accepted_at >= oldest
        and job.begins <= visible_from
    ]
    if settings.list_order == "random":
        random.shuffle(found)
    return found[::-1] if settings.list_order == "newest" else found


def _filtered(request: Request, jobs: list[Job]) -> list[Job]:
    asked = request.query_params
    if (status := asked.get("filter.status")) is not None:
        demand(status in _STATUSES, "filter.status: unknown")
        jobs = [job for job in jobs if job.status == status]
    if wanted := asked.getlist("filter.task_ids"):
        jobs = [job for job in jobs if job.job_id in wanted]
    if (model := asked.get("filter.model")) is not None:
        demand(model.startswith("ep-"), "filter.model: an endpoint id")
    return jobs


def _page(request: Request, back: Back) -> tuple[int, int]:
    """Where the page begins, and how many jobs it has."""
    try:
        number = int(request.query_params.get("page_num", "1"))
        size = int(request.query_params.get("page_size", "20"))
    except ValueError:
        raise Refused(Why.BAD_REQUEST, "page_num and page_size are numbers") from None
    demand(1 <= number <= 500 and 1 <= size <= 500, "page_num and page_size: 1 to 500")
    size = min(size, back.settings.list_page_jobs)
    return (number - 1) * size, size
