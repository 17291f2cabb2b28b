"""JimmyAI's audit of assets for its `sd2_mx` family: three lists of links, an item each, a review that takes time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.inputs.measuring import measure
from longtake.sandbox.inputs.media_rules import MIB
from longtake.sandbox.inputs.references import fetch_content
from longtake.sandbox.order import MediaKind, Refused, Why
from longtake.sandbox.state import Back, Endpoint
from longtake.sandbox.vendors.libraries.bodies import read_json

_LISTS: dict[str, MediaKind] = {"imageUrls": "image", "videoUrls": "video", "audioUrls": "audio"}
_MOST_BYTES: dict[MediaKind, int] = {"image": 30 * MIB, "video": 200 * MIB, "audio": 15 * MIB}
Item = dict[str, object]


def audit_routes(endpoint: Endpoint, below: str) -> list[Route]:
    """Submitting links, and asking how far their review is."""
    back = endpoint.back

    async def audit(request: Request, account: str) -> Response:
        taken: list[Item] = []
        failed: list[Item] = []
        for kind, url in _links(await read_json(request)):
            item: Item = {"assetType": kind, "originalUrl": url}
            try:
                taken.append({**item, "assetId": await _submitted(back, kind, url), "status": "submitted"})
            except Refused as refused:
                failed.append({**item, "message": refused.message})
        return _ok({"items": taken, "failedItems": failed})

    async def status(request: Request, account: str) -> Response:
        asset_ids = request.query_params.getlist("assetIds")
        if not asset_ids:
            raise Refused(Why.BAD_REQUEST, "assetIds: at least one is required")
        items: list[Item] = []
        for asset_id in asset_ids:
            if (asset := back.assets.find("jimmyai", asset_id)) is not None:
                reason = {"failReason": asset.refusal} if asset.state == "Failed" else {}
                items.append({"assetId": asset_id, "status": asset.state, **reason})
        return _ok({"items": items})

    return [
        Route(f"{below}/audit", endpoint.guarded("upload", audit), methods=["POST"]),
        Route(f"{below}/status", endpoint.guarded("account", status)),
    ]


def _links(body: dict[str, Any]) -> Iterator[tuple[MediaKind, str]]:
    if body.keys() - _LISTS.keys() or not any(body.values()):
        raise Refused(Why.BAD_REQUEST, f"the body holds {', '.join(_LISTS)}, and at least one address")
    for name, kind in _LISTS.items():
        urls = body.get(name, [])
        if not isinstance(urls, list) or not all(isinstance(url, str) and url for url in urls):
            raise Refused(Why.BAD_REQUEST, f"{name}: a list of addresses")
        for url in urls:
            yield kind, str(url)


async def _submitted(back: Back, kind: MediaKind, url: str) -> str:
    """The id of a link's asset, whose review begins; raises `Refused` where it is refused at once."""
    fault = back.faults.take("audit", "jimmyai", url)
    planned = fault.kind if fault is not None else ""
    if planned == "failed_item":
        raise Refused(Why.BAD_REFERENCE, "the file breaks the rules of the library")
    loopback = back.settings.allow_loopback_references
    content = await fetch_content(url, _MOST_BYTES[kind], allow_loopback=loopback, what="url")
    await asyncio.to_thread(measure, kind, "url", "", content)
    refusal = "a real person's face was found" if planned == "failed" else ""
    return back.assets.add("jimmyai", url, kind, content, refusal=refusal, is_stuck=planned == "stuck").asset_id


def _ok(data: Item) -> Response:
    return JSONResponse({"code": "0", "msg": "ok", "data": data})
