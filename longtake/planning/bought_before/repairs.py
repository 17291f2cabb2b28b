"""Purchases that stand for others, remembered in the output, so that a manifest may be rendered again as it was.

    repairs/<identity>.json    in place of this purchase stands that one

What `retry.*` bought makes up for what failed; what a person kept stands behind a new take of the shot before it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from longtake.files.json_files import write_json
from longtake.files.store import Store
from longtake.planning.plan import Shot

FOLDER = "repairs"


def remember(store: Store, shots: Iterable[Shot], stands_for: Mapping[str, Sequence[str]]) -> None:
    """Notes for whose purchases these shots make up, before they are bought, and which are kept.

    Args:
        store: The output.
        shots: The shots of a `retry.*` that is rendered.
        stands_for: The identities that its rows were written for, by `shot_key`.
    """
    for shot in shots:
        for identity in stands_for.get(shot_key(shot), ()):
            if identity != shot.identity and "/" not in identity:
                _note(store, identity, shot)
        if shot.is_kept:
            _note(store, shot.as_written, shot)


def _note(store: Store, identity: str, shot: Shot) -> None:
    write_json(store, f"{FOLDER}/{identity}.json", {"identity": shot.identity, "shot_id": shot.shot_id})


def remembered(store: Store) -> dict[str, str]:
    """The identities that make up for others, by those others'."""
    found: dict[str, str] = {}
    for key, data in store.read_seen(store.survey(FOLDER)).items():
        try:
            told: object = json.loads(data)
        except ValueError:
            continue
        if isinstance(told, Mapping) and isinstance(identity := told.get("identity"), str):
            found[key.rsplit("/", 1)[1].removesuffix(".json")] = identity
    return found


def shot_key(shot: Shot) -> str:
    """A shot of a manifest, its variants apart."""
    return f"{shot.shot_id}#{shot.variant}"


def repair_words(shots: Sequence[Shot]) -> list[str]:
    """What is told of shots for which a repair stands."""
    ids = [f"{shot.shot_id} (take {shot.take})" for shot in shots if shot.is_repaired and not shot.is_kept]
    if not ids:
        return []
    some = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
    return [f"for {len(ids)} shot(s) the repair of an earlier run stands, nothing is bought for them: {some}"]
