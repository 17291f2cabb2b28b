"""Timelines in the formats of older programs, by the adapters of OpenTimelineIO; what a format cannot hold is told."""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from fractions import Fraction
from math import floor
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

from longtake.domain.errors import ConfigurationError

Form = Literal["otio", "fcpxml", "edl"]
_NEEDS = ("opentimelineio", "otio_cmx3600_adapter", "otio_fcpx_xml_adapter")
_EDL_EVENTS, _EDL_REEL = 999, 8


class Exported(NamedTuple):
    """A timeline in another format, and in words what that format does not hold of it."""

    text: str
    lost: tuple[str, ...]


def require_library(form: Form) -> None:
    """Refuses a format for which something is not installed.

    Raises:
        ConfigurationError: Names what to install.
    """
    if form != "otio" and not all(importlib.util.find_spec(name) for name in _NEEDS):
        raise ConfigurationError(
            f"what writes {form} is not installed; pip install 'longtake[timeline]', or take --format otio"
        )


def exported(text: str, form: Form) -> Exported:
    """A timeline in a format.

    Args:
        text: As `timeline_text` writes it, with addresses that hold wherever the file goes.
        form: The format.

    Raises:
        ConfigurationError: The format cannot hold it.
    """
    if form == "otio":
        return Exported(text, ())
    otio: Any = importlib.import_module("opentimelineio")
    timeline = otio.adapters.read_from_string(text, "otio_json")
    film, lost = timeline.video_tracks()[0], _lost(timeline, form)
    heard = {clip.media_reference.target_url for track in timeline.audio_tracks() for clip in track.find_clips()}
    del timeline.tracks[:]
    timeline.tracks.append(film)
    _fill_no_gaps(otio, film)
    rounded = sum([_to_whole_pictures(otio, clip) for clip in film.find_clips()])
    if rounded:
        lost.append(f"{rounded} of its clips begin between two of the film's pictures: at the nearest one here")
    for clip in film.find_clips():
        for marker in clip.markers:  # neither format has room for more than a name
            marker.name = f"{marker.name}: {marker.comment}"
    written = _edl(otio, timeline, lost) if form == "edl" else _fcpxml(otio, timeline, heard)
    return Exported(written, tuple(lost))


def _lost(timeline: Any, form: Form) -> list[str]:
    film, *muted = timeline.video_tracks()
    takes = sum(len(list(track.find_clips())) for track in muted)
    lost = [f"takes that were not chosen ({takes})"] if takes else []
    transitions = sum(item.schema_name() == "Transition" for item in film)
    if form == "fcpxml" and transitions:
        lost.append(f"crossfades ({transitions}) are cuts here, where they begin")
    if form == "edl" and timeline.audio_tracks():
        lost.append("sound: it is that of the clips")
    return lost


def _fill_no_gaps(otio: Any, film: Any) -> None:
    """Takes away gaps without length; what they tell goes to the clip after them, or before where none comes."""
    for gap in [item for item in film if isinstance(item, otio.schema.Gap)]:
        place = film.index(gap)
        heir = next(item for item in [*film[place:], *reversed(film[:place])] if isinstance(item, otio.schema.Clip))
        for marker in gap.markers:
            moved = marker.clone()
            start = heir.source_range.start_time
            moved.marked_range = otio.opentime.TimeRange(start, otio.opentime.RationalTime(1, start.rate))
            heir.markers.append(moved)
        del film[place]


def _to_whole_pictures(otio: Any, clip: Any) -> bool:
    """Begins a clip at a whole picture, so that it stays in its media; whether it did not."""
    source, end = clip.source_range, clip.available_range().end_time_exclusive().value
    start = source.start_time.value
    if start == floor(start):
        return False
    nearest = floor(start + 0.5)
    if nearest + source.duration.value > end:
        nearest = floor(start)
    clip.source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(nearest, source.start_time.rate), source.duration
    )
    return True


def _edl(otio: Any, timeline: Any, lost: list[str]) -> str:
    film = timeline.video_tracks()[0]
    rate = film.duration().rate
    if not otio.opentime.RationalTime.is_smpte_timecode_rate(rate):
        told = timeline.metadata["longtake"]["fps"]
        raise ConfigurationError(
            f"{timeline.name}: an EDL counts in timecode, which there is none of at {told} pictures a second; "
            "take fcpxml or otio, or render with --fps 24, 25 or 30"
        )
    clips = list(film.find_clips())
    if len(clips) > _EDL_EVENTS:
        lost.append(f"it has {len(clips)} events, and many programs read {_EDL_EVENTS} of an EDL")
    reels = Counter(_reel_name(clip) for clip in clips)
    for number, clip in enumerate(clips, 1):
        name = _reel_name(clip)
        # Two clips of one name in the column of reels would be one tape.
        clip.metadata["cmx_3600"] = {"reel": name if name and reels[name] == 1 else f"C{number:07}"}
    return otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate, style="avid")


def _reel_name(clip: Any) -> str:
    stem = clip.media_reference.target_url.rpartition("/")[2].rpartition(".")[0]
    plain = "".join(letter for letter in stem if letter.isascii() and letter.isalnum())
    return plain if plain == stem and len(plain) <= _EDL_REEL else ""


def _fcpxml(otio: Any, timeline: Any, heard: set[str]) -> str:
    """The adapter's XML, put right where it knows too little of the film: rate, size and sound."""
    rate = Fraction(timeline.metadata["longtake"]["fps"])
    frame = f"{rate.denominator * 100}/{rate.numerator * 100}s"
    for clip in timeline.find_clips():
        clip.name = clip.name.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")  # the adapter looks names up in quotes
    adapter = otio.adapters.from_name("fcpx_xml").module()
    table, probe = adapter.FRAMERATE_FRAMEDURATION, adapter.format_name
    adapter.FRAMERATE_FRAMEDURATION = {float(rate): frame}  # it knows 23.98, not 24000/1001
    adapter.format_name = lambda rate, path: ""  # pyright: ignore[reportUnknownLambdaType] - no ffprobe
    try:
        written = otio.adapters.write_to_string(timeline, "fcpx_xml")
    finally:
        adapter.FRAMERATE_FRAMEDURATION, adapter.format_name = table, probe
    root = ElementTree.fromstring(written)  # noqa: S314 - our own
    _put_right(root, timeline.metadata["longtake"], heard)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n'


def _put_right(root: ElementTree.Element, film: Any, heard: set[str]) -> None:
    for form in root.iterfind("./resources/format"):
        form.attrib.pop("name", None)
        form.attrib |= {side: str(film[side]) for side in ("width", "height") if side in film}
    for asset in root.iterfind("./resources/asset"):
        asset.set("hasAudio", "1" if asset.get("src") in heard else "0")
    for clip in root.iterfind(".//spine/clip"):
        # A clip with its picture inside shows the picture alone; an asset-clip plays the sound too.
        picture = clip.find("video")
        if picture is not None:
            clip.tag = "asset-clip"
            clip.set("ref", picture.get("ref", ""))
            clip.remove(picture)
