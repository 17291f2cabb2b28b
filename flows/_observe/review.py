"""What waits for a person at a run's end: the artifact `longtake-review`, and the words that its event carries."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from flows._observe.artifacts import MOST_ROWS, Shown, address_of, code
from flows._observe.past_runs import MOST_PICTURES, picture
from longtake.domain.text import counted, one_line
from longtake.files.store import Store
from longtake.media.cutting.side_by_side import side_by_side
from longtake.planning.prepare import PreparedRun
from longtake.reports.figures import money, total_of
from longtake.reports.run.rewrite import PAGE
from longtake.reports.run.view import ReportView, ShotView
from longtake.reviews.decision import numbered

REVIEW = "longtake-review"
MOST_NAMED = 5


def what_waits(view: ReportView | None) -> list[ShotView]:
    """The shots whose decision is missing, in the order of the report."""
    return [shot for shot in view.shots if shot.is_waiting] if view is not None else []


def has_reviews(prepared: PreparedRun) -> bool:
    """Whether any of its shots is one that a person decides about."""
    return any(shot.choice is not None and shot.choice.reviewed for shot in prepared.plan.shots)


def waiting_words(waiting: Sequence[ShotView]) -> str:
    """How many shots wait, and what follows from them, in a line."""
    verb = "awaits" if len(waiting) == 1 else "await"
    return f"{counted(len(waiting), 'shot')} {verb} a decision; {_follows(waiting)}"


def decide_command(output: str, *given: str) -> str:
    """The command that gives decisions."""
    return f"longtake decide --output {shlex.quote(output)} {' '.join(map(shlex.quote, given or ('decisions.csv',)))}"


def _word(shot: ShotView) -> str:
    """What stands behind the `=`: of several takes a person picks the number."""
    return "N" if len(shot.takes) > 1 else "approve"


def notice_words(waiting: Sequence[ShotView], output: str) -> str:
    """What a person is told who sees nothing else: how many wait, some by name, and the command."""
    names = ", ".join(one_line(shot.shot_id, 80) for shot in waiting[:MOST_NAMED])
    more = ", …" if len(waiting) > MOST_NAMED else ""
    example = decide_command(output, f"{one_line(waiting[0].shot_id, 80)}={_word(waiting[0])}")
    return f"{waiting_words(waiting)}: {names}{more}. Choose in {PAGE}, or type: {example}"


def review(waiting: Sequence[ShotView], store: Store) -> Shown | None:
    """What waits as Markdown: the takes with pictures, the price of what follows, the command; None where nothing does.

    Blocking: it reads the first shots' posters.
    """
    if not waiting:
        return None
    lines = [f"**{waiting_words(waiting)}**", "", "| shot | takes | follows | price of it |", "|---|---|--:|--:|"]
    for shot in waiting[:MOST_ROWS]:
        low_usd, high_usd = shot.follows_low_usd, shot.follows_high_usd
        price = "–" if not shot.follows else money(low_usd, high_usd) if high_usd is not None else "unknown"
        takes = ", ".join(numbered(take.number, take.take) for take in shot.takes if take.clip)
        lines.append(f"| {code(shot.shot_id)} | {takes or '–'} | {shot.follows or 0} | {price} |")
    if len(waiting) > MOST_ROWS:
        lines += ["", f"The first {MOST_ROWS} are here, {len(waiting) - MOST_ROWS:,} more in the report."]
    lines += [
        "",
        f"Compare them in the report, {code(address_of(store, PAGE), 500)}: it saves `decisions.csv`. Then",
        "",
        f"    {decide_command(store.url)}",
        "",
        f"or, of one shot, {code(decide_command(store.url, f'{waiting[0].shot_id}={_word(waiting[0])}'), 500)}, or run "
        "the deployment `decide` with the same words. Render again, or press *Retry*: it goes on where a decision has "
        "come.",
    ]
    for shot in waiting[:MOST_PICTURES]:
        posters = [(f"take {take.number}", store.read(take.poster)) for take in shot.takes if take.poster]
        if seen := picture(side_by_side(posters)):
            lines += ["", code(shot.shot_id), "", seen]
    return Shown("markdown", "\n".join(lines), "What waits for a person's decision")


def _follows(waiting: Sequence[ShotView]) -> str:
    behind = [shot for shot in waiting if shot.follows]
    count = sum(shot.follows or 0 for shot in behind)
    if not count:
        return "nothing waits behind"
    low_usd, high_usd = (
        total_of(getattr(shot, name) for shot in behind) for name in ("follows_low_usd", "follows_high_usd")
    )
    price = money(low_usd, high_usd) if high_usd is not None else "a price unknown"
    return f"{counted(count, 'shot')} {'follows' if count == 1 else 'follow'} for {price}"
