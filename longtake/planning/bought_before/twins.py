"""What would be bought twice in silence: a shot that was bought under another name, rows that are alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence

from longtake.domain.request import option_values
from longtake.domain.violations import caution
from longtake.ledger.records import Purchase
from longtake.planning.plan import Shot, Standing, at_most

IdentityUnder = Callable[[Shot, str, str, str | None], str]
"""The identity that a shot would have under another reel and shot name, with another parent's identity."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?(?:e[+-]?\d{1,3}(?!\d))?", re.ASCII)
_MIDNIGHT = re.compile(r"(?<=\d)[ t]0?0:00(?::00(?:\.0+)?)?(?=/|$)")


def alike(name: str) -> str:
    """What stays of a name when a spreadsheet or a data frame has rewritten it: letters, and numbers by their value.

    Zeros, decimals that say nothing, digits beyond the sixth (`4.00638E+12`), midnights, case, blanks, dashes and marks
    that nobody sees are how a name is written, not which it is. Reel and shot stay apart.
    """
    plain = _MIDNIGHT.sub("", unicodedata.normalize("NFKC", name).casefold())
    return "".join(
        one for one in _NUMBER.sub(_by_value, plain) if one in "/<>" or unicodedata.category(one)[0] not in "ZCP"
    )


def _by_value(number: re.Match[str]) -> str:
    return f"<{float(number[0].replace(',', '.')):.6g}>".replace("+", "")


def mark_renamed(
    shots: Sequence[Shot],
    bought: Mapping[str, Sequence[Purchase]],
    identity_under: IdentityUnder,
    nameless: Callable[[Shot], str] = lambda shot: "",
) -> None:
    """Marks shots that would be bought though the same request was bought under a name that the manifest has no more.

    Looked for among names of the same reel, names that differ in their spelling alone, and the one that a row without
    names has.

    Args:
        shots: All shots of the manifest, parents before those that go on from them.
        bought: What the ledger holds, by `shot_id`.
        identity_under: Makes identities.
        nameless: The `shot_id` that a shot would have if its row named neither reel nor id.
    """
    gone = bought.keys() - {shot.shot_id for shot in shots}
    if not gone:
        return
    in_reel, by_spelling = (
        defaultdict[tuple[str, object], set[str]](set),
        defaultdict[tuple[str, object], set[str]](set),
    )
    names: dict[str, list[tuple[str, str]]] = {}
    for shot_id in gone:
        names[shot_id] = [(shot_id[: at.start()], shot_id[at.end() :]) for at in re.finditer("/", shot_id)]
        prompts = {purchase.intent.request.get("prompt") for purchase in bought[shot_id] if purchase.intent}
        for prompt in prompts:
            by_spelling[alike(shot_id), prompt].add(shot_id)
            for reel, _ in names[shot_id]:
                in_reel[reel, prompt].add(shot_id)
    under: dict[Shot, str] = {}
    for shot in shots:
        if shot.standing is not Standing.NEW:
            continue
        parent = under.get(shot.parent, shot.parent.lineage) if shot.parent else None
        prompt = shot.request.prompt
        unnamed = {nameless(shot)} & gone if shot.parent is None else set[str]()
        for shot_id in sorted(in_reel[shot.row.reel, prompt] | by_spelling[alike(shot.shot_id), prompt] | unnamed):
            former = {identity_under(shot, reel, name, parent) for reel, name in names[shot_id]}
            same = [each.identity for each in bought[shot_id] if _first_attempt(each.identity) in former]
            if same:
                under[shot] = _first_attempt(same[0])
                shot.replaces, shot.bought_as = [*shot.replaces, *same], shot_id
                rule = f"the same request was bought in this output as {shot_id}, which the manifest no longer has"
                fix = "write the name as it was (a spreadsheet may have changed it), or render with --replace"
                column, name = ("id", shot.row.reel) if shot.row.lone else ("shot", shot.row.shot)
                found = caution(column, name, rule, fix)
                told = found.model_copy(update={"row": shot.row.row, "shot_id": shot.shot_id})
                shot.violations = (*shot.violations, told)
                break


def _first_attempt(identity: str) -> str:
    return "-".join(identity.split("-")[:2])


def alike_rows(shots: Sequence[Shot]) -> list[str]:
    """In a line: rows to be bought that ask for exactly what another row asks, as a join gone wrong leaves them."""
    prompts = Counter(shot.row.written.request.prompt for shot in shots if not shot.variant)
    groups: dict[Hashable, Shot] = {}
    pairs: list[tuple[Shot, Shot]] = []
    for shot in shots:
        written = shot.row.written
        if prompts[written.request.prompt] < 2 or written.continue_from:
            continue
        asked = (written.vendor, written.model, written.request.prompt, option_values(written.request))
        first = groups.setdefault((*asked, written.request.references), shot)
        if first.row is not shot.row and shot.standing.buys:
            pairs.append((first, shot))
    if not pairs:
        return []
    rows = len({shot.row.row for _, shot in pairs})
    first, shot = pairs[0]
    return [
        f"{rows} row{' asks' if rows == 1 else 's ask'} for exactly what another row asks and would be bought as well "
        f"({at_most([shot for _, shot in pairs])}; first: row {shot.row.row}, {shot.shot_id}, is row {first.row.row}, "
        f"{first.shot_id}). If that is not meant, take them out; `variants` buys one shot more than once"
    ]
