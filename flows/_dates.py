"""`{date}` in a path: the day of the run's first scheduled time, in the schedule's zone, the same on Retry."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

PLACEHOLDER = "{date}"


async def fill_date(path: str) -> str:
    """The path with `{date}` filled in as `YYYY-MM-DD`."""
    context = FlowRunContext.get()
    return await fill_date_of(path, context.flow_run if context else None)


async def fill_date_of(path: str, run: FlowRun | None) -> str:
    """The path with the day of a run filled in; of none, today's."""
    if PLACEHOLDER not in path:
        return path
    moment = (run.expected_start_time if run else None) or datetime.now(UTC)
    zone = await _zone_of(run.deployment_id) if run and run.deployment_id else UTC
    return path.replace(PLACEHOLDER, moment.astimezone(zone).date().isoformat())


async def _zone_of(deployment_id: UUID) -> tzinfo:
    async with get_client() as client:
        deployment = await client.read_deployment(deployment_id)
    names = {getattr(schedule.schedule, "timezone", None) for schedule in deployment.schedules}
    names.discard(None)
    return ZoneInfo(str(names.pop())) if len(names) == 1 else UTC
