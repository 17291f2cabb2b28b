"""Answers of JimmyAI's audit in the shapes that were seen or may come: an id, a refusal, a state, or nothing."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.accounts.transport import Transport
from longtake.domain.errors import (
    ContentRefusedError,
    RejectedRequestError,
    UnexpectedReplyError,
    VendorUnavailableError,
)
from longtake.vendors import VENDORS, Reply

JIMMY = VENDORS["jimmyai"]
LINK = "https://example.com/a.png"


@pytest.mark.parametrize(
    "data",
    [
        {"items": [{"assetType": "image", "originalUrl": LINK, "assetId": "a-1", "status": "submitted"}]},
        {"items": [{"asset_id": "a-1"}], "failedItems": []},
        {"items": [{"assetId": "asset://a-1", "status": "Processing"}], "failedItems": None},
        {"assetId": "a-1"},
        [{"assetId": "a-1"}],
    ],
)
def test_the_asset_s_id_is_found(data):
    assert JIMMY.registered(Reply(200, {"code": "0", "msg": "ok", "data": data})) == "a-1"


@pytest.mark.parametrize(
    "data",
    [
        {"items": [], "failedItems": [{"originalUrl": LINK, "message": "a face"}]},
        {"items": [{"assetId": "a-1", "status": "Failed", "failReason": "a face"}]},
        {"items": [{"assetId": "a-1", "status": "Rejected", "reason": "a face"}]},
    ],
)
def test_a_refusal_at_once_is_one_in_its_own_words(data):
    with pytest.raises(ContentRefusedError, match="a face"):
        JIMMY.registered(Reply(200, {"code": "0", "data": data}))


@pytest.mark.parametrize("data", [None, {}, [], "a-1", {"items": []}, {"items": [None]}, {"items": {"assetId": 1}}])
def test_an_answer_without_an_asset_is_none(data):
    reply = Reply(200, {"code": "0", "data": data})
    with pytest.raises(UnexpectedReplyError):
        JIMMY.registered(reply)
    with pytest.raises(UnexpectedReplyError):
        JIMMY.asset_state(reply, "a-1")


@pytest.mark.parametrize(
    ("word", "is_ready", "is_refused"),
    [
        ("Active", True, False),
        ("active", True, False),
        ("Processing", False, False),
        ("submitted", False, False),
        ("", False, False),
        ("Failed", False, True),
        ("Rejected", False, True),
    ],
)
def test_states_are_read_by_their_words(word, is_ready, is_refused):
    other = {"assetId": "a-2", "status": "Active"}
    reply = Reply(200, {"code": "0", "data": {"items": [other, {"assetId": "a-1", "status": word}]}})
    assert JIMMY.asset_state(reply, "a-1")[:2] == (is_ready, is_refused)


def client_over(answer) -> VendorClient:
    account = Account(vendor="jimmyai", api_key=SecretStr("sk-0123456789abcdef"), base_url="https://vendor.invalid")
    return VendorClient(account, transport=Transport(account, transport=httpx.MockTransport(answer)))


async def test_where_the_question_in_the_address_is_refused_it_is_asked_in_a_body():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"code": "20002", "msg": "method not supported", "data": None})
        told = {"items": [{"assetId": "a-1", "status": "Failed", "failReason": "seen sk-0123456789abcdef"}]}
        return httpx.Response(200, json={"code": "0", "data": told})

    async with client_over(answer) as client:
        state = await client.asset_state("a-1")
    assert state.is_refused
    assert "sk-0123456789abcdef" not in state.words


async def test_a_refused_call_and_a_fault_of_the_vendor_are_told_apart():
    for body, kind in (
        ({"code": "20002", "msg": "bad url", "data": None}, RejectedRequestError),
        ({"code": -1, "msg": "server error", "data": None}, VendorUnavailableError),
    ):

        def answer(request: httpx.Request, body=body) -> httpx.Response:
            return httpx.Response(200, json=body)

        async with client_over(answer) as client:
            with pytest.raises(kind):
                await client.register("image", LINK)
