"""How an output stands, in lines for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from longtake.accounts.transport import redact
from longtake.domain.text import awaiting, following, one_line
from longtake.domain.verdicts import ShotStage, Verdict, facts_of
from longtake.jobs.advice import command
from longtake.ledger.records import State
from longtake.reports.figures import duration, known_money
from longtake.reports.run.reasons import category_of
from longtake.reports.run.summary import counted
from longtake.reports.run.view import ShotView
from longtake.reports.status.decided import next_step
from longtake.reports.status.standing import OpenPurchase, OutputStatus

MOST_LINES = 20
"""Of one list; what is beyond is counted."""
REASON_CHARACTERS = 160


def status_lines(output: str, status: OutputStatus) -> list[str]:
    """The output in lines: what is done, in flight, waiting, unknown and otherwise not done, and what to do.

    Args:
        output: As it is typed.
        status: How it stands.
    """
    lines = [_head(output, status), _run(status)]
    lines += _list("in flight", [_in_flight(one, status) for one in status.in_flight])
    waiting = [shot for shot in status.shots if shot.verdict == ShotStage.QUEUED.value]
    lines += _list("waiting for a slot", [_waiting(shot) for shot in waiting])
    lines += _list("for a person to decide", [_to_decide(output, row) for row in status.rows if row.is_waiting])
    rejected = [row for row in status.rows if row.review == "rejected"]
    lines += _list("rejected", [_rejected(row) for row in rejected])
    changed = [f"{one_line(name)}: {words}" for name, words in status.bought_elsewhere.items()]
    lines += _list("bought from another take than the chosen one", changed)
    lines += _list("unknown outcome, for a person to settle", [_unknown(output, one) for one in status.unknown])
    # What is in flight or unknown was told by its purchase.
    rest = [row for row in status.rows if not (row.facts.is_done or row.facts.goes_on or row.review == "rejected")]
    lines += _not_done([shot for shot in rest if shot.verdict != Verdict.UNKNOWN_OUTCOME.value])
    lost = [f"{one_line(reel)}: {one_line(words)}" for reel, words in status.marks_lost.items()]
    lines += _list("marks that the clips have and their film has not", lost)
    return lines


def _head(output: str, status: OutputStatus) -> str:
    rows, rejected = status.rows, sum(row.review == "rejected" for row in status.rows)
    done = sum(row.facts.is_done for row in rows)
    follow = sum(row.verdict == Verdict.AWAITING_REVIEW.value for row in rows)
    waits = sum(row.is_waiting for row in rows)
    rest = [row for row in rows if not (row.facts.is_done or row.review == "rejected")]
    others = [each for each in counted(rest) if each.verdict != Verdict.AWAITING_REVIEW.value]
    parts = [awaiting(waits, follow)] if waits or follow else []
    parts += [f"{rejected:,} rejected"] if rejected else []
    told = ", ".join([*parts, *(f"{each.count:,} {each.label.lower()}" for each in others)])
    spent = status.spent
    money = known_money(spent.low_usd, spent.high_usd, spent.unpriced)
    shots = f"{done:,} of {len(rows):,} shots done" + (f"; {told}" if told else "")
    return f"{output}: {shots}; spent {money} on {spent.purchases:,} purchase{'' if spent.purchases == 1 else 's'}"


def _run(status: OutputStatus) -> str:
    told = _ago(status.told_at, status.now)
    match status.pulse:
        case "goes on":
            return f"a run is at work here; last heard of {told}"
        case "ended":
            return f"no run is at work here; the last one ended {told}"
        case "gone":
            return f"the run that was at work here is gone, last heard of {told}: run again, nothing is bought twice"
        case "silent":
            return (
                f"the run that was at work here was last heard of {told}: it hangs, or ended without a word; look "
                "after it, then run again: nothing is bought twice"
            )
        case _:
            return "no run has told of itself here"


def _in_flight(one: OpenPurchase, status: OutputStatus) -> str:
    intent, job = one.purchase.intent, one.purchase.job
    if job is None:
        return one_line(one.name)
    took = status.times.get((job.account, job.wire_model))
    age = status.now - job.submitted_at
    usual = f"; others took up to {duration(took.high)}" if took is not None else ""
    late = " (long)" if took is not None and age > 2 * took.high else ""
    if one.state is State.SUBMITTING:
        doing = "is being submitted"
    else:
        doing = f"job {job.job_id}" + (", made, its clip is to be fetched" if one.state is State.FINISHED else "")
    when = f"submitted {_moment(intent.at if intent else job.submitted_at)}, {duration(age)} ago{late}{usual}"
    return one_line(f"{one.name}  {job.account} {job.wire_model}, {doing}, {when}")


def _waiting(shot: ShotView) -> str:
    return one_line(f"{shot.shot_id}  {shot.evidence or f'at {shot.vendor}'}")


def _to_decide(output: str, shot: ShotView) -> str:
    takes = f"{len(shot.takes)} takes" if len(shot.takes) > 1 else "its clip"
    follows = f", {following(shot.follows)}" if shot.follows else ""
    return f"{one_line(shot.shot_id)}  {takes}{follows}\n    next: longtake review {shlex.quote(output)}"


def _rejected(row: ShotView) -> str:
    return f"{one_line(row.shot_id)}: {one_line(row.ruling)}\n    next: {next_step(row)}"


def _unknown(output: str, one: OpenPurchase) -> str:
    intent = one.purchase.intent
    where = f"{intent.account} {intent.wire_model}, submitted {_moment(intent.at)}" if intent else "by no record known"
    why = one_line(redact(one.purchase.evidence_of_unknown()), REASON_CHARACTERS)
    name = shlex.quote(one.name)
    return (
        f"{one_line(one.name)}  {where}: {why}\n"
        f"    look for its job at the vendor, then\n      {one_line(command(output, one.name))}\n"
        f"    or, in place of --adopt …: --resubmit {name} (buys it again), --give-up {name} (closes it)"
    )


def _not_done(shots: Sequence[ShotView]) -> list[str]:
    """One line for each verdict and kind of reason: what comes of one cause is told once."""
    alike: dict[tuple[str, str], list[ShotView]] = {}
    for shot in shots:
        alike.setdefault((shot.verdict, category_of(shot.evidence)), []).append(shot)
    lines: list[str] = []
    for (verdict, _), of in sorted(alike.items(), key=lambda each: -len(each[1])):
        some = ", ".join(shot.shot_id for shot in of[:3]) + (", …" if len(of) > 3 else "")
        reason = f": {redact(of[0].evidence)}" if of[0].evidence else ""
        words = one_line(f"{len(of):,} {facts_of(verdict).label.lower()} ({some}){reason}", REASON_CHARACTERS * 2)
        action = facts_of(verdict).next_action
        lines.append(f"{words}\n    next: {action}" if action else words)
    return _list("not done", lines, count=len(shots))


def _list(title: str, entries: Sequence[str], count: int | None = None) -> list[str]:
    if not entries:
        return []
    more = len(entries) - MOST_LINES
    rest = [f"  … and {more:,} more"] if more > 0 else []
    return [
        "",
        f"{title} ({len(entries) if count is None else count:,})",
        *(f"  {each}" for each in entries[:MOST_LINES]),
        *rest,
    ]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(at: float | None, now: float) -> str:
    return "–" if at is None else f"{duration(now - at)} ago ({_moment(at)})"
