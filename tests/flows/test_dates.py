"""`{date}` in a path: the first scheduled day, in the schedule's zone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule

from flows._dates import fill_date
from tests.flows.conftest import PrefectServer

LATE_IN_LONDON = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


@flow
def anything() -> None:
    """Has deployments of these tests."""


async def deployment(*zones: str) -> uuid.UUID:
    schedules: list[Any] = [
        DeploymentScheduleCreate(schedule=CronSchedule(cron=f"0 {hour} * * *", timezone=zone), active=False)
        for hour, zone in enumerate(zones)
    ]
    async with get_client() as client:
        flow_id = await client.create_flow(anything)
        return await client.create_deployment(flow_id, name=f"d-{uuid.uuid4()}", schedules=schedules)


@pytest.mark.parametrize(
    ("zones", "day"),
    [
        (["UTC"], "2026-11-20"),
        (["Asia/Tokyo"], "2026-11-21"),
        (["Asia/Tokyo", "Asia/Tokyo"], "2026-11-21"),
        (["Asia/Tokyo", "America/Lima"], "2026-11-20"),
        ([], "2026-11-20"),
    ],
)
async def test_the_day_is_the_schedules_and_utc_where_schedules_disagree(
    prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch, zones: list[str], day: str
):
    run = SimpleNamespace(expected_start_time=LATE_IN_LONDON, deployment_id=await deployment(*zones))
    monkeypatch.setattr("flows._dates.FlowRunContext", SimpleNamespace(get=lambda: SimpleNamespace(flow_run=run)))

    assert await fill_date("s3://films/{date}/{date}.csv") == f"s3://films/{day}/{day}.csv"


async def test_a_path_without_a_date_is_left_as_it_is():
    assert await fill_date("films/{reel}.csv") == "films/{reel}.csv"
