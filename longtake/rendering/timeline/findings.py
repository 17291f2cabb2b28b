"""What is noted of a film's clips, as markers: the gate's findings, repeated pictures, drift, joints, missing shots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

from longtake.domain.text import one_line
from longtake.media.checking.drift import LinkDrift
from longtake.media.checking.policy import DriftLimits
from longtake.rendering.timeline.cuts import Cut
from longtake.rendering.timeline.schema import Node, Span, marker
from longtake.rendering.timeline.take import Take

LONGEST_SECONDS = 1e6
"""What is told to lie later than this lies nowhere."""


def markers_of(cut: Cut, receipt: Mapping[str, Any], missing: list[str]) -> list[Node]:
    """All that is to be told at one clip of a film. `missing`: shots that are left out before it."""
    first = Span(cut.shown.start, Fraction(1), cut.shown.rate)
    told = [missing_marker(shot_id, first) for shot_id in missing]
    told += gate_markers(cut.take, cut.shown, cut.available)
    told += [found for echo in _of(receipt, "echoes", cut.take.shot_id) if (found := _echo(echo, first)) is not None]
    told += [found for drift in _of(receipt, "drift", cut.take.shot_id) if (found := _drift(drift, first)) is not None]
    for joint in _of(receipt, "joints_anew", cut.take.shot_id):
        figures = {name: value for name, value in joint.items() if name != "shot_id"}
        told.append(marker("joint", f"joined anew: {_words(figures)}", "PURPLE", first))
    return told


def missing_marker(shot_id: str, place: Span) -> Node:
    """A shot that a partial film lacks."""
    return marker("missing", one_line(f"{shot_id} is missing"), "MAGENTA", place)


def gate_markers(take: Take, shown: Span, available: Span) -> list[Node]:
    """The gate's findings of a clip, where they are; where none is told, at its first picture."""
    told: list[Node] = []
    for finding in take.findings:
        begin = _picture(finding.get("start_seconds"), shown.rate)
        end = _picture(finding.get("end_seconds"), shown.rate)
        start = min(Fraction(floor(begin)), available.end - 1) if begin is not None else shown.start
        stop = min(Fraction(ceil(end)), available.end) if end is not None and begin is not None else start
        span = Span(max(start, Fraction(0)), max(stop - start, Fraction(1)), shown.rate)
        colour = "RED" if finding.get("severity") == "strict" else "ORANGE"
        told.append(marker(one_line(str(finding.get("check", ""))), _line(finding.get("message")), colour, span))
    return told


def _echo(echo: Mapping[str, Any], place: Span) -> Node | None:
    frames, why = echo.get("frames", 0), one_line(str(echo.get("reason", "")))
    if echo.get("trimmed"):
        return marker("echo", f"{frames} pictures that repeat the clip before were left out: {why}", "GREEN", place)
    if echo.get("verdict") == "none":
        return None
    return marker("echo", f"repeats: {why}; left in", "YELLOW", place)


def _drift(told: Mapping[str, Any], place: Span) -> Node | None:
    if not told.get("link"):
        return None  # the first of its chain is the measure
    drift = LinkDrift.model_validate({name: value for name, value in told.items() if name in LinkDrift.model_fields})
    beyond = "; ".join(drift.beyond(DriftLimits()))
    words = _words(drift.model_dump(exclude={"link"}))
    return marker("drift", f"{beyond}: {words}" if beyond else words, "ORANGE" if beyond else "CYAN", place)


def _of(receipt: Mapping[str, Any], name: str, shot_id: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in receipt.get(name) or () if one.get("shot_id") == shot_id)


def _words(figures: Mapping[str, Any]) -> str:
    return one_line(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))


def _line(words: object) -> str:
    return one_line(str(words or ""))


def _picture(seconds: object, rate: Fraction) -> Fraction | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < LONGEST_SECONDS:
        return None
    return Fraction(seconds) * rate
