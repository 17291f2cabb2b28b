"""Anyfast's asset library, `/volc/asset/*`: groups, assets (every creation is billed), and their states."""

from __future__ import annotations

import secrets
import time
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.bill import BillEntry, body_hash
from longtake.sandbox.inputs.measuring import measure
from longtake.sandbox.inputs.media_rules import MIB
from longtake.sandbox.inputs.references import fetch_content
from longtake.sandbox.order import MediaKind, Refused, Why, demand
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors.libraries.bodies import read_json
from longtake.sandbox.vendors.prices import ASSET_USD

_KINDS: dict[str, MediaKind] = {"Image": "image", "Video": "video", "Audio": "audio"}
_MOST_BYTES: dict[MediaKind, int] = {"image": 30 * MIB, "video": 50 * MIB, "audio": 15 * MIB}


def asset_routes(endpoint: Endpoint) -> list[Route]:
    """`/volc/asset/*`: groups, assets (each creation is billed), and their states."""
    back, groups = endpoint.back, dict[str, str]()

    async def create_group(request: Request, account: str) -> Response:
        body = await _fields(request)
        demand(body.get("model") == "volc-asset" and bool(body.get("Name")), "model volc-asset and Name are required")
        group = f"group-{secrets.token_hex(8)}"
        groups[group] = str(body["Name"])
        return JSONResponse({"Id": group})

    async def create_asset(request: Request, account: str) -> Response:
        body = await _fields(request)
        kind = _KINDS.get(str(body.get("AssetType")))
        if kind is None:
            raise Refused(Why.BAD_REQUEST, "AssetType: Image, Video or Audio")
        demand(body.get("GroupId") in groups, "GroupId: no such group")
        model = "volc-asset" if kind == "image" else f"volc-asset-{kind}"
        demand(body.get("model") == model, f"model: {model} is required for this kind")
        content = body.get("file")
        if not isinstance(content, bytes):
            content = await fetch_content(
                str(body.get("URL", "")),
                _MOST_BYTES[kind],
                allow_loopback=back.settings.allow_loopback_references,
                what="URL",
            )
        measure(kind, "URL", "", content)
        name = str(body.get("Name", ""))
        asset = back.assets.add("anyfast", name, kind, content, str(body["GroupId"]))
        kept = {key: value for key, value in body.items() if key not in ("file", "URL")}
        back.bill.entries.append(
            BillEntry(
                "anyfast",
                account,
                asset.asset_id,
                time.time(),
                kept,
                body_hash(kept),
                model,
                0,
                ASSET_USD,
                kind="asset",
            )
        )
        return JSONResponse({"Id": asset.asset_id})

    async def get_asset(request: Request, account: str) -> Response:
        asset = back.assets.find("anyfast", str((await _fields(request)).get("Id")))
        if asset is None:
            raise Refused(Why.UNKNOWN_JOB, "no such asset")
        return JSONResponse({"Id": asset.asset_id, "Name": asset.name, "Status": _asset_state(asset.is_active)})

    async def list_assets(request: Request, account: str) -> Response:
        items = [
            {"Id": asset.asset_id, "Name": asset.name, "GroupId": asset.group, "Status": _asset_state(asset.is_active)}
            for asset in back.assets.of("anyfast")
        ]
        return JSONResponse({"Items": items, "TotalCount": len(items)})

    async def list_groups(request: Request, account: str) -> Response:
        items = [{"Id": group, "Name": name} for group, name in groups.items()]
        return JSONResponse({"Items": items, "TotalCount": len(items)})

    return [
        Route("/volc/asset/CreateAssetGroup", endpoint.guarded("upload", create_group), methods=["POST"]),
        Route("/volc/asset/CreateAsset", endpoint.guarded("upload", create_asset), methods=["POST"]),
        Route("/volc/asset/GetAsset", endpoint.guarded("account", get_asset), methods=["POST"]),
        Route("/volc/asset/ListAssets", endpoint.guarded("account", list_assets), methods=["POST"]),
        Route("/volc/asset/ListAssetGroups", endpoint.guarded("account", list_groups), methods=["POST"]),
    ]


def _asset_state(is_active: bool) -> str:
    return "Active" if is_active else "Processing"


async def _fields(request: Request) -> dict[str, Any]:
    """A JSON body, or a multipart form with its file's bytes under `file`."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            return {key: await value.read() if isinstance(value, UploadFile) else value for key, value in form.items()}
    return await read_json(request)
