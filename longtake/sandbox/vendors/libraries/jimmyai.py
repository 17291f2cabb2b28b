"""JimmyAI's balances, its file upload (3 days), and SP's asset library."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.inputs.measuring import measure
from longtake.sandbox.inputs.media_rules import MIB
from longtake.sandbox.inputs.references import fetch_content
from longtake.sandbox.order import MediaKind, Refused, Why
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors.libraries.audit import audit_routes
from longtake.sandbox.vendors.libraries.bodies import read_json, read_upload

_API = "/api/open-api/v1"
_FILE_LIFE_SECONDS = 72 * 3600.0
_FILE_BYTES = 100 * MIB
_KINDS: dict[str, MediaKind] = {"image": "image", "video": "video", "audio": "audio"}
_MOST_BYTES: dict[MediaKind, int] = {"image": 30 * MIB, "video": 50 * MIB, "audio": 15 * MIB}


def account_routes(endpoint: Endpoint) -> list[Route]:
    """The routes beside the generations."""
    back = endpoint.back

    async def user_balance(request: Request, account: str) -> Response:
        return _ok({"balance": 1000, "used_coin": 0, "available": 1000})

    async def key_balance(request: Request, account: str) -> Response:
        quota = {"total_quota": 1000, "used_quota": 0, "available_quota": 1000, "unlimited": False}
        return _ok({"name": account, **quota})

    async def upload(request: Request, account: str) -> Response:
        name, mime_type, content, _ = await read_upload(request)
        if len(content) > _FILE_BYTES:
            raise Refused(Why.TOO_LARGE, "the file is larger than 100 MB")
        kept = back.uploads.add(
            "jimmyai", account, name=name, mime_type=mime_type, content=content, life_seconds=_FILE_LIFE_SECONDS
        )
        url = f"http://{request.headers['host']}{kept.path}"
        facts = {"url": url, "filename": kept.name, "size": len(content), "mime_type": mime_type}
        return _ok(facts)

    async def register(request: Request, account: str) -> Response:
        body = await read_json(request)
        kind = _KINDS.get(str(body.get("type", "")).lower())
        if kind is None or not body.get("name"):
            raise Refused(Why.BAD_REQUEST, "name and type (image, video or audio) are required")
        content = await fetch_content(
            str(body.get("url", "")),
            _MOST_BYTES[kind],
            allow_loopback=back.settings.allow_loopback_references,
            what="url",
        )
        measure(kind, "url", "", content)
        asset = back.assets.add("jimmyai", str(body["name"]), kind, content)
        return _ok({"asset_id": asset.asset_id}, code=0)

    async def state_of(asset_id: str) -> Response:
        asset = back.assets.find("jimmyai", asset_id)
        if asset is None:
            raise Refused(Why.UNKNOWN_JOB, f"asset {asset_id} does not exist")
        return _ok({"asset_id": asset.asset_id, "status": asset.state}, code=0)

    async def detail(request: Request, account: str) -> Response:
        return await state_of(str((await read_json(request)).get("asset_id", "")))

    return [
        Route(f"{_API}/user/balance", endpoint.guarded("account", user_balance)),
        Route(f"{_API}/key/balance", endpoint.guarded("account", key_balance)),
        Route(f"{_API}/files/upload", endpoint.guarded("upload", upload), methods=["POST"]),
        Route(f"{_API}/seedance/sp/assets/upload", endpoint.guarded("upload", register), methods=["POST"]),
        Route(f"{_API}/seedance/sp/assets/detail", endpoint.guarded("account", detail), methods=["POST"]),
        *audit_routes(endpoint, f"{_API}/seedance/assets"),
    ]


def _ok(data: Mapping[str, object], code: str | int = "20000") -> Response:
    return JSONResponse({"code": code, "msg": "ok", "data": dict(data)})
