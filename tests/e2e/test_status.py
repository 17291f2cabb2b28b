"""`longtake status OUT`: how an output stands, told from its files alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.reports.figures import money
from longtake.reports.run.rewrite import DATA
from longtake.reports.status.lines import status_lines
from longtake.reports.status.standing import output_status
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from longtake_cli.main import main
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    # Whatever Prefect server there should be, nobody answers.
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def render(sandbox, tmp_path, write_manifest):
    async def run(rows, **options):
        load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"], max_wait_seconds=2)
        manifest = write_manifest([SHOT | {"id": name, "prompt": name} | more for name, more in rows.items()])
        await render_plain(manifest, tmp_path / "my out", load, check=quick_check, **options)
        return tmp_path / "my out"

    return run


def status(output) -> str:
    found = output_status(Ledger(open_store(str(output))))
    assert found is not None
    return "\n".join(status_lines(str(output), found))


def mark_of_a_dead_process() -> str:
    code = "from longtake.files.clocks import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


async def test_it_tells_what_is_done_in_flight_unknown_and_spent_with_what_to_type(sandbox, render, capsys):
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", prompt="cello"))
    sandbox.faults.add(Fault(kind="stuck", step="look", prompt="runs on"))
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="fails"))
    output = await render({"fine": {}, "cello": {}, "runs on": {}, "fails": {}})
    assert main(["status", str(output)]) == 1
    told = capsys.readouterr().out
    spent = sum(entry.price_usd for entry in sandbox.bill.entries)
    assert (
        f"1 of 4 shots done; 1 still running, 1 unknown outcome, 1 failed; spent {money(spent)} on 4 purchases" in told
    )
    [job] = [job for job in sandbox.jobs() if job.order.prompt == "runs on"]
    assert f"runs on/1  evolink/default {job.order.model}, job {job.job_id}, submitted 20" in told
    # What is typed as it is told settles it: the lost job's own id alone is filled in.
    [line] = [line.strip() for line in told.splitlines() if "--adopt cello" in line]
    lost = next(job.job_id for job in sandbox.jobs() if job.order.prompt == "cello")
    assert shlex.split(line) == ["longtake", "reconcile", "--output", str(output), "--adopt", "cello/1=JOB_ID"]
    assert "cello/1  evolink/default" in told
    assert "submitted 20" in told.split("cello/1  ")[1].splitlines()[0]
    assert "--resubmit cello/1 (buys it again), --give-up cello/1 (closes it)" in told
    assert "1 failed (fails/1): " in told
    assert "next: raise `take`" in told
    assert lost not in told


async def test_it_ends_with_0_once_all_is_done_and_with_2_where_nothing_was_rendered(render, tmp_path, capsys):
    output = await render({"fine": {}})
    assert main(["status", str(output)]) == 0
    assert "1 of 1 shots done; spent" in capsys.readouterr().out
    assert main(["status", str(tmp_path / "nowhere")]) == 2
    assert "nothing was rendered there" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


async def test_a_folder_above_outputs_tells_of_each(render, tmp_path, capsys):
    output = await render({"fine": {}})
    output.rename(tmp_path / "2026-01-01")
    (tmp_path / "manifest.csv").unlink()
    assert main(["status", str(tmp_path)]) == 0
    assert f"{tmp_path}/2026-01-01: 1 of 1 shots done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("process", "age_seconds", "words"),
    [
        ("", 20, "a run is at work here; last heard of 20 s ago"),
        ("", 700, "it hangs, or ended without a word"),
        ("dead", 20, "is gone"),
    ],
)
async def test_a_run_that_is_gone_or_silent_is_told_from_one_at_work(render, process, age_seconds, words):
    output = await render({"fine": {}, "other": {}}, limit=1)
    process = mark_of_a_dead_process() if process else ""
    told = json.loads((output / DATA).read_text())
    told |= {"finished": False, "written_at": time.time() - age_seconds, "process": process}
    told["reels"][1]["shots"][0]["verdict"] = "queued"
    (output / DATA).write_text(json.dumps(told))
    said = status(output)
    assert words in said
    # What a run did that is no longer there, it does no more.
    assert ("waiting for a slot (1)" in said) == ("at work here; last" in said)
    assert ("1 not started" in said) == ("at work here; last" not in said)


async def test_the_report_moves_though_nothing_happens(sandbox, render, tmp_path, monkeypatch):
    monkeypatch.setattr("longtake.rendering.report.EVERY_SECONDS", 0.1)
    monkeypatch.setattr("longtake.rendering.report.BEAT_SECONDS", 0.2)
    monkeypatch.setattr("longtake.rendering.report.REST_FACTOR", 1)
    sandbox.faults.add(Fault(kind="stuck", step="look", prompt="runs on"))
    seen: set[tuple[float, bool]] = set()

    async def look() -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                told = json.loads((tmp_path / "my out" / DATA).read_text())
                seen.add((told["written_at"], told["finished"]))
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    await render({"runs on": {}}, max_wait_seconds=6)
    looking.cancel()
    going = [at for at, finished in seen if not finished]
    # It is bought at once and then runs for six seconds, of which no event tells.
    assert max(going) - min(going) > 1


async def test_it_needs_no_report(render):
    output = await render({"fine": {}, "other": {}})
    before = status(output)
    (output / DATA).unlink()
    after = status(output)
    assert before.splitlines()[0] == after.splitlines()[0]
    assert "no run has told of itself here" in after


async def test_a_job_that_takes_far_longer_than_others_is_marked(render, tmp_path):
    output = await render({name: {} for name in "abcd"})
    found = output_status(Ledger(open_store(str(output))))
    purchases = Ledger(open_store(str(output))).load()
    [bought, *_] = purchases.values()
    from longtake.ledger.records import State
    from longtake.reports.status.standing import OpenPurchase

    flying = replace(found, in_flight=[OpenPurchase("a/1", State.IN_FLIGHT, bought)], now=bought.accepted.at + 300)
    assert "300 s ago (long)" in "\n".join(status_lines("o", flying)).replace("5 min ago", "300 s ago")
    soon = replace(flying, now=bought.accepted.at)
    assert "(long)" not in "\n".join(status_lines("o", soon))


async def test_the_date_on_the_command_line_is_filled_in(render, tmp_path, capsys):
    output = await render({"fine": {}})
    today = datetime.now(UTC).date().isoformat()
    output.rename(tmp_path / today)
    assert main(["status", f"{tmp_path}/{{date}}"]) == 0
    assert f"{tmp_path}/{today}: 1 of 1 shots done" in capsys.readouterr().out
    monkey = tmp_path / f"{today}.csv"
    (tmp_path / "manifest.csv").rename(monkey)
    words = ["plan", f"{tmp_path}/{{date}}.csv", "--output", f"{tmp_path}/{{date}}"]
    assert await asyncio.to_thread(main, words) in (0, 2)
    assert "no such file" not in capsys.readouterr().err
