"""How soon a job's end is noticed, and for how many looks, beside the fixed intervals of other clients.

    python -m tests.benchmarks.bench_noticing [--jobs N] [--repeats N]

The clock is simulated: an event loop that jumps to its next appointment instead of sleeping, so that hours of jobs pass
in seconds. The poller is the real one, its sleeps and its shared rate included; jobs live as the sandbox's do
(`life_seconds`), and every look takes 0.2 s to be answered. A job's first look finds it young: nothing is known of the
account when a run begins, and that is counted in.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from longtake.accounts.poll_schedule import ENOUGH_TO_LEARN
from longtake.accounts.polling import Poller
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.ledger.job_ages import REMEMBERED
from longtake.sandbox.jobs import life_seconds
from longtake.sandbox.settings import SandboxSettings
from tests.benchmarks.whole_runs.measuring import spread
from tests.jumping import JumpingLoop

ANSWER_SECONDS = 0.2
ALIKE = ("seedance-2.0-mini", "720p 5 text")
LIVES: dict[str, tuple[float, float]] = {
    "60–300 s, evenly": (60, 300),
    "60 s ± 15 %": (51, 69),
    "120 s ± 15 %": (102, 138),
    "300 s ± 15 %": (255, 345),
}
INTERVALS = {"fal, each 0.1 s": 0.1, "openai, each 1 s": 1.0, "runway, each 6 s": 6.0}
GAPS = {"longtake, looks as near as 2 s": 2.0, "longtake, default (10 s)": 10.0}


@dataclass
class Vendor:
    """Jobs with a life each, and how often they were looked at."""

    settings: SandboxSettings
    seed: int
    ends: dict[str, float] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)

    def submit(self, number: int) -> str:
        """A job that begins now."""
        job_id = str(number)
        self.ends[job_id] = asyncio.get_running_loop().time() + life_seconds(self.settings, self.seed + number)
        return job_id

    async def look(self, job_id: str) -> JobSnapshot:
        """One look, answered a moment later with how it stood when it arrived."""
        self.looks[job_id] += 1
        await asyncio.sleep(ANSWER_SECONDS / 2)
        over = asyncio.get_running_loop().time() >= self.ends[job_id]
        await asyncio.sleep(ANSWER_SECONDS / 2)
        url = "https://media.test/clip.mp4" if over else None
        return JobSnapshot(status=JobStatus.SUCCEEDED if over else JobStatus.RUNNING, video_url=url)


async def watched(vendor: Vendor, jobs: int, at_once: int, follow) -> list[tuple[float, float]]:
    """Lag and life of each job, in seconds; so many are in flight as long as there are more to come."""
    clock = asyncio.get_running_loop().time
    slots = asyncio.Semaphore(at_once)

    async def one(number: int) -> tuple[float, float]:
        async with slots:
            submitted = clock()
            job_id = vendor.submit(number)
            await follow(job_id, submitted)
            return clock() - vendor.ends[job_id], vendor.ends[job_id] - submitted

    return await asyncio.gather(*map(one, range(jobs)))


async def by_poller(
    vendor: Vendor, jobs: int, at_once: int, gap: float, earlier: Sequence[float] = ()
) -> list[tuple[float, float]]:
    clock = asyncio.get_running_loop().time
    poller = Poller(vendor.look, lambda error: False, shortest_gap_seconds=gap, max_wait_seconds=3600, clock=clock)
    poller.schedule.remember({ALIKE: earlier})
    found = await watched(vendor, jobs, at_once, lambda job_id, at: poller.wait(job_id, submitted_at=at, alike=ALIKE))
    await poller.close()
    return found


async def by_next_run(
    vendor: Vendor, jobs: int, at_once: int, gap: float, times_as_long: float = 1.0
) -> list[tuple[float, float]]:
    """A run that knows what an earlier one saw, whose jobs took so many times as long."""
    life = vendor.settings.job_seconds
    assert isinstance(life, tuple)
    before = SandboxSettings(job_seconds=(times_as_long * life[0], times_as_long * life[1]))
    seen = await by_poller(Vendor(before, vendor.seed + 50_000), REMEMBERED, at_once, gap)
    return await by_poller(vendor, jobs, at_once, gap, [lag + long for lag, long in seen])


async def by_interval(vendor: Vendor, jobs: int, at_once: int, seconds: float) -> list[tuple[float, float]]:
    async def follow(job_id: str, at: float) -> None:
        while True:
            if (await vendor.look(job_id)).status.is_terminal:
                return
            await asyncio.sleep(seconds)

    return await watched(vendor, jobs, at_once, follow)


def figures(way, life: tuple[float, float], jobs: int, at_once: int, seconds: float, seed: int) -> tuple[float, ...]:
    """Looks per job, of the first jobs and of the others; median lag in s and % of a job, its 90th percentile in %."""
    vendor = Vendor(SandboxSettings(job_seconds=life), seed * 100_000)
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        found = runner.run(way(vendor, jobs, at_once, seconds))
    shares = sorted(lag / long for lag, long in found)
    lag = statistics.median(lag for lag, _ in found)
    later = [vendor.looks[str(number)] for number in range(at_once + ENOUGH_TO_LEARN, jobs)]
    return (
        vendor.looks.total() / jobs,
        statistics.mean(vendor.looks[str(number)] for number in range(at_once)),
        statistics.mean(later),
        lag,
        100 * statistics.median(shares),
        100 * shares[int(0.9 * len(shares))],
    )


def main() -> None:
    """Prints one table per number of jobs at once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    logging.disable()
    began = time.monotonic()
    ways = [(name, by_poller, gap) for name, gap in GAPS.items()]
    ways += [(f"{name}, the next run", by_next_run, gap) for name, gap in GAPS.items()]
    for name, factor in (("5 ×", 5.0), ("a fifth of", 0.2)):
        way = partial(by_next_run, times_as_long=factor)
        ways.append((f"{next(iter(GAPS))}, jobs took {name} that before", way, 2.0))
    ways += [(name, by_interval, gap) for name, gap in INTERVALS.items()]
    for at_once in (1, 50):
        print(f"\n{chosen.jobs} jobs, {at_once} at once, {chosen.repeats} runs each; target: < 8 looks, lag < 5 %\n")
        print("| jobs last | | looks per job | first wave | others | median lag s | median lag % | 9 of 10 under % |")
        print("| --- " * 8 + "|")
        for life_name, life in LIVES.items():
            for name, way, seconds in ways:
                # A fixed interval learns nothing, so that fewer jobs tell as much.
                jobs = at_once + 50 if way is by_interval else chosen.jobs
                runs = [figures(way, life, jobs, at_once, seconds, seed) for seed in range(chosen.repeats)]
                cells = [spread([run[place] for run in runs], ".1f") for place in range(6)]
                print(f"| {life_name} | {name} | {' | '.join(cells)} |", flush=True)
    print(f"\nsimulated in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
