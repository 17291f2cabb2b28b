"""One reel to make: its clips in order, how they are joined, checked and signed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.media.checking.policy import DriftLimits, Strictness
from longtake.media.stitching.receipt import StitchOptions
from longtake.rendering.output.labels import FilmLabel
from longtake.rendering.output.outputs import reel_key
from longtake.rendering.output.seams import ReelPart
from longtake.rendering.timeline.take import Take


class ReelOrder(BaseModel):
    """One reel to make. `missing` names shots that are not there; a reel with any is partial.

    `joint_limits`: how far a joint that is measured may step; beyond, no film is made. `marks`: what it means that the
    film loses marks of its clips. `takes`: the takes of its shots that people find in the output, chosen or not, for
    the timeline beside the film. `label`: how the film is signed; None leaves it unsigned.
    """

    model_config = ConfigDict(frozen=True)

    output: str
    reel: str
    parts: tuple[ReelPart, ...]
    missing: tuple[str, ...] = ()
    options: StitchOptions = StitchOptions()
    joint_limits: DriftLimits | None = None
    takes: tuple[Take, ...] = ()
    marks: Strictness = "warn"
    label: FilmLabel | None = None

    @property
    def key(self) -> str:
        """Where the reel goes."""
        return reel_key(self.reel, partial=bool(self.missing))

    def recipe(self) -> dict[str, Any]:
        """What the film depends on; the same recipe needs no new film."""
        return {
            "clips": [[part.shot_id, part.clip.sha256, part.continues] for part in self.parts],
            "missing": list(self.missing),
            "options": self.options.model_dump(mode="json"),
            **({"label": self.label.model_dump(mode="json")} if self.label else {}),
        }
