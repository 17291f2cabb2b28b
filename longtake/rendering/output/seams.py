"""The seams of a reel: pictures that repeat the clip before, and how far links drift from the first of their chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.domain.errors import UnfitClipError
from longtake.domain.job import Clip
from longtake.media.checking.drift import LinkDrift, measure_drift
from longtake.media.checking.echo import find_echo
from longtake.media.checking.joint import measure_joint
from longtake.media.checking.policy import DriftLimits
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.workers import WorkerPool

SECONDS_PER_CLIP = 30.0
"""Deadline for what looks at clips: so long per clip, two minutes at least."""
SURE = 0.6
"""Below this confidence nothing is trimmed."""


class ReelPart(BaseModel):
    """One clip of a reel.

    Attributes:
        continues: It was made to go on from the clip before it, so it may repeat its end.
        linked: It was made from the clip before it or from its last frame, so it may drift.
        joined_anew: It, or the clip before it, was taken anew while what follows was kept: its joint is measured.
        take: Which of its shot's takes it is, as people choose among them.
        chosen: Who chose it and why, where somebody did.
    """

    model_config = ConfigDict(frozen=True)

    shot_id: str
    clip: Clip
    continues: bool = False
    linked: bool = False
    joined_anew: bool = False
    take: int = 1
    chosen: str = ""


async def notes_of(clips: Sequence[Clip], workers: WorkerPool) -> list[Path] | None:
    """Where the decoders note what they know of each clip; None where they note nothing."""
    if workers.features is None:
        return None
    try:
        return [await asyncio.to_thread(workers.features.note, clip.sha256) for clip in clips]
    except OSError:
        return None


async def drift_of(paths: Sequence[Path], notes: Sequence[Path] | None, workers: WorkerPool) -> list[LinkDrift]:
    """How far each clip of a chain has moved from its first.

    Raises:
        MediaError: One of them cannot be measured.
    """
    deadline = max(120.0, SECONDS_PER_CLIP * len(paths))
    return await workers.call(measure_drift, paths, notes, deadline_seconds=deadline)


@dataclass(frozen=True)
class Seams:
    """What is measured where the clips of a reel meet; each is decoded once at most."""

    parts: Sequence[ReelPart]
    paths: Sequence[Path]
    notes: Sequence[Path] | None
    workers: WorkerPool

    async def joints(self, trims: Sequence[tuple[int, int]], limits: DriftLimits | None) -> list[dict[str, Any]]:
        """The steps at joints that no vendor has seen both sides of.

        Raises:
            UnfitClipError: One of them passes the limits.
        """
        joints: list[dict[str, Any]] = []
        breaches: list[str] = []
        trimmed = list(trims) or [(0, 0)] * len(self.paths)
        for place, part in enumerate(self.parts):
            if place == 0 or not part.joined_anew:
                continue
            step = await self.workers.call(
                measure_joint,
                self.paths[place - 1],
                self.paths[place],
                trimmed_tail=trimmed[place - 1][1],
                trimmed_head=trimmed[place][0],
                deadline_seconds=2 * SECONDS_PER_CLIP,
            )
            joints.append({"shot_id": part.shot_id} | step.model_dump())
            if limits is not None:
                breaches += [f"{part.shot_id}: {words}" for words in step.beyond(limits)]
        if breaches:
            raise UnfitClipError("the film is held by its drift limits: " + "; ".join(breaches))
        return joints

    async def drift(self) -> list[dict[str, Any]]:
        """How far each link of each chain has moved from the chain's first clip."""
        heads = [place for place, part in enumerate(self.parts) if not part.linked]
        drift: list[dict[str, Any]] = []
        for head, end in pairwise([*heads, len(self.paths)]):
            if end - head > 1:
                notes = self.notes[head:end] if self.notes is not None else None
                links = await drift_of(self.paths[head:end], notes, self.workers)
                drift += [{"shot_id": self.parts[head + link.link].shot_id} | link.model_dump() for link in links]
        return drift

    async def without_echoes(self, options: StitchOptions) -> tuple[StitchOptions, list[dict[str, Any]]]:
        """Options that drop the pictures with which a continued clip repeats the end of the one before it."""
        trims = list(options.trims) or [(0, 0)] * len(self.paths)
        echoes: list[dict[str, Any]] = []
        for place, part in enumerate(self.parts):
            if not part.continues or place == 0:
                continue
            before, clip = self.paths[place - 1], self.paths[place]
            notes = (self.notes[place - 1], self.notes[place]) if self.notes is not None else None
            echo = await self.workers.call(find_echo, before, clip, notes=notes, deadline_seconds=120.0)
            trimmed = echo.verdict == "found" and echo.confidence >= SURE
            echoes.append({"shot_id": part.shot_id, "trimmed": trimmed} | echo.model_dump(mode="json"))
            if trimmed and echo.frames < part.clip.frames:
                trims[place] = (max(trims[place][0], echo.frames), trims[place][1])
        if not any(sum(trim) for trim in trims):
            return options, echoes
        return options.model_copy(update={"trims": tuple(trims)}), echoes
