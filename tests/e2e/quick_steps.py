"""A gate that believes file headers and a reel without a film: for runs that test money and records, not pictures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av

from longtake.domain.errors import UnreadableClipError
from longtake.domain.job import Clip
from longtake.jobs.gate import gate
from longtake.jobs.keeping import GateResult
from longtake.rendering.output.reels import MadeReel
from longtake.sandbox.clips import shelf


async def quick_check(path: Path, sha256: str) -> GateResult:
    """Size, length and sound as the header tells them; nothing is decoded."""
    return GateResult(await asyncio.to_thread(_header, path, sha256))


def _header(path: Path, sha256: str) -> Clip:
    try:
        with av.open(str(path)) as film:
            picture = film.streams.video[0]
            return Clip(
                key="",
                sha256=sha256,
                size_bytes=path.stat().st_size,
                width=picture.width,
                height=picture.height,
                frames=picture.frames,
                duration_seconds=float(picture.duration * picture.time_base),
                has_audio=bool(film.streams.audio),
            )
    except (av.error.FFmpegError, IndexError) as error:
        raise UnreadableClipError(str(error)) from None


async def quick_reel(order, store, workers) -> MadeReel:
    """A reel that names its clips and joins nothing."""
    frames = sum(part.clip.frames for part in order.parts)
    return MadeReel(reel=order.reel, key=order.key, frames=frames, made_now=True, receipt={})


async def no_pictures(reel, results, store, workers, *, fresh) -> bool:
    """No posters."""
    return False


_SOUND: dict[tuple[str, str], GateResult] = {}


def kept_gate(wanted, workers):
    """The real gate, which looks once at clips of the same bytes that are held against the same wishes."""
    look = gate(wanted, workers)

    async def check(path: Path, sha256: str) -> GateResult:
        key = (sha256, wanted.model_dump_json())
        if key in _SOUND:
            return _SOUND[key]
        result = await look(path, sha256)
        if sha256 and not result.faults:
            _SOUND[key] = result
        return result

    return check


def alike_clips(monkeypatch) -> None:
    """All clips of a format show the same pictures; what tells jobs apart is a box behind that no player reads."""
    render_clip = shelf.render_clip

    def one_film(path: Path, *, job: int, prompt: str = "", head_frames=(), **order) -> None:
        render_clip(path, job=0, prompt="", **order)
        if job:
            told = f"{job} {prompt}".encode()
            with path.open("ab") as file:
                file.write((8 + len(told)).to_bytes(4, "big") + b"free" + told)

    monkeypatch.setattr(shelf, "render_clip", one_film)


def without_posters(monkeypatch) -> None:
    """Renders of this test make films alone; a clip that an earlier test had is not looked at again."""
    monkeypatch.setattr("tests.plain_render.gate", kept_gate)
    monkeypatch.setattr("longtake.rendering.render.make_pictures", no_pictures)


def without_films(monkeypatch) -> None:
    """Renders of this test join no clips and make no posters, and nothing that the gate notes is used."""
    alike_clips(monkeypatch)
    without_posters(monkeypatch)
    monkeypatch.setattr("tests.plain_render.make_reel", quick_reel)
