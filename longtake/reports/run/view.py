"""What the report shows, as plain data: a run, its reels, its shots. Filled from results and ledger, never read here.

Times are Unix times, prices US dollars; None means unknown. Paths are relative to the output, with `/`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from longtake.domain.text import visible
from longtake.domain.verdicts import VerdictFacts, facts_of


def _shown(value: object) -> object:
    if isinstance(value, str):
        return visible(value)
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_shown)]
"""Text from a manifest or vendor, made harmless on its way in."""
FreeText = Annotated[str, BeforeValidator(lambda value: _shown(value if value is None else str(value)))]
"""As `Text`, from a value of any type."""
Number = Annotated[
    float | None,
    BeforeValidator(lambda value: None if isinstance(value, float) and not math.isfinite(value) else value),
]
"""A number, or None where it is unknown; tables write NaN for that."""


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TakeView(_View):
    """One take of a shot as a person compares it with the others.

    `number` counts from 1, as it is shown and written into a decision; `take` is that of its file. `purchase` and
    `sha256` are what the decision binds to. `verdict` says why a take without `clip` cannot be chosen. `drift` is how
    far it is from the chain's first clip.
    """

    purchase: str
    number: int
    take: int | None = None
    clip: str | None = None
    poster: str | None = None
    sha256: str = ""
    verdict: Text = ""
    warnings: Text = ""
    drift: Number = None


class ShotView(_View):
    """One shot.

    `verdict` is a value of `Verdict` or, while the run goes on, of `ShotStage`. `evidence` is the reason in words,
    `warnings` what was noted of a clip that passed. Where a row asks for several takes, `variants` is how many,
    `variant` which this is, from 0, and `in_film` whether the film shows it. `waiting_since` is when it began to wait
    for a free slot, `started_running_at` when the vendor was first seen at work on it, `finished_at` the job's end,
    `fetched_from` when the run that has its clip began to fetch it, `downloaded_at` when it was here. `usage` holds the
    vendor's own figures, `extra` the manifest's other columns, `marks` what its file says of how it was made.
    `identity` names its purchases in the ledger.

    Where it has several takes, or a person reviews it (`is_reviewed`), the view of the first take tells: `review` is
    `waiting`, `chosen`, `rejected` or `expired` (else `none`), `takes` what there is to choose from, `chosen` the
    number that was, `ruling` who decided so and why; `follows` counts the shots that are bought only after it, for
    `follows_low_usd` to `follows_high_usd`.
    """

    row: int
    reel: Text
    shot: Text
    shot_id: Text
    verdict: Text
    take: int | None = None
    variant: int | None = None
    variants: int | None = None
    in_film: bool | None = None
    prompt: Text = ""
    evidence: Text = ""
    next_action: Text = ""
    warnings: Text = ""
    vendor: Text = ""
    wire_model: Text = ""
    job_id: Text = ""
    identity: str = ""
    clip: str | None = None
    poster: str | None = None
    width: int | None = None
    height: int | None = None
    clip_seconds: Number = None
    marks: Text = ""
    price_low_usd: Number = None
    price_high_usd: Number = None
    waiting_since: Number = None
    submitted_at: Number = None
    started_running_at: Number = None
    finished_at: Number = None
    fetched_from: Number = None
    downloaded_at: Number = None
    continues_from: Text = ""
    usage: dict[FreeText, float] = Field(default_factory=dict)
    extra: dict[FreeText, FreeText] = Field(default_factory=dict)
    is_reviewed: bool = False
    review: Text = "none"
    takes: list[TakeView] = Field(default_factory=list[TakeView])
    chosen: int | None = None
    ruling: Text = ""
    follows: int | None = None
    follows_low_usd: Number = None
    follows_high_usd: Number = None

    @property
    def facts(self) -> VerdictFacts:
        """What holds of its verdict or stage."""
        return facts_of(self.verdict)

    @property
    def is_in_film(self) -> bool:
        """Whether the film shows it, of several takes."""
        return not self.variant if self.in_film is None else self.in_film

    @property
    def is_waiting(self) -> bool:
        """Whether a person's decision is missing."""
        return self.review in ("waiting", "expired")


class ReelView(_View):
    """One reel. `timeline` and `receipt` tell of the film, from the files beside it.

    `note` says why there is no film or what is missing in it.

    `marks_lost` names marks of its clips that the film does not hold, where that is a warning.
    """

    name: Text
    shots: list[ShotView]
    film: str | None = None
    timeline: str | None = None
    contact_sheet: str | None = None
    receipt: dict[str, Any] | None = None
    partial: bool = False
    note: Text = ""
    marks_lost: Text = ""


class Shots(Iterable[ShotView]):
    """The shots of some reels, one after the other: those of a large run need not be in memory together."""

    def __init__(self, reels: Iterable[ReelView]) -> None:
        self._reels = reels

    def __iter__(self) -> Iterator[ShotView]:
        return (shot for reel in self._reels for shot in reel.shots)

    def __getitem__(self, place: int) -> ShotView:
        return next(islice(self, place, None))


class Totals(_View):
    """Counts of shots, and the money of the output, replaced purchases too; `projected`: at the run's end.

    `charged_but_failed_usd` is what was paid for shots without a clip, at its high bound;
    `charged_but_failed` counts purchases without a clip for which the vendor still names a charge.
    """

    done: int
    all: int
    spent_low_usd: Number = None
    spent_high_usd: Number = None
    projected_low_usd: Number = None
    projected_high_usd: Number = None
    charged_but_failed_usd: Number = None
    charged_but_failed: int = 0


class VendorTotals(Totals):
    """The totals of one vendor. `reported` tells what it says it charged beside our figure."""

    vendor: Text
    queued: int = 0
    running: int = 0
    reported: Text = ""


class ReportView(_View):
    """One run over one manifest into one output. `run` is the run's name, `written_at` when this was told.

    `process` marks the process that told it, so that another on its machine can know whether it lives.
    """

    title: Text
    output: Text
    written_at: float
    finished: bool
    totals: Totals
    run: Text = ""
    process: str = ""
    by_vendor: list[VendorTotals] = Field(default_factory=list)
    reels: Sequence[ReelView] = Field(default_factory=list[ReelView])
    notices: list[Text] = Field(default_factory=list)

    @property
    def shots(self) -> Shots:
        """All shots, in the order of the reels."""
        return Shots(self.reels)

    def with_reels(self, reels: Sequence[ReelView]) -> ReportView:
        """The same report of these reels."""
        return self.model_copy(update={"reels": reels})

    def json_pieces(self) -> Iterator[str]:
        """What `model_dump_json` gives, reel by reel."""
        # Within a text every quote has a backslash before it: what is looked for is the field alone.
        head, field, tail = self.with_reels([]).model_dump_json().partition('"reels":[')
        yield head + field
        for place, reel in enumerate(self.reels):
            yield ("," if place else "") + reel.model_dump_json()
        yield tail
