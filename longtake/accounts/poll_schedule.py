"""When to look at a job: pure arithmetic on the ages at which an account's jobs were seen to end.

The first look comes at the expected end, later ones are spread over the time in which most jobs end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MAX_GAP_SECONDS = 60.0
ENOUGH_TO_LEARN = 3
LOOKS_OVER_ENDS = 11
"""Looks over the time in which the middle eight of ten jobs end."""
LATEST_FIRST_LOOK_SECONDS = 300.0
"""A first look comes no later, whatever was learned and whatever a vendor estimates: its job holds a slot meanwhile."""
UNKNOWN_SHARE = 0.1
"""The gap as a share of a job's age, where nothing is known of jobs that old."""


@dataclass
class PollSchedule:
    """When to look next at jobs of one account, from the ages at which its jobs ended.

    Args:
        shortest_gap_seconds: The shortest gap between two looks at one job.
    """

    shortest_gap_seconds: float
    ended: deque[float] = field(default_factory=lambda: deque[float](maxlen=50))

    def learn(self, age_seconds: float) -> None:
        """Notes the age at which a job ended, if it was seen soon after."""
        self.ended.append(age_seconds)

    def first_look(self, estimated_seconds: float | None) -> float:
        """The age at which to look first: the early ones of the known ends, else a part of the vendor's estimate."""
        if len(self.ended) >= ENOUGH_TO_LEARN:
            wanted = sorted(self.ended)[len(self.ended) // 10] * 0.98
        else:
            wanted = (estimated_seconds or 0.0) * 0.5
        return max(self.shortest_gap_seconds, min(wanted, LATEST_FIRST_LOOK_SECONDS))

    def gap(self, age_seconds: float) -> float:
        """The wait until the next look at a job of this age.

        Where ends are known the looks are spread evenly over the time in which most jobs end, and later grow rarer the
        longer a job is overdue; else they follow the age.
        """
        share = UNKNOWN_SHARE
        if len(self.ended) >= ENOUGH_TO_LEARN:
            ends = sorted(self.ended)
            tenth = len(ends) // 10
            overdue = age_seconds - ends[-1]
            wanted = overdue if overdue > 0 else (ends[-1 - tenth] - ends[tenth]) / LOOKS_OVER_ENDS
            share = min(UNKNOWN_SHARE, max(0.02, wanted / max(age_seconds, 1e-9)))
        return min(MAX_GAP_SECONDS, max(self.shortest_gap_seconds, age_seconds * share))
