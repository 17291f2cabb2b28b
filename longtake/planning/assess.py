"""The terms on which a shot is bought: who makes it, what of the previous clip goes in, what it costs, what forbids it.

Rows of a manifest share nearly everything but their prompt, so terms that allow a shot are worked out once for all
shots of one make-up. Where anything is found, each shot is looked at for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from longtake._speed import Memo
from longtake.accounts.hosting import Hosting
from longtake.costs.quote import Quote, bounds
from longtake.domain.errors import UnknownVendorError, UnsupportedRequestError
from longtake.domain.identity import Continuation
from longtake.domain.request import Reference, ShotRequest, option_values
from longtake.domain.violations import Violation, refusal
from longtake.planning.coming_clip import (
    COMING_CLIP,
    ComingClip,
    coming_clip,
    fitting_tail,
    unreachable,
    with_coming_clip,
)
from longtake.planning.prompts import check_prompt, speaks_of_media
from longtake.vendors import VENDORS, Adapter, Model, adapter_named
from longtake.vendors.limits import MB, Limits, check_prompt_length

PriceOf = Callable[[ShotRequest, Model, str], Quote | None]
"""The price of a request for a model at an account (`vendor/document`), None where it is unknown."""

LONG_PROMPT_CHARACTERS, LONG_ADDRESS_CHARACTERS = 100_000, 2_000
"""Above them a request's size counts against the limit of its body."""
_PARENT = "the shot before it"
MADE_HERE = ("clip:", "last_frame:")


class ShotSpec(NamedTuple):
    """What is asked for one shot.

    Args:
        request: The request, without the clip that it goes on from.
        prompt: The prompt as the row has it, before any wording of ours.
        vendor: As written, or the run's; "" where none is given.
        account: `vendor/document`.
        how: How it goes on from the shot before it, None where it stands alone.
        tail_seconds: How much of the previous clip is wanted.
        parents: What the shot before it brings, where it goes on from one; several where it may be made at several
            accounts.
        refused_parent: The `shot_id` of that shot where it is refused, else "".
    """

    request: ShotRequest
    prompt: str
    vendor: str
    account: str
    how: Continuation | None = None
    tail_seconds: float | None = None
    parents: tuple[ComingClip, ...] = ()
    refused_parent: str = ""

    @property
    def parent(self) -> ComingClip | None:
        """The clip that it goes on from, where there is one only."""
        return self.parents[0] if self.parents else None


class Assessment(NamedTuple):
    """What holds for a shot; `tail_seconds` is set where only the end of the previous clip goes in."""

    model: Model | None = None
    tail_seconds: float | None = None
    quote: Quote | None = None
    brings: ComingClip | None = None
    violations: tuple[Violation, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether the shot cannot be had; warnings do not count."""
        return bool(self.violations) and any(not violation.warning for violation in self.violations)


@dataclass
class TermsBook:
    """Works out terms.

    Args:
        hosting: How references would be hosted.
        price_of: Prices requests.
    """

    hosting: Hosting
    price_of: PriceOf
    _known: dict[Hashable, Assessment] = field(default_factory=dict)
    _forms: Memo[tuple[Reference, ...], tuple[Hashable, ...] | None] = field(default_factory=lambda: Memo(forms))

    def terms(self, wanted: ShotSpec) -> Assessment:
        """The terms of a shot."""
        key = self._make_up(wanted)
        known = self._known.get(key) if key is not None else None
        if known is not None and known.model is not None and self._fits_too(wanted, known, known.model):
            return known
        terms = self._worked_out(wanted)
        if key is not None and not terms.violations and _has_room(terms.model):
            self._known[key] = terms
        return terms

    def _fits_too(self, wanted: ShotSpec, known: Assessment, model: Model) -> bool:
        """Whether a request like one that is fine is fine itself: by its prompt, and by the vendor's own rules."""
        if not _prompt_fits(wanted, model):
            return False
        adapter = adapter_named(wanted.vendor)
        if type(adapter).extra_violations is Adapter.extra_violations:
            return True
        # Nobody but the vendor knows what its rules look at.
        request = _whole(wanted, model.limits, known.tail_seconds)
        return not adapter.extra_violations(self._as_sent(request, model.limits, adapter), model)

    def _make_up(self, wanted: ShotSpec) -> Hashable | None:
        """All that decides about a shot but the words of its prompt; None: it is looked at for itself."""
        request = wanted.request
        forms = self._forms(request.references)
        if forms is None or len(request.prompt) > LONG_PROMPT_CHARACTERS or wanted.refused_parent:
            return None
        has_prompt = bool(request.prompt.strip())
        going_on = (wanted.how, wanted.tail_seconds, wanted.parents)
        return wanted.vendor, wanted.account, has_prompt, request.model, option_values(request), forms, going_on

    def _worked_out(self, wanted: ShotSpec) -> Assessment:
        if not wanted.vendor:
            return _refused(refusal("vendor", "", "no vendor is given", "fill in the column, or give --vendor"))
        if len(wanted.parents) > 1:
            return _for_all([self.terms(wanted._replace(parents=(clip,))) for clip in wanted.parents])
        try:
            adapter = adapter_named(wanted.vendor)
        except UnknownVendorError as error:
            # The rest of the row is judged by the vendor that was probably meant: all problems are told at once.
            meant = get_close_matches(wanted.vendor.split("/", 1)[0], VENDORS, n=1)
            rest = self.terms(wanted._replace(vendor=meant[0])).violations if meant else ()
            return _refused(refusal("vendor", wanted.vendor, str(error), "use one of these"), *rest)
        request = _whole(wanted)
        try:
            model = adapter.model_for(request)
        except UnsupportedRequestError as error:
            return _refused(*error.violations)
        tail, found = self._goes_on(wanted, model.limits, adapter)
        request = _whole(wanted, model.limits, tail)
        found += self.hosting.violations(wanted.request, model.limits, adapter)
        found += adapter.violations(self._as_sent(request, model.limits, adapter))
        # What the row itself says: the wording of an extension names a clip that is there.
        found += check_prompt(request, adapter.title, wanted.prompt)
        found = _in_the_rows_words(found, wanted)
        terms = Assessment(model, tail, None, coming_clip(wanted.request, model), tuple(found))
        return terms if terms.is_refused else terms._replace(quote=self._quote(wanted, request, model, tail))

    def _goes_on(self, wanted: ShotSpec, limits: Limits, adapter: Adapter) -> tuple[float | None, list[Violation]]:
        """The tail of the previous clip that goes in, and why the shot cannot go on from it."""
        if wanted.how is None or wanted.parent is None:
            return None, []
        if wanted.refused_parent:
            rule = f"{_PARENT} ({wanted.refused_parent}) is refused"
            return None, [refusal("continue_from", wanted.how, rule, "mend that one")]
        tail: float | None = None
        if wanted.how == "clip":
            tail, found = fitting_tail(wanted.request, wanted.parent, wanted.tail_seconds, limits)
            if found:
                return None, found
        return tail, unreachable(wanted.parent, wanted.how, tail, limits=limits, adapter=adapter, hosting=self.hosting)

    def _as_sent(self, request: ShotRequest, limits: Limits, adapter: Adapter) -> ShotRequest:
        """The request with references as they will look on the wire: limits judge what is sent, not where it lies."""
        sent = tuple(self._reference_as_sent(reference, limits, adapter) for reference in request.references)
        return request.model_copy(update={"references": sent})

    def _reference_as_sent(self, reference: Reference, limits: Limits, adapter: Adapter) -> Reference:
        kind = reference.role.kind
        if reference.scheme != "asset" and self.hosting.registers(kind, adapter, limits.media(kind)):
            return reference.model_copy(update={"url": "asset://registered"})
        if reference.scheme not in ("file", "s3") or reference.source.startswith(MADE_HERE):
            return reference
        way = self.hosting.way(kind, adapter, limits.media(kind))
        url = "data:application/octet-stream;base64," if way == "inline" else "https://hosted.invalid/file"
        return reference.model_copy(update={"url": url})

    def _quote(self, wanted: ShotSpec, request: ShotRequest, model: Model, tail: float | None) -> Quote | None:
        """The price; its low bound with the shortest clip that the parent may become, its high with the longest."""
        high = self.price_of(request, model, wanted.account)
        if high is None or wanted.parent is None or wanted.parent.shortest_seconds == wanted.parent.longest_seconds:
            return high
        low = self.price_of(_whole(wanted, model.limits, tail, shortest=True), model, wanted.account)
        return Quote(low_usd=low.low_usd if low else high.low_usd, high_usd=high.high_usd)


def _for_all(cases: Sequence[Assessment]) -> Assessment:
    """The terms that hold whichever clip a shot goes on from: every violation, the shortest tail, bounds over all."""
    first = cases[0]
    tails = [case.tail_seconds for case in cases if case.tail_seconds is not None]
    violations = dict.fromkeys(violation for case in cases for violation in case.violations)
    quote = bounds(case.quote for case in cases)
    return Assessment(first.model, min(tails, default=None), quote, first.brings, tuple(violations))


def forms(references: tuple[Reference, ...]) -> tuple[Hashable, ...] | None:
    """What of references decides; None: plain http is judged by its host, inline data by its head and length."""
    alike = all(
        reference.scheme not in ("http", "data")
        and len(reference.wire_url) <= LONG_ADDRESS_CHARACTERS
        and not reference.source.startswith(MADE_HERE)
        for reference in references
    )
    return tuple((each.role, each.scheme, each.facts) for each in references) if alike else None


def _has_room(model: Model | None) -> bool:
    """Whether no request of an ordinary size can be too large for the model."""
    return model is not None and (model.limits.max_body_bytes is None or model.limits.max_body_bytes >= MB)


def _whole(
    wanted: ShotSpec, limits: Limits | None = None, tail_seconds: float | None = None, *, shortest: bool = False
) -> ShotRequest:
    """The request with the coming clip in it, where there is one."""
    if wanted.how is None or wanted.parent is None:
        return wanted.request
    inline = limits is not None and not limits.image.schemes & {"http", "https"}
    return with_coming_clip(
        wanted.request, wanted.parent, wanted.how, tail_seconds=tail_seconds, inline=inline, shortest=shortest
    )


def _prompt_fits(wanted: ShotSpec, model: Model) -> bool:
    """Whether the prompt breaks no rule in a request that is fine but for it."""
    if any(check_prompt_length(wanted.request, model.limits)):
        return False
    return not speaks_of_media(wanted.prompt) or not check_prompt(_whole(wanted), model.wire, wanted.prompt)


def parent_is_refused(violation: Violation) -> bool:
    """Whether a violation says no more than that the shot before is refused."""
    return violation.column == "continue_from" and violation.rule.startswith(f"{_PARENT} (")


def _in_the_rows_words(found: Iterable[Violation], wanted: ShotSpec) -> list[Violation]:
    """What is wrong with the coming clip, told of the cell that asks for it; nothing where its own shot is refused."""
    told: list[Violation] = []
    for violation in found:
        if violation.value != COMING_CLIP:
            told.append(violation)
        elif not wanted.refused_parent:
            told.append(violation.model_copy(update={"column": "continue_from", "value": wanted.how or ""}))
    return told


def _refused(*violations: Violation) -> Assessment:
    return Assessment(violations=violations)
