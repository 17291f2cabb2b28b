"""Colours: the largest difference of twelve colours in every coding and every way, of 255; and what conversion costs.

python -m tests.benchmarks.bench_colours
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from tests.media.colour_table import CODINGS, FRAMES, WAYS, Coding, difference, make_clip

COLUMNS = {
    "copied": ("copied",),
    "other size, rate, bars, crop": ("another size", "another rate", "padded", "cropped"),
    "head or end trimmed, crossfade": ("head trimmed", "end trimmed", "crossfade"),
    "smaller clip beside it": ("smaller clip beside it",),
    "third in a film of BT.709": ("in a film of BT.709",),
    "tail, fitted copy": ("tail", "fitted copy"),
    "last frame": ("last frame",),
    "poster, sheet (JPEG)": ("poster", "contact sheet"),
}
HD = (1280, 720)
REPEATS = 3


def print_differences(folder: Path) -> None:
    """One line per coding; a cell is the worst of its ways."""
    assert {way for ways in COLUMNS.values() for way in ways} == set(WAYS)
    print("| coding | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for name, coding in CODINGS.items():
        clip = make_clip(folder / "clip.mp4", coding)
        worst = [max(difference(coding, clip, way, folder) for way in ways) for ways in COLUMNS.values()]
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in worst) + " |", flush=True)


def print_costs(folder: Path) -> None:
    """Milliseconds of the processor per picture of 1280 × 720, encoding included."""
    plain = make_clip(folder / "plain.mp4", CODINGS["BT.709"], size=HD)
    print("\n| one picture of 1280 × 720 | CPU ms |\n|---|---|")
    print(f"| copied | {_cost([plain] * 4, folder):.2f} |")
    for name, coding in {
        "encoded anew, its colours kept": Coding((1, 1, 1, 1), size=(960, 544)),
        "encoded anew, from BT.601": Coding((1, 6, 6, 6), size=(960, 544)),
        "encoded anew, tone-mapped from HLG": Coding((1, 9, 9, 18), "yuv420p10le", size=(960, 544)),
    }.items():
        other = make_clip(folder / "other.mp4", coding)
        both, alone = _cost([plain, plain, other], folder) * 3, _cost([plain, plain], folder) * 2
        print(f"| {name} | {both - alone:.1f} |", flush=True)


def _cost(clips: Sequence[Path], folder: Path) -> float:
    """The least of several, per picture."""
    found: list[float] = []
    for _ in range(REPEATS):
        begin = time.process_time()
        stitch_clips(clips, folder / "film.mp4", StitchOptions(silent_film="no-track"))
        found.append(time.process_time() - begin)
    return min(found) / (len(clips) * FRAMES) * 1000


def main() -> None:
    """Prints both tables."""
    with tempfile.TemporaryDirectory() as scratch:
        print_differences(Path(scratch))
        print_costs(Path(scratch))


if __name__ == "__main__":
    main()
