"""Echo: does a clip begin by repeating the last pictures of the clip it continues, and how many of them?

Measured on small grey pictures, never assumed: where the scene does not move enough to tell, the answer is "none", and
where more than one answer fits, "ambiguous". Nothing is trimmed on either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from pydantic import BaseModel

from longtake.media.checking.features import HEIGHT, REACH, WIDTH, features_of
from longtake.media.reading.pictures import all_pictures, grey, last_pictures
from longtake.media.reading.probe import probe_clip

Pictures = NDArray[np.float32]
"""Shape (pictures, pixels)."""
Costs = NDArray[np.float32]
"""Mean squared differences, shape (pictures of the earlier clip, pictures of the later one)."""

TILE = 6
SPREAD = 40.0
"""Every picture is stretched to this spread, so that a shift of brightness or contrast costs nothing."""
FLATTEST = 2.5
"""A picture of less spread (black, white, fog) does not tell where it belongs."""
ALIKE = 0.12 * SPREAD**2
"""Cost up to which two pictures show the same scene: a correlation of 0.94."""
MOTION = 0.4
"""Least cost of being one picture off that counts as motion."""
CLEAR = 0.12
"""The same as a share of the cost that is left at the best alignment."""
OFF_CENTRE = 0.42
"""How far, in pictures, the best alignment may lie from a whole number: re-compressed pictures lag behind."""
WINS = 0.6
"""Share of the moving pictures that must fit their partner better than its neighbours."""


class Echo(BaseModel, frozen=True):
    """What was found at the seam of two clips.

    Attributes:
        frames: How many pictures at the start of the later clip repeat the end of the earlier one; 0 unless found.
        confidence: 0–1, of the answer given; 0 where the pictures can not tell.
        reason: Why, in words for the receipt.
        verdict: "found" (trim), "none", or "ambiguous" (several lengths fit; trim nothing).
    """

    frames: int
    confidence: float
    reason: str
    verdict: Literal["found", "none", "ambiguous"]


class _Fit(NamedTuple):
    """One length of echo that explains what is seen: what is left unexplained, and what being one picture off costs."""

    frames: int
    cost: float
    motion: float
    wins: float


def find_echo(previous: Path, clip: Path, max_frames: int = 120, *, notes: tuple[Path, Path] | None = None) -> Echo:
    """Looks for the last pictures of `previous` at the start of `clip`, to the picture.

    Finds repetitions that are exact, re-compressed, or shifted in brightness or contrast, in clips of any size that
    have the same frame rate.

    Args:
        previous: The earlier clip.
        clip: The clip that continues it.
        max_frames: The longest echo looked for.
        notes: Where what is known of the two is noted, or goes; a clip with a note is not decoded.

    Raises:
        UnreadableClipError: One of the clips does not decode.
    """
    rates = probe_clip(previous).fps, probe_clip(clip).fps
    if abs(rates[0] / rates[1] - 1) > 0.01:
        return _nothing(f"frame rates differ: {float(rates[0]):.3f} and {float(rates[1]):.3f}")
    # Twice the longest echo, to see whether the motion repeats itself.
    reach = 2 * max_frames + 8
    if notes is not None and reach <= REACH:
        before = _standard(features_of(previous, notes[0]).thumbnails[-reach:])
        after = _standard(features_of(clip, notes[1]).thumbnails[:reach])
    else:
        before = _standard(deque(_thumbnails(last_pictures(previous, reach)), maxlen=reach))
        after = _standard(islice(_thumbnails(all_pictures(clip)), reach))
    if min(len(before), len(after)) < 4:
        return _nothing("too few pictures to compare")
    if not before[-1].any() or not after[0].any():
        return _nothing("the pictures at the seam are flat")
    weights = _motion_map(before[-max_frames - 1 :], after[: max_frames + 1])
    if weights is None:
        return _nothing("nothing moves at the seam")
    across, scene = _costs(before, after, weights), _costs(before, after, np.ones_like(weights))
    lengths = range(2, min(across.shape) + 1)
    fits = [fit for length in lengths if (fit := _fit(across, scene, length)) is not None]
    single = _fit_single(before, after, weights, scene)
    if single is not None:
        fits.append(single)
    if not fits:
        return _no_fit(before, after, weights, across)
    best = min(fits, key=lambda fit: fit.cost)
    rivals = [fit for fit in fits if fit != best and fit.cost < best.cost + best.motion / 2]
    own = _costs(before, before, weights), _costs(after, after, weights)
    return _answer(best, rivals, any(_repeats(costs, best) for costs in own), max_frames)


def _nothing(reason: str, confidence: float = 0.0) -> Echo:
    return Echo(frames=0, confidence=confidence, reason=reason, verdict="none")


def _thumbnails(pictures: Iterator[VideoFrame]) -> Iterator[NDArray[np.uint8]]:
    return (grey(picture, WIDTH, HEIGHT) for picture in pictures)


def _standard(thumbnails: Iterable[NDArray[np.uint8]]) -> Pictures:
    """Pictures of equal mean (0) and spread; flat ones become all zero."""
    pictures = np.array(list(thumbnails), np.float32).reshape(-1, WIDTH * HEIGHT)
    pictures -= pictures.mean(axis=1, keepdims=True)
    spread = pictures.std(axis=1, keepdims=True)
    return np.where(spread < FLATTEST, np.float32(0), pictures * SPREAD / np.maximum(spread, FLATTEST))


def _motion_map(before: Pictures, after: Pictures) -> NDArray[np.float32] | None:
    """A weight for every pixel, mean 1, by how much moves around it; None where nothing does."""
    energy = (np.diff(before, axis=0) ** 2).mean(axis=0) + (np.diff(after, axis=0) ** 2).mean(axis=0)
    tiles = energy.reshape(HEIGHT // TILE, TILE, WIDTH // TILE, TILE).mean(axis=(1, 3))
    if tiles.mean() <= 0:
        return None
    return np.kron(tiles / tiles.mean(), np.ones((TILE, TILE), np.float32)).ravel()


def _costs(left: Pictures, right: Pictures, weights: NDArray[np.float32]) -> Costs:
    scale = np.sqrt(weights / weights.size)
    left, right = left * scale, right * scale
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.maximum(squares - 2 * left @ right.T, 0)


def _fit(across: Costs, scene: Costs, length: int) -> _Fit | None:
    """Whether the first `length` pictures of the later clip are the last ones of the earlier, each for each.

    Being off by s pictures costs about motion · s², so the costs of being one early, right and one late tell where
    the true alignment lies, even where re-compression costs more than the motion does.
    """
    theirs = np.arange(length)
    ours = len(across) - length + theirs
    if scene[ours, theirs].mean() > ALIKE:
        return None
    cost = across[ours, theirs]
    first = 1 if length == len(across) else 0
    late = across[ours[first:] - 1, theirs[first:]] - cost[first:]
    early = across[ours[:-1] + 1, theirs[:-1]] - cost[:-1]
    motion = float(late.mean() + early.mean()) / 2
    if motion < MOTION or motion < CLEAR * cost.mean():
        return None
    if abs(late.mean() - early.mean()) / (4 * motion) > OFF_CENTRE:
        return None
    margins = np.full((2, length), np.nan)
    margins[0, first:], margins[1, :-1] = late, early
    telling = np.nanmax(np.abs(margins), axis=0) > motion / 4
    won = np.nanmin(margins, axis=0) > 0
    wins = float(won[telling].mean()) if telling.any() else 0.0
    return _Fit(length, float(cost.mean()), motion, wins) if wins >= WINS else None


def _fit_single(before: Pictures, after: Pictures, weights: NDArray[np.float32], scene: Costs) -> _Fit | None:
    """Whether only the first picture is a repetition: image-to-video often starts with the very picture it was given.

    One pair has no neighbours on the far side, so each clip's own next step is the measure of motion.
    """

    def product(left: Pictures, right: Pictures) -> float:
        return float((weights * left * right).mean())

    def cost(left: Pictures, right: Pictures) -> float:
        return product(left - right, left - right)

    seam = cost(before[-1], after[0])
    steps = cost(before[-2], before[-1]), cost(after[0], after[1])
    double_steps = cost(before[-3], before[-1]), cost(after[0], after[2])
    motion = min(steps)
    if scene[-1, 0] > ALIKE or motion < max(MOTION, CLEAR * seam):
        return None
    rise = (min(cost(before[-2], after[0]), cost(before[-1], after[1])) - seam) / motion
    if not 0.4 < rise < 1.4:
        return None
    if seam >= 0.6 * motion:
        # Re-compression hides the step. In smooth motion the difference would still point along it if there were one.
        smooth = all(double > 2.6 * step for double, step in zip(double_steps, steps, strict=True))
        directions = (before[-1] - before[-3]) / 2, (after[2] - after[0]) / 2
        along = [product(after[0] - before[-1], way) / product(way, way) for way in directions]
        if not smooth or seam > 3 * motion or max(map(abs, along)) > 0.2:
            return None
    return _Fit(1, seam, motion, 1.0)


def _repeats(own: Costs, fit: _Fit) -> bool:
    """Whether a clip's own motion returns after as many pictures as the echo is long, about as exactly."""
    lag, count = fit.frames, len(own)
    if lag < 2 or count < lag + 5:
        return False
    earlier, same, later = (float(np.diagonal(own, lag + shift).mean()) for shift in (-1, 0, 1))
    return same < fit.cost + fit.motion / 2 and same < min(earlier, later) - fit.motion / 4


def _no_fit(before: Pictures, after: Pictures, weights: NDArray[np.float32], across: Costs) -> Echo:
    steps = [float((weights * np.diff(clip[-9:], axis=0) ** 2).mean()) for clip in (before, after[:9])]
    left = float(across[-len(after) :, : len(before)].min())
    if min(steps) < max(MOTION, CLEAR * left):
        return _nothing("too little moves at the seam to tell")
    return _nothing("no number of repeated pictures fits", confidence=0.95)


def _answer(best: _Fit, rivals: list[_Fit], periodic: bool, max_frames: int) -> Echo:
    clearness = min(best.motion / MOTION, best.motion / max(CLEAR * best.cost, 1e-9))
    confidence = round(best.wins * (1 - 0.5 / clearness), 3)
    measure = f"difference {best.cost:.1f} aligned, {best.cost + best.motion:.1f} one picture off"
    if rivals or periodic or best.frames > max_frames:
        lengths = sorted({best.frames, *(fit.frames for fit in rivals)})
        reason = f"repetitions of {', '.join(map(str, lengths))} pictures fit ({measure})"
        if periodic:
            reason += f"; the motion itself repeats every {best.frames}"
        if not rivals and not periodic:
            reason += f"; more than the {max_frames} looked for"
        return Echo(frames=0, confidence=round(confidence / (1 + len(lengths)), 3), reason=reason, verdict="ambiguous")
    return Echo(
        frames=best.frames,
        confidence=confidence,
        reason=f"its first {best.frames} picture(s) repeat the last of the clip before ({measure})",
        verdict="found",
    )
