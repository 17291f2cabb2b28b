"""A picture of where time went: one bar per shot, or for large runs how many shots were in each stage at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import NamedTuple

from longtake.domain.text import one_line
from longtake.domain.verdicts import ShotStage
from longtake.reports.figures import duration
from longtake.reports.run.timeline import STAGES, Axis, Session, Span, Stage, spans
from longtake.reports.run.view import ReportView, ShotView

MOST_BARS = 48
"""Runs of more shots are drawn as areas, so that the picture stays small and can be read."""
MOST_AREAS = 6
WIDTH_PX = 1120
_LABELS_PX, _RIGHT_PX, _TOP_PX, _ROW_PX, _AREA_PX, _BINS = 210, 12, 44, 20, 84, 240
_LABEL_CHARACTERS = 30

_COLOURS: dict[Stage, str] = {
    "waiting": "var(--stage-waiting, #c9c5bb)",
    "queued": "var(--stage-queued, #d1a24a)",
    "running": "var(--stage-running, #2f7f86)",
    "download": "var(--stage-download, #8467ad)",
}
_INK, _LINE, _BAD = "var(--muted, #77736b)", "var(--line, #a8a49a55)", "var(--bad, #b3392b)"


class _Drawn(NamedTuple):
    """What is drawn of a shot. `is_cut_off`: it ended without a clip."""

    shot_id: str
    vendor: str
    spans: list[Span]
    is_cut_off: bool


def gantt_svg(view: ReportView) -> str:
    """The picture as SVG, `WIDTH_PX` wide; empty where no shot was submitted.

    It takes its colours from the page's custom properties and has its own where there are none. Elements with
    `data-unix` hold a time in UTC that a script may put into the reader's zone.
    """
    drawn = [_drawn(shot, own) for shot in view.shots if (own := spans(shot, view.written_at))]
    if not drawn:
        return ""
    axis = Axis([span for shot in drawn for span in shot.spans], _LABELS_PX, WIDTH_PX - _RIGHT_PX)
    if len(drawn) <= MOST_BARS:
        body, height = list(_bars(drawn, axis)), _TOP_PX + _ROW_PX * len(drawn) + 8
    else:
        lanes = _lanes(drawn)
        body, height = list(_areas(lanes, axis)), _TOP_PX + _AREA_PX * len(lanes) + 8
    words = f"Where the time of {len(drawn):,} shots went: {', '.join(name.lower() for name in STAGES.values())}."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height}" width="{WIDTH_PX}" '
        f'height="{height}" font-family="system-ui, sans-serif" font-size="12" role="img" '
        f'aria-label="{escape(words)}">',
        *_scale(axis, height),
        *body,
        "</svg>",
    ]
    return "\n".join(parts)


def _scale(axis: Axis, height: int) -> Iterator[str]:
    for session in axis.sessions:
        yield _clock(session)
    last_px = -1e9
    for px, seconds in axis.ticks():
        yield f'<line x1="{px:.1f}" y1="{_TOP_PX - 6}" x2="{px:.1f}" y2="{height - 6}" stroke="{_LINE}"/>'
        if seconds and px - last_px > 60 and px < WIDTH_PX - 36:
            yield f'<text x="{px:.1f}" y="{_TOP_PX - 12}" text-anchor="middle" fill="{_INK}">{_elapsed(seconds)}</text>'
            last_px = px
    for before, after in pairwise(axis.sessions):
        middle = (before.right_px + after.left_px) / 2
        gap = f"nothing happened for {duration(after.start - before.end)}"
        yield (
            f'<g stroke="{_INK}" stroke-width="1.5" stroke-dasharray="2 4"><title>{gap}</title>'
            f'<line x1="{middle:.1f}" y1="{_TOP_PX - 30}" x2="{middle:.1f}" y2="{height - 6}"/></g>'
        )


def _clock(session: Session) -> str:
    told = datetime.fromtimestamp(session.start, UTC).strftime("%Y-%m-%d %H:%M UTC")
    x = min(session.left_px, WIDTH_PX - 120)
    return f'<text x="{x:.1f}" y="14" fill="{_INK}" data-unix="{session.start:.0f}">{told}</text>'


def _elapsed(seconds: float) -> str:
    return f"+{duration(seconds) if seconds >= 60 else f'{seconds:.0f} s'}"


def _drawn(shot: ShotView, own: list[Span]) -> _Drawn:
    is_cut_off = not shot.facts.is_done and shot.verdict not in set(ShotStage)
    return _Drawn(shot.shot_id, shot.vendor, own, is_cut_off=is_cut_off)


def _bars(drawn: Sequence[_Drawn], axis: Axis) -> Iterator[str]:
    for place, shot in enumerate(drawn):
        own = shot.spans
        top = _TOP_PX + place * _ROW_PX
        stages = ", ".join(f"{STAGES[span.stage].lower()} {duration(span.seconds)}" for span in own)
        yield f"<g><title>{escape(one_line(shot.shot_id))} ({escape(one_line(shot.vendor))}): {stages}</title>"
        yield (
            f'<text x="{_LABELS_PX - 12}" y="{top + 14}" text-anchor="end" fill="{_INK}" '
            f'unicode-bidi="isolate">{escape(one_line(shot.shot_id, _LABEL_CHARACTERS))}</text>'
        )
        for span in own:
            yield _bar(span, axis, top + 5)
        if shot.is_cut_off:
            x = axis.x(own[-1].end)
            yield f'<path d="M{x - 3:.1f} {top + 3}v14" stroke="{_BAD}" stroke-width="3"/>'
        yield "</g>"


def _bar(span: Span, axis: Axis, top: int) -> str:
    left, right = axis.x(span.start), axis.x(span.end)
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{max(1.0, right - left):.1f}" height="10" rx="2" '
        f'fill="{_COLOURS[span.stage]}"/>'
    )


def _lanes(drawn: Sequence[_Drawn]) -> dict[str, list[Span]]:
    """The spans of each vendor, those with few shots together."""
    counts = Counter(shot.vendor for shot in drawn)
    own = {vendor for vendor, _ in counts.most_common(MOST_AREAS if len(counts) <= MOST_AREAS else MOST_AREAS - 1)}
    lanes: dict[str, list[Span]] = {vendor: [] for vendor in counts if vendor in own}
    for shot in drawn:
        lanes.setdefault(shot.vendor if shot.vendor in own else "others", []).extend(shot.spans)
    return lanes


def _areas(lanes: dict[str, list[Span]], axis: Axis) -> Iterator[str]:
    width_px = (WIDTH_PX - _RIGHT_PX - _LABELS_PX) / _BINS
    for place, (vendor, found) in enumerate(lanes.items()):
        bottom = _TOP_PX + (place + 1) * _AREA_PX - 12
        counts = _in_each_stage(found, axis, width_px)
        most = max(1e-9, *map(sum, zip(*counts.values(), strict=True)))
        label = escape(one_line(vendor, _LABEL_CHARACTERS)) or "no vendor"
        yield (
            f'<text x="{_LABELS_PX - 12}" y="{bottom - 36}" text-anchor="end" fill="{_INK}" '
            f'unicode-bidi="isolate">{label}</text>'
            f'<text x="{_LABELS_PX - 12}" y="{bottom - 18}" text-anchor="end" fill="{_INK}" opacity=".8">'
            f"at most {max(1, round(most)):,} at once</text>"
            f'<line x1="{_LABELS_PX}" y1="{bottom}" x2="{WIDTH_PX - _RIGHT_PX}" y2="{bottom}" stroke="{_LINE}"/>'
        )
        floor = [0.0] * _BINS
        for stage in ("running", "queued", "download", "waiting"):
            roof = [below + count for below, count in zip(floor, counts[stage], strict=True)]
            if any(counts[stage]):
                yield _area(floor, roof, bottom=bottom, px_each=(_AREA_PX - 24) / most, width_px=width_px, stage=stage)
            floor = roof


def _in_each_stage(found: Sequence[Span], axis: Axis, width_px: float) -> dict[Stage, list[float]]:
    """How many shots, on average over each slice of the axis, were in each stage."""
    counts: dict[Stage, list[float]] = {stage: [0.0] * _BINS for stage in STAGES}
    for span in found:
        slices = counts[span.stage]
        left, right = ((axis.x(time) - _LABELS_PX) / width_px for time in (span.start, span.end))
        for place in range(int(left), min(int(right) + 1, _BINS)):
            slices[place] += max(0.0, min(right, place + 1) - max(left, place))
    return counts


def _area(floor: list[float], roof: list[float], *, bottom: int, px_each: float, width_px: float, stage: Stage) -> str:
    """A stepped area between two lines of counts."""
    steps: list[str] = []
    for line, places in ((roof, range(_BINS)), (floor, range(_BINS - 1, -1, -1))):
        for place in places:
            left, right = _LABELS_PX + place * width_px, _LABELS_PX + (place + 1) * width_px
            y = bottom - line[place] * px_each
            ends = (left, right) if line is roof else (right, left)
            steps += [f"{x:.0f} {y:.1f}" for x in ends]
    return f'<path d="M{"L".join(steps)}Z" fill="{_COLOURS[stage]}"><title>{STAGES[stage]}</title></path>'
