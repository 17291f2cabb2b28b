"""What the steps of a run spend on a chain's pictures: each looking for itself, and all by the gate's one pass.

    python -m tests.benchmarks.bench_clip_passes [--links N] [--repeats N]

Clips of five seconds, 1280×720, as `bench_stitch` makes them. The steps are gate, poster, drift before each purchase,
echo, drift of the whole chain, and contact sheet, in one process; CPU seconds, the least of the repeats.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from longtake.media.checking.drift import measure_drift
from longtake.media.checking.echo import find_echo
from longtake.media.checking.inspect import inspect_clip
from longtake.media.cutting.frames import contact_sheet, poster
from longtake.media.feature_folder import poster_of
from tests.benchmarks.bench_stitch import make_clips


def apart(clips: list[Path], folder: Path) -> None:
    """Each step decodes what it needs."""
    for clip in clips:
        inspect_clip(clip)
        poster(clip, folder / "poster.jpg")
    for place in range(1, len(clips) - 1):
        measure_drift([clips[0], clips[place]])
    for before, after in pairwise(clips):
        find_echo(before, after)
    measure_drift(clips)
    contact_sheet(clips, folder / "sheet.jpg")


def together(clips: list[Path], folder: Path) -> None:
    """The gate notes what the others need."""
    notes = [folder / f"{clip.stem}.npz" for clip in clips]
    for clip, note in zip(clips, notes, strict=True):
        note.unlink(missing_ok=True)
        inspect_clip(clip, note=note)
        poster(clip, folder / "poster.jpg", ready=poster_of(note))
    for place in range(1, len(clips) - 1):
        measure_drift([clips[0], clips[place]], [notes[0], notes[place]])
    for (before, left), (after, right) in pairwise(zip(clips, notes, strict=True)):
        find_echo(before, after, notes=(left, right))
    measure_drift(clips, notes)
    contact_sheet([poster_of(note) for note in notes], folder / "sheet.jpg")


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--links", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print("| links | each step for itself, CPU s a clip | one pass | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        different = make_clips(folder)
        for links in options.links:
            spent: list[float] = []
            for way in (apart, together):
                least = float("inf")
                for _ in range(options.repeats):
                    began = time.process_time()
                    way(different[:links], folder)
                    least = min(least, time.process_time() - began)
                spent.append(least / links)
            print(f"| {links} | {spent[0]:.2f} | {spent[1]:.2f} | {spent[1] / spent[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
