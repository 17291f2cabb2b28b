"""Whether another attempt at a shot may follow one that ended without a clip: the vendor's word, or a person's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from longtake.domain.identity import attempt_identity
from longtake.domain.verdicts import Verdict
from longtake.ledger.attempts import may_follow
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State, VerdictRecord
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Shot
from longtake.rendering.buying.open_accounts import OpenAccounts


@dataclass
class Attempts:
    """The attempts of one run; `sent` are the identities whose submit it has begun."""

    ledger: Ledger
    options: RenderOptions
    accounts: OpenAccounts
    sent: Collection[str]

    async def may_follow(self, shot: Shot, number: int) -> bool:
        """Whether the next attempt may follow: after a retryable end while attempts are left, or a person's word.

        Args:
            shot: The shot.
            number: The attempt that ended without a clip to use.
        """
        if number == len(shot.attempts) and shot.is_rejected:
            return shot.goes_on
        purchase = await asyncio.to_thread(self.ledger.purchase, attempt_identity(shot.identity, number))
        state = purchase.state(time.time())
        # The word was given for outcomes that a person knew: those of this run wait for another, or a vendor whose
        # every answer is lost would be paid without end. Torn records may prove a job: each needs a word of its own.
        resubmits = self.options.on_unknown == "resubmit" and purchase.identity not in self.sent
        if resubmits and state is State.UNKNOWN:
            record = VerdictRecord(
                identity=purchase.identity,
                verdict=Verdict.UNKNOWN_OUTCOME,
                evidence=f"{purchase.evidence_of_unknown()}; resubmitted on a person's word",
                resubmitted=True,
            )
            return await asyncio.to_thread(self.ledger.add_once, record)
        before = await asyncio.to_thread(self.accounts.attempts, shot, number - 1)
        return may_follow([*before, purchase], self.options.attempt_rules, self.accounts.others(shot))
