"""Rows held against one another: two in one place, and chains that have nothing to continue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from longtake.manifests.schema import ManifestRow


class Clash(NamedTuple):
    """What is wrong with a row beside the others."""

    row: int
    column: str
    value: str
    rule: str
    fix: str


def clashes(reels: Mapping[str, Sequence[ManifestRow]]) -> Iterator[Clash]:
    """All clashes of a manifest.

    Args:
        reels: Every reel's rows, shots in natural order.
    """
    holders: defaultdict[str, list[ManifestRow]] = defaultdict(list)
    for reel, rows in reels.items():
        yield from _lone_clashes(reel, rows)
        if (first := rows[0]).written.continue_from:
            rule = "a reel's first shot has no shot before it to continue from"
            fix = "leave it empty, or add the shot before it"
            yield Clash(first.row, "continue_from", first.written.continue_from, rule, fix)
        for row in rows:
            holders[row.shot_id].append(row)
    for rows in holders.values():
        for row in rows if len(rows) > 1 else ():
            if row.lone or not row.shot:  # reported before
                continue
            other = min((other for other in rows if other is not row), key=lambda other: other.row)
            rule = f"row {other.row} is {row.shot_id} too"
            fix = "give each row a shot of its own, or raise variants to buy one shot more than once"
            yield Clash(row.row, "shot", row.shot, rule, fix)


def _lone_clashes(reel: str, rows: Sequence[ManifestRow]) -> Iterator[Clash]:
    """A row without reel shares its name with no other row."""
    for row in rows if len(rows) > 1 else ():
        if row.lone and (other := next((other for other in rows if other is not row), None)):
            rule = f"this row is a reel of its own, and row {other.row} has its name"
            yield Clash(row.row, "id", reel, rule, "give each a name of its own, or a reel and shots to join them")
