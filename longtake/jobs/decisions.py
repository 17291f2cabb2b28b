"""A person's word on purchases whose outcome is not known: adopt a job, buy again, give up; and taking it back.

Every decision is a further record. What it rules over stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from longtake.domain.errors import ConfigurationError
from longtake.domain.identity import next_attempt
from longtake.domain.job import Job
from longtake.domain.job_ids import clean_job_id
from longtake.domain.verdicts import Verdict
from longtake.ledger.ledger import Ledger, other_clip_key
from longtake.ledger.records import Accepted, Purchase, Record, State, VerdictRecord

ADOPTED_BY = "reconcile --adopt"


@dataclass(frozen=True)
class Decisions:
    """A person's word on unknown outcomes, by shot id; a shot id may be narrowed to one identity after `@`.

    `unseen`: a job is adopted though its vendor cannot be asked, or tells other things of it than the purchase.
    """

    adopt: Mapping[str, str] = field(default_factory=dict)
    resubmit: Sequence[str] = ()
    give_up: Sequence[str] = ()
    unseen: bool = False

    def __bool__(self) -> bool:
        return bool(self.adopt or self.resubmit or self.give_up)


class Home(NamedTuple):
    """Where a job was found, for a purchase whose own record of it cannot be read."""

    account: str
    base_url: str


def settle(ledger: Ledger, decisions: Decisions, homes: Mapping[str, Home] | None = None) -> list[str]:
    """Writes a person's decisions into the ledger; blocking.

    Args:
        ledger: Where the shots were bought.
        decisions: What the person says.
        homes: By shot id as written, where a job was found.

    Returns:
        What was settled, in words.

    Raises:
        ConfigurationError: A shot has nothing to settle, or several purchases. Nothing was written.
    """
    adopted = {shot_id: clean_job_id(shot_id, job_id) for shot_id, job_id in decisions.adopt.items()}
    purchases, now = ledger.load(), ledger.clock()
    records: dict[str, Record] = {}
    words: list[str] = []
    wrong: list[Purchase] = []
    meant = {shot_id: adoptable(purchases, shot_id, now) for shot_id in adopted}
    settled_now = {purchase.identity for purchase in meant.values()}
    for shot_id, job_id in adopted.items():
        purchase = meant[shot_id]
        if (
            purchase.is_adopted
            and _has_clip(purchase)
            and (_job_id(purchase) == job_id or shot_id not in (homes or {}))
        ):
            # Only a job that its vendor shows takes the place of one whose clip came.
            raise ConfigurationError(f"{shot_id}: job {_job_id(purchase)} is adopted, and its clip is here")
        if purchase.is_adopted:
            wrong.append(purchase)
        job = _adopted(purchase, shot_id, job_id, purchases, (homes or {}).get(shot_id))
        others = (one.accepted.job for one in purchases.values() if one.accepted and one.identity not in settled_now)
        _require_unclaimed(job, [*others, *_jobs(records)])
        _decide(records, Accepted(identity=job.identity, job=job, adopted_by=ADOPTED_BY), shot_id)
        instead = f" in place of {_job_id(purchase)}" if purchase.is_adopted else ""
        words.append(f"{shot_id}: job {job.job_id} adopted{instead}")
    for shot_id in decisions.resubmit:
        purchase = _settleable(purchases, shot_id, now)
        verdict = _verdict(purchase, Verdict.UNKNOWN_OUTCOME, "to be bought again on a person's word")
        _decide(records, verdict.model_copy(update={"resubmitted": True}), shot_id)
        words.append(f"{shot_id}: the next run buys it again")
    for shot_id in decisions.give_up:
        purchase = _settleable(purchases, shot_id, now)
        _decide(records, _verdict(purchase, Verdict.FAILED, "given up on a person's word"), shot_id)
        words.append(f"{shot_id}: given up")
    kept = {_job_id(purchase): key for purchase in wrong if (key := _put_aside(ledger, purchase)) is not None}
    words += [f"the clip of job {job_id} is kept as {key}" for job_id, key in kept.items()]
    for record in records.values():
        if isinstance(record, Accepted) and (key := kept.get(record.job.job_id)) is not None:
            ledger.store.link(key, ledger.clip_key(record.identity))  # two shots had each other's
        ledger.add_later(record)
    return words


def _put_aside(ledger: Ledger, purchase: Purchase) -> str | None:
    """Gives the clip of a job that was adopted wrongly another name, so that it is not taken for the right one's.

    Before the new job is written: a run that is killed in between fetches it again.
    """
    store, key = ledger.store, ledger.clip_key(purchase.identity)
    if store.size(key) is None:
        return None
    sha256 = store.sha256(key) or ""
    beside = other_clip_key(ledger, purchase.identity, sha256)
    if not store.move(key, beside):
        if store.sha256(beside) != sha256:
            raise ConfigurationError(f"{beside} holds another clip; move it away, then decide again")
        store.remove(key)
    return beside


def adoptable(purchases: Mapping[str, Purchase], shot_id: str, now: float) -> Purchase:
    """The one purchase of a shot for which a person may name a job.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    able = [one for one in purchases.values() if _may_be_adopted(one, purchases, now)]
    asked = {one.shot_id for one in able}
    able += [one for one in purchases.values() if one.is_adopted and _has_clip(one) and one.shot_id not in asked]
    return _one(purchases, shot_id, able)


def _settleable(purchases: Mapping[str, Purchase], shot_id: str, now: float) -> Purchase:
    return _one(purchases, shot_id, [one for one in purchases.values() if _is_open(one, now)])


def _is_open(purchase: Purchase, now: float) -> bool:
    """Whether nothing but a person's word settles it, or settled it with a job that brought no clip."""
    if purchase.state(now) in (State.UNKNOWN, State.UNREADABLE):
        return True
    return purchase.is_adopted and not _has_clip(purchase)


def _has_clip(purchase: Purchase) -> bool:
    return purchase.clip is not None or (purchase.verdict is not None and purchase.verdict.clip is not None)


def _may_be_adopted(purchase: Purchase, purchases: Mapping[str, Purchase], now: float) -> bool:
    if _is_open(purchase, now):
        return True
    verdict = purchase.verdict
    if purchase.clip is not None and purchase.accepted is None:
        return True  # the job's record is torn: its clip could not be fetched again
    decided = verdict is not None and verdict.verdict.facts.is_decided_without_job and purchase.accepted is None
    following = purchases.get(next_attempt(purchase.identity))
    return decided and (following is None or not following.is_charged)


def _one(purchases: Mapping[str, Purchase], shot_id: str, able: Sequence[Purchase]) -> Purchase:
    name, at, identity = shot_id.rpartition("@")
    if not at:
        name, identity = shot_id, ""
    named = [one for one in able if shot_id in (one.shot_id, one.identity)]
    if not named and at:
        named = [one for one in able if one.shot_id in (name, "") and one.identity.startswith(identity)]
    if not named and not any(one.shot_id == shot_id for one in purchases.values()):
        # Nobody else can be meant: the only purchase whose records do not even tell its shot.
        nameless = [one for one in able if not one.shot_id]
        named = nameless if len(nameless) == 1 and "/" in shot_id else named
    if len(named) == 1:
        return named[0]
    if not named:
        raise ConfigurationError(f"{shot_id} has no unknown outcome in this ledger{_what_it_has(purchases, name)}")
    ids = ", ".join(f"{name}@{purchase.identity}" for purchase in named)
    raise ConfigurationError(f"{shot_id} has {len(named)} unknown outcomes; name one of {ids}")


def _what_it_has(purchases: Mapping[str, Purchase], shot_id: str) -> str:
    """Why a shot cannot be decided about."""
    for purchase in purchases.values():
        if purchase.shot_id == shot_id and purchase.accepted is not None:
            end = "its clip is here" if purchase.clip else "the next run takes it up"
            return f": it was accepted as job {_job_id(purchase)}; {end}"
    nameless = [one.identity for one in purchases.values() if not one.shot_id]
    return f"; name one of these, whose shot cannot be read: {', '.join(nameless)}" if nameless else ""


def _job_id(purchase: Purchase) -> str:
    return purchase.accepted.job.job_id if purchase.accepted is not None else "?"


def _verdict(purchase: Purchase, verdict: Verdict, words: str) -> VerdictRecord:
    if purchase.accepted is not None:
        was = f"job {_job_id(purchase)}, which a person had adopted, brought no clip"
    else:
        was = purchase.evidence_of_unknown()
    return VerdictRecord(identity=purchase.identity, verdict=verdict, evidence=f"{was}; {words}")


def _decide(records: dict[str, Record], record: Record, shot_id: str) -> None:
    if record.identity in records:
        raise ConfigurationError(f"{shot_id}: two decisions on one outcome; give one")
    records[record.identity] = record


def _jobs(records: Mapping[str, Record]) -> list[Job]:
    return [record.job for record in records.values() if isinstance(record, Accepted)]


def _require_unclaimed(job: Job, others: Iterable[Job]) -> None:
    """A job id that belongs to another shot is a slip of the pen; the shot's own paid job would be lost for it."""
    for other in others:
        if (other.base_url, other.job_id.strip()) == (job.base_url, job.job_id):
            raise ConfigurationError(f"{job.shot_id}: job {job.job_id} is that of {other.shot_id}; adopt its own job")


def _adopted(
    purchase: Purchase, shot_id: str, job_id: str, purchases: Mapping[str, Purchase], home: Home | None
) -> Job:
    if purchase.intent is not None:
        return purchase.intent.job(job_id)
    homes = {home} if home is not None else homes_in(purchases.values())
    if len(homes) != 1:
        raise ConfigurationError(f"{shot_id}: no record tells which account bought it, and none could be asked")
    [known] = homes
    return Job(
        vendor=known.account.partition("/")[0],
        account=known.account,
        base_url=known.base_url,
        wire_model="",
        job_id=job_id,
        identity=purchase.identity,
        shot_id=purchase.shot_id or shot_id.partition("@")[0],
        submitted_at=min((one.at for one in purchase.voids.values()), default=0.0),
    )


def homes_in(purchases: Iterable[Purchase]) -> set[Home]:
    """The accounts at which anything was bought."""
    return {Home(one.intent.account, one.intent.base_url) for one in purchases if one.intent is not None}
