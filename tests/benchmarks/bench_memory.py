"""Peak memory of a plan and of a render at 100, 1,000 and 10,000 rows.

    python -m tests.benchmarks.bench_memory [--plan 100 1000 10000] [--render 100 400] [--without-decoding]
        [--without-prefect]

Renders of many rows take long, 10,000 of them half an hour. What a render has at its start (the libraries and the plan)
is told apart from what it grows by while shots come and go. `--without-decoding` believes the clips' headers and makes
no posters: decoders are processes of their own and no part of these figures. `--without-prefect` takes the library's
run alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.whole_runs.measuring import Usage, clean_environment, measured, prefect_homes
from tests.benchmarks.whole_runs.vendors import running_vendors, write_rows

SLOTS = {"evolink": 50, "anyfast": 30, "powertokens": 20}


def grown_mib(usage: Usage) -> float:
    """What memory grew by from the first third of the time, when all is open, to the peak."""
    third = usage.wall_seconds / 3
    return usage.peak_mib - max(memory for at, memory in usage.memory if at <= third)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--render", type=int, nargs="*", default=[100])
    parser.add_argument("--without-decoding", action="store_true")
    parser.add_argument("--without-prefect", action="store_true")
    chosen = parser.parse_args()
    program = "tests.benchmarks.whole_runs.undecoded" if chosen.without_decoding else "longtake_cli.main"
    print("| | rows | peak MiB | ÷ the least rows | KiB per further row | grew after a third MiB | server's peak MiB |")
    print("| --- " * 7 + "|")
    sizes = [("plan", rows) for rows in chosen.plan] + [("render", rows) for rows in chosen.render]
    first: dict[str, tuple[int, float]] = {}
    with prefect_homes() as homes, tempfile.TemporaryDirectory() as folder, running_vendors(job_seconds=1.0) as vendors:
        for command, rows in sizes:
            manifest, home = Path(folder) / f"{rows}.csv", homes.new()
            write_rows(manifest, rows, SLOTS)
            environment = clean_environment(PREFECT_HOME=str(home)) | vendors.environment(SLOTS, 0.5)
            arguments = ["-m", program, command, str(manifest), "--output", f"{folder}/{command}-{rows}"]
            if command == "render" and chosen.without_prefect:
                decoding = ["--without-decoding"] if chosen.without_decoding else []
                arguments = ["-m", "tests.benchmarks.whole_runs.plain", str(manifest), f"{folder}/{rows}", *decoding]
            usage = measured(arguments, environment, home)
            few, least = first.setdefault(command, (rows, usage.peak_mib))
            each = f"{1024 * (usage.peak_mib - least) / (rows - few):.1f}" if rows > few else "–"
            grew, server = ("–", "–")
            if command == "render":
                grew, server = f"{grown_mib(usage):.0f}", f"{usage.server_peak_mib:.0f}"
            cells = [f"{rows:,}", f"{usage.peak_mib:.0f}", f"{usage.peak_mib / least:.2f}", each, grew, server]
            print(f"| {command} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
