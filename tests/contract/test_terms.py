"""Terms that are worked out once for all shots of one make-up are those that each shot has by itself."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.hosting import Hosting
from longtake.costs.price_book import PriceBook
from longtake.domain.identity import WrittenRow
from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.domain.violations import refusal
from longtake.manifests.schema import ManifestRow
from longtake.planning.assess import ShotSpec, TermsBook
from longtake.planning.planner import Planner
from longtake.sandbox.vendors.prices import fictitious_prices
from longtake.vendors import VENDORS
from tests.contract.shots import LINKS, every_mode, requests

PRICES = fictitious_prices()
PROMPTS = ["", " ", "a cat", "like image 1", "extend video 2", "猫" * 501, "word " * 10_001, "x" * 5001, "x" * 100_001]
OWN = ["/files/a.png", "/files/b.png", "http://example.com/a.png", "http://127.0.0.1/a.png", "clip:x"]


@st.composite
def reels(draw, adapter):
    """Reels of one to three shots whose settings come from a small store, so that many are alike."""
    fine = [case.request for case in every_mode(adapter)]
    store = draw(st.lists(st.sampled_from(fine) | requests(adapter), min_size=1, max_size=3))
    found, number = {}, 0
    for reel in range(draw(st.integers(2, 6))):
        rows = found[f"r{reel}"] = []
        for shot in range(draw(st.integers(1, 3))):
            number += 1
            request = draw(st.sampled_from(store))
            changes = {
                "prompt": draw(st.sampled_from([request.prompt, "a cat", "a dog", "a fox"]) | st.sampled_from(PROMPTS))
            }
            if draw(st.integers(0, 3)) == 0:
                changes |= {"references": (), "model": draw(st.sampled_from(["seedance-2.0-mini", "seedance-2.0"]))}
            if draw(st.integers(0, 5)) == 0:
                changes["references"] = (Reference(role=Role.REFERENCE_IMAGE, source=draw(st.sampled_from(OWN))),)
            request = request.model_copy(update=changes)
            how = draw(st.sampled_from([None, "clip", "clip", "last_frame"])) if shot else None
            written = WrittenRow(
                vendor=draw(
                    st.sampled_from(
                        [None, adapter.name, adapter.name, adapter.name, adapter.name, adapter.name, "nobody"]
                    )
                ),
                model=draw(st.sampled_from([None, request.model])),
                request=request,
                continue_from=how,
                reference_tail_seconds=draw(st.sampled_from([None, None, 2.5])) if how == "clip" else None,
            )
            rows.append(ManifestRow(row=number, reel=f"r{reel}", shot=str(shot), lone=False, written=written))
    return found


FACTS = {
    LINKS["https"]["video"]: MediaFacts(
        kind="video", container="mp4", size_bytes=1, width=1280, height=720, duration_seconds=7.0, fps=24
    ),
    "/files/a.png": MediaFacts(kind="image", container="png", size_bytes=9_000_000, width=640, height=480),
}


def told(shot):
    return (shot.shot_id, shot.identity, shot.request, shot.model, shot.tail_seconds, shot.brings, shot.quote,
            shot.violations, shot.standing)  # fmt: skip


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
@pytest.mark.parametrize("store", [None, SimpleNamespace(can_presign=True)], ids=["no store", "a store"])
@pytest.mark.parametrize("examples", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_shots_that_are_alike_have_the_terms_that_each_has_by_itself(adapter, store, monkeypatch, examples):
    account = Account(vendor=adapter.name, api_key=SecretStr("k"), base_url="http://x", prices=PRICES[adapter.name])
    price_book = PriceBook({account.name: account})
    shared, seen = [], {"refused": 0, "new": 0}
    by_itself = TermsBook._worked_out

    def counted(book, wanted):
        shared.append(wanted)
        return by_itself(book, wanted)

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(reels(adapter), st.sampled_from([{}, FACTS]))
    def compare(rows, facts):
        def planned():
            planner = Planner(adapter.name, str, facts=facts, hosting=Hosting(store), quote=price_book)
            return planner.plan(rows, {}, time.time())

        with monkeypatch.context() as patch:
            patch.setattr(TermsBook, "_make_up", lambda book, wanted: None)
            slow = planned()
        with monkeypatch.context() as patch:
            patch.setattr(TermsBook, "_worked_out", counted)
            quick = planned()
        assert [told(shot) for shot in quick.shots] == [told(shot) for shot in slow.shots]
        assert quick.violations == slow.violations
        for shot in quick.shots:
            seen[shot.standing.value] += 1

    compare()
    assert all(seen.values())
    assert len(shared) <= sum(seen.values())


@pytest.mark.parametrize("order", [("a cat", "a dragon"), ("a dragon", "a cat")])
@pytest.mark.parametrize("looks_at", ["prompt", "source"])
def test_a_vendors_own_rule_sees_every_row_whatever_came_before_it(monkeypatch, order, looks_at):
    class Strict(type(VENDORS["evolink"])):
        def extra_violations(self, request, model):
            seen = request.prompt if looks_at == "prompt" else request.references[0].source
            return [refusal("prompt", request.prompt, "no dragons here", "drop them")] if "dragon" in seen else []

    monkeypatch.setitem(VENDORS, "evolink", Strict())
    book = TermsBook(Hosting(), lambda request, model, account: None)
    found = {}
    for prompt in order:
        source = f"https://example.com/{prompt[2:]}.png"
        request = ShotRequest(prompt=prompt, references=(Reference(role=Role.REFERENCE_IMAGE, source=source),))
        terms = book.terms(ShotSpec(request, prompt, "evolink", "evolink/default"))
        found[prompt] = [violation.rule for violation in terms.violations if not violation.warning]
    assert found == {"a cat": [], "a dragon": ["no dragons here"]}


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
def test_the_terms_of_shots_that_are_alike_are_worked_out_once(adapter, monkeypatch):
    request = next(case.request for case in every_mode(adapter) if not case.request.references)
    rows = {
        reel: [
            ManifestRow(
                row=1, reel=reel, shot="1", lone=False, written=WrittenRow(vendor=adapter.name, request=request)
            )
        ]
        for reel in ("one", "two", "three")
    }
    worked_out, by_itself = [], TermsBook._worked_out
    monkeypatch.setattr(TermsBook, "_worked_out", lambda book, wanted: worked_out.append(1) or by_itself(book, wanted))
    Planner(adapter.name, str).plan(rows, {}, time.time())
    assert len(worked_out) == 1
