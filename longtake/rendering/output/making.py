"""The ways in which a film is made: one clip as it is, one clip signed, clips joined; and how it is published."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from longtake.files.json_files import read_json, write_json
from longtake.files.local.process_folder import scratch_folder
from longtake.files.published import COMING, bytes_hash, keep_aside, kept_words, published_hashes, sidecar_key
from longtake.files.store import Store
from longtake.media.labelling.copying import copy_to_sign
from longtake.media.labelling.identity import SigningIdentity
from longtake.media.labelling.signing import Signature
from longtake.media.reading.marks import read_marks
from longtake.media.stitching.film import Progress
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from longtake.media.workers import WorkerPool
from longtake.rendering.output.labels import FilmLabel, sign, since_signed, told_signature, with_lost
from longtake.rendering.output.marks import demand_marks_kept, demand_none_lost, told, with_marks
from longtake.rendering.output.reel_order import ReelOrder
from longtake.rendering.output.seams import Seams, notes_of

SECONDS_PER_CLIP = 30.0
"""Deadline for a stitch: so long per clip, two minutes at least."""
COPY_SECONDS = 120.0

Made = tuple[dict[str, Any], str]
"""A film's receipt, and what is told of a person's film that stood in its place."""


@dataclass(frozen=True)
class Making:
    """One film in the making. `part` is where this process works; `signing` is who signs, where the order asks it."""

    order: ReelOrder
    store: Store
    workers: WorkerPool
    part: Path
    progress: Progress | None = None
    signing: SigningIdentity | None = None

    async def film(self) -> Made:
        """Makes and publishes the film."""
        order = self.order
        if len(order.parts) > 1 or order.options != StitchOptions():
            return await self._joined()
        return await self._linked() if order.label is None else await self._signed(order.label)

    async def _linked(self) -> Made:
        """A reel of one clip is that clip, bit for bit."""
        order, clip = self.order, self.order.parts[0].clip
        kept = await asyncio.to_thread(self._make_way, clip.sha256)
        await asyncio.to_thread(self.store.link, clip.key, order.key)
        told_of = {"shot_id": order.parts[0].shot_id, "sha256": clip.sha256, "frames": clip.frames}
        return {
            "how": "the only clip, untouched",
            "frames": clip.frames,
            "sha256": clip.sha256,
            "size_bytes": clip.size_bytes,
            "marks": (marks := told(clip.marks)),
            "clips": [{**told_of, "marks": marks}],
        }, kept

    async def _signed(self, label: FilmLabel) -> Made:
        """A reel of one clip that is signed has its packets as they are."""
        part, clip = self.order.parts[0], self.order.parts[0].clip
        own = label.marks(self.order.recipe())
        with scratch_folder() as folder, self._working_film() as film:
            path = await self._fetched(0, folder)
            call = self.workers.call
            unwritten = await call(copy_to_sign, path, film, own, deadline_seconds=COPY_SECONDS)
            signature = await self._sign(film, [path], label)
            before, marks = [await asyncio.to_thread(read_marks, each) for each in (path, film)]
            lost = with_lost(before, marks, signature.ingredients[0])
            demand_none_lost([part], [lost], self.order.marks)
            kept = await self._publish(film, signature.sha256)
        told_of = {"shot_id": part.shot_id, "sha256": clip.sha256, "frames": clip.frames}
        return {
            "how": "the only clip, its sound and pictures untouched, signed",
            "frames": clip.frames,
            "sha256": signature.sha256,
            "size_bytes": signature.size_bytes,
            "marks": told(marks),
            "clips": [with_marks(told_of, part, before, lost)],
            "signature": told_signature(signature, unwritten),
        }, kept

    async def _joined(self) -> Made:
        """Clips joined in order."""
        order, workers = self.order, self.workers
        deadline = max(120.0, SECONDS_PER_CLIP * len(order.parts))
        signature = None
        with scratch_folder() as folder, self._working_film() as film:
            paths = [await self._fetched(place, folder) for place in range(len(order.parts))]
            await demand_marks_kept(order.parts, paths, order.marks, signed=order.label is not None)
            notes = await notes_of([each.clip for each in order.parts], workers)
            seams = Seams(order.parts, paths, notes, workers)
            options, echoes = await seams.without_echoes(order.options)
            joints = await seams.joints(options.trims, order.joint_limits)
            drift = await seams.drift()
            own = order.label.marks(order.recipe()) if order.label else None
            made = await workers.call(
                stitch_clips, paths, film, options, own=own, deadline_seconds=deadline, progress=self.progress
            )
            if order.label is not None:
                signature = await self._sign(film, paths, order.label)
                made = await asyncio.to_thread(since_signed, made, film, signature)
            demand_none_lost(order.parts, [clip.marks_lost for clip in made.clips], order.marks)
            size_bytes = film.stat().st_size
            kept = await self._publish(film, made.sha256)
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
            **({"signature": told_signature(signature)} if signature else {}),
        }
        return receipt, kept

    async def _fetched(self, place: int, folder: Path) -> Path:
        clip = self.order.parts[place].clip
        return await asyncio.to_thread(self.store.copies.fetch, clip.key, clip.sha256, folder / f"{place:05}.mp4")

    async def _sign(self, film: Path, paths: list[Path], label: FilmLabel) -> Signature:
        title = Path(self.order.key).name
        return await sign(
            film, list(zip(self.order.parts, paths, strict=True)), label, self.signing, self.workers, title=title
        )

    async def _publish(self, film: Path, sha256: str) -> str:
        kept = await asyncio.to_thread(self._make_way, sha256)
        await asyncio.to_thread(self.store.publish, film, self.order.key)
        return kept

    def _make_way(self, sha256: str) -> str:
        """Keeps a person's film that stands where the reel goes, and says so; notes which bytes come. Blocking."""
        store, key = self.store, self.order.key
        beside = read_json(store, sidecar_key(key)) or {}
        kept, stands = None, bytes_hash(store, key)
        if stands is not None and stands != sha256 and stands not in published_hashes(beside):
            kept = keep_aside(store, key)
        write_json(store, sidecar_key(key), beside | {COMING: sha256})
        return kept_words(key, kept) if kept else ""

    @contextmanager
    def _working_film(self) -> Generator[Path]:
        """Where a film is made before it is published; nothing of it stays."""
        film = self.part.with_suffix(".film.part")
        try:
            yield film
        finally:
            of_killed_child = film.parent.glob(f".{escape(film.name)}.*.part")
            for left in (film, *of_killed_child):
                left.unlink(missing_ok=True)
