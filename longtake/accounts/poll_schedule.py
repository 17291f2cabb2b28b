"""When to look at a job: pure arithmetic on the ages at which an account's jobs were seen to end.

The first look comes at the expected end, later ones are spread over the time in which most jobs end. What earlier runs
saw counts until this one has seen enough, and is checked on the way: a vendor may have become quicker.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longtake.domain.job import Alike

MAX_GAP_SECONDS = 60.0
ENOUGH_TO_LEARN = 3
LOOKS_OVER_ENDS = 11
"""Looks over the time in which the middle eight of ten jobs end."""
LATEST_FIRST_LOOK_SECONDS = 300.0
"""A first look comes no later, whatever was learned and whatever a vendor estimates: its job holds a slot meanwhile."""
UNKNOWN_SHARE = 0.1
"""The gap as a share of a job's age, where nothing is known of jobs that old."""
CHECKED_IN_PARTS = 4
"""Where only earlier runs know, a job is looked at so often until its expected end: none is noticed later than this
part of that after it."""


@dataclass(frozen=True)
class _Ends:
    """Ages at which jobs ended, the least first; `ours`: of this process, so that none needs to be checked."""

    ages: Sequence[float]
    ours: bool

    @property
    def early(self) -> float:
        """When the first tenth has ended."""
        return self.ages[len(self.ages) // 10]

    @property
    def late(self) -> float:
        """When nine of ten have."""
        return self.ages[-1 - len(self.ages) // 10]

    @property
    def expected(self) -> float:
        """A moment before the first of them ended, but for some odd ones."""
        return self.early * 0.98


def _last_fifty() -> deque[float]:
    return deque[float](maxlen=50)


@dataclass
class PollSchedule:
    """When to look next at jobs of one account, from the ages at which its jobs ended.

    Args:
        shortest_gap_seconds: The shortest gap between two looks at one job.
    """

    shortest_gap_seconds: float
    ended: deque[float] = field(default_factory=_last_fifty)
    _alike: defaultdict[Alike | None, deque[float]] = field(default_factory=lambda: defaultdict(_last_fifty))
    _earlier: dict[Alike | None, list[float]] = field(default_factory=dict[Alike | None, list[float]])

    def learn(self, age_seconds: float, alike: Alike | None = None) -> None:
        """Notes the age at which a job ended, if it was seen soon after."""
        self.ended.append(age_seconds)
        self._alike[alike].append(age_seconds)

    def remember(self, ages: Mapping[Alike, Sequence[float]]) -> None:
        """Takes over what earlier runs saw."""
        self._earlier = {alike: sorted(each) for alike, each in ages.items() if len(each) >= ENOUGH_TO_LEARN}
        everything = sorted(age for each in ages.values() for age in each)
        if len(everything) >= ENOUGH_TO_LEARN:
            self._earlier[None] = everything

    def first_look(self, estimated_seconds: float | None, alike: Alike | None = None) -> float:
        """The age at which to look first: the early ones of the known ends, else a part of the vendor's estimate."""
        ends = self._known(alike)
        if ends is None:
            wanted = (estimated_seconds or 0.0) * 0.5
        else:
            wanted = ends.expected if ends.ours else ends.expected / CHECKED_IN_PARTS
        return max(self.shortest_gap_seconds, min(wanted, LATEST_FIRST_LOOK_SECONDS))

    def gap(self, age_seconds: float, alike: Alike | None = None) -> float:
        """The wait until the next look at a job of this age.

        Where ends are known the looks are spread evenly over the time in which most jobs end, and later grow rarer the
        longer a job is overdue; else they follow the age.
        """
        share, ends = UNKNOWN_SHARE, self._known(alike)
        if ends is not None and not ends.ours and (left := ends.expected - age_seconds) > 0.05 * ends.expected:
            wanted = min(ends.expected / CHECKED_IN_PARTS, left)
            return min(MAX_GAP_SECONDS, max(self.shortest_gap_seconds, wanted))
        if ends is not None:
            overdue = age_seconds - ends.ages[-1]
            wanted = overdue if overdue > 0 else (ends.late - ends.early) / LOOKS_OVER_ENDS
            share = min(UNKNOWN_SHARE, max(0.02, wanted / max(age_seconds, 1e-9)))
        return min(MAX_GAP_SECONDS, max(self.shortest_gap_seconds, age_seconds * share))

    def _known(self, alike: Alike | None) -> _Ends | None:
        """The best there is to go by: jobs alike before others, this process's before those of earlier runs."""
        if len(ages := self._alike.get(alike, ())) >= ENOUGH_TO_LEARN:
            return _Ends(sorted(ages), ours=True)
        if alike in self._earlier:
            return _Ends(self._earlier[alike], ours=False)
        if len(self.ended) >= ENOUGH_TO_LEARN:
            return _Ends(sorted(self.ended), ours=True)
        return _Ends(self._earlier[None], ours=False) if None in self._earlier else None
