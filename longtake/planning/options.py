"""What a person asks of one run; checked here for the flow, its form and the command line alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from longtake.media.checking.policy import DriftLimits, GatePolicy
from longtake.media.stitching.receipt import ReelStyle

IN_A_ROW = 5
"""So many clips in a row that were paid and did not come hold their account."""


class RenderOptions(BaseModel):
    """What a person asks of one run. See the command line's help for each."""

    model_config = ConfigDict(frozen=True)

    manifest: str
    output: str
    vendor: str | None = None
    budget_usd: float | None = None
    on_unknown: Literal["hold", "resubmit"] = "hold"
    reels: tuple[str, ...] = ()
    """Names of reels, or patterns such as `sku00*`; once prepared, names alone."""
    limit: int | None = Field(default=None, ge=0)
    limit_reels: int | None = Field(default=None, ge=1)
    brake: int = Field(default=IN_A_ROW, ge=0)
    skip_refused: bool = False
    replace: bool = False
    max_attempts: int = 1
    partial_reels: bool = False
    fix_references: bool = False
    reel_style: ReelStyle = ReelStyle()
    gate: GatePolicy = GatePolicy()
    drift_limits: DriftLimits | None = None
    extension_template: str | None = None
    run: str = ""
