"""Fifty downloads of 20 MB at once: throughput beside one plain stream, and peak memory.

    python -m tests.benchmarks.bench_downloads [--files N] [--megabytes M] [--repeats N]

A file server in a process of its own, each way in a process of its own, all to disk. Ours resumes, hashes and refuses
private addresses; the plain ones only write. Memory is what the process grew by.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from tests.benchmarks.whole_runs.measuring import clean_environment, spread
from tests.benchmarks.whole_runs.vendors import ROOT

RUN_DOWNLOADS = 8
"""How many a run fetches at once."""
CHUNK_BYTES = 1 << 18


async def plain(client: httpx.AsyncClient, url: str, target: Path) -> None:
    """As any script does it."""
    async with client.stream("GET", url) as reply:
        with target.open("wb") as file:
            async for chunk in reply.aiter_bytes(CHUNK_BYTES):
                file.write(chunk)


async def plain_hashed(client: httpx.AsyncClient, url: str, target: Path) -> None:
    """The same, and the hash that makes a file recognisable."""
    await plain(client, url, target)
    with target.open("rb") as file:
        hashlib.file_digest(file, "sha256").hexdigest()


async def many(fetch: Callable[[str, Path], Awaitable[object]], url: str, folder: Path, files: int, most: int) -> None:
    """So many files, at most so many at once."""
    turns = asyncio.Semaphore(most)

    async def one(number: int) -> None:
        async with turns:
            await fetch(url, folder / f"{number}.part")

    await asyncio.gather(*map(one, range(files)))


async def by_plain(url: str, folder: Path, files: int, most: int, hashed: bool) -> None:
    way = plain_hashed if hashed else plain
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        await many(lambda link, target: way(client, link, target), url, folder, files, most)


async def by_longtake(url: str, folder: Path, files: int, most: int) -> None:
    from longtake.files.web.fetch import fetch
    from longtake.files.web.guard import GuardedClient

    async with GuardedClient() as client:
        await many(lambda link, target: fetch(client, link, target), url, folder, files, most)


WAYS = {
    "one plain stream": lambda url, folder, files: by_plain(url, folder, files, 1, False),
    "one plain stream, hashed": lambda url, folder, files: by_plain(url, folder, files, 1, True),
    "plain httpx, all at once": lambda url, folder, files: by_plain(url, folder, files, files, False),
    "longtake, all at once": lambda url, folder, files: by_longtake(url, folder, files, files),
    f"longtake, {RUN_DOWNLOADS} at once, as a run does": lambda url, folder, files: by_longtake(
        url, folder, files, RUN_DOWNLOADS
    ),
}


def one_way(way: str, url: str, files: int, size: int) -> None:
    """Inside the measured process: prints seconds and MiB grown."""
    import longtake.files.web.fetch
    import longtake.files.web.guard  # noqa: F401 - imports are no part of the figure

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        asyncio.run(WAYS[way](url, Path(folder), files))
        seconds = time.perf_counter() - began
        assert [path.stat().st_size for path in Path(folder).iterdir()] == [size] * files
    print(json.dumps([seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))


async def serve(path: Path) -> None:
    """Sends the file to everyone who connects, as fast as the kernel does it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while (await reader.readline()).strip():
            while (await reader.readline()).strip():
                pass
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {path.stat().st_size}\r\n\r\n".encode())
            await writer.drain()
            with path.open("rb") as file:
                await loop.sendfile(writer.transport, file)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    size = chosen.megabytes * 1_000_000
    if chosen.serve:
        asyncio.run(serve(chosen.serve))
    elif chosen.one:
        one_way(*chosen.one, chosen.files, size)
    else:
        table(chosen.files, size, chosen.repeats)


def table(files: int, size: int, repeats: int) -> None:
    """Measures every way in turn, round by round."""
    itself = [sys.executable, "-m", "tests.benchmarks.bench_downloads", "--files", str(files)]
    itself += ["--megabytes", str(size // 1_000_000)]
    environment = clean_environment(LONGTAKE_ALLOW_HOSTS="127.0.0.1")
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        path.write_bytes(hashlib.sha256(b"clip").digest() * (size // 32))
        server = subprocess.Popen([*itself, "--serve", str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/clip.mp4"
        try:
            for _ in range(repeats):
                for way in WAYS:
                    told = subprocess.check_output([*itself, "--one", way, url], cwd=ROOT, env=environment)
                    found[way].append(json.loads(told))
        finally:
            server.terminate()
            server.wait()
    base = [seconds for seconds, _ in found["one plain stream"]]
    print(f"{files} files of {size / 1e6:.0f} MB, {repeats} runs each\n")
    print("| | MB/s | throughput ÷ one plain stream | grew by MiB |\n| --- | --- | --- | --- |")
    for way, runs in found.items():
        speed = spread([files * size / 1e6 / seconds for seconds, _ in runs], ".0f")
        ratio = spread([plain_seconds / runs[turn][0] for turn, plain_seconds in enumerate(base)])
        print(f"| {way} | {speed} | {ratio} | {spread([grown for _, grown in runs], '.0f')} |")


if __name__ == "__main__":
    main()
