"""Runs on a jumping clock: the product's run, turns and queue for slots; jobs, clips and their fetching are made up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.hosting import Hosting
from longtake.accounts.slots import FixedSlots, Lease, SlotPool
from longtake.domain.identity import WrittenRow
from longtake.domain.job import Clip, Job, JobSnapshot, JobStatus
from longtake.domain.request import ShotRequest
from longtake.jobs.order import Order
from longtake.ledger.records import Purchase
from longtake.manifests.schema import ManifestRow
from longtake.planning.forecast import JobTimes
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot
from longtake.planning.pools.candidates import Candidate
from longtake.rendering.run import Run, Steps
from longtake.vendors import adapter_named
from tests.jumping import JumpingLoop

ASKED_AGAIN_SECONDS = 2.0
"""As a Prefect limit without a free slot asks for."""


class _Slots(FixedSlots):
    async def take(self) -> Lease | float:
        taken = await super().take()
        return taken if isinstance(taken, Lease) else ASKED_AGAIN_SECONDS


def chain(reel: str, links: int, vendor: str | Sequence[str] = "evolink", *, first_row: int = 1) -> list[Shot]:
    """A reel of so many links, each continued from the one before; of one it is a lone shot. Vendors take turns.

    A vendor `one|other` is a pool of both.
    """
    vendors = [vendor] if isinstance(vendor, str) else vendor
    shots: list[Shot] = []
    for number in range(links):
        written = WrittenRow(continue_from="clip" if number else None)
        row = ManifestRow(row=first_row + number, reel=reel, shot=str(number + 1), lone=links == 1, written=written)
        request = ShotRequest(prompt="a cat")
        pool = tuple(
            Candidate(each, adapter_named(each).model_for(request))
            for each in vendors[number % len(vendors)].split("|")
        )
        shots.append(
            Shot(
                row,
                1,
                0,
                pool[0].vendor,
                request,
                identity=f"1-{reel}-{number}",
                parent=shots[-1] if shots else None,
                model=pool[0].model,
                candidates=pool if len(pool) > 1 else (),
            )
        )
    return shots


@dataclass
class Played:
    """How a simulated run went: when each job began, in their order, and when the last clip was here.

    `at` tells by shot where it was made, `most_at` how many jobs each vendor had at once.
    """

    began: dict[str, float] = field(default_factory=dict)
    wall_seconds: float = 0.0
    most_at_once: int = 0
    most_at: Counter[str] = field(default_factory=Counter)
    at: dict[str, str] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        """Shots as their jobs began."""
        return list(self.began)


def simulate(
    shots: Sequence[Shot],
    slots: Mapping[str, int],
    seconds: Callable[[Shot], float],
    *,
    order: str = "fastest",
    home_seconds: float = 0.0,
    times: JobTimes | None = None,
    limit: int | None = None,
    refuses: Callable[[Order], Exception | None] | None = None,
) -> Played:
    """Renders shots on a simulated clock.

    Args:
        shots: In manifest order.
        slots: By vendor.
        seconds: How long the job of a shot takes.
        order: As `--order`.
        home_seconds: From a job's end till its clip is fetched and checked.
        times: What is known of jobs beforehand.
        limit: As `--limit`.
        refuses: Why an order is not taken, if it is not; nothing is bought then.
    """
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(_simulated(shots, slots, seconds, order, home_seconds, times, limit, refuses))


async def _simulated(shots, slots, seconds, order, home_seconds, times, limit, refuses) -> Played:
    loop, played, running = asyncio.get_running_loop(), Played(), {}
    by_id = {f"{shot.identity}": shot for shot in shots}
    sessions = {
        f"{vendor}/default": SimpleNamespace(
            slots=SlotPool(_Slots(count), clock=loop.time),
            account=Account(vendor=vendor, api_key=SecretStr("k"), base_url="https://vendor.test"),
            adapter=adapter_named(vendor),
            job_seconds=60.0,
            trouble=None,
        )
        for vendor, count in slots.items()
    }

    async def session(name):
        return sessions[name]

    async def submit(order):
        vendor = order.account.partition("/")[0]
        if (error := refuses(order) if refuses else None) is not None:
            raise error
        played.began[order.shot_id], played.at[order.shot_id] = loop.time(), vendor
        running[order.identity] = vendor
        played.most_at_once = max(played.most_at_once, len(running))
        played.most_at[vendor] = max(played.most_at[vendor], Counter(running.values())[vendor])
        return Job(
            vendor=vendor,
            account=order.account,
            base_url="https://vendor.test",
            wire_model="m",
            job_id=order.identity,
            identity=order.identity,
            shot_id=order.shot_id,
            submitted_at=0.0,
        )

    async def follow(job, taken_up):
        await asyncio.sleep(seconds(by_id[job.identity]))
        del running[job.identity]
        return JobSnapshot(status=JobStatus.SUCCEEDED, video_url=f"https://media.test/{job.job_id}.mp4")

    async def download(job, link):
        await asyncio.sleep(home_seconds)
        figures = {"size_bytes": 1, "width": 864, "height": 496, "frames": 121, "duration_seconds": 5.04}
        return Clip(key=f"ledger/{job.identity}/clip.mp4", sha256="0" * 64, **figures)

    async def beside(reel):
        del reel

    ledger = SimpleNamespace(
        last_claim=lambda identity: 0, store=None, purchase=lambda identity: Purchase(identity=identity)
    )
    run = Run(
        Plan(list(shots), []),
        ledger=ledger,
        resources=SimpleNamespace(sessions=sessions, session=session, workers=None, signing=None),
        hosting=Hosting(),
        steps=Steps(submit, follow, download),
        options=RenderOptions(manifest="m.csv", output="/out", order=order, limit=limit),
        times=times,
    )
    await run.finish(beside)
    played.wall_seconds = loop.time()
    ends = [run.results[shot].result() for shot in shots]
    assert limit is not None or all(end.is_done for end in ends), [end.outcome for end in ends if not end.is_done]
    for one in sessions.values():
        await one.slots.close()
        assert one.slots._backend.held == 0, "a slot was lost"
    return played
