"""Making reels: the finished clips of one reel joined in order, published with a receipt, and not made twice."""

from __future__ import annotations

import asyncio
from glob import escape
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.domain.errors import PublishConflictError
from longtake.files.json_files import read_json, write_json
from longtake.files.local.process_folder import scratch_folder
from longtake.files.published import COMING, STAMP, bytes_hash, keep_aside, kept_words, published_hashes, same_stamp
from longtake.files.store import Store
from longtake.files.web.fetch import part_file
from longtake.media.checking.policy import DriftLimits, Strictness
from longtake.media.stitching.film import Progress
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from longtake.media.workers import WorkerPool
from longtake.rendering.output.marks import demand_marks_kept, told, with_marks
from longtake.rendering.output.outputs import reel_key, sidecar_key
from longtake.rendering.output.seams import ReelPart, Seams, notes_of
from longtake.rendering.timeline.keep import TIMELINE, Kept, keep_timeline
from longtake.rendering.timeline.take import Take, by_bytes

SECONDS_PER_CLIP = 30.0
"""Deadline for a stitch: so long per clip, two minutes at least."""
OTHER_RUN_PAUSE_SECONDS = 0.5


class ReelOrder(BaseModel):
    """One reel to make. `missing` names shots that are not there; a reel with any is partial.

    `joint_limits`: how far a joint that is measured may step; beyond, no film is made. `marks`: what it means that the
    film loses marks of its clips. `takes`: the takes of its shots that people find in the output, chosen or not, for
    the timeline beside the film.
    """

    model_config = ConfigDict(frozen=True)

    output: str
    reel: str
    parts: tuple[ReelPart, ...]
    missing: tuple[str, ...] = ()
    options: StitchOptions = StitchOptions()
    joint_limits: DriftLimits | None = None
    takes: tuple[Take, ...] = ()
    marks: Strictness = "warn"

    @property
    def key(self) -> str:
        """Where the reel goes."""
        return reel_key(self.reel, partial=bool(self.missing))

    def recipe(self) -> dict[str, Any]:
        """What the film depends on; the same recipe needs no new film."""
        return {
            "clips": [[part.shot_id, part.clip.sha256, part.continues] for part in self.parts],
            "missing": list(self.missing),
            "options": self.options.model_dump(mode="json"),
        }


class MadeReel(BaseModel):
    """A reel in the store. `made_now` is False where it stood there already; `kept` tells of a person's files.

    `tells_marks`: what it lost of its clips' marks is a warning.
    """

    model_config = ConfigDict(frozen=True)

    reel: str
    key: str
    frames: int
    made_now: bool
    receipt: dict[str, Any]
    kept: str = ""
    tells_marks: bool = True


async def make_reel(order: ReelOrder, store: Store, workers: WorkerPool, progress: Progress | None = None) -> MadeReel:
    """Joins the clips of a reel and publishes film, timeline and receipt; waits where another run is making it.

    Args:
        order: What to join.
        store: Where the clips lie and the reel goes.
        workers: Decode and encode.
        progress: Called with the share of the film that is made, 0 to 1.

    Raises:
        MediaError: A clip cannot be used.
        StorageError: The store did not take the film.
    """
    while (made := await asyncio.to_thread(standing_reel, order, store)) is None:
        work = await asyncio.to_thread(store.work_folder, order.key)
        try:
            with part_file(work, f".{Path(order.key).stem}") as part:
                return await _make(order, store, workers, part, progress)
        except PublishConflictError:
            await asyncio.sleep(OTHER_RUN_PAUSE_SECONDS)
    return await asyncio.to_thread(with_timeline, made, order, store)


def with_timeline(made: MadeReel, order: ReelOrder, store: Store) -> MadeReel:
    """A film that stands there already, with its timeline beside it as it is to be; blocking."""
    before = made.receipt.get(TIMELINE)
    kept = keep_timeline(store, order.reel, order.key, made.receipt, _all_takes(order), before=before)
    if kept.sha256 in (None, before):
        return made.model_copy(update={"kept": kept.told})
    receipt = made.receipt | {TIMELINE: kept.sha256}
    write_json(store, sidecar_key(order.key), receipt)
    return made.model_copy(update={"receipt": receipt, "kept": kept.told})


def _all_takes(order: ReelOrder) -> list[Take]:
    """The takes that people find in the output; clips of the film that are not among them, where they lie."""
    found = by_bytes(order.takes)
    parts = [part for part in order.parts if (part.shot_id, part.clip.sha256) not in found]
    return [
        *order.takes,
        *(
            Take(shot_id=one.shot_id, clip=one.clip, key=one.clip.key, take=one.take, chosen=one.chosen)
            for one in parts
        ),
    ]


def standing_reel(order: ReelOrder, store: Store) -> MadeReel | None:
    """The reel, where it stands there already as ordered and published; blocking."""
    receipt = read_json(store, sidecar_key(order.key))
    if receipt is None or receipt.get("recipe") != order.recipe():
        return None
    if store.size(order.key) != receipt.get("size_bytes"):
        return None
    if not same_stamp(receipt.get(STAMP), stamp := store.stamp(order.key)):
        if (known := published_hashes(receipt)) and bytes_hash(store, order.key) not in known:
            return None
        write_json(store, sidecar_key(order.key), receipt | {STAMP: stamp})
    return _made(order, receipt, made_now=False)


async def _make(order: ReelOrder, store: Store, workers: WorkerPool, part: Path, progress: Progress | None) -> MadeReel:
    """`part` is locked for this process; it holds nothing, and goes before the receipt says that all is done."""
    try:
        receipt, kept = await (
            _link_single(order, store) if _is_single(order) else _stitch(order, store, workers, part, progress)
        )
    finally:
        part.unlink(missing_ok=True)
    receipt |= {"reel": order.reel, "recipe": order.recipe(), "missing": list(order.missing)}
    chosen = [{"shot_id": part.shot_id, "take": part.take, "why": part.chosen} for part in order.parts if part.chosen]
    receipt |= {"chosen": chosen} if chosen else {}
    receipt |= {"partial": bool(order.missing), STAMP: await asyncio.to_thread(store.stamp, order.key)}
    timeline = await asyncio.to_thread(_timeline_beside, order, store, receipt)
    receipt |= {TIMELINE: timeline.sha256} if timeline.sha256 else {}
    await asyncio.to_thread(write_json, store, sidecar_key(order.key), receipt)
    return _made(order, receipt, made_now=True, kept="; ".join(filter(None, [kept, timeline.told])))


def _made(order: ReelOrder, receipt: dict[str, Any], *, made_now: bool, kept: str = "") -> MadeReel:
    return MadeReel(
        reel=order.reel,
        key=order.key,
        frames=receipt["frames"],
        made_now=made_now,
        receipt=receipt,
        kept=kept,
        tells_marks=order.marks != "off",
    )


def _timeline_beside(order: ReelOrder, store: Store, receipt: dict[str, Any]) -> Kept:
    """Writes the timeline of a film that was just made. Blocking."""
    before = (read_json(store, sidecar_key(order.key)) or {}).get(TIMELINE)
    return keep_timeline(store, order.reel, order.key, receipt, _all_takes(order), before=before)


def _make_way(order: ReelOrder, store: Store, sha256: str) -> str:
    """Keeps a person's film that stands where the reel goes, and says so; notes which bytes are coming. Blocking."""
    beside = read_json(store, sidecar_key(order.key)) or {}
    kept, stands = None, bytes_hash(store, order.key)
    if stands is not None and stands != sha256 and stands not in published_hashes(beside):
        kept = keep_aside(store, order.key)
    write_json(store, sidecar_key(order.key), beside | {COMING: sha256})
    return kept_words(order.key, kept) if kept else ""


def _is_single(order: ReelOrder) -> bool:
    return len(order.parts) == 1 and order.options == StitchOptions()


async def _link_single(order: ReelOrder, store: Store) -> tuple[dict[str, Any], str]:
    """A reel of one clip is that clip, bit for bit. Returns its receipt, and what is told of a person's film."""
    clip = order.parts[0].clip
    kept = await asyncio.to_thread(_make_way, order, store, clip.sha256)
    await asyncio.to_thread(store.link, clip.key, order.key)
    return {
        "how": "the only clip, untouched",
        "frames": clip.frames,
        "sha256": clip.sha256,
        "size_bytes": clip.size_bytes,
        "marks": (marks := told(clip.marks)),
        "clips": [{"shot_id": order.parts[0].shot_id, "sha256": clip.sha256, "frames": clip.frames, "marks": marks}],
    }, kept


async def _stitch(
    order: ReelOrder, store: Store, workers: WorkerPool, part: Path, progress: Progress | None
) -> tuple[dict[str, Any], str]:
    """Joins and publishes. Returns the receipt, and what is told of a person's film."""
    deadline = max(120.0, SECONDS_PER_CLIP * len(order.parts))
    with scratch_folder() as folder:
        paths = [
            await asyncio.to_thread(store.copies.fetch, each.clip.key, each.clip.sha256, folder / f"{place:05}.mp4")
            for place, each in enumerate(order.parts)
        ]
        await demand_marks_kept(order.parts, paths, order.marks)
        notes = await notes_of([each.clip for each in order.parts], workers)
        seams = Seams(order.parts, paths, notes, workers)
        options, echoes = await seams.without_echoes(order.options)
        joints = await seams.joints(options.trims, order.joint_limits)
        drift = await seams.drift()
        film = part.with_suffix(".film.part")
        try:
            made = await workers.call(stitch_clips, paths, film, options, deadline_seconds=deadline, progress=progress)
            size_bytes = film.stat().st_size
            kept = await asyncio.to_thread(_make_way, order, store, made.sha256)
            await asyncio.to_thread(store.publish, film, order.key)
        finally:
            of_killed_child = film.parent.glob(f".{escape(film.name)}.*.part")
            for left in (film, *of_killed_child):
                left.unlink(missing_ok=True)
    receipt: dict[str, Any] = made.model_dump(mode="json")
    clips = [
        with_marks(clip | {"shot_id": each.shot_id, "sha256": each.clip.sha256}, each, read.marks, read.marks_lost)
        for clip, read, each in zip(receipt["clips"], made.clips, order.parts, strict=True)
    ]
    receipt |= {
        "clips": clips,
        "marks": told(made.marks),
        "frames": made.frames_found,
        "size_bytes": size_bytes,
        "echoes": echoes,
        "joints_anew": joints,
        "drift": drift,
    }
    return receipt, kept
