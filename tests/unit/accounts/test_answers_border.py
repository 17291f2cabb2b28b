"""What comes back from a vendor passes one border: it cannot break us, and it cannot carry our key any further."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.accounts.session import open_session
from longtake.accounts.transport import Transport
from longtake.domain.errors import (
    ConfigurationError,
    ContentRefusedError,
    NotSentError,
    UnknownOutcomeError,
    UnsupportedRequestError,
    VendorError,
)
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Outcome, Verdict, outcome_of
from longtake.files.directory import DirectoryStore
from longtake.jobs.order import Order
from longtake.jobs.submit import buy
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.vendors import flagged_input

KEY = "sk-Abc/def+0123456789xyz"
SHOT = ShotRequest(prompt="a cat", model="seedance-2.0-mini")
TAKEN = b'{"id":"task_1234567","status":"pending","usage":{"credits":'
SPELT = {
    "plain": KEY,
    "in an address": quote(KEY, safe=""),
    "twice in an address": quote(quote(KEY, safe=""), safe=""),
    "base64": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "hex": KEY.encode().hex(),
    "backwards": KEY[::-1],
    "upper case": KEY.upper(),
    "swapped case": KEY.swapcase(),
    "pulled apart": "-".join(KEY),
    "in lines": f"{KEY[:9]}\n{KEY[9:]}",
    "escaped": "".join(f"\\u{ord(mark):04x}" for mark in KEY),
    "entities": "".join(f"&#{ord(mark)};" for mark in KEY),
    "every letter coded": "".join(f"%{ord(mark):02X}" for mark in KEY),
}


def client_for(answer: Any, vendor: str = "evolink") -> VendorClient:
    account = Account(vendor=vendor, api_key=SecretStr(KEY), base_url="https://vendor.test")
    handler = answer if callable(answer) else lambda request: answer
    return VendorClient(account, transport=Transport(account, transport=httpx.MockTransport(handler)))


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"\xef\xbb\xbf" + TAKEN + b"1}}", {}),
        (TAKEN + b"NaN}}", {}),
        (TAKEN + b"1e999}}", {}),
        (TAKEN + b"9" * 5000 + b"}}", {}),
        (TAKEN + b'1},"x":"' + b"x" * 5_000_000 + b'"}', {}),
        ((TAKEN + b"1}}").decode().encode("utf-16"), {}),
        (TAKEN + '1},"m":"成功"}'.encode("gb18030"), {"Content-Type": "application/json; charset=gbk"}),
        (TAKEN + b"1}}", {"Content-Encoding": "gzip"}),
        (TAKEN + b"1}}", {"Content-Encoding": "br"}),
        (gzip.compress(TAKEN + b"1}}"), {}),
        (gzip.compress(TAKEN + b"1}}"), {"Content-Encoding": "gzip"}),
        (b"data: " + TAKEN + b"1}}\n\ndata: [DONE]\n", {"Content-Type": "text/event-stream"}),
        (TAKEN + b'1},"id":null}', {}),
        (TAKEN + b'1},"m":"a\nb\x00\\ud800"}', {}),
    ],
    ids=[
        "a byte order mark",
        "NaN",
        "an infinity",
        "5,000 digits",
        "5 MB",
        "utf-16",
        "gb18030 called gbk",
        "plain, called gzip",
        "plain, called br",
        "gzip without a word",
        "gzip",
        "an event stream",
        "the same name twice",
        "half a surrogate and NUL",
    ],
)
async def test_odd_bytes_do_not_hide_the_job_that_they_name(content: bytes, headers: dict[str, str]) -> None:
    client = client_for(httpx.Response(200, headers=headers, stream=httpx.ByteStream(content)))
    accepted = await client.submit(SHOT)
    assert accepted.job_id == "task_1234567"
    json.loads(accepted.snapshot.model_dump_json(), parse_constant=pytest.fail)


class BreaksOff(httpx.AsyncByteStream):
    """Gives this much, and then the connection dies."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self):
        yield self.content
        raise httpx.ReadError("gone")


@pytest.mark.parametrize("status", [200, 400, 429, 500])
async def test_half_an_answer_is_unknown_and_names_the_job_that_it_named(status: int) -> None:
    client = client_for(lambda request: httpx.Response(status, stream=BreaksOff(TAKEN)))
    with pytest.raises(UnknownOutcomeError) as caught:
        await client.submit(SHOT)
    assert caught.value.job_ids == ("task_1234567",)
    whole = client_for(lambda request: httpx.Response(200, stream=BreaksOff(TAKEN + b"1}}")))
    assert (await whole.submit(SHOT)).job_id == "task_1234567"


@pytest.mark.parametrize("fault", [RuntimeError("odd"), RecursionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
async def test_any_exception_after_the_request_left_is_an_unknown_outcome_in_the_ledger(tmp_path, fault) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise fault

    client = client_for(fail)
    session = open_session(client.account)
    session.client = client
    order = Order(output=str(tmp_path), account="evolink", shot_id="r/1", request=SHOT).identified()
    ledger = Ledger(DirectoryStore(tmp_path))
    with pytest.raises(UnknownOutcomeError):
        await buy(order, session, ledger)
    await session.close()
    assert ledger.purchase(order.identity).state(0) is State.UNKNOWN


async def test_a_header_that_our_side_refuses_is_not_sent_and_leaves_the_purchase_free(tmp_path, monkeypatch) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError("Illegal header value")

    monkeypatch.setattr("longtake.jobs.submit.NOT_SENT_TRIES", 1)
    client = client_for(fail)
    session = open_session(client.account)
    session.client = client
    order = Order(output=str(tmp_path), account="evolink", shot_id="r/1", request=SHOT).identified()
    ledger = Ledger(DirectoryStore(tmp_path))
    with pytest.raises(NotSentError):
        await buy(order, session, ledger)
    await session.close()
    assert ledger.purchase(order.identity).state(0) is State.NEW


async def test_a_request_that_cannot_be_made_leaves_no_record(tmp_path) -> None:
    client = client_for(httpx.Response(200, json={"id": "task_1234567"}))
    session = open_session(client.account)
    session.client = client
    shot = SHOT.model_copy(update={"prompt": "half an emoji \ud83d"})
    order = Order(
        output=str(tmp_path), account="evolink", shot_id="r/1", request=shot, identity="1-x", written={"a": 1}
    )
    with pytest.raises(UnsupportedRequestError):
        await buy(order, session, Ledger(DirectoryStore(tmp_path)))
    await session.close()
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("key", ["sk-ab\u200bcdef123", "sk-abc\ndef123", "schlüssel-123", "sk-abc def", "sk-abc\x7f1"])
def test_a_key_that_no_header_can_carry_is_refused_by_its_place_and_never_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"the key of evolink/second .* character \d+ of") as caught:
        Account(vendor="evolink", document="second", api_key=SecretStr(key), base_url="https://vendor.test")
    assert key[:6] not in str(caught.value)


@pytest.mark.parametrize("spelt", SPELT.values(), ids=SPELT)
@pytest.mark.parametrize("status", [200, 400])
async def test_a_key_that_comes_back_anywhere_in_an_answer_goes_no_further(tmp_path, spelt: str, status: int) -> None:
    body = {
        "id": f"task-{spelt}-1",
        "status": f"failed {spelt}",
        "error": {"code": spelt, "message": f"no {spelt}"},
        "usage": {spelt: 5, "credits": 1},
        "results": [f"https://m.test/{quote(spelt)}/clip.mp4"],
    }
    client = client_for(httpx.Response(status, json=body, headers={"Retry-After": "1", "X-Task-Id": quote(spelt)}))
    session = open_session(client.account)
    session.client = client
    order = Order(output=str(tmp_path), account="evolink", shot_id="r/1", request=SHOT).identified()
    with pytest.raises(VendorError) as caught:
        await buy(order, session, Ledger(DirectoryStore(tmp_path)))
    look = await client.transport.send_again(client.adapter.look("task-1"))
    snapshot = client.adapter.snapshot(look)
    await session.close()
    told = [str(caught.value), repr(caught.value), repr(look), snapshot.model_dump_json()]
    told += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    for text in told:
        for secret in (KEY, spelt, json.dumps(spelt)[1:-1], quote(spelt)):
            assert secret.lower() not in text.lower()


async def test_a_job_id_that_holds_the_key_is_unknown_and_never_bought_again(tmp_path) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"id": f"task-{KEY}", "status": "pending"})

    client = client_for(answer)
    session = open_session(client.account)
    session.client = client
    order = Order(output=str(tmp_path), account="evolink", shot_id="r/1", request=SHOT).identified()
    for _ in range(2):
        with pytest.raises(UnknownOutcomeError):
            await buy(order, session, Ledger(DirectoryStore(tmp_path)))
    await session.close()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("code", "message", "flagged"),
    [
        ("InputTextSensitiveContentDetected", "", "the prompt"),
        ("InputImageSensitiveContentDetected.PrivacyInformation", "the input image 2 may show a person", "image 2"),
        ("InputImageSensitiveContentDetected", "images[0] refused", "image 1"),
        ("InputImageSensitiveContentDetected", "the first frame may contain", "the first frame"),
        ("InputVideoSensitiveContentDetected", "", "a video"),
        ("InputVideoSensitiveContentDetected", "video_urls.0 is refused", "video 1"),
        ("OutputVideoSensitiveContentDetected", "the output video may contain sensitive information", "the made film"),
        ("content_policy_violation", "Your prompt violates our content policy", "the prompt"),
        ("20002", "图片2 内容违规", "image 2"),
        ("20002", "尾帧 内容违规", "the last frame"),
        ("", "PROVIDER_MODERATION_ERROR: TRADEMARK", ""),
    ],
)
def test_the_input_that_was_flagged_is_named_where_the_vendor_tells(code: str, message: str, flagged: str) -> None:
    assert flagged_input(code, message) == flagged


async def test_the_verdict_says_what_was_flagged_and_what_may_be_changed() -> None:
    """At the submit, in the answer to a look, and from the record that the next run reads."""
    error = {"code": "InputImageSensitiveContentDetected", "message": "image 2 may contain a real person"}
    with pytest.raises(ContentRefusedError) as caught:
        await client_for(httpx.Response(400, json={"error": error})).submit(SHOT)
    assert outcome_of(caught.value).next_action.startswith("change image 2, or raise `take`")
    made = {"code": "OutputVideoSensitiveContentDetected", "message": "refused"}
    client = client_for(httpx.Response(200, json={"id": "task_1", "status": "failed", "error": made}))
    failure = (await client.look("task_1")).failure
    assert failure is not None
    assert failure.message == "flagged: the made film: refused"
    kept = Outcome(verdict=Verdict.CONTENT_REFUSED, evidence=f"{failure.code}; {failure.message}")
    assert "the film that was made was flagged" in kept.next_action
    untold = Outcome(verdict=Verdict.CONTENT_REFUSED, evidence="PROVIDER_MODERATION_ERROR")
    assert untold.next_action == "change the prompt or the references, or raise `take`"
