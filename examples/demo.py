"""The demo, with no key and no cost: a refusal, a run that is killed, and the run that goes on from there.

The vendors are the sandbox's on loopback, and so are the prices: made up.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deployments.local.streams import STREAMS
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "demo-output"
PORT_FILE = OUTPUT / ".sandbox-port"
FIRST_JOBS = 3
"""Shots of the storyboard that wait for no other."""


def main() -> int:
    """Renders, prints reels, results and report; a second call buys nothing and says so."""
    STREAMS.open()
    OUTPUT.mkdir(exist_ok=True)
    # The ledger names the vendors' addresses, so a second demo must find its sandbox at the same one.
    port = int(PORT_FILE.read_text()) if PORT_FILE.exists() else 0
    with Sandbox(SandboxSettings(job_seconds=3.0, port=port)) as sandbox:
        PORT_FILE.write_text(sandbox.url.rsplit(":", 1)[1])
        environment = os.environ | {
            "LONGTAKE_SANDBOX_URL": sandbox.url,
            "LONGTAKE_ALLOW_HOSTS": sandbox.settings.host,
            "PREFECT_HOME": str(OUTPUT / ".prefect"),
        }
        environment.pop("PREFECT_API_URL", None)
        render = ["render", str(HERE / "storyboard.csv"), "--output", str(OUTPUT)]
        say("A manifest with mistakes: all of them are told, nothing is spent.")
        _run(["plan", str(HERE / "mistakes.csv")], environment)
        if not any((OUTPUT / "ledger").glob("*/accepted.json")):
            say("A storyboard of three reels. The run is killed (kill -9) once three jobs are bought …")
            _killed_in_mid_run(render, environment, sandbox)
            say("… and the same command goes on from there: nothing is bought twice.")
        else:
            say("The storyboard again: what was bought is bought once.")
        ended = _run(render, environment)
        bought, cost_usd = sandbox.bill.count(), sum(entry.price_usd for entry in sandbox.bill.entries)
    told = f", ${cost_usd:.2f} at prices that are made up" if bought else ": everything was here already"
    print(f"\nThe sandbox billed {bought} clip(s) in this run{told}.\n")
    if (OUTPUT / "results.csv").exists():
        print_results()
    return ended


def say(words: str) -> None:
    """A heading between commands."""
    print(f"\n\x1b[?25h— {words}\n" if sys.stdout.isatty() else f"\n— {words}\n", flush=True)


def _started(words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "longtake_cli.main", *words], env=environment, cwd=HERE.parent)


def _run(words: list[str], environment: dict[str, str]) -> int:
    """Runs a command to its own end: Ctrl-C reaches it by itself, and it needs the sandbox to end well."""
    with _started(words, environment) as process:
        signal.signal(signal.SIGINT, lambda number, frame: None)
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda number, frame: process.send_signal(number))
        return process.wait()


def _killed_in_mid_run(words: list[str], environment: dict[str, str], sandbox: Sandbox) -> None:
    """Kills a render once its first jobs are bought and recorded; one that ends before is left alone."""
    with _started(words, environment) as process:
        try:
            while process.poll() is None:
                recorded = len(list((OUTPUT / "ledger").glob("*/accepted.json")))
                if sandbox.bill.count() == recorded == FIRST_JOBS:
                    break
                time.sleep(0.05)
        finally:
            process.kill()


def print_results() -> None:
    """Prints where reels, results and report lie, and the verdict of every row."""
    print("Reels:")
    for reel in sorted((OUTPUT / "reels").glob("*.mp4")):
        print(f"  {reel} ({reel.stat().st_size / 1e6:.1f} MB)")
    print(f"Results: {OUTPUT / 'results.csv'}, {OUTPUT / 'results.parquet'}")
    with (OUTPUT / "results.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            print(f"  {row['shot_id']:<14} {row['verdict']:<8} {row['vendor']:<12} {row['clip']}")
    print(f"Report: {OUTPUT / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main())
