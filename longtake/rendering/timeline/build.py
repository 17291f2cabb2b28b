"""A film's timeline: its clips on a picture and a sound track, takes that were not chosen on muted tracks above."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from longtake.domain.text import one_line, storable
from longtake.manifests.schema import natural_key
from longtake.rendering.timeline.cuts import Cut, beside, cuts_of
from longtake.rendering.timeline.findings import gate_markers, markers_of, missing_marker
from longtake.rendering.timeline.schema import Kind, Node, Span, clip, dissolve, gap, timeline, track
from longtake.rendering.timeline.take import Take

Address = Callable[[str], str]
"""How a timeline names the file at a key of the output."""

_UNSEALED = "0" * 64
_BLANK = f'"seal": "{_UNSEALED}"'
_SEAL = re.compile(rb'"seal": "([0-9a-f]{64})"')


def from_reels(key: str) -> str:
    """The file as seen from `reels/`, so that an output may be moved as a whole."""
    return quote(f"../{key}")


def timeline_text(
    reel: str, film: str, receipt: Mapping[str, Any], takes: Sequence[Take], address: Address = from_reels
) -> str:
    """A film's timeline as OpenTimelineIO's JSON; the same film gives the same text.

    Args:
        reel: Its name.
        film: The film's key.
        receipt: The JSON beside the film.
        takes: The takes that it is made of, and those of its shots that were not chosen.
        address: How files are named.

    Raises:
        KeyError: The receipt names a clip that is not among the takes.
    """
    cuts = cuts_of(receipt, takes)
    missing = _places(reel, cuts, receipt.get("missing") or ())
    form: Mapping[str, Any] = receipt.get("format") or cuts[0].take.clip.model_dump()
    facts = {
        "reel": storable(reel),
        "film": storable(film.rpartition("/")[2]),
        "sha256": receipt["sha256"],
        "frames": receipt["frames"],
        "fps": str(cuts[0].shown.rate),
        "width": form.get("width"),
        "height": form.get("height"),
        "missing": [storable(shot_id) for shot_id in receipt.get("missing") or ()],
    }
    used = {id(cut.take) for cut in cuts}
    others = sorted((take for take in takes if id(take) not in used), key=lambda take: take.take)
    tracks = [
        track("film", "Video", _film(cuts, receipt, missing, address, "Video")),
        track("sound", "Audio", _film(cuts, receipt, missing, address, "Audio")),
        *_muted(cuts, others, address),
    ]
    told = {name: value for name, value in facts.items() if value} | {"seal": _UNSEALED}
    text = json.dumps(timeline(one_line(reel), tracks, {"longtake": told}), ensure_ascii=False, indent=1) + "\n"
    return text.replace(_BLANK, f'"seal": "{hashlib.sha256(text.encode()).hexdigest()}"', 1)


def is_sealed(data: bytes) -> bool:
    """Whether a timeline is as `timeline_text` made it, whoever lost what was noted of it: nobody has worked on it."""
    found = _SEAL.search(data)
    return found is not None and found[1] == hashlib.sha256(_SEAL.sub(_BLANK.encode(), data, 1)).hexdigest().encode()


def _places(reel: str, cuts: Sequence[Cut], missing: Sequence[str]) -> list[list[str]]:
    """The missing shots before each clip of the film, and after the last."""
    keys = [natural_key(cut.take.shot_id.removeprefix(f"{reel}/")) for cut in cuts]
    places: list[list[str]] = [[] for _ in range(len(cuts) + 1)]
    for shot_id in missing:
        own = natural_key(shot_id.removeprefix(f"{reel}/"))
        places[next((number for number, key in enumerate(keys) if own < key), len(cuts))].append(shot_id)
    return places


def _film(
    cuts: Sequence[Cut], receipt: Mapping[str, Any], missing: Sequence[Sequence[str]], address: Address, kind: Kind
) -> list[Node]:
    """One track of the film. A shot that is missing takes no time in it; it is a gap without length, with a marker."""
    items: list[Node] = []
    rate = cuts[0].shown.rate
    is_heard = [cut.take.clip.has_audio for cut in cuts]
    for number, cut in enumerate(cuts):
        lacks = list(missing[number]) if kind == "Video" else []
        if cut.overlap:
            # Between the clips of a crossfade nothing else may stand.
            if kind == "Video" or (is_heard[number - 1] and is_heard[number]):
                items.append(dissolve(cut.overlap, rate))
        else:
            items += [_lack(shot_id, rate) for shot_id in lacks]
            lacks = []
        if kind == "Video":
            items.append(_clip(cut, address, markers=markers_of(cut, receipt, lacks)))
        elif is_heard[number]:
            items.append(_clip(cut, address))
        else:
            items.append(gap("silence", int(cut.shown.duration), rate))
    return [*items, *(_lack(shot_id, rate) for shot_id in missing[-1] if kind == "Video")]


def _clip(cut: Cut, address: Address, markers: Sequence[Node] = ()) -> Node:
    take = cut.take
    metadata = {"longtake": take.told()}
    return clip(one_line(take.shot_id), cut.shown, address(take.key), cut.available, markers=markers, metadata=metadata)


def _lack(shot_id: str, rate: Fraction) -> Node:
    place = Span(Fraction(0), Fraction(0), rate)
    return gap(one_line(shot_id), 0, rate, [missing_marker(shot_id, place)])


def _muted(cuts: Sequence[Cut], others: Sequence[Take], address: Address) -> list[Node]:
    """Takes that were not chosen, where the film shows the chosen one: on the first of such tracks that is free there.

    Track and clip are both switched off, for some programs read only one of the two.
    """
    tracks: list[list[Node]] = []
    ends: list[int] = []
    for cut in cuts:
        takes = [take for take in others if take.shot_id == cut.take.shot_id]
        for number, take in enumerate(takes):
            if (shown := beside(cut, take)) is None:
                continue
            if number == len(tracks):
                tracks.append([])
                ends.append(0)
            if cut.starts_at > ends[number]:
                tracks[number].append(gap("", cut.starts_at - ends[number], shown.rate))
            length = max(Fraction(take.clip.frames) / Fraction(take.clip.fps) * shown.rate, shown.end)
            available = Span(Fraction(0), length, shown.rate)
            tracks[number].append(
                clip(
                    f"{one_line(take.shot_id)} take {take.take}",
                    shown,
                    address(take.key),
                    available,
                    enabled=False,
                    markers=gate_markers(take, shown, available),
                    metadata={"longtake": take.told()},
                )
            )
            ends[number] = cut.starts_at + int(shown.duration)
    return [
        track(f"takes not chosen {number}", "Video", items, enabled=False) for number, items in enumerate(tracks, 1)
    ]
