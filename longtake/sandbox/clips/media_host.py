"""The host that clips are downloaded from: signed links that die, Range, no key wanted, and its own faults."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from longtake.sandbox.clips.shelf import Shelf
from longtake.sandbox.connections import cut
from longtake.sandbox.events import EventLog
from longtake.sandbox.faults import Fault, Faults
from longtake.sandbox.jobs import Job, Jobs

_CHUNK_BYTES = 4096
_ERROR_PAGE = b"<!DOCTYPE html><html><head><title>Access Denied</title></head><body>Access Denied</body></html>"
_NAMES = {"video": "video.mp4", "frame": "last_frame.png"}


class MediaHost:
    """Serves `/media/<vendor>/<token>/video.mp4` and `…/last_frame.png`.

    `keys_seen` holds the Authorization header of every request that carried one: a client's key has no business here.
    """

    def __init__(self, jobs: Jobs, shelf: Shelf, faults: Faults, events: EventLog) -> None:
        self._jobs, self._shelf, self._faults, self._events = jobs, shelf, faults, events
        self._secret = secrets.token_bytes(16)
        self.keys_seen: list[str] = []
        self.routes = [Route("/media/{vendor}/{token}/{name}", self._serve)]

    def link(self, origin: str, job: Job, kind: str, life_seconds: float) -> str:
        """A link that works for so long from now."""
        path = f"/media/{job.vendor}/{job.media_token}/{_NAMES[kind]}"
        expires = f"{time.time() + life_seconds:.3f}"
        return f"{origin}{path}?Expires={expires}&Signature={self._signature(path, expires)}"

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def _is_valid(self, request: Request) -> bool:
        expires = request.query_params.get("Expires", "0")
        wanted = self._signature(request.url.path, expires)
        if not hmac.compare_digest(wanted, request.query_params.get("Signature", "")):
            return False
        return time.time() < float(expires)

    async def _serve(self, request: Request) -> Response:
        key = request.headers.get("authorization")
        if key is not None:
            self.keys_seen.append(key)
        job = self._jobs.of_token(request.path_params["token"])
        kind = next((kind for kind, name in _NAMES.items() if name == request.path_params["name"]), None)
        if job is None or kind is None or job.vendor != request.path_params["vendor"]:
            return PlainTextResponse("NoSuchKey", 404)
        if not self._is_valid(request):
            return PlainTextResponse("AccessDenied: request has expired", 403)
        path = await self._shelf.fetch(job, kind)
        self._events.emit("media_started", job.vendor, job.job_id)
        fault = self._faults.take("media", job.vendor, job.order.prompt)
        if fault is not None and not (fault.kind == "wants_key" and key is not None):
            return await self._spoilt(request, fault, path)
        done = BackgroundTask(self._events.emit, "media_finished", job.vendor, job.job_id)
        return FileResponse(path, background=done)

    async def _spoilt(self, request: Request, fault: Fault, path: Path) -> Response:
        content = path.read_bytes()
        half = content[: len(content) // 2]
        intact = FileResponse(path, stat_result=path.stat())
        match fault.kind:
            case "dead_link":
                return PlainTextResponse("AccessDenied" if fault.status == 403 else "NoSuchKey", fault.status)
            case "wants_key":
                return PlainTextResponse("missing bearer token", 401, {"WWW-Authenticate": "Bearer"})
            case "server_error":
                return HTMLResponse("<html><body>502 Bad Gateway</body></html>", 502)
            case "slow":
                return StreamingResponse(_slowly(content, fault.seconds), headers=dict(intact.headers))
            case "truncated" | "reset_midway":
                pieces = _broken_off(request, half, reset=fault.kind == "reset_midway")
                return StreamingResponse(pieces, headers=dict(intact.headers))
            case _:
                return Response(_wrong_content(fault.kind, content), media_type=intact.media_type)


def _wrong_content(kind: str, content: bytes) -> bytes:
    if kind == "html_as_mp4":
        return _ERROR_PAGE
    if kind == "cut_short":
        return content[: len(content) // 2]
    return hashlib.sha256(content).digest() * (len(content) // 32)


async def _slowly(content: bytes, seconds: float) -> AsyncIterator[bytes]:
    starts = range(0, len(content), max(_CHUNK_BYTES, len(content) // 20))
    for start in starts:
        yield content[start : start + starts.step]
        await asyncio.sleep(seconds / len(starts))


async def _broken_off(request: Request, content: bytes, *, reset: bool) -> AsyncIterator[bytes]:
    yield content
    # A moment for the bytes to leave, so that the client has something in hand when the connection dies.
    await asyncio.sleep(0.05)
    await cut(request, reset=reset)
