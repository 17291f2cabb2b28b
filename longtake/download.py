"""From a vendor's link to a file: streamed to a part file, resumed by Range, checked for length, never held in memory.

Whether the file is a sound video is the gate's business (`longtake.media`); whose clip it is, the ledger's.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from longtake.errors import IncompleteDownloadError, PublishConflictError, ResultExpiredError, UnreadableClipError
from longtake.guard import GuardedClient
from longtake.identity import unsigned_url

MAX_CLIP_BYTES = 2 * 2**30
CHUNK_BYTES = 1 << 18
DEAD_STATUS = frozenset({400, 401, 403, 404, 410})


@contextmanager
def part_file(folder: Path, name: str) -> Generator[Path]:
    """The part file of one clip, locked for this process; the lock dies with it, so a killed run's part is taken up.

    Raises:
        PublishConflictError: Another live process is fetching the same clip.
    """
    path = folder / f"{name}.part"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PublishConflictError(f"{name} is being fetched by another run") from None
        yield path
    finally:
        os.close(descriptor)


async def fetch(client: GuardedClient, url: str, part: Path) -> str:
    """Fetches a link into a part file, going on where it ends.

    Args:
        client: Never holds a key.
        url: The vendor's link.
        part: May hold the first bytes already.

    Returns:
        SHA-256 (hex) of the whole file.

    Raises:
        ResultExpiredError: The link is dead; ask the vendor for a fresh one.
        IncompleteDownloadError: It ended early; what came is kept for a resume.
        UnreadableClipError: Too large to be a clip.
        UnsafeAddressError: The link points inside.
    """
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        async with client.stream(url, headers) as response:
            _refuse_dead(response, url)
            resumed = have > 0 and response.status_code == 206 and _starts_at(response, have)
            if response.status_code == 416 or (have and not resumed and response.status_code != 200):
                part.unlink()
                raise IncompleteDownloadError("the host does not resume this file; it is fetched anew")
            expected = _expected_bytes(response, have if resumed else 0)
            with part.open("ab" if resumed else "wb") as file:
                async for chunk in response.aiter_bytes(CHUNK_BYTES):
                    file.write(chunk)
                    if file.tell() > MAX_CLIP_BYTES:
                        raise UnreadableClipError(f"longer than {MAX_CLIP_BYTES} bytes")
    except httpx.HTTPError as error:
        raise IncompleteDownloadError(f"{unsigned_url(url)}: {type(error).__name__}") from None
    size = part.stat().st_size
    if expected is not None and size != expected:
        raise IncompleteDownloadError(f"{unsigned_url(url)}: {size} of {expected} bytes came")
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_dead(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in DEAD_STATUS:
        raise ResultExpiredError(f"the link {unsigned_url(url)} is dead", "", status)
    if status >= 400 and status != 416:
        raise IncompleteDownloadError(f"{unsigned_url(url)}: HTTP {status}")


def _starts_at(response: httpx.Response, have: int) -> bool:
    return response.headers.get("content-range", "").startswith(f"bytes {have}-")


def _expected_bytes(response: httpx.Response, have: int) -> int | None:
    length = response.headers.get("content-length", "")
    return have + int(length) if length.isdigit() else None
