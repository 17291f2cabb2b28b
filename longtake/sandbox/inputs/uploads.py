"""Files uploaded to a vendor's own file host, and the public links under which they are read until they expire."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from longtake.sandbox.order import Refused, Why


@dataclass(frozen=True)
class Upload:
    """One uploaded file; `expires_at` is Unix time."""

    file_id: str
    vendor: str
    account: str
    name: str
    mime_type: str
    content: bytes
    created_at: float
    expires_at: float

    @property
    def path(self) -> str:
        """Its place below the sandbox's address."""
        return f"/files/{self.vendor}/{self.file_id}/{self.name}"


class Uploads:
    """All file hosts of one sandbox."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}
        self.routes = [Route("/files/{vendor}/{file_id}/{name}", self._serve)]

    def add(
        self, vendor: str, account: str, *, name: str, mime_type: str, content: bytes, life_seconds: float
    ) -> Upload:
        """Keeps a file for so long."""
        now = time.time()
        plain_name = (
            "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
            or "file"
        )
        upload = Upload(
            f"file-{secrets.token_hex(8)}", vendor, account, plain_name, mime_type, content, now, now + life_seconds
        )
        self._uploads[upload.file_id] = upload
        return upload

    def remove(self, vendor: str, account: str, file_id: str) -> None:
        """Deletes a file.

        Raises:
            Refused: No such file of this account.
        """
        upload = self._uploads.get(file_id)
        if upload is None or (upload.vendor, upload.account) != (vendor, account):
            raise Refused(Why.UNKNOWN_JOB, f"file {file_id} does not exist")
        del self._uploads[file_id]

    def of(self, vendor: str, account: str) -> list[Upload]:
        """The files of one account that have not expired."""
        now = time.time()
        return [
            upload
            for upload in self._uploads.values()
            if (upload.vendor, upload.account) == (vendor, account) and upload.expires_at > now
        ]

    async def _serve(self, request: Request) -> Response:
        upload = self._uploads.get(request.path_params["file_id"])
        if upload is None or upload.path != request.url.path:
            return PlainTextResponse("NoSuchKey", 404)
        if time.time() >= upload.expires_at:
            return PlainTextResponse("AccessDenied: file has expired", 403)
        return Response(upload.content, media_type=upload.mime_type)
