"""Runs an ASGI app by uvicorn in a daemon thread, on a socket that is bound before anyone is told of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake.sandbox.connections import CuttableProtocol

_START_SECONDS = 20.0
_BACKLOG = 1024


class _PromptServer(uvicorn.Server):
    """Ends at once when told to: hundreds of tests start a sandbox, and uvicorn's polite ending takes 0.2 s."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_serving = threading.Event()

    async def main_loop(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.is_serving.set()
        await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()

    def end(self) -> None:
        """To be called from another thread."""
        self._loop.call_soon_threadsafe(self._ended.set)


def _dated(app: ASGIApp) -> ASGIApp:
    """The same with a `Date` in every answer, which uvicorn gives only while its own loop ticks."""

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"date", formatdate(usegmt=True).encode())]
            await send(message)

        await app(scope, receive, send_dated)

    return dated


class BackgroundServer:
    """One server on one port; `start` returns when it answers, `stop` when its thread has ended."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        # asyncio switches Nagle's delay off only where the protocol is named; with it every answer waits 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen(_BACKLOG)
        self.host, self.port = self._socket.getsockname()[:2]
        self._server = _PromptServer(
            uvicorn.Config(
                _dated(app),
                http=CuttableProtocol,
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                backlog=_BACKLOG,
                # Long enough that no client meets a connection just as it closes: that would be a fault nobody planned.
                timeout_keep_alive=600,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="longtake-sandbox", daemon=True
        )

    def start(self) -> None:
        """Serves from now on."""
        self._thread.start()
        if not self._server.is_serving.wait(_START_SECONDS):
            raise RuntimeError("the sandbox's server did not start")

    def stop(self) -> None:
        """Stops serving, without waiting for clients that keep their connections open."""
        self._server.end()
        self._thread.join()
        self._socket.close()
