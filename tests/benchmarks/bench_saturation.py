"""A manifest of single-shot reels over three vendors: how nearly all slots are in use all the time.

    python -m tests.benchmarks.bench_saturation [--full] [--reels N] [--slots 50 30 20] [--job-seconds S] [--repeats N]

Wall time ÷ the ideal, in which every slot is in use from the first second to the last, beside a plain Prefect
`task.map` pipeline and a plain asyncio script (`whole_runs/peers.py`). `--full` is the whole size: 1,000 reels, 50, 30
and 20 slots, jobs of 20 s, not scaled down: 5 clips a second to buy, fetch, decode and publish keep two cores busy as
it is. The small size keeps jobs and slots in about that proportion. Jobs last ±10 %, and the ideal is reckoned from
what they really lasted. Ours looks at a job no more often than each 2 % of its length (2 s for a job of 100 s), the
others each second.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.whole_runs.measuring import Homes, Usage, clean_environment, measured, prefect_homes, spread
from tests.benchmarks.whole_runs.vendors import running_vendors, write_rows

VENDORS = ("evolink", "anyfast", "powertokens")
PEERS = {"plain Prefect task.map": "prefect", "plain asyncio + httpx": "asyncio"}
OURS = "longtake render"


@dataclass(frozen=True)
class Outcome:
    """One run. `ideal_seconds` is the time in which its jobs fit into the slots."""

    usage: Usage
    ideal_seconds: float
    before_seconds: float
    jobs_seconds: float
    after_seconds: float
    looks: float


def run(way: str, reels: int, slots: dict[str, int], job_seconds: float, homes: Homes) -> Outcome:
    """Renders the manifest one way, with vendors of its own."""
    life = [0.9 * job_seconds, 1.1 * job_seconds]
    with tempfile.TemporaryDirectory() as folder, running_vendors(job_seconds=life) as vendors:
        manifest, output, home = Path(folder) / "manifest.csv", Path(folder) / "out", homes.new()
        write_rows(manifest, reels, slots)
        environment = clean_environment(PREFECT_HOME=str(home), PREFECT_LOGGING_LEVEL="WARNING")
        environment |= vendors.environment(slots, 0.02 * job_seconds)
        if way == OURS:
            command = ["-m", "longtake_cli.main", "render", str(manifest), "--output", str(output)]
        else:
            command = ["-m", "tests.benchmarks.whole_runs.peers", PEERS[way], str(manifest), str(output)]
        usage = measured(command, environment, None if way == "plain asyncio + httpx" else home)
        requests, stay, peaks = vendors.requests(), vendors.stay(), vendors.peaks()
        assert requests["submit"] == reels, f"{way}: {requests['submit']} submits for {reels} reels"
        assert all(peaks[vendor] <= limit for vendor, limit in slots.items()), f"{way}: more jobs than slots: {peaks}"
        return Outcome(
            usage=usage,
            ideal_seconds=vendors.ideal_seconds(slots),
            before_seconds=stay.first_accepted - usage.began,
            jobs_seconds=stay.last_ended - stay.first_accepted,
            after_seconds=usage.ended - stay.last_ended,
            looks=requests["look"] / reels,
        )


def line(way: str, found: list[Outcome], reels: int) -> str:
    """One line of the table."""
    whole = spread([each.usage.wall_seconds / each.ideal_seconds for each in found])
    busy = spread([each.jobs_seconds / each.ideal_seconds for each in found])
    made = spread([(each.usage.wall_seconds - each.before_seconds) / each.ideal_seconds for each in found])
    ends = " + ".join(
        spread([getattr(each, name) for each in found], ".1f") for name in ("before_seconds", "after_seconds")
    )
    cpu = [
        1000 * (each.usage.cpu_seconds + each.usage.helpers_cpu_seconds + each.usage.server_cpu_seconds) / reels
        for each in found
    ]
    looks = spread([each.looks for each in found], ".1f")
    return f"| {way} | {whole} | {made} | {busy} | {ends} | {looks} | {spread(cpu, '.0f')} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--reels", type=int)
    parser.add_argument("--slots", type=int, nargs=3)
    parser.add_argument("--job-seconds", type=float)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--ways", nargs="+", choices=[OURS, *PEERS], default=[OURS, *PEERS])
    chosen = parser.parse_args()
    size = (1000, [50, 30, 20], 20.0, 1) if chosen.full else (80, [10, 6, 4], 6.0, 2)
    reels, limits = chosen.reels or size[0], chosen.slots or size[1]
    job_seconds, repeats = chosen.job_seconds or size[2], chosen.repeats or size[3]
    slots = dict(zip(VENDORS, limits, strict=True))
    print(f"{reels} reels of one shot, slots {slots}, jobs of {job_seconds:g} s ± 10 %, {repeats} run(s) each\n")
    print(
        "| | whole command ÷ ideal | from the first job on ÷ ideal | jobs alone ÷ ideal | s before the first job",
        end="",
    )
    print(" + after the last | looks per job | CPU ms per shot |")
    print("| --- " * 7 + "|")
    with prefect_homes() as homes:
        for way in chosen.ways:
            found = [run(way, reels, slots, job_seconds, homes) for _ in range(repeats)]
            print(line(way, found, reels), flush=True)


if __name__ == "__main__":
    main()
