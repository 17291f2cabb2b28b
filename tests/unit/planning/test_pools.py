"""Several vendors for one shot: who can honour it, who is left out and said so, what holds whoever takes it."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.hosting import Hosting
from longtake.costs.price_book import PriceBook
from longtake.domain.errors import ConfigurationError, MissingCredentialsError, UnusableKeyError
from longtake.domain.verdicts import Verdict
from longtake.domain.violations import caution
from longtake.ledger.records import Purchase, VerdictRecord
from longtake.planning.missing_prices import missing_prices
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Standing
from longtake.planning.planner import Planner
from longtake.planning.prepare import prepare
from longtake.vendors import VENDORS
from tests.unit.bought import accepted, intent
from tests.unit.planning.test_plan import made, prices, row

BOTH = "evolink|anyfast"


def account(vendor, usd=None, document="default"):
    prices = {model.wire: {"unit": "second", "usd": {"*": usd}} for model in VENDORS[vendor].models} if usd else {}
    return Account(vendor=vendor, document=document, api_key=SecretStr("k"), base_url="http://x", prices=prices)


def priced(**usd):
    """A price book with these prices of a second; the mini model of others has none."""
    accounts = [account(vendor, each) for vendor, each in usd.items()]
    return PriceBook({each.name: each for each in accounts})


def vendors_of(shot):
    return [candidate.vendor for candidate in shot.candidates]


def test_a_shot_stands_at_the_first_of_all_who_can_honour_it():
    plan = made(row(1, vendor=BOTH, duration_seconds=5))
    shot = plan.shots[0]
    assert vendors_of(shot) == ["evolink", "anyfast"]
    assert (shot.vendor, shot.account, shot.model) == ("evolink", "evolink/default", shot.candidates[0].model)
    assert plan.violations == []
    shot.go_to(shot.candidates[1])
    assert (shot.account, shot.model.wire, shot.brings) == (
        "anyfast/default", "seedance-2.0-mini", shot.candidates[1].brings)  # fmt: skip


def test_accounts_of_one_vendor_are_candidates_of_their_own():
    shot = made(row(1, vendor="evolink/a|evolink/b|evolink")).shots[0]
    assert [each.account for each in shot.candidates] == ["evolink/a", "evolink/b", "evolink/default"]


def test_the_runs_vendors_hold_for_rows_that_name_none():
    planner = Planner(BOTH, str)
    plan = planner.plan({"r": [row(1, vendor=None), row(2, vendor="jimmyai")]}, {}, time.time())
    assert [vendors_of(shot) for shot in plan.shots] == [["evolink", "anyfast"], []]


def test_shots_that_are_alike_share_their_candidates():
    plan = made(*(row(number, vendor=BOTH) for number in range(3)))
    assert len({id(shot.candidates) for shot in plan.shots}) == 1


def test_who_cannot_honour_a_row_is_left_out_with_a_warning_and_the_rest_stands():
    plan = made(row(1, vendor="powertokens|anyfast|jimmyai", resolution="4k", model="seedance-2.0"))
    shot = plan.shots[0]
    assert (shot.vendor, vendors_of(shot), shot.standing) == ("anyfast", [], Standing.NEW)
    assert [(each.row, each.column, each.value, each.warning) for each in plan.violations] == [
        (1, "vendor", "powertokens", True), (1, "vendor", "jimmyai", True)]  # fmt: skip
    assert "left out: resolution = '4k'" in plan.violations[0].rule
    assert plan.violations[0].fix.endswith(", or take it out")


def test_a_row_that_nobody_can_honour_is_refused_with_what_each_says():
    plan = made(row(1, vendor="evolink|anyfast", resolution="8k", model="seedance-2.0", duration_seconds=99))
    assert plan.shots[0].standing is Standing.REFUSED
    told = [(each.column, each.rule) for each in plan.refusals]
    assert [column for column, _ in told].count("duration_seconds") == 1  # both say the same: told once
    sizes = [rule for column, rule in told if column == "resolution"]
    assert [rule.partition(":")[0] for rule in sizes] == ["evolink", "anyfast"]


@pytest.mark.parametrize(
    ("written", "stranger", "fix"),
    [
        ("evolink|anyfats", "anyfats", "write anyfast"),
        ("EvoLink|anyfast", "EvoLink", "write evolink"),
        ("evolink|nobody/b", "nobody/b", "use one of these"),
    ],
)
def test_a_name_that_nobody_has_refuses_the_row_though_others_stand(written, stranger, fix):
    plan = made(row(1, vendor=written))
    assert [(each.column, each.value, each.fix) for each in plan.refusals] == [("vendor", stranger, fix)]
    assert (plan.shots[0].candidates, plan.shots[0].quote) == ((), None)


def test_what_is_wrong_beside_an_unknown_name_is_told_too():
    plan = made(row(1, vendor="evolink|anyfats", duration_seconds=99))
    assert [each.column for each in plan.refusals] == ["vendor", "duration_seconds"]


def test_a_vendors_own_model_leaves_the_others_out():
    plan = made(row(1, vendor="evolink|anyfast", model="seedance-2.0-ultra", resolution="720p"))
    assert plan.shots[0].vendor == "anyfast"
    assert [each.value for each in plan.violations] == ["evolink"]


def test_a_warning_of_one_vendor_is_said_of_it_and_one_of_all_is_told_once(monkeypatch):
    def doubtful(name, *rules):
        class Doubtful(type(VENDORS[name])):
            def extra_violations(self, request, model):
                return [caution("prompt", "", rule, "look twice") for rule in rules]

        monkeypatch.setitem(VENDORS, name, Doubtful())

    doubtful("evolink", "perhaps", "its own doubt")
    doubtful("anyfast", "perhaps")
    plan = made(row(1, vendor=BOTH))
    assert [each.rule for each in plan.violations] == ["perhaps", "evolink: its own doubt"]
    assert vendors_of(plan.shots[0]) == ["evolink", "anyfast"]


def test_a_follower_is_judged_by_every_clip_that_may_come_before_it():
    rows = [
        row(1, vendor="powertokens|byteplus", duration_seconds="auto"),
        row(2, vendor="evolink", continues="clip", tail=None, duration_seconds=5),
    ]
    plan = made(*rows, hosting=Hosting(SimpleNamespace(can_presign=True)))
    longest = max(each.brings.longest_seconds for each in plan.shots[0].candidates)
    store = Hosting(SimpleNamespace(can_presign=True))
    firsts = [row(1, vendor=each, duration_seconds="auto") for each in ("powertokens", "byteplus")]
    alone = [made(first, rows[1], hosting=store).shots[1] for first in firsts]
    assert longest > 15
    tails = [each.tail_seconds for each in alone if each.tail_seconds is not None]
    assert plan.shots[1].tail_seconds == min(tails)


def test_a_follower_that_cannot_go_on_from_one_of_the_clips_is_refused_before_anything_is_paid(monkeypatch):
    # evolink would give 5 s, which it may read again; anyfast gives 15 s when nothing is said: its end must be cut,
    # which needs a ClipStore where there is no upload.
    monkeypatch.setattr(type(VENDORS["jimmyai"]), "upload", lambda self, kind: None)
    limits = VENDORS["anyfast"].models[0].limits
    monkeypatch.setattr(limits, "__dict__", limits.__dict__ | {"default_duration_seconds": 15})
    follower = row(2, vendor="jimmyai", continues="clip", duration_seconds=5, tail=None)
    lone = made(row(1, vendor="evolink"), follower)
    pool = made(row(1, vendor=BOTH), follower)
    assert not lone.refusals
    assert [(each.row, each.column) for each in pool.refusals] == [(2, "continue_from")]
    stored = made(row(1, vendor=BOTH), follower, hosting=Hosting(SimpleNamespace(can_presign=True)))
    assert not stored.refusals


def test_of_several_followers_vendors_only_those_stand_that_can_go_on_from_every_clip(monkeypatch):
    monkeypatch.setattr(type(VENDORS["jimmyai"]), "upload", lambda self, kind: None)
    limits = VENDORS["anyfast"].models[0].limits
    monkeypatch.setattr(limits, "__dict__", limits.__dict__ | {"default_duration_seconds": 15})
    # 15.04 s are cut for everyone; evolink's own upload takes the cut.
    plan = made(row(1, vendor=BOTH), row(2, vendor="jimmyai|evolink", continues="clip", duration_seconds=5))
    assert not plan.refusals
    assert plan.shots[1].vendor == "evolink"
    assert [each.value for each in plan.violations] == ["jimmyai"]


def test_a_refused_parent_is_told_once_whoever_was_to_follow():
    plan = made(row(1, vendor=BOTH, duration_seconds=99), row(2, vendor=BOTH, continues="clip", duration_seconds=5))
    assert [(each.row, each.column) for each in plan.refusals] == [(1, "duration_seconds"), (2, "continue_from")]


def test_the_price_holds_whoever_takes_the_shot_and_is_unknown_where_one_is():
    book = priced(evolink=0.5, anyfast=0.1)
    known = made(row(1, vendor=BOTH, duration_seconds=4), quote=book).shots[0]
    assert (known.quote.low_usd, known.quote.high_usd) == (0.4, 2.0)
    open_price = made(row(1, vendor=BOTH + "|powertokens", duration_seconds=4), quote=book)
    assert open_price.shots[0].quote is None
    assert [line.partition(":")[0] for line in missing_prices(open_price.shots)] == ["powertokens/default"]


def test_a_follower_is_priced_by_the_shortest_and_the_longest_clip_that_may_come(monkeypatch):
    limits = VENDORS["anyfast"].models[0].limits
    monkeypatch.setattr(limits, "__dict__", limits.__dict__ | {"default_duration_seconds": 10})
    follower = row(2, continues="clip", duration_seconds=5)
    book = prices(1.0)  # a second that goes in costs as much as one that comes out

    def price(vendor):
        quote = made(row(1, vendor=vendor), follower, quote=book).shots[1].quote
        return quote.low_usd, quote.high_usd

    (shortest, _), (_, longest) = price("evolink"), price("anyfast")
    assert shortest < longest
    assert price(BOTH) == (shortest, longest)


def test_the_cheapest_is_tried_first_and_an_unknown_price_last():
    book = priced(evolink=0.5, anyfast=0.1)
    three = row(1, vendor="powertokens|evolink|anyfast", duration_seconds=4)
    assert vendors_of(made(three, quote=book).shots[0]) == ["powertokens", "evolink", "anyfast"]
    cheapest = made(three, quote=book, route="cheapest").shots[0]
    assert vendors_of(cheapest) == ["anyfast", "evolink", "powertokens"]
    assert cheapest.vendor == "anyfast"
    assert cheapest.identity == made(three).shots[0].identity


SECONDS = st.sampled_from([None, 4, 5, 15, "auto"])
POOLS = st.lists(st.sampled_from(list(VENDORS)), min_size=2, max_size=4, unique=True)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(POOLS, SECONDS, st.sampled_from([None, "clip", "last_frame"])), min_size=2, max_size=4))
def test_the_bounds_hold_whichever_candidates_a_chain_goes_to(links):
    book = priced(**{vendor: 0.1 * number for number, vendor in enumerate(VENDORS, 1)})
    store = Hosting(SimpleNamespace(can_presign=True))
    rows = [
        row(number, vendor="|".join(pool), duration_seconds=seconds, continues=how if number > 1 else None)
        for number, (pool, seconds, how) in enumerate(links, 1)
    ]
    plan = made(*rows, quote=book, hosting=store)
    for start in range(4):
        taken = {}
        for number, shot in enumerate(plan.shots):
            if shot.is_refused:
                break
            vendors = vendors_of(shot) or [shot.vendor]
            taken[number] = vendors[(start + number) % len(vendors)]
        lone = made(
            *(each._replace(written=each.written._replace(vendor=taken[number])) for number, each in enumerate(rows)
              if number in taken), quote=book, hosting=store)  # fmt: skip
        for pooled, alone in zip(plan.shots, lone.shots, strict=False):
            assert not alone.is_refused, alone.violations
            assert pooled.quote.low_usd <= alone.quote.low_usd
            assert alone.quote.high_usd <= pooled.quote.high_usd


def over(shot, account="evolink/default", verdict=Verdict.FAILED):
    """A purchase of the shot that the vendor ended."""
    vendor = account.partition("/")[0]
    where = {"vendor": vendor, "account": account}
    return Purchase(
        identity=shot.identity,
        intents={1: intent(shot.identity, shot_id=shot.shot_id, request=shot.request.model_dump(mode="json"), **where)},
        accepted=accepted(shot.identity, shot_id=shot.shot_id, **where),
        verdict=VerdictRecord(identity=shot.identity, verdict=verdict, evidence="it said so"),
    )


def test_what_was_bought_stays_where_it_was_bought_and_what_has_ended_is_open_to_all_again():
    first = made(row(1, vendor=BOTH)).shots[0]
    ended = over(first, "anyfast/default")
    flying = Purchase(identity=first.identity, intents=ended.intents, accepted=ended.accepted)
    standing = made(row(1, vendor=BOTH), purchases={first.identity: flying}).shots[0]
    assert (standing.standing, standing.account, standing.places) == (Standing.RESUME, "anyfast/default", ())
    assert vendors_of(standing) == ["evolink", "anyfast"]  # for the attempt after, should the job fail
    again = made(row(1, vendor=BOTH), purchases={first.identity: ended}).shots[0]
    assert (again.standing, vendors_of(again)) == (Standing.OVER, ["evolink", "anyfast"])


def test_an_unknown_outcome_stays_where_it_may_have_been_bought():
    first = made(row(1, vendor=BOTH)).shots[0]
    lost = Purchase(
        identity=first.identity,
        intents={1: intent(first.identity, deadline=1.0, vendor="anyfast", account="anyfast/default")},
    )
    shot = made(row(1, vendor=BOTH), purchases={first.identity: lost}).shots[0]
    assert (shot.standing, shot.account, shot.candidates) == (Standing.UNKNOWN, "anyfast/default", ())


def test_vendors_that_only_the_run_names_are_not_for_what_was_bought_elsewhere():
    planner = Planner("jimmyai|anyfast", str)
    rows = {"r": [row(1, vendor=None)]}
    first = planner.plan(rows, {}, time.time()).shots[0]
    shot = planner.plan(rows, {first.identity: over(first, "evolink/default")}, time.time()).shots[0]
    assert (shot.account, shot.candidates) == ("evolink/default", ())


def options(folder: Path, *vendors: str, **more: object) -> RenderOptions:
    lines = [f"r{number},1,{vendor},a fox" for number, vendor in enumerate(vendors)]
    (folder / "m.csv").write_text("reel,shot,vendor,prompt\n" + "\n".join(lines) + "\n")
    return RenderOptions.model_validate({"manifest": str(folder / "m.csv"), "output": str(folder / "out")} | more)


def keys_of(*with_key: str):
    async def load(written: str):
        vendor, _, document = written.partition("/")
        if written not in with_key:
            raise MissingCredentialsError(f"no key for {written}")
        return account(vendor, document=document or "default"), []

    return load


async def test_a_candidate_without_a_key_is_left_out_and_said_where_another_stands(tmp_path):
    run = await prepare(options(tmp_path, "evolink|anyfast|evolink/b"), load_account=keys_of("anyfast", "evolink/b"))
    assert vendors_of(run.plan.shots[0]) == ["anyfast", "evolink/b"]
    assert list(run.accounts) == ["anyfast/default", "evolink/b"]
    assert any("no key for evolink; rows that name others beside evolink go to those" in each for each in run.notices)


async def test_a_row_none_of_whose_vendors_has_a_key_stops_a_render_with_all_that_are_missing(tmp_path):
    asked = options(tmp_path, BOTH, "jimmyai|powertokens")
    with pytest.raises(MissingCredentialsError) as raised:
        await prepare(asked, load_account=keys_of("anyfast"))
    assert str(raised.value).splitlines() == ["no key for jimmyai", "no key for powertokens"]
    assert not (tmp_path / "out/ledger").exists()


async def test_a_plan_without_any_key_shows_all_candidates(tmp_path):
    run = await prepare(options(tmp_path, BOTH), load_account=keys_of(), need_keys=False)
    assert vendors_of(run.plan.shots[0]) == ["evolink", "anyfast"]


async def test_a_row_whose_only_able_vendor_has_no_key_is_refused_and_says_so(tmp_path):
    (tmp_path / "m.csv").write_text(
        "reel,shot,vendor,prompt,resolution,model\nr,1,evolink|anyfast,a fox,4k,seedance-2.0\n"
    )
    asked = RenderOptions(manifest=str(tmp_path / "m.csv"), output=str(tmp_path / "out"))
    run = await prepare(asked, load_account=keys_of("evolink"))
    assert [(each.column, each.value) for each in run.refusals] == [("resolution", "4k"), ("vendor", "anyfast")]


async def test_a_key_that_cannot_be_sent_stops_the_run_though_others_stand(tmp_path):
    async def load(written: str):
        if written == "evolink":
            raise UnusableKeyError("evolink: a line's end in the key")
        return account(written), []

    with pytest.raises(UnusableKeyError):
        await prepare(options(tmp_path, BOTH), load_account=load, need_keys=False)


@pytest.mark.parametrize("vendor", ["evolink|", "evolink|anyfats", "anyfats", "evolink|evolink", "EvoLink"])
async def test_a_runs_vendors_are_checked_before_anything_is_read(tmp_path, vendor):
    asked = RenderOptions(manifest=str(tmp_path / "missing.csv"), output=str(tmp_path / "out"), vendor=vendor)
    with pytest.raises(ConfigurationError, match="--vendor"):
        await prepare(asked, load_account=keys_of(), need_keys=False)


async def test_a_runs_vendors_may_stand_with_blanks(tmp_path):
    asked = options(tmp_path, "", vendor=" evolink | anyfast ")
    run = await prepare(asked, load_account=keys_of(), need_keys=False)
    assert run.options.vendor == BOTH
    assert vendors_of(run.plan.shots[0]) == ["evolink", "anyfast"]
