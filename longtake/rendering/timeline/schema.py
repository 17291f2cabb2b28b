"""The objects of OpenTimelineIO's JSON that a film needs, as plain dictionaries; times in exact fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

Node = dict[str, Any]
Colour = Literal["RED", "ORANGE", "YELLOW", "GREEN", "CYAN", "PURPLE", "MAGENTA"]
Kind = Literal["Video", "Audio"]


class Span(NamedTuple):
    """A stretch of time in pictures at a rate; `start` counts from the first picture of what it lies in."""

    start: Fraction
    duration: Fraction
    rate: Fraction

    @property
    def end(self) -> Fraction:
        """The first picture after it."""
        return self.start + self.duration

    def node(self) -> Node:
        """The span as a `TimeRange`."""
        return {
            "OTIO_SCHEMA": "TimeRange.1",
            "duration": moment(self.duration, self.rate),
            "start_time": moment(self.start, self.rate),
        }


def moment(value: Fraction | int, rate: Fraction) -> Node:
    """A number of pictures at a rate; 24000/1001 is told as the float that OpenTimelineIO takes it for."""
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}


def marker(name: str, comment: str, colour: Colour, span: Span) -> Node:
    """Words at a place; the place counts in the time of the media that the marked item shows."""
    return {
        "OTIO_SCHEMA": "Marker.2",
        "metadata": {},
        "name": name,
        "color": colour,
        "marked_range": span.node(),
        "comment": comment,
    }


def clip(name: str, source: Span, url: str, available: Span, *, enabled: bool = True, **told: Any) -> Node:
    """What is shown of a file: `source` of all that is `available`. `told`: `markers` and `metadata`."""
    reference = {
        "OTIO_SCHEMA": "ExternalReference.1",
        "metadata": {},
        "name": "",
        "available_range": available.node(),
        "available_image_bounds": None,
        "target_url": url,
    }
    return _item("Clip.2", name, source, enabled=enabled, **told) | {
        "media_references": {"DEFAULT_MEDIA": reference},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def gap(name: str, frames: int, rate: Fraction, markers: Sequence[Node] = ()) -> Node:
    """Nothing, for so many pictures."""
    return _item("Gap.1", name, Span(Fraction(0), Fraction(frames), rate), markers=markers)


def dissolve(frames: int, rate: Fraction) -> Node:
    """A crossfade that begins at the cut: the clip before goes on so long beyond its end."""
    return {
        "OTIO_SCHEMA": "Transition.1",
        "metadata": {},
        "name": "crossfade",
        "in_offset": moment(0, rate),
        "out_offset": moment(frames, rate),
        "transition_type": "SMPTE_Dissolve",
    }


def track(name: str, kind: Kind, children: Sequence[Node], *, enabled: bool = True) -> Node:
    """Items one after the other."""
    return _item("Track.1", name, None, enabled=enabled) | {"children": [*children], "kind": kind}


def timeline(name: str, tracks: Sequence[Node], metadata: Mapping[str, Any]) -> Node:
    """Tracks above one another, the first at the bottom."""
    return {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {**metadata},
        "name": name,
        "global_start_time": None,
        "tracks": _item("Stack.1", "tracks", None) | {"children": [*tracks]},
    }


def _item(
    schema: str,
    name: str,
    source: Span | None,
    *,
    enabled: bool = True,
    markers: Sequence[Node] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Node:
    return {
        "OTIO_SCHEMA": schema,
        "metadata": {**(metadata or {})},
        "name": name,
        "source_range": source.node() if source is not None else None,
        "effects": [],
        "markers": [*markers],
        "enabled": enabled,
        "color": None,
    }
