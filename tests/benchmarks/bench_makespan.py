"""How long a whole run takes beside what it must take: chains and lone shots, in both orders of slots.

    python -m tests.benchmarks.bench_makespan [--seeds N] [--real] [--manifests NAME…] [--orders ORDER…]

Wall time ÷ the lower bound, which is the larger of the longest chain and the busiest account's job seconds ÷ slots.
Simulated runs are the product's run, turns and slots on a clock that jumps (`tests/simulated.py`); `mixed` is the
median, least and most over so many seeds. `--real` renders the same manifests with the command against a sandbox, with
jobs of 20 s; the bound then is reckoned from what the jobs really lasted. Its figures begin at the command's start, and
besides at its first job.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.plan import Shot
from longtake.planning.turns import chain_seconds
from tests.benchmarks.whole_runs.measuring import Homes, clean_environment, measured, prefect_homes, spread
from tests.benchmarks.whole_runs.vendors import running_vendors
from tests.simulated import chain, simulate

ORDERS = ("fastest", "manifest")
OPTIONS = {"duration_seconds": 4, "resolution": "480p", "ratio": "1:1"}


@dataclass(frozen=True)
class Manifest:
    """Reels with their links, and the slots of each vendor."""

    reels: Sequence[tuple[str, int, Sequence[str]]]
    slots: Mapping[str, int]

    def shots(self) -> list[Shot]:
        """As planned."""
        return [shot for name, links, vendors in self.reels for shot in chain(name, links, vendors)]

    def bound_seconds(self, seconds: Callable[[Shot], float]) -> float:
        """What no order can beat."""
        shots = self.shots()
        work: defaultdict[str, float] = defaultdict(float)
        for shot in shots:
            work[shot.vendor] += seconds(shot)
        longest = max(chain_seconds(shots, seconds).values())
        return max(longest, *(total / self.slots[vendor] for vendor, total in work.items()))

    def write(self, path: Path) -> None:
        """As a file."""
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, ["reel", "shot", "prompt", "vendor", "continue_from", *OPTIONS])
            table.writeheader()
            for name, links, vendors in self.reels:
                for link in range(links):
                    row = {"reel": name, "shot": link + 1, "vendor": vendors[link % len(vendors)]}
                    row |= {"prompt": f"a lighthouse, {name} {link}", "continue_from": "clip" if link else ""}
                    table.writerow(row | OPTIONS)


def lone_then_chain(seed: int) -> Manifest:
    """Twelve lone shots, then a chain of six; three slots."""
    del seed
    reels = [(f"lone{number:02}", 1, ["evolink"]) for number in range(12)]
    return Manifest([*reels, ("long", 6, ["evolink"])], {"evolink": 3})


def mixed(seed: int) -> Manifest:
    """Chains of one to twelve links in any order; three to six slots."""
    chance = random.Random(seed)
    reels = [(f"r{number:02}", chance.randint(1, 12), ["evolink"]) for number in range(chance.randint(6, 16))]
    return Manifest(reels, {"evolink": chance.randint(3, 6)})


def daily(seed: int) -> Manifest:
    """A day's ten reels, of three to six shots; four slots."""
    chance = random.Random(seed)
    return Manifest([(f"day{n}", chance.randint(3, 6), ["evolink"]) for n in range(10)], {"evolink": 4})


def two_vendors(seed: int) -> Manifest:
    """Lone shots of either vendor, and chains that go from one to the other; three and two slots."""
    chance, vendors = random.Random(seed), ("evolink", "anyfast")
    reels = [(f"lone{number:02}", 1, [chance.choice(vendors)]) for number in range(24)]
    reels += [(f"to-and-fro{number}", chance.randint(2, 8), vendors) for number in range(4)]
    return Manifest(reels, {"evolink": 3, "anyfast": 2})


MANIFESTS = {"lone-then-chain": lone_then_chain, "mixed": mixed, "daily": daily, "two-vendors": two_vendors}


def simulated(make: Callable[[int], Manifest], order: str, seeds: int, home_seconds: float) -> list[float]:
    """Wall ÷ bound of each seed, jobs of 20 s ± 10 %."""
    ratios: list[float] = []
    for seed in range(seeds):
        manifest = make(seed)
        life = {shot.shot_id: random.Random(f"{seed} {shot.shot_id}").uniform(18, 22) for shot in manifest.shots()}

        def seconds(shot: Shot, life: Mapping[str, float] = life) -> float:
            return life[shot.shot_id]

        played = simulate(manifest.shots(), manifest.slots, seconds, order=order, home_seconds=home_seconds)
        ratios.append(played.wall_seconds / manifest.bound_seconds(seconds))
    return ratios


def between_links(output: str, job_seconds: float) -> list[float]:
    """Mean seconds from a job's end to its being noticed, to its clip, to the next link's intent, to that's job."""
    bought = {one.accepted.job.shot_id: one for one in Ledger(open_store(output)).load().values() if one.accepted}
    gaps: list[list[float]] = []
    for shot_id, after in bought.items():
        reel, _, number = shot_id.partition("/")
        before = bought.get(f"{reel}/{int(number) - 1}")
        if before and before.accepted and before.terminal and before.clip and after.intent and after.accepted:
            moments = [before.terminal.at, before.clip.at, after.intent.at, after.accepted.at]
            ends = [before.accepted.job.submitted_at + job_seconds, *moments]
            gaps.append([later - earlier for earlier, later in itertools.pairwise(ends)])
    return [statistics.mean(each) for each in zip(*gaps, strict=True)]


@dataclass(frozen=True)
class Real:
    """One run of the command. `lost` are the seconds between two links of a chain."""

    wall_seconds: float
    bound_seconds: float
    before_seconds: float
    after_seconds: float
    looks: float
    lost: list[float]

    @property
    def line(self) -> str:
        """Its cells of the table."""
        whole = self.wall_seconds / self.bound_seconds
        made = (self.wall_seconds - self.before_seconds) / self.bound_seconds
        ends = f"{self.before_seconds:.1f} + {self.after_seconds:.1f}"
        return (
            f"{whole:.2f} | {made:.2f} | {ends} | {' + '.join(f'{each:.1f}' for each in self.lost)} | {self.looks:.1f}"
        )


def real(manifest: Manifest, order: str, job_seconds: float, homes: Homes) -> Real:
    """Renders a manifest with the command."""
    with tempfile.TemporaryDirectory() as folder, running_vendors(job_seconds=job_seconds) as vendors:
        path, home = Path(folder) / "manifest.csv", homes.new()
        manifest.write(path)
        environment = clean_environment(PREFECT_HOME=str(home), PREFECT_LOGGING_LEVEL="WARNING")
        environment |= vendors.environment(manifest.slots, 0.02 * job_seconds)
        command = ["-m", "longtake_cli.main", "render", str(path), "--output", f"{folder}/out", "--order", order]
        usage = measured(command, environment, home)
        requests, stay, shots = vendors.requests(), vendors.stay(), len(manifest.shots())
        assert requests["submit"] == shots, f"{requests['submit']} submits for {shots} shots"
        return Real(
            wall_seconds=usage.wall_seconds,
            bound_seconds=manifest.bound_seconds(lambda shot: job_seconds),
            before_seconds=stay.first_accepted - usage.began,
            after_seconds=usage.ended - stay.last_ended,
            looks=requests["look"] / shots,
            lost=between_links(f"{folder}/out", job_seconds),
        )


def main() -> None:
    """Prints a table of simulated runs, and with `--real` one of real ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--manifests", nargs="+", choices=list(MANIFESTS), default=list(MANIFESTS))
    parser.add_argument("--job-seconds", type=float, default=20.0)
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS), help="of real runs")
    chosen = parser.parse_args()
    print("Simulated: wall ÷ lower bound, median (least–most); target 1.05\n")
    print("| manifest | " + " | ".join(f"{order}, clips here at once | {order}, in 1 s" for order in ORDERS) + " |")
    print("| --- " * 5 + "|")
    for name in chosen.manifests:
        cells = [spread(simulated(MANIFESTS[name], order, chosen.seeds, home)) for order in ORDERS for home in (0, 1)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    if not chosen.real:
        return
    print(f"\nReal, jobs of {chosen.job_seconds:g} s: wall ÷ lower bound; target 1.15\n")
    print("| manifest | order | whole command | from its first job on | s before that + after the last job", end="")
    print(" | s from a link's end to noticing + clip + next intent + next job | looks per job |")
    print("| --- " * 7 + "|")
    with prefect_homes() as homes:
        for name in chosen.manifests:
            for order in chosen.orders:
                run = real(MANIFESTS[name](0), order, chosen.job_seconds, homes)
                print(f"| {name} | {order} | {run.line} |", flush=True)


if __name__ == "__main__":
    main()
