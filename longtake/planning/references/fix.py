"""Copies of references that keep a model's limits where the originals do not; the originals are never touched."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from longtake.domain.errors import LongtakeError
from longtake.domain.request import MediaFacts, MediaKind, Reference
from longtake.files.sources import fetch_source
from longtake.files.web.guard import FETCH_ERRORS, GuardedClient
from longtake.media.cutting.fit import make_picture_fit, make_sound_fit
from longtake.media.cutting.tail import FitReceipt, TailLimits, make_fit
from longtake.media.reading.probe import WHOLE_MAX_PIXELS
from longtake.media.workers import in_child
from longtake.planning.plan import Shot
from longtake.planning.references.look import look
from longtake.planning.references.measure import FixedReference
from longtake.vendors.limits import MediaLimits, check_media

DEADLINE_SECONDS = 300.0
AT_ONCE = 2
_COPIES = "fit@4"
"""How copies are made. Unlike `FIT` it enters no identity: what is bought is not bought again for a better copy."""
_SUFFIXES: dict[MediaKind, dict[str, str]] = {
    "image": {"png": ".png", "": ".jpg"},
    "video": {"": ".mp4"},
    "audio": {"mp3": ".mp3", "": ".wav"},
}


@dataclass(frozen=True)
class _Job:
    """One copy to make: the source, what it is, and what the copy must keep."""

    source: str
    facts: MediaFacts
    limits: MediaLimits

    @property
    def is_large(self) -> bool:
        """Whether to make the copy takes much memory, so that one is made at a time."""
        return self.facts.kind == "image" and (self.facts.width or 0) * (self.facts.height or 0) > WHOLE_MAX_PIXELS

    @property
    def suffix(self) -> str:
        """The suffix, and with it the container, of the copy."""
        suffixes = _SUFFIXES[self.facts.kind]
        container = self.facts.container
        taken = not self.limits.containers or container in self.limits.containers
        return suffixes.get(container if taken else "", suffixes[""])


async def fix_references(
    shots: Iterable[Shot], folder: Path, *, media: GuardedClient
) -> tuple[dict[int, dict[str, FixedReference]], dict[str, str]]:
    """Makes copies of the measured references that break a limit of their shot's model, each distinct one once.

    Args:
        shots: Planned shots with measured references.
        folder: Where the copies go; one that lies there from an earlier run is used again.
        media: The client for http(s).

    Returns:
        Copies by row and source, as `Planner.fixed` takes them, and by source why one could not be made.
    """
    jobs: dict[_Job, list[tuple[int, str]]] = {}
    for shot in shots:
        for reference in shot.request.references:
            if (job := _job(shot, reference)) is not None:
                jobs.setdefault(job, []).append((shot.row.row, reference.source))
    folder.mkdir(parents=True, exist_ok=True)
    fixed: dict[int, dict[str, FixedReference]] = {}
    problems: dict[str, str] = {}
    turn, large = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    async def make(job: _Job, places: Sequence[tuple[int, str]]) -> None:
        async with large if job.is_large else contextlib.nullcontext(), turn:
            try:
                copy = await _copy(job, folder, media)
            except (LongtakeError, OSError, ValueError, *FETCH_ERRORS) as error:
                problems[job.source] = str(error)
                return
        for row, source in places:
            fixed.setdefault(row, {})[source] = copy

    await asyncio.gather(*(make(job, places) for job, places in jobs.items()))
    return fixed, problems


def _job(shot: Shot, reference: Reference) -> _Job | None:
    facts = reference.facts
    if shot.model is None or facts is None or facts.kind != reference.role.kind or reference.source[:6] == "asset:":
        return None
    limits = shot.model.limits.media(facts.kind)
    # How it travels is for hosting; only what it is counts here.
    plain = reference.model_copy(update={"source": "https://media.invalid/file", "url": None})
    found = check_media([plain], facts.kind, limits.model_copy(update={"max_count": 1}))
    broken = any(not each.warning for each in found)
    return _Job(reference.source, facts, limits) if broken else None


async def _copy(job: _Job, folder: Path, media: GuardedClient) -> FixedReference:
    with tempfile.TemporaryDirectory(prefix="longtake-", dir=folder) as place:
        original = Path(place) / "original"
        await fetch_source(job.source, original, media)
        name = await asyncio.to_thread(_name, original, job)
        target, note = folder / f"{name}{job.suffix}", folder / f"{name}.json"
        if not (target.exists() and note.exists()):
            receipt = await _made(job, original, target)
            await asyncio.to_thread(note.write_text, json.dumps(receipt.changes), "utf-8")
    changes = tuple(cast(list[str], json.loads(await asyncio.to_thread(note.read_text, "utf-8"))))
    return FixedReference(target, changes, await in_child(look, str(target), deadline_seconds=DEADLINE_SECONDS))


async def _made(job: _Job, original: Path, target: Path) -> FitReceipt:
    limits = job.limits
    if job.facts.kind == "video":
        bounds: dict[str, Any] = limits.model_dump(include=set(TailLimits.model_fields), exclude_none=True)
        return await in_child(
            make_fit, original, target, TailLimits(**bounds), "start", deadline_seconds=DEADLINE_SECONDS
        )
    function, names = {
        "image": (make_picture_fit, ("max_bytes", "min_side_px", "max_side_px", "min_aspect", "max_aspect")),
        "audio": (make_sound_fit, ("min_seconds", "max_seconds", "max_bytes")),
    }[job.facts.kind]
    bounds = {name: value for name in names if (value := getattr(limits, name)) is not None}
    return await in_child(function, original, target, deadline_seconds=DEADLINE_SECONDS, **bounds)


def _name(original: Path, job: _Job) -> str:
    """A name for the copy by the original's bytes, the limits and how copies are made."""
    with original.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    limits = json.dumps(job.limits.model_dump(), sort_keys=True, default=sorted)
    return hashlib.sha256(f"{_COPIES} {digest} {limits} {job.suffix}".encode()).hexdigest()[:32]
