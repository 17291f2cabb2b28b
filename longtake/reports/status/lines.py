"""How an output stands, in lines for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from longtake.accounts.transport import redact
from longtake.domain.text import one_line
from longtake.domain.verdicts import ShotStage, Verdict, facts_of
from longtake.jobs.advice import command
from longtake.ledger.records import State
from longtake.reports.figures import duration, known_money
from longtake.reports.run.reasons import category_of
from longtake.reports.run.summary import counted
from longtake.reports.run.view import ShotView
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
    lines += _list("for a person to decide", [_to_decide(output, shot) for shot in status.shots if shot.is_waiting])
    lines += _list("unknown outcome, for a person to settle", [_unknown(output, one) for one in status.unknown])
    # What is in flight or unknown was told by its purchase.
    rest = [shot for shot in status.shots if not (shot.facts.is_done or shot.facts.goes_on)]
    lines += _not_done([shot for shot in rest if shot.verdict != Verdict.UNKNOWN_OUTCOME.value])
    return lines


def _head(output: str, status: OutputStatus) -> str:
    done = sum(shot.facts.is_done for shot in status.shots)
    rest = [each for each in counted(status.shots) if not facts_of(each.verdict).is_done]
    told = ", ".join(f"{each.count:,} {each.label.lower()}" for each in rest)
    spent = status.spent
    money = known_money(spent.low_usd, spent.high_usd, spent.unpriced)
    shots = f"{done:,} of {len(status.shots):,} shots done" + (f"; {told}" if told else "")
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
    follows = f", {shot.follows} follow" if shot.follows else ""
    return f"{one_line(shot.shot_id)}  {takes}{follows}\n    next: longtake review {shlex.quote(output)}"


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
