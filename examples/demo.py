"""The demo: starts the sandbox vendors on loopback and renders `examples/storyboard.csv`, with no key and no cost."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

from deployments.local.streams import STREAMS
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "demo-output"
PORT_FILE = OUTPUT / ".sandbox-port"


def main() -> int:
    """Renders, prints reels, results and report; a second call buys nothing and says so."""
    STREAMS.open()
    OUTPUT.mkdir(exist_ok=True)
    # The ledger names the vendors' addresses, so a second demo must find its sandbox at the same one.
    port = int(PORT_FILE.read_text()) if PORT_FILE.exists() else 0
    with Sandbox(SandboxSettings(job_seconds=3.0, port=port)) as sandbox:
        PORT_FILE.write_text(sandbox.url.rsplit(":", 1)[1])
        environment = os.environ | sandbox.environment() | {"PREFECT_HOME": str(OUTPUT / ".prefect")}
        environment.pop("PREFECT_API_URL", None)
        command = [
            sys.executable,
            "-m",
            "longtake_cli.main",
            "render",
            str(HERE / "storyboard.csv"),
            "--output",
            str(OUTPUT),
        ]
        ended = _run(command, environment)
        bought = sandbox.bill.count()
    print(f"\nThe sandbox billed {bought} clip(s) in this run{'' if bought else ': everything was here already'}.\n")
    if (OUTPUT / "results.csv").exists():
        print_results()
    return ended


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Runs a command to its own end: Ctrl-C reaches it by itself, and it needs the sandbox to end well."""
    with subprocess.Popen(command, env=environment, cwd=HERE.parent) as process:
        signal.signal(signal.SIGINT, lambda number, frame: None)
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda number, frame: process.send_signal(number))
        return process.wait()


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
