"""Putting a clip away: what came and passed the gate is published and recorded. What lies there already is taken first.

Bytes that are there are never removed before what replaces them is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from longtake.domain.errors import JobLostError, UnfitClipError, UnreadableClipError
from longtake.domain.job import Clip, Job
from longtake.domain.verdicts import Verdict
from longtake.files.local.process_folder import scratch_folder
from longtake.files.web.fetch import discard, sha256_of
from longtake.ledger.ledger import CLIP_NAME, Ledger, other_clip_key
from longtake.ledger.records import ClipRecord, VerdictRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GateResult:
    """What the gate found in a downloaded file. `faults` are the strict findings in words, `findings` all of them."""

    clip: Clip
    faults: tuple[str, ...] = ()
    findings: tuple[dict[str, object], ...] = field(default=())


CheckClip = Callable[[Path, str], Awaitable[GateResult]]
"""Looks at a downloaded file, given its SHA-256; raises `UnreadableClipError` where it is no sound video."""


def is_at_home(ledger: Ledger, clip: Clip, *, in_full: bool = False) -> bool:
    """Whether a recorded clip's file is there, whole: by hash where the store is local or `in_full`, else by size.

    One that a list showed otherwise than it was recorded is looked at in full, once: that it is right is recorded.
    """
    if ledger.store.size(clip.key) != clip.size_bytes:
        return False
    if ledger.store.local(clip.key) is None and not in_full and clip.key not in ledger.films.changed:
        return True
    if ledger.store.sha256(clip.key) != clip.sha256:
        return False
    ledger.confirm_film(clip)
    return True


async def take_published(job: Job, ledger: Ledger, check: CheckClip) -> Clip | None:
    """The clip that lies in the store and is right, whatever record is missing; it is recorded now.

    Returns:
        None where there is none, or other bytes than were recorded: those are fetched.
    """
    key, store = ledger.clip_key(job.identity), ledger.store
    if not await asyncio.to_thread(ledger.has_film, job.identity):
        return None
    with scratch_folder() as folder:
        try:
            path = await asyncio.to_thread(store.fetch, key, folder / CLIP_NAME)
            sha256 = await asyncio.to_thread(sha256_of, path)
        except FileNotFoundError:
            return None
        recorded = await asyncio.to_thread(_recorded, job, ledger)
        if recorded is not None and recorded.sha256 != sha256:
            return None
        await asyncio.to_thread(store.copies.keep, path, sha256)
        if recorded is not None:
            return recorded
        try:
            checked = await check(path, sha256)
        except (UnreadableClipError, FileNotFoundError):
            return None
    return await asyncio.to_thread(_record, job, ledger, checked.clip.model_copy(update={"key": key}), checked)


def _recorded(job: Job, ledger: Ledger) -> Clip | None:
    purchase = ledger.purchase(job.identity)
    return purchase.clip.clip if purchase.clip else purchase.verdict.clip if purchase.verdict else None


def keep(job: Job, ledger: Ledger, part: Path, checked: GateResult) -> Clip:
    """Publishes a checked part file and records it; blocking.

    Raises:
        UnfitClipError: It is kept and recorded, but did not pass the gate.
        JobLostError: Another clip was recorded before; what lies there stays, and this one is kept beside it.
    """
    key = ledger.clip_key(job.identity)
    clip = checked.clip.model_copy(update={"key": key})
    known = _recorded(job, ledger)
    if known is not None and known.sha256 != clip.sha256:
        beside = other_clip_key(ledger, job.identity, clip.sha256)
        ledger.store.publish(part, beside)
        discard(part)
        raise JobLostError(
            f"the clip's file is not the one that was recorded ({known.sha256[:12]}…), and the vendor now gives other "
            f"bytes; both are kept, {key} and {beside}: put the right one at {key}"
        )
    ledger.note_film(job.identity)
    ledger.store.copies.publish(part, key, clip.sha256)
    discard(part)
    return _record(job, ledger, clip, checked)


def _record(job: Job, ledger: Ledger, clip: Clip, checked: GateResult) -> Clip:
    findings = [dict(finding) for finding in checked.findings]
    if checked.faults:
        words = "; ".join(checked.faults)
        record = VerdictRecord(identity=job.identity, verdict=Verdict.BAD_CLIP, evidence=words, again=True, clip=clip)
        ledger.add_once(record.model_copy(update={"findings": findings}))
        raise UnfitClipError(words)
    stamp = ledger.store.listed_stamp(clip.key)
    ledger.add_once(ClipRecord(identity=job.identity, clip=clip, stamp=stamp, findings=findings))
    log.info("%s: clip %s, %d frames", job.shot_id, clip.sha256[:12], clip.frames)
    return clip
