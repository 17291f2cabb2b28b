"""Drift: how far the links of a chain have moved from the first one in brightness, colour and sharpness.

Each clip made from the one before it tends to grow darker, more saturated and softer; a person sees it only at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from longtake.media.checking.features import features_of
from longtake.media.checking.looks import Look
from longtake.media.checking.policy import DriftLimits


class LinkDrift(BaseModel, frozen=True):
    """One link measured against the first.

    Attributes:
        link: Its number in the chain, from 0.
        brightness: Change of the mean luma, of 255; positive is brighter.
        contrast_ratio: Spread of the luma, relative to the first's.
        colour: Distance of the mean colour in the blue–red plane (Cb, Cr), of 255.
        saturation_ratio: Mean distance from grey, relative to the first's.
        sharpness_ratio: Finest detail as a share of the contrast, relative to the first's; below 1 is softer.
    """

    link: int
    brightness: float
    contrast_ratio: float
    colour: float
    saturation_ratio: float
    sharpness_ratio: float

    @property
    def score(self) -> float:
        """How far it is in one number: each figure as a share of its usual limit, added up."""
        usual = DriftLimits()
        shares = [abs(self.brightness) / (usual.brightness or 1), self.colour / (usual.colour or 1)]
        for ratio, most in (
            (self.contrast_ratio, usual.contrast_ratio),
            (self.sharpness_ratio, usual.sharpness_ratio),
        ):
            shares.append(abs(math.log(max(ratio, 1e-6))) / math.log(most or math.e))
        return sum(shares)

    def beyond(self, limits: DriftLimits) -> tuple[str, ...]:
        """Which limits it passes, in words; empty if none."""
        breaches: list[str] = []
        if words := limits.too_bright(self.brightness):
            breaches.append(f"{words} than the first link")
        if words := limits.too_coloured(self.colour):
            breaches.append(f"its colour is {words} from the first link's")
        for name, ratio, most in (
            ("contrast", self.contrast_ratio, limits.contrast_ratio),
            ("sharpness", self.sharpness_ratio, limits.sharpness_ratio),
        ):
            if most is not None and not 1 / most <= ratio <= most:
                breaches.append(f"its {name} is {ratio:.2f} times the first link's")
        return tuple(breaches)


def measure_drift(clips: Sequence[Path], notes: Sequence[Path] | None = None) -> list[LinkDrift]:
    """Measures every clip of a chain against the first one.

    Args:
        clips: Local clips in the chain's order.
        notes: Where what is known of each is noted, or goes; a clip with a note is not decoded.

    Returns:
        One entry per clip; the first is the measure and has no drift.

    Raises:
        UnreadableClipError: One of them does not decode.
    """
    known = zip(clips, notes or [None] * len(clips), strict=True)
    looks = [features_of(clip, note).look for clip, note in known]
    return [_compared(number, looks[0], look) for number, look in enumerate(looks)]


def first_beyond(drifts: Sequence[LinkDrift], limits: DriftLimits) -> LinkDrift | None:
    """The first link that passes a limit, where a chain is to be held; None if all keep them."""
    return next((drift for drift in drifts if drift.beyond(limits)), None)


def _compared(number: int, first: Look, look: Look) -> LinkDrift:
    return LinkDrift(
        link=number,
        brightness=round(look.luma - first.luma, 2),
        contrast_ratio=_ratio(look.spread, first.spread),
        colour=round(look.colour_from(first), 2),
        saturation_ratio=_ratio(look.saturation, first.saturation),
        sharpness_ratio=_ratio(look.detail, first.detail),
    )


def _ratio(value: float, measure: float) -> float:
    # Half a step of 255 on both sides keeps flat pictures from dividing by nothing.
    return round((value + 0.5) / (measure + 0.5), 3)
