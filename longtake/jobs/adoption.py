"""Asking the vendor about a job before a person's word on it is written: is it there, and is it what was ordered?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from longtake.accounts.session import AccountSession
from longtake.domain.errors import ConfigurationError, LongtakeError, TerminalVendorError
from longtake.domain.job_ids import clean_job_id
from longtake.jobs.decisions import Decisions, Home, adoptable, homes_in
from longtake.jobs.resources import RunResources
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Intent, Purchase
from longtake.vendors import VENDORS, adapter_named
from longtake.vendors.answers.job_facts import JobFacts

LOOKS, PAUSE_SECONDS = 3, 1.0
"""A vendor that denies a job is asked again: relays deny live ones now and then."""
CLOCKS_SECONDS = 3600.0
"""By so much the vendor's clock and ours may differ."""
LEAST_PROMPT_CHARACTERS = 20
"""A prompt that a vendor cuts short is still known by so much of it."""


async def look_up(ledger: Ledger, resources: RunResources, decisions: Decisions) -> tuple[dict[str, Home], list[str]]:
    """Asks the vendors about every job that is to be adopted.

    Returns:
        Where the jobs were found, by shot id as written; and what a person should know of those that could not be seen.

    Raises:
        ConfigurationError: A vendor does not know a job, or could not be asked, or tells other things of it than the
            purchase does; `decisions.unseen` overrides the latter two.
    """
    purchases = await asyncio.to_thread(ledger.load)
    homes: dict[str, Home] = {}
    said: list[str] = []
    problems: list[str] = []
    for shot_id, written in decisions.adopt.items():
        job_id = clean_job_id(shot_id, written)
        purchase = adoptable(purchases, shot_id, ledger.clock())
        found = await _found(purchase, purchases.values(), job_id, resources)
        if isinstance(found, str):
            if decisions.unseen and not found.startswith(_UNKNOWN):
                said.append(f"{shot_id}: job {job_id} was not seen at the vendor: {found}")
            else:
                advice = "" if found.startswith(_UNKNOWN) else "; --unseen adopts it all the same"
                problems.append(f"{shot_id}: {found}{advice}")
            continue
        home, facts = found
        homes[shot_id] = home
        different = list(differences(purchase.intent, facts)) if purchase.intent else []
        if different and decisions.unseen:
            said.append(f"{shot_id}: job {job_id} is adopted though {'; '.join(different)}")
        elif different:
            told = "; ".join(different)
            problems.append(f"{shot_id}: job {job_id} is another: {told}; --unseen adopts it all the same")
    if problems:
        raise ConfigurationError("; ".join(problems) + " (nothing was written)")
    return homes, said


_UNKNOWN = "no such job"


async def _found(
    purchase: Purchase, purchases: Iterable[Purchase], job_id: str, resources: RunResources
) -> tuple[Home, JobFacts] | str:
    """Where the job is and what it says of itself, or why that cannot be told."""
    intent = purchase.intent
    homes = [Home(intent.account, intent.base_url)] if intent else sorted(homes_in(purchases)) or _all_homes()
    denied: list[str] = []
    away: list[str] = []
    for home in homes:
        try:
            session = await resources.session(home.account)
            if home.base_url in ("", session.account.base_url):
                return Home(home.account, session.account.base_url), await _facts(session, job_id)
            # The key goes to the credentials' own address alone.
            away.append(f"{home.account} now names {session.account.base_url}, it was bought at {home.base_url}")
        except TerminalVendorError as error:
            denied.append(f"{home.account} does not know job {job_id} ({error})")
        except LongtakeError as error:
            away.append(f"{home.account} could not be asked: {error}")
    return "; ".join(away) if away else f"{_UNKNOWN}: {'; '.join(denied)}"


async def _facts(session: AccountSession, job_id: str) -> JobFacts:
    """What the vendor says of a job; its denial is believed when it comes again and again."""
    for number in range(1, LOOKS + 1):
        try:
            return await session.client.look_up(job_id)
        except TerminalVendorError:
            if number == LOOKS:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError  # the last look returns or raises


def _all_homes() -> list[Home]:
    return [Home(f"{name}/default", "") for name in VENDORS]


def differences(intent: Intent, facts: JobFacts) -> Iterator[str]:
    """In what a job, by its own words, is not the one that was submitted."""
    wires = {model.wire for model in adapter_named(intent.vendor).models}
    told = facts.models & wires
    if told and intent.wire_model in wires - told:  # what stands behind an endpoint we do not know
        yield f"its model is {', '.join(sorted(told))}, ordered was {intent.wire_model}"
    ordered = _plain(str(intent.request.get("prompt") or ""))
    if facts.prompts and ordered and not any(_is_alike(ordered, _plain(prompt)) for prompt in facts.prompts):
        yield f"its prompt is {min(facts.prompts)[:80]!r}, ordered was {ordered[:80]!r}"
    seconds = intent.request.get("duration_seconds")
    if facts.seconds and isinstance(seconds, int | float) and all(abs(one - seconds) >= 1 for one in facts.seconds):
        yield f"it is {min(facts.seconds):g} s long, ordered were {seconds:g} s"
    if facts.made_at and all(abs(at - intent.at) > CLOCKS_SECONDS for at in facts.made_at):
        yield f"it was made {_moment(min(facts.made_at))}, the submit {_moment(intent.at)}"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _is_alike(ordered: str, told: str) -> bool:
    """Whether two prompts are one, cut short by the vendor or with words of ours around it."""
    shorter, longer = sorted((ordered, told), key=len)
    return shorter == longer or (len(shorter) >= LEAST_PROMPT_CHARACTERS and shorter.rstrip("….") in longer)


def _moment(at: float) -> str:
    if not 0 <= at < time.time() + 1e9:
        return f"at {at:g}"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
