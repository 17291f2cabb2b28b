"""The same manifest by two naive pipelines: `python -m tests.benchmarks.whole_runs.peers asyncio|prefect MANIFEST OUT`.

Neither keeps a ledger, checks a clip or makes a reel; both look at each job once a second and download what ends. How
each vendor is spoken to is ours, so that only the pipelines differ. Slots come from `<VENDOR>_MAX_JOBS_IN_FLIGHT`.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import time
from pathlib import Path

import httpx

from longtake.domain.request import ShotRequest
from longtake.vendors import Reply, adapter_named

LOOK_SECONDS = 1.0
Row = dict[str, str]


def limit_of(vendor: str) -> int:
    return int(os.environ[f"{vendor.upper()}_MAX_JOBS_IN_FLIGHT"])


def call_arguments(vendor: str, call) -> tuple[str, str, dict]:
    base, key = os.environ[f"{vendor.upper()}_BASE_URL"], os.environ[f"{vendor.upper()}_API_KEY"]
    return call.method, base + call.path, {"json": call.json, "headers": {"Authorization": f"Bearer {key}"}}


def submit_call(row: Row):
    request = ShotRequest(
        prompt=row["prompt"],
        duration_seconds=int(row["duration_seconds"]),
        resolution=row["resolution"],
        ratio=row["ratio"],
    )
    return adapter_named(row["vendor"]).encode(request)


def read(reply: httpx.Response) -> Reply:
    return Reply(status=reply.raise_for_status().status_code, body=reply.json())


async def run_asyncio(rows: list[Row], output: Path) -> None:
    """A semaphore per vendor and one coroutine per row, as one writes it in an afternoon."""
    slots = {vendor: asyncio.Semaphore(limit_of(vendor)) for vendor in {row["vendor"] for row in rows}}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:

        async def made(row: Row) -> None:
            adapter = adapter_named(row["vendor"])
            async with slots[row["vendor"]]:
                method, url, more = call_arguments(adapter.name, submit_call(row))
                job_id = adapter.accepted(read(await client.request(method, url, **more))).job_id
                while True:
                    await asyncio.sleep(LOOK_SECONDS)
                    method, url, more = call_arguments(adapter.name, adapter.look(job_id))
                    snapshot = adapter.snapshot(read(await client.request(method, url, **more)))
                    if snapshot.status.is_terminal:
                        break
            async with client.stream("GET", snapshot.video_url) as reply:
                with (output / f"{row['id']}.mp4").open("wb") as file:
                    async for chunk in reply.aiter_bytes():
                        file.write(chunk)

        await asyncio.gather(*map(made, rows))


def run_prefect(rows: list[Row], output: Path) -> None:
    """`task.map` on threads, a Prefect concurrency limit per vendor around each job, as Prefect's pages show it."""
    from prefect import flow, get_client, task
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.concurrency.sync import concurrency
    from prefect.task_runners import ThreadPoolTaskRunner

    vendors = {row["vendor"] for row in rows}
    with get_client(sync_client=True) as client:
        for vendor in vendors:
            limit = GlobalConcurrencyLimitCreate(name=vendor, limit=limit_of(vendor))
            client.create_global_concurrency_limit(limit)

    http = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None, max_keepalive_connections=None))

    @task
    def made(row: Row) -> str:
        adapter = adapter_named(row["vendor"])
        with concurrency(adapter.name, occupy=1, strict=True):
            method, url, more = call_arguments(adapter.name, submit_call(row))
            job_id = adapter.accepted(read(http.request(method, url, **more))).job_id
            while True:
                time.sleep(LOOK_SECONDS)
                method, url, more = call_arguments(adapter.name, adapter.look(job_id))
                snapshot = adapter.snapshot(read(http.request(method, url, **more)))
                if snapshot.status.is_terminal:
                    break
        path = output / f"{row['id']}.mp4"
        with http.stream("GET", snapshot.video_url) as reply, path.open("wb") as file:
            for chunk in reply.iter_bytes():
                file.write(chunk)
        return str(path)

    # A thread for every slot there is: fewer would leave some empty, and more would only wait.
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=sum(map(limit_of, vendors))))
    def pipeline() -> int:
        return len(made.map(rows).result())

    pipeline()


def main(way: str, manifest: str, output: str) -> None:
    """Runs one of the two; fails where a clip is missing."""
    folder = Path(output)
    folder.mkdir(parents=True)
    with Path(manifest).open(newline="") as file:
        rows = list(csv.DictReader(file))
    if way == "asyncio":
        asyncio.run(run_asyncio(rows, folder))
    else:
        from deployments.local.server.join import ensure_server

        with ensure_server():
            run_prefect(rows, folder)
    assert len(list(folder.glob("*.mp4"))) == len(rows)


if __name__ == "__main__":
    main(*sys.argv[1:4])
