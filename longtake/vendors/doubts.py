"""What a vendor's document allows while another page of it, or upstream, says otherwise: it is sent, with a warning
that names the source. The document rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from longtake.domain.request import Role, ShotRequest
from longtake.domain.violations import Violation, caution

SOUND, LAST_ALONE = "sound beside frames", "a last frame alone"


class Doubt(BaseModel):
    """One difference between pages.

    Args:
        about: The part of the request that it is about; `frames` are the two ways of `SOUND` and `LAST_ALONE`,
            `video` is that there are any.
        values: The values that the other page denies.
        rule: What the other page says, and which page that is.
        fix: What all pages allow.
    """

    model_config = ConfigDict(frozen=True)

    about: Literal["ratio", "resolution", "duration_seconds", "mode", "frames", "video"]
    values: frozenset[str | int]
    rule: str
    fix: str


def check_doubts(request: ShotRequest, doubts: Sequence[Doubt]) -> Iterator[Violation]:
    """A warning for everything in the request that a page denies."""
    for doubt in doubts:
        column, value = _asked(request, doubt.about)
        if value in doubt.values:
            yield caution(column, value, doubt.rule, doubt.fix)


def _asked(request: ShotRequest, about: str) -> tuple[str, str | int | None]:
    roles = {reference.role for reference in request.references}
    if about == "mode":
        return min((role.column for role in roles), default="prompt"), request.mode.value
    if about == "video":
        return Role.REFERENCE_VIDEO.column, "video" if Role.REFERENCE_VIDEO in roles else None
    if about != "frames":
        return about, getattr(request, about)
    if Role.REFERENCE_AUDIO in roles and roles & {Role.FIRST_FRAME, Role.LAST_FRAME}:
        return Role.REFERENCE_AUDIO.column, SOUND
    alone = Role.LAST_FRAME in roles and Role.FIRST_FRAME not in roles
    return Role.LAST_FRAME.column, LAST_ALONE if alone else None
