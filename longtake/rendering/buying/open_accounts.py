"""Which of its accounts are open to a shot, and when it may go on to the next: after a proven end alone.

`docs/decisions/0018-pools.md` tells why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from longtake.accounts.account import account_name
from longtake.accounts.session import AccountSession, raise_trouble
from longtake.domain.errors import (
    BudgetExceededError,
    ContentRefusedError,
    LongtakeError,
    RefusedMediaError,
    RejectedRequestError,
    TransientVendorError,
    UnknownOutcomeError,
    UnsupportedRequestError,
    VendorAccountError,
    VendorError,
)
from longtake.domain.identity import attempt_identity
from longtake.domain.text import one_line
from longtake.domain.verdicts import Outcome, Verdict, outcome_of
from longtake.ledger.attempts import failed_at, moderated_at, require_shown, shown_to
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Purchase
from longtake.planning.options import OnRefused
from longtake.planning.plan import Shot
from longtake.planning.pools.candidates import vendors_in

log = logging.getLogger("longtake.rendering.buying.open_accounts")

UNREACHABLE_SECONDS, UNKNOWN_SECONDS, LONGEST_AWAY_SECONDS = 60.0, 600.0, 3600.0
"""So long an account that gave nothing, or whose answer was lost, is passed by where there is another."""

_ASKS_FOR_ANOTHER_ROW = (RejectedRequestError, ContentRefusedError, RefusedMediaError)
"""Somebody refused what is asked, not us; in words that we do not know it may have been moderation."""
_ENDS_HERE_ALONE = (VendorError, UnsupportedRequestError, BudgetExceededError)
"""What another account may not be hindered by; a fault of our machine, or of the ledger, is the same everywhere."""


@dataclass
class _Away:
    """Until when an account is passed by, and how often that was so since it last bought anything."""

    until: float = 0.0
    times: int = 0


@dataclass
class OpenAccounts:
    """The accounts of a run's shots; a shot without `candidates` has one.

    `on_refused`: whether what moderation, or a vendor, refused is shown to the next account. `vendor`: who makes rows
    that name nobody. `passed`: the account whose library has passed a shot's references.
    """

    session: Callable[[str], Awaitable[AccountSession]]
    ledger: Ledger
    on_refused: OnRefused = "hold"
    vendor: str = ""
    passed: dict[Shot, str] = field(default_factory=dict[Shot, str])
    _ended: dict[Shot, dict[str, LongtakeError]] = field(default_factory=dict[Shot, dict[str, LongtakeError]])
    _away: dict[str, _Away] = field(default_factory=dict[str, _Away])

    async def open_to(self, shot: Shot, number: int) -> list[AccountSession]:
        """The accounts at which an attempt of a shot may be bought, in the order in which they are tried.

        Raises:
            LongtakeError: There is none: what hinders it at those that may be open again.
        """
        shown = await self._shown_alone(shot, number)
        if not shot.candidates:
            require_shown(shot.account, shown)
            session = await self.session(shot.account)
            raise_trouble(session)
            return [session]
        before = await asyncio.to_thread(self.attempts, shot, number - 1)
        failed, refused = failed_at(before), moderated_at(before)
        troubles, found = dict(self.ended(shot)), list[AccountSession]()
        for account in (each for each in shot.accounts if each not in troubles and each not in refused):
            try:
                require_shown(account, shown)
                session = await self.session(account)
                raise_trouble(session)
            except LongtakeError as error:
                troubles[account] = error
            else:
                found.append(session)
        if not found:
            raise _most_hopeful(troubles or {shot.account: ContentRefusedError("moderation refused it everywhere")})
        at_hand = [each for each in found if not self._is_away(each.account.name)] or found
        least = min(failed.count(each.account.name) for each in at_hand)
        return [each for each in at_hand if failed.count(each.account.name) == least]

    def takes(self, shot: Shot, account: str) -> None:
        """An account takes a shot: it is, or was, bought there."""
        for candidate in shot.candidates:
            if candidate.account == account:
                shot.go_to(candidate)
                return
        if shot.account != account:
            shot.vendor = account

    def goes_on(self, shot: Shot, account: str, error: BaseException, purchase: Purchase | None) -> bool:
        """Whether a shot that was not bought at an account may go to its next.

        Args:
            shot: The shot.
            account: Where it was tried.
            error: How that ended.
            purchase: As the ledger holds it now; None where it cannot be asked.
        """
        self._note(account, error)
        if not shot.candidates or purchase is None or not purchase.is_void or not isinstance(error, _ENDS_HERE_ALONE):
            return False
        if isinstance(error, UnknownOutcomeError):
            return False
        if isinstance(error, _ASKS_FOR_ANOTHER_ROW) and self.on_refused != "next":
            passed = self.passed.get(shot) if _is_of_its_own(error) else None
            if passed is None or passed in (account, *self.ended(shot)):
                return False
        self._ended.setdefault(shot, {})[account] = error
        log.warning("%s: nothing was bought at %s: %s", shot.shot_id, account, error)
        return True

    def bought_at(self, account: str) -> None:
        """Something was bought at an account: it is there."""
        self._away.pop(account, None)

    def bound(self, shot: Shot) -> tuple[str, ...]:
        """The accounts that row or run names, of which one that refuses binds the shot; none with a person's word."""
        named = vendors_in(shot.row.written.vendor or self.vendor) if self.on_refused != "next" else ()
        return tuple(map(account_name, named))

    def others(self, shot: Shot) -> list[str]:
        """The accounts that this run may still show a shot to."""
        return [each.account for each in shot.candidates if each.account not in self.ended(shot)]

    def ended(self, shot: Shot) -> Mapping[str, LongtakeError]:
        """At which accounts this run could not buy a shot, and why."""
        return self._ended.get(shot, {})

    def words(self, shot: Shot, error: LongtakeError) -> str:
        """Why a shot was not bought: account by account, where there were several."""
        ended = self.ended(shot)
        if len(ended) < 2 or error not in ended.values():
            return str(error)
        return "; ".join(f"{account.removesuffix('/default')}: {each}" for account, each in ended.items())

    def passed_words(self, shot: Shot) -> str:
        """Where this run could not buy a shot that it bought elsewhere, and why; "" where it was nowhere."""
        ended = self.ended(shot).items()
        return "".join(
            f"; nothing bought at {account.removesuffix('/default')}: {one_line(str(why))}" for account, why in ended
        )

    def with_word(self, shot: Shot, outcome: Outcome, cause: BaseException | None) -> Outcome:
        """What was refused, with the word that shows it to the next of the shot's accounts, where there is one."""
        refused = outcome.verdict is Verdict.CONTENT_REFUSED
        if self.on_refused == "next" or not (refused or isinstance(cause, _ASKS_FOR_ANOTHER_ROW)):
            return outcome
        saw = {shot.account, *moderated_at(shot.attempts)}
        others = [each.removesuffix("/default") for each in self.others(shot) if each not in saw]
        if not others:
            return outcome
        paid = " (with a higher `--max-attempts` where a film was paid)" if refused else ""
        word = f"or run again with `--on-refused next`{paid}, which shows it to {others[0]}"
        return outcome.model_copy(update={"advice": f"{outcome.next_action}, {word}"})

    def next_change(self) -> float | None:
        """When, by the loop's clock, an account that is passed by may be tried again; None where none is."""
        now = asyncio.get_running_loop().time()
        return min((away.until for away in self._away.values() if away.until > now), default=None)

    def attempts(self, shot: Shot, most: int) -> list[Purchase]:
        """The first attempts at a shot, as this process knows them by now. Blocking."""
        identities = (attempt_identity(shot.identity, number) for number in range(1, most + 1))
        return [self.ledger.latest(identity) for identity in identities]

    async def _shown_alone(self, shot: Shot, number: int) -> frozenset[str]:
        """The accounts that have seen what one of them refused, which without a person's word is shown to no other.

        Empty where nothing was refused, or where nobody named its account for this run.
        """
        if self.on_refused == "next":
            return frozenset()
        if any(isinstance(error, RefusedMediaError) for error in self.ended(shot).values()):
            return frozenset({self.passed[shot]})
        if number <= len(shot.attempts):
            attempts = shot.attempts[:number]
        elif number > 1:
            attempts = await asyncio.to_thread(self.attempts, shot, number)
        else:
            return frozenset()
        return frozenset(shown_to(attempts)).intersection(self.bound(shot))

    def _is_away(self, account: str) -> bool:
        away = self._away.get(account)
        return away is not None and away.until > asyncio.get_running_loop().time()

    def _note(self, account: str, error: BaseException) -> None:
        """An account that does not answer is passed by for a while, longer each time."""
        if not isinstance(error, TransientVendorError | VendorAccountError | UnknownOutcomeError):
            return
        away = self._away.setdefault(account, _Away())
        if self._is_away(account):
            return
        seconds = UNKNOWN_SECONDS if isinstance(error, UnknownOutcomeError) else UNREACHABLE_SECONDS
        away.until = asyncio.get_running_loop().time() + min(LONGEST_AWAY_SECONDS, seconds * 2.0**away.times)
        away.times += 1


def _is_of_its_own(error: LongtakeError) -> bool:
    """Whether a library refused a shot's own reference; the clip before it no library has passed yet."""
    columns = {each.column for each in error.violations} if isinstance(error, RefusedMediaError) else set[str]()
    return bool(columns) and "continue_from" not in columns


def _most_hopeful(troubles: Mapping[str, LongtakeError]) -> LongtakeError:
    """What may pass by itself, or once a person has mended an account; else the last."""
    errors = list(troubles.values())
    return next((each for each in errors if outcome_of(each).verdict is Verdict.HELD), errors[-1])
