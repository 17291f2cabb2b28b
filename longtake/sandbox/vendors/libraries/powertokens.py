"""PowerTokens' asset library: the upload answers a task, the task an asset id, which orders name `asset://<id>`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.inputs.measuring import measure
from longtake.sandbox.order import MediaKind, Refused, Why
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors.libraries.bodies import read_upload


def asset_routes(endpoint: Endpoint) -> list[Route]:
    """The routes of the asset host."""
    assets = endpoint.back.assets

    async def upload(request: Request, account: str) -> Response:
        name, mime_type, content, fields = await read_upload(request)
        kind = _kind_of(name, mime_type)
        measure(kind, "file", name, content)
        asset = assets.add("powertokens", name, kind, content, fields.get("group_id", ""))
        return JSONResponse({"code": 200, "data": {"task_id": asset.asset_id.replace("asset-", "assettask-")}})

    async def asset_id(request: Request, account: str) -> Response:
        wanted = request.query_params.get("task_id", "").replace("assettask-", "asset-")
        asset = assets.find("powertokens", wanted)
        if asset is None:
            raise Refused(Why.UNKNOWN_JOB, "no such task")
        return JSONResponse({"code": 200, "data": {"asset_id": asset.asset_id if asset.is_active else None}})

    return [
        Route("/api/v1/asset/upload", endpoint.guarded("upload", upload), methods=["POST"]),
        Route("/api/v1/asset/jobs/get-asset-id", endpoint.guarded("account", asset_id, keyless=True)),
    ]


def _kind_of(name: str, mime_type: str) -> MediaKind:
    ending = name.rpartition(".")[2].lower()
    if mime_type.startswith("image/") or ending in ("jpg", "jpeg", "png", "webp", "bmp", "tiff", "gif"):
        return "image"
    if mime_type.startswith("video/") or ending in ("mp4", "mov"):
        return "video"
    if mime_type.startswith("audio/") or ending in ("wav", "mp3"):
        return "audio"
    raise Refused(Why.BAD_REQUEST, f"{name}: neither a picture nor a video nor a sound")
