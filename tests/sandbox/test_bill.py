"""The bill: one entry per accepted order, its body, its references, and a made-up price."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longtake.sandbox.app import Sandbox, fictitious_prices
from longtake.sandbox.bill import Bill, BillEntry
from longtake.sandbox.inputs.measuring import Fetched
from longtake.sandbox.vendors.prices import PRICES
from tests.sandbox.conftest import MediaShop, Speaker, text_body


def price(speak: Speaker, vendor: str, body: dict[str, Any]) -> float:
    speak.buy(vendor, body)
    return speak.sandbox.bill.entries[-1].price_usd


def test_an_entry_holds_what_was_bought(sandbox: Sandbox, speak: Speaker) -> None:
    body = text_body("evolink", "one cat")
    job_id = speak.job_id("evolink", speak.submit("evolink", body, account="second"))
    entry = sandbox.bill.entries[0]
    assert (entry.vendor, entry.account, entry.job_id, entry.kind) == ("evolink", "second", job_id, "job")
    assert (entry.body, entry.model, entry.seconds) == (body, body["model"], 4)
    assert entry.price_usd == pytest.approx(4 * 0.03)
    assert sandbox.bill.total_usd == entry.price_usd


def test_equal_bodies_are_duplicates_whatever_the_order_of_their_keys(sandbox: Sandbox, speak: Speaker) -> None:
    body = text_body("evolink")
    speak.buy("evolink", body)
    speak.buy("evolink", text_body("evolink", "another"))
    assert sandbox.bill.duplicates() == {}
    speak.buy("evolink", dict(reversed(body.items())))
    (entries,) = sandbox.bill.duplicates().values()
    assert [entry.body for entry in entries] == [body, body]


def test_requests_are_counted_refused_or_not(sandbox: Sandbox, speak: Speaker) -> None:
    job_id = speak.buy("anyfast")
    speak.submit("anyfast", {})
    speak.look("anyfast", job_id)
    assert sandbox.bill.requests["anyfast"] == {"submit": 2, "look": 1}
    assert sandbox.bill.request_count() == 3
    assert sandbox.bill.request_count("evolink") == 0


def test_evolink_adds_the_longer_of_input_and_output_and_a_tenth_without_the_filter(
    speak: Speaker, shop: MediaShop
) -> None:
    body = {
        "model": "seedance-2.0-reference-to-video",
        "prompt": "a",
        "duration": 4,
        "quality": "480p",
        "video_urls": [shop.video(frames=72)],
    }
    rate = 0.07 * 0.6
    assert price(speak, "evolink", body) == pytest.approx(rate * (4 + 4))
    assert price(speak, "evolink", {**body, "video_urls": [shop.video(frames=240)]}) == pytest.approx(rate * (10 + 4))
    assert price(speak, "evolink", {**body, "content_filter": False}) == pytest.approx(rate * 8 * 1.1)
    searched = {
        "model": "seedance-2.0-text-to-video",
        "prompt": "a",
        "quality": "1080p",
        "model_params": {"web_search": True},
    }
    assert price(speak, "evolink", searched) == pytest.approx(0.28 * 5 + 0.0005)


def test_anyfast_is_billed_by_tokens(speak: Speaker, shop: MediaShop) -> None:
    body = {"model": "seedance-fast", "content": [{"type": "text", "text": "a"}], "duration": 5, "ratio": "16:9"}
    assert price(speak, "anyfast", body) == pytest.approx(4.0 * 0.1089)
    video = {"type": "video_url", "video_url": {"url": shop.video(frames=72)}}
    extended = {**body, "content": [*body["content"], video]}
    assert price(speak, "anyfast", extended) == pytest.approx(2.4 * (121 + 72) * 900 / 1e6)


def test_powertokens_and_jimmyai_add_reference_seconds_where_they_bill_by_the_second(
    speak: Speaker, shop: MediaShop
) -> None:
    media = [{"type": "reference_video", "url": shop.video(frames=72)}]
    body = {"model": "dreamina-seedance-2-0-260128", "media": media, "size": "720p", "seconds": "4"}
    assert price(speak, "powertokens", body) == pytest.approx(0.12 * 7)
    sp = {"model": "seedance2.0-sp", "prompt": "a", "duration": 4, "reference_videos": [shop.video(frames=72)]}
    assert price(speak, "jimmyai", sp) == pytest.approx(0.1 * 7)
    assert price(speak, "jimmyai", {**sp, "model": "seedance2.0-mini-sp"}) == pytest.approx(0.4)
    assert price(speak, "jimmyai", {**sp, "model": "seedance2.0-mini-sp", "duration": 15}) == pytest.approx(0.4)


def test_every_model_has_a_price_that_says_it_is_made_up() -> None:
    listed = fictitious_prices()
    assert {vendor: len(models) for vendor, models in listed.items()} == {
        "powertokens": 3,
        "anyfast": 4,
        "evolink": 9,
        "jimmyai": 23,
        "byteplus": 4,
        "volcengine": 4,
    }
    assert all(rule["fictitious"] is True for models in listed.values() for rule in models.values())


def resolutions(vendor: str, model: str) -> tuple[str, ...]:
    if model.startswith("sd2_mx"):
        return (model.rpartition("_")[2],)
    if vendor == "jimmyai":
        return ("720p",)
    return {
        "dreamina-seedance-2-0-260128": ("480p", "720p", "1080p"),
        "seedance-2.0": ("480p", "720p", "1080p", "4k"),
        "seedance-2.0-ultra": ("720p", "1080p", "2k"),
        "seedance-2.0-text-to-video": ("480p", "720p", "1080p"),
    }.get(model, ("480p", "720p"))


# EvoLink's other two modes need media; their prices are those of the text model of the same tier. The makers are asked
# in `test_makers`.
TEXT_MODELS = [
    (vendor, model)
    for vendor in ("powertokens", "anyfast", "evolink", "jimmyai")
    for model in PRICES[vendor]
    if vendor != "evolink" or model.endswith("text-to-video")
]


@pytest.mark.parametrize(("vendor", "model"), TEXT_MODELS)
def test_every_model_settles_at_each_of_its_resolutions(shared: Speaker, vendor: str, model: str) -> None:
    field = {"powertokens": "size", "evolink": "quality"}.get(vendor, "resolution")
    for resolution in resolutions(vendor, model):
        assert price(shared, vendor, text_body(vendor, model=model) | {field: resolution}) > 0


def test_the_bill_of_a_job_with_references_can_be_told_as_json() -> None:
    bill = Bill()
    seen = Fetched("image", "first_frame", "http://127.0.0.1/a.jpg", "ab12", size_bytes=2, content=b"\xff\xd8")
    bill.entries.append(BillEntry("evolink", "default", "job-1", 0.0, {}, "", "mini", 4, 0.2, (seen,)))
    (told,) = json.loads(json.dumps(bill.as_json()))["entries"]
    assert (told["job_id"], told["price_usd"], told["kind"]) == ("job-1", 0.2, "job")
    assert told["references"][0]["sha256"] == "ab12"
