"""What a run leaves for people and programs: the current clips, their sidecars, and where everything lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from longtake.costs.usage import drift_percent, reported_usage
from longtake.files.json_files import read_json, write_json
from longtake.files.names import file_name
from longtake.files.published import (
    STAMP,
    bytes_hash,
    keep_aside,
    kept_words,
    published_hashes,
    same_stamp,
    sidecar_key,
)
from longtake.files.store import Store
from longtake.ledger.records import Purchase
from longtake.planning.plan import Shot
from longtake.rendering.output.marks import told
from longtake.rendering.shot_result import ShotResult
from longtake.rendering.timeline.take import Take, take_of


def clip_key(shot: Shot) -> str:
    """`clips/<reel>/<shot>.mp4`; takes that were not chosen carry their number, of unchosen ones all but the first."""
    variant = "" if shot.is_chosen else f".take-{shot.take}"
    return f"clips/{file_name(shot.row.reel)}/{file_name(shot.row.shot)}{variant}.mp4"


def reel_key(reel: str, *, partial: bool = False) -> str:
    """`reels/<reel>.mp4`; a partial one says so in its name."""
    return f"reels/{file_name(reel)}{'.partial' if partial else ''}.mp4"


def poster_key(shot: Shot) -> str:
    """`posters/<reel>/<shot>.jpg`."""
    return clip_key(shot).replace("clips/", "posters/", 1).removesuffix(".mp4") + ".jpg"


def contact_sheet_key(reel: str) -> str:
    """`posters/<reel>.jpg`."""
    return f"posters/{file_name(reel)}.jpg"


def publish_clip(
    store: Store, result: ShotResult, purchase: Purchase, on_kept: Callable[[str], None] = lambda words: None
) -> bool:
    """Shows a shot's clip under `clips/`, its sidecar beside it; False where it stood there already.

    Args:
        store: The output.
        result: The shot's end.
        purchase: What the ledger tells of it.
        on_kept: Told in words where a person's film stood there, which is kept.
    """
    clip, key = result.clip, clip_key(result.shot)
    if clip is None:
        return False
    before, stamp = read_json(store, sidecar_key(key)) or {}, store.stamp(key)
    # A person may have taken back which job it was: then the same purchase has another clip.
    shown = before.get("clip")
    is_same = before.get("identity") == purchase.identity
    is_same = is_same and isinstance(shown, Mapping) and shown.get("sha256") == clip.sha256
    if is_same and same_stamp(before.get(STAMP), stamp):
        return False
    stands = bytes_hash(store, key) if stamp is not None else None
    if stands != clip.sha256:
        if stands is not None and stands not in published_hashes(before) and (kept := keep_aside(store, key)):
            on_kept(kept_words(key, kept))
        store.link(clip.key, key)
    write_json(store, sidecar_key(key), sidecar(result, purchase) | {STAMP: store.stamp(key)})
    return not (is_same and stands == clip.sha256)


def shown_take(result: ShotResult, purchase: Purchase) -> list[Take]:
    """A take as people find it under `clips/`; empty where its clip is not here."""
    return [take_of(sidecar(result, purchase), clip_key(result.shot))] if result.clip is not None else []


def sidecar(result: ShotResult, purchase: Purchase) -> dict[str, Any]:
    """Where a clip comes from: row, request, vendor, job, prices, hashes, parents and times."""
    shot, intent, accepted = result.shot, purchase.intent, purchase.accepted
    return {
        "shot_id": shot.shot_id,
        "row": shot.row.row,
        "take": shot.take,
        "chosen": shot.choice.words if shot.choice is not None and shot.is_chosen else "",
        "attempt": intent.attempt if intent else 1,
        "identity": purchase.identity,
        "parent": shot.parent.lineage if shot.parent else None,
        "parent_shot": shot.parent.shot_id if shot.parent else None,
        "vendor": intent.account if intent else "",
        "wire_model": intent.wire_model if intent else "",
        "job_id": accepted.job.job_id if accepted else "",
        "request": intent.request if intent else {},
        "price_low_usd": intent.price_low_usd if intent else None,
        "price_high_usd": intent.price_high_usd if intent else None,
        "submitted_at": accepted.at if accepted else None,
        "finished_at": purchase.terminal.at if purchase.terminal else None,
        "downloaded_at": purchase.clip.at if purchase.clip else None,
        "usage": reported_usage(purchase),
        "drift_percent": drift_percent([purchase]),
        "clip": result.clip.model_dump(exclude={"marks"}) if result.clip else None,
        "marks": told(result.clip.marks) if result.clip else None,
        "findings": purchase.clip.findings if purchase.clip else [],
    }
