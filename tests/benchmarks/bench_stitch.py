"""Our stitch beside the ffmpeg concat demuxer, the concat filter and MoviePy: cost, and whether the film is right.

    python -m tests.benchmarks.bench_stitch [--counts 2 20 200] [--methods ...] [--folder DIR]

Clips of 121 pictures, 1280×720, about 5 MB; eight different ones, used over and over. Each method runs in a process of
its own; CPU is user and system time of that process and its children.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from longtake.sandbox.clips import framecode
from tests.media.film_reading import beep_offset_seconds
from tests.media.nasty_clips import Recipe, make

DIFFERENT, FRAMES, BEEP_FRAME = 8, 121, 12
METHODS = ("longtake", "demuxer-copy", "demuxer-aac", "concat-filter", "moviepy")
FILTER_MAX, MOVIEPY_MAX = 20, 20


class Cost(NamedTuple):
    """What one run took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    exit_code: int


def make_clips(folder: Path) -> list[Path]:
    """Eight clips, made once per folder."""
    paths = []
    for number in range(DIFFERENT):
        path = folder / f"clip{number}.mp4"
        if not path.exists():
            recipe = Recipe(
                "bench",
                number,
                1280,
                720,
                frames=FRAMES,
                crf=24,
                grain=5,
                ambience=0.02,
                extra={"preset": "ultrafast", "bf": "2"},
            )
            make(recipe, path)
        paths.append(path)
    return paths


def ffmpeg() -> str | None:
    """imageio-ffmpeg's binary, else the one on PATH."""
    if importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    return shutil.which("ffmpeg")


def reason_to_skip(method: str, count: int) -> str:
    """Why a method is not run, "" if it is."""
    if method.startswith(("demuxer", "concat")) and not ffmpeg():
        return "no ffmpeg: neither imageio-ffmpeg nor one on PATH"
    if method == "concat-filter" and count > FILTER_MAX:
        return "opens every clip at once: 2.7 GB at 200"
    if method == "moviepy" and not importlib.util.find_spec("moviepy"):
        return "moviepy is not installed"
    if method == "moviepy" and count > MOVIEPY_MAX:
        return "142 MB for every clip"
    return ""


def command(method: str, clips: list[Path], target: Path, folder: Path) -> list[str]:
    """The command line of one run."""
    listed = folder / "list.txt"
    listed.write_text("".join(f"file '{clip}'\n" for clip in clips))
    if method in ("longtake", "moviepy"):
        return [sys.executable, "-m", "tests.benchmarks.bench_stitch", "--one", method, str(listed), str(target)]
    quiet = [str(ffmpeg()), "-nostdin", "-y", "-loglevel", "error"]
    joined = [*quiet, "-f", "concat", "-safe", "0", "-i", str(listed)]
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-c:a", "aac", "-b:a", "192k"]
    if method == "demuxer-copy":
        return [*joined, "-c", "copy", "-movflags", "+faststart", str(target)]
    if method == "demuxer-aac":
        return [*joined, "-c:v", "copy", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart", str(target)]
    inputs = [part for clip in clips for part in ("-i", str(clip))]
    graph = "".join(f"[{n}:v][{n}:a]" for n in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=1[v][a]"
    return [*quiet, *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "[a]", *encode, str(target)]


def run_one(method: str, clips: list[Path], target: Path) -> None:
    """Inside the measured process."""
    if method == "longtake":
        from longtake.media.stitching.stitch import stitch_clips

        stitch_clips(clips, target)
        return
    import moviepy

    parts = [moviepy.VideoFileClip(str(clip)) for clip in clips]
    film = moviepy.concatenate_videoclips(parts, method="chain")
    film.write_videofile(str(target), preset="veryfast", logger=None, audio_codec="aac")


_LAUNCHER = """
import json, os, subprocess, sys, time
begin = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(child.pid, 0)
cpu = usage.ru_utime + usage.ru_stime
print(json.dumps([time.monotonic() - begin, cpu, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))
"""


def measure(arguments: list[str]) -> Cost:
    """Runs a command; its resources as the system counted them.

    Started by a small process: the system counts a parent's memory at the fork as the child's peak.
    """
    launched = subprocess.run([sys.executable, "-c", _LAUNCHER, *arguments], capture_output=True, text=True, check=True)
    cost = Cost(*json.loads(launched.stdout))
    if cost.exit_code:
        print(launched.stderr[-1000:], file=sys.stderr)
    return cost


def verdicts(film: Path, count: int) -> tuple[str, str]:
    """Reads the code of every picture, and finds the beep of the first and the last clip beside its picture."""
    expected = [(number % DIFFERENT, frame) for number in range(count) for frame in range(FRAMES)]
    wrong, flashes = 0, {}
    seen = 0
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            plane = frame.planes[0]
            code = framecode.read(np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width])
            wrong += seen >= len(expected) or code != expected[seen]
            if code and code.frame == BEEP_FRAME:
                flashes[code.job] = [*flashes.get(code.job, []), frame.time]
            seen += 1
    pictures = "right" if seen == len(expected) and not wrong else f"{seen} of {len(expected)}, {wrong} wrong"
    return pictures, _sound_verdict(film, [flashes[0][0], flashes[(count - 1) % DIFFERENT][-1]])


def _sound_verdict(film: Path, flashes: list[float]) -> str:
    offsets = []
    for by_stamps in (True, False):
        sound, rate_hz = _sound(film, by_stamps)
        offsets += [_beep_offset_ms(sound, rate_hz, flash) for flash in flashes]
    words = " / ".join(f"{offset:+.1f}" for offset in offsets)
    return f"{'right' if all(abs(offset) < 2 for offset in offsets) else 'WRONG'} ({words})"


def _beep_offset_ms(sound: np.ndarray, rate_hz: int, at_seconds: float) -> float:
    """How much later than the flash the nearest beep comes: first roughly by its level, then by correlation.

    Beyond half a clip's length it is the next clip's beep that is nearest.
    """
    loud = np.flatnonzero(np.abs(sound[0]) > 0.4) / rate_hz
    if not loud.size:
        return float("nan")
    starts = loud[np.diff(loud, prepend=-1) > 1]
    rough = starts[np.abs(starts - at_seconds).argmin()]
    return (rough + beep_offset_seconds(sound, rate_hz, rough) - at_seconds) * 1000


def _sound(film: Path, by_stamps: bool) -> tuple[np.ndarray, int]:
    """The first channel, its pieces where their time stamps say, or one straight after the other."""
    blocks: list[tuple[int, np.ndarray]] = []
    end = 0
    with av.open(str(film)) as container:
        stream = container.streams.audio[0]
        rate_hz = stream.codec_context.sample_rate
        for frame in container.decode(stream):
            stamp = Fraction(frame.pts) * Fraction(frame.time_base.numerator, frame.time_base.denominator)
            start = max(round(stamp * rate_hz), 0) if by_stamps or not blocks else end
            blocks.append((start, frame.to_ndarray()[:1]))
            end = max(end, start + frame.samples)
    sound = np.zeros((1, end), np.float32)
    for start, block in blocks:
        sound[:, start : start + block.shape[1]] = block
    return sound, rate_hz


def main() -> None:
    """Runs what was asked for and prints one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 20])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "LIST", "TARGET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        method, listed, target = options.one
        clips = [Path(line[6:-1]) for line in Path(listed).read_text().splitlines()]
        run_one(method, clips, Path(target))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        _table(make_clips(folder), options.counts, options.methods, folder)


def _table(different: list[Path], counts: list[int], methods: list[str], folder: Path) -> None:
    size_mb = sum(path.stat().st_size for path in different) / len(different) / 1e6
    print(f"clips of {size_mb:.1f} MB; sound: ms late at the first and last clip by time stamps, then back to back\n")
    print("| method | n | wall s | CPU s | × demuxer-copy | peak MB | film MB | pictures | sound |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for count in counts:
        clips = [different[number % DIFFERENT] for number in range(count)]
        base = None
        for method in sorted(methods, key=lambda name: name != "demuxer-copy"):
            if reason := reason_to_skip(method, count):
                print(f"| {method} | {count} | not run: {reason} |")
                continue
            film = folder / "film.mp4"
            film.unlink(missing_ok=True)
            cost = measure(command(method, clips, film, folder))
            if cost.exit_code or not film.exists():
                print(f"| {method} | {count} | failed with exit code {cost.exit_code} |")
                continue
            base = cost.cpu_seconds if method == "demuxer-copy" else base
            ratio = f"{cost.cpu_seconds / base:.1f}" if base else "–"
            figures = f"{cost.wall_seconds:.1f} | {cost.cpu_seconds:.1f} | {ratio} | {cost.peak_mb:.0f}"
            film_mb = film.stat().st_size / 1e6
            found = " | ".join(verdicts(film, count))
            print(f"| {method} | {count} | {figures} | {film_mb:.0f} | {found} |", flush=True)


if __name__ == "__main__":
    main()
