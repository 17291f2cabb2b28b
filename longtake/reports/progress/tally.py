"""Counting a run as it goes on: per vendor what is queued, running and over, what was spent, how long it will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from longtake.domain.events import ENDS, TAKES_UP, RunEvent


@dataclass
class Tally:
    """What is known of one vendor. `ended` counts shots that are over without a clip."""

    all: int = 0
    done: int = 0
    ended: int = 0
    queued: int = 0
    running: int = 0
    most_running: int = 0
    low_usd: float | None = None
    high_usd: float | None = None
    took_seconds: list[float] = field(default_factory=list)

    def spend(self, low_usd: float | None, high_usd: float | None) -> None:
        """Adds a price; of one bound that is unknown the other stands for it."""
        self.low_usd = _sum(self.low_usd, low_usd if low_usd is not None else high_usd)
        self.high_usd = _sum(self.high_usd, high_usd if high_usd is not None else low_usd)

    def seconds_left(self, expected_seconds: float | None = None) -> float | None:
        """From how long jobs took and how many ran at once; None before anything is known."""
        left = self.all - self.done - self.ended
        if left <= 0:
            return 0.0
        each = sum(self.took_seconds) / len(self.took_seconds) if self.took_seconds else expected_seconds
        if each is None:
            return None
        # Those that run are taken to be half through.
        return each * max(left - self.running / 2, 0.5) / max(1, min(self.most_running, left))


@dataclass
class _Job:
    """A shot on its way. `running_since` is None while it waits for a slot, `whole` False for one taken up midway."""

    vendor: str
    running_since: float | None = None
    whole: bool = True


class Tallies:
    """The tallies of all vendors, kept by the events of a run. Times are seconds of any one clock."""

    def __init__(self, shots: Mapping[str, int], expected_seconds: Mapping[str, float] | None = None) -> None:
        self.by_vendor = {vendor: Tally(all=count) for vendor, count in shots.items()}
        self.expected_seconds = expected_seconds or {}
        self._jobs: dict[str, _Job] = {}
        self._over: set[str] = set()
        self._counted_at: dict[str, str] = {}

    def of(self, vendor: str) -> Tally:
        """A vendor's tally."""
        return self.by_vendor.setdefault(vendor, Tally())

    def count(self, event: RunEvent, shot_id: str, vendor: str, now: float) -> None:
        """Takes in an event of a run; a shot is one of the vendor's that it was seen at last."""
        tally, job = self.of(vendor), self._jobs.get(shot_id)
        if (before := self._counted_at.setdefault(shot_id, vendor)) != vendor:  # another of its vendors has taken it
            self.of(before).all -= 1
            tally.all += 1
            self._counted_at[shot_id] = vendor
        if event == RunEvent.QUEUED:
            self._leave(shot_id)
            self._jobs[shot_id] = _Job(vendor)
            tally.queued += 1
        elif event in TAKES_UP:
            self._leave(shot_id)
            self._jobs[shot_id] = _Job(vendor, now, whole=event == RunEvent.BOUGHT)
            tally.running += 1
            tally.most_running = max(tally.most_running, tally.running)
        elif event == RunEvent.FINISHED:
            if job is not None and job.running_since is not None and job.whole:
                tally.took_seconds.append(now - job.running_since)
            self._leave(shot_id)
        elif event in ENDS:
            self._leave(shot_id)
            if shot_id not in self._over:
                self._over.add(shot_id)
                tally.done += event == RunEvent.DONE
                tally.ended += event != RunEvent.DONE

    def _leave(self, shot_id: str) -> None:
        """Takes a shot out of where it was counted."""
        job = self._jobs.pop(shot_id, None)
        if job is not None:
            tally = self.of(job.vendor)
            tally.queued -= job.running_since is None
            tally.running -= job.running_since is not None

    def total(self) -> Tally:
        """All vendors together."""
        total = Tally()
        for tally in self.by_vendor.values():
            for name in ("all", "done", "ended", "queued", "running"):
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            total.spend(tally.low_usd, tally.high_usd)
        return total

    def seconds_left(self) -> float | None:
        """Of the vendor that will be last; None while unknown for any."""
        left = [self.seconds_left_of(vendor) for vendor in self.by_vendor]
        known = [seconds for seconds in left if seconds is not None]
        return max(known, default=0.0) if len(known) == len(left) else None

    def seconds_left_of(self, vendor: str) -> float | None:
        """Of one vendor."""
        return self.of(vendor).seconds_left(self.expected_seconds.get(vendor))


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other
