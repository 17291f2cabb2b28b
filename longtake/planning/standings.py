"""Who each shot of a manifest is, what was bought of it, and which take of each row counts; nothing is judged yet.

A chain is walked from its first shot on: who a shot is depends on the take that was chosen of the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from longtake.accounts.account import account_name
from longtake.domain.identity import Identities, attempt_identity
from longtake.ledger.attempts import ONCE, AttemptRules
from longtake.ledger.records import Intent, Purchase, State, attempts_in
from longtake.manifests.schema import ManifestRow
from longtake.planning.bought_before.kept import bought_behind
from longtake.planning.options import Choose, ReviewRule
from longtake.planning.plan import RowChoice, Shot, Standing
from longtake.reviews.decision import Decision, ruling_on


@dataclass(frozen=True)
class ChoiceRules:
    """How takes are chosen: which rows wait for a person, what chooses otherwise, and how often a take is bought."""

    review: ReviewRule = "none"
    choose: Choose = "first"
    attempts: AttemptRules = ONCE


FIRST_TAKES = ChoiceRules()
"""Nobody reviews, and the first take counts."""


@dataclass(repr=False)
class Standings:
    """Every shot of a manifest with its identity and what was bought of it.

    `by_shot`: the ledger's purchases, by `shot_id`. `made_with` names what changes a row's request on its way;
    `repairs` are identities that make up for others, by those others'; `keep_followers`: what was bought behind a
    former take stands behind the new one; `decisions` are people's, by `shot_id`.
    """

    shots: list[Shot]
    purchases: Mapping[str, Purchase]
    by_shot: Mapping[str, list[Purchase]]
    identities: Identities
    now: float
    made_with: Callable[[ManifestRow], list[str]]
    repairs: Mapping[str, str] = field(default_factory=dict)
    keep_followers: bool = False
    decisions: Mapping[str, Sequence[Decision]] = field(default_factory=dict)
    rules: ChoiceRules = FIRST_TAKES

    def add_reel(self, rows: Sequence[ManifestRow], shot_of: Callable[[ManifestRow, int, Shot | None], Shot]) -> None:
        """Adds the shots of one reel.

        Args:
            rows: Its rows, in the order in which their clips are joined.
            shot_of: Makes a shot of a row, the number of its variant and what it continues.
        """
        before: RowChoice | None = None
        for place, row in enumerate(rows):
            parent = before.chosen if before is not None and row.written.continue_from else None
            takes = [shot_of(row, variant, parent) for variant in range(row.variants)]
            for shot in takes:
                self.identify(shot, parent)
            self.shots.extend(takes)
            follower = rows[place + 1] if place + 1 < len(rows) else None
            follower = follower if follower is not None and follower.written.continue_from else None
            choice = self._choice(takes, follower, is_first=place == 0, shot_of=shot_of)
            choice.awaited = _awaited(before) if row.written.continue_from else None
            before = choice

    def identify(self, shot: Shot, parent: Shot | None) -> None:
        """Says who a shot is that continues this one, and what was bought of it.

        It is itself, or the repair which brought its clip.
        """
        shot.parent = parent
        row = shot.row
        identity = partial(self.identity_under, shot, row.reel, row.shot)
        shot.identity = shot.as_written = identity(parent.lineage if parent else None)
        shot.is_repaired = shot.is_kept = False
        shot.kept_as = ""
        if row.variants > 1 and (older := self._older_identity(shot)) is not None:
            shot.identity = older
        if parent is not None and parent.identity != parent.as_written:
            shot.as_written = identity(attempt_identity(parent.as_written, parent.generation))
        if parent is not None and self._state(shot.identity) is None and shot.shot_id in self.by_shot:
            shot.kept_as = bought_behind(self.by_shot.get(parent.shot_id, ()), identity, self._stands)
        self._repair(shot)
        shot.attempts = tuple(attempts_in(shot.identity, self.purchases))
        keep_to_its_vendor(shot)

    def _repair(self, shot: Shot) -> None:
        repair = self.repairs.get(shot.as_written) or (shot.kept_as if self.keep_followers else "")
        if not repair or (self._state(shot.identity) is State.DONE and not self._was_rejected(shot)):
            return
        if self._stands(repair):
            shot.is_kept = repair == shot.kept_as
            bought = self.purchases[repair].intent
            shot.identity, shot.is_repaired = repair, True
            shot.take = bought.take if bought else shot.take

    def _was_rejected(self, shot: Shot) -> bool:
        latest = attempts_in(shot.identity, self.purchases)[-1]
        hashes = {latest.identity: latest.clip_sha256}
        return ruling_on(hashes, self.decisions.get(shot.shot_id, ()), self.now).state == "rejected"

    def identity_under(self, shot: Shot, reel: str, name: str, parent: str | None) -> str:
        """The identity of a shot under these names."""
        row = shot.row
        return self.identities.of_shot(
            reel=reel,
            shot=name,
            take=row.take,
            variant=shot.variant,
            row=row.written,
            parent=parent,
            made_with=self.made_with(row),
        )

    def _older_identity(self, shot: Shot) -> str | None:
        """What an earlier release bought this variant as: it counted takes and variants in one number."""
        row = shot.row
        older = self.identities.of_shot(
            reel=row.reel,
            shot=row.shot,
            take=shot.take,
            row=row.written,
            parent=shot.parent.lineage if shot.parent else None,
            made_with=self.made_with(row),
        )
        own, there = self.purchases.get(shot.identity), self.purchases.get(older)
        is_older = there is not None and there.intent is not None and there.intent.row_take is None
        own_is_older = own is None or own.intent is None or own.intent.row_take is None
        return older if is_older and own_is_older else None

    def _state(self, identity: str) -> State | None:
        attempts = attempts_in(identity, self.purchases)
        return attempts[-1].state(self.now) if attempts else None

    def _stands(self, identity: str) -> bool:
        """Whether a purchase's clip is here, or its job brings it."""
        return self._state(identity) in (State.DONE, State.FINISHED, State.IN_FLIGHT)

    def _choice(
        self,
        takes: list[Shot],
        follower: ManifestRow | None,
        *,
        is_first: bool,
        shot_of: Callable[[ManifestRow, int, Shot | None], Shot],
    ) -> RowChoice:
        """Which of a row's takes counts: the one that was chosen, that was gone on from, or the first."""
        row = takes[0].row
        choice = RowChoice(takes, takes[0], self._is_reviewed(row, follower, is_first=is_first))
        for shot in takes:
            shot.choice = choice
        self.rule(choice)
        if choice.ruling.state == "chosen" or len(takes) == 1:
            return choice
        followed = None if follower is None else self._followed(takes, follower, shot_of)
        choice.chosen = followed or takes[0]
        choice.is_open = followed is None and self.rules.choose == "best" and not choice.reviewed
        return choice

    def stand_again(
        self, purchases: Mapping[str, Purchase], decisions: Mapping[str, Sequence[Decision]], now: float
    ) -> None:
        """Walks every chain anew, by what was bought and decided since."""
        self.purchases, self.decisions, self.now = purchases, decisions, now
        before: RowChoice | None = None
        for choice in dict.fromkeys(shot.choice for shot in self.shots):
            if choice is None:
                continue
            row = choice.takes[0].row
            is_chained = row.written.continue_from and before is not None and before.takes[0].row.reel == row.reel
            for shot in choice.takes:
                shot.now = now
                self.identify(shot, before.chosen if is_chained and before is not None else None)
            self.rule(choice)
            choice.is_open = choice.is_open and choice.ruling.state != "chosen"
            choice.awaited = _awaited(before) if is_chained else None
            before = choice

    def rule(self, choice: RowChoice) -> None:
        """Puts what people decided into force on the takes as they are now."""
        given = self.decisions.get(choice.takes[0].shot_id, ())
        if not given:
            return
        takes = {shot.purchase.identity: shot for shot in choice.takes if shot.purchase is not None}
        hashes = {identity: shot.purchase.clip_sha256 for identity, shot in takes.items() if shot.purchase is not None}
        choice.ruling = ruling = ruling_on(hashes, given, self.now)
        refused = frozenset(one for each in given if each.choice == "reject" for one in each.seen)
        for shot in choice.takes:
            shot.generation = self._generation(shot, refused)
        if ruling.state == "chosen" and ruling.decision is not None:
            choice.chosen = takes[ruling.decision.purchase]

    def _generation(self, shot: Shot, refused: frozenset[str]) -> int:
        """The first attempt after the last rejected one: what goes on from it is no longer what went on before."""
        numbers = [number for number, one in enumerate(shot.attempts, 1) if one.identity in refused]
        last = max(numbers, default=0)
        if last == len(shot.attempts) and not (shot.is_rejected and last < self.rules.attempts.most):
            last = max(numbers[:-1], default=0)  # nothing came after it yet, and nothing will in this run
        return last + 1

    def _is_reviewed(self, row: ManifestRow, follower: ManifestRow | None, *, is_first: bool) -> bool:
        if row.review is not None:
            return row.review == "wait"
        match self.rules.review:
            case "all":
                return True
            case "first-of-reel":
                return is_first
            case "each-link":
                return follower is not None
            case "none":
                return False

    def _followed(
        self,
        takes: Sequence[Shot],
        follower: ManifestRow,
        shot_of: Callable[[ManifestRow, int, Shot | None], Shot],
    ) -> Shot | None:
        """The take from which what continues was bought already, if any was."""
        for parent in takes:
            for variant in range(follower.variants):
                shot = shot_of(follower, variant, parent)
                identity = self.identity_under(shot, follower.reel, follower.shot, parent.lineage)
                if any(purchase.is_charged for purchase in attempts_in(identity, self.purchases)):
                    return parent
        return None


def _awaited(before: RowChoice | None) -> RowChoice | None:
    """The first choice that a person has yet to make, of a row and those above it in its chain."""
    if before is None:
        return None
    return before.awaited or (before if before.needs_decision else None)


def is_of_take(intent: Intent, shot: Shot) -> bool:
    """Whether a purchase was made for the same take and variant, of an earlier release by their common number."""
    if intent.row_take is None:
        return intent.take == shot.take
    return (intent.row_take, intent.variant) == (shot.row.take, shot.variant + 1)


def keep_to_its_vendor(shot: Shot) -> None:
    """What a run says of vendor, model and resolution holds for shots that were never bought; a void bought nothing."""
    bought = [purchase.intent for purchase in shot.attempts if purchase.is_charged and purchase.intent]
    if not bought:
        return
    account = bought[-1].account
    if (there := next((each for each in shot.candidates if each.account == account), None)) is not None:
        shot.go_to(there)
    shot.vendor = account
    written, asked, kept = shot.row.written, bought[-1].request, dict[str, str | None]()
    if not written.model and isinstance(model := asked.get("model"), str):
        kept["model"] = model
    if written.request.resolution is None and isinstance(size := asked.get("resolution"), str | None):
        kept["resolution"] = size
    if any(getattr(shot.request, name) != value for name, value in kept.items()):
        shot.request = shot.request.with_changes(**kept)


def is_open_to(shot: Shot, vendors: Sequence[str]) -> bool:
    """Whether any of these vendors may make a shot: none was asked, or what was bought of it has ended at one of them.

    A purchase that stands, or of which nobody knows, stays where it was made.
    """
    if shot.standing in (Standing.UNKNOWN, Standing.UNREADABLE):
        return False
    bought = [purchase.intent.account for purchase in shot.attempts if purchase.is_charged and purchase.intent]
    return not bought or bought[-1] in map(account_name, vendors)
