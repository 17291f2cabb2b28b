"""What a person hands in, read and checked against what there is to choose from: `SHOT=2` words and `decisions.csv`."""

from __future__ import annotations

import csv
import difflib
import io
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from longtake.domain.errors import LongtakeError
from longtake.domain.text import one_line, storable, visible
from longtake.reviews.decision import Decision

COLUMNS = ("shot_id", "choice", "take", "purchase", "sha256", "by", "why", "expires_at")
MOST_WORDS = 500
_GUARDED = re.compile(r"""'(?=[\s"'`]*[=+\-@＝＋－＠]|[\t\r])""")
"""What stands before a cell that a spreadsheet would take for a formula; the cell itself comes after it."""
FORM = "write `SHOT=2` for take 2, `SHOT=approve` or `SHOT=reject`"


class RefusedDecisionsError(LongtakeError):
    """Decisions that cannot be taken, each with its reason; nothing was written."""

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        super().__init__("\n".join(["no decision was written:", *reasons]))
        self.reasons = list(reasons)


@dataclass(frozen=True)
class ShownTake:
    """One take as it is now. `sha256` is "" where its clip is not here; `verdict` says why.

    `number` is what people choose by; `take` counts over raised takes and names its file.
    """

    number: int
    purchase: str
    sha256: str = ""
    verdict: str = ""
    take: int | None = None


@dataclass(frozen=True)
class ShownShot:
    """A shot with the takes that a person chooses from. `take` is its row's; `folder` holds its decisions."""

    shot_id: str
    folder: str
    take: int = 1
    takes: tuple[ShownTake, ...] = ()
    ruling: Decision | None = None
    """The decision that counts now."""


@dataclass(frozen=True)
class Choice:
    """One decision as it was handed in. `place` tells where, for people; hashes and purchases may be several."""

    place: str
    shot_id: str
    choice: str
    take: str = ""
    purchases: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    by: str = ""
    why: str = ""
    expires_at: str = ""


def choices_in(given: Iterable[str], place: str = "") -> list[Choice]:
    """Choices from words such as `ad/1=2`, and from texts of a `decisions.csv`.

    Raises:
        RefusedDecisionsError: A word or a table has another form.
    """
    found: list[Choice] = []
    wrong: list[str] = []
    for text in given:
        lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
        if lines and _separator(lines[0]):
            found += _rows(text.lstrip("\ufeff"), _separator(lines[0]), place or "decisions", wrong)
            continue
        for line in lines:
            shot_id, is_there, choice = line.strip().rpartition("=")
            if is_there and shot_id.strip():
                found.append(Choice(f"`{one_line(line.strip(), 120)}`", shot_id.strip(), choice.strip()))
            else:
                wrong.append(
                    f"`{one_line(line.strip(), 120)}`: {FORM}, or give a table with the columns shot_id, choice"
                )
    if wrong:
        raise RefusedDecisionsError(wrong)
    return found


def _separator(header: str) -> str:
    """What stands between the cells of a table of decisions; "" where a line is no header of one."""
    for mark in (",", ";", "\t"):
        names = {name.strip().strip('"').lower() for name in header.split(mark)}
        if {"shot_id", "choice"} <= names:
            return mark
    return ""


def _rows(text: str, separator: str, place: str, wrong: list[str]) -> list[Choice]:
    found: list[Choice] = []
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header: list[str] = []
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [name.strip().lower() for name in cells]
                wrong += [f"{place}: it names the column {name} twice" for name in _twice(header)]
                wrong += [f"{place}: no column is called {one_line(name, 40)}; {_NAMES}" for name in _foreign(header)]
                continue
            if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
                # Of a file that was cut off, or whose commas stand unquoted, nobody knows what its cells mean.
                wrong.append(f"{place} line {lines.line_num}: it has {len(cells)} cells, the header {len(header)}")
                continue
            row = dict(zip(header, map(_unguarded, cells), strict=False))
            found.append(
                Choice(
                    place=f"{place} line {lines.line_num}",
                    shot_id=row.get("shot_id", ""),
                    choice=row.get("choice", ""),
                    take=row.get("take", ""),
                    purchases=_several(row.get("purchase", "")),
                    hashes=_several(row.get("sha256", "")),
                    by=row.get("by", ""),
                    why=row.get("why", ""),
                    expires_at=row.get("expires_at", ""),
                )
            )
    except csv.Error as error:
        wrong.append(f"{place} line {lines.line_num}: this is no table ({error})")
    return found


_NAMES = f"there are {', '.join(COLUMNS)}"


def _twice(header: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(header) if name and header.count(name) > 1]


def _foreign(header: Sequence[str]) -> list[str]:
    """Names that look like one of ours, wrongly written; other columns are the writer's own."""
    own = [name for name in dict.fromkeys(header) if name and name not in COLUMNS]
    return [name for name in own if difflib.get_close_matches(name, COLUMNS, 1, 0.7)]


def _unguarded(cell: str) -> str:
    return (cell[1:] if _GUARDED.match(cell) else cell).strip()


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def decided(
    choices: Sequence[Choice],
    shots: Mapping[str, ShownShot],
    *,
    damage: Callable[[ShownTake], str] = lambda take: "",
    by: str = "",
    why: str = "",
    now: float | None = None,
) -> list[Decision]:
    """The decisions that choices mean, all of one batch; what stands so already is left out.

    Args:
        choices: What was handed in.
        shots: What there is to choose from, by `shot_id`.
        damage: Why a take's file is not what was bought, "" where it is.
        by: Who decides, where a choice names nobody.
        why: The reason, where a choice gives none.
        now: Unix time.

    Raises:
        RefusedDecisionsError: Any of them cannot be taken; each with its reason.
    """
    now = time.time() if now is None else now
    checked: dict[str, Decision] = {}
    wrong: list[str] = [] if choices else [f"nothing was given: {FORM}, or hand in a table"]
    for choice in choices:
        choice = replace(choice, by=choice.by or by, why=choice.why or why)  # noqa: PLW2901 - filled in
        try:
            decision = _checked(choice, shots, damage, now)
        except _RefusedError as error:
            wrong.append(f"{choice.place}: {one_line(choice.shot_id, 120) or 'no shot'}: {error}")
            continue
        before = checked.setdefault(decision.shot_id, decision)
        if not before.same_as(decision):
            wrong.append(f"{choice.place}: {choice.shot_id}: it is decided twice here, in two ways; give one")
    if wrong:
        raise RefusedDecisionsError(wrong)
    fresh = [one for one in checked.values() if not one.same_as(shots[one.shot_id].ruling)]
    batch = uuid.uuid4().hex
    return [one.model_copy(update={"batch": batch, "batch_count": len(fresh), "at": now}) for one in fresh]


class _RefusedError(Exception):
    """Why one choice cannot be taken."""


def _checked(
    choice: Choice, shots: Mapping[str, ShownShot], damage: Callable[[ShownTake], str], now: float
) -> Decision:
    shot = shots.get(choice.shot_id) or _as_shown(choice.shot_id, shots)
    if shot is None:
        some = ", ".join(list(shots)[:5]) + (", …" if len(shots) > 5 else "")
        raise _RefusedError(f"this output has no such shot; it has {some}" if shots else "nothing was bought here yet")
    word = choice.choice.lower()
    if word == "reject":
        taken = _seen(choice, shot)
    elif word == "approve" or (word.isascii() and word.isdecimal()):
        taken = (_meant(choice, shot, _number(word) if word != "approve" else None),)
    else:
        raise _RefusedError(f"{choice.choice!r} is no choice: approve, reject, or the number of a take")
    for take in taken:
        if words := damage(take):
            raise _RefusedError(f"take {take.number}: {words}")
    rejects = word == "reject"
    seen = taken if rejects else shot.takes
    return Decision(
        shot_id=shot.shot_id,
        choice="reject" if rejects else "approve",
        purchase="" if rejects else taken[0].purchase,
        sha256="" if rejects else taken[0].sha256,
        take=shot.take,
        variant=0 if rejects else taken[0].number,
        seen={take.purchase: take.sha256 for take in seen if take.sha256},
        by=storable(choice.by, MOST_WORDS),
        why=storable(choice.why, MOST_WORDS),
        expires_at=_expiry(choice.expires_at, now),
    )


def _as_shown(written: str, shots: Mapping[str, ShownShot]) -> ShownShot | None:
    """The one shot whose name people see so: a page shows a control character as its picture."""
    alike = [shot for shot_id, shot in shots.items() if visible(shot_id).strip() == written]
    return alike[0] if len(alike) == 1 else None


def _seen(choice: Choice, shot: ShownShot) -> tuple[ShownTake, ...]:
    """The takes that a rejection is about: those that it names as looked at, else all that are here."""
    here = tuple(take for take in shot.takes if take.sha256)
    if not here:
        raise _RefusedError("none of its takes is here yet")
    known = {take.purchase: take for take in here}
    for purchase in choice.purchases:
        if purchase not in known:
            raise _RefusedError(f"{purchase[:14]}… is none of its takes any more; look again")
    # A take that came since nobody has looked at.
    seen = tuple(known[purchase] for purchase in dict.fromkeys(choice.purchases)) or here
    if choice.hashes:
        _same_bytes(seen, choice.hashes)
    return seen


def _meant(choice: Choice, shot: ShownShot, number: int | None) -> ShownTake:
    """The one take that is chosen, its clip here and as it was looked at."""
    takes, named = shot.takes, choice.purchases
    if len(named) > 1 or len(choice.hashes) > 1:
        raise _RefusedError("one take is chosen; give one purchase and one sha256")
    if number is None and choice.take and not named:
        if not choice.take.isascii() or not choice.take.isdecimal():
            raise _RefusedError(f"take {choice.take!r} is no number")
        number = _number(choice.take)
    if number is not None:
        takes = tuple(take for take in takes if take.number == number)
        if not takes:
            count = len(shot.takes)
            has = f"takes 1 to {count}" if count > 1 else "one"
            meant = "".join(f"; take {number} is number {take.number}" for take in shot.takes if take.take == number)
            raise _RefusedError(f"it has no take {number}; it has {has}{meant}")
    if named:
        takes = tuple(take for take in takes if take.purchase == named[0])
        if not takes:
            raise _RefusedError("the purchase that was looked at is not this take, or none of its takes any more")
    if len(takes) > 1:
        numbers = ", ".join(str(take.number) for take in takes)
        raise _RefusedError(f"it has takes {numbers}; say which, such as {shot.shot_id}={takes[0].number}")
    if not takes:
        raise _RefusedError("nothing of it was bought yet")
    take = takes[0]
    if not take.sha256:
        raise _RefusedError(f"take {take.number} is not done ({take.verdict or 'its clip is not here'})")
    if choice.hashes:
        _same_bytes(takes, choice.hashes)
    return take


def _number(digits: str) -> int:
    return int(digits[:9])  # no shot has as many takes as more digits would name


def _same_bytes(takes: Sequence[ShownTake], hashes: Sequence[str]) -> None:
    if {take.sha256 for take in takes} != {each.lower() for each in hashes}:
        raise _RefusedError("its clip is not the one that was looked at (other sha256); look again")


def _expiry(written: str, now: float) -> float | None:
    if not written:
        return None
    try:
        moment = float(written)
    except ValueError:
        try:
            told = datetime.fromisoformat(written)
        except ValueError:
            raise _RefusedError(f"expires_at {written!r} is no time; write 2026-12-31T18:00:00Z") from None
        moment = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    if not now < moment < 1e11:
        raise _RefusedError(f"expires_at {written!r} is no time to come")
    return moment
