"""Judging a shot at each of several vendors: who is left out, in which order the others are tried, what holds for all.

A name that nobody has refuses the row, for a slip of the pen must not silently make a pool smaller. Any other vendor
that cannot honour the row is left out with a warning, and the row is refused only where nobody is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from longtake.accounts.account import account_name
from longtake.costs.quote import Quote, bounds
from longtake.domain.violations import Violation, caution, refusal
from longtake.planning.assess import Assessment, ShotSpec, TermsBook
from longtake.planning.options import Route
from longtake.planning.pools.candidates import Candidate
from longtake.vendors import VENDORS

NO_KEY_FIX = "save its credentials, or take it out of the cell"


class Judgement(NamedTuple):
    """Who can honour a shot, in the order in which they are tried, the bounds of its price, and what was found.

    `refused` holds the terms of the first vendor where nobody can.
    """

    candidates: tuple[Candidate, ...]
    quote: Quote | None
    violations: tuple[Violation, ...]
    refused: Assessment | None = None

    @property
    def choice(self) -> tuple[Candidate, ...]:
        """Those among whom there is one; none where a single vendor is left."""
        return self.candidates if len(self.candidates) > 1 else ()


@dataclass
class PoolJudge:
    """Judges shots whose row or run names several vendors.

    Args:
        book: Works out the terms at one of them.
        route: Who is tried first.
        keyless: Accounts without credentials.
    """

    book: TermsBook
    route: Route = "prefer"
    keyless: Collection[str] = ()
    _known: dict[tuple[int, ...], tuple[Sequence[Assessment], Judgement]] = field(default_factory=dict)

    def judge(self, wanted: ShotSpec, vendors: Sequence[str]) -> Judgement:
        """Who of these vendors can honour a shot.

        Args:
            wanted: What is asked; its vendor and account do not count.
            vendors: As written, each `vendor` or `vendor/NAME`.
        """
        if strangers := [name for name in vendors if name.partition("/")[0] not in VENDORS]:
            known = [name for name in vendors if name not in strangers]
            rest = self.judge(wanted, known) if known else None
            found = (*map(_unknown, strangers), *(_refusals(rest.violations) if rest else ()))
            return Judgement((), None, found, rest.refused if rest else None)
        asked = [name for name in vendors if account_name(name) not in self.keyless] or list(vendors)
        terms = [self.book.terms(wanted._replace(vendor=name, account=account_name(name))) for name in asked]
        if any(each.violations for each in terms):
            return self._chosen(asked, terms, [name for name in vendors if name not in asked])
        # Shots that are alike share their terms, and so who can honour them.
        key = tuple(map(id, terms))
        if key not in self._known:
            self._known[key] = terms, self._chosen(asked, terms, ())
        return self._known[key][1]

    def _chosen(self, vendors: Sequence[str], terms: Sequence[Assessment], keyless: Iterable[str]) -> Judgement:
        at = dict(zip(vendors, terms, strict=True))
        candidates = [
            Candidate(vendor, each.model, each.tail_seconds, each.quote, each.brings)
            for vendor, each in at.items()
            if each.model is not None and not each.is_refused
        ]
        if not candidates:
            return Judgement((), None, (*_each_said(at), *map(_without_key, keyless)), terms[0])
        if self.route == "cheapest":
            candidates.sort(key=lambda each: float("inf") if each.quote is None else each.quote.high_usd)
        left_out = [_left_out(vendor, each) for vendor, each in at.items() if each.is_refused]
        stand = {each.vendor: at[each.vendor] for each in candidates}
        quote = bounds(each.quote for each in candidates)
        return Judgement(tuple(candidates), quote, (*left_out, *_each_said(stand)))


def _refusals(found: Iterable[Violation]) -> list[Violation]:
    return [violation for violation in found if not violation.warning]


def _unknown(vendor: str) -> Violation:
    name = vendor.partition("/")[0]
    near = get_close_matches(name.lower(), VENDORS, n=1)
    rule = f"there is no vendor {name!r}; known are {', '.join(VENDORS)}"
    return refusal("vendor", vendor, rule, f"write {near[0]}" if near else "use one of these")


def _without_key(vendor: str) -> Violation:
    return refusal("vendor", vendor, "there is no key for it", NO_KEY_FIX)


def _left_out(vendor: str, terms: Assessment) -> Violation:
    """Why one of several vendors is not asked for a shot."""
    refusals = _refusals(terms.violations)
    why = "; ".join(f"{each.column} = {each.value!r}: {each.rule}" for each in refusals)
    fix = " and ".join(dict.fromkeys(each.fix for each in refusals))
    return caution("vendor", vendor, f"it cannot honour the row and is left out: {why}", f"{fix}, or take it out")


def _each_said(terms: Mapping[str, Assessment]) -> list[Violation]:
    """What was found at each vendor, said of it; once and plainly where all found the same."""
    holders: dict[Violation, list[str]] = {}
    for vendor, each in terms.items():
        for violation in each.violations:
            holders.setdefault(violation, []).append(vendor)
    return [
        violation
        if len(vendors) == len(terms)
        else violation.model_copy(update={"rule": f"{', '.join(vendors)}: {violation.rule}"})
        for violation, vendors in holders.items()
    ]
