"""Pictures for people: a poster per clip and a contact sheet per reel, made from the clips in the store."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from longtake.files.store import Store
from longtake.media.cutting.frames import contact_sheet, poster
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
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            clips: list[tuple[str, Path]] = []
            for place, result in enumerate(done):
                is_fresh = any(result is other for other in fresh)
                clip = await _poster(result, store, workers, Path(folder) / f"{place:05}", is_fresh)
                if clip is not None:
                    clips.append((result.shot.row.shot, clip))
            if len(clips) < 2:
                return False
            labels, paths = zip(*clips[:: max(1, -(-len(clips) // SHEET_CLIPS))], strict=True)
            sheet = Path(folder) / "sheet.jpg"
            await workers.call(
                contact_sheet, list(paths), sheet, labels=list(labels), deadline_seconds=DEADLINE_SECONDS
            )
            await asyncio.to_thread(store.write, contact_sheet_key(reel), sheet.read_bytes())
    except Exception as error:  # a picture for people is worth no reel
        log.warning("%s: no contact sheet: %s: %s", reel, type(error).__name__, error)
        return False
    return True


async def _poster(result: ShotResult, store: Store, workers: WorkerPool, folder: Path, is_fresh: bool) -> Path | None:
    """The clip as a local file, its poster made where it is missing or old; None where none can be made."""
    key = result.clip.key if result.clip else ""
    target = poster_key(result.shot)
    try:
        folder.mkdir()
        clip = await asyncio.to_thread(store.fetch, key, folder / "clip.mp4")
        if is_fresh or await asyncio.to_thread(store.size, target) is None:
            picture = folder / "poster.jpg"
            await workers.call(poster, clip, picture, deadline_seconds=DEADLINE_SECONDS)
            await asyncio.to_thread(store.write, target, picture.read_bytes())
    except Exception as error:  # see above
        log.warning("%s: no poster: %s: %s", result.shot.shot_id, type(error).__name__, error)
        return None
    return clip
