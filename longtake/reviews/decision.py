"""A person's decision about the takes of one shot, and which of several rules. Pure: records in, a ruling out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from longtake.domain.text import one_line

Verb = Literal["approve", "reject"]
RulingState = Literal["none", "chosen", "rejected", "expired", "other bytes"]
BEST = "--choose best"
"""Who decides where a run chooses by itself."""


class Decision(BaseModel):
    """One decision. It binds to purchases and to the bytes of their clips.

    `purchase` and `sha256` are those of the take that was chosen; `variant` is its number among those that were shown,
    from 1. A rejection is of the shot as a whole: `seen` has every purchase that was there to choose from, with the
    hash of its clip, and all of them are rejected. `take` is the row's own. Times are Unix seconds.

    `batch` names what was decided in one go: its `batch_count` decisions count together or not at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    shot_id: str
    choice: Verb
    purchase: str = ""
    sha256: str = ""
    take: int = 1
    variant: int = 0
    seen: dict[str, str] = Field(default_factory=dict)
    by: str = ""
    at: float = Field(default_factory=time.time)
    why: str = ""
    expires_at: float | None = None
    nonce: str = Field(default_factory=lambda: uuid.uuid4().hex)
    batch: str = ""
    batch_count: int = 1

    @property
    def purchases(self) -> Mapping[str, str]:
        """What it is about: hashes by purchase."""
        return {self.purchase: self.sha256} if self.choice == "approve" else self.seen

    @property
    def words(self) -> str:
        """What was decided, by whom and why, in a line."""
        return self.told()

    def told(self, take: int | None = None) -> str:
        """As `words`; with the take that names the file of what was chosen, where its number is another."""
        what = f"take {numbered(self.variant, take)} chosen" if self.choice == "approve" else "rejected"
        by = f" by {one_line(self.by, 80)}" if self.by else ""
        return f"{what}{by}" + (f": {one_line(self.why, 200)}" if self.why else "")

    def same_as(self, other: Decision | None) -> bool:
        """Whether another says the same of the same bytes, for as long."""
        if other is None or self.choice != other.choice or self.expires_at != other.expires_at:
            return False
        return dict(self.purchases) == dict(other.purchases)


def numbered(number: int, take: int | None) -> str:
    """How a take is called: by the number that people choose by, and the take of its file where that is another."""
    return str(number) if take in (None, number) else f"{number} (take {take})"


@dataclass(frozen=True)
class Ruling:
    """What the decisions on a shot say of its takes as they are now.

    `decision` is the last that is about any of them. It counts in the states `chosen` and `rejected` alone; `rejected`
    are the purchases that it refuses.
    """

    state: RulingState = "none"
    decision: Decision | None = None
    rejected: frozenset[str] = frozenset()

    @property
    def counts(self) -> bool:
        """Whether its decision is in force."""
        return self.state in ("chosen", "rejected")


UNDECIDED = Ruling()


def ruling_on(takes: Mapping[str, str], decisions: Sequence[Decision], now: float) -> Ruling:
    """Which decision rules over takes, and whether it counts.

    Only the last that is about one of them can: where it is expired, or was made about other bytes, nobody has decided.
    What it overruled stays so, since a person had taken it back.

    Args:
        takes: The hash of each take's clip by its purchase; "" where its clip is not here.
        decisions: Those on the shot, in their order.
        now: Unix time.
    """
    about = [each for each in decisions if not takes.keys().isdisjoint(each.purchases)]
    if not about:
        return UNDECIDED
    decision = about[-1]
    if decision.expires_at is not None and decision.expires_at <= now:
        return Ruling("expired", decision)
    same = {purchase for purchase, sha256 in decision.purchases.items() if sha256 and takes.get(purchase) == sha256}
    if decision.choice == "approve":
        return Ruling("chosen" if same else "other bytes", decision)
    if not same:
        return Ruling("other bytes", decision)
    home = {purchase for purchase, sha256 in takes.items() if sha256}
    # A take that came since is there to be looked at.
    return Ruling("rejected" if home <= same else "none", decision, frozenset(same))
