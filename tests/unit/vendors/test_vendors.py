"""What the vendors' files share: choosing a model, reading replies, and telling refusals apart."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from longtake.domain import errors
from longtake.domain.errors import UnknownVendorError, UnsupportedRequestError
from longtake.domain.job import JobStatus
from longtake.domain.request import NEUTRAL_MODELS, Reference, ShotRequest
from longtake.vendors import VENDORS, Adapter, Reply, adapter_named
from longtake.vendors._adapter import in_wire_order, path_with
from longtake.vendors.answers.replies import (
    STATUS_WORDS,
    figures,
    hidden_failure,
    http_failure,
    job_failure,
    job_id_in,
    message_and_code,
    progress_of,
    retry_after_seconds,
    says_lost,
    status_of,
)

ADAPTERS = pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)


def shot(model: str, *roles: str) -> ShotRequest:
    references = tuple(Reference(role=role, source="https://example.com/a") for role in roles)
    return ShotRequest(prompt="a", model=model, references=references)


@pytest.mark.parametrize(
    ("vendor", "model", "roles", "wire"),
    [
        ("powertokens", "seedance-2.0-mini", (), "dreamina-seedance-2-0-mini-260615"),
        ("powertokens", "seedance-2.0-fast", ("first_frame",), "dreamina-seedance-2-0-fast-260128"),
        ("anyfast", "seedance-2.0-fast", (), "seedance-fast"),
        ("anyfast", "seedance-2.0", ("reference_video",), "seedance-2.0"),
        ("evolink", "seedance-2.0", (), "seedance-2.0-text-to-video"),
        ("evolink", "seedance-2.0-fast", ("first_frame", "last_frame"), "seedance-2.0-fast-image-to-video"),
        ("evolink", "seedance-2.0-mini", ("first_frame",), "seedance-2.0-mini-image-to-video"),
        ("evolink", "seedance-2.0-mini", ("reference_image",), "seedance-2.0-mini-reference-to-video"),
        ("evolink", "seedance-2.0", ("first_frame", "reference_audio"), "seedance-2.0-reference-to-video"),
        ("evolink", "seedance-2.0-text-to-video", ("first_frame",), "seedance-2.0-text-to-video"),
        ("jimmyai", "seedance-2.0-mini", (), "seedance2.0-mini-sp"),
        ("jimmyai", "seedance-2.0", (), "seedance2.0-sp"),
        ("jimmyai", "seedance-2.0-fast", (), "seedance2.0-fast-sp"),
        ("jimmyai", "sd2_mx_4k", (), "sd2_mx_4k"),
        ("byteplus", "seedance-2.0", (), "dreamina-seedance-2-0-260128"),
        ("byteplus", "seedance-2.0-fast@ep-1-a", (), "dreamina-seedance-2-0-fast-260128"),
        ("volcengine", "seedance-2.0-mini", (), "doubao-seedance-2-0-mini-260615"),
        ("volcengine", "ep-1-a", (), "ep-1-a"),
    ],
)
def test_neutral_model_and_media_choose_the_wire_model(
    vendor: str, model: str, roles: tuple[str, ...], wire: str
) -> None:
    assert VENDORS[vendor].model_for(shot(model, *roles)).wire == wire


@ADAPTERS
def test_every_neutral_model_is_answered_and_wire_names_are_unique(adapter: Adapter) -> None:
    assert {model.neutral for model in adapter.models} - {None} == set(NEUTRAL_MODELS)
    wires = [model.wire for model in adapter.models]
    assert len(wires) == len(set(wires))
    titles = {document.title for document in adapter.documents}
    assert {model.document for model in adapter.models} <= titles


@ADAPTERS
def test_unknown_model_is_a_violation_that_names_the_known_ones(adapter: Adapter) -> None:
    with pytest.raises(UnsupportedRequestError, match=r"seedance-2\.0-mini"):
        adapter.model_for(shot("sora"))
    assert [found.column for found in adapter.violations(shot("sora"))] == ["model"]


@ADAPTERS
def test_adapters_hold_no_host_and_no_key(adapter: Adapter) -> None:
    call = adapter.encode(shot("seedance-2.0-mini"))
    assert call.path.startswith("/")
    assert "authorization" not in repr(call).lower()
    cancelling = adapter.cancel("any")
    assert cancelling is None or cancelling.method == "DELETE"


def test_vendor_is_found_with_and_without_a_document() -> None:
    assert adapter_named("evolink/second") is VENDORS["evolink"]
    with pytest.raises(UnknownVendorError, match="powertokens, anyfast, evolink, jimmyai"):
        adapter_named("cglol")


def test_references_are_ordered_by_role_and_kept_within_one() -> None:
    request = ShotRequest(
        references=tuple(
            Reference(role=role, source=f"https://example.com/{index}")
            for index, role in enumerate(
                ["reference_audio", "reference_video", "last_frame", "first_frame", "reference_video"]
            )
        )
    )
    assert [each.source[-1] for each in in_wire_order(request)] == ["3", "2", "1", "4", "0"]


@pytest.mark.parametrize(
    ("job_id", "path"),
    [("task_1", "/v/task_1"), ("a/../b", "/v/a%2F..%2Fb"), ("..", "/v/%2E%2E"), ("a?x#y", "/v/a%3Fx%23y")],
)
def test_job_ids_cannot_leave_their_path(job_id: str, path: str) -> None:
    assert path_with(job_id, "/v/") == path


@pytest.mark.parametrize(("word", "status"), STATUS_WORDS.items())
def test_status_words_are_read_in_any_case(word: str, status: JobStatus) -> None:
    assert status_of(f" {word.upper()} ") == (status, True)


def test_unknown_status_word_counts_as_running_and_is_told() -> None:
    assert status_of("pondering") == (JobStatus.RUNNING, False)
    assert status_of("ready", {"ready": JobStatus.SUCCEEDED}) == (JobStatus.SUCCEEDED, True)


@pytest.mark.parametrize(
    ("body", "job_id"),
    [
        ({"id": "a"}, "a"),
        ({"task_id": "a", "id": "b"}, "a"),
        ({"taskId": 7}, "7"),
        ({"id": True}, ""),
        ({"id": None, "task_id": " "}, ""),
        ([], ""),
    ],
)
def test_job_ids_go_by_several_names(body: object, job_id: str) -> None:
    assert job_id_in(body) == job_id


@pytest.mark.parametrize(
    ("value", "progress"), [(50, 0.5), ("50%", 0.5), ("100", 1.0), (140, 1.0), (-1, 0.0), ("soon", None), (None, None)]
)
def test_progress_is_read_from_numbers_and_percents(value: object, progress: float | None) -> None:
    assert progress_of(value) == progress


def test_only_numbers_count_as_figures() -> None:
    assert figures({"total_tokens": 5, "credits": 1.5, "rule": "per_second", "ok": True}) == {
        "total_tokens": 5.0,
        "credits": 1.5,
    }


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ({"error": {"code": "c", "message": "m"}}, ("m", "c")),
        ({"error": {"type": "t", "message": "m"}}, ("m", "t")),
        ({"error": "m"}, ("m", "")),
        ({"code": -1, "msg": "m"}, ("m", "-1")),
        ({"message": 'x {"error": {"code": "inner", "message": "deep"}}', "code": "outer"}, ("deep", "inner")),
        ({"message": '{"message": "{\\"code\\": \\"c3\\", \\"message\\": \\"m3\\"}"}', "code": "c"}, ("m3", "c3")),
        ({"message": "a {cat} is no JSON", "code": "c"}, ("a {cat} is no JSON", "c")),
        ({"message": '{"a": 1}', "code": "c"}, ('{"a": 1}', "c")),
        (None, ("", "")),
    ],
)
def test_message_and_code_are_found_in_any_shape(body: object, parts: tuple[str, str]) -> None:
    assert message_and_code(body) == parts


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "ModelAccountRpmRateLimitExceeded", errors.RateLimitedError),
        (429, "APIAccountRpmRateLimitExceeded", errors.RateLimitedError),
        (429, "RateLimitExceeded.EndpointRPMExceeded", errors.RateLimitedError),
        (429, "AccountRateLimitExceeded", errors.RateLimitedError),
        (429, "RequestBurstTooFast", errors.RateLimitedError),
        (429, "InflightBatchsizeExceeded", errors.RateLimitedError),
        (429, "ServerOverloaded", errors.RateLimitedError),
        (429, "QuotaExceeded", errors.RateLimitedError),
        (429, "SetLimitExceeded", errors.InsufficientBalanceError),
        (400, "InvalidParameter.Content", errors.RejectedRequestError),
        (400, "MissingParameter", errors.RejectedRequestError),
        (400, "InputTextSensitiveContentDetected", errors.ContentRefusedError),
        (400, "InputImageSensitiveContentDetected.PrivacyInformation", errors.ContentRefusedError),
        (400, "OutputVideoSensitiveContentDetected.PolicyViolation", errors.ContentRefusedError),
        (401, "AuthenticationError", errors.AuthenticationError),
        (403, "AccountOverdueError", errors.InsufficientBalanceError),
        (403, "OperationDenied.PermissionDenied", errors.ModelNotAllowedError),
        (404, "InvalidEndpointOrModel.NotFound", errors.ModelNotAllowedError),
        (404, "ModelNotOpen", errors.ModelNotAllowedError),
        (500, "InternalServiceError", errors.VendorUnavailableError),
        (500, "InputTextSensitiveContentDetected", errors.ContentRefusedError),
        (401, "insufficient_quota", errors.AuthenticationError),
        (403, "insufficient_permissions", errors.ModelNotAllowedError),
        (408, "", errors.VendorUnavailableError),
        (418, "", errors.RejectedRequestError),
    ],
)
def test_http_status_and_code_become_a_class(status: int, code: str, error: type[Exception]) -> None:
    failure = http_failure(status, {"error": {"code": code, "message": "words"}}, {})
    assert type(failure) is error
    assert (failure.http_status, failure.code) == (status, code)
    assert type(pickle.loads(pickle.dumps(failure))) is error


@pytest.mark.parametrize(
    "body",
    [
        {"id": "t", "error": {"code": "SetLimitExceeded"}},
        {"data": {"task_id": "t"}, "code": "SetLimitExceeded"},
        {"status": "failed", "error": {"code": "InputTextSensitiveContentDetected"}},
        {"code": "SetLimitExceeded", "data": {"status": "FAILURE"}},
        {"code": "whatever", "message": "something went wrong", "data": None},
        {},
        None,
    ],
)
def test_success_status_hides_a_refusal_only_beyond_doubt(body: object) -> None:
    assert hidden_failure(200, body, {}) is None


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"Retry-After": "3"}, "", 3.0),
        ({"retry-after": "1.5"}, "retry_after:9", 1.5),
        ({}, "状态查询过于频繁 retry_after:1", 1.0),
        ({}, '{"retry_after": 2.5}', 2.5),
        ({"Retry-After": "Sat, 21 Nov 2026 10:01:00 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, "", 60.0),
        ({"Retry-After": "Sat, 21 Nov 2026 09:00:00 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, "", 0.0),
        ({"Retry-After": "Sat, 21 Nov 2026 10:01:00 GMT"}, "", None),
        ({"Retry-After": "later", "Date": "now"}, "", None),
        ({"Retry-After": "-5"}, "", None),
        ({}, "please retry later", None),
    ],
)
def test_wait_that_the_vendor_asks_for_is_read(headers: dict[str, str], message: str, seconds: float | None) -> None:
    assert retry_after_seconds(headers, message) == seconds


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("task_not_exist", True),
        ("Task not found", True),
        ("The task 'abc12345' was not found", True),
        ("task sd1234567890 does not exist", True),
        ("任务不存在", True),
        ("task query failed: host not found", False),
        ("model not found", False),
        ("the task is running, no file found", False),
    ],
)
def test_lost_jobs_are_told_from_other_faults(text: str, lost: bool) -> None:
    assert says_lost(text) is lost


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("PROVIDER_MODERATION_ERROR", {"content_refused": True, "retryable": False}),
        ("https://media.example.com/clip.mp4?sig=1", {"message": "", "content_refused": False}),
        ({"error": {"code": "service_error", "message": "m"}}, {"retryable": True, "code": "service_error"}),
        ({"error": {"code": "service_error", "message": "trademark"}}, {"retryable": False, "content_refused": True}),
    ],
)
def test_failed_job_tells_whether_another_purchase_makes_sense(body: Any, expected: dict[str, Any]) -> None:
    failure = job_failure(body, retryable=("service_error",))
    assert failure.model_dump().items() >= expected.items()


@ADAPTERS
def test_gateways_page_after_a_submit_leaves_the_outcome_open(adapter: Adapter) -> None:
    for status in (500, 502, 503, 504, 524):
        assert type(adapter.failure(Reply(status, None, "<html>"))) is errors.VendorUnavailableError
