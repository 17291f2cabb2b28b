"""A vendor account whose clips do not come, so many times in a row, is held before a whole manifest is paid there.

While the last clips did not come, or none has come yet, those that the vendor has finished and that are not here yet
are taken for lost as well: at an account that brings nothing a run pays for its slots and so many clips at most.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from longtake.domain.errors import AccountOnBrakeError
from longtake.domain.verdicts import Outcome
from longtake.planning.options import IN_A_ROW


@dataclass
class _Record:
    """What a run has seen of an account: ends without a clip since the last clip, and what is on its way."""

    in_a_row: int = 0
    has_brought: bool = False
    on_the_way: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Brake:
    """Counts, for each account, what this run bought there for nothing since the last clip.

    Args:
        most: So many in a row hold the account; 0: none ever.
    """

    def __init__(self, most: int = IN_A_ROW) -> None:
        self._most = most
        self._accounts = defaultdict[str, _Record](_Record)

    async def room(self, account: str) -> None:
        """Waits while so many clips in a row may be lost that another purchase might be for nothing too."""
        seen = self._accounts[account]
        while self._most and not (seen.has_brought and not seen.in_a_row):
            if seen.in_a_row >= self._most or seen.in_a_row + len(seen.on_the_way) < self._most:
                return
            seen.changed.clear()
            await seen.changed.wait()

    def finished(self, account: str, identity: str) -> None:
        """The vendor has finished a job that this run bought; its clip is on its way."""
        self._accounts[account].on_the_way.add(identity)

    def note(self, account: str, identity: str, shot_id: str, outcome: Outcome) -> AccountOnBrakeError | None:
        """Takes in how a purchase of this run ended; returns why the account is held from now on, if it is."""
        seen = self._accounts[account]
        seen.on_the_way.discard(identity)
        seen.changed.set()
        if outcome.verdict.facts.is_done:
            seen.in_a_row, seen.has_brought = 0, True
        if (
            not outcome.verdict.facts.blames_account
        ):  # moderation judges a prompt, not the account: it counts neither way
            return None
        seen.in_a_row += 1
        if not self._most or seen.in_a_row < self._most:
            return None
        return AccountOnBrakeError(
            f"{seen.in_a_row} clips in a row of {account} were paid and not got (last: {shot_id}, {outcome.verdict}: "
            f"{outcome.evidence}), so nothing more is bought there in this run. Look at the reasons, then run again; "
            "`--brake N` sets the count, 0 switches it off"
        )
