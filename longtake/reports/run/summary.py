"""What a run comes to: how many shots ended how, and what wants a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from longtake.domain.verdicts import ShotStage, Tone, Verdict, facts_of
from longtake.reports.run.reasons import Category, categories
from longtake.reports.run.view import ReportView, ShotView

_DONE = [verdict for verdict in Verdict if verdict.facts.is_done]
_ORDER = {word.value: place for place, word in enumerate(dict.fromkeys([*_DONE, *ShotStage, *Verdict]))}
"""From the best to the worst: a shot under way stands after those that are done."""


MOST_REASONS = 5
_Told: TypeAlias = "tuple[str, str]"
"""A shot's evidence and next action."""


@dataclass(frozen=True)
class VerdictCount:
    """How many shots have a verdict."""

    verdict: str
    label: str
    tone: Tone
    count: int


def verdict_counts(view: ReportView) -> list[VerdictCount]:
    """The verdicts that occur, from the best to the worst."""
    return counted(view.shots)


def counted(shots: Iterable[ShotView]) -> list[VerdictCount]:
    """The verdicts of these shots, from the best to the worst."""
    counts = Counter(shot.verdict for shot in shots)
    return [
        VerdictCount(verdict, facts_of(verdict).label, facts_of(verdict).tone, counts[verdict])
        for verdict in sorted(counts, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
    ]


@dataclass(frozen=True)
class Concern:
    """Shots of one verdict that want a person: their reasons by kind, and the most frequent next action.

    `reasons` has the most frequent kinds, `other_reasons` how many further there are.
    """

    verdict: str
    label: str
    tone: Tone
    count: int
    reasons: tuple[Category, ...]
    other_reasons: int
    next_action: str


def concerns(view: ReportView) -> list[Concern]:
    """What wants a person: open money first, mere consequences last, then the most frequent.

    Shots not yet begun count when the run is over.
    """
    shown = {"at once", "at the end"} if view.finished else {"at once"}
    groups: dict[str, list[_Told]] = {}
    for shot in view.shots:
        if shot.facts.shown_as_concern in shown:
            groups.setdefault(shot.verdict, []).append((shot.evidence, shot.next_action))
    found = [_concern(verdict, told) for verdict, told in groups.items()]
    return sorted(found, key=_urgency)


def _urgency(concern: Concern) -> tuple[bool, bool, int, str]:
    return facts_of(concern.verdict).open_money != "in doubt", concern.tone == "idle", -concern.count, concern.verdict


def _concern(verdict: str, told: list[_Told]) -> Concern:
    reasons = categories(evidence for evidence, _ in told)
    actions = Counter(action for _, action in told if action)
    action = actions.most_common(1)[0][0] if actions else ""
    facts, shown = facts_of(verdict), tuple(reasons[:MOST_REASONS])
    return Concern(verdict, facts.label, facts.tone, len(told), shown, len(reasons) - len(shown), action)
