"""Holding a run to its budget: whole reels are set aside before the first purchase, and nothing is bought beyond.

Every purchase counts at its high bound from before its submit on: a clip, a failed or lost job and an unknown outcome
alike, since no answer of these vendors proves a refund. Only what was certainly not accepted is free again, and a clip
whose vendor reports what it billed counts for that from the next run on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from longtake.costs.budget_draft import BudgetDraft, BudgetLimits
from longtake.costs.budget_log import NANO, AnyOf, BudgetLog, Entry, Reservation
from longtake.costs.quote import Quote
from longtake.domain.errors import BudgetExceededError
from longtake.files.clocks import is_gone, is_of_this_boot, steady_seconds, this_process
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase

log = logging.getLogger("longtake.costs.budget")

BEAT_SECONDS = 60.0
"""How often an owner says that it is alive."""
FENCE_SECONDS = 150.0
"""An owner buys only so long after it last said so,"""
STALE_SECONDS = 300.0
"""and after so long others take what it set aside and did not buy; the difference is for slow writes."""
LEDGER = "ledger"

Needs = Mapping[str, Mapping[str, Reservation | AnyOf]]
"""What reels still have to buy, in the order in which money is set aside for them: by reel, then by identity."""

Reprice = Callable[[Purchase], Quote | None]
Settle = Callable[[Purchase], float | None]
Decision = Callable[[BudgetDraft], Any]


class Budget:
    """What one run may spend in one output; an async context manager, entered after `open`.

    Args:
        ledger: The output's ledger.
        budget_usd: Most that the output may cost in all, earlier runs included; None: no bound.
        caps: Most that it may cost at one account (`vendor/document`).
        reprice: Prices a purchase that was made when its price was unknown.
        settle: What a purchase has cost in US dollars, None where its high bound stands.
        clock: Seconds that pass steadily; None: those since this machine's boot.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        budget_usd: float | None = None,
        caps: Mapping[str, float] | None = None,
        reprice: Reprice = lambda purchase: None,
        settle: Settle = lambda purchase: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.owner = uuid.uuid4().hex
        self.bounds = BudgetLimits(budget_usd, dict(caps or {}))
        self._ledger = ledger
        self._reprice = reprice
        self._settle = settle
        self._clock = clock or steady_seconds
        # A clock of one's own is nobody else's: others then go by what they hear of us.
        self._process = this_process() if clock is None else None
        self._log = BudgetLog(ledger.store, clock=self._clock)
        self._waiting: list[tuple[Decision, asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._last_beat: float | None = None
        self._untouched: set[str] = set()

    async def open(self, purchases: Mapping[str, Purchase] | None = None) -> Self:
        """Reads what was spent; `purchases` is the ledger, where the caller has just read it.

        Raises:
            UnreadableRecordError: The log was written by another release.
        """
        await asyncio.to_thread(self._log.load)
        if purchases is None:
            purchases = await asyncio.to_thread(self._ledger.load)
        bought = {one.identity: self._known_share(one) for one in purchases.values() if one.is_charged}
        self._log.state.count(LEDGER, bought)
        settled = {
            identity: share._replace(usd=usd)
            for identity, share in bought.items()
            if (usd := self._settle(purchases[identity])) is not None
        }
        self._log.state.settle(LEDGER, settled)
        return self

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._keep_alive())
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        await self.close()

    @property
    def spent_usd(self) -> float:
        """What was bought or set aside so far, at the high bound, as far as its price is known."""
        return self._log.state.total_nano_usd / NANO

    async def admit_reels(self, needs: Needs) -> dict[str, str]:
        """Sets money aside for whole reels, one after the other.

        Returns:
            The reels that are held, each with the reason.
        """

        def decide(draft: BudgetDraft) -> dict[str, str]:
            return {reel: reason for reel, shares in needs.items() if (reason := draft.reserve(shares))}

        held = await self._decided(decide)
        self._untouched |= {identity for reel, shares in needs.items() if reel not in held for identity in shares}
        return held

    async def preview(self, needs: Needs) -> dict[str, str]:
        """What `admit_reels` would hold now; writes nothing."""
        await asyncio.to_thread(self._log.refresh)
        draft = BudgetDraft(self.owner, self.bounds, self._log.state)
        return {reel: reason for reel, shares in needs.items() if (reason := draft.reserve(shares))}

    async def reserve(self, identity: str, quote: Quote | None, account: str, *, cap_usd: float | None = None) -> None:
        """Makes sure that money is set aside for a purchase, right before its intent is written.

        Raises:
            BudgetExceededError: It does not fit, or its price is unknown though there is a bound.
        """
        if cap_usd is not None:
            self.bounds.caps[account] = cap_usd
        share, held = _share_of(quote, account), self._log.state.share(identity, self.owner)
        # More stays set aside till it is bought: where nothing comes of it here, a dearer account may be asked next.
        wanted = share._replace(usd=held.usd) if held is not None and held.nano_usd > share.nano_usd else share
        if held != wanted or self._seconds_since_beat() > BEAT_SECONDS:
            reason = await self._decided(lambda draft: draft.reserve({identity: wanted}))
            if reason and wanted != share:
                reason = await self._decided(lambda draft: draft.reserve({identity: share}))
            if reason:
                raise BudgetExceededError(reason)
        self._untouched.discard(identity)

    async def bought(self, identity: str, quote: Quote | None, account: str) -> None:
        """Lets go of what was set aside beyond a purchase's own price."""
        share, held = _share_of(quote, account), self._log.state.share(identity, self.owner)
        if held is None or held.account != account or not held.nano_usd > share.nano_usd > 0:
            return
        try:
            await self._decided(lambda draft: draft.reserve({identity: share}))
        except Exception as error:  # it is bought, and no fault of ours may say otherwise
            log.warning("the budget's log could not be written: %s", error)

    @property
    def is_fresh(self) -> bool:
        """Whether an intent that is durable by now was written before others could take us for dead."""
        return self._seconds_since_beat() < FENCE_SECONDS

    async def release(self, identity: str) -> None:
        """Lets the money for a purchase go that was certainly not accepted."""
        await self._decided(lambda draft: draft.release(self.owner, [identity]))

    async def close(self) -> None:
        """Lets go of what was set aside for purchases that were never tried."""
        untouched, self._untouched = self._untouched, set()

        def decide(draft: BudgetDraft) -> None:
            draft.release(self.owner, untouched)
            draft.closed = True

        # What cannot be written now is taken for left by the dead later.
        with contextlib.suppress(OSError):
            await self._decided(decide)

    def _known_share(self, purchase: Purchase) -> Reservation:
        """What a purchase may cost; where its own records cannot be read, what was set aside for it."""
        share = self._share(purchase)
        if share.usd is not None or not purchase.unreadable:
            return share
        set_aside = self._log.state.shares.get(purchase.identity, {}).values()
        return max((one for one in set_aside if one.usd is not None), key=lambda one: one.nano_usd, default=share)

    def _share(self, purchase: Purchase) -> Reservation:
        # Tries that were certainly not accepted may have been at another vendor, at another price.
        tries = [intent for number, intent in purchase.intents.items() if number not in purchase.voids]
        prices = [intent.price_high_usd for intent in tries if intent.price_high_usd is not None]
        account = purchase.intent.account if purchase.intent else ""
        if prices:
            return Reservation(max(prices), account)
        quote = self._reprice(purchase)
        return _share_of(quote, account)

    def _seconds_since_beat(self) -> float:
        return float("inf") if self._last_beat is None else self._clock() - self._last_beat

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._decided(lambda draft: None)
            except Exception as error:  # tried again soon; `is_fresh` guards what is bought meanwhile
                log.warning("the budget's log could not be written: %s", error)

    async def _decided(self, decide: Decision) -> Any:
        """Puts a decision into the log; all that come while an entry is written share the next one."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((decide, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await self._commit([decide for decide, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    async def _commit(self, decisions: Sequence[Decision]) -> list[Any]:
        looked = False
        while True:
            begun = self._clock()
            draft = BudgetDraft(self.owner, self.bounds, self._log.state)
            answers = [decide(draft) for decide in decisions]
            if draft.refused and not looked:
                # Nobody is refused by an old state, or for the sake of the dead.
                looked = True
                await asyncio.to_thread(self._log.refresh)
                await self._bury()
                continue
            if await self._append(draft):
                self._last_beat = begun
                return answers

    async def _bury(self) -> None:
        """Lets go of what the dead had set aside, before anything else is decided."""
        while dead := await asyncio.to_thread(self._left_by_the_dead):
            draft = BudgetDraft(self.owner, self.bounds, self._log.state, released=dead)
            if await self._append(draft):
                return

    async def _append(self, draft: BudgetDraft) -> bool:
        entry = Entry(
            owner=self.owner,
            at=time.time(),
            reserved=draft.reserved,
            released=draft.released,
            closed=draft.closed,
            process=self._process,
            steady_at=self._clock() if self._process else None,
        )
        return await asyncio.to_thread(self._log.append, entry)

    def _is_dead(self, owner: str) -> bool:
        """Whether an owner has ended, or has fallen silent for so long that it no longer buys."""
        state = self._log.state
        if owner in state.closed:
            return True
        entry = state.last.get(owner)
        if entry is not None and is_gone(entry.process):
            return True
        if entry is not None and entry.steady_at is not None and self._process and is_of_this_boot(entry.process):
            return self._clock() - entry.steady_at > STALE_SECONDS
        return self._log.silent_seconds(owner) > STALE_SECONDS

    def _left_by_the_dead(self) -> dict[str, list[str]]:
        """What owners set aside that ended or fell silent, as far as the ledger shows no purchase."""
        state = self._log.state
        owners = {owner for shares in state.shares.values() for owner in shares} - {self.owner, LEDGER}
        alive = {owner for owner in owners if not self._is_dead(owner)} | {self.owner, LEDGER}
        left: dict[str, list[str]] = {}
        for identity, shares in state.shares.items():
            for owner in shares.keys() - alive if LEDGER not in shares else ():
                left.setdefault(owner, []).append(identity)
        if not left:
            return {}
        purchases = self._ledger.load({identity for identities in left.values() for identity in identities})
        unbought: dict[str, list[str]] = {}
        for owner, identities in left.items():
            for identity in identities:
                if identity in purchases and purchases[identity].is_charged:
                    state.count(LEDGER, {identity: state.shares[identity][owner]})
                else:
                    unbought.setdefault(owner, []).append(identity)
        return unbought


def _share_of(quote: Quote | None, account: str) -> Reservation:
    return Reservation(quote.high_usd if quote else None, account)
