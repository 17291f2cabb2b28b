"""What the JSON beside a film says, in a few lines for a person; whatever it does not say is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from longtake.domain.text import counted, one_line
from longtake.reports.figures import duration


def receipt_facts(receipt: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Label and words: how it was joined, format, pictures, sound, marks."""
    if not receipt:
        return []
    clips, joins = _rows(receipt.get("clips")), _rows(receipt.get("joins"))
    facts = [("Joined", _joined(clips, receipt.get("how"))), ("Format", _format(receipt))]
    used, copied = _total(clips, "frames_used"), _total(clips, "frames_copied")
    if used:
        facts.append(("Pictures", f"{used:,}, of which {copied:,} are the clips' own, bit for bit"))
    trimmed = _total(clips, "trimmed_head") + _total(clips, "trimmed_tail")
    if trimmed:
        facts.append(("Trimmed", f"{trimmed:,} repeated pictures"))
    bends = [value for join in joins if (value := _number(join.get("click_ratio"))) is not None]
    if joins:
        worst = f"; sharpest bend of the sound {max(bends):.2f}× the clips' own" if bends else ""
        facts.append(("Joins", f"{len(joins)}{worst}"))
    facts += [("Loudness", _loudness(receipt)), ("Marks", _marks(receipt.get("marks")))]
    facts.append(("Marks lost", marks_lost(receipt)))
    missing = _list(receipt.get("missing"))
    if missing:
        facts.append(("Missing", one_line(", ".join(map(str, missing)))))
    return [(label, words) for label, words in facts if words]


def marks_lost(receipt: Mapping[str, Any] | None) -> str:
    """What of its clips' marks a film does not hold, and of how many clips; "" where it holds all."""
    lost = Counter(
        one_line(mark) if isinstance(mark, str) else "?"
        for clip in _rows((receipt or {}).get("clips"))
        for mark in _list(clip.get("marks_lost"))
    )
    return ", ".join(f"{mark} of {counted(clips, 'clip')}" for mark, clips in lost.items())


def _marks(marks: object) -> str:
    """What a film's file says of how it was made."""
    if not isinstance(marks, Mapping):
        return ""
    told = cast("Mapping[str, Any]", marks)
    producers = [str(fields["ContentProducer"]) for fields in _rows(told.get("aigc")) if fields.get("ContentProducer")]
    by = f" by {one_line('; '.join(producers))}" if producers else ""
    words = ["C2PA"] if told.get("c2pa") else []
    words += [f"AIGC{by}"] if told.get("aigc") else []
    return ", ".join([*words, *(one_line(str(each)) for each in _list(told.get("other")))])


def shot_starts(receipt: Mapping[str, Any] | None) -> dict[str, float]:
    """Second in the film at which each shot begins, by `shot_id`."""
    starts: dict[str, float] = {}
    for clip in _rows((receipt or {}).get("clips")):
        at = _number(clip.get("starts_at_seconds"))
        if at is not None:
            starts[str(clip.get("shot_id") or clip.get("name"))] = round(at, 3)
    return starts


def _joined(clips: list[Mapping[str, Any]], how: object) -> str:
    if isinstance(how, str):
        return one_line(how)
    actions = [one_line(str(clip["action"])) for clip in clips if clip.get("action")]
    return ", ".join(f"{actions.count(action)} {action}" for action in dict.fromkeys(actions))


def _format(receipt: Mapping[str, Any]) -> str:
    form = receipt.get("format")
    if not isinstance(form, Mapping):
        return ""
    form = cast("Mapping[str, Any]", form)
    width, height = _number(form.get("width")), _number(form.get("height"))
    words = [f"{width:.0f}×{height:.0f} px" if width and height else ""]
    words += [f"{one_line(str(form['fps']))} pictures a second" if form.get("fps") else ""]
    words += [duration(seconds) if (seconds := _number(receipt.get("picture_seconds"))) else ""]
    return ", ".join(word for word in words if word)


def _loudness(receipt: Mapping[str, Any]) -> str:
    measured = receipt.get("loudness_after") or receipt.get("loudness_before")
    if not isinstance(measured, Mapping):
        return ""
    lufs = _number(cast("Mapping[str, Any]", measured).get("integrated_lufs"))
    return f"{lufs:.1f} LUFS" if lufs is not None else ""


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in _list(value) if isinstance(row, Mapping)]


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _total(rows: list[Mapping[str, Any]], name: str) -> int:
    return round(sum(_number(row.get(name)) or 0 for row in rows))
