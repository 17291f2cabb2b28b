"""A large manifest in one run: wall time beside the ideal, memory, task runs recorded, requests per job.

    python -m tests.benchmarks.bench_scale [--rows 10000] [--slots 50 30 20] [--job-seconds 20] [--without-decoding]

Single-shot reels over three vendors with stub clips. The ideal is the time in which all jobs fit into the slots. Every
row is four task runs (submit, poll, download, stitch), and Prefect drops events silently when its queue is full, so the
server is asked afterwards how many it has. `--without-decoding` believes the clips' headers and makes no posters: what
is then measured is the run itself, where 10,000 decoded clips would keep two cores busy for an hour.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from deployments.local.server.join import ensure_server
from tests.benchmarks.whole_runs.measuring import Usage, clean_environment, measured, prefect_homes
from tests.benchmarks.whole_runs.vendors import running_vendors, write_rows

VENDORS = ("evolink", "anyfast", "powertokens")
STEPS = ("submit", "poll", "download", "stitch")
SETTLE_SECONDS = 300.0


def completed(api_url: str, step: str) -> int:
    """Task runs of a step that the server knows as completed."""
    body = {"task_runs": {"name": {"like_": f"{step} "}, "state": {"type": {"any_": ["COMPLETED"]}}}}
    user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    login = (user, password)
    return httpx.post(f"{api_url}/task_runs/count", json=body, timeout=60, auth=login).raise_for_status().json()


def settled(api_url: str, rows: int) -> tuple[dict[str, int], float]:
    """Completed task runs by step, and the seconds until the server had written down all that it was told."""
    began = time.monotonic()
    while True:
        found = {step: completed(api_url, step) for step in STEPS}
        if all(count == rows for count in found.values()) or time.monotonic() - began > SETTLE_SECONDS:
            return found, time.monotonic() - began
        time.sleep(1)


def memory_by_quarter(usage: Usage) -> list[float]:
    """Median resident MiB in each quarter of the run."""
    length = usage.wall_seconds / 4
    quarters = [[mib for at, mib in usage.memory if place * length <= at < (place + 1) * length] for place in range(4)]
    return [statistics.median(quarter) for quarter in quarters if quarter]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--slots", type=int, nargs=3, default=[10, 6, 4])
    parser.add_argument("--job-seconds", type=float, default=6.0)
    parser.add_argument("--without-decoding", action="store_true")
    chosen = parser.parse_args()
    rows, slots = chosen.rows, dict(zip(VENDORS, chosen.slots, strict=True))
    command = (
        ["-m", "tests.benchmarks.whole_runs.undecoded"] if chosen.without_decoding else ["-m", "longtake_cli.main"]
    )
    with (
        prefect_homes() as homes,
        tempfile.TemporaryDirectory() as folder,
        running_vendors(job_seconds=chosen.job_seconds) as vendors,
    ):
        manifest, home = Path(folder) / "manifest.csv", homes.new()
        write_rows(manifest, rows, slots)
        environment = clean_environment(PREFECT_HOME=str(home))
        environment |= vendors.environment(slots, 0.02 * chosen.job_seconds)
        os.environ |= {"PREFECT_HOME": str(home)}
        os.environ.pop("PREFECT_API_URL", None)
        with ensure_server() as server:
            arguments = [*command, "render", str(manifest), "--output", f"{folder}/out"]
            usage = measured(arguments, environment, home)
            recorded, settle_seconds = settled(server.api_url, rows)
        dropped = (home / "longtake" / "server.log").read_text(errors="replace").count("dropping message")
        requests, stay, ideal = vendors.requests(), vendors.stay(), vendors.ideal_seconds(slots)
    per_job = ", ".join(f"{step} {count / rows:.2f}" for step, count in sorted(requests.items()))
    quarters = ", ".join(f"{mib:.0f}" for mib in memory_by_quarter(usage))
    cpu = [usage.cpu_seconds, usage.helpers_cpu_seconds, usage.server_cpu_seconds]
    table = {
        "rows, slots, job": f"{rows:,}, {slots}, {chosen.job_seconds:g} s",
        "whole command ÷ ideal": f"{usage.wall_seconds / ideal:.3f} ({usage.wall_seconds:.0f} s, ideal {ideal:.0f} s)",
        "jobs alone ÷ ideal": f"{(stay.last_ended - stay.first_accepted) / ideal:.3f}",
        "CPU ms per row: run, decoders, server": ", ".join(f"{1000 * seconds / rows:.0f}" for seconds in cpu),
        "peak MiB: run, server": f"{usage.peak_mib:.0f}, {usage.server_peak_mib:.0f}",
        "MiB of the run by quarter of its time": quarters,
        "task runs completed ÷ expected": ", ".join(f"{step} {count}/{rows}" for step, count in recorded.items()),
        "recorded after the end": f"{settle_seconds:.0f} s; messages dropped by the server: {dropped}",
        "requests per job": per_job,
    }
    print("| | |\n| --- | --- |")
    for name, words in table.items():
        print(f"| {name} | {words} |")
    assert requests["submit"] == rows, "not every row was bought once"
    if any(count != rows for count in recorded.values()):
        raise SystemExit("task runs are missing on the server")


if __name__ == "__main__":
    main()
