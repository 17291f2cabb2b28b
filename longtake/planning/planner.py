"""From checked rows to shots that can be bought: who makes each, what is asked, what it continues, what was bought.

Pure: rows, adapters, measured facts and the ledger's purchases come in; shots with their violations go out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from longtake._speed import Memo, uncollected
from longtake.accounts.hosting import Hosting
from longtake.domain.addresses import shown
from longtake.domain.errors import UnknownVendorError
from longtake.domain.identity import ContentDigest, Identities
from longtake.domain.request import DEFAULT_MODEL, MediaFacts, Reference, ShotRequest
from longtake.domain.violations import Violation
from longtake.ledger.records import Purchase
from longtake.manifests.schema import LONE_SHOT, ManifestRow, nameless_reel
from longtake.planning.assess import Assessment, PriceOf, ShotSpec, TermsBook
from longtake.planning.bought_before.twins import mark_renamed
from longtake.planning.coming_clip import ComingClip, coming_clip
from longtake.planning.consequences import follows, told, unread_columns
from longtake.planning.options import Route
from longtake.planning.plan import Plan, Shot, Standing
from longtake.planning.pools.candidates import vendors_in
from longtake.planning.pools.judging import Judgement, PoolJudge
from longtake.planning.prompts import EXTEND, ExtensionTemplate, extension_prompt
from longtake.planning.references.measure import FIT, FixedReference
from longtake.planning.standings import FIRST_TAKES, ChoiceRules, Standings, is_of_take, is_open_to, keep_to_its_vendor
from longtake.reviews.decision import Decision
from longtake.vendors import Model, adapter_named

References = tuple[Reference, ...]
INHERITED = ("duration_seconds", "resolution", "ratio")


@dataclass(frozen=True)
class _Findings:
    """What judging goes by: rows that were refused before, what a probe measured, terms that many shots share."""

    refused: Mapping[int, list[Violation]]
    measured: Callable[[References], References]
    terms: TermsBook
    pools: PoolJudge


@dataclass
class Planner:
    """Makes plans.

    Args:
        vendor: The run's vendor, for rows that name none; several with `|` between them.
        digest: Hashes local and `s3://` references.
        model: The run's model, for rows that name none.
        resolution: The run's resolution, for rows that name none and continue none that has one.
        facts: What a probe measured, by reference source.
        hosting: How references would be hosted.
        quote: Prices a request; None where the price is unknown.
        extension: The wording of shots that go on from a clip; None: their prompts stay as they are.
        fixed: Copies of references that were made to fit, by row and source.
        repairs: Identities that make up for others, by those others'.
        keep_followers: Whether what was bought behind a former take stands behind the new one.
        decisions: What people decided about takes, by `shot_id`.
        rules: How takes are chosen.
        route: Who of several vendors is tried first.
        keyless: Accounts without credentials, which are left out where others stand beside them.
    """

    vendor: str | None
    digest: ContentDigest
    model: str = DEFAULT_MODEL
    resolution: str | None = None
    facts: Mapping[str, MediaFacts] = field(default_factory=dict)
    hosting: Hosting = field(default_factory=Hosting)
    quote: PriceOf = lambda request, model, account: None
    extension: ExtensionTemplate | None = EXTEND
    fixed: Mapping[int, Mapping[str, FixedReference]] = field(default_factory=dict)
    repairs: Mapping[str, str] = field(default_factory=dict)
    keep_followers: bool = False
    decisions: Mapping[str, Sequence[Decision]] = field(default_factory=dict)
    rules: ChoiceRules = FIRST_TAKES
    route: Route = "prefer"
    keyless: Collection[str] = ()

    def plan(
        self,
        reels: Mapping[str, Sequence[ManifestRow]],
        purchases: Mapping[str, Purchase],
        now: float,
        violations: Sequence[Violation] = (),
    ) -> Plan:
        """`stand` and `judge` in one, for those who need nothing in between."""
        return self.judge(self.stand(reels, purchases, now), violations)

    def stand(
        self, reels: Mapping[str, Sequence[ManifestRow]], purchases: Mapping[str, Purchase], now: float
    ) -> Standings:
        """Says of every shot who it is and what was bought of it.

        Args:
            reels: Checked rows by reel, in the order in which their clips are joined.
            purchases: The output's ledger.
            now: Unix time.
        """
        known = Standings(
            [],
            purchases,
            _by_shot(purchases),
            Identities(self.digest),
            now,
            made_with=self._made_with,
            repairs=self.repairs,
            keep_followers=self.keep_followers,
            decisions=self.decisions,
            rules=self.rules,
        )
        with uncollected():
            for rows in reels.values():
                known.add_reel(rows, partial(self._shot, now))
        return known

    def judge(
        self, known: Standings, violations: Sequence[Violation] = (), unreadable: Sequence[Violation] = ()
    ) -> Plan:
        """Fills in what each shot that is still to be bought asks, costs and continues, or why it cannot be had.

        May be called again when more was measured.

        Args:
            known: What `stand` brought.
            violations: What the manifest's own check found.
            unreadable: References that cannot be read; they count only for shots that are still to be bought.
        """
        refused: dict[int, list[Violation]] = {}
        for violation in (*violations, *unreadable):
            refused.setdefault(violation.row, []).append(violation)
        book = TermsBook(self.hosting, self.quote)
        findings = _Findings(refused, Memo(self._measured), book, PoolJudge(book, self.route, self.keyless))
        with uncollected():
            for shot in known.shots:
                self._complete(shot, known, findings)
        mark_renamed(known.shots, known.by_shot, known.identity_under, partial(_without_names, known))
        own = (violation for shot in known.shots for violation in told(shot))
        return Plan(known.shots, sorted(dict.fromkeys([*violations, *own]), key=lambda violation: violation.row))

    def _shot(self, now: float, row: ManifestRow, variant: int, parent: Shot | None) -> Shot:
        take = (row.take - 1) * row.variants + variant + 1
        vendor = self._vendors(row)[0]  # until it is judged, the first stands for all
        rules = self.rules.attempts
        return Shot(row, take, variant, vendor, row.written.request, parent=parent, now=now, rules=rules)

    def _vendors(self, row: ManifestRow) -> Sequence[str]:
        """Who may make a row, as it or the run names them; "" alone where nobody does."""
        return vendors_in(row.written.vendor or self.vendor or "")

    def _complete(self, shot: Shot, known: Standings, findings: _Findings) -> None:
        row = shot.row
        shot.request = self._request(row, shot.parent, findings)
        keep_to_its_vendor(shot)
        if fixed := self.fixed.get(row.row):
            shot.fixes = {shown(source): copy.changes for source, copy in fixed.items()}
        shot.bought_as, shot.candidates = "", ()
        shot.replaces = tuple(
            purchase.identity
            for purchase in known.by_shot.get(row.shot_id, ())
            if purchase.intent and is_of_take(purchase.intent, shot) and not purchase.identity.startswith(shot.identity)
        )
        if shot.attempts and shot.standing.is_bought:
            shot.model = _bought_model(shot)
            vendors = self._vendors(row)
            if len(vendors) > 1 and shot.standing is Standing.RESUME:  # for the attempt after its job's, if one follows
                shot.candidates = findings.pools.judge(self._wanted(shot), vendors).choice
            return
        shot.violations = tuple(findings.refused.get(row.row, ()))
        self._judge(shot, findings, unread_columns(findings.refused, row.row))

    def _judge(self, shot: Shot, findings: _Findings, unread: frozenset[str]) -> None:
        """Fills in on which terms the shot can be bought, or why it cannot.

        A row whose cells cannot all be read (`unread`) is judged by those that can: all that is wrong with it is told
        at once, but nothing that only follows from what is missing.
        """
        row, wanted = shot.row, self._wanted(shot)
        if "vendor" in unread:
            return
        vendors = self._vendors(row)
        if len(vendors) > 1 and is_open_to(shot, vendors):
            found = _go_to_first(shot, findings.pools.judge(wanted, vendors))
        else:
            found = _keep(shot, findings.terms.terms(wanted))
        if unread:
            shot.quote, found = None, [each for each in found if not follows(each, unread, row)]
        own = (each.model_copy(update={"row": row.row, "shot_id": row.shot_id}) for each in found)
        shot.violations = (*shot.violations, *own)

    @staticmethod
    def _wanted(shot: Shot) -> ShotSpec:
        row, parent = shot.row, shot.parent
        return ShotSpec(
            request=shot.request,
            prompt=row.written.request.prompt,
            vendor=shot.vendor,
            account=shot.account,
            how=row.written.continue_from if parent is not None else None,
            tail_seconds=row.written.reference_tail_seconds,
            parents=() if parent is None else _coming_clips(parent),
            refused_parent=parent.shot_id if parent is not None and parent.is_refused else "",
        )

    def _request(self, row: ManifestRow, parent: Shot | None, findings: _Findings) -> ShotRequest:
        """The row's request with the run's model, what it inherits from its parent, and measured facts."""
        request = row.written.request
        changes: dict[str, object] = {}
        if not row.written.model and request.model != self.model:
            changes["model"] = self.model
        if parent is not None:
            for name in INHERITED:
                if getattr(request, name) is None and (value := getattr(parent.request, name)) is not None:
                    changes[name] = value
        if self.resolution is not None and request.resolution is None:
            changes.setdefault("resolution", self.resolution)
        if row.written.continue_from == "clip":
            changes["prompt"] = extension_prompt(self.extension, request.prompt)
        references = request.references
        if fixed := self.fixed.get(row.row):
            references = tuple(_fixed(reference, fixed) for reference in references)
        if references and (measured := findings.measured(references)) is not request.references:
            changes["references"] = measured
        return request.with_changes(**changes) if changes else request

    def _measured(self, references: References) -> References:
        """The references with what a probe measured; the same tuple where nothing was measured."""
        if not any(reference.source in self.facts for reference in references):
            return references
        return tuple(
            reference.model_copy(update={"facts": self.facts.get(reference.source)})
            if reference.url is None
            else reference
            for reference in references
        )

    def _made_with(self, row: ManifestRow) -> list[str]:
        """Names and versions of what changes the request on its way from the row."""
        labels = [FIT] if self.fixed.get(row.row) else []
        if self.extension is not None and row.written.continue_from == "clip":
            labels.append(self.extension.label)
        return labels


def _keep(shot: Shot, terms: Assessment) -> Iterable[Violation]:
    shot.model, shot.tail_seconds, shot.quote, shot.brings, found = terms
    return found


def _go_to_first(shot: Shot, pool: Judgement) -> Iterable[Violation]:
    """Has a shot stand at the first of several vendors, at a price that holds for all."""
    if pool.refused is not None:
        _keep(shot, pool.refused)
    elif pool.candidates:
        shot.go_to(pool.candidates[0])
        shot.quote = pool.quote
        shot.candidates = pool.choice
    return pool.violations


def _coming_clips(parent: Shot) -> tuple[ComingClip, ...]:
    """What the clip of a shot will be: each of those that it may become, wherever it is made."""
    own = parent.brings or coming_clip(parent.request, parent.model)
    elsewhere = (each.brings for each in parent.candidates if each.brings is not None)
    return (own,) if not parent.candidates else tuple(dict.fromkeys([own, *elsewhere]))


def _fixed(reference: Reference, copies: Mapping[str, FixedReference]) -> Reference:
    copy = copies.get(reference.source)
    return reference if copy is None else reference.model_copy(update={"url": str(copy.path), "facts": copy.facts})


def _without_names(known: Standings, shot: Shot) -> str:
    """The `shot_id` that a shot would have if its row named neither reel nor id; "" where that cannot be told."""
    try:
        return f"{nameless_reel(known.identities.of_request(shot.row.written))}/{LONE_SHOT}"
    except OSError:  # a reference that cannot be read; told elsewhere
        return ""


def _bought_model(shot: Shot) -> Model | None:
    intent = shot.purchase.intent if shot.purchase else None
    if intent is None:
        return None
    try:
        adapter = adapter_named(intent.vendor)
    except UnknownVendorError:
        return None
    return next((model for model in adapter.models if model.wire == intent.wire_model), None)


def _by_shot(purchases: Mapping[str, Purchase]) -> dict[str, list[Purchase]]:
    found: dict[str, list[Purchase]] = {}
    for purchase in purchases.values():
        if purchase.intent and not purchase.is_replaced_by_a_changed_row:
            found.setdefault(purchase.intent.shot_id, []).append(purchase)
    return found
