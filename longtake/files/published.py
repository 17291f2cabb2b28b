"""Films that people see: ours while their bytes are those that we put there. What a person puts there is kept and told.

The JSON beside a film names the bytes that were published (`sha256`), those that are about to be (`coming`, so that a
killed run's film is no stranger), and what its file looked like then (`stamp`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from longtake.files.store import Store

COMING, STAMP = "coming", "stamp"


def sidecar_key(key: str) -> str:
    """The JSON beside a film."""
    return key.removesuffix(".mp4") + ".json"


def published_hashes(beside: Mapping[str, Any] | None) -> frozenset[str]:
    """The hashes of all that we published under a key, from the JSON beside it; a clip's stands in its `clip`."""
    if beside is None:
        return frozenset()
    found = [beside.get("sha256"), beside.get(COMING)]
    if isinstance(clip := beside.get("clip"), Mapping):
        found.append(clip.get("sha256"))
    if isinstance(clips := beside.get("clips"), list) and len(clips) == 1 and isinstance(clips[0], Mapping):
        found.append(clips[0].get("sha256"))  # a reel of one clip, as an earlier release told of it
    return frozenset(value for value in found if isinstance(value, str))


def same_stamp(told: object, now: str | None) -> bool:
    """Whether a film still has the stamp that the JSON beside it tells; on S3 earlier releases told its time too."""
    return now is not None and isinstance(told, str) and (told == now or told.startswith(f"{now} "))


def bytes_hash(store: Store, key: str) -> str | None:
    """The hash of what stands at a key, "" for what cannot be read, None where nothing stands."""
    try:
        return store.sha256(key)
    except OSError:
        return ""


def keep_aside(store: Store, key: str, suffix: str = ".mp4") -> str | None:
    """Moves what a person put at a key to `….edited-1.mp4` beside it, or the next free number; None: it is gone."""
    stem = key.removesuffix(suffix)
    for number in itertools.count(1):
        try:
            if store.move(key, target := f"{stem}.edited-{number}{suffix}"):
                return target
        except FileNotFoundError:
            return None
    return None


def kept_words(key: str, target: str) -> str:
    """What is told of a film that was kept aside."""
    return f"{key} held other bytes than were published there; they are kept as {target}, and ours stand there again"
