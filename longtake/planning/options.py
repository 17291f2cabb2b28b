"""What a person asks of one run; checked here for the flow, its form and the command line alike."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from longtake.ledger.attempts import AttemptRules
from longtake.media.checking.policy import DriftLimits, GatePolicy
from longtake.media.stitching.receipt import ReelStyle

Dollars = Annotated[float, Field(ge=0)]
"""Money of a bound, in US dollars."""
Word = Annotated[str, StringConstraints(strip_whitespace=True)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
OnUnknown = Literal["hold", "resubmit"]
SlotOrder = Literal["fastest", "manifest"]
Route = Literal["prefer", "cheapest"]
"""Which of several vendors is tried first: as written, or the one whose highest price is lowest."""
OnRefused = Literal["hold", "next"]
"""What follows on moderation's refusal where a row names several vendors."""
ReviewRule = Literal["none", "first-of-reel", "each-link", "all"]
"""Shots that wait for a person: none, each reel's first, all that another continues from, all."""
Choose = Literal["first", "best"]
IN_A_ROW = 5
"""So many clips in a row that were paid and did not come hold their account."""


class RenderOptions(BaseModel):
    """What a person asks of one run. The fields' docstrings are the help of `longtake render`.

    A field's type says which values there are; the flows' parameters have the same, and so their forms.
    """

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    manifest: str
    """CSV, JSON Lines, Excel or Parquet file, folder or glob of Parquet; local or s3://"""
    output: str
    """directory or s3://"""
    vendor: str | None = None
    """vendor for rows that name none; several with | between them"""
    model: Word | None = None
    """model for rows that name none"""
    resolution: Word | None = None
    """resolution for rows that name none, such as 720p; a chained shot has that of the shot before it"""
    budget_usd: Dollars | None = None
    """most that the output may cost, earlier runs included"""
    on_unknown: OnUnknown = "hold"
    """resubmit may pay twice"""
    reels: tuple[str, ...] = ()
    """only these reels; 'sku00*' names several"""  # once prepared, names alone
    limit: Count | None = None
    """at most N purchases in this run, whole reels first"""
    limit_reels: AtLeastOne | None = None
    """only the first N reels that still want something: a sample"""
    order: SlotOrder = "fastest"
    """who gets the next slot: fastest, the longest chain first; manifest, the first reel first"""
    route: Route = "prefer"
    """of several vendors: prefer, in the order in which they are written; cheapest, the lowest price first"""
    on_refused: OnRefused = "hold"
    """what moderation, or a vendor, refused as it stands: hold it, or show it to the next of several vendors"""
    brake: Count = IN_A_ROW
    """hold a vendor's account once N of its clips in a row were paid and not got; 0 is off"""
    skip_refused: bool = False
    """render the reels without a violation"""
    replace: bool = False
    """buy changed shots again without a raised take"""
    keep_followers: bool = False
    """keep what follows a shot whose take was raised or whose choice was changed, and join it to the new take"""
    verify: bool = False
    """read each clip on S3 in full and compare its hash; without, its size tells (in a folder, always the hash);
    whether what a film claims (C2PA) holds, the command `longtake verify` tells"""
    max_attempts: AtLeastOne = 1
    """purchases of one shot take in all"""
    review: ReviewRule = "none"
    """which shots wait for a person's decision, where their row does not say"""
    choose: Choose = "first"
    """of several takes that nobody reviews: the first, or the best by findings and drift"""
    partial_reels: bool = False
    """make reels although shots are missing"""
    fix_references: bool = False
    """make references fit the vendor's limits"""
    label: bool = False
    """sign films as made by AI (C2PA, AIGC), with the certificate of the ContentCredentials block"""
    reel_style: ReelStyle = ReelStyle()
    gate: GatePolicy = GatePolicy()
    drift_limits: DriftLimits | None = None
    extension_template: str | None = None
    """wording of shots that continue from a clip, such as 'Extend video {index}: {prompt}'; off for none"""
    run: str = ""
    """The flow run, where there is one; no option of a person's."""

    @property
    def attempt_rules(self) -> AttemptRules:
        """How often a shot take is bought."""
        return AttemptRules(self.max_attempts, self.on_refused == "next")
