"""What a run comes to: how many shots ended how, and what wants a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from longtake.domain.text import one_line
from longtake.domain.verdicts import Verdict
from longtake.reports.run.view import ReportView, ShotView

Tone = Literal["good", "busy", "idle", "care", "bad"]

VERDICTS: dict[str, tuple[str, Tone]] = {
    Verdict.DONE: ("Done", "good"),
    "downloading": ("Downloading", "busy"),
    "running": ("Running", "busy"),
    "queued": ("Queued", "busy"),
    "waiting": ("Waiting", "idle"),
    Verdict.NOT_STARTED: ("Not started", "idle"),
    Verdict.BLOCKED: ("Blocked", "idle"),
    Verdict.STILL_RUNNING: ("Still running", "care"),
    Verdict.HELD: ("Held", "care"),
    Verdict.UNKNOWN_OUTCOME: ("Unknown outcome", "care"),
    Verdict.REFUSED: ("Refused", "bad"),
    Verdict.CONTENT_REFUSED: ("Content refused", "bad"),
    Verdict.BAD_CLIP: ("Bad clip", "bad"),
    Verdict.FAILED: ("Failed", "bad"),
    Verdict.CANCELLED: ("Cancelled", "bad"),
    Verdict.LOST: ("Lost", "bad"),
}
"""Every verdict's words and tone, from the best to the worst."""

_QUIET = {Verdict.DONE.value, "downloading", "running", "queued", "waiting"}
_MONEY_FIRST = [Verdict.UNKNOWN_OUTCOME.value, Verdict.LOST.value]


def verdict_words(verdict: str) -> tuple[str, Tone]:
    """A verdict's label and tone; an unheard-of one shows as it is."""
    return VERDICTS.get(verdict, (one_line(verdict[:40]).replace("_", " ") or "Unknown", "care"))


@dataclass(frozen=True)
class VerdictCount:
    """How many shots have a verdict."""

    verdict: str
    label: str
    tone: Tone
    count: int


def verdict_counts(view: ReportView) -> list[VerdictCount]:
    """The verdicts that occur, from the best to the worst."""
    counts = Counter(shot.verdict for shot in view.shots)
    order = {verdict: place for place, verdict in enumerate(VERDICTS)}
    return [
        VerdictCount(verdict, *verdict_words(verdict), counts[verdict])
        for verdict in sorted(counts, key=lambda name: (order.get(name, len(order)), name))
    ]


@dataclass(frozen=True)
class Concern:
    """Shots of one verdict that want a person: the most frequent reason and next action, and how many others."""

    verdict: str
    label: str
    tone: Tone
    count: int
    reason: str
    other_reasons: int
    next_action: str


def concerns(view: ReportView) -> list[Concern]:
    """What wants a person: open money first, mere consequences last, then the most frequent.

    Shots not yet begun count when the run is over.
    """
    waiting = (
        set() if view.finished else {Verdict.NOT_STARTED.value, Verdict.BLOCKED.value, Verdict.STILL_RUNNING.value}
    )
    groups: dict[str, list[ShotView]] = {}
    for shot in view.shots:
        if shot.verdict not in _QUIET | waiting:
            groups.setdefault(shot.verdict, []).append(shot)
    found = [_concern(verdict, shots) for verdict, shots in groups.items()]
    return sorted(found, key=_urgency)


def _urgency(concern: Concern) -> tuple[bool, bool, int, str]:
    return concern.verdict not in _MONEY_FIRST, concern.tone == "idle", -concern.count, concern.verdict


def _concern(verdict: str, shots: list[ShotView]) -> Concern:
    reasons = Counter(shot.evidence for shot in shots if shot.evidence)
    actions = Counter(shot.next_action for shot in shots if shot.next_action)
    reason = reasons.most_common(1)[0][0] if reasons else ""
    action = actions.most_common(1)[0][0] if actions else ""
    return Concern(verdict, *verdict_words(verdict), len(shots), reason, max(0, len(reasons) - 1), action)
