"""A file that this process can read, read by a child of it through a local socket: seeks and reads, nothing else."""

from __future__ import annotations

import asyncio
import io
import shutil
import socket
import struct
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, NamedTuple, cast

from longtake.domain.errors import UnreadableClipError
from longtake.files.seekable import SeekableFile

_ASK = struct.Struct(">QI")
_ANSWER = struct.Struct(">?I")
_READ_MAX_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 16
_LONG_PATH = 60
"""Of a temporary folder; the address of a socket has room for a hundred bytes."""


class Served(NamedTuple):
    """Where a child finds the file, and its size."""

    address: str
    size_bytes: int


@asynccontextmanager
async def served(size_bytes: int, read: Callable[[int, int], Awaitable[bytes]]) -> AsyncGenerator[Served]:
    """Serves a file to children while the block lasts.

    Args:
        size_bytes: How large it is.
        read: Gives the bytes at a place, at most so many; what it raises is told to the child.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                place, count = _ASK.unpack(await reader.readexactly(_ASK.size))
                try:
                    fine, data = True, await read(place, min(count, _READ_MAX_BYTES))
                except Exception as error:  # whatever a host or store says; the child ends the look with these words
                    fine, data = False, (str(error) or type(error).__name__).encode("utf-8", "replace")[:2000]
                writer.write(_ANSWER.pack(fine, len(data)) + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    place = tempfile.mkdtemp(prefix="lt-", dir="/tmp" if len(tempfile.gettempdir()) > _LONG_PATH else None)  # noqa: S108 - of our own, 0700
    try:
        server = await asyncio.start_unix_server(answer, f"{place}/file")
        try:
            yield Served(f"{place}/file", size_bytes)
        finally:
            server.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def open_served(file: Served) -> BinaryIO:
    """The child's side."""
    return cast(BinaryIO, io.BufferedReader(_ServedFile(file), _BUFFER_BYTES))


class _ServedFile(SeekableFile):
    def __init__(self, file: Served) -> None:
        super().__init__(file.size_bytes)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(file.address)

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self.size_bytes - self._place))
        if not count:
            return 0
        self._socket.sendall(_ASK.pack(self._place, count))
        fine, length = _ANSWER.unpack(self._exactly(_ANSWER.size))
        data = self._exactly(length)
        if not fine:
            raise UnreadableClipError(data.decode("utf-8", "replace"))
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            if not (part := self._socket.recv(count - len(data))):
                raise UnreadableClipError("it took too long")
            data += part
        return bytes(data)

    def close(self) -> None:
        self._socket.close()
        super().close()
