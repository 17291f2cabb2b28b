"""A render without Prefect, in this process: the library's run with its steps as plain functions."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.files.store import Store
from longtake.jobs import lost_answers
from longtake.jobs import submit as purchase
from longtake.jobs.download import download_clip
from longtake.jobs.gate import gate
from longtake.jobs.resources import open_resources
from longtake.jobs.submit import buy
from longtake.jobs.wait import await_end
from longtake.ledger.records import Expectation
from longtake.media.labelling.identity import Signing
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.rendering.output.reels import make_reel
from longtake.rendering.render import render
from longtake.rendering.run import Steps
from longtake.rendering.summary import Summary

LOOK_GAP_SECONDS = 0.06


def sandbox_accounts(sandbox, **fields):
    """A loader of accounts that point at a sandbox."""

    return accounts_of(sandbox.environment(), **fields)


def accounts_of(environment, **fields):
    """A loader of accounts from `EVOLINK_API_KEY` and the like."""

    async def load(written: str) -> tuple[Account, list[str]]:
        vendor, _, document = written.partition("/")
        values = {"poll_interval_seconds": 0.1, "max_wait_seconds": 30, "max_jobs_in_flight": 8} | fields
        account = Account(
            vendor=vendor,
            document=document or "default",
            api_key=SecretStr(environment[f"{vendor.upper()}_API_KEY"]),
            base_url=environment[f"{vendor.upper()}_BASE_URL"],
            upload_base_url=environment[f"{vendor.upper()}_UPLOAD_BASE_URL"],
            **values,
        )
        if "poll_interval_seconds" not in fields:
            # Shorter than an account may ask for; just longer than the jobs of the e2e tests take.
            account = account.model_copy(update={"poll_interval_seconds": LOOK_GAP_SECONDS})
        return account, []

    return load


def hasten(monkeypatch, after_seconds: float = 2.0, gap_seconds: float = 0.5) -> None:
    """Half a minute beyond a submit's time limit guards against slow clocks, a minute between two readings of a list
    against one that is behind; here both would only be waited.
    """
    for module in (purchase, lost_answers):
        monkeypatch.setattr(module, "UNKNOWN_AFTER_SECONDS", after_seconds)
    monkeypatch.setattr(lost_answers, "FIRST_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(lost_answers, "ABSENT_GAP_SECONDS", gap_seconds)


async def render_plain(
    manifest: Path | str,
    output: Path | str,
    load_account,
    *,
    clip_store: Store | None = None,
    check=None,
    events: list | None = None,
    backend_for=None,
    signing: Signing | None = None,
    **options,
) -> Summary:
    """Prepares and renders; raises what a refused manifest is refused with."""
    wish = RenderOptions(manifest=str(manifest), output=str(output), **options)
    prepared = await prepare(wish, load_account=load_account, clip_store=clip_store)
    prepared.signing = signing
    if (refusal := prepared.refusal()) is not None:
        raise refusal
    async with open_resources(load_account, backend_for) as resources:
        ledger = prepared.ledger
        resources.signing = signing.identity if signing else None

        async def submit(order):
            return await buy(order, await resources.session(order.account), ledger, resources.budget)

        async def follow(job, taken_up):
            return await await_end(job, await resources.session(job.account), ledger, taken_up=taken_up)

        async def download(job, link):
            bought = ledger.latest(job.identity)
            wanted = bought.intent.expected if bought.intent else Expectation()
            looked = check or gate(wanted, resources.workers)
            return await download_clip(
                job, await resources.session(job.account), ledger, resources.media, looked, link=link
            )

        async def stitch(order):
            signs = {"signing": resources.signing} if signing else {}
            return await make_reel(order, ledger.store, resources.workers, **signs)

        def on_event(event, shot, words):
            if events is not None:
                events.append((event, shot.shot_id, words))

        return await render(
            prepared,
            resources,
            steps=Steps(submit=submit, await_job=follow, download=download),
            stitch=stitch,
            on_event=on_event,
        )


def render_here(sandbox, manifest: Path, output: Path, on_unknown: str = "hold", **options) -> dict[str, str]:
    """What this file does as a program, without the start of a process: the verdicts by shot."""
    from pytest import MonkeyPatch  # not for the program, which starts often

    with MonkeyPatch.context() as patch:
        patch.setattr(purchase, "UNKNOWN_AFTER_SECONDS", 2.0)
        patch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "3")
        end = asyncio.run(render_plain(manifest, output, sandbox_accounts(sandbox), on_unknown=on_unknown, **options))
    return {row.shot_id: row.verdict.value for row in end.rows}


if __name__ == "__main__":
    # Half a minute beyond the submit's time limit guards against slow clocks and disks; here it would only be waited.
    purchase.UNKNOWN_AFTER_SECONDS = 2.0
    MANIFEST, OUTPUT, ON_UNKNOWN, *MORE = sys.argv[1:]
    OPTIONS = {"on_unknown": ON_UNKNOWN} | (json.loads(MORE[0]) if MORE else {})
    if OPTIONS.pop("quick", False):
        from tests.e2e.quick_steps import quick_check

        OPTIONS["check"] = quick_check
    END = asyncio.run(render_plain(MANIFEST, OUTPUT, accounts_of(os.environ), **OPTIONS))
    print(json.dumps({"line": END.line, "verdicts": {row.shot_id: row.verdict.value for row in END.rows}}))
