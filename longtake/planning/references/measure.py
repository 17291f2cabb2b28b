"""Looking at every reference before anything is bought: is it there, what is it, how large and how long.

Each distinct source once, remote ones by ranged reads. Many are fetched at a time, few are opened, each in a child of
bounded memory. What a vendor takes is for `longtake.vendors.limits`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from longtake.domain.addresses import data_uri_bytes, scheme_of, shown
from longtake.domain.errors import LongtakeError, UnreadableClipError
from longtake.domain.request import MediaFacts, MediaKind, Reference
from longtake.domain.violations import Violation, refusal
from longtake.files.open_store import open_store
from longtake.files.served import Served, served
from longtake.files.store import Store
from longtake.files.web.guard import FETCH_ERRORS, GuardedClient
from longtake.files.web.ranged import open_ranged
from longtake.manifests.schema import ManifestRow
from longtake.media.workers import WorkerPool
from longtake.planning.references.look import look, look_unless_large

DEADLINE_SECONDS = 90.0
OPENED_AT_ONCE = 2
CALLS_EACH = 500
START_SECONDS = 15.0
"""What a child may take to start on a busy machine; no file is to blame for it."""
FIT = "fit@1"
"""Name and version of how copies are made to fit; they enter a shot's identity."""
T = TypeVar("T")


@dataclass(frozen=True)
class FixedReference:
    """A copy that keeps a model's limits where the original does not: where it lies, how it differs, what it is."""

    path: Path
    changes: tuple[str, ...]
    facts: MediaFacts


async def measure_references(
    sources: Iterable[tuple[str, MediaKind]],
    *,
    media: GuardedClient,
    at_once: int = 16,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> tuple[dict[str, MediaFacts], dict[str, str]]:
    """Measures every reference that can be read from here; `asset://` ones lie at the vendor and are left out.

    Args:
        sources: Absolute path, `s3://`, http(s) or data address, each with the kind of its role.
        media: The client for http(s).
        at_once: How many are looked at together.
        deadline_seconds: How long one may take.

    Returns:
        Facts by source, and for each source that could not be read why.
    """
    facts: dict[str, MediaFacts] = {}
    problems: dict[str, str] = {}
    turn = asyncio.Semaphore(at_once)
    workers = WorkerPool(OPENED_AT_ONCE, calls_each=CALLS_EACH)
    looks = _Looks(media, workers, deadline_seconds)

    async def measure(source: str) -> None:
        async with turn:
            try:
                facts[source] = await looks.measured(source)
            except TimeoutError:
                problems[source] = f"it could not be read within {deadline_seconds:g} s"
            except (LongtakeError, OSError, ValueError, *FETCH_ERRORS) as error:
                problems[source] = _words(error, source)

    distinct = dict.fromkeys(source for source, _ in sources if scheme_of(source) != "asset")
    try:
        await asyncio.gather(*(measure(source) for source in distinct))
    finally:
        await workers.close()
    return {source: facts[source] for source in distinct if source in facts}, problems


def reference_sources(rows: Iterable[ManifestRow]) -> list[tuple[str, MediaKind]]:
    """Every reference of these rows with the kind of its role, as `measure_references` takes them."""
    return [(each.source, each.role.kind) for row in rows for each in row.written.request.references]


def reference_violations(rows: Iterable[ManifestRow], problems: Mapping[str, str]) -> list[Violation]:
    """A violation for every place where a row uses a reference that cannot be read."""
    return [
        _violation(reference, problems[reference.source]).model_copy(update={"row": row.row, "shot_id": row.shot_id})
        for row in (rows if problems else ())
        for reference in row.written.request.references
        if reference.source in problems
    ]


def _violation(reference: Reference, problem: str) -> Violation:
    kind = reference.role.kind
    fix = "name the host in LONGTAKE_ALLOW_HOSTS" if "LONGTAKE_ALLOW_HOSTS" in problem else f"give a readable {kind}"
    return refusal(reference.role.column, shown(reference.source), f"the {kind} cannot be read: {problem}", fix)


def _words(error: Exception, source: str) -> str:
    words = str(getattr(error, "strerror", None) or error) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        words = "there is no such object" if scheme_of(source) == "s3" else "there is no such file"
    # A file object has no name of its own, and the violation names the source beside these words.
    return words.removeprefix("clip: ").removeprefix(f"{Path(source).name}: ").replace(source, shown(source))


class _Looks:
    """Looks at single sources, fetched here and opened in children."""

    def __init__(self, media: GuardedClient, workers: WorkerPool, deadline_seconds: float) -> None:
        self._media = media
        self._workers = workers
        self._deadline_seconds = deadline_seconds
        # As many as there are workers, so that waiting for a child does not count as reading slowly.
        self._turn = asyncio.Semaphore(OPENED_AT_ONCE)
        self._large = asyncio.Lock()
        self._buckets = _Buckets()

    async def measured(self, source: str) -> MediaFacts:
        scheme = scheme_of(source)
        if scheme in ("http", "https"):
            return await self._remote(source)
        if scheme == "data":
            return await self._opened(await _in_thread(lambda: data_uri_bytes(source)))
        if scheme == "s3":
            return await self._object(source)
        return await self._opened(source)

    async def _opened(self, source: str | bytes | Served) -> MediaFacts:
        async with self._turn:
            facts = await self._called(look_unless_large, source)
        if facts is not None:
            return facts
        # However many there are, the memory of one is enough.
        async with self._large, self._turn:
            return await self._called(look, source)

    async def _called(self, function: Callable[..., T], source: str | bytes | Served) -> T:
        deadline_seconds = self._deadline_seconds + START_SECONDS
        async with asyncio.timeout(deadline_seconds):
            return await self._workers.call(function, source, deadline_seconds=2 * deadline_seconds)

    async def _remote(self, url: str) -> MediaFacts:
        async with asyncio.timeout(self._deadline_seconds):
            file = await open_ranged(url, self._media)
        try:
            async with served(file.size_bytes, _reader(file)) as there:
                return await self._opened(there)
        finally:
            file.stop()
            await _in_thread(file.close)

    async def _object(self, source: str) -> MediaFacts:
        async with asyncio.timeout(self._deadline_seconds):
            file, size_bytes = await _in_thread(lambda: _opened_object(source, self._buckets))
        try:
            async with served(size_bytes, _reader(file)) as there:
                return await self._opened(there)
        finally:
            await _in_thread(file.close)


def _reader(file: Any) -> Callable[[int, int], Awaitable[bytes]]:
    def read(place: int, count: int) -> bytes:
        file.seek(place)
        return bytes(file.read(count))

    return lambda place, count: _in_thread(lambda: read(place, count))


def _opened_object(source: str, buckets: _Buckets) -> tuple[BinaryIO, int]:
    bucket, _, key = source.removeprefix("s3://").partition("/")
    try:
        file = buckets.store(bucket).open(key)
        return file, file.seek(0, 2)
    except (LongtakeError, FileNotFoundError):
        raise
    except Exception as error:  # the S3 libraries raise errors of many families
        raise UnreadableClipError(f"the store does not give it ({type(error).__name__}: {error})") from None


class _Buckets:
    """One connection per bucket, however many objects are looked at."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}
        self._lock = threading.Lock()

    def store(self, bucket: str) -> Store:
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = open_store(f"s3://{bucket}")
            return self._stores[bucket]


async def _in_thread(work: Callable[[], T]) -> T:
    """Runs work in a thread of its own that nobody waits for at exit: a decoder may hang."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: object) -> None:
        if not future.done():
            set_it(value)

    def run() -> None:
        try:
            value = work()
        except Exception as error:
            outcome: tuple[Callable[[Any], None], object] = (future.set_exception, error)
        else:
            outcome = (future.set_result, value)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="longtake-probe", daemon=True).start()
    return await future
