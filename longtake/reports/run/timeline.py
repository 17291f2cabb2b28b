"""Where a shot's time went, and an axis on which a run of hours or of several days can be drawn."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from longtake.domain.verdicts import ShotStage
from longtake.reports.run.view import ReportView, ShotView

Stage = Literal["waiting", "queued", "running", "download"]
STAGES: dict[Stage, str] = {
    "waiting": "Waiting for a slot",
    "queued": "Queued at the vendor",
    "running": "Running",
    "download": "Download",
}

_LONG_SECONDS = 7200.0
_SHORTEST_GAP_SECONDS = 60.0
_MOST_GAPS = 5
_GAP_PX = 30.0
_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)


@dataclass(frozen=True, slots=True)
class Span:
    """One stage of one shot, in Unix times."""

    stage: Stage
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def spans(shot: ShotView, now: float) -> list[Span]:
    """The stages that a shot went through; one that goes on ends `now`. A job never seen queued counts as running."""
    open_end = now if shot.facts.goes_on else None
    submitted, started, ended = shot.submitted_at, shot.started_running_at, shot.finished_at
    vendor_end = ended if ended is not None else open_end
    found = [_span("waiting", shot.waiting_since, submitted if submitted is not None else open_end)]
    if started is not None:
        found += [_span("queued", submitted, started), _span("running", started, vendor_end)]
    else:
        found.append(_span("queued" if shot.verdict == ShotStage.QUEUED.value else "running", submitted, vendor_end))
    if shot.facts.was_downloaded:
        # A break between the run that saw the job's end and the one that fetched its clip is no download.
        begun = max(ended, shot.fetched_from) if ended is not None and shot.fetched_from is not None else ended
        found.append(_span("download", begun, shot.downloaded_at if shot.downloaded_at is not None else open_end))
    return [span for span in found if span is not None]


def _span(stage: Stage, start: float | None, end: float | None) -> Span | None:
    return Span(stage, start, end) if start is not None and end is not None and end > start else None


def stage_seconds(view: ReportView) -> dict[Stage, float]:
    """Seconds spent in each stage, added over all shots."""
    totals: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
    for shot in view.shots:
        for span in spans(shot, view.written_at):
            totals[span.stage] += span.seconds
    return totals


@dataclass(frozen=True)
class Session:
    """A stretch of time in which something happened, and its place on the axis."""

    start: float
    end: float
    left_px: float
    right_px: float


class Axis:
    """Maps Unix times to pixels. Long stretches in which nothing happened shrink to a gap of fixed width."""

    def __init__(self, times: Iterable[Span], left_px: float, right_px: float) -> None:
        """Lays out the axis.

        Args:
            times: What will be drawn; at least one span.
            left_px: Where the axis begins.
            right_px: Where it ends.
        """
        stretches = _stretches(list(times))
        free_px = right_px - left_px - _GAP_PX * (len(stretches) - 1)
        total = sum(end - start for start, end in stretches) or 1.0
        self.sessions: list[Session] = []
        for start, end in stretches:
            width_px = free_px * (end - start) / total
            self.sessions.append(Session(start, end, left_px, left_px + width_px))
            left_px += width_px + _GAP_PX
        self._times = [time for session in self.sessions for time in (session.start, session.end)]
        self._px = [px for session in self.sessions for px in (session.left_px, session.right_px)]

    def x(self, time: float) -> float:
        """The pixel of a time, held to the axis."""
        after = bisect.bisect_right(self._times, time)
        if after == 0:
            return self._px[0]
        if after == len(self._times):
            return self._px[-1]
        start, end = self._times[after - 1], self._times[after]
        left, right = self._px[after - 1], self._px[after]
        return left + (right - left) * (time - start) / (end - start) if end > start else right

    def ticks(self, apart_px: float = 84.0) -> list[tuple[float, float]]:
        """Pixel and seconds since its session's start, at round intervals that are at least so far apart."""
        found: list[tuple[float, float]] = []
        widest = max(self.sessions, key=lambda session: session.end - session.start)
        seconds_per_px = (widest.end - widest.start) / max(1.0, widest.right_px - widest.left_px)
        least = apart_px * seconds_per_px
        days = _STEPS_SECONDS[-1]
        step = next((step for step in _STEPS_SECONDS if step >= least), math.ceil(least / days) * days)
        for session in self.sessions:
            count = int((session.end - session.start) / step)
            found += [(self.x(session.start + place * step), place * step) for place in range(count + 1)]
        return found


def _stretches(found: Sequence[Span]) -> list[tuple[float, float]]:
    """The times with something going on, cut at the longest gaps between them.

    Of a span longer than any job only the ends count: it was left lying, as a clip that the next day's run fetched.
    """
    edge = _SHORTEST_GAP_SECONDS
    pieces = [
        piece
        for span in found
        for piece in (
            [(span.start, span.start + edge), (span.end - edge, span.end)]
            if span.seconds > _LONG_SECONDS
            else [(span.start, span.end)]
        )
    ]
    islands: list[tuple[float, float]] = []
    for start, end in sorted(pieces):
        if islands and start <= islands[-1][1]:
            islands[-1] = (islands[-1][0], max(islands[-1][1], end))
        else:
            islands.append((start, end))
    active = sum(end - start for start, end in islands)
    least = max(_SHORTEST_GAP_SECONDS, 0.1 * active)
    gaps = [(after[0] - before[1], after[0]) for before, after in pairwise(islands)]
    widest = sorted((gap for gap in gaps if gap[0] > least), reverse=True)[:_MOST_GAPS]
    cuts = {start for _, start in widest}
    joined: list[tuple[float, float]] = []
    for start, end in islands:
        if joined and start not in cuts:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
