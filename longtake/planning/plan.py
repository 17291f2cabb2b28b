"""The plan: every shot with what is asked, who makes it, what it continues, what it costs and what was bought.

Plain data with questions to it; `longtake.planning.planner` makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from longtake.accounts.account import account_name
from longtake.costs.quote import Quote
from longtake.domain.identity import attempt_identity
from longtake.domain.request import ShotRequest
from longtake.domain.violations import Violation
from longtake.ledger.attempts import ONCE, AttemptRules, may_follow
from longtake.ledger.records import Purchase, State
from longtake.manifests.schema import ManifestRow
from longtake.planning.coming_clip import ComingClip
from longtake.planning.pools.candidates import Candidate
from longtake.reviews.decision import UNDECIDED, Ruling
from longtake.vendors import Model


class Standing(StrEnum):
    """What a run will do about a shot.

    `NEW` is bought. `REPLACES` is bought anew though its take was, for its row changed; `FOLLOWS` because the shot
    that it continues is, or because another take of that one was chosen. `AGAIN` is bought anew because its latest
    attempt brought no clip to use, as the run's rules or a person ask; `OVER` is not. `AWAITS` is bought once a person
    has decided about what it continues from.
    """

    DONE = "done"
    RESUME = "resume"
    NEW = "new"
    REPLACES = "replaces"
    FOLLOWS = "follows"
    AGAIN = "again"
    AWAITS = "awaits"
    UNKNOWN = "unknown"
    OVER = "over"
    UNREADABLE = "unreadable"
    REFUSED = "refused"

    @property
    def buys(self) -> bool:
        """Whether a run buys the shot, money permitting."""
        return self in (Standing.NEW, Standing.AGAIN) or self.buys_again

    @property
    def will_buy(self) -> bool:
        """Whether it is bought by a run, this one or that after a person's decision."""
        return self.buys or self is Standing.AWAITS

    @property
    def buys_again(self) -> bool:
        """Whether a run buys it though its take was bought before."""
        return self in (Standing.REPLACES, Standing.FOLLOWS)

    @property
    def is_bought(self) -> bool:
        """Whether its clip is here, or its job brings it."""
        return self in (Standing.DONE, Standing.RESUME)

    @property
    def has_work(self) -> bool:
        """Whether a run buys it or follows its job; all others are settled before the run begins."""
        return self.buys or self is Standing.RESUME


_NO_FIXES: Mapping[str, tuple[str, ...]] = {}

_BY_STATE = {
    State.DONE: Standing.DONE,
    State.IN_FLIGHT: Standing.RESUME,
    State.FINISHED: Standing.RESUME,
    State.SUBMITTING: Standing.RESUME,
    State.UNKNOWN: Standing.UNKNOWN,
    State.OVER: Standing.OVER,
    State.UNREADABLE: Standing.UNREADABLE,
}


@dataclass(eq=False, slots=True)
class Shot:
    """One take of one shot, planned.

    `vendor` is where it was bought, else the row's or the run's; account, model and price go by it. `request` is
    complete but for the clip it continues from; `identity` is that of its first attempt. `tail_seconds` is set where
    only the end of the previous clip will be passed. `replaces` holds identities bought for the same take.
    `as_written` is the identity that the rows themselves give; where a repair stands for one of them it differs.
    `is_repaired`: the purchase of a repair stands for this one. `kept_as`: what was bought of it behind a former take
    of the shot before it; `is_kept`: that stands for it.
    `fixes` tells by source what was changed in references to make them fit; `brings` is what its clip will be.
    `generation` is the number of the first attempt after the last that a person rejected. `choice` is
    shared by all takes of its row. `candidates` are set where several accounts can honour it, in the order in which
    they are tried: until it goes to one of them, it stands at the first and `quote` holds for all. Where a job of it
    stands at one, they are for the attempt that may follow. `rules` say when one does.
    """

    row: ManifestRow
    take: int
    variant: int
    vendor: str
    request: ShotRequest
    identity: str = ""
    as_written: str = ""
    is_repaired: bool = False
    kept_as: str = ""
    is_kept: bool = False
    parent: Shot | None = None
    model: Model | None = None
    tail_seconds: float | None = None
    violations: Sequence[Violation] = ()
    attempts: Sequence[Purchase] = ()
    replaces: Sequence[str] = ()
    bought_as: str = ""
    """The name under which the same request was bought, where the manifest has it no more."""
    fixes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_FIXES)
    brings: ComingClip | None = None
    quote: Quote | None = None
    now: float = 0.0
    choice: RowChoice | None = None
    generation: int = 1
    candidates: tuple[Candidate, ...] = ()
    rules: AttemptRules = ONCE

    def go_to(self, candidate: Candidate) -> None:
        """Has the shot bought at this account, on its terms and at its price."""
        self.vendor, self.model, self.tail_seconds = candidate.vendor, candidate.model, candidate.tail_seconds
        self.brings, self.quote = candidate.brings, candidate.quote

    @property
    def places(self) -> tuple[Candidate, ...]:
        """Those of several accounts that its next purchase may go to; none while a job of it stands at one of them."""
        return () if not self.candidates or self.standing is Standing.RESUME else self.candidates

    @property
    def accounts(self) -> Sequence[str]:
        """Where it may be bought, in the order in which that is tried: at any of its candidates, else at its own."""
        return [candidate.account for candidate in self.candidates] or (self.account,)

    @property
    def next_accounts(self) -> Sequence[str]:
        """Where its next purchase may go: at its own while a job of it stands there."""
        return [place.account for place in self.places] or (self.account,)

    @property
    def next_models(self) -> Sequence[tuple[str, Model]]:
        """The same with the model that it is asked of there; none where that cannot be told."""
        places = [(place.account, place.model) for place in self.places]
        return places or ([(self.account, self.model)] if self.model is not None else [])

    @property
    def shot_id(self) -> str:
        """`reel/shot`."""
        return self.row.shot_id

    @property
    def name(self) -> str:
        """`reel/shot`, and which take where its row asks for several."""
        return f"{self.shot_id} take {self.take}" if self.row.variants > 1 else self.shot_id

    @property
    def lineage(self) -> str:
        """What stands for it in the identity of a shot that continues it."""
        return attempt_identity(self.identity, self.generation)

    @property
    def head(self) -> Shot:
        """The first shot of its chain; itself where it continues none."""
        first = self
        while first.parent is not None:
            first = first.parent
        return first

    @property
    def number(self) -> int:
        """Which take of its row it is, from 1, as people choose among them."""
        return self.variant + 1

    @property
    def is_chosen(self) -> bool:
        """Whether reel and chain go by it; of takes that nobody chose from, whether it is the first."""
        return self.variant == 0 if self.choice is None else self.choice.chosen is self

    @property
    def is_rejected(self) -> bool:
        """Whether a person has rejected its clip."""
        latest = self.purchase
        return latest is not None and self.choice is not None and latest.identity in self.choice.ruling.rejected

    @property
    def is_home(self) -> bool:
        """Whether its clip is here and nobody rejected it."""
        return self.purchase is not None and self.purchase.clip is not None and not self.is_rejected

    @property
    def awaits(self) -> RowChoice | None:
        """The choice of an earlier shot of its chain that a person has yet to make, the first of them."""
        return None if self.choice is None else self.choice.awaited

    @property
    def account(self) -> str:
        """`vendor/document`."""
        return account_name(self.vendor)

    @property
    def purchase(self) -> Purchase | None:
        """The latest attempt's purchase."""
        return self.attempts[-1] if self.attempts else None

    @property
    def is_refused(self) -> bool:
        """Whether a violation stands against it; warnings do not count."""
        return bool(self.violations) and any(not violation.warning for violation in self.violations)

    @property
    def standing(self) -> Standing:
        """What a run will do about it."""
        known = _BY_STATE.get(self.purchase.state(self.now)) if self.purchase is not None else None
        known = Standing.OVER if self.is_rejected else known
        if known is not None and not (known is Standing.OVER and self.goes_on):
            return known
        if self.is_refused:
            return known or Standing.REFUSED
        if self.awaits is not None:
            return Standing.AWAITS
        if known is not None:
            return Standing.AGAIN
        if self.replaces:
            return Standing.FOLLOWS if self.kept_as or self._parent_is_replaced() else Standing.REPLACES
        return Standing.NEW

    @property
    def goes_on(self) -> bool:
        """Whether another attempt follows its latest, which brought no clip to use."""
        if self.is_rejected:
            return len(self.attempts) < self.rules.most
        return bool(self.attempts) and may_follow(self.attempts, self.rules, [each.account for each in self.candidates])

    @property
    def next_attempt(self) -> int:
        """The number of the attempt that is bought next, where one is."""
        return len(self.attempts) + 1 if self.goes_on else max(1, len(self.attempts))

    def _parent_is_replaced(self) -> bool:
        return self.parent is not None and self.parent.standing is not Standing.DONE


def at_most(shots: Iterable[Shot]) -> str:
    """What shots cost at most, in words."""
    quotes = [shot.quote for shot in shots]
    known = [quote.high_usd for quote in quotes if quote is not None]
    return f"at most {sum(known):.4f} USD" if len(known) == len(quotes) else "price unknown"


@dataclass(eq=False, slots=True)
class RowChoice:
    """Which take of a row reel and chain go by, and what people said of its takes.

    `takes` are all of the row, `chosen` is the one that counts; while nobody has chosen, the one that would.
    `reviewed`: a person must choose. `is_open`: the run chooses the best once the takes are here. `awaited` is the
    first choice above it in its chain that a person has yet to make.
    """

    takes: list[Shot]
    chosen: Shot
    reviewed: bool = False
    ruling: Ruling = UNDECIDED
    is_open: bool = False
    awaited: RowChoice | None = None

    @property
    def is_told(self) -> bool:
        """Whether there is something to review or to choose from, or was."""
        return self.reviewed or len(self.takes) > 1 or self.ruling.decision is not None

    @property
    def needs_decision(self) -> bool:
        """Whether nothing goes on from the row before a person has decided."""
        return self.reviewed and self.ruling.state != "chosen"

    @property
    def words(self) -> str:
        """Why this take, where somebody chose it."""
        decision = self.ruling.decision
        return decision.words if decision is not None and self.ruling.state == "chosen" else ""


@dataclass(repr=False)  # asyncio writes out what a task returns: of 10,000 rows that takes more than they do
class Plan:
    """All shots of a manifest, in manifest order, with every violation found."""

    shots: list[Shot]
    violations: list[Violation]

    @property
    def reels(self) -> dict[str, list[Shot]]:
        """Shots by reel, reels in manifest order, shots in natural order, variants after one another."""
        reels: dict[str, list[Shot]] = {}
        for shot in self.shots:
            reels.setdefault(shot.row.reel, []).append(shot)
        return reels

    @property
    def refusals(self) -> list[Violation]:
        """Violations that are not mere warnings."""
        return [violation for violation in self.violations if not violation.warning]

    def standing(self, *standings: Standing) -> list[Shot]:
        """The shots of these standings."""
        return [shot for shot in self.shots if shot.standing in standings]
