"""The cancel matrix: way in, signal, step. What the vendor bills is in the ledger, and the run ends in words."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from longtake.sandbox.app import Fault, Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.command import CommandLine, send, slow_submits, wait_until
from tests.flows.conftest import ROOT, PrefectServer

ANSWER_SECONDS = 4.0
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
SIGNALS = {
    "Ctrl-C": (INT,),
    "two Ctrl-C": (INT, INT),
    "SIGTERM": (TERM,),
    "SIGTERM twice": (TERM, TERM),
    "SIGHUP": (HUP,),
}
STEPS = ("before the submit", "submit", "polling", "download", "stitch")
LONG_FILMS = "--size 3840x2160 --fps 60"
"""So that making the films takes longer than a test waits."""
BOUNDED = {("two Ctrl-C", "submit"), ("SIGTERM", "submit"), ("SIGHUP", "polling")}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(job_seconds=600, media="stub")) as box:
        yield box


@pytest.fixture
def line(sandbox: Sandbox, prefect_server: PrefectServer, tmp_path: Path) -> CommandLine:
    # Jobs of an ended run keep their slots, so every test has an account of its own.
    account = f"ended-{uuid.uuid4().hex[:8]}"
    return CommandLine(sandbox, tmp_path, prefect_server.environment(), ("fox", "hare", "owl"), account)


def come_to(step: str, sandbox: Sandbox, line: CommandLine, process: subprocess.Popen[str]) -> None:
    """Lets a run come to a step and stay there."""
    if step == "before the submit":
        wait_until((line.output / "ledger").exists, process)
    elif step == "submit":
        wait_until(lambda: len(line.billed()) == 3, process)
    elif step == "polling":
        wait_until(lambda: len(line.jobs_in_ledger()) == 3, process)
    elif step == "stitch":
        wait_until(lambda: any(line.output.glob("**/*.film.part*")), process)
    else:
        wait_until(lambda: any(line.output.glob("**/*.part*")), process)


def prepared(step: str, sandbox: Sandbox, line: CommandLine) -> None:
    sandbox.faults.clear()
    if step == "submit":
        slow_submits(sandbox, ANSWER_SECONDS)
    if step == "download":
        sandbox.settings.job_seconds = 0.3
        sandbox.faults.add(Fault(kind="slow", step="media", seconds=600, times=None))
    if step == "stitch":
        sandbox.settings.job_seconds = 0.3
        line.options = LONG_FILMS


MATRIX = [
    pytest.param(name, step, marks=[] if (name, step) in BOUNDED else pytest.mark.slow)
    for name in SIGNALS
    for step in STEPS
]


@pytest.mark.parametrize(("name", "step"), MATRIX)
def test_a_command_that_is_told_to_end_has_every_billed_job_in_its_ledger(
    line: CommandLine, sandbox: Sandbox, name: str, step: str
) -> None:
    prepared(step, sandbox, line)
    process = line.start(start_new_session=True)
    try:
        come_to(step, sandbox, line, process)
        seconds = send(process, *SIGNALS[name])
    finally:
        process.kill()

    assert process.returncode == 128 + SIGNALS[name][0], line.words
    assert seconds < 30
    assert line.jobs_in_ledger() == line.billed(), line.words
    assert set(line.verdicts().values()) <= {"still_running", "not_started", "done"}
    assert "the same command goes on from there and buys nothing twice" in line.words
    assert "Traceback" not in line.words
    assert not any(line.output.glob("**/*.film.part*"))


TEARDOWN = textwrap.dedent("""
    import asyncio, sys
    sys.path.insert(0, ".")
    from longtake.sandbox.app import Fault, Sandbox, SandboxSettings
    from tests.plain_render import sandbox_accounts, render_plain
    import longtake.jobs.submit as purchase

    class Broken(BaseException):
        pass

    async def main(folder):
        with Sandbox(SandboxSettings(job_seconds=600, media="stub")) as box:
            box.faults.add(Fault(kind="slow_answer", step="submit", seconds=2.0, times=None))
            task = asyncio.ensure_future(render_plain(f"{folder}/m.csv", f"{folder}/out", sandbox_accounts(box)))
            while box.bill.count() < 2:
                await asyncio.sleep(0.02)
            return_to_loop = asyncio.get_running_loop()
            def break_off():
                raise KeyboardInterrupt
            return_to_loop.call_soon(break_off)
            try:
                await task
            finally:
                print("billed", *sorted(entry.job_id for entry in box.bill.entries), flush=True)

    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        print("broken off", flush=True)
""")


def test_a_loop_that_is_broken_off_still_records_the_answers_of_its_submits(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,prompt,vendor\na,a red ball,evolink\nb,a blue ball,evolink\n")
    ended = subprocess.run(
        [sys.executable, "-c", TEARDOWN, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    from longtake.files.open_store import open_store
    from longtake.ledger.ledger import Ledger

    known = {
        one.accepted.job.job_id for one in Ledger(open_store(str(tmp_path / "out"))).load().values() if one.accepted
    }
    billed = next(set(line.split()[1:]) for line in ended.stdout.splitlines() if line.startswith("billed"))
    assert "broken off" in ended.stdout, ended.stderr[-2000:]
    assert len(billed) == 2
    assert known == billed


async def test_a_submit_survives_every_number_of_cancels() -> None:
    from longtake.jobs.submit import _finish_when_cancelled

    async def work() -> str:
        await asyncio.sleep(0.5)
        recorded.append("answer")
        return "job"

    recorded: list[str] = []
    task = asyncio.ensure_future(_finish_when_cancelled(work()))  # pyright: ignore[reportArgumentType]
    for _ in range(4):
        await asyncio.sleep(0.05)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorded == ["answer"]


@pytest.mark.slow
def test_a_closed_terminal_that_nobody_read_ends_a_run_like_one_ctrl_c(line: CommandLine, sandbox: Sandbox) -> None:
    prepared("submit", sandbox, line)
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "longtake_cli.main", *line.render.split()],
        cwd=ROOT,
        env=line.variables,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - the terminal becomes its own
        text=True,
    )
    os.close(terminal)
    try:
        come_to("submit", sandbox, line, process)
        os.close(master)
        process.wait(40)
    finally:
        process.kill()

    assert process.returncode == 128 + HUP
    assert line.jobs_in_ledger() == line.billed()
    assert set(line.verdicts().values()) == {"still_running"}
