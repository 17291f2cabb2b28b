"""From checked rows to shots that can be bought: who makes each, what is asked, what it continues, what was bought.

Pure: rows, adapters, measured facts and the ledger's purchases come in; shots with their violations go out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from longtake.accounts import account_name
from longtake.chaining import clip_seconds, own_video_seconds, room_for_tail, tail_to_cut
from longtake.errors import UnfitClipError, UnknownVendorError, UnsupportedRequestError
from longtake.hosting import Hosting
from longtake.identity import ContentDigest, attempt_identity, shot_identity
from longtake.ledger import Purchase, State
from longtake.limits import PIXELS, Limits, Violation, refusal
from longtake.manifests.garbage import uncollected
from longtake.manifests.schema import ManifestRow
from longtake.pricing import Quote
from longtake.prompts import EXTEND, ExtensionTemplate, check_prompt, extension_prompt
from longtake.references import FIT, FixedReference, shown
from longtake.repeats import RepeatedChecks
from longtake.request import DEFAULT_MODEL, MediaFacts, Reference, Role, ShotRequest
from longtake.vendors import Adapter, Model, adapter_named

INHERITED = ("duration_seconds", "resolution", "ratio")
COMING_CLIP = "clip:coming"


class Standing(StrEnum):
    """What a run will do about a shot."""

    DONE = "done"
    RESUME = "resume"
    NEW = "new"
    REPLACES = "replaces"
    FOLLOWS = "follows"
    UNKNOWN = "unknown"
    OVER = "over"
    UNREADABLE = "unreadable"
    REFUSED = "refused"


@dataclass(eq=False)
class Shot:
    """One take of one shot, planned.

    `request` is complete but for the clip it continues from; `identity` is that of its first attempt. `tail_seconds` is
    set where only the end of the previous clip will be passed. `replaces` holds identities bought for the same take.
    `fixes` tells by source what was changed in references to make them fit; `complete` is the request as checked, with
    the coming clip in it.
    """

    row: ManifestRow
    take: int
    variant: int
    vendor: str
    request: ShotRequest
    identity: str = ""
    parent: Shot | None = None
    model: Model | None = None
    tail_seconds: float | None = None
    violations: list[Violation] = field(default_factory=list)
    attempts: list[Purchase] = field(default_factory=list)
    replaces: list[str] = field(default_factory=list)
    fixes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    complete: ShotRequest | None = None
    quote: Quote | None = None
    now: float = 0.0

    @property
    def shot_id(self) -> str:
        """`reel/shot`."""
        return self.row.shot_id

    @property
    def account(self) -> str:
        """`vendor/document`: the one that the ledger names, else the row's or the run's."""
        if self.attempts and (intent := self.attempts[-1].intent):
            return intent.account
        return account_name(self.vendor)

    @property
    def purchase(self) -> Purchase | None:
        """The latest attempt's purchase."""
        return self.attempts[-1] if self.attempts else None

    @property
    def is_refused(self) -> bool:
        """Whether a violation stands against it; warnings do not count."""
        return any(not violation.warning for violation in self.violations)

    @property
    def standing(self) -> Standing:
        """What a run will do about it."""
        state = self.purchase.state(self.now) if self.purchase else State.NEW
        by_state = {
            State.DONE: Standing.DONE,
            State.IN_FLIGHT: Standing.RESUME,
            State.FINISHED: Standing.RESUME,
            State.SUBMITTING: Standing.RESUME,
            State.UNKNOWN: Standing.UNKNOWN,
            State.OVER: Standing.OVER,
            State.UNREADABLE: Standing.UNREADABLE,
        }
        if state in by_state:
            return by_state[state]
        if self.is_refused:
            return Standing.REFUSED
        if self.replaces:
            return Standing.FOLLOWS if self._parent_is_replaced() else Standing.REPLACES
        return Standing.NEW

    def _parent_is_replaced(self) -> bool:
        return self.parent is not None and self.parent.standing is not Standing.DONE


@dataclass
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


@dataclass(frozen=True)
class _Known:
    """What was known when the plan was made: the ledger, and the rows that the manifest's own check refused."""

    purchases: Mapping[str, Purchase]
    by_shot: Mapping[str, list[Purchase]]
    refused: Mapping[int, list[Violation]]
    now: float


@dataclass
class Planner:
    """Makes plans.

    Args:
        vendor: The run's vendor, for rows that name none.
        model: The run's model, for rows that name none.
        digest: Hashes local and `s3://` references.
        facts: What a probe measured, by reference source.
        hosting: How references would be hosted.
        quote: Prices a request; None where the price is unknown.
        extension: The wording of shots that go on from a clip; None: their prompts stay as they are.
        fixed: Copies of references that were made to fit, by row and source.
    """

    vendor: str | None
    digest: ContentDigest
    model: str = DEFAULT_MODEL
    facts: Mapping[str, MediaFacts] = field(default_factory=dict)
    hosting: Hosting = field(default_factory=Hosting)
    quote: Callable[[ShotRequest, Model, str], Quote | None] = lambda request, model, account: None
    extension: ExtensionTemplate | None = EXTEND
    fixed: Mapping[int, Mapping[str, FixedReference]] = field(default_factory=dict)
    _checks: RepeatedChecks = field(default_factory=RepeatedChecks)

    def plan(
        self,
        reels: Mapping[str, Sequence[ManifestRow]],
        purchases: Mapping[str, Purchase],
        now: float,
        violations: Sequence[Violation] = (),
        unreadable: Sequence[Violation] = (),
    ) -> Plan:
        """Plans every reel.

        Args:
            reels: Checked rows by reel, in the order in which their clips are joined.
            purchases: The output's ledger.
            now: Unix time.
            violations: What the manifest's own check found.
            unreadable: References that cannot be read; they count only for shots that are still to be bought.
        """
        refused: dict[int, list[Violation]] = {}
        for violation in (*violations, *unreadable):
            refused.setdefault(violation.row, []).append(violation)
        known = _Known(purchases, _by_shot(purchases), refused, now)
        shots: list[Shot] = []
        with uncollected():
            for rows in reels.values():
                previous: Shot | None = None
                for row in rows:
                    takes = [self._shot(row, variant, previous, known) for variant in range(row.variants)]
                    shots += takes
                    previous = takes[0]
        own = (violation for shot in shots for violation in shot.violations)
        return Plan(shots, list(dict.fromkeys([*violations, *own])))

    def _shot(self, row: ManifestRow, variant: int, previous: Shot | None, known: _Known) -> Shot:
        parent = previous if row.written.continue_from else None
        take = (row.take - 1) * row.variants + variant + 1
        vendor = row.written.vendor or self.vendor or ""
        shot = Shot(row, take, variant, vendor, self._request(row, parent), parent=parent, now=known.now)
        shot.identity = shot_identity(
            reel=row.reel,
            shot=row.shot,
            take=take,
            row=row.written,
            digest=self.digest,
            parent=parent.identity if parent else None,
            made_with=self._made_with(row),
        )
        while (purchase := known.purchases.get(attempt_identity(shot.identity, len(shot.attempts) + 1))) is not None:
            shot.attempts.append(purchase)
        shot.fixes = {shown(source): copy.changes for source, copy in self.fixed.get(row.row, {}).items()}
        others = known.by_shot.get(row.shot_id, [])
        shot.replaces = [
            purchase.identity
            for purchase in others
            if purchase.intent and purchase.intent.take == take and not purchase.identity.startswith(shot.identity)
        ]
        if shot.standing in (Standing.DONE, Standing.RESUME):
            shot.model = self._bought_model(shot)
            return shot
        shot.violations = list(known.refused.get(row.row, ()))
        if shot.is_refused:
            return shot
        shot.violations += [
            violation.model_copy(update={"row": row.row, "shot_id": row.shot_id}) for violation in self._check(shot)
        ]
        if shot.model and not shot.is_refused:
            shot.quote = self._quote(shot, shot.model)
        return shot

    def _quote(self, shot: Shot, model: Model) -> Quote | None:
        """The price; its low bound with the shortest clip that the parent may become, its high with the longest."""
        high = self.quote(shot.complete or shot.request, model, shot.account)
        if high is None or shot.parent is None or shot.parent.request.duration_seconds != "auto":
            return high
        low = self.quote(self._with_coming_clip(shot, model.limits, shortest=True), model, shot.account)
        return Quote(low_usd=low.low_usd if low else high.low_usd, high_usd=high.high_usd)

    def _request(self, row: ManifestRow, parent: Shot | None) -> ShotRequest:
        """The row's request with the run's model, what it inherits from its parent, and measured facts."""
        request = row.written.request
        changes: dict[str, object] = {} if row.written.model else {"model": self.model}
        if parent is not None:
            for name in INHERITED:
                if getattr(request, name) is None and (value := getattr(parent.request, name)) is not None:
                    changes[name] = value
        if row.written.continue_from == "clip":
            changes["prompt"] = extension_prompt(self.extension, request.prompt)
        if request.references:
            fixed = self.fixed.get(row.row, {})
            changes["references"] = tuple(self._measured(reference, fixed) for reference in request.references)
        return request.model_copy(update=changes) if changes else request

    def _measured(self, reference: Reference, fixed: Mapping[str, FixedReference]) -> Reference:
        if (copy := fixed.get(reference.source)) is not None:
            return reference.model_copy(update={"url": str(copy.path), "facts": copy.facts})
        facts = self.facts.get(reference.source)
        return reference if facts is reference.facts else reference.model_copy(update={"facts": facts})

    def _made_with(self, row: ManifestRow) -> list[str]:
        """Names and versions of what changes the request on its way from the row."""
        labels = [FIT] if self.fixed.get(row.row) else []
        if self.extension is not None and row.written.continue_from == "clip":
            labels.append(self.extension.label)
        return labels

    def _bought_model(self, shot: Shot) -> Model | None:
        intent = shot.purchase.intent if shot.purchase else None
        if intent is None:
            return None
        try:
            adapter = adapter_named(intent.vendor)
        except UnknownVendorError:
            return None
        return next((model for model in adapter.models if model.wire == intent.wire_model), None)

    def _check(self, shot: Shot) -> list[Violation]:
        if not shot.vendor:
            return [refusal("vendor", "", "no vendor is given", "fill in the column, or give --vendor")]
        try:
            adapter = adapter_named(shot.vendor)
        except UnknownVendorError as error:
            return [refusal("vendor", shot.vendor, str(error), "use one of these")]
        chained = shot.parent is not None and shot.row.written.continue_from is not None
        request = self._with_coming_clip(shot, None) if chained else shot.request
        try:
            shot.model = adapter.model_for(request)
        except UnsupportedRequestError as error:
            return list(error.violations)
        found = list(self._check_chain(shot, shot.model.limits, adapter)) if chained else []
        limits = shot.model.limits
        if shot.tail_seconds is not None or shot.row.written.continue_from == "last_frame":
            request = self._with_coming_clip(shot, limits)
        shot.complete = request
        found += self.hosting.violations(shot.request, limits, adapter)
        hosted = tuple(self._hosted_form(reference, limits, adapter) for reference in request.references)
        if any(reference is not form for reference, form in zip(request.references, hosted, strict=True)):
            request = request.model_copy(update={"references": hosted})
        found += self._checks.violations(request, adapter, shot.model)
        # What the row itself says: the wording of an extension names a clip that is there.
        return [*found, *check_prompt(request, adapter.title, shot.row.written.request.prompt)]

    def _hosted_form(self, reference: Reference, limits: Limits, adapter: Adapter) -> Reference:
        """The reference as it will look on the wire, so that limits judge what is sent, not where it lies now."""
        if reference.scheme not in ("file", "s3") or reference.source.startswith(("clip:", "last_frame:")):
            return reference
        way = self.hosting.way(reference.role.kind, adapter, limits.media(reference.role.kind))
        url = "data:application/octet-stream;base64," if way == "inline" else "https://hosted.invalid/file"
        return reference.model_copy(update={"url": url})

    def _check_chain(self, shot: Shot, limits: Limits, adapter: Adapter) -> list[Violation]:
        parent = shot.parent
        if parent is None:
            return []
        if parent.is_refused:
            return [refusal("continue_from", "", f"the shot before it ({parent.shot_id}) is refused", "mend that one")]
        if shot.row.written.continue_from == "last_frame":
            return self._check_last_frame(parent, limits, adapter)
        return self._check_tail(shot, parent, limits, adapter)

    def _check_last_frame(self, parent: Shot, limits: Limits, adapter: Adapter) -> list[Violation]:
        if self.hosting.way("image", adapter, limits.image) or parent.request.return_last_frame:
            return []
        rule = f"{adapter.title} cannot read the last frame: it takes no inline picture and has no upload"
        return [refusal("continue_from", "last_frame", rule, "configure a ClipStore with a public_endpoint_url")]

    def _check_tail(self, shot: Shot, parent: Shot, limits: Limits, adapter: Adapter) -> list[Violation]:
        seconds = self._clip_seconds(parent)
        room = room_for_tail(limits.video, own_video_seconds(shot.request))
        try:
            shot.tail_seconds = tail_to_cut(seconds, room, shot.row.written.reference_tail_seconds)
        except UnfitClipError as error:
            return [refusal("continue_from", "clip", str(error), "drop some of the row's own reference videos")]
        untouched = shot.tail_seconds is None and adapter.parent_link_ok
        if untouched or self.hosting.way("video", adapter, limits.video):
            return []
        rule = (
            f"the previous clip lasts {seconds:.2f} s, more than fits as a reference; its end must be cut, and "
            f"{adapter.title} has no upload for the cut"
        )
        fix = "make the previous shot shorter, or configure a ClipStore (s3:// with a public_endpoint_url)"
        return [refusal("continue_from", "clip", rule, fix)]

    def _clip_seconds(self, shot: Shot, *, shortest: bool = False) -> float:
        limits = shot.model.limits if shot.model else Limits()
        duration = shot.request.duration_seconds
        if duration == "auto":
            return clip_seconds(min(limits.durations) if shortest else max(limits.durations))
        return clip_seconds(duration or limits.default_duration_seconds)

    def _with_coming_clip(self, shot: Shot, limits: Limits | None, *, shortest: bool = False) -> ShotRequest:
        """The request with the parent's coming clip in it, as small as it may be, and as long (or short)."""
        parent, kind = shot.parent, shot.row.written.continue_from
        if parent is None or kind is None:
            return shot.request
        seconds = self._clip_seconds(parent, shortest=shortest)
        if shot.tail_seconds is not None:
            seconds = min(seconds, shot.tail_seconds)
        width, height = self._coming_pixels(parent)
        facts = MediaFacts(
            kind="video" if kind == "clip" else "image",
            container="mp4" if kind == "clip" else "png",
            size_bytes=0,
            width=width,
            height=height,
            duration_seconds=seconds if kind == "clip" else None,
            fps=24.0 if kind == "clip" else None,
        )
        role = Role.REFERENCE_VIDEO if kind == "clip" else Role.FIRST_FRAME
        url = "https://coming.invalid/clip"
        if kind == "last_frame" and limits is not None and not limits.image.schemes & {"http", "https"}:
            url = "data:image/png;base64,"
        coming = Reference(role=role, source=COMING_CLIP, url=url, facts=facts)
        return shot.request.model_copy(update={"references": (coming, *shot.request.references)})

    def _coming_pixels(self, parent: Shot) -> tuple[int | None, int | None]:
        if parent.model is None:
            return None, None
        if (exact := parent.model.limits.output_pixels(parent.request)) is not None:
            return exact
        resolution = parent.request.resolution or parent.model.limits.default_resolution or ""
        sizes = PIXELS.get(resolution, {}).values()
        return min(sizes, key=lambda size: size[0] * size[1], default=(None, None))


def _by_shot(purchases: Mapping[str, Purchase]) -> dict[str, list[Purchase]]:
    found: dict[str, list[Purchase]] = {}
    for purchase in purchases.values():
        if purchase.intent and purchase.was_bought:
            found.setdefault(purchase.intent.shot_id, []).append(purchase)
    return found
