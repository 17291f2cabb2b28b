"""A remote file as a seekable one: only the blocks that are read are fetched, through the guarded client.

The file is read in a worker thread; its requests run on the event loop that the client belongs to.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import httpx

from longtake.domain.errors import MachineError, UnreadableClipError
from longtake.files.seekable import SeekableFile
from longtake.files.web.guard import GuardedClient
from longtake.files.web.unwrapping import encodings, is_compressed, unwrap

BLOCK_BYTES = 128 * 1024
LONGEST_READ_AHEAD_BLOCKS = 16
CACHED_BLOCKS = 64
TRIES = 3
WHOLE_FILE_LIMIT_BYTES = 256 * 2**20
"""A server that gives no ranges is read as a whole up to here; more than any vendor takes as a reference."""
FETCH_LIMIT_BYTES = 512 * 2**20
_PLAIN = {"Accept-Encoding": "identity"}
_ANY_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
ANSWER_SECONDS = 120.0
T = TypeVar("T")


class _Again(Exception):  # noqa: N818 - a signal, never raised to a caller
    """A fault that may pass."""


class _WholeWanted(Exception):  # noqa: N818 - a signal, never raised to a caller
    """The server gave a part before and gives none now, or another one: the whole may do."""


class RangedFile(SeekableFile):
    """A remote file, read by ranges. Create it with `open_ranged`; `stop` makes every later read fail."""

    def __init__(self, url: str, client: GuardedClient, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.fetched_bytes = 0
        self._url = url
        self._client = client
        self._loop = loop
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._expected_block = 0
        self._ahead = 1
        self._whole: IO[bytes] | None = None
        self._stopped = False

    def readinto(self, buffer: Any, /) -> int:
        view, filled = memoryview(buffer).cast("B"), 0
        while data := self._read_at(self._place, len(view) - filled):
            view[filled : filled + len(data)] = data
            filled += len(data)
            self._place += len(data)
        return filled

    def stop(self) -> None:
        """Lets a thread that still reads from it end soon."""
        self._stopped = True

    def close(self) -> None:
        if self._whole is not None:
            self._whole.close()
        super().close()

    def _read_at(self, place: int, count: int) -> bytes:
        if place >= self.size_bytes or not count:
            return b""
        if self._whole is not None:
            self._whole.seek(place)
            return self._whole.read(count)
        number = place // BLOCK_BYTES
        if number not in self._blocks:
            self._fetch_blocks(number)
            if self._whole is not None:
                return self._read_at(place, count)
        self._blocks.move_to_end(number)
        start = place - number * BLOCK_BYTES
        return self._blocks[number][start : start + count]

    def _fetch_blocks(self, number: int) -> None:
        # A reader that goes on where it was gets ever more at once; one that jumps gets one block.
        self._ahead = min(self._ahead * 2, LONGEST_READ_AHEAD_BLOCKS) if number == self._expected_block else 1
        first = number * BLOCK_BYTES
        last = min(first + self._ahead * BLOCK_BYTES, self.size_bytes) - 1
        try:
            data = self._wait(self._range(first, last))
        except _WholeWanted:
            self._wait(self._give_up_ranges())
        else:
            self._keep(number, data)

    def _keep(self, number: int, data: bytes) -> None:
        for start in range(0, len(data), BLOCK_BYTES):
            self._blocks[number] = data[start : start + BLOCK_BYTES]
            number += 1
        self._expected_block = number
        while len(self._blocks) > CACHED_BLOCKS:
            self._blocks.popitem(last=False)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if self._stopped:
            work.close()
            raise UnreadableClipError("it took too long")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)

    async def begin(self) -> None:
        """Fetches the first block, and with it the file's size."""
        await _repeated(self._begin)

    async def _range(self, first: int, last: int) -> bytes:
        async def fetch() -> bytes:
            async with self._client.stream(self._url, _headers(first, last)) as response:
                _require_part(response, first, self.size_bytes)
                return await self._body(response, last - first + 1)

        data = await _repeated(fetch)
        if len(data) != last - first + 1:
            raise _WholeWanted
        return data

    async def _give_up_ranges(self) -> None:
        size_bytes = self.size_bytes

        async def fetch() -> None:
            async with self._client.stream(self._url, _PLAIN) as response:
                await self._take_whole(response)

        await _repeated(fetch)
        if self.size_bytes != size_bytes:
            raise UnreadableClipError("the file changes, or its server's ranges are wrong")

    async def _begin(self) -> None:
        async with self._client.stream(self._url, _headers(0, BLOCK_BYTES - 1)) as response:
            is_short = _gives_less(response)
            if not is_short and not _wants_plain(response):
                span = _span(response)
                if span is None:
                    await self._take_whole(response)
                else:
                    self.size_bytes = span[2]
                    data = await self._body(response, min(BLOCK_BYTES, self.size_bytes))
                    if len(data) != min(BLOCK_BYTES, self.size_bytes):
                        raise _Again("cut short")
                    self._keep(0, data)
                return
        # Many hosts that refuse a part, or give a useless one, give the whole.
        async with self._client.stream(self._url, _PLAIN) as response:
            if not _is_whole(response):
                raise _Again("cut short") if is_short else UnreadableClipError("its server's ranges are wrong")
            await self._take_whole(response)

    async def _body(self, response: httpx.Response, limit_bytes: int) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) >= limit_bytes:
                break
        self.fetched_bytes += len(data)
        if self.fetched_bytes > FETCH_LIMIT_BYTES:
            raise UnreadableClipError(f"more than {FETCH_LIMIT_BYTES >> 20} MB had to be read")
        return bytes(data[:limit_bytes])

    async def _take_whole(self, response: httpx.Response) -> None:
        """Reads a file whose server ignores ranges."""
        limit = f"its server gives no ranges, and it has more than {WHOLE_FILE_LIMIT_BYTES >> 20} MB"
        told = response.headers.get("content-length", "")
        length = int(told) if told.isdecimal() else None
        if length is not None and length > WHOLE_FILE_LIMIT_BYTES:
            raise UnreadableClipError(limit)
        sink = cast(IO[bytes], tempfile.SpooledTemporaryFile(4 * 2**20))  # noqa: SIM115 - closed with the file
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > WHOLE_FILE_LIMIT_BYTES:
                sink.close()
                raise UnreadableClipError(limit)
            sink.write(chunk)
        self.fetched_bytes += size
        if length is not None and size != length:
            sink.close()
            raise _Again("cut short")
        if size == 0:
            sink.close()
            raise UnreadableClipError("the file is empty")
        header = response.headers.get("content-encoding", "")
        if encodings(header):
            sink, size = await asyncio.to_thread(_unwrapped, sink, encodings(header))
        self._whole, self.size_bytes = sink, size


async def _repeated(work: Callable[[], Awaitable[T]]) -> T:
    words = ""
    for again in range(TRIES):
        await asyncio.sleep(0.3 * again)
        try:
            return await work()
        except (httpx.HTTPError, _Again) as error:
            words = str(error) or type(error).__name__
    raise UnreadableClipError(words)


async def open_ranged(url: str, client: GuardedClient) -> RangedFile:
    """Opens a remote file for reading in a worker thread.

    Raises:
        UnsafeAddressError: An address inside, at any hop.
        UnreadableClipError: The server does not give it.
    """
    file = RangedFile(url, client, asyncio.get_running_loop())
    await file.begin()
    return file


def _unwrapped(sink: IO[bytes], named: tuple[str, ...]) -> tuple[IO[bytes], int]:
    """The file inside what its server compressed; blocking."""
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder, sink:
        path = Path(folder) / "file"
        sink.seek(0)
        with path.open("wb") as target:
            shutil.copyfileobj(sink, target)
        try:
            unwrap(path, named, WHOLE_FILE_LIMIT_BYTES)
        except MachineError as error:
            raise UnreadableClipError(f"its server sends it compressed ({', '.join(named)})") from error
        # The name goes, the file stays for as long as it is open.
        return path.open("rb"), path.stat().st_size


def _require_part(response: httpx.Response, first: int, size_bytes: int) -> None:
    """Whether the part that was asked for comes.

    Raises:
        _WholeWanted: Another one, or none.
        UnreadableClipError: It is of another file by now.
    """
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if response.status_code == 206 and match is not None and int(match[3]) != size_bytes:
        raise UnreadableClipError("the file changes, or its server's ranges are wrong")
    if response.status_code == 200 or _wants_plain(response, first):
        raise _WholeWanted
    _span(response)


def _gives_less(response: httpx.Response) -> bool:
    """Whether the first part ends sooner than was asked for; some hosts give but so much at once."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if response.status_code != 206 or match is None or match[1] != "0":
        return False
    return int(match[2]) + 1 < min(BLOCK_BYTES, int(match[3]))


def _is_whole(response: httpx.Response) -> bool:
    """Whether the answer to a plain request is the whole file; some hosts call it a part all the same.

    Raises:
        UnreadableClipError: It is neither.
    """
    if response.status_code != 206:
        return _span(response) is None
    match = _ANY_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if match is None:
        return "content-range" not in response.headers
    return match[1] == "0" and match[3] in ("*", str(int(match[2]) + 1))


def _wants_plain(response: httpx.Response, first: int = 0) -> bool:
    """Whether a server's answer to a range is of no use, and the whole file may be."""
    status = response.status_code
    if status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
        return match is None or int(match[1]) != first or is_compressed(response.headers.get("content-encoding", ""))
    return 400 <= status < 500 and status not in (408, 425, 429)


def _headers(first: int, last: int) -> dict[str, str]:
    # Ranges of a compressed form would be of no use.
    return {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}


def _span(response: httpx.Response) -> tuple[int, int, int] | None:
    """First byte, last byte and the file's size; None where the whole file comes.

    Raises:
        UnreadableClipError: Another answer.
    """
    status = response.status_code
    if status == 429 or status >= 500:
        raise _Again(f"HTTP {status}")
    if status not in (200, 206):
        raise UnreadableClipError(f"HTTP {status}")
    if status == 200:
        return None
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if match is None:
        raise UnreadableClipError("its server's ranges are wrong")
    return int(match[1]), int(match[2]), int(match[3])
