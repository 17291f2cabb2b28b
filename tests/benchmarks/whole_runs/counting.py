"""A proxy that counts what a client asks of the Prefect server, request by request."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


class CountingProxy:
    """Passes bytes on as they are. `calls` counts requests by method and route; `api_url` is the server through it."""

    def __init__(self, api_url: str) -> None:
        server = urlsplit(api_url)
        self._target = server.hostname, server.port
        self.calls: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Listens from now on."""
        self._thread.start()
        self._ready.wait(10)

    def stop(self) -> None:
        """Stops listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        listener = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        listener.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pass(reader, ours, count=True), self._pass(theirs, writer, count=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                # A client waits for its answer, so that a request is always the first thing in what comes.
                if count and (found := _REQUEST.match(data)):
                    path = _ID.sub("{id}", found[2].decode().partition("?")[0])
                    self.calls[f"{found[1].decode()} {path.removeprefix('/api')}"] += 1
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def counting(api_url: str) -> Iterator[CountingProxy]:
    """A proxy before this server, gone with the block."""
    proxy = CountingProxy(api_url)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
