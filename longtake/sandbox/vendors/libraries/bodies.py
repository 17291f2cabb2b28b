"""Reading the bodies of library routes."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from longtake.sandbox.order import Refused, Why


async def read_json(request: Request) -> dict[str, Any]:
    """A JSON object body.

    Raises:
        Refused: It is something else.
    """
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(Why.BAD_REQUEST, "the body is not a JSON object")
    return body


async def read_upload(request: Request) -> tuple[str, str, bytes, dict[str, str]]:
    """A multipart form's file and its other fields: name, MIME type, content, fields.

    Raises:
        Refused: There is no part named `file`.
    """
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refused(Why.BAD_REQUEST, "file: a multipart file is required")
        fields = {key: value for key, value in form.items() if isinstance(value, str)}
        return file.filename or "file", file.content_type or "application/octet-stream", await file.read(), fields
