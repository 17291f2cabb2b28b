"""How long a run will take: its jobs played through under slots, submit rates and chains. Pure arithmetic."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from longtake._speed import uncollected
from longtake.accounts.account import Account
from longtake.costs.quote import Span
from longtake.domain.request import Mode, make_up_of
from longtake.ledger.job_ages import job_ages
from longtake.ledger.records import Purchase
from longtake.planning.options import SlotOrder
from longtake.planning.plan import Shot, Standing
from longtake.planning.turns import ExpectedSeconds, reels_in_line, slot_ranks

DEFAULT_JOB_SECONDS = 90.0
DEFAULT_SLOTS = 3
FAST, SLOW = 0.7, 1.6
"""A vendor's estimate, or the default, is taken for so much of a job's time at least and at most."""
_UNKNOWN = Span(FAST * DEFAULT_JOB_SECONDS, SLOW * DEFAULT_JOB_SECONDS)
_ONE_UNKNOWN = (_UNKNOWN,)
ENOUGH_TO_LEARN = 3

JobTimes = Mapping[tuple[str, ...], Span]
"""Seconds of one job, at least and at most, by account (`vendor/document`) and wire model, and where enough is known by
its make-up besides."""


@dataclass(frozen=True)
class Forecast:
    """How long a run will take, in seconds.

    `busy_seconds` tells for each account when its last job ends at the latest. `paused` are accounts without slots,
    whose jobs are left out.
    """

    low_seconds: float
    high_seconds: float
    jobs: int
    busy_seconds: Mapping[str, float] = field(default_factory=dict)
    paused: Mapping[str, int] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The forecast in a line."""
        if not self.jobs and not self.paused:
            return "nothing to make"
        parts: list[str] = []
        if self.jobs:
            noun = "job" if self.jobs == 1 else "jobs"
            parts.append(f"{_span(self.low_seconds, self.high_seconds)} for {self.jobs} {noun}")
        if len(self.busy_seconds) > 1:
            slowest = max(self.busy_seconds, key=lambda account: self.busy_seconds[account])
            parts.append(f"{slowest} ends last")
        parts += [f"{account} is paused ({jobs} jobs wait)" for account, jobs in self.paused.items()]
        return "; ".join(parts)


def learned_times(purchases: Iterable[Purchase]) -> dict[tuple[str, ...], Span]:
    """What earlier jobs took, and where there are too few of them what the vendor estimated."""
    purchases = list(purchases)
    told: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for purchase in purchases:
        if purchase.accepted is not None and not purchase.accepted.adopted_by:
            job = purchase.accepted.job
            if job.estimated_seconds:
                told[job.account, job.wire_model].append(job.estimated_seconds)
    times = {key: Span(FAST * min(seconds), SLOW * max(seconds)) for key, seconds in told.items()}
    took: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for account, kinds in job_ages(purchases).items():
        for (wire_model, make_up), ages in kinds.items():
            took[account, wire_model] += ages
            if make_up:
                took[account, wire_model, make_up] += ages
    for key, seconds in took.items():
        if len(seconds) >= ENOUGH_TO_LEARN:
            ordered = sorted(seconds)
            times[key] = Span(ordered[len(ordered) // 4], ordered[(len(ordered) * 9) // 10])
    return times


def forecast(
    shots: Sequence[Shot],
    accounts: Mapping[str, Account],
    times: JobTimes | None = None,
    *,
    held: Collection[str] = (),
    order: SlotOrder = "fastest",
) -> Forecast:
    """How long these shots will take.

    Args:
        shots: The plan's shots, in its order; those that are done or over take no time.
        accounts: Accounts by `vendor/document`; of one that is missing the defaults are taken.
        times: Seconds per job, as `learned_times` gives them.
        held: Reels that are not made.
        order: Who gets the next slot.
    """
    todo = [
        shot for shot in shots if shot.standing is Standing.RESUME or (shot.standing.buys and shot.row.reel not in held)
    ]
    slots = {name: _slots(accounts.get(name)) for name in {name for shot in todo for name in shot.next_accounts}}
    paused: Counter[str] = Counter()
    if not all(slots.values()):
        waiting = {shot for shot in todo if shot.standing.buys and not any(slots[name] for name in shot.next_accounts)}
        paused.update(" or ".join(shot.next_accounts) for shot in todo if shot in waiting)
        todo = [shot for shot in todo if shot not in waiting]
    with uncollected():
        jobs = _jobs(todo, times or {}, order)
        low = _played(jobs, accounts, slots, slow=False)
        high = _played(jobs, accounts, slots, slow=True)
    return Forecast(max(low.values(), default=0.0), max(high.values(), default=0.0), len(jobs), high, dict(paused))


def expected_seconds(times: JobTimes) -> ExpectedSeconds:
    """How long the job of a shot should take, by what is known of such jobs."""

    def expected(shot: Shot) -> float:
        span = _span_of(shot, times)
        return (span.low + span.high) / 2

    return expected


def _span_of(shot: Shot, times: JobTimes) -> Span:
    """How long a job takes, at the slowest account and at the fastest, where several may make it."""
    spans = _spans_of(shot, times)
    return spans[0] if len(spans) == 1 else Span(min(each.low for each in spans), max(each.high for each in spans))


def _spans_of(shot: Shot, times: JobTimes) -> Sequence[Span]:
    """How long a job takes at each of its next accounts."""
    if not times:
        return _ONE_UNKNOWN if not shot.candidates else _ONE_UNKNOWN * (len(shot.places) or 1)
    places = [(each.account, each.model.wire) for each in shot.places]
    make_up = _coming_make_up(shot)
    return [
        times.get((*key, make_up)) or times.get(key, _UNKNOWN)
        for key in places or [(shot.account, shot.model.wire if shot.model else "")]
    ]


def _coming_make_up(shot: Shot) -> str:
    """The make-up of a shot's request once the clip that it continues is in it."""
    mode, continues = shot.request.mode, shot.row.written.continue_from
    if continues == "clip":
        mode = Mode.REFERENCE
    elif continues:
        mode = Mode.FIRST_FRAME if mode in (Mode.TEXT, Mode.FIRST_FRAME) else Mode.FIRST_AND_LAST_FRAME
    return make_up_of(shot.request, mode)


class _Job(NamedTuple):
    """One job to play through, at the first of `accounts` that has a slot, where it takes as long as `spans` has in the
    same place. Of those that wait the lowest `rank` goes first. `after` is the place of the job that must have ended
    before it."""

    accounts: Sequence[str]
    spans: Sequence[Span]
    rank: int
    after: int | None


def _jobs(todo: Sequence[Shot], times: JobTimes, order: SlotOrder) -> list[_Job]:
    place = {shot: number for number, shot in enumerate(todo)}
    line = [shot for reel in reels_in_line(todo) for shot in reel]
    ranks = slot_ranks(line, order, expected_seconds(times))
    jobs: list[_Job] = []
    for shot in todo:
        spans = _spans_of(shot, times)
        # Jobs in flight hold their slots before anything new is bought.
        is_running = shot.standing is Standing.RESUME
        rank = ranks[shot] - len(todo) if is_running else ranks[shot]
        after = place.get(shot.parent) if shot.parent is not None else None
        jobs.append(_Job(shot.next_accounts, [Span(0.0, spans[0].high)] if is_running else spans, rank, after))
    return jobs


def _slots(account: Account | None) -> int:
    return DEFAULT_SLOTS if account is None else account.max_jobs_in_flight


def _played(
    jobs: Sequence[_Job], accounts: Mapping[str, Account], slots: Mapping[str, int], *, slow: bool
) -> dict[str, float]:
    """When each account's last job ends, in seconds from the start."""
    followers: defaultdict[int, list[int]] = defaultdict(list)
    ready: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    free = {name: max(1, count) for name, count in slots.items()}
    gaps = {name: _submit_gap_seconds(accounts.get(name)) for name in slots}
    next_submit = dict.fromkeys(slots, 0.0)
    begun: set[int] = set()

    def wait(number: int) -> Sequence[str]:
        places, rank = jobs[number].accounts, jobs[number].rank
        if len(places) > 1:  # an account that is paused makes nothing new
            places = [name for name in places if slots[name]]
        for name in places:
            heapq.heappush(ready[name], (rank, number))
        return places

    for number, job in enumerate(jobs):
        if job.after is not None:
            followers[job.after].append(number)
        else:
            wait(number)
    ends: dict[str, float] = {}
    events: list[tuple[float, int, str]] = [(0.0, -1, account) for account in ready]
    while events:
        now, ended, account = heapq.heappop(events)
        touched = {account: None}
        if ended >= 0:
            free[account] += 1
            ends[account] = max(ends.get(account, 0.0), now)
            for follower in followers.get(ended, ()):
                touched.update(dict.fromkeys(wait(follower)))
        for name in touched:
            waiting = ready[name]
            while waiting and free[name]:
                if begun and waiting[0][1] in begun:  # at another account, whose slot was free before
                    heapq.heappop(waiting)
                    continue
                if now < next_submit[name]:
                    heapq.heappush(events, (next_submit[name], -1, name))
                    break
                _, number = heapq.heappop(waiting)
                places, spans = jobs[number].accounts, jobs[number].spans
                seconds = spans[0]
                if len(places) > 1:
                    begun.add(number)
                    seconds = spans[list(places).index(name)]
                free[name] -= 1
                next_submit[name] = now + gaps[name]
                heapq.heappush(events, (now + (seconds.high if slow else seconds.low), number, name))
    return ends


def _submit_gap_seconds(account: Account | None) -> float:
    return 60 / account.submits_per_minute if account is not None and account.submits_per_minute else 0.0


def _span(low: float, high: float) -> str:
    first, last = _time(low), _time(high)
    return f"about {last}" if first == last else f"{first} to {last}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{round(seconds)} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
