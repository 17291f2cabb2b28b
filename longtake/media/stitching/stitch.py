"""Joins clips into a reel: video packets copied where they may be, the sound encoded once, nothing left on failure."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import platform
import shutil
import socket
from collections.abc import Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av

import longtake
from longtake.domain.errors import MediaError, StorageError
from longtake.domain.marks import Marks, lost_marks
from longtake.media.reading.colour import conversion
from longtake.media.reading.marks import read_marks
from longtake.media.reading.packets import read_packets
from longtake.media.reading.probe import open_clip
from longtake.media.stitching.film import Progress, SoundReport, film_clock, has_sound, write_film
from longtake.media.stitching.film_plan import FilmPlan, make_plan
from longtake.media.stitching.receipt import ClipReceipt, FilmFormat, JoinReceipt, StitchOptions, StitchReceipt


def stitch_clips(
    clips: Sequence[str | Path],
    target: str | Path,
    options: StitchOptions | None = None,
    progress: Progress | None = None,
    own: Marks | None = None,
) -> StitchReceipt:
    """Joins clips in order into one MP4 with its index in front.

    The file appears under its name only when it is whole and has been counted; until then it stands beside it under a
    name that ends in `.part`.

    Args:
        clips: Local files.
        target: Where the reel goes; replaced if it exists.
        options: Format, fit, fades, loudness, trims.
        progress: Called with the share done, 0 to 1.
        own: Marks that the film gets beside those of its clips.

    Raises:
        UnreadableClipError: A clip is damaged; the message names it.
        UnfitClipError: The options do not fit the clips.
        StorageError: No room, or the target's folder cannot be written.
    """
    options, target = options or StitchOptions(), Path(target)
    report = progress or _unheard
    plan = replace(make_plan([Path(clip) for clip in clips], options), own=own or Marks())
    _check_room(plan, target)
    with _published(target) as part:
        sound = write_film(plan, part, options, report)
        sound_seconds = _verify(plan, part, with_sound=has_sound(plan, options))
        marks = read_marks(part)
        size_bytes = part.stat().st_size
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    report(1.0)
    return StitchReceipt(
        reel=target.name,
        sha256=sha256,
        size_bytes=size_bytes,
        partial=options.partial,
        missing=options.missing,
        clips=tuple(_clip_receipt(plan, number, marks) for number in range(len(plan.clips))),
        joins=_join_receipts(plan, sound),
        format=_film_format(plan),
        frames_expected=plan.pictures,
        frames_found=plan.pictures,
        picture_seconds=float(plan.pictures / plan.target.format.fps),
        sound_seconds=sound_seconds,
        loudness_before=sound.gain.before if sound and sound.gain else None,
        loudness_after=sound.after if sound else None,
        gain_db=sound.gain.decibels if sound and sound.gain else None,
        limited=bool(sound and sound.gain and sound.gain.must_limit),
        tools=_tools(),
        marks=marks,
    )


def _unheard(_share: float) -> None:
    pass


def _check_room(plan: FilmPlan, target: Path) -> None:
    needed = sum(clip.facts.size_bytes for clip in plan.clips) * 11 // 10 + 2**20
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise StorageError(f"{target.parent}: {error.strerror or error}") from error
    if free < needed:
        raise StorageError(f"{target.parent}: the reel needs about {needed} bytes, {free} are free")


@contextlib.contextmanager
def _published(target: Path) -> Generator[Path]:
    """A name to write under; renamed to the target when the block ends well, removed otherwise."""
    mark = f".{target.name}."
    for stale in target.parent.glob(f"{glob.escape(mark)}*.part"):
        if _is_abandoned(stale):
            stale.unlink(missing_ok=True)
    part = target.with_name(f"{mark}{socket.gethostname()}-{os.getpid()}.part")
    try:
        with part.open("wb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield part
            os.fsync(file.fileno())
            part.replace(target)
    except OSError as error:
        raise StorageError(f"{target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _is_abandoned(part: Path) -> bool:
    """Whether its writer is gone: a lock ends with its process, while a process id may live on as another's."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _verify(plan: FilmPlan, part: Path, *, with_sound: bool) -> float | None:
    """Counts the finished file's packets; returns the length of its sound in seconds."""
    with open_clip(part) as film:
        facts, table = film.facts, read_packets(film, part)
    fps = plan.target.format.fps
    _, step = film_clock(fps)
    wrong = {
        f"{facts.frames} pictures instead of {plan.pictures}": facts.frames != plan.pictures,
        "pictures off the clock": table.times != tuple(range(0, step * facts.frames, step)) or facts.fps != fps,
        "packets that cannot stand together": bool(table.obstacle),
        "no sound track": facts.has_audio != with_sound,
        f"{facts.audio_seconds} s of sound": with_sound
        and abs(facts.audio_seconds - plan.pictures / fps) > Fraction(1, plan.sound_rate_hz),
    }
    for words, applies in wrong.items():
        if applies:
            raise MediaError(f"the finished reel is not as planned: {words}")
    return facts.audio_seconds if with_sound else None


def _clip_receipt(plan: FilmPlan, number: int, film: Marks) -> ClipReceipt:
    clip = plan.clips[number]
    facts, copied = clip.facts, clip.copied[1] - clip.copied[0]
    sound = "none: silence"
    if facts.has_audio:
        sound = f"{facts.audio_codec}, {facts.audio_rate_hz} Hz, {facts.audio_channels} channel(s)"
        sound += f", {facts.audio_seconds:.3f} s" + (", first of several tracks" if facts.audio_tracks > 1 else "")
    return ClipReceipt(
        name=clip.path.name,
        sha256=clip.sha256,
        action="copied" if not clip.why else "partly re-encoded" if copied else "re-encoded",
        why=clip.why or "its packets agree with the reel's",
        frames=facts.frames,
        fps=facts.fps,
        seconds=float(clip.table.end_seconds),
        shown_from_seconds=float(clip.shown_from_seconds - clip.table.start_seconds),
        trimmed_head=clip.head,
        trimmed_tail=clip.tail,
        frames_used=len(clip.picks) - plan.overlap_after(number),
        frames_copied=copied,
        starts_at_seconds=float(plan.starts[number] / plan.target.format.fps),
        sound=sound,
        colour=conversion(facts.colour_meant, plan.target.colour_meant) if clip.why else "",
        marks=clip.marks,
        marks_lost=lost_marks(clip.marks, film),
    )


def _join_receipts(plan: FilmPlan, sound: SoundReport | None) -> tuple[JoinReceipt, ...]:
    clicks = sound.click_ratios if sound else [None] * (len(plan.clips) - 1)
    fps = plan.target.format.fps
    return tuple(
        JoinReceipt(at_seconds=float(start / fps), crossfade_frames=clip.overlap, click_ratio=click)
        for start, clip, click in zip(plan.starts[1:], plan.clips[1:], clicks, strict=True)
    )


def _film_format(plan: FilmPlan) -> FilmFormat:
    target = plan.target
    width, height = target.format.size
    return FilmFormat(
        width=width,
        height=height,
        fps=target.format.fps,
        sample_aspect=target.format.sample_aspect,
        pixel_format=target.pixel_format,
        video_codec=target.codec,
        sound_rate_hz=plan.sound_rate_hz,
        chosen=target.chosen,
        colour=str(target.colour_meant),
    )


def _tools() -> dict[str, str]:
    libraries = {name: ".".join(str(part) for part in version) for name, version in av.library_versions.items()}
    return {"longtake": longtake.__version__, "pyav": av.__version__, "python": platform.python_version(), **libraries}
