"""What a person may set of the checks: what each one's findings mean, and how far a chain may drift.

Apart from the checks themselves, so that a form or `--help` opens no decoder.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, Field

Check = Literal["decodable", "duration", "size", "frame_rate", "sound", "black", "frozen", "cuts", "silent", "clipped"]
"""What is looked for in each clip."""
CHECKS: tuple[str, ...] = (*get_args(Check), "marks")
"""Those of films too."""
Strictness = Literal["strict", "warn", "off"]
Graded = Literal["strict", "far", "warn", "off"]
"""`far` fails what is far from what was asked for, and notes small deviations."""


class GatePolicy(BaseModel, frozen=True, extra="forbid"):
    """What each check's findings mean: "strict" fails the clip, "warn" notes them, "off" does not look.

    By default a clip fails if it does not decode to its end, or is "far" from the length or size that was ordered, half
    of it missing for example; small deviations are noted. The other findings may be what the prompt asked for;
    a prompt that asks for a cut turns `cuts` off.
    `marks` looks at films, not at clips: "strict" makes no film that loses what its clips' files say of how they were
    made; the clips stay.
    Stretches shorter than the `…_seconds` are not reported.
    """

    decodable: Strictness = "strict"
    duration: Graded = "far"
    size: Graded = "far"
    frame_rate: Strictness = "warn"
    sound: Strictness = "warn"
    black: Strictness = "warn"
    frozen: Strictness = "warn"
    cuts: Strictness = "warn"
    silent: Strictness = "warn"
    clipped: Strictness = "warn"
    marks: Strictness = "warn"
    black_seconds: float = 0.25
    frozen_seconds: float = 1.0
    silent_seconds: float = 1.0
    silent_below_db: float = -60.0
    clipped_seconds: float = 0.1
    clipped_share: float = 0.02


class DriftLimits(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How far a link may move from the first; None: any distance. The units are those of `LinkDrift`."""

    brightness: float | None = Field(default=25.0, ge=0)
    """Change of the mean luma, of 255."""
    contrast_ratio: float | None = Field(default=1.6, ge=1)
    """Contrast grown or shrunk by this factor."""
    colour: float | None = Field(default=15.0, ge=0)
    """Distance of the mean colour, of 255."""
    sharpness_ratio: float | None = Field(default=2.0, ge=1)
    """Sharpness grown or shrunk by this factor."""

    def too_bright(self, change: float) -> str:
        """A change of the mean luma that passes the limit, in words; "" where it keeps it."""
        if self.brightness is None or abs(change) <= self.brightness:
            return ""
        return f"{abs(change):.0f} of 255 {'brighter' if change > 0 else 'darker'}"

    def too_coloured(self, distance: float) -> str:
        """A distance of the mean colour that passes the limit, in words; "" where it keeps it."""
        return f"{distance:.0f} of 255 away" if self.colour is not None and distance > self.colour else ""
