"""Which of a shot's accounts are open to it, and after which ends it may go on to the next."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from longtake.domain.errors import (
    AuthenticationError,
    BudgetExceededError,
    ContentRefusedError,
    InsufficientBalanceError,
    LedgerError,
    MachineError,
    MissingCredentialsError,
    NotSentError,
    RateLimitedError,
    RefusedMediaError,
    RejectedRequestError,
    UnknownOutcomeError,
    UnreadableRecordError,
    UnsupportedRequestError,
    VendorUnavailableError,
)
from longtake.domain.identity import attempt_identity
from longtake.domain.verdicts import Verdict
from longtake.domain.violations import refusal
from longtake.ledger.records import Intent, Purchase, Unknown, VerdictRecord, Void
from longtake.rendering.buying.open_accounts import UNKNOWN_SECONDS, UNREACHABLE_SECONDS, OpenAccounts
from tests.simulated import JumpingLoop, chain
from tests.unit.bought import intent

A, B, C = "evolink/default", "anyfast/default", "jimmyai/default"
VOID = {"intents": {1: intent("1-r-0")}, "voids": {1: Void(identity="1-r-0", reason="no")}}
NOTHING, VOIDED = Purchase(identity="1-r-0"), Purchase(identity="1-r-0", **VOID)
NO_VIOLATION = ([],)


class World:
    """Three accounts, of which a shot may go to two or three; and a ledger of attempts."""

    def __init__(self, on_refused="hold", vendors="evolink|anyfast") -> None:
        self.sessions = {name: SimpleNamespace(account=SimpleNamespace(name=name), trouble=None) for name in (A, B, C)}
        self.bought: dict[str, Purchase] = {}
        self.missing: dict[str, Exception] = {}
        [self.shot] = chain("r", 1, vendors)
        self.accounts = OpenAccounts(self.session, SimpleNamespace(latest=self.latest), on_refused)

    async def session(self, name):
        if name in self.missing:
            raise self.missing[name]
        return self.sessions[name]

    def latest(self, identity):
        return self.bought.get(identity, Purchase(identity=identity))

    def ended(self, number, account, verdict=Verdict.FAILED, **more) -> None:
        identity = attempt_identity(self.shot.identity, number)
        record = VerdictRecord(identity=identity, verdict=verdict, **more)
        tried: dict[int, Intent] = {1: intent(identity, account=account)}
        self.bought[identity] = Purchase(identity=identity, intents=tried, verdict=record)

    async def open(self, number=1) -> list[str]:
        return [session.account.name for session in await self.accounts.open_to(self.shot, number)]

    def goes_on(self, error, purchase=VOIDED, account=A) -> bool:
        return self.accounts.goes_on(self.shot, account, error, purchase)


async def test_all_are_open_in_their_order():
    assert await World(vendors="anyfast|evolink|jimmyai").open() == [B, A, C]


async def test_an_account_on_hold_or_without_a_key_is_passed_by_and_held_if_all_are():
    world = World()
    world.sessions[A].trouble = AuthenticationError("no such key")
    assert await world.open() == [B]
    world.missing[B] = MissingCredentialsError("no key")
    with pytest.raises(AuthenticationError, match="no such key"):
        await world.open()


async def test_a_lone_vendor_on_hold_ends_its_shots_as_ever():
    world = World(vendors="evolink")
    assert await world.open() == [A]
    world.sessions[A].trouble = InsufficientBalanceError("empty")
    with pytest.raises(InsufficientBalanceError):
        await world.open()
    assert not world.goes_on(AuthenticationError("no"))


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no"),
        InsufficientBalanceError("no"),
        RateLimitedError("no"),
        NotSentError("no"),
        VendorUnavailableError("an upload"),
        BudgetExceededError("its cap"),
        UnsupportedRequestError(*NO_VIOLATION),
    ],
)
@pytest.mark.parametrize("purchase", [NOTHING, VOIDED])
async def test_after_an_end_at_which_nothing_was_bought_it_goes_on(error, purchase):
    world = World()
    assert world.goes_on(error, purchase)
    assert await world.open() == [B]
    assert world.accounts.ended(world.shot) == {A: error}


@pytest.mark.parametrize(
    "error",
    [
        UnknownOutcomeError("lost"),
        LedgerError("over"),
        UnreadableRecordError("torn"),
        MachineError("full"),
        ValueError("ours"),
        asyncio.CancelledError(),
    ],
)
@pytest.mark.parametrize("on_refused", ["hold", "next"])
async def test_after_any_other_end_it_does_not(error, on_refused):
    assert not World(on_refused).goes_on(error)


async def test_it_goes_on_by_the_ledger_alone_whatever_the_error_says():
    first = intent("1-r-0")
    lost = Purchase(identity="1-r-0", intents={1: first}, unknowns={1: Unknown(identity="1-r-0", evidence="lost")})
    under_way = Purchase(identity="1-r-0", intents={1: first})
    for purchase in (lost, under_way, None):
        assert not World().goes_on(AuthenticationError("no"), purchase)


@pytest.mark.parametrize(
    "error", [RejectedRequestError("no"), ContentRefusedError("no"), RefusedMediaError(*NO_VIOLATION)]
)
async def test_what_was_refused_goes_on_at_a_persons_word_alone(error):
    assert not World().goes_on(error)
    assert World("next").goes_on(error)


async def test_what_is_bought_elsewhere_tells_where_nothing_was_and_why():
    world = World()
    assert world.accounts.passed_words(world.shot) == ""
    assert world.goes_on(InsufficientBalanceError("used up"))
    assert world.accounts.passed_words(world.shot) == "; nothing bought at evolink: used up"


async def test_another_attempt_goes_where_the_shot_has_failed_least():
    world = World()
    world.ended(1, A)
    assert await world.open(2) == [B]
    world.ended(2, B)
    assert await world.open(3) == [A, B]
    world.ended(3, A)
    assert await world.open(4) == [B]
    world.sessions[B].trouble = AuthenticationError("no")
    assert await world.open(4) == [A]


async def test_what_was_bought_again_on_a_word_says_nothing_of_its_vendor():
    world = World()
    world.ended(1, A, Verdict.CANCELLED, resubmitted=True)
    assert await world.open(2) == [A, B]


@pytest.mark.parametrize(("column", "goes_on"), [("first_frame", True), ("continue_from", False)])
async def test_what_one_library_refuses_goes_to_the_account_that_has_passed_it_and_a_clip_before_has_passed_nowhere(
    column, goes_on
):
    world = World(vendors="evolink|anyfast|jimmyai")
    world.accounts.passed[world.shot] = B
    refused = RefusedMediaError([refusal(column, "x", "no", "give another")])
    assert world.goes_on(refused) is goes_on
    assert await world.open() == ([B] if goes_on else [A, B, C])


async def test_moderation_that_said_no_is_not_asked_again():
    world = World("next")
    world.ended(1, A, Verdict.CONTENT_REFUSED)
    assert world.accounts.others(world.shot) == [A, B]
    assert await world.open(2) == [B]
    world.ended(2, B, Verdict.CONTENT_REFUSED)
    with pytest.raises(ContentRefusedError):
        await world.open(3)


async def test_this_run_shows_it_to_no_account_at_which_it_ended():
    world = World()
    world.goes_on(AuthenticationError("no"))
    assert world.accounts.others(world.shot) == [B]


def test_an_account_that_gives_nothing_is_passed_by_for_a_while_and_longer_each_time():
    async def pass_by():
        world, loop = World(), asyncio.get_running_loop()
        other = chain("other", 1, "evolink|anyfast")[0]
        for times in (1, 2, 4):
            world.accounts.goes_on(other, A, NotSentError("refused"), VOIDED)
            assert await world.open() == [B]
            assert world.accounts.next_change() == pytest.approx(loop.time() + times * UNREACHABLE_SECONDS, abs=0.1)
            await asyncio.sleep(times * UNREACHABLE_SECONDS + 1)
            assert (await world.open(), world.accounts.next_change()) == ([A, B], None)
        world.accounts.bought_at(A)
        world.accounts.goes_on(other, A, UnknownOutcomeError("lost"), None)
        assert world.accounts.next_change() == pytest.approx(loop.time() + UNKNOWN_SECONDS, abs=0.1)
        world.accounts.goes_on(other, B, NotSentError("refused"), VOIDED)
        assert await world.open() == [A, B]  # where all are passed by none is

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(pass_by())


async def test_a_shot_that_was_bought_elsewhere_goes_by_that_account():
    world = World()
    world.accounts.takes(world.shot, B)
    assert (world.shot.account, world.shot.model) == (B, world.shot.candidates[1].model)
    world.accounts.takes(world.shot, C)
    assert world.shot.account == C


async def test_each_account_is_told_with_its_reason():
    world = World()
    refused, empty = AuthenticationError("no such key"), InsufficientBalanceError("empty")
    assert world.goes_on(refused)
    assert world.accounts.words(world.shot, refused) == "no such key"
    assert world.goes_on(empty, account=B)
    assert world.accounts.words(world.shot, refused) == "evolink: no such key; anyfast: empty"
    assert world.accounts.words(world.shot, MachineError("full")) == "full"
