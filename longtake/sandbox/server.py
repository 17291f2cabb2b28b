"""Runs an ASGI app by uvicorn in a daemon thread, on a socket that is bound before anyone is told of it."""

from __future__ import annotations

import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

from longtake.sandbox.connections import CuttableProtocol

_START_SECONDS = 20.0
_BACKLOG = 1024


class BackgroundServer:
    """One server on one port; `start` returns when it answers, `stop` when its thread has ended."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        # asyncio switches Nagle's delay off only where the protocol is named; with it every answer waits 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen(_BACKLOG)
        self.host, self.port = self._socket.getsockname()[:2]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=CuttableProtocol,
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                backlog=_BACKLOG,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="longtake-sandbox", daemon=True
        )

    def start(self) -> None:
        """Serves from now on."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the sandbox's server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stops serving, without waiting for clients that keep their connections open."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._socket.close()
