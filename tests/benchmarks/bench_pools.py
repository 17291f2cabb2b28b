"""How long sixty shots take at any of two vendors of three slots each, beside one of the two alone.

    python -m tests.benchmarks.bench_pools [--seeds N] [--real] [--job-seconds S]

Wall time of the pool ÷ wall time alone; target at most 0.6. Simulated runs are the product's run and slots on a clock
that jumps (`tests/simulated.py`), jobs of 20 s ± 10 %. `--real` renders both with the command against a sandbox; its
figures are those of the whole command, and from its first job to its last.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from longtake.domain.errors import AuthenticationError
from longtake.jobs.order import Order
from longtake.planning.plan import Shot
from tests.benchmarks.whole_runs.measuring import Homes, clean_environment, measured, prefect_homes, spread
from tests.benchmarks.whole_runs.vendors import running_vendors, write_rows
from tests.simulated import Played, chain, simulate

ALONE, POOL = "evolink", "evolink|anyfast"
SLOTS = {"evolink": 3, "anyfast": 3}
SHOTS = 60


def reels(links: int, vendor: str) -> list[Shot]:
    """Sixty shots in chains of so many links."""
    chains = (chain(f"r{first:02}", links, vendor, first_row=first + 1) for first in range(0, SHOTS, links))
    return [shot for each in chains for shot in each]


def simulated(links: int, seed: int, after: int | None) -> tuple[float, Played]:
    """Wall ÷ wall alone, and how the pool's run went; `after` so many jobs its first vendor refuses the key."""

    def seconds(shot: Shot) -> float:
        return random.Random(f"{seed} {shot.shot_id}").uniform(18, 22)

    taken: list[str] = []

    def refuses(order: Order) -> Exception | None:
        taken.append(order.shot_id)
        is_off = after is not None and len(taken) > after and order.account.startswith(ALONE)
        return AuthenticationError("no such key", "", 401) if is_off else None

    alone = simulate(reels(links, ALONE), {ALONE: SLOTS[ALONE]}, seconds)
    both = simulate(reels(links, POOL), SLOTS, seconds, refuses=refuses)
    assert len(both.began) == len(alone.began) == SHOTS
    assert all(both.most_at[vendor] <= slots for vendor, slots in SLOTS.items()), both.most_at
    return both.wall_seconds / alone.wall_seconds, both


CASES: dict[str, tuple[int, int | None]] = {
    "60 lone shots": (1, None),
    "15 chains of 4": (4, None),
    "60 lone shots, the first vendor switched off after 20": (1, 20),
}


def simulated_line(name: str, seeds: int) -> str:
    """A line of the table."""
    links, after = CASES[name]
    runs = [simulated(links, seed, after) for seed in range(seeds)]
    shares = [Counter(played.at.values())[ALONE] / SHOTS for _, played in runs]
    return f"| {name} | {spread([ratio for ratio, _ in runs])} | {spread(shares)} |"


def real(vendor: str, slots: dict[str, int], job_seconds: float, homes: Homes) -> tuple[float, float]:
    """Seconds of the whole command, and from its first job to the end of its last."""
    with tempfile.TemporaryDirectory() as folder, running_vendors(job_seconds=job_seconds) as vendors:
        path, home = Path(folder) / "manifest.csv", homes.new()
        write_rows(path, SHOTS, {vendor: 1})
        environment = clean_environment(PREFECT_HOME=str(home), PREFECT_LOGGING_LEVEL="WARNING")
        environment |= vendors.environment(slots, max(0.1, 0.02 * job_seconds))
        command: Sequence[str] = ["-m", "longtake_cli.main", "render", str(path), "--output", f"{folder}/out"]
        usage = measured(command, environment, home)
        submits, peaks, stay = vendors.requests()["submit"], vendors.peaks(), vendors.stay()
        assert submits == SHOTS, f"{submits} submits for {SHOTS} shots"
        assert all(peaks[name] <= most for name, most in slots.items()), peaks
        return usage.wall_seconds, stay.last_ended - stay.first_accepted


def main() -> None:
    """Prints a table of simulated runs, and with `--real` one of real ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--job-seconds", type=float, default=5.0)
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)  # each key that is refused is told
    print("Simulated: wall at two vendors ÷ wall at one, median (least–most); target 0.6\n")
    print("| manifest | ÷ one alone | share of the first vendor |\n| --- | --- | --- |")
    for name in CASES:
        print(simulated_line(name, chosen.seeds), flush=True)
    if not chosen.real:
        return
    print(f"\nReal, jobs of {chosen.job_seconds:g} s: seconds; target 0.6\n")
    print("| vendors | whole command | from the first job to the last |\n| --- | --- | --- |")
    with prefect_homes() as homes:
        alone = real(ALONE, {ALONE: SLOTS[ALONE]}, chosen.job_seconds, homes)
        print(f"| {ALONE} alone | {alone[0]:.1f} | {alone[1]:.1f} |", flush=True)
        both = real(POOL, SLOTS, chosen.job_seconds, homes)
        print(f"| any of both | {both[0]:.1f} | {both[1]:.1f} |")
    print(f"| ÷ | {both[0] / alone[0]:.2f} | {both[1] / alone[1]:.2f} |")


if __name__ == "__main__":
    main()
