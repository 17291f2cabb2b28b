"""What can be told of an account without spending anything: its key, its balance where told, its clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.domain.errors import (
    AuthenticationError,
    InsufficientBalanceError,
    LongtakeError,
    TransientVendorError,
    UnexpectedReplyError,
)
from longtake.domain.text import counted
from longtake.settings import settings
from longtake.vendors import Adapter, Model, Reply

NO_JOB = "task-longtake-check-00000000"
"""No vendor has such a job: an answer that does not know it comes from behind the check of the key."""
MOST_MODELS = 4
MOST_CLOCK_SECONDS = 60.0
"""Links that are signed by a clock that is further off may be dead before they are used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `is_good` None: it cannot be told. `closed`: wire models that the key may not use.
    """

    what: str
    is_good: bool | None
    words: str
    closed: tuple[str, ...] = ()


async def check_account(account: Account, client: VendorClient | None = None) -> list[Finding]:
    """Asks the vendor what it tells for free. Never raises, never buys."""
    async with client or VendorClient(account) as asked:
        try:
            reply = await asked.transport.send_again(asked.adapter.look(NO_JOB))
        except LongtakeError as error:
            return [Finding("address", False, f"{account.base_url} does not answer: {error}")]
        found = [_key(asked, reply), *_clock(reply)]
        if not found[0].is_good:
            return [*found, _not_told(asked.adapter)]
        return [*found, await _balance(asked), await _models(asked)]


async def _models(client: VendorClient) -> Finding:
    """Which models the key may use, where the vendor lists them."""
    adapter = client.adapter
    call = adapter.models_call()
    if call is None:
        return _not_told(adapter)
    try:
        listed = adapter.open_models(await client.ask(call))
    except LongtakeError:
        return _not_told(adapter)
    is_open = [model for model in adapter.models if model.wire in listed]
    if not is_open:  # a list of other things
        return _not_told(adapter)
    closed = [model for model in adapter.models if model.wire not in listed]
    words = f"open to the key: {_named(is_open)}" + (f"; not open: {_named(closed)}" if closed else "")
    return Finding("models", True, words, tuple(model.wire for model in closed))


def _named(models: Sequence[Model]) -> str:
    return ", ".join(dict.fromkeys(model.neutral or model.wire for model in models))


def _not_told(adapter: Adapter) -> Finding:
    names = list(dict.fromkeys(model.neutral or model.wire for model in adapter.models))
    some = ", ".join(names[:MOST_MODELS]) + (", …" if len(names) > MOST_MODELS else "")
    how = f"which are open this vendor does not tell before an order; `longtake vendors {adapter.name}` names all"
    return Finding("models", None, f"{counted(len(names), 'model')}: {some}; {how}")


def _key(client: VendorClient, reply: Reply) -> Finding:
    failure = client.failure(reply)
    if isinstance(failure, AuthenticationError):
        return Finding("key", False, f"refused: {failure}")
    if failure is None or client.adapter.result_expired(failure) or isinstance(failure, InsufficientBalanceError):
        is_sandbox = settings().sandbox_url is not None
        return Finding("key", True, "the sandbox's key, taken; LONGTAKE_SANDBOX_URL is set" if is_sandbox else "taken")
    if isinstance(failure, TransientVendorError | UnexpectedReplyError):
        return Finding("address", False, f"{client.account.base_url} answers, but not as its documents say: {failure}")
    return Finding("key", None, f"cannot be told: {failure}")


async def _balance(client: VendorClient) -> Finding:
    call = client.adapter.balance_call()
    if call is None:
        return Finding("balance", None, "this vendor has no way to ask")
    try:
        left = client.adapter.balance(await client.ask(call))
    except LongtakeError as error:
        is_good = False if isinstance(error, InsufficientBalanceError) else None
        return Finding("balance", is_good, f"cannot be told: {error}" if is_good is None else f"used up: {error}")
    return Finding("balance", left.amount is None or left.amount > 0, left.words)


def _clock(reply: Reply) -> list[Finding]:
    named = {name.lower(): value for name, value in reply.headers.items()}
    try:
        ahead = time.time() - parsedate_to_datetime(named["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return []
    side = "ahead of" if ahead > 0 else "behind"
    is_good = abs(ahead) <= MOST_CLOCK_SECONDS
    words = "as the vendor's" if is_good else f"ours is {abs(ahead):,.0f} s {side} the vendor's"
    return [Finding("clock", is_good, words)]
