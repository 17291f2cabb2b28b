"""The same faults through `longtake.jobs.submit.buy` against the sandbox, at every vendor. Prints one row per vendor.

Each create is called three times over, as a task with two retries would; the figures are of all three together.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import tempfile
import time

from starlette.applications import Starlette

from longtake.accounts.session import open_session
from longtake.domain.errors import LongtakeError
from longtake.domain.request import ShotRequest
from longtake.files.open_store import open_store
from longtake.jobs.order import Order
from longtake.jobs.submit import buy
from longtake.ledger.ledger import Ledger
from longtake.sandbox.app import VENDORS, Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.benchmarks.bills.fake_vendor import (
    FAULTS,
    READ_TIMEOUT_SECONDS,
    REFUSED_FIRST,
    RETRY_AFTER_SECONDS,
    SLOW_ANSWER_SECONDS,
    is_idempotency_key,
)
from tests.plain_render import sandbox_accounts

KINDS = {
    "lost": {"kind": "answer_lost_after_accept", "times": None},
    "bad_gateway": {"kind": "bad_gateway_after_accept", "times": None},
    "slow": {"kind": "slow_answer", "times": None, "seconds": SLOW_ANSWER_SECONDS},
    "throttled": {"kind": "throttled", "times": REFUSED_FIRST, "retry_after_seconds": float(RETRY_AFTER_SECONDS)},
}
CALLS = 3


class HeaderWatcher:
    """Notes at which vendors a POST carried an idempotency key."""

    def __init__(self, app, keyed: set[str]) -> None:
        self.app, self.keyed = app, keyed

    async def __call__(self, scope, receive, send) -> None:
        headers = scope["headers"] if scope["type"] == "http" and scope["method"] == "POST" else []
        if any(is_idempotency_key(name.decode()) for name, _ in headers):
            self.keyed.add(scope["path"].split("/")[1])
        await self.app(scope, receive, send)


class WatchedSandbox(Sandbox):
    """A sandbox that notes idempotency keys."""

    def __init__(self, settings: SandboxSettings) -> None:
        super().__init__(settings)
        self.keyed: set[str] = set()

    def _app(self) -> Starlette:
        app = super()._app()
        app.add_middleware(HeaderWatcher, keyed=self.keyed)
        return app


async def cell(sandbox: WatchedSandbox, ledger: Ledger, vendor: str, fault: str) -> dict[str, object]:
    """One create under one fault, called three times over."""
    prompt = f"cell {vendor} {fault} end"
    sandbox.faults.add(Fault(step="submit", vendor=vendor, prompt=prompt, **KINDS[fault]))
    account, _ = await sandbox_accounts(sandbox)(vendor)
    order = Order(
        output="bench",
        account=vendor,
        shot_id=f"{vendor}-{fault}/1",
        request=ShotRequest(prompt=prompt, duration_seconds=4, resolution="480p", ratio="16:9"),
    )
    began = time.monotonic()
    ends: set[str] = set()
    for _ in range(CALLS):
        # A session of its own, as a retry in another process would have.
        session = open_session(account)
        try:
            await buy(order, session, ledger)
            ends.add("job")
        except LongtakeError as error:
            ends.add(type(error).__name__)
        finally:
            await session.close()
    seconds = time.monotonic() - began
    billed = sum(prompt in str(entry.body) for entry in sandbox.bill.entries)
    return {"billed": billed, "end": ", then ".join(sorted(ends)), "seconds": seconds, "keyed": vendor in sandbox.keyed}


async def main() -> None:
    """Runs all cells at once and prints the rows."""
    os.environ["LONGTAKE_SUBMIT_TIMEOUT_SECONDS"] = str(READ_TIMEOUT_SECONDS)
    os.environ["LONGTAKE_ALLOW_HOSTS"] = "127.0.0.1"
    cells = [(vendor, fault) for vendor in VENDORS for fault in FAULTS]
    settings = SandboxSettings(job_seconds=60, jobs_per_key=None, media="stub")
    with tempfile.TemporaryDirectory() as folder, WatchedSandbox(settings) as sandbox:
        ledger = Ledger(open_store(folder))
        found = await asyncio.gather(*(cell(sandbox, ledger, *names) for names in cells))
    results = dict(zip(cells, found, strict=True))
    version = importlib.metadata.version("longtake")
    rows = [
        {
            "client": f"longtake {version} → {vendor}, `buy` called {CALLS} times",
            "cells": {fault: results[vendor, fault] for fault in FAULTS},
        }
        for vendor in VENDORS
    ]
    print(json.dumps(rows), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
