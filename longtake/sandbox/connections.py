"""Breaking connections for real: the server's protocol hands each request its socket, so that a fault can cut it."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol


class CuttableProtocol(H11Protocol):
    """Puts the connection's transport into every request's state."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def cut(request: Request, *, reset: bool) -> Response:
    """Ends the connection without (the rest of) an answer, by TCP reset or by a plain close.

    Returns:
        A response for the framework; nothing of it reaches the client.
    """
    transport: asyncio.Transport = request.state.transport
    if reset:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return Response()
