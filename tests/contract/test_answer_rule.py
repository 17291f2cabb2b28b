"""The rule for answers (decision 0009) beyond the known cases: variants of each kind, and properties over any JSON."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.client import VendorClient
from longtake.accounts.session import open_session
from longtake.accounts.transport import Transport
from longtake.domain.errors import LongtakeError, UnexpectedReplyError, UnknownOutcomeError, VendorError
from longtake.domain.request import ShotRequest
from longtake.files.directory import DirectoryStore
from longtake.jobs.order import Order
from longtake.jobs.submit import buy
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.vendors import VENDORS, Reply
from tests.plain_render import hasten

ID = "task_b288cef080e6"
UUID = "764cabcf-b745-4b3e-ae38-1200304cf45b"
OPEN = "UnknownOutcomeError"
ANY_ID = {ID, UUID, OPEN}
"""Followed under an id, or left to a person."""
SHOT = ShotRequest(prompt="a cat", model="seedance-2.0-mini")


def client_for(vendor: str, answer: httpx.Response) -> VendorClient:
    account = Account(vendor=vendor, api_key=SecretStr("key-of-the-account"), base_url="https://vendor.test")
    return VendorClient(account, transport=Transport(account, transport=httpx.MockTransport(lambda request: answer)))


async def meaning(vendor: str, answer: httpx.Response) -> str:
    """The job's id, or the name of the error that the answer to a create stands for."""
    client = client_for(vendor, answer)
    try:
        return (await client.submit(SHOT)).job_id
    except VendorError as error:
        return type(error).__name__
    finally:
        await client.close()


def answer_of(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, content=b"<html>x</html>" if body is None else json.dumps(body).encode())


TAKEN: list[tuple[int, Any, set[str]]] = [
    (200, {"data": {"id": ID}}, {ID}),
    (200, {"code": 0, "data": {"taskId": ID}}, {ID}),
    (201, {"id": ID}, {ID}),
    (200, {"Id": ID}, ANY_ID),
    (200, {"TaskId": ID}, {ID}),
    (200, {"ID": ID}, {ID}),
    (200, {"output": {"task_id": ID, "task_status": "PENDING"}, "request_id": "4f9"}, {ID}),
    (200, {"code": "ok", "id": ID}, {ID}),
    (200, {"code": 1, "msg": "ok", "data": ID}, ANY_ID),
    (200, {"code": "20000", "data": {"data": {"task_id": ID}}}, ANY_ID),
    (200, {"code": "30001", "data": [{"id": ID}]}, ANY_ID),
    (200, {"request_id": ID, "message": "too many requests soon"}, ANY_ID),
    (200, {"name": "operations/video-123456"}, ANY_ID),
    (200, {"ids": [ID]}, ANY_ID),
    (200, {"tasks": [{"uuid": UUID}], "message": "overloaded"}, ANY_ID),
    (200, {"message": "task_b288cef080e6 created; rate limit remaining 3"}, ANY_ID),
    (429, {"data": {"task_id": ID}}, ANY_ID),
    (403, {"error": {"code": "x"}, "task": {"id": ID}}, ANY_ID),
    (400, {"task_id": ID, "error": {"code": "invalid_request", "message": "x"}}, ANY_ID),
]
OPEN_ANSWERS: list[tuple[int, Any]] = [
    (200, {"request_id": UUID, "status": "IN_QUEUE"}),
    (200, {"success": True, "message": "insufficient balance warning"}),
    (200, {"code": "success", "message": "sensitive content was softened", "data": {}}),
    (200, {"code": 200, "msg": "请求过于频繁，已排队", "data": None}),
    (200, {"msg": "任务已提交, rate limit", "code": -1}),
    (429, {"message": "Your request has been queued"}),
    (409, {}),
    (409, None),
    (423, {}),
    (400, {"error": {"code": "duplicate_request", "message": "already being processed"}}),
    (422, {"message": "idempotency key in use: request in progress"}),
    (400, {"error": {"code": "upstream_timeout", "message": "upstream timeout"}}),
    (504, {"error": {"code": "timeout"}}),
    (503, {"error": {"message": "Service unavailable"}}),
    (524, None),
    (500, {"error": {"code": "get_channel_failed", "message": "分组 default 下模型 x 的可用渠道不存在（retry）"}}),
    (503, {"error": {"code": "model_not_found", "message": "分组 default 下模型 x 无可用渠道（retry）"}}),
    (500, {"code": "read_response_body_failed", "message": "unexpected EOF"}),
    (500, {"code": "fail_to_fetch_task", "message": '{"error":{"code":"InternalServiceError","message":"x"}}'}),
    (200, {"error": {"code": "service_unavailable", "message": "later"}}),
    (200, {"error": {"message": "something"}}),
    (200, {"success": False}),
    (200, {"success": False, "message": "rate limit"}),
    (200, []),
    (200, ""),
    (200, {}),
    (200, "ok"),
    (200, True),
    (200, {"id": ""}),
    (200, {"id": None, "error": {"code": "rate", "message": "rate limit"}}),
    (200, {"id": "上游错误"}),
    (200, {"id": -1}),
    (200, {"id": "null"}),
    (400, {"error": {"code": "invalid_request", "message": "x"}, "id": UUID}),
]
REFUSED: list[tuple[int, Any, str]] = [
    (
        503,
        {
            "error": {
                "code": "model_not_found",
                "message": "No available channel for model x under group default (distributor)",
                "type": "new_api_error",
            }
        },
        "ModelNotAllowedError",
    ),
    (
        500,
        {
            "code": "fail_to_fetch_task",
            "message": '{"error":{"code":"InputImageSensitiveContentDetected.PrivacyInformation","message":"a face"}}',
        },
        "ContentRefusedError",
    ),
    (
        500,
        {"code": "fail_to_fetch_task", "message": '{"error":{"code":"InvalidParameter","message":"bad"}}'},
        "RejectedRequestError",
    ),
    (200, {"error": {"code": "unauthorized", "message": "x"}}, "AuthenticationError"),
    (200, {"success": False, "message": "用户余额不足"}, "InsufficientBalanceError"),
    (
        429,
        {"error": {"code": "QuotaExceeded", "message": "You have exhausted its free trial quota"}},
        "InsufficientBalanceError",
    ),
    (
        429,
        {"error": {"code": "QuotaExceeded", "message": "exceeded the weekly usage quota"}},
        "InsufficientBalanceError",
    ),
    (429, {"error": {"code": "QuotaExceeded", "message": "The request has exceeded the quota"}}, "RateLimitedError"),
    (429, {"error": {"code": "insufficient_quota", "message": "x"}}, "InsufficientBalanceError"),
    (403, {"error": {"code": "OperationDenied.ServiceOverdue", "message": "x"}}, "InsufficientBalanceError"),
    (400, {"error": {"code": "InvalidEndpoint.ClosedEndpoint", "message": "x"}}, "ModelNotAllowedError"),
    (404, {"error": {"code": "UnsupportedModel", "message": "x"}}, "ModelNotAllowedError"),
    (400, {"error": {"code": "ContentSecurityDetectionError", "message": "x"}}, "RateLimitedError"),
    (400, {"error": {"code": "SensitiveContentDetected", "message": "x"}}, "ContentRefusedError"),
    (400, {"error": {"code": "InputTextRiskDetection", "message": "x"}}, "ContentRefusedError"),
    (
        400,
        {"error": {"code": "invalid_request", "message": "unknown field: trademark moderation"}},
        "RejectedRequestError",
    ),
    (
        422,
        {"detail": [{"loc": ["body", "duration"], "msg": "too long", "type": "value_error"}]},
        "RejectedRequestError",
    ),
    (
        400,
        {"error": {"message": "bad (request id: 20251121103045123456789abcdefgh)", "code": "invalid_request"}},
        "RejectedRequestError",
    ),
    (400, {"error": {"code": "invalid_request", "message": "x"}, "request_id": UUID}, "RejectedRequestError"),
    (415, None, "RejectedRequestError"),
    (451, None, "RejectedRequestError"),
    (410, None, "RejectedRequestError"),
    (403, None, "ModelNotAllowedError"),
    (402, None, "InsufficientBalanceError"),
    (400, {"message": "Invalid seconds"}, "RejectedRequestError"),
    (
        400,
        {"error": {"code": "x", "message": "Unexpected token at position 5: invalid token at 5"}},
        "RejectedRequestError",
    ),
    (401, {"success": False, "message": "无效的令牌"}, "AuthenticationError"),
    (400, {"error": ["a", "b"]}, "RejectedRequestError"),
    (403, {"message": "insufficient balance"}, "InsufficientBalanceError"),
    (403, {"error": {"message": "该令牌额度已用尽", "code": "insufficient_user_quota"}}, "InsufficientBalanceError"),
    (429, {"error": {"message": "当前分组上游负载已饱和，请稍后再试"}}, "RateLimitedError"),
    (429, {"detail": "slow down"}, "RateLimitedError"),
    (200, {"error": {"code": "rate_limit_exceeded", "message": "x"}}, "RateLimitedError"),
    (200, {"error": {"code": "insufficient_quota", "message": "x"}}, "InsufficientBalanceError"),
    (200, {"error": {"code": "model_access_denied", "message": "x"}}, "ModelNotAllowedError"),
    (200, {"code": "InvalidParameter", "message": "x", "data": None}, "RejectedRequestError"),
]
OF_JIMMYAI: list[tuple[Any, str]] = [
    ({"code": "20002", "msg": "duration is required", "data": None}, "RejectedRequestError"),
    ({"code": -1, "msg": "系统繁忙", "data": None}, "UnknownOutcomeError"),
    ({"code": "50001", "msg": "oops", "data": None}, "UnknownOutcomeError"),
    ({"code": "20002", "msg": "余额不足", "data": None}, "InsufficientBalanceError"),
    ({"code": "20002", "msg": "too many requests", "data": None}, "RateLimitedError"),
    ({"code": "99999", "msg": "rate limit", "data": None}, "UnknownOutcomeError"),
    ({"code": "20001", "msg": "", "data": None}, "AuthenticationError"),
    ({"code": "20002", "msg": "model not allowed", "data": {}}, "ModelNotAllowedError"),
]


def rows(table: list[Any]) -> Any:
    return pytest.mark.parametrize("row", table, ids=[json.dumps(row[:2], ensure_ascii=False)[:90] for row in table])


@pytest.mark.parametrize("vendor", VENDORS)
@rows(TAKEN)
async def test_what_names_a_job_is_followed_or_left_open_and_never_refused(vendor: str, row: Any) -> None:
    status, body, allowed = row
    assert await meaning(vendor, answer_of(status, body)) in allowed


@pytest.mark.parametrize("vendor", VENDORS)
@rows(OPEN_ANSWERS)
async def test_what_is_not_beyond_doubt_is_left_open(vendor: str, row: Any) -> None:
    assert await meaning(vendor, answer_of(*row)) == OPEN


@pytest.mark.parametrize("vendor", VENDORS)
@rows(REFUSED)
async def test_what_is_refused_beyond_doubt_is_refused(vendor: str, row: Any) -> None:
    status, body, error = row
    assert await meaning(vendor, answer_of(status, body)) == error


@rows(OF_JIMMYAI)
async def test_codes_of_jimmyai_that_its_page_names_refuse_and_others_leave_it_open(row: Any) -> None:
    body, error = row
    assert await meaning("jimmyai", answer_of(200, body)) == error


CLIP, PLAIN = "https://m.test/clip.mp4?sig=1", "https://m.test/v/abc123"
LOOKS: list[tuple[Any, str, str | None]] = [
    ({"status": "SUCCESSFUL", "url": CLIP}, "succeeded", CLIP),
    ({"status": "ready", "data": {"url": PLAIN}}, "succeeded", PLAIN),
    ({"state": "done", "video": {"url": PLAIN}}, "succeeded", PLAIN),
    ({"status": "success", "data": {"status": "processing"}}, "running", None),
    ({"status": "success", "data": {"status": "failed", "error": {"code": "x", "message": "y"}}}, "failed", None),
    (
        {"code": 0, "data": [{"task_status": "succeed", "task_result": {"videos": [{"url": PLAIN}]}}]},
        "succeeded",
        PLAIN,
    ),
    ({"status": "completed", "output": {"videos": [CLIP]}}, "succeeded", CLIP),
    ({"status": "completed", "results": '[{"url": "https://m.test/clip.mp4?sig=1"}]'}, "succeeded", CLIP),
    ('{"status":"completed","video_url":"https://m.test/clip.mp4?sig=1"}', "succeeded", CLIP),
    ([{"status": "succeeded", "video_url": " https://m.test/clip.mp4?sig=1\n"}], "succeeded", CLIP),
    (
        {
            "status": "completed",
            "video_url": "",
            "cover_url": "https://m.test/c.jpg",
            "result": {"image_url": "https://m.test/x.png", "play_url": PLAIN},
        },
        "succeeded",
        PLAIN,
    ),
    ({"status": "succeeded", "message": "done: https://m.test/clip.mp4?sig=1"}, "succeeded", CLIP),
    ({"status": "succeeded", "input": {"video_url": "https://me.test/ref.mp4"}, "output": CLIP}, "succeeded", CLIP),
    ({"status": "running", "preview_url": CLIP}, "running", None),
    ({"status": "running", "video_url": CLIP}, "running", None),
    ({"status": "failed", "video_url": None, "error": "boom"}, "failed", None),
    ({"status": "moderated", "fail_reason": "x"}, "failed", None),
    ({"status": "abgebrochen"}, "running", None),
    ({"status": "timeout", "error_message": "x"}, "failed", None),
    ({"status": "retrying", "error": {"code": "x"}}, "running", None),
    ({"id": "x", "video_url": CLIP}, "succeeded", CLIP),
    ({"status": "IN_PROGRESS", "data": {"status": "succeeded", "content": {"video_url": CLIP}}}, "succeeded", CLIP),
    (
        {
            "status": "completed",
            "content": [
                {"type": "video_url", "video_url": {"url": "https://me.test/ref.mp4"}, "role": "reference_video"}
            ],
            "results": [CLIP],
        },
        "succeeded",
        CLIP,
    ),
    ({"status": "succeeded", "data": {"data": {"content": {"video_url": CLIP}}}}, "succeeded", CLIP),
    (
        {"code": "success", "data": '{"status": "SUCCESS", "result_url": "https://m.test/clip.mp4?sig=1"}'},
        "succeeded",
        CLIP,
    ),
    ({"status": "COMPLETED", "result": {"video": {"file": {"download": PLAIN}}}}, "succeeded", PLAIN),
    ({"status": "succeeded"}, "succeeded", None),
    ({"status": "failed", "error": "https://m.test/clip.mp4"}, "failed", None),
    ({"status": "失败", "fail_reason": "内容违规"}, "failed", None),
    ({"status": "成功", "url": CLIP}, "succeeded", CLIP),
    ({"status": "completed", "first_frame_url": "https://m.test/f.mp4", "video_url": CLIP}, "succeeded", CLIP),
    ({"status": 2, "url": CLIP}, "succeeded", CLIP),
    ({"status": "succeeded", "video_url": "HTTPS://m.test/clip.mp4"}, "succeeded", "HTTPS://m.test/clip.mp4"),
    ({"status": "completed", "results": ["//m.test/a.mp4", CLIP]}, "succeeded", CLIP),
    ({"status": "completed", "results": {"0": CLIP}}, "succeeded", CLIP),
    ({"status": "completed", "video_url": {"url": CLIP, "expires": 1}}, "succeeded", CLIP),
    ({"status": "completed", "works": [{"resource": {"resource": CLIP}}]}, "succeeded", CLIP),
    ({"status": "completed", "video_url": "![film](https://m.test/clip.mp4?sig=1)"}, "succeeded", CLIP),
]


@pytest.mark.parametrize("vendor", VENDORS)
@rows(LOOKS)
def test_a_look_of_any_shape_is_read(vendor: str, row: Any) -> None:
    body, status, link = row
    adapter = VENDORS[vendor]
    assert adapter.failure(Reply(200, body)) is None
    snapshot = adapter.snapshot(Reply(200, body))
    assert (snapshot.status.value, snapshot.video_url) == (status, link)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_end_that_does_not_name_the_job_is_believed_when_it_comes_twice(vendor: str) -> None:
    client = client_for(vendor, answer_of(200, {"status": "failed", "message": "internal error"}))
    with pytest.raises(UnexpectedReplyError):
        await client.look(ID)
    assert (await client.look(ID)).status == "failed"
    named = client_for(vendor, answer_of(200, {"id": ID, "status": "failed"}))
    assert (await named.look(ID)).status == "failed"


NAMES = st.sampled_from(["code", "message", "msg", "error", "data", "success", "status", "type", "result"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | NAMES, inner, max_size=4),
    max_leaves=8,
)
REFUSALS = st.sampled_from(
    [
        {},
        {"error": {"code": "rate_limit_exceeded", "message": "rate limit"}},
        {"code": "insufficient_quota", "message": "insufficient balance"},
        {"success": False, "message": "无效的令牌"},
        {"code": -1, "msg": "请求过于频繁 retry_after:1"},
        {"error": {"code": "InputTextSensitiveContentDetected", "message": "sensitive content"}},
    ]
)
STATUSES = st.sampled_from([200, 201, 202, 400, 403, 404, 409, 422, 429, 500, 503])
ID_NAMES = st.sampled_from(["id", "task_id", "taskId", "TaskId", "job_id", "video_id", "request_id", "generationId"])


@st.composite
def bodies_with_an_id(draw: st.DrawFn) -> Any:
    """Any JSON with an id somewhere in it, beside what may look like a refusal."""
    node: Any = draw(st.dictionaries(st.text(max_size=6), JSON, max_size=2)) | {draw(ID_NAMES): ID}
    for _ in range(draw(st.integers(0, 4))):
        form = draw(st.sampled_from(["list", "object", "text"]))
        if form == "text":
            node = {draw(st.text(min_size=1, max_size=5)): json.dumps(node)}
        elif form == "list":
            node = [node]
        else:
            node = draw(REFUSALS) | {draw(st.text(min_size=1, max_size=8) | NAMES): node}
    refusal = draw(REFUSALS)
    return refusal | node if isinstance(node, dict) else [node]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(vendor=st.sampled_from(list(VENDORS)), status=STATUSES, body=bodies_with_an_id())
async def test_any_json_with_an_id_anywhere_is_never_taken_for_not_bought(vendor: str, status: int, body: Any) -> None:
    assert await meaning(vendor, answer_of(status, body)) in (ID, OPEN)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    status=STATUSES,
    head=st.sampled_from([b"", b'{"id":"task_1234567","usage":{"a":', b"\xef\xbb\xbf", b"\x1f\x8b", b"\xff\xfe"]),
    data=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
)
async def test_any_bytes_as_an_answer_leave_a_ledger_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, status: int, head: bytes, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("out")
    client = client_for("evolink", httpx.Response(status, content=head + data))
    session = open_session(client.account.model_copy(update={"max_wait_seconds": 0.01}))
    session.client = client
    order = Order(output=str(folder), account="evolink", shot_id="r/1", request=SHOT).identified()
    ledger = Ledger(DirectoryStore(folder))
    try:
        await buy(order, session, ledger)
    except LongtakeError:
        pass
    finally:
        await session.close()
    kept = ledger.purchase(order.identity)
    assert kept.state(0) is not State.UNREADABLE
    assert not kept.unreadable


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_unknown_outcome_names_the_ids_and_how_to_adopt_them(vendor: str, tmp_path, monkeypatch) -> None:
    hasten(monkeypatch)
    monkeypatch.setenv("LONGTAKE_SUBMIT_TIMEOUT_SECONDS", "2")
    client = client_for(vendor, answer_of(200, {"data": [{"task_id": ID}, {"task_id": "task_000000002"}]}))
    session = open_session(client.account)
    session.client = client
    order = Order(output=str(tmp_path), account=vendor, shot_id="r/1", request=SHOT).identified()
    with pytest.raises(UnknownOutcomeError, match=f"--adopt r/1={ID}") as caught:
        await buy(order, session, Ledger(DirectoryStore(tmp_path)))
    await session.close()
    assert caught.value.job_ids == (ID, "task_000000002")
