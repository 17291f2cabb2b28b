"""From a vendor's link to a file: streamed to a part file, resumed by Range, checked for length, never held in memory.

Whether the file is a sound video is the gate's business (`longtake.media`); whose clip it is, the ledger's. A part that
is whole says so in a note beside it, so that the next run goes on from there.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import httpx

from longtake.domain.addresses import unsigned_url
from longtake.domain.errors import (
    IncompleteDownloadError,
    PublishConflictError,
    ResultExpiredError,
    SlowDownloadError,
    StillRunningError,
)
from longtake.files.web.fetch_bounds import FetchBounds
from longtake.files.web.guard import GuardedClient
from longtake.files.web.unwrapping import encodings, unwrap

CHUNK_BYTES = 1 << 20
DEAD_STATUS = frozenset({403, 404, 410})
"""What a host says of a link that has died. Anything else may pass, and is waited for."""
_LATER = frozenset({408, 425, 429, 503})
"""Answers that speak of the time, not of the request."""
LOCK_TRIES = 20
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PAGE_MARKS = (b"<", b"{", b"[")


@contextmanager
def part_file(folder: Path, name: str) -> Generator[Path]:
    """The part file of one clip, locked for this process; the lock dies with it, so a killed run's part is taken up.

    Raises:
        PublishConflictError: Another live process is fetching the same clip, or is just publishing it.
    """
    path = folder / f"{name}.part"
    with ExitStack() as stack:
        for _ in range(LOCK_TRIES):
            held = _lock(path, os.O_RDWR | os.O_CREAT, name)
            # Between opening and locking, its holder may have given the file its final name: that lock is void.
            if _is_at(held, path):
                stack.callback(os.close, held)
                break
            os.close(held)
        else:
            raise PublishConflictError(f"{name} is published by others again and again")
        stack.callback(_leave, held, path)
        # One who holds the lock of a part that has its final name by now is still at work on it.
        with suppress(FileNotFoundError, IsADirectoryError):
            stack.callback(os.close, _lock(folder / name, os.O_RDONLY, name))
        yield path


def _leave(held: int, path: Path) -> None:
    """Leaves no empty file behind; who waits for its lock finds out by the name that it is void."""
    with suppress(OSError):
        if _is_at(held, path) and os.fstat(held).st_size == 0:
            path.unlink()


def _lock(path: Path, flags: int, name: str) -> int:
    descriptor = os.open(path, flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise PublishConflictError(f"{name} is being fetched by another run") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.sha256")


def whole_part(part: Path) -> str | None:
    """SHA-256 (hex) of a part that an earlier try fetched to its end; None where there is none. Blocking."""
    try:
        noted = _note(part).read_bytes().strip().decode("ascii", "replace")
    except FileNotFoundError:
        return None
    if noted == sha256_of(part):
        return noted
    if _SHA256.fullmatch(noted):  # else the note itself was not finished, and says nothing of the part
        drop(part)
    return None


def drop(part: Path) -> None:
    """Forgets what was fetched; blocking. The file stays: it carries the lock."""
    _note(part).unlink(missing_ok=True)
    os.truncate(part, 0)


def discard(part: Path) -> None:
    """Removes what is left of a part whose clip is published; blocking."""
    _note(part).unlink(missing_ok=True)
    part.unlink(missing_ok=True)


def sha256_of(part: Path) -> str:
    """SHA-256 (hex) of what is there; blocking."""
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def fetch(client: GuardedClient, url: str, part: Path, bounds: FetchBounds | None = None) -> str:
    """Fetches a link into a part file, going on where it ends.

    Args:
        client: Never holds a key.
        url: The vendor's link.
        part: May hold the first bytes already.
        bounds: How large, slow and long it may be.

    Returns:
        SHA-256 (hex) of the whole file, unpacked where the host sends it compressed.

    Raises:
        ResultExpiredError: The link is dead; ask the vendor for a fresh one.
        IncompleteDownloadError: The host does not give it now; what came is kept for a resume.
        SlowDownloadError: It comes too slowly to be waited for; what came is kept.
        StillRunningError: The host sends more than the clip can have; nothing is kept.
        UnreadableClipError: It is compressed, and damaged so.
        UnsafeAddressError: The link points inside.
    """
    bounds = bounds or FetchBounds()
    if (sha256 := await asyncio.to_thread(whole_part, part)) is not None:
        return sha256
    try:
        named = await _bring(client, url, part, bounds)
    except httpx.HTTPError as error:
        raise IncompleteDownloadError(f"{unsigned_url(url)}: {type(error).__name__}", _size(part)) from None
    return await asyncio.to_thread(_finish, part, url, named, bounds)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


async def _bring(client: GuardedClient, url: str, part: Path, bounds: FetchBounds) -> tuple[str, ...]:
    """Fetches what is missing; returns the encodings that the host names."""
    have = await asyncio.to_thread(_size, part)
    # A host that refuses to go on may well give the whole.
    for start in (have, 0) if have else (0,):
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        async with client.stream(url, headers) as response:
            first, total = _span(response)
            if start and response.status_code == 416 and total == have:
                return encodings(response.headers.get("content-encoding", ""))
            if start and _wants_another_way(response, first, start):
                continue
            _require_body(response, url, have)
            if response.status_code == 206 and first != start:
                raise IncompleteDownloadError(f"{unsigned_url(url)}: the host answers with another part", have)
            offset = start if response.status_code == 206 else 0
            if total is not None and total > bounds.largest_bytes:
                raise await _too_large(part, url, bounds)
            size = await _write(response, part, offset, url, bounds)
            if size > bounds.largest_bytes:
                raise await _too_large(part, url, bounds)
            if total is None and not await _is_end(client, url, response, size):
                raise IncompleteDownloadError(
                    f"{unsigned_url(url)}: there is more than the {size} bytes that came", size
                )
            if total is not None and size != total:
                raise IncompleteDownloadError(f"{unsigned_url(url)}: {size} of {total} bytes came", size)
            return encodings(response.headers.get("content-encoding", ""))
    raise IncompleteDownloadError(f"{unsigned_url(url)}: the host does not resume this file", have)


async def _is_end(client: GuardedClient, url: str, response: httpx.Response, size: int) -> bool:
    """Whether a body without a length was whole; a connection that just closes tells nothing, so the host is asked."""
    if response.headers.get("transfer-encoding", "").lower().endswith("chunked"):
        return True
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={size}-"}
    async with client.stream(url, headers) as more:
        first, total = _span(more)
        if more.status_code == 200:  # it gives no parts, but may tell how much the whole is
            return total is None or total <= size
        return not (more.status_code == 206 and first == size and (total or size + 1) > size)


def _wants_another_way(response: httpx.Response, first: int | None, start: int) -> bool:
    status = response.status_code
    return (status == 206 and first != start) or (status >= 400 and status not in _LATER)


def _span(response: httpx.Response) -> tuple[int | None, int | None]:
    """The first byte that comes and the size of the whole, None where the host does not tell."""
    length = response.headers.get("content-length", "")
    told = int(length) if length.isascii() and length.isdigit() else None
    if response.status_code not in (206, 416):
        return 0, told
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if match is None:  # a part that nobody asked for and that names no place is the whole
        return (None, None) if "range" in response.request.headers else (0, told)
    first = int(match[1]) if match[1] else None
    whole = int(match[3]) if match[3] != "*" else None
    return first, whole if whole is not None or first is None or told is None else first + told


def _require_body(response: httpx.Response, url: str, have: int) -> None:
    status = response.status_code
    if status in DEAD_STATUS:
        raise ResultExpiredError(f"the link {unsigned_url(url)} is dead", "", status)
    if status not in (200, 206):
        raise IncompleteDownloadError(f"{unsigned_url(url)}: HTTP {status}", have)


async def _too_large(part: Path, url: str, bounds: FetchBounds) -> StillRunningError:
    await asyncio.to_thread(drop, part)
    return StillRunningError(
        f"{unsigned_url(url)} sends more than the {bounds.largest_bytes} bytes that this clip can have; nothing is kept"
    )


async def _write(response: httpx.Response, part: Path, offset: int, url: str, bounds: FetchBounds) -> int:
    """Writes a body behind the bytes that are there; returns the file's size."""
    size, waiting, rate = offset, bytearray(), _Rate(bounds)
    file = await asyncio.to_thread(_open_at, part, offset)
    try:
        async with asyncio.timeout(bounds.total_seconds):
            async for chunk in response.aiter_raw():
                size += len(chunk)
                waiting += chunk
                if size > bounds.largest_bytes:
                    break
                if not rate.suffices(len(chunk)):
                    words = f"{unsigned_url(url)} sends fewer than {bounds.least_bytes_per_second} bytes a second"
                    raise SlowDownloadError(words, size)
                if len(waiting) >= CHUNK_BYTES:
                    full, waiting = waiting, bytearray()
                    await asyncio.to_thread(file.write, full)
    except TimeoutError:
        raise SlowDownloadError(f"{unsigned_url(url)} was not done after {bounds.total_seconds:.0f} s", size) from None
    finally:
        await asyncio.to_thread(_write_and_close, file, waiting)
    return size


def _open_at(part: Path, offset: int) -> BinaryIO:
    file = part.open("r+b")
    file.truncate(offset)
    file.seek(offset)
    return file


def _write_and_close(file: BinaryIO, last: bytearray) -> None:
    with file:
        file.write(last)


class _Rate:
    """Whether enough comes, window by window."""

    def __init__(self, bounds: FetchBounds) -> None:
        self._bounds, self._begun, self._came = bounds, time.monotonic(), 0

    def suffices(self, count: int) -> bool:
        self._came += count
        seconds = time.monotonic() - self._begun
        if seconds < self._bounds.window_seconds:
            return True
        is_enough = self._came >= seconds * self._bounds.least_bytes_per_second
        self._begun, self._came = time.monotonic(), 0
        return is_enough


def _finish(part: Path, url: str, named: tuple[str, ...], bounds: FetchBounds) -> str:
    """Unpacks what came whole and notes its hash; blocking."""
    unwrap(part, named, bounds.largest_bytes)
    with part.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head or head.startswith(_PAGE_MARKS):
        # A gateway's page or an empty body under 200 is an outage, not a clip.
        drop(part)
        raise IncompleteDownloadError(f"{unsigned_url(url)} answers with {'a page' if head else 'nothing'}, no clip", 0)
    sha256 = sha256_of(part)
    with suppress(OSError):  # a full disk: then it is fetched again at worst
        _note(part).write_text(sha256)
    return sha256
