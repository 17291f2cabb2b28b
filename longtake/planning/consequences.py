"""Violations that only follow from others: a person mends the cause, so the consequence is not told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longtake.domain.request import Role
from longtake.domain.violations import Violation
from longtake.manifests.schema import ManifestRow
from longtake.planning.assess import parent_is_refused
from longtake.planning.plan import Shot

MEDIA_COLUMNS = frozenset({*(role.column for role in Role), "continue_from", "reference_tail_seconds"})


def unread_columns(refused: Mapping[int, Sequence[Violation]], row: int) -> frozenset[str]:
    """The columns that the manifest's own check refused, for this row or for all (row 0)."""
    if not refused:
        return frozenset()
    found = (*refused.get(0, ()), *refused.get(row, ()))
    return frozenset(violation.column for violation in found if not violation.warning)


def follows(violation: Violation, unread: frozenset[str], row: ManifestRow) -> bool:
    """Whether a violation may only follow from a cell that could not be read."""
    column, request = violation.column, row.written.request
    if column in unread:
        return True
    if unread.isdisjoint(MEDIA_COLUMNS):
        return False
    # Without its picture a request is of another mode, which takes other columns and values.
    needs_media = column == "prompt" and not request.prompt.strip()
    needs_media |= column == "duration_seconds" and request.duration_seconds == "auto"
    needs_media |= column == "ratio" and request.ratio == "adaptive"
    return needs_media or column in MEDIA_COLUMNS


def told(shot: Shot) -> Sequence[Violation]:
    """What a plan tells of a shot; that its parent is refused only where that one has a reason of its own."""
    parent = shot.parent
    if parent is None or not shot.violations or not all(map(parent_is_refused, _refusals(parent))):
        return shot.violations
    return [violation for violation in shot.violations if not parent_is_refused(violation)]


def _refusals(shot: Shot) -> list[Violation]:
    return [violation for violation in shot.violations if not violation.warning]
