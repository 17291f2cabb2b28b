"""The films of purchases as a list shows them, beside what was recorded of them when they were put there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from longtake.files.store import Seen
from longtake.ledger.record_files import record_name

CLIP_NAME = "clip.mp4"


@dataclass
class ListedFilms:
    """What lists told of films. `changed`: by key, the stamp of those that are not as they were recorded."""

    changed: dict[str, str] = field(default_factory=dict[str, str])

    def size(self, key: str, files: Mapping[str, Seen], texts: Mapping[str, bytes | None]) -> int | None:
        """A film's bytes by a list; None where it names none, or one that must be looked at.

        Args:
            key: The film's.
            files: What the list tells of its purchase's files.
            texts: Those of its records.
        """
        seen = files.get(CLIP_NAME, Seen())
        recorded = recorded_stamp(texts) if seen.stamp is not None else None
        if recorded is None or recorded == seen.stamp or seen.stamp is None:
            return seen.size_bytes
        self.changed[key] = seen.stamp
        return None


def recorded_stamp(texts: Mapping[str, bytes | None]) -> str | None:
    """The stamp in the latest record of a clip; None where there is none, or none with a stamp."""
    names = ((name, record_name(name)) for name, text in texts.items() if text is not None)
    clips = [(name.number, file) for file, name in names if name is not None and name.kind == "clip"]
    if not clips:
        return None
    try:
        stamp = json.loads(texts[max(clips)[1]] or b"{}").get("stamp")
    except (ValueError, AttributeError):  # a torn record is told elsewhere
        return None
    return stamp if isinstance(stamp, str) else None
