"""How a shot goes on from the one before it: what part of the clip fits as a reference, and how the vendor reads it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from longtake.accounts.hosting import Hosting
from longtake.accounts.session import AccountSession
from longtake.domain.job import Clip
from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.files.local.process_folder import scratch_folder
from longtake.ledger.ledger import Ledger
from longtake.media.checking.drift import LinkDrift
from longtake.media.checking.policy import DriftLimits
from longtake.media.cutting.frames import last_frame
from longtake.media.cutting.tail import TailLimits, cut_tail
from longtake.media.labelling.identity import SigningIdentity
from longtake.media.labelling.signing import Ingredient, sign_film
from longtake.media.workers import WorkerPool, in_child
from longtake.planning.coming_clip import own_video_seconds, room_for_tail, tail_to_cut
from longtake.rendering.output.seams import drift_of, notes_of
from longtake.vendors.limits import Limits, MediaLimits

LINK_MARGIN_SECONDS = 1800.0
"""A link must outlive the vendor's queue to be worth passing on."""
CUT_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True)
class Parent:
    """The finished shot that another goes on from. `link` is the vendor's own, alive until `link_dies_at`."""

    identity: str
    clip: Clip
    link: str | None = None
    link_dies_at: float = 0.0
    last_frame_link: str | None = None

    @property
    def link_is_alive(self) -> bool:
        """Whether the vendor's link will outlive a queue."""
        return self.link is not None and self.link_dies_at - time.time() > LINK_MARGIN_SECONDS

    @property
    def facts(self) -> MediaFacts:
        """The clip's figures, as a reference."""
        numerator, _, denominator = self.clip.fps.partition("/")
        return MediaFacts(
            kind="video",
            container="mp4",
            size_bytes=self.clip.size_bytes,
            width=self.clip.width,
            height=self.clip.height,
            duration_seconds=self.clip.duration_seconds,
            fps=float(numerator) / float(denominator or 1),
        )


async def continued_from_clip(
    request: ShotRequest,
    parent: Parent,
    *,
    limits: Limits,
    session: AccountSession,
    ledger: Ledger,
    hosting: Hosting,
    wanted_seconds: float | None = None,
    signing: SigningIdentity | None = None,
) -> ShotRequest:
    """The request with the parent's clip (or its fitting tail) as video 1; a tail is signed where somebody signs.

    Raises:
        UnfitClipError: It cannot be made to fit, or there is no way to host it.
        MachineError: The tail could not be signed.
    """
    cut = tail_to_cut(
        parent.clip.duration_seconds, room_for_tail(limits.video, own_video_seconds(request)), wanted_seconds
    )
    facts = parent.facts
    if cut is None and parent.link_is_alive and session.adapter.parent_link_ok:
        link = parent.link or ""
        url = await hosting.given(link, "video", session, limits.video, sha256=parent.clip.sha256)
    else:
        with scratch_folder() as folder:
            path = await _fetched(parent.clip, ledger, folder / "clip.mp4")
            if cut is not None:
                clip, path = path, folder / "tail.mp4"
                await _cut(clip, cut, path, limits.video)
                if signing is not None:
                    path = await _signed(path, clip, signing, limits.video)
                facts = facts.model_copy(update={"duration_seconds": cut, "size_bytes": path.stat().st_size})
            url = await hosting.link(path, "video", session, limits.video)
    video = Reference(role=Role.REFERENCE_VIDEO, source=f"clip:{parent.identity}", url=url, facts=facts)
    return request.model_copy(update={"references": (video, *request.references)})


async def _fetched(clip: Clip, ledger: Ledger, target: Path) -> Path:
    return await asyncio.to_thread(ledger.store.copies.fetch, clip.key, clip.sha256, target)


async def _cut(path: Path, seconds: float, target: Path, limits: MediaLimits) -> None:
    bounds = limits.model_dump(include=set(TailLimits.model_fields), exclude_none=True)
    await in_child(cut_tail, path, seconds, target, TailLimits(**bounds), deadline_seconds=CUT_DEADLINE_SECONDS)


async def _signed(tail: Path, clip: Path, identity: SigningIdentity, limits: MediaLimits) -> Path:
    """The tail with a manifest that names the clip; as it is where the vendor would find the signed one too large."""
    signed, whole = tail.with_name("signed.mp4"), [Ingredient(path=clip, title="the clip that it is the end of")]
    made = await in_child(
        sign_film,
        tail,
        signed,
        whole,
        identity,
        title="the end of a clip",
        action="c2pa.edited",
        deadline_seconds=CUT_DEADLINE_SECONDS,
    )
    return tail if limits.max_bytes is not None and made.size_bytes > limits.max_bytes else signed


async def drift_words(first: Clip, last: Clip, limits: DriftLimits, ledger: Ledger, workers: WorkerPool) -> str:
    """How the last link of a chain passes the limits of drift from the first, "" where it keeps them.

    Raises:
        MediaError: One of the clips cannot be measured.
    """
    return ", ".join((await _drift(first, last, ledger, workers)).beyond(limits))


async def _drift(first: Clip, last: Clip, ledger: Ledger, workers: WorkerPool) -> LinkDrift:
    with scratch_folder() as folder:
        paths = [await _fetched(clip, ledger, folder / f"{place}.mp4") for place, clip in enumerate((first, last))]
        _, drift = await drift_of(paths, await notes_of((first, last), workers), workers)
    return drift


async def drift_score(first: Clip, last: Clip, ledger: Ledger, workers: WorkerPool) -> float:
    """How far a clip is from the first of its chain, in one number: 1 where it passes one limit by itself.

    Raises:
        MediaError: One of the clips cannot be measured.
    """
    return (await _drift(first, last, ledger, workers)).score


async def continued_from_last_frame(
    request: ShotRequest, parent: Parent, *, limits: Limits, session: AccountSession, ledger: Ledger, hosting: Hosting
) -> ShotRequest:
    """The request with the last frame of the parent's clip as its first frame.

    Raises:
        UnfitClipError: There is no way to host the picture.
    """
    facts = MediaFacts(kind="image", container="png", size_bytes=0, width=parent.clip.width, height=parent.clip.height)
    if parent.last_frame_link and parent.link_is_alive:
        url = await hosting.given(parent.last_frame_link, "image", session, limits.image)
    else:
        with scratch_folder() as folder:
            path = await _fetched(parent.clip, ledger, folder / "clip.mp4")
            picture = folder / "last_frame.png"
            await in_child(last_frame, path, picture, deadline_seconds=CUT_DEADLINE_SECONDS)
            facts = facts.model_copy(update={"size_bytes": picture.stat().st_size})
            url = await hosting.link(picture, "image", session, limits.image)
    frame = Reference(role=Role.FIRST_FRAME, source=f"last_frame:{parent.identity}", url=url, facts=facts)
    return request.model_copy(update={"references": (frame, *request.references)})
