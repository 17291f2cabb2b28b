"""What becomes of clips' marks in a reel: receipts tell it, results name it, `strict` makes no film that loses one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from longtake.accounts.transport import redact
from longtake.domain.errors import UnfitClipError
from longtake.domain.job import Clip
from longtake.domain.marks import Manifest, Marks, joined_aigc, lost_marks
from longtake.media.checking.policy import Strictness
from longtake.media.reading.marks import read_marks
from longtake.rendering.output.seams import ReelPart


def told(marks: Marks | None) -> dict[str, Any] | None:
    """Marks as a sidecar or receipt has them; a file may say anything, so no secret stays."""
    return marks.rewritten(redact).model_dump(mode="json") if marks is not None else None


def mark_names(clips: Iterable[Clip]) -> str | None:
    """The names of the marks that clips carry, with `|` between; `none` where they have none, None if nobody looked."""
    looked_at = [clip.marks for clip in clips if clip.marks is not None]
    names = dict.fromkeys(name.replace("|", "/") for marks in looked_at for name in marks.names)
    return ("|".join(names) or "none") if looked_at else None


async def demand_marks_kept(
    parts: Sequence[ReelPart], paths: Sequence[Path], check: Strictness, *, signed: bool = False
) -> None:
    """Holds a film that would lose marks of its clips, where the check is strict, before work is spent on it.

    One that is signed has its clips' manifests with it, as far as they can be read: that shows once it is signed.

    Raises:
        UnfitClipError: It would; the clips stay as they are.
    """
    if check != "strict":
        return
    clips = [await asyncio.to_thread(read_marks, path) for path in paths]
    fields = joined_aigc(clips)
    film = Marks(aigc=(fields,) if fields else (), c2pa=Manifest(size_bytes=0) if signed else None)
    demand_none_lost(parts, [lost_marks(marks, film) for marks in clips], check)


def demand_none_lost(parts: Sequence[ReelPart], lost: Sequence[Sequence[str]], check: Strictness) -> None:
    """Holds a film that lost marks of its clips, where the check is strict.

    Args:
        parts: Its clips.
        lost: What it lost of each.
        check: What that means.

    Raises:
        UnfitClipError: It lost some.
    """
    losses = [f"{part.shot_id}: {', '.join(words)}" for part, words in zip(parts, lost, strict=True) if words]
    if losses and check == "strict":
        words = "; ".join(map(redact, losses[:10])) + (f"; and {len(losses) - 10} more" if len(losses) > 10 else "")
        raise UnfitClipError(f"the film is held by the check `marks`, for it would lose marks of its clips: {words}")


def with_marks(clip: Mapping[str, Any], part: ReelPart, marks: Marks, lost: Sequence[str]) -> dict[str, Any]:
    """A clip's part of a receipt, with its marks, what was asked of its watermark among them, and what is lost."""
    asked = part.clip.marks.watermark if part.clip.marks is not None else None
    marks = marks.model_copy(update={"watermark": asked})
    return {**clip, "marks": told(marks), "marks_lost": list(map(redact, lost))}


def lost_in(receipt: Mapping[str, Any]) -> dict[str, str]:
    """By shot, what of its clip's marks a film does not hold, in words."""
    return {
        str(clip.get("shot_id")): f"marks: {', '.join(clip['marks_lost'])} not in the film"
        for clip in receipt.get("clips", [])
        if clip.get("marks_lost")
    }
