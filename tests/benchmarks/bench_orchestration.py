"""What Prefect costs per shot: CPU and API calls of a render, beside the same render without Prefect.

    python -m tests.benchmarks.bench_orchestration [--shots FEW MANY] [--repeats N]

Two sizes are run and the difference is shared out over the shots between them, so that starting and ending cost
nothing here. The server is counted through a proxy before it; every reel is one shot, so each shot is four task runs:
submit, poll, download, stitch.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

from deployments.local.server.join import ensure_server
from tests.benchmarks.whole_runs.counting import counting
from tests.benchmarks.whole_runs.measuring import Usage, clean_environment, measured, prefect_homes, spread
from tests.benchmarks.whole_runs.vendors import running_vendors, write_rows

SLOTS = {"evolink": 10}
JOB_SECONDS, LOOK_SECONDS = 2.0, 0.5
ROUTES_SHOWN = 6
WAYS = {
    "longtake render": ["-m", "longtake_cli.main", "render"],
    "without Prefect": ["-m", "tests.benchmarks.whole_runs.plain"],
}


def run(way: str, shots: int, home: Path) -> tuple[Usage, Counter[str]]:
    """One render; its usage and its API calls."""
    with tempfile.TemporaryDirectory() as folder, running_vendors(job_seconds=JOB_SECONDS) as vendors:
        manifest, output = Path(folder) / "manifest.csv", Path(folder) / "out"
        write_rows(manifest, shots, SLOTS)
        environment = clean_environment(PREFECT_HOME=str(home)) | vendors.environment(SLOTS, LOOK_SECONDS)
        if way == "without Prefect":
            return measured([*WAYS[way], str(manifest), str(output)], environment), Counter()
        os.environ |= {"PREFECT_HOME": str(home)}
        os.environ.pop("PREFECT_API_URL", None)
        with ensure_server() as server, counting(server.api_url) as proxy:
            environment["PREFECT_API_URL"] = proxy.api_url
            usage = measured([*WAYS[way], str(manifest), "--output", str(output)], environment, home)
            return usage, proxy.calls


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=int, nargs=2, default=[10, 90])
    parser.add_argument("--repeats", type=int, default=2)
    chosen = parser.parse_args()
    few, many = chosen.shots
    figures: dict[str, dict[str, list[float]]] = {}
    calls: Counter[str] = Counter()
    with prefect_homes() as homes:
        for way in WAYS:
            rows = figures.setdefault(way, {})
            for _ in range(chosen.repeats):
                home = homes.new()
                (small, small_calls), (large, large_calls) = (run(way, shots, home) for shots in (few, many))
                per_shot = 1000 / (many - few)
                for name in ("cpu_seconds", "helpers_cpu_seconds", "server_cpu_seconds"):
                    difference = getattr(large, name) - getattr(small, name)
                    rows.setdefault(name, []).append(difference * per_shot)
                large_calls.subtract(small_calls)
                rows.setdefault("calls", []).append(large_calls.total() / (many - few))
                calls.update(large_calls)
    plain = figures["without Prefect"]["cpu_seconds"]
    print(f"per shot, from runs of {few} and {many} shots, {chosen.repeats} of each\n")
    print("| | CPU ms of the run | ÷ without Prefect | CPU ms of decoders | CPU ms of the server | API calls |")
    print("| --- " * 6 + "|")
    for way, rows in figures.items():
        ratio = spread([mine / min(plain) for mine in rows["cpu_seconds"]])
        cells = [spread(rows["cpu_seconds"], ".0f"), ratio]
        cells += [spread(rows[name], ".0f") for name in ("helpers_cpu_seconds", "server_cpu_seconds")]
        print(f"| {way} | {' | '.join(cells)} | {spread(rows['calls'])} |")
    print("\nAPI calls per shot by route:")
    for route, count in calls.most_common(ROUTES_SHOWN):
        print(f"  {count / chosen.repeats / (many - few):6.2f}  {route}")


if __name__ == "__main__":
    main()
