"""What the page's script is given: the view with harmless links, and what is worked out once for all readers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from longtake.domain.verdicts import facts_of
from longtake.reports.run.receipt_facts import receipt_facts, shot_starts
from longtake.reports.run.summary import verdict_counts
from longtake.reports.run.view import ReelView, ReportView, ShotView, TakeView

MOST_INLINE_BYTES = 24 * 1024 * 1024
"""Pictures beyond this are linked: a page of hundreds of megabytes opens nowhere."""
_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}
_SCRIPT_ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}

ReadPicture = Callable[[str], bytes | None]


def href(path: str | None) -> str | None:
    """A link to a file of the output that can lead nowhere else; None for a path that would."""
    if not path or path.startswith("/") or ".." in path.split("/"):
        return None
    return "./" + quote(path, errors="replace")


class Pictures:
    """Turns picture paths into links, or into data where they can be had and there is room."""

    def __init__(self, read: ReadPicture | None) -> None:
        self._read = read
        self._room_bytes = MOST_INLINE_BYTES

    def source(self, path: str | None) -> str | None:
        """What to show for a picture's path."""
        link = href(path)
        if link is None or path is None or self._read is None:
            return link
        data = self._read(path)
        kind = next((kind for magic, kind in _PICTURES.items() if data and data.startswith(magic)), None)
        if data is None or kind is None or len(data) > self._room_bytes:
            return link
        self._room_bytes -= len(data)
        return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def payload_pieces(view: ReportView, pictures: Pictures) -> Iterator[str]:
    """The data of the page as `script_json` has it, reel by reel, without what is None or empty."""
    yield f'{script_json(_head(view))[:-1]},"reels":['
    for place, reel in enumerate(view.reels):
        yield ("," if place else "") + script_json(_reel(reel, pictures))
    yield "]}"


def _head(view: ReportView) -> dict[str, Any]:
    return {
        "title": view.title,
        "output": view.output,
        "finished": view.finished,
        "written_at": view.written_at,
        "verdicts": {verdict: _facts(verdict) for verdict in dict.fromkeys(_verdicts(view))},
    }


def _verdicts(view: ReportView) -> list[str]:
    return [count.verdict for count in verdict_counts(view)] + [
        take.verdict for shot in view.shots for take in shot.takes if take.verdict
    ]


def _facts(verdict: str) -> dict[str, str | bool]:
    facts = facts_of(verdict)
    return {"label": facts.label, "tone": facts.tone, "done": facts.is_done}


def _reel(reel: ReelView, pictures: Pictures) -> dict[str, Any]:
    starts = shot_starts(reel.receipt)
    told = {
        "name": reel.name,
        "film": href(reel.film),
        "timeline": href(reel.timeline),
        "contact_sheet": href(reel.contact_sheet),
        "note": reel.note,
        "partial": reel.partial,
        "facts": receipt_facts(reel.receipt),
        "shots": [_shot(shot, starts, pictures) for shot in reel.shots],
    }
    return {name: value for name, value in told.items() if value not in (None, "", [], False) or name == "shots"}


def _shot(shot: ShotView, starts: dict[str, float], pictures: Pictures) -> dict[str, Any]:
    told = shot.model_dump(exclude_none=True, exclude={"reel", "clip", "poster", "review", "takes", "is_reviewed"})
    told |= {"clip": href(shot.clip), "poster": pictures.source(shot.poster)}
    if shot.takes:
        told |= {"review": shot.review, "is_reviewed": shot.is_reviewed}
    if shot.variants:
        told |= {"in_film": shot.is_in_film}
    told |= {"takes": [_take(take, pictures) for take in shot.takes]}
    if shot.facts.is_done and shot.is_in_film:
        told["starts_at"] = starts.get(shot.shot_id)
    return {name: value for name, value in told.items() if value not in (None, "", {}, [])}


def _take(take: TakeView, pictures: Pictures) -> dict[str, Any]:
    told = take.model_dump(exclude_none=True, exclude={"clip", "poster"})
    told |= {"clip": href(take.clip), "poster": pictures.source(take.poster)}
    return {name: value for name, value in told.items() if value not in (None, "")}


def script_json(value: object) -> str:
    """JSON that can stand in a script element: no character of it can end the element or a line of script."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_SCRIPT_ESCAPES)
