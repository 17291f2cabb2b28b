"""The gate's check for hidden cuts: what it finds of planted ones, and how often it is wrong, on encoded clips.

    python -m tests.benchmarks.bench_cuts [--each N] [--scenedetect]

Shots without a cut and shots with one (`tests/media/cut_scenes.py`), each kind N times, in turn as a vendor's good
encoding, a coarse one, and one with grain, of 320×180 px; and clips of the sandbox. With `--scenedetect`, two
detectors of PySceneDetect see the same clips where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from longtake.media.checking.cuts import CutWatch
from longtake.media.checking.inspect import inspect_clip
from longtake.media.checking.policy import GatePolicy
from longtake.media.reading.pictures import all_pictures, grey
from longtake.sandbox.clips.film import render_clip
from tests.media import scenes
from tests.media.cut_scenes import CLEAN, CUTS, cut_place
from tests.media.scenes import Picture

SANDBOX = "sandbox"
POLICY = GatePolicy(cuts="strict")
FIRST = 101
"""The thresholds were set on the shots 1 to 12 of each kind; those that are judged here were never looked at."""


class Case(NamedTuple):
    """One clip, and where its cut is; None where it has none."""

    kind: str
    clip: Path
    cut: int | None


def _grainy(pictures: list[Picture], seed: int) -> list[Picture]:
    random = np.random.default_rng(seed)
    noise = random.normal(0, 5, (len(pictures), *pictures[0].shape[:2], 1))
    return [np.clip(one + more, 0, 255).astype(np.uint8) for one, more in zip(pictures, noise, strict=True)]


def cases(folder: Path, each: int) -> Iterator[Case]:
    """Every clip, one after the other under one name."""
    for kind, shot in (CLEAN | CUTS).items():
        for seed in range(FIRST, FIRST + each):
            pictures, way = shot(seed), seed % 3
            pictures = _grainy(pictures, seed) if way == 2 else pictures
            clip = scenes.write_clip(folder / "clip.mp4", pictures, crf=(18, 32, 23)[way], extra={"bf": "2"})
            yield Case(kind, clip, cut_place(seed) if kind in CUTS else None)
    for seed in range(FIRST, FIRST + each):
        clip = folder / "clip.mp4"
        render_clip(clip, width=864, height=496, frames=49, job=seed, audio=True, prompt=f"{SANDBOX} {seed}")
        yield Case(SANDBOX, clip, None)


def found_by_gate(clip: Path) -> list[int]:
    """Where the gate says that another scene begins."""
    found = [each for each in inspect_clip(clip, policy=POLICY).findings if each.check == "cuts"]
    return [round((each.start_seconds or 0) * 24) for each in found]


def _detectors() -> dict[str, Callable[[Path], list[int]]]:
    import scenedetect

    def by(detector: type) -> Callable[[Path], list[int]]:
        return lambda clip: [
            start.frame_num for start, _ in scenedetect.detect(str(clip), detector(min_scene_len=1))[1:]
        ]

    return {
        "PySceneDetect, ContentDetector": by(scenedetect.ContentDetector),
        "PySceneDetect, AdaptiveDetector": by(scenedetect.AdaptiveDetector),
    }


def main() -> None:
    """Runs what was asked for and prints its tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--scenedetect", action="store_true")
    options = parser.parse_args()
    ways: dict[str, Callable[[Path], list[int]]] = {"Longtake": found_by_gate}
    if options.scenedetect and importlib.util.find_spec("scenedetect"):
        ways |= _detectors()
    kinds: Counter[str] = Counter()
    right: defaultdict[str, Counter[str]] = defaultdict(Counter)
    wrong: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), options.each):
            kinds[case.kind] += 1
            for name, look in ways.items():
                found = look(case.clip)
                right[name][case.kind] += case.cut in found
                wrong[name][case.kind] += any(place != case.cut for place in found)
        _print(kinds, right, wrong)
        _print_cost(Path(folder))


def _print(kinds: Counter[str], right: defaultdict[str, Counter[str]], wrong: defaultdict[str, Counter[str]]) -> None:
    clean, cut = sum(kinds[kind] for kind in (*CLEAN, SANDBOX)), sum(kinds[kind] for kind in CUTS)
    print(f"| | cuts found of {cut} | wrongly told of {clean} clips without one | kinds missed | kinds mistaken |")
    print("|---|---|---|---|---|")
    for name in right:
        missed = {kind: f"{kinds[kind] - right[name][kind]} {kind}" for kind in CUTS if right[name][kind] < kinds[kind]}
        taken = [f"{wrong[name][kind]} {kind}" for kind in (*CLEAN, SANDBOX) if wrong[name][kind]]
        told = sum(wrong[name].values()) - sum(wrong[name][kind] for kind in CUTS)
        print(
            f"| {name} | {sum(right[name][kind] for kind in CUTS)} | {told} | "
            f"{', '.join(missed.values()) or '–'} | {', '.join(taken) or '–'} |"
        )


def _print_cost(folder: Path) -> None:
    clip = scenes.write_clip(folder / "cost.mp4", scenes.pan(121, size=(1280, 720)))
    began = time.process_time()
    small = [grey(frame, 160, 90) for frame in all_pictures(clip)]
    decoded = time.process_time()
    watch = CutWatch()
    for number, picture in enumerate(small):
        watch.see(picture, number / 24)
    watch.finish()
    spent = time.process_time() - decoded
    share = spent / (decoded - began)
    print(f"\n{spent / len(small) * 1000:.2f} ms of the processor a picture, {share:.0%} of decoding it")


if __name__ == "__main__":
    main()
