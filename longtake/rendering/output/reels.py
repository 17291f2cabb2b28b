"""Making reels: the finished clips of one reel joined in order, published with a receipt, and not made twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.domain.errors import PublishConflictError
from longtake.files.json_files import read_json, write_json
from longtake.files.published import STAMP, bytes_hash, published_hashes, same_stamp, sidecar_key
from longtake.files.store import Store
from longtake.files.web.fetch import part_file
from longtake.media.labelling.identity import SigningIdentity
from longtake.media.stitching.film import Progress
from longtake.media.workers import WorkerPool
from longtake.rendering.output.making import Making
from longtake.rendering.output.reel_order import ReelOrder
from longtake.rendering.output.seams import ReelPart
from longtake.rendering.timeline.keep import TIMELINE, Kept, keep_timeline, renew_timeline
from longtake.rendering.timeline.take import Take, by_bytes

OTHER_RUN_PAUSE_SECONDS = 0.5


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


async def make_reel(
    order: ReelOrder,
    store: Store,
    workers: WorkerPool,
    progress: Progress | None = None,
    signing: SigningIdentity | None = None,
) -> MadeReel:
    """Joins the clips of a reel and publishes film, timeline and receipt; waits where another run is making it.

    Args:
        order: What to join.
        store: Where the clips lie and the reel goes.
        workers: Decode and encode.
        progress: Called with the share of the film that is made, 0 to 1.
        signing: Who signs the film, where the order asks for it.

    Raises:
        MediaError: A clip cannot be used.
        MachineError: The film could not be signed.
        StorageError: The store did not take the film.
    """
    while (made := await asyncio.to_thread(standing_reel, order, store)) is None:
        work = await asyncio.to_thread(store.work_folder, order.key)
        try:
            with part_file(work, f".{Path(order.key).stem}") as part:
                return await _make(Making(order, store, workers, part, progress, signing))
        except PublishConflictError:
            await asyncio.sleep(OTHER_RUN_PAUSE_SECONDS)
    return await asyncio.to_thread(with_timeline, made, order, store)


def with_timeline(made: MadeReel, order: ReelOrder, store: Store) -> MadeReel:
    """A film that stands there already, with its timeline beside it as it is to be; blocking."""
    kept, receipt = renew_timeline(store, order.reel, order.key, made.receipt, _all_takes(order))
    return made.model_copy(update={"receipt": receipt, "kept": kept.told})


def _all_takes(order: ReelOrder) -> list[Take]:
    """The takes that people find in the output; clips of the film that are not among them, where they lie."""
    found = by_bytes(order.takes)
    parts: list[ReelPart] = [part for part in order.parts if (part.shot_id, part.clip.sha256) not in found]
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


async def _make(making: Making) -> MadeReel:
    """`part` is locked for this process; it holds nothing, and goes before the receipt says that all is done."""
    order, store = making.order, making.store
    try:
        receipt, kept = await making.film()
    finally:
        making.part.unlink(missing_ok=True)
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
