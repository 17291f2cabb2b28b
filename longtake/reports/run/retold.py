"""What a report told before, read again whatever release wrote it, and brought up to what the ledger tells now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from itertools import chain
from typing import IO, Any, BinaryIO, TextIO, TypeAlias, TypeVar, cast

from pydantic import ValidationError

from longtake._speed import Packed
from longtake.costs.usage import is_charged_but_failed
from longtake.domain.identity import first_attempt
from longtake.domain.verdicts import Outcome, ShotStage, Verdict
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase, attempts_in
from longtake.reports.figures import total_of
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals, VendorTotals

MOST_REPAIRS = 50
_READ_CHARACTERS = 1 << 16
_REELS = '"reels":['
_DECODER = json.JSONDecoder()

T = TypeVar("T", bound=Totals)
Pairs: TypeAlias = "list[tuple[ShotView, Sequence[Purchase]]]"


def read_view(file: BinaryIO) -> ReportView | None:
    """A report's data, also from another release: what this one does not know or cannot read is left out.

    Its reels are read one after the other and held packed, as `ReportView.json_pieces` wrote them.

    Returns:
        None where it is no report at all.
    """
    try:
        return _read_by_reels(file)
    except (ValueError, RecursionError):  # of another release, of another hand, or torn
        file.seek(0)
        return _read_whole(file.read())


def _read_by_reels(file: BinaryIO) -> ReportView:
    """As this release writes it.

    Raises:
        ValueError: It was written otherwise.
    """
    texts = TextIOWrapper(cast("IO[bytes]", file), encoding="utf-8")
    try:
        reels = Packed[ReelView]()
        head, field, rest = "", "", ""
        while not field:
            if not (text := texts.read(_READ_CHARACTERS)):
                raise ValueError("no reels")
            head, field, rest = (head + text).partition(_REELS)
        while not rest.startswith("]"):
            told, rest = _first_value(rest, texts)
            reels.append(ReelView.model_validate(told))
            rest = rest.removeprefix(",")
        return ReportView.model_validate_json(head + field + rest + texts.read()).with_reels(reels)
    finally:
        texts.detach()


def _first_value(text: str, texts: TextIO) -> tuple[object, str]:
    """The JSON value that a text begins with, and the text behind it and one mark more; it is read on where it ends."""
    while True:
        try:
            told, end = _DECODER.raw_decode(text)
            if end < len(text):
                return told, text[end:]
        except ValueError:
            pass
        if not (more := texts.read(max(_READ_CHARACTERS, len(text)))):
            raise ValueError("torn")
        text += more


def _read_whole(data: bytes) -> ReportView | None:
    try:
        told: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for _ in range(MOST_REPAIRS):
        try:
            return ReportView.model_validate(told)
        except ValidationError as error:
            places = [each["loc"] for each in error.errors(include_url=False, include_input=False)]
            repaired = [_left_out(told, place) for place in dict.fromkeys(places)]
            if not any(repaired):
                return None
    return None


def _left_out(told: object, place: Sequence[int | str]) -> bool:
    """Takes the member at a place out of its object, or the entry out of its list; False where there is none."""
    for step in place[:-1]:
        try:
            told = cast(Any, told)[step]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(told, dict) and place and place[-1] in told:
        del told[place[-1]]
        return True
    return False


def brought_up_to_date(view: ReportView, ledger: Ledger) -> ReportView:
    """The report with what was downloaded or ended since, by `longtake reconcile`: shots, counts, money, links."""
    reels, pairs = _retold_reels(view.reels, ledger.load())
    vendors = [_recounted(one, [pair for pair in pairs if pair[0].vendor == one.vendor]) for one in view.by_vendor]
    return view.model_copy(update={"reels": reels, "totals": _recounted(view.totals, pairs), "by_vendor": vendors})


def _retold_reels(told: Sequence[ReelView], purchases: Mapping[str, Purchase]) -> tuple[list[ReelView], Pairs]:
    """Reels as the ledger has them now, and their shots, each with its purchases."""
    by_job = {one.accepted.job.job_id: one.identity for one in purchases.values() if one.accepted}

    def attempts(shot: ShotView) -> list[Purchase]:
        identity = shot.identity or first_attempt(by_job.get(shot.job_id, ""))
        return attempts_in(identity, purchases) if identity else []

    reels: list[ReelView] = []
    pairs: Pairs = []
    for reel in told:
        bought = [attempts(shot) for shot in reel.shots]
        shots = [_retold(shot, own) for shot, own in zip(reel.shots, bought, strict=True)]
        pairs += zip(shots, bought, strict=True)
        changes: dict[str, object] = {"shots": shots}
        if shots != reel.shots and all(shot.facts.is_done for shot in shots) and not reel.film:
            changes["note"] = "all its clips are here; run again to make the reel"
        reels.append(reel.model_copy(update=changes))
    return reels, pairs


def with_replaced(view: ReportView, purchases: Mapping[str, Purchase]) -> ReportView:
    """The report with the money of purchases that no shot of it stands for: replaced takes, rows that were changed."""
    shown, jobs = set[str](), set[str]()
    for shot in (shot for reel in view.reels for shot in reel.shots):
        (shown if shot.identity else jobs).add(shot.identity or shot.job_id)
    left = [purchases[identity] for identity in purchases if first_attempt(identity) not in shown]
    left = [one for one in left if one.is_charged and not (one.accepted and one.accepted.job.job_id in jobs)]
    by_vendor: dict[str, list[Purchase]] = {}
    for one in left:
        if one.intent is not None:
            by_vendor.setdefault(one.intent.account.removesuffix("/default"), []).append(one)
    vendors = {one.vendor: one for one in view.by_vendor}
    for vendor, own in by_vendor.items():
        told = vendors.get(vendor, VendorTotals(vendor=vendor, done=0, all=0, **_NOTHING))
        vendors[vendor] = _with_spent(told, own)
    return view.model_copy(update={"totals": _with_spent(view.totals, left), "by_vendor": list(vendors.values())})


def _with_spent(totals: T, purchases: Sequence[Purchase]) -> T:
    """The totals with what these purchases cost."""
    intents = [one.intent for one in purchases if one.intent is not None]
    low, high = total_of(one.price_low_usd for one in intents), total_of(one.price_high_usd for one in intents)
    return totals.model_copy(
        update={
            "spent_low_usd": total_of((totals.spent_low_usd, low)),
            "spent_high_usd": total_of((totals.spent_high_usd, high)),
            "projected_low_usd": total_of((totals.projected_low_usd, low)),
            "projected_high_usd": total_of((totals.projected_high_usd, high)),
        }
    )


def with_other_reels(view: ReportView, before: ReportView | None, purchases: Mapping[str, Purchase]) -> ReportView:
    """The report of a manifest, with the reels that the output's report told of other manifests after its own."""
    own = {reel.name for reel in view.reels}
    others = [reel for reel in before.reels if reel.name not in own] if before else []
    if not others:
        return view
    reels, pairs = _retold_reels(others, purchases)
    vendors = {one.vendor: one for one in view.by_vendor}
    for vendor in dict.fromkeys(shot.vendor for shot, _ in pairs):
        told = vendors.get(vendor, VendorTotals(vendor=vendor, done=0, all=0, **_NOTHING))
        vendors[vendor] = _added(told, [pair for pair in pairs if pair[0].vendor == vendor])
    changes = {"totals": _added(view.totals, pairs), "by_vendor": list(vendors.values())}
    return view.model_copy(update=changes).with_reels(Packed(chain(view.reels, reels)))


_NOTHING = dict.fromkeys(
    ("spent_low_usd", "spent_high_usd", "projected_low_usd", "projected_high_usd", "charged_but_failed_usd"), 0.0
)


def _added(totals: T, pairs: Pairs) -> T:
    """The totals with other shots in them; what those may still cost is not this run's."""
    other = _recounted(Totals(done=0, all=len(pairs)), pairs)
    charged = [one for _, attempts in pairs for one in attempts if one.is_charged]
    return _with_spent(totals, charged).model_copy(
        update={
            "done": totals.done + other.done,
            "all": totals.all + other.all,
            "charged_but_failed_usd": total_of((totals.charged_but_failed_usd, other.charged_but_failed_usd)),
            "charged_but_failed": totals.charged_but_failed + other.charged_but_failed,
        }
    )


def _retold(shot: ShotView, attempts: Sequence[Purchase]) -> ShotView:
    purchase = attempts[-1] if attempts else None
    if purchase is None or purchase.unreadable or shot.facts.is_done:
        return shot
    job = {"job_id": purchase.accepted.job.job_id, "submitted_at": purchase.accepted.at} if purchase.accepted else {}
    job |= {"finished_at": purchase.terminal.at} if purchase.terminal else {}
    if purchase.clip is not None:
        clip = purchase.clip.clip
        return shot.model_copy(
            update=job
            | {
                "verdict": Verdict.DONE.value,
                "evidence": "",
                "next_action": "run again to make the reel",
                "clip": clip.key,
                "width": clip.width,
                "height": clip.height,
                "clip_seconds": clip.duration_seconds,
                "downloaded_at": purchase.clip.at,
            }
        )
    if purchase.verdict is not None and purchase.verdict.verdict.value != shot.verdict:
        outcome = Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence)
        told = {"verdict": outcome.verdict.value, "evidence": outcome.evidence, "next_action": outcome.next_action}
        return ShotView.model_validate(shot.model_dump() | job | told)
    return shot


def _recounted(totals: T, pairs: Pairs) -> T:
    """Counts and what was paid for nothing, anew; what was spent in all stays as it was told."""
    verdicts = Counter(shot.verdict for shot, _ in pairs)
    bought = [(shot, one) for shot, attempts in pairs for one in attempts if one.is_charged]
    wasted = [one.intent.price_high_usd for shot, one in bought if shot.facts.is_over and one.intent]
    changes: dict[str, object] = {"done": sum(shot.facts.is_done for shot, _ in pairs)}
    changes["charged_but_failed"] = sum(is_charged_but_failed(one) for _, one in bought)
    changes["charged_but_failed_usd"] = None if None in wasted else sum(value for value in wasted if value is not None)
    if isinstance(totals, VendorTotals):
        changes |= {"queued": verdicts[ShotStage.QUEUED], "running": verdicts[ShotStage.RUNNING]}
    return totals.model_copy(update=changes)
