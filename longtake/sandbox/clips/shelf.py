"""Where rendered clips lie: made when first asked for, once, in worker threads, and gone with the sandbox."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from longtake.sandbox.clips.film import frame_count, last_frame_png, last_frames, render_clip
from longtake.sandbox.clips.marks import aigc_text, c2pa_box
from longtake.sandbox.jobs import Job
from longtake.sandbox.settings import SandboxSettings

_WORKERS = 2


class Shelf:
    """The clips and last frames of every job."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._folder = TemporaryDirectory(prefix="longtake-sandbox-")
        self._locks: dict[Path, threading.Lock] = {}
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="sandbox-clips")

    def close(self) -> None:
        """Forgets everything."""
        self._threads.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def clip(self, job: Job) -> Path:
        """The job's MP4, rendered if it is not there yet; blocks."""
        is_stub = self._settings.media == "stub"
        number = 0 if is_stub else job.number
        order = job.order
        sound = "silent" if not order.audio else "mono" if order.is_mono else "sound"
        depth = "-10" if order.has_ten_bits else ""
        marks = self._settings.marks
        marked = "" if marks == "none" else f"-{marks}-{job.vendor}"
        path = Path(self._folder.name, f"{number}-{job.width}x{job.height}-{job.seconds}s-{sound}{depth}{marked}.mp4")
        with self._locks.setdefault(path, threading.Lock()):
            if not path.exists():
                head = []
                if job.echo_source and not is_stub:
                    head = last_frames(job.echo_source, job.echo_frames, width=job.width, height=job.height)
                unfinished = path.with_suffix(".part")
                render_clip(
                    unfinished,
                    width=job.width,
                    height=job.height,
                    frames=frame_count(job.seconds),
                    job=number,
                    audio=order.audio,
                    mono=order.is_mono,
                    ten_bits=order.has_ten_bits,
                    head_frames=head,
                    prompt="" if is_stub else job.order.prompt,
                    aigc=aigc_text(job.vendor, number) if marks in ("aigc", "both") else "",
                    behind=c2pa_box(number) if marks in ("c2pa", "both") else b"",
                )
                unfinished.replace(path)
        return path

    def last_frame(self, job: Job) -> Path:
        """The last frame of the job's clip as PNG; blocks."""
        clip = self.clip(job)
        path = clip.with_suffix(".png")
        with self._locks.setdefault(path, threading.Lock()):
            if not path.exists():
                path.write_bytes(last_frame_png(clip))
        return path

    async def fetch(self, job: Job, kind: str) -> Path:
        """The job's `video` or `frame`, without holding up the server."""
        make = self.clip if kind == "video" else self.last_frame
        return await asyncio.get_running_loop().run_in_executor(self._threads, make, job)
