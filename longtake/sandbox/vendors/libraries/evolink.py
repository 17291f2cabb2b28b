"""EvoLink's files host (72 h, 100 MB a file, 100 files) and its credits."""

from __future__ import annotations

import base64
import binascii
import time
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.inputs.media_rules import MIB
from longtake.sandbox.inputs.references import download
from longtake.sandbox.inputs.uploads import Upload
from longtake.sandbox.order import Refused, Why
from longtake.sandbox.state import Endpoint
from longtake.sandbox.vendors.libraries.bodies import read_json, read_upload

_FILE_LIFE_SECONDS = 72 * 3600.0
_FILE_BYTES = 100 * MIB
_MOST_FILES = 100


def account_routes(endpoint: Endpoint) -> list[Route]:
    """`GET /v1/credits`, which serves as a check of the key."""

    async def balance(request: Request, account: str) -> Response:
        return JSONResponse({"data": {"remaining_credits": 100_000, "user_group": "default"}})

    return [Route("/v1/credits", endpoint.guarded("account", balance))]


def file_routes(endpoint: Endpoint) -> list[Route]:
    """The routes of the files host."""
    uploads = endpoint.back.uploads

    def keep(request: Request, account: str, name: str, mime_type: str, content: bytes) -> Response:
        if len(content) > _FILE_BYTES:
            raise Refused(Why.TOO_LARGE, "the file is larger than 100 MB")
        if len(uploads.of("evolink", account)) >= _MOST_FILES:
            raise Refused(Why.NO_BALANCE, "the file quota is used up")
        upload = uploads.add(
            "evolink", account, name=name, mime_type=mime_type, content=content, life_seconds=_FILE_LIFE_SECONDS
        )
        return JSONResponse({"success": True, "code": 200, "msg": "ok", "data": _file(request, upload)})

    async def stream(request: Request, account: str) -> Response:
        name, mime_type, content, fields = await read_upload(request)
        return keep(request, account, fields.get("fileName") or name, mime_type, content)

    async def inline(request: Request, account: str) -> Response:
        body = await read_json(request)
        data = str(body.get("base64_data", ""))
        mime_type = data[5:].partition(";")[0] if data.startswith("data:") else "application/octet-stream"
        try:
            content = base64.b64decode(data.rpartition(",")[2], validate=True)
        except binascii.Error as error:
            raise Refused(Why.BAD_REQUEST, "base64_data is not base64") from error
        return keep(request, account, str(body.get("file_name") or "file"), mime_type, content)

    async def by_url(request: Request, account: str) -> Response:
        body = await read_json(request)
        url = str(body.get("file_url", ""))
        content = await download(
            url, _FILE_BYTES, allow_loopback=endpoint.back.settings.allow_loopback_references, what="file_url"
        )
        name = str(body.get("file_name") or urlsplit(url).path.rpartition("/")[2])
        return keep(request, account, name, "application/octet-stream", content)

    async def remove(request: Request, account: str) -> Response:
        uploads.remove("evolink", account, request.path_params["file_id"])
        return JSONResponse({"success": True, "code": 200, "msg": "ok"})

    async def listed(request: Request, account: str) -> Response:
        page = max(1, int(request.query_params.get("page", 1)))
        size = min(100, max(1, int(request.query_params.get("pageSize", 20))))
        files = uploads.of("evolink", account)
        shown = [_file(request, upload) for upload in files[(page - 1) * size : page * size]]
        return JSONResponse({"success": True, "code": 200, "msg": "ok", "data": {"files": shown, "total": len(files)}})

    async def quota(request: Request, account: str) -> Response:
        used = len(uploads.of("evolink", account))
        data = {"total_files": _MOST_FILES, "used_files": used, "remaining_files": _MOST_FILES - used}
        return JSONResponse({"success": True, "code": 200, "msg": "ok", "data": data})

    return [
        Route("/api/v1/files/upload/stream", endpoint.guarded("upload", stream), methods=["POST"]),
        Route("/api/v1/files/upload/base64", endpoint.guarded("upload", inline), methods=["POST"]),
        Route("/api/v1/files/upload/url", endpoint.guarded("upload", by_url), methods=["POST"]),
        Route("/api/v1/files/list", endpoint.guarded("account", listed)),
        Route("/api/v1/files/quota", endpoint.guarded("account", quota)),
        Route("/api/v1/files/{file_id}", endpoint.guarded("upload", remove), methods=["DELETE"]),
    ]


def _file(request: Request, upload: Upload) -> dict[str, object]:
    url = f"http://{request.headers['host']}{upload.path}"
    return {
        "file_id": upload.file_id,
        "file_url": url,
        "download_url": url,
        "file_size": len(upload.content),
        "mime_type": upload.mime_type,
        "expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(upload.expires_at)),
        "original_name": upload.name,
    }
