"""What a person asks of one run; checked here for the flow, its form and the command line alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from longtake.media.checking.policy import DriftLimits, GatePolicy
from longtake.media.stitching.receipt import ReelStyle

IN_A_ROW = 5
"""So many clips in a row that were paid and did not come hold their account."""


class RenderOptions(BaseModel):
    """What a person asks of one run. The fields' docstrings are the help of `longtake render`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    manifest: str
    """CSV, JSON Lines, Excel or Parquet file, folder or glob of Parquet; local or s3://"""
    output: str
    """directory or s3://"""
    vendor: str | None = None
    """vendor for rows that name none"""
    budget_usd: float | None = Field(default=None, ge=0)
    """most that the output may cost, earlier runs included"""
    on_unknown: Literal["hold", "resubmit"] = "hold"
    """resubmit may pay twice"""
    reels: tuple[str, ...] = ()
    """only these reels; 'sku00*' names several"""  # once prepared, names alone
    limit: int | None = Field(default=None, ge=0)
    """at most N purchases in this run, whole reels first"""
    limit_reels: int | None = Field(default=None, ge=1)
    """only the first N reels that still want something: a sample"""
    brake: int = Field(default=IN_A_ROW, ge=0)
    """hold a vendor's account once N of its clips in a row were paid and not got; 0 is off"""
    skip_refused: bool = False
    """render the reels without a violation"""
    replace: bool = False
    """buy changed shots again without a raised take"""
    max_attempts: int = Field(default=1, ge=1)
    """purchases of one shot take in all"""
    partial_reels: bool = False
    """make reels although shots are missing"""
    fix_references: bool = False
    """make references fit the vendor's limits"""
    reel_style: ReelStyle = ReelStyle()
    gate: GatePolicy = GatePolicy()
    drift_limits: DriftLimits | None = None
    extension_template: str | None = None
    """wording of shots that continue from a clip, such as 'Extend video {index}: {prompt}'; off for none"""
    run: str = ""
    """The flow run, where there is one; no option of a person's."""
