"""An output's shots by what people decided since the last run told of them, and its rows, which are what is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from longtake.domain.identity import next_attempt
from longtake.domain.verdicts import Verdict
from longtake.reports.run.view import ShotView

_REJECTED = "rejected"
"""How the evidence of a shot begins that a person rejected."""


def as_decided(shots: Sequence[ShotView]) -> list[ShotView]:
    """The shots of one reel, in its order, with what decisions say of them now in place of what the last run said."""
    rows = {row.shot_id: row for row in map(_own, rows_of(shots))}
    found: list[ShotView] = []
    for shot in shots:
        row = rows[shot.shot_id]
        above = list(_above(row, rows))
        if row.review == _REJECTED:
            verdict, evidence = Verdict.BAD_CLIP.value, row.ruling
        elif _is_stale(shot, above):
            verdict, evidence = _behind(above) or (shot.verdict, shot.evidence)
        else:
            own = _own(shot)
            verdict, evidence = own.verdict, own.evidence
        found.append(shot.model_copy(update={"verdict": verdict, "evidence": evidence}))
    return found


def rows_of(shots: Iterable[ShotView]) -> list[ShotView]:
    """One shot for each row: the take that counts, with what is told of all of the row's takes."""
    takes: dict[tuple[str, str], list[ShotView]] = {}
    for shot in shots:
        takes.setdefault((shot.reel, shot.shot_id), []).append(shot)
    return [_row(each) for each in takes.values()]


def next_step(row: ShotView) -> str:
    """What a person can do about a row that was rejected."""
    attempts = (next_attempt(take.purchase).rpartition("-")[2] for take in row.takes if take.sha256)
    highest = max((int(number) for number in attempts), default=2)
    other = "choose another" if len(row.takes) > 1 else "approve it after all"
    return f"{other}, raise `take`, or --max-attempts {highest}"


def _row(takes: Sequence[ShotView]) -> ShotView:
    first = takes[0]
    shown = next((take for take in takes if take.is_in_film), first)
    chosen = next((take for take in takes if first.chosen is not None and take.variant == first.chosen - 1), shown)
    told = ("is_reviewed", "review", "takes", "chosen", "ruling", "follows", "follows_low_usd", "follows_high_usd")
    return chosen.model_copy(update={name: getattr(first, name) for name in told})


def _own(shot: ShotView) -> ShotView:
    """A shot whose clip is here, and of which a rejection was taken back, is done."""
    was_rejected = shot.verdict == Verdict.BAD_CLIP.value and shot.evidence.startswith(_REJECTED)
    if was_rejected and shot.review != _REJECTED and shot.clip:
        return shot.model_copy(update={"verdict": Verdict.DONE.value, "evidence": ""})
    return shot


def _above(row: ShotView, rows: dict[str, ShotView]) -> Iterator[ShotView]:
    """The rows that a row continues, the nearest first."""
    seen = {row.shot_id}
    while (parent := rows.get(row.continues_from)) is not None and parent.shot_id not in seen:
        seen.add(parent.shot_id)
        yield parent
        row = parent


def _is_stale(shot: ShotView, above: Sequence[ShotView]) -> bool:
    """Whether what the last run said of a shot was about decisions on those before it."""
    if shot.verdict == Verdict.AWAITING_REVIEW.value:
        return True
    if shot.verdict != Verdict.BLOCKED.value or not above:
        return False
    if shot.evidence.startswith(f"{above[0].shot_id} is {Verdict.BLOCKED}"):
        return _is_stale(above[0], above[1:])
    words = (f": {_REJECTED}", f" is {Verdict.BAD_CLIP}")
    decided = [each for each in above if each.review == _REJECTED or each.facts.is_done]
    return any(shot.evidence.startswith(f"{each.shot_id}{how}") for each in decided for how in words)


def _behind(above: Sequence[ShotView]) -> tuple[str, str] | None:
    """Verdict and reason of a shot that was held by a decision, by those before it; None where they tell nothing."""
    for each in reversed(above):
        if each.review == _REJECTED:
            return Verdict.BLOCKED.value, f"{each.shot_id}: {each.ruling}"
        if each.is_waiting:
            return Verdict.AWAITING_REVIEW.value, f"{each.shot_id}: a person's decision is missing"
    decided = [each.shot_id for each in above if each.review == "chosen"]
    return (Verdict.NOT_STARTED.value, f"{decided[0]} is decided; the next render goes on") if decided else None
