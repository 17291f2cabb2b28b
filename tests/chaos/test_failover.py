"""A pool goes on to its next vendor after a proven end alone: what each charged, by the sandbox's bill."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from longtake.costs.budget import Budget
from longtake.domain.errors import MissingCredentialsError
from longtake.files.open_store import open_store
from longtake.jobs.adoption import look_up
from longtake.jobs.decisions import Decisions, settle
from longtake.jobs.resources import RunResources
from longtake.jobs.submit import buy
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.reports.plan.table import summary_line
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import KINDS, Fault
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors.prices import fictitious_prices
from tests import plain_render
from tests.chaos.test_kill_points import ROOT, kill_when
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import accounts_of, hasten, render_here, render_plain, sandbox_accounts

POOL = "evolink|anyfast"
CLOSED = "http://127.0.0.1:9"
REFUSES = ("unauthorized", "no_balance", "model_not_allowed")
KNOWN = {"throttled", "moderation", "bad_request", "accepted_odd_words", "accepted_odd_envelope", "accepted_in_4xx"}
LOST = sorted(KINDS["submit"] - KNOWN - {*REFUSES, "accepted_odd_bytes"})
slow = pytest.mark.slow


def some(values, quick) -> list:
    """All values; those that are not quick run in the long form alone."""
    return [pytest.param(value, marks=[] if value in quick else [slow]) for value in values]


def write_pool(path: Path, rows: int = 3, vendor: str = POOL) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "prompt", "vendor", "duration_seconds", "resolution", "ratio"])
        table.writerows([f"s{row}", f"shot {row} end", vendor, 4, "480p", "16:9"] for row in range(rows))
    return path


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.2, jobs_per_key=None, media="stub")) as running:
        yield running


class Pool:
    """A manifest of three shots for the pool, and renders of it."""

    prices: Mapping[str, Mapping[str, Any]] = {}

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.manifest = write_pool(folder / "m.csv")

    async def render(self, *, environment=None, account=None, keyless=(), **options):
        known = {"max_jobs_in_flight": 3, "max_wait_seconds": 10} | (account or {})
        load_account = accounts_of(self.sandbox.environment() | (environment or {}), **known)

        async def load(written):
            if written.partition("/")[0] in keyless:
                raise MissingCredentialsError(f"no key for {written}")
            known, said = await load_account(written)
            return known.model_copy(update={"prices": dict(self.prices.get(known.vendor, {}))}), said

        return await render_plain(self.manifest, self.folder / "out", load, check=quick_check, **options)

    @property
    def billed(self) -> dict[str, int]:
        return dict(Counter(entry.vendor for entry in self.sandbox.bill.entries))


@pytest.fixture
def pool(tmp_path, sandbox):
    return Pool(tmp_path, sandbox)


def tried(end) -> list[str]:
    return [row.warnings or "" for row in end.rows]


@pytest.mark.parametrize("kind", some(REFUSES, ["unauthorized"]))
async def test_what_an_account_refuses_is_bought_at_the_next(pool, kind):
    pool.sandbox.faults.add(Fault(kind=kind, step="submit", vendor="evolink", times=None))
    end = await pool.render()
    assert (end.verdicts, pool.billed) == ({"done": 3}, {"anyfast": 3})
    assert all(words.startswith("tried: evolink: nothing bought") and "anyfast: job" in words for words in tried(end))
    assert [row.vendor for row in end.rows] == ["anyfast"] * 3
    # Who refuses once is on hold: the others did not all have to be told.
    assert pool.sandbox.bill.requests["evolink"]["submit"] <= 3


async def test_who_cannot_be_reached_is_passed_by(pool):
    end = await pool.render(environment={"EVOLINK_BASE_URL": CLOSED})
    assert (end.verdicts, pool.billed) == ({"done": 3}, {"anyfast": 3})


async def test_who_throttles_to_the_end_is_gone_on_from(pool):
    pool.sandbox.faults.add(Fault(kind="throttled", step="submit", vendor="evolink", times=None))
    end = await pool.render(account={"max_wait_seconds": 1})
    assert (end.verdicts, pool.billed) == ({"done": 3}, {"anyfast": 3})


@pytest.mark.parametrize("attempts", [1, 2])
async def test_what_a_vendor_made_and_failed_goes_to_the_next_while_attempts_are_left(pool, attempts):
    pool.sandbox.faults.add(Fault(kind="failed", step="look", vendor="evolink", times=None))
    end = await pool.render(max_attempts=attempts)
    if attempts == 1:
        assert (end.verdicts, pool.billed) == ({"failed": 3}, {"evolink": 3})
        return
    assert (end.verdicts, pool.billed) == ({"done": 3}, {"evolink": 3, "anyfast": 3})
    assert [row.attempts for row in end.rows] == [2, 2, 2]
    assert all("evolink: job" in words and "failed" in words and "anyfast: job" in words for words in tried(end))


@pytest.mark.parametrize("kind", some(LOST, ["answer_lost_after_accept", "reset_before_accept"]))
async def test_after_an_unknown_outcome_nothing_is_bought_elsewhere(pool, monkeypatch, kind):
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "2")
    hasten(monkeypatch)
    fields = {"seconds": 4.0} if kind == "slow_answer" else {}
    pool.sandbox.faults.add(Fault(kind=kind, step="submit", vendor="evolink", times=None, **fields))
    for options in ({}, {"max_attempts": 3}, {"on_refused": "next"}):
        end = await pool.render(**options)
        assert end.verdicts == {"unknown_outcome": 3}
        assert set(pool.billed) <= {"evolink"} and pool.billed.get("evolink", 0) <= 3


@pytest.mark.parametrize(("kind", "verdict"), [("moderation", "content_refused"), ("bad_request", "refused")])
async def test_what_was_refused_is_shown_to_the_next_vendor_on_a_persons_word_alone(pool, kind, verdict):
    pool.sandbox.faults.add(Fault(kind=kind, step="submit", vendor="evolink", times=None))
    held = await pool.render()
    assert (held.verdicts, pool.billed) == ({verdict: 3}, {})
    gone_on = await pool.render(on_refused="next")
    assert (gone_on.verdicts, pool.billed) == ({"done": 3}, {"anyfast": 3})


async def test_what_all_moderations_refuse_ends_so_and_no_vendor_is_asked_twice(pool):
    pool.sandbox.faults.add(Fault(kind="moderation", step="submit", times=None))
    end = await pool.render(on_refused="next", max_attempts=5)
    assert (end.verdicts, pool.billed) == ({"content_refused": 3}, {})
    assert [pool.sandbox.bill.requests[vendor]["submit"] for vendor in ("evolink", "anyfast")] == [3, 3]


async def test_a_film_that_moderation_refused_was_paid_and_counts_as_an_attempt(pool):
    pool.sandbox.faults.add(Fault(kind="moderation_failed", step="look", vendor="evolink", times=None))
    end = await pool.render(on_refused="next")
    assert (end.verdicts, pool.billed) == ({"content_refused": 3}, {"evolink": 3})
    end = await pool.render(on_refused="next", max_attempts=2)
    assert (end.verdicts, pool.billed) == ({"done": 3}, {"evolink": 3, "anyfast": 3})


def refuses(pool, kind="moderation", vendor="evolink", step="submit") -> None:
    pool.sandbox.faults.add(Fault(kind=kind, step=step, vendor=vendor, times=None))


@pytest.mark.parametrize("second", ["hold", "without a key"])
async def test_a_persons_word_to_go_on_from_moderation_holds_for_that_run_alone(pool, second):
    write_pool(pool.manifest, 1)
    refuses(pool)
    refuses(pool, "no_balance", "anyfast")
    await pool.render(on_refused="next")
    pool.sandbox.faults.clear()
    keyless = ("evolink",) if second == "without a key" else ()
    end = await pool.render(keyless=keyless)
    assert (end.verdicts, pool.billed) == ({"content_refused": 1}, {})
    assert "nothing bought" in tried(end)[0]  # at the second, which had no money
    end = await pool.render(on_refused="next")
    assert (end.verdicts, pool.billed) == ({"done": 1}, {"anyfast": 1})


@pytest.mark.parametrize("kind", ["moderation", "bad_request"])
async def test_an_attempt_after_a_failed_film_shows_what_was_refused_to_nobody_new_without_the_word(pool, kind):
    write_pool(pool.manifest, 1, f"{POOL}|powertokens")
    refuses(pool, kind)
    refuses(pool, "failed", "anyfast", "look")
    await pool.render(on_refused="next")
    pool.sandbox.faults.clear()
    end = await pool.render(max_attempts=2, keyless=("evolink",))
    assert (end.verdicts, pool.billed) == ({"done": 1}, {"anyfast": 2})
    assert pool.sandbox.bill.requests["powertokens"]["submit"] == 0


async def test_after_a_film_that_was_moderated_and_paid_a_later_run_pays_no_second_without_the_word(pool):
    write_pool(pool.manifest, 1)
    refuses(pool, "moderation_failed", step="look")
    refuses(pool, "no_balance", "anyfast")
    await pool.render(on_refused="next", max_attempts=2)
    pool.sandbox.faults.clear()
    for options in ({}, {"max_attempts": 2}, {"on_refused": "next"}):
        end = await pool.render(**options)
        assert (end.verdicts, pool.billed) == ({"content_refused": 1}, {"evolink": 1})


@pytest.mark.parametrize("vendor", ["evolink", POOL])
async def test_a_second_attempt_that_was_not_bought_is_asked_about_anew(pool, vendor):
    write_pool(pool.manifest, 1, vendor)
    pool.sandbox.faults.add(Fault(kind="failed", step="look", vendor="evolink", times=None))
    pool.sandbox.faults.add(Fault(kind="no_balance", step="submit", vendor="evolink", nth=2, times=None))
    refuses(pool, "no_balance", "anyfast")
    end = await pool.render(max_attempts=2)
    assert (end.verdicts, pool.billed) == ({"held": 1}, {"evolink": 1})
    pool.sandbox.faults.clear()
    end = await pool.render()
    assert (end.verdicts, pool.billed) == ({"failed": 1}, {"evolink": 1})
    end = await pool.render(max_attempts=2)
    assert end.verdicts == {"done": 1}
    assert sum(pool.billed.values()) == 2


@pytest.mark.parametrize("how", ["cheapest", "unreachable", "on hold", "reversed", "without a key"])
async def test_what_was_refused_as_it_stands_goes_elsewhere_in_no_later_run_either(pool, how):
    write_pool(pool.manifest, 1, "" if how == "reversed" else POOL)
    refuses(pool, "bad_request")
    vendor = {"vendor": POOL} if how == "reversed" else {}
    await pool.render(**vendor)
    if how == "on hold":
        pool.sandbox.faults.clear()
        refuses(pool, "unauthorized")
    end = await pool.render(
        environment={"EVOLINK_BASE_URL": CLOSED} if how == "unreachable" else None,
        keyless=("evolink",) if how == "without a key" else (),
        **({"vendor": "anyfast|evolink"} if how == "reversed" else {}),
        **({"route": "cheapest"} if how == "cheapest" else {}),
    )
    assert pool.billed == {} and "done" not in end.verdicts
    assert pool.sandbox.bill.requests["anyfast"]["submit"] == 0
    # Whoever names another vendor for the run has said where it goes.
    if how == "reversed":
        assert (await pool.render(vendor="anyfast")).verdicts == {"done": 1}
    else:
        assert (await pool.render(on_refused="next")).verdicts == {"done": 1}


async def test_money_that_stayed_set_aside_from_account_to_account_is_free_once_none_bought(pool):
    for vendor in ("evolink", "anyfast"):
        refuses(pool, "no_balance", vendor)
    pool.prices = fictitious_prices()
    end = await pool.render(budget_usd=50.0)
    assert (end.verdicts, pool.billed) == ({"held": 3}, {})
    assert all(pool.sandbox.bill.requests[vendor]["submit"] for vendor in ("evolink", "anyfast"))
    budget = await Budget(Ledger(open_store(str(pool.folder / "out"))), budget_usd=50.0).open()
    assert budget.spent_usd == 0


@pytest.mark.parametrize("options", [{"limit": 1}, {"limit_reels": 1}, {"limit_reels": 1, "max_attempts": 2}])
async def test_a_limit_counts_what_is_bought_again_on_a_persons_word(pool, options):
    refuses(pool)
    await pool.render()
    assert pool.billed == {}
    await pool.render(on_refused="next", **options)
    assert pool.billed == {"anyfast": 1}


@pytest.mark.parametrize(
    ("first", "options"), [("moderation", {"on_refused": "next"}), ("failed", {"max_attempts": 2})]
)
async def test_a_plan_with_the_run_s_options_tells_what_is_bought_again(pool, first, options):
    refuses(pool, first, step="look" if first == "failed" else "submit")
    await pool.render()
    pool.sandbox.faults.clear()
    asked = {"manifest": str(pool.manifest), "output": str(pool.folder / "out")}
    for more, buys in (({}, 0), (options, 3)):
        prepared = await prepare(RenderOptions(**asked, **more), load_account=sandbox_accounts(pool.sandbox))
        view = await prepared.forecast()
        assert (view.total.bought, "3 of them after an attempt" in summary_line(view)) == (buys, buys == 3)
    before = sum(pool.billed.values())
    await pool.render(**options)
    assert sum(pool.billed.values()) == before + 3


async def test_a_limit_counts_further_attempts_by_those_that_were_charged(pool):
    refuses(pool)
    refuses(pool, "failed", "anyfast", "look")
    await pool.render(on_refused="next")
    assert pool.billed == {"anyfast": 3}
    pool.sandbox.faults.clear()
    await pool.render(on_refused="next", max_attempts=2, limit_reels=1)
    assert pool.billed == {"anyfast": 4}


async def test_a_pool_of_which_every_account_refuses_is_held_and_tells_each_reason(pool):
    for kind, vendor in (("unauthorized", "evolink"), ("no_balance", "anyfast")):
        pool.sandbox.faults.add(Fault(kind=kind, step="submit", vendor=vendor, times=None))
    end = await pool.render()
    assert (end.verdicts, pool.billed) == ({"held": 3}, {})
    told = [row.error for row in end.rows if "evolink: " in row.error and "anyfast: " in row.error]
    assert told
    pool.sandbox.faults.clear()
    assert (await pool.render()).verdicts == {"done": 3}
    assert pool.billed == {"evolink": 3}


async def test_both_limits_are_kept_and_both_vendors_used(pool):
    pool.sandbox.settings.jobs_per_key = 3
    write_pool(pool.manifest, 14)
    end = await pool.render()
    assert end.verdicts == {"done": 14}
    assert [pool.sandbox.peak_in_flight(vendor) for vendor in ("evolink", "anyfast")] == [3, 3]
    assert sum(pool.billed.values()) == 14


@pytest.mark.parametrize("kind", some(["unauthorized", "closed"], ["unauthorized"]))
async def test_a_vendor_that_is_switched_off_in_the_middle_leaves_the_rest_to_the_other(pool, kind):
    write_pool(pool.manifest, 14)
    if kind == "closed":
        with Sandbox(SandboxSettings(job_seconds=0.2, jobs_per_key=None, media="stub")) as other:
            environment = {name: value for name, value in other.environment().items() if name.startswith("EVOLINK")}
            first = await pool.render(environment=environment, limit=4)
            assert first.verdicts["done"] == 4
        end = await pool.render(environment={"EVOLINK_BASE_URL": CLOSED})
        assert (end.verdicts["done"], sum(pool.billed.values())) == (14, 14 - other.bill.count())
        return
    pool.sandbox.faults.add(Fault(kind=kind, step="submit", vendor="evolink", times=None, nth=4))
    end = await pool.render()
    assert (end.verdicts, pool.billed) == ({"done": 14}, {"evolink": 3, "anyfast": 11})


async def test_an_unknown_outcome_of_a_pool_is_settled_where_it_was_bought(pool, monkeypatch):
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "2")
    hasten(monkeypatch)
    write_pool(pool.manifest, 1)
    pool.sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", vendor="evolink"))
    assert (await pool.render()).verdicts == {"unknown_outcome": 1}
    [bought] = pool.sandbox.bill.entries
    load = sandbox_accounts(pool.sandbox)
    ledger = Ledger(open_store(str(pool.folder / "out")))
    homes, said = await look_up(ledger, RunResources(load), Decisions(adopt={"s0/1": bought.job_id}))
    assert ([home.account for home in homes.values()], said) == (["evolink/default"], [])
    settle(ledger, Decisions(adopt={"s0/1": bought.job_id}), homes)
    end = await pool.render()
    assert (end.verdicts, end.rows[0].vendor, pool.billed) == ({"done": 1}, "evolink", {"evolink": 1})


async def test_a_vendor_that_brings_no_clips_is_braked_and_the_rest_goes_to_the_other(pool):
    write_pool(pool.manifest, 12)
    pool.sandbox.faults.add(Fault(kind="failed", step="look", vendor="evolink", times=None))
    end = await pool.render(brake=2)
    lost = pool.billed["evolink"]
    assert lost < 8
    assert (end.verdicts, pool.billed["anyfast"]) == ({"done": 12 - lost, "failed": lost}, 12 - lost)


async def test_who_goes_on_to_the_next_vendor_keeps_its_place_under_the_limit(pool):
    write_pool(pool.manifest, 6)
    pool.sandbox.faults.add(Fault(kind="unauthorized", step="submit", vendor="evolink", times=None))
    end = await pool.render(limit=2)
    assert (end.verdicts, pool.billed) == ({"done": 2, "not_started": 4}, {"anyfast": 2})


async def test_two_accounts_of_one_vendor_are_a_pool_of_both_their_limits(pool):
    pool.sandbox.settings.jobs_per_key = 2
    write_pool(pool.manifest, 8, "evolink/a|evolink/b")
    load = sandbox_accounts(pool.sandbox, max_jobs_in_flight=2)

    async def of_its_own_key(written):
        account, said = await load(written)
        key = SecretStr(pool.sandbox.api_key("evolink", account.document))
        return account.model_copy(update={"api_key": key}), said

    end = await render_plain(pool.manifest, pool.folder / "out", of_its_own_key, check=quick_check)
    assert (end.verdicts, pool.sandbox.bill.count()) == ({"done": 8}, 8)
    assert {entry.account for entry in pool.sandbox.bill.entries} == {"a", "b"}
    assert pool.sandbox.bill.requests["evolink"]["submit"] == 8


async def test_the_next_link_of_a_chain_goes_to_the_other_vendor_and_takes_the_clip_along(pool):
    pool.manifest.write_text(
        "reel,shot,prompt,vendor,duration_seconds,resolution,ratio,continue_from\n"
        f"r,1,shot 1 end,{POOL},4,480p,16:9,\nr,2,shot 2 end,{POOL},4,480p,16:9,clip\n"
    )
    pool.sandbox.faults.add(Fault(kind="no_balance", step="submit", vendor="evolink", nth=2, times=None))
    end = await pool.render()
    assert (end.verdicts, pool.billed) == ({"done": 2}, {"evolink": 1, "anyfast": 1})
    [link] = [entry for entry in pool.sandbox.bill.entries if entry.vendor == "anyfast"]
    assert len(link.references) == 1


ENDS = {
    "refused": ([Fault(kind="unauthorized", step="submit", vendor="evolink", times=None)], {}),
    "no balance": ([Fault(kind="no_balance", step="submit", vendor="evolink", times=None)], {}),
    "failed": ([Fault(kind="failed", step="look", vendor="evolink", times=None)], {"max_attempts": 2}),
    "moderated": (
        [Fault(kind="moderation", step="submit", vendor="evolink", times=None)],
        {"on_refused": "next"},
    ),
}
POINTS = {
    "first-intent": "ledger/*/try-1.intent.json",
    "first-end": "ledger/*/try-1.void.json",
    "second-intent": "ledger/*/try-2.intent.json",
    "accepted": "ledger/*/accepted.json",
    "verdict": "ledger/*/verdict.json",
    "second-attempt": "ledger/*-2/try-1.intent.json",
    "second-accepted": "ledger/*-2/accepted.json",
    "clip": "ledger/*/clip.json",
}
IN_THE_GATE = {("refused", "first-end"), ("failed", "second-attempt")}
CELLS = [
    pytest.param(end, point, marks=[] if (end, point) in IN_THE_GATE else [slow]) for end in ENDS for point in POINTS
]


class PoolVictim:
    """A render of the pool in a process of its own."""

    def __init__(self, folder: Path, sandbox: Sandbox, options: dict) -> None:
        self.manifest, self.output = write_pool(folder / "m.csv"), folder / "out"
        self.sandbox, self.options = sandbox, options

    def start(self) -> subprocess.Popen:
        environment = os.environ | self.sandbox.environment() | {"LONGTAKE_SUBMIT_TIMEOUT_SECONDS": "3"}
        given = [str(self.manifest), str(self.output), "hold", json.dumps(self.options)]
        command = [sys.executable, "-m", "tests.plain_render", *given]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("end", "point"), CELLS)
def test_a_kill_on_the_way_to_the_next_vendor_pays_for_one_success_at_most(tmp_path, sandbox, end, point):
    faults, options = ENDS[end]
    for fault in faults:
        sandbox.faults.add(fault.model_copy())
    victim = PoolVictim(tmp_path, sandbox, options)
    kill_when(victim, POINTS[point], 1)
    verdicts = render_here(sandbox, victim.manifest, victim.output, **options)
    # A submit that was killed has no known end: it is bought nowhere until a person decides.
    assert set(verdicts.values()) <= {"done", "unknown_outcome"}
    charged = Counter()
    for entry in sandbox.bill.entries:
        text = str(entry.body)
        charged[entry.vendor, text[text.index("shot ") : text.index(" end")]] += 1
    assert max(charged.values(), default=1) == 1
    assert set(charged) <= {(vendor, f"shot {row}") for vendor in POOL.split("|") for row in range(3)}
    # All submits may have been killed before a vendor saw them: then nothing was charged, and nothing may be done.
    if end != "failed":
        assert {vendor for vendor, _ in charged} <= {"anyfast"}
    done = sum(verdict == "done" for verdict in verdicts.values())
    assert done <= sum(vendor == "anyfast" for vendor, _ in charged)


async def test_what_another_run_was_refused_meanwhile_is_shown_to_no_other_vendor_without_the_word(pool, monkeypatch):
    write_pool(pool.manifest, 1)
    pool.prices = fictitious_prices()
    refuses(pool, "bad_request")
    began = []

    async def overtaken(*purchase):
        if not began:
            began.append(None)
            began[0] = await pool.render()  # the first written vendor refuses the shot
        return await buy(*purchase)

    monkeypatch.setattr(plain_render, "buy", overtaken)
    end = await pool.render(route="cheapest")
    assert (began[0].verdicts, end.verdicts, pool.billed) == ({"refused": 1}, {"refused": 1}, {})
    assert pool.sandbox.bill.requests["anyfast"]["submit"] == 0
    assert (await pool.render(route="cheapest", on_refused="next")).verdicts == {"done": 1}
