"""What there is to choose from in an output: every shot with its takes as ledger and decisions have them now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from longtake.domain.identity import first_attempt
from longtake.domain.verdicts import Verdict
from longtake.ledger.records import Purchase, State, attempts_in
from longtake.reports.run.view import ShotView
from longtake.reviews.choices import ShownShot, ShownTake
from longtake.reviews.decision import Decision, Ruling, ruling_on
from longtake.reviews.decisions import ReviewLog


def shown_shots(
    told: Iterable[ShotView],
    purchases: Mapping[str, Purchase],
    decisions: Mapping[str, Sequence[Decision]],
    now: float,
) -> dict[str, ShownShot]:
    """Every shot of an output with its takes, by `shot_id`.

    Args:
        told: The shots of the output's report: they tell which purchases its rows ask for now.
        purchases: The ledger; of shots that no report tells of, the highest take counts.
        decisions: People's, by `shot_id`.
        now: Unix time.
    """
    views: dict[str, list[ShotView]] = defaultdict(list)
    for view in told:
        views[view.shot_id].append(view)
    identities = {shot_id: list(enumerate((view.identity for view in each), 1)) for shot_id, each in views.items()}
    for shot_id, each in _by_the_ledger(purchases, identities.keys()).items():
        identities[shot_id] = each
    shots: dict[str, ShownShot] = {}
    for shot_id, each in identities.items():
        latest = _latest(each, purchases)
        if not latest:
            continue
        view = views[shot_id][0] if shot_id in views else None
        reel, _, shot = (view.reel, "", view.shot) if view is not None else shot_id.rpartition("/")
        ruling = ruling_on({one.identity: one.clip_sha256 for _, one in latest}, decisions.get(shot_id, ()), now)
        shots[shot_id] = ShownShot(
            shot_id=shot_id,
            folder=ReviewLog.folder(reel, shot),
            take=_row_take(latest[0][1]),
            takes=tuple(_take(number, one, views.get(shot_id, ()), now) for number, one in latest),
            ruling=in_force(ruling),
        )
    return shots


def _take(number: int, purchase: Purchase, views: Sequence[ShotView], now: float) -> ShownTake:
    told = views[number - 1].take if len(views) >= number else purchase.intent.take if purchase.intent else None
    return ShownTake(number, purchase.identity, purchase.clip_sha256, _word(purchase, now), told)


def in_force(ruling: Ruling) -> Decision | None:
    """The decision of a ruling, where it counts."""
    return ruling.decision if ruling.counts else None


def _latest(numbered: Iterable[tuple[int, str]], purchases: Mapping[str, Purchase]) -> list[tuple[int, Purchase]]:
    attempts = ((number, attempts_in(identity, purchases)) for number, identity in numbered)
    return [(number, each[-1]) for number, each in attempts if each]


def _by_the_ledger(purchases: Mapping[str, Purchase], known: Collection[str]) -> dict[str, list[tuple[int, str]]]:
    """The takes of shots that no report tells of: of the highest take, the latest purchase of each variant."""
    found: dict[str, dict[tuple[int, int], Purchase]] = defaultdict(dict)
    for one in sorted(purchases.values(), key=lambda each: each.intent.at if each.intent else 0.0):
        if one.intent is not None and one.is_charged and one.shot_id not in known:
            found[one.shot_id][_row_take(one), one.intent.variant or 1] = one
    takes: dict[str, list[tuple[int, str]]] = {}
    for shot_id, bought in found.items():
        highest = max(take for take, _ in bought)
        own = sorted((variant, one) for (take, variant), one in bought.items() if take == highest)
        takes[shot_id] = [(variant, first_attempt(one.identity)) for variant, one in own]
    return takes


def _row_take(purchase: Purchase) -> int:
    intent = purchase.intent
    return (intent.row_take or intent.take) if intent is not None else 1


def _word(purchase: Purchase, now: float) -> str:
    if purchase.clip is not None:
        return Verdict.DONE.value
    if purchase.verdict is not None:
        return purchase.verdict.verdict.value
    is_open = purchase.state(now) in (State.UNKNOWN, State.UNREADABLE)
    return (Verdict.UNKNOWN_OUTCOME if is_open else Verdict.STILL_RUNNING).value
