"""Pictures for people: a poster per clip and a contact sheet per reel, made from the clips in the store."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from longtake.errors import LongtakeError
from longtake.media.child import Crew
from longtake.media.frames import contact_sheet, poster
from longtake.outputs import contact_sheet_key, poster_key
from longtake.run import ShotResult
from longtake.storage import Store

log = logging.getLogger("longtake.posters")

DEADLINE_SECONDS = 60.0
SHEET_CLIPS = 24
"""A contact sheet shows at most so many clips, spread over the reel."""


async def make_pictures(
    reel: str, results: Sequence[ShotResult], store: Store, crew: Crew, *, fresh: Collection[ShotResult]
) -> bool:
    """Makes posters of a reel's clips where they are missing or the clip is fresh, and its contact sheet.

    Never fails a run.

    Returns:
        Whether there is a contact sheet.
    """
    done = [result for result in results if result.is_done and result.clip is not None]
    try:
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            paths: list[Path] = []
            for place, result in enumerate(done):
                is_fresh = any(result is other for other in fresh)
                paths.append(await _poster(result, store, crew, Path(folder) / f"{place:05}", is_fresh))
            if len(paths) > 1:
                step = max(1, -(-len(paths) // SHEET_CLIPS))
                labels = [result.shot.row.shot for result in done][::step]
                sheet = Path(folder) / "sheet.jpg"
                await crew.call(contact_sheet, paths[::step], sheet, labels=labels, deadline_seconds=DEADLINE_SECONDS)
                await asyncio.to_thread(store.write, contact_sheet_key(reel), sheet.read_bytes())
    except LongtakeError as error:
        log.warning("%s: no pictures: %s", reel, error)
        return False
    return len(done) > 1


async def _poster(result: ShotResult, store: Store, crew: Crew, folder: Path, is_fresh: bool) -> Path:
    """The clip as a local file, its poster made where it is missing or old."""
    folder.mkdir()
    key = result.clip.key if result.clip else ""
    clip = await asyncio.to_thread(store.fetch, key, folder / "clip.mp4")
    target = poster_key(result.shot)
    if is_fresh or await asyncio.to_thread(store.size, target) is None:
        picture = folder / "poster.jpg"
        await crew.call(poster, clip, picture, deadline_seconds=DEADLINE_SECONDS)
        await asyncio.to_thread(store.write, target, picture.read_bytes())
    return clip
