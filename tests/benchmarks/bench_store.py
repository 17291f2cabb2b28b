"""What an output on S3 is asked: requests by kind, per shot and flat, and the seconds at 30 ms each.

    python -m tests.benchmarks.bench_store [--shots 20 120]

Real renders against the sandbox, into an S3 server of the test's own (moto) that counts. Two sizes of one manifest tell
what is asked for every shot and what is asked once. The baseline, in the same run, is the same without an index.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from longtake.files.open_store import open_store
from longtake.jobs.reconcile import Decisions, reconcile
from longtake.jobs.resources import open_resources
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.reports.run.rewrite import rewrite_report
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.s3_server import S3Server, s3_server
from tests.plain_render import render_plain, sandbox_accounts

KINDS = ("LIST", "GET", "PUT", "HEAD", "COPY", "DELETE", "POST")
DELAY_SECONDS = 0.03
HEAD = "reel,shot,prompt,vendor,duration_seconds,resolution,ratio,continue_from\n"
Asked = tuple[Counter[str], float]


def write_manifest(path: Path, shots: int, of_a_reel: int) -> None:
    """Reels of so many shots, each going on from the clip before it."""
    rows = [
        f"r{number // of_a_reel:05},{number % of_a_reel + 1},row {number} end,evolink,4,480p,16:9,"
        f"{'clip' if number % of_a_reel else ''}\n"
        for number in range(shots)
    ]
    path.write_text(HEAD + "".join(rows))


class Output:
    """One manifest and its output, and what each command asks of the store."""

    def __init__(self, folder: Path, server: S3Server, sandbox: Sandbox, shots: int, of_a_reel: int) -> None:
        self.server, self.shots = server, shots
        self.manifest, self.url = folder / f"{shots}-{of_a_reel}.csv", f"s3://bench/{shots}-{of_a_reel}"
        self.load = sandbox_accounts(sandbox)
        write_manifest(self.manifest, shots, of_a_reel)

    async def measured(self, command: Callable[[], Awaitable[object]]) -> Asked:
        since, begun = len(self.server.requests), time.monotonic()
        await command()
        return self.server.counts(since), time.monotonic() - begun

    async def render(self) -> None:
        end = await render_plain(self.manifest, self.url, self.load)
        assert end.all_done, end.line

    async def plan(self) -> None:
        await prepare(RenderOptions(manifest=str(self.manifest), output=self.url), load_account=self.load)

    async def report(self) -> None:
        await asyncio.to_thread(rewrite_report, self.url)

    async def reconcile(self) -> None:
        async with open_resources(self.load) as resources:
            ledger = await resources.ledger(self.url)
            await reconcile(ledger, resources, Decisions(), await_job=None, download=None)

    async def without_index(self) -> None:
        store = open_store(self.url)
        for key in store.list("index"):
            store.remove(key)
        assert len(Ledger(store).scan()) == self.shots

    async def commands(self, folder: Path) -> dict[str, Asked]:
        """Every command in turn, from an empty output on."""
        os.chdir(folder)  # `longtake report` writes a copy beside itself
        asked = {"render": await self.measured(self.render)}
        for name in ("render, nothing to buy", "plan", "reconcile", "report"):
            asked[name] = await self.measured(getattr(self, name.partition(",")[0]))
        self.server.delay_seconds = DELAY_SECONDS
        asked["nothing to buy, 30 ms a request"] = await self.measured(self.render)
        await self.without_index()
        asked["the same without the index"] = await self.measured(self.render)
        self.server.delay_seconds = 0.0
        return asked


def table(few: int, many: int, asked: tuple[dict[str, Asked], dict[str, Asked]]) -> None:
    """Prints what each command asks per shot and once."""
    print(f"\n| command | {' | '.join(KINDS)} | per shot | flat | seconds, {many} shots |")
    print("| --- " * (len(KINDS) + 4) + "|")
    for name, (more, seconds) in asked[1].items():
        less = asked[0][name][0]
        each = {kind: (more[kind] - less[kind]) / (many - few) for kind in KINDS}
        per_shot = sum(each.values())
        flat = sum(less.values()) - per_shot * few
        cells = [f"{each[kind]:.2f}" for kind in KINDS]
        print(f"| {name} | {' | '.join(cells)} | **{per_shot:.2f}** | {flat:.0f} | {seconds:.1f} |", flush=True)


async def main(few: int, many: int) -> None:
    """Prints a table for lone shots and one for chains."""
    with (
        tempfile.TemporaryDirectory() as name,
        s3_server() as server,
        Sandbox(SandboxSettings(job_seconds=0.3, jobs_per_key=None, media="stub")) as sandbox,
    ):
        os.environ |= server.environment | {"LONGTAKE_ALLOW_HOSTS": "127.0.0.1"}
        server.files().makedirs("bench", exist_ok=True)
        for title, of_a_reel in (("Lone shots", 1), ("Chains of four", 4)):
            print(f"\n{title}, {few} and {many} of them")
            both = [
                await Output(Path(name), server, sandbox, shots, of_a_reel).commands(Path(name))
                for shots in (few, many)
            ]
            table(few, many, (both[0], both[1]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=int, nargs=2, default=[20, 120])
    asyncio.run(main(*parser.parse_args().shots))
