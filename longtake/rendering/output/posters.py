"""Pictures for people: a poster per clip and a contact sheet of a reel's posters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from longtake.files.local.process_folder import scratch_folder
from longtake.files.store import Store
from longtake.media.cutting.frames import POSTER_SUFFIX, contact_sheet, poster
from longtake.media.workers import WorkerPool
from longtake.rendering.output.outputs import contact_sheet_key, poster_key
from longtake.rendering.shot_result import ShotResult

log = logging.getLogger("longtake.rendering.output.posters")

DEADLINE_SECONDS = 60.0
SHEET_CLIPS = 24
"""A contact sheet shows at most so many clips, spread over the reel."""


async def make_pictures(
    reel: str, results: Sequence[ShotResult], store: Store, workers: WorkerPool, *, fresh: Collection[ShotResult]
) -> bool:
    """Makes posters of a reel's clips where they are missing or the clip is fresh, and its contact sheet.

    Never fails a run: a clip of which no picture can be made goes without, and the sheet shows the others.

    Returns:
        Whether there is a contact sheet.
    """
    done = [result for result in results if result.is_done and result.clip is not None]
    try:
        with scratch_folder() as folder:
            posters: list[tuple[str, Path]] = []
            for place, result in enumerate(done):
                is_fresh = any(result is other for other in fresh)
                made = await _poster(result, store, workers, folder / f"{place:05}", is_fresh)
                if made is not None:
                    posters.append((result.shot.row.shot, made))
            if len(posters) < 2:
                return False
            labels, paths = zip(*posters[:: max(1, -(-len(posters) // SHEET_CLIPS))], strict=True)
            sheet = folder / "sheet.jpg"
            await workers.call(
                contact_sheet, list(paths), sheet, labels=list(labels), deadline_seconds=DEADLINE_SECONDS
            )
            await asyncio.to_thread(store.write, contact_sheet_key(reel), sheet.read_bytes())
    except Exception as error:  # a picture for people is worth no reel
        log.warning("%s: no contact sheet: %s: %s", reel, type(error).__name__, error)
        return False
    return True


async def _poster(result: ShotResult, store: Store, workers: WorkerPool, folder: Path, is_fresh: bool) -> Path | None:
    """The poster as a local file, made where it is missing or old; None where none can be made."""
    clip, target = result.clip, poster_key(result.shot)
    if clip is None:
        return None
    try:
        folder.mkdir()
        picture = folder / f"poster{POSTER_SUFFIX}"
        if not is_fresh and (stands := await asyncio.to_thread(_standing, store, target, picture)) is not None:
            return stands
        whole = await asyncio.to_thread(store.copies.fetch, clip.key, clip.sha256, folder / "clip.mp4")
        ready = workers.features and workers.features.poster(clip.sha256)
        await workers.call(poster, whole, picture, ready=ready, deadline_seconds=DEADLINE_SECONDS)
        await asyncio.to_thread(store.write, target, picture.read_bytes())
    except Exception as error:  # see above
        log.warning("%s: no poster: %s: %s", result.shot.shot_id, type(error).__name__, error)
        return None
    return picture


def _standing(store: Store, key: str, target: Path) -> Path | None:
    """The poster that an earlier run made, None where there is none. Blocking."""
    try:
        return store.fetch(key, target)
    except FileNotFoundError:
        return None
