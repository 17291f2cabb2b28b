"""The sandbox's own routes under `/_sandbox/`, for tests that run it in another process. No vendor has these."""

from __future__ import annotations

import json

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from longtake.sandbox.faults import Fault
from longtake.sandbox.jobs import Job
from longtake.sandbox.manual import manual
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.state import Back
from longtake.sandbox.vendors.prices import fictitious_prices

_MOST_WAIT_SECONDS = 30.0


def control_routes(back: Back, vendors: tuple[str, ...]) -> list[Route]:
    """Routes that tell what happened and change what will."""

    async def bill(request: Request) -> Response:
        return JSONResponse(back.bill.as_json())

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            back.faults.clear()
        elif request.method == "POST":
            wanted = await request.json()
            try:
                plans = [Fault.model_validate(plan) for plan in (wanted if isinstance(wanted, list) else [wanted])]
            except ValidationError as error:
                return JSONResponse({"error": str(error)}, 422)
            for plan in plans:
                back.faults.add(plan)
        return JSONResponse([fault.model_dump() for fault in back.faults])

    async def state(request: Request) -> Response:
        return JSONResponse(
            {
                "vendors": {
                    vendor: {
                        "in_flight": (back.jobs.in_flight_history(vendor) or [(0.0, 0)])[-1][1],
                        "peak_in_flight": back.jobs.peak_in_flight(vendor),
                        "in_flight_history": back.jobs.in_flight_history(vendor),
                    }
                    for vendor in vendors
                },
                "keys_seen_by_media_host": back.media.keys_seen,
                "settings": back.settings.model_dump(),
            }
        )

    async def settings(request: Request) -> Response:
        if request.method == "POST":
            changes = await request.json()
            try:
                SandboxSettings.model_validate({**back.settings.model_dump(), **changes})
            except ValidationError as error:
                return JSONResponse({"error": str(error)}, 422)
            for name, value in changes.items():
                setattr(back.settings, name, tuple(value) if isinstance(value, list) else value)
        return JSONResponse(back.settings.model_dump())

    async def job(request: Request) -> Response:
        found = back.jobs.find(request.path_params["job_id"])
        return JSONResponse(None, 404) if found is None else JSONResponse(job_facts(found))

    async def events(request: Request) -> Response:
        after = int(request.query_params.get("after", 0))
        wait = min(_MOST_WAIT_SECONDS, float(request.query_params.get("wait", 0)))
        return JSONResponse(await back.events.after(after, wait))

    async def prices(request: Request) -> Response:
        return JSONResponse(json.loads(json.dumps(fictitious_prices())))

    async def told(request: Request) -> Response:
        return PlainTextResponse(manual(str(request.base_url).rstrip("/"), back.settings))

    return [
        Route("/_sandbox", told),
        Route("/_sandbox/bill", bill),
        Route("/_sandbox/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route("/_sandbox/state", state),
        Route("/_sandbox/settings", settings, methods=["GET", "POST"]),
        Route("/_sandbox/jobs/{job_id:path}", job),
        Route("/_sandbox/events", events),
        Route("/_sandbox/prices", prices),
    ]


def job_facts(job: Job) -> dict[str, object]:
    """A job as plain data."""
    return {
        "number": job.number,
        "job_id": job.job_id,
        "vendor": job.vendor,
        "account": job.account,
        "model": job.order.model,
        "status": job.status,
        "seconds": job.seconds,
        "width": job.width,
        "height": job.height,
        "reference_hashes": job.reference_hashes,
    }
