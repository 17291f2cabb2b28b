"""Each fault of submit, look and upload, as a client sees it, and what was billed meanwhile."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import KINDS, Fault
from tests.sandbox.conftest import LONG_SECONDS, Speaker, patiently, refusal_words, text_body

VENDORS = ("powertokens", "anyfast", "evolink", "jimmyai")


def plan(sandbox: Sandbox, kind: str, step: Any = "submit", **more: Any) -> Fault:
    return sandbox.faults.add(Fault(kind=kind, step=step, **more))


@pytest.mark.parametrize("vendor", VENDORS)
class TestSubmit:
    def test_a_lost_answer_is_billed(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        plan(sandbox, "answer_lost_after_accept")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            speak.submit(vendor, text_body(vendor))
        assert sandbox.bill.count(vendor) == 1

    def test_a_reset_before_acceptance_is_not(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        plan(sandbox, "reset_before_accept")
        with pytest.raises(httpx.ReadError):
            speak.submit(vendor, text_body(vendor))
        assert sandbox.bill.count() == 0
        assert sandbox.bill.request_count(vendor, "submit") == 1

    def test_a_bad_gateway_after_acceptance_is_billed(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        plan(sandbox, "bad_gateway_after_accept")
        response = speak.submit(vendor, text_body(vendor))
        assert (response.status_code, response.headers["content-type"]) == (502, "text/html; charset=utf-8")
        assert sandbox.bill.count() == 1

    def test_a_server_error_before_acceptance_is_not(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        plan(sandbox, "server_error_before_accept")
        response = speak.submit(vendor, text_body(vendor))
        assert refusal_words(vendor, response)
        assert response.status_code == (200 if vendor == "jimmyai" else 500)
        assert sandbox.bill.count() == 0

    def test_a_slow_answer_outlasts_an_impatient_client(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        plan(sandbox, "slow_answer", seconds=LONG_SECONDS)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                sandbox.base_url(vendor) + speak_path(vendor),
                json=text_body(vendor),
                headers=speak.headers(vendor),
                timeout=httpx.Timeout(60, read=0.3),
            )
        patiently(lambda: sandbox.bill.count() == 1)

    def test_a_2xx_that_says_nothing_is_billed(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        for kind in ("html_200", "empty_200", "no_id"):
            plan(sandbox, kind)
        html, empty, no_id = (speak.submit(vendor, text_body(vendor)) for _ in range(3))
        assert html.status_code == empty.status_code == no_id.status_code == 200
        assert html.text.startswith("<!DOCTYPE html>")
        assert empty.content == b""
        body = no_id.json()
        assert "id" not in body
        assert "task_id" not in body
        assert "task_id" not in body.get("data", {})
        assert sandbox.bill.count() == 3

    def test_throttling_may_say_how_long(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        plan(sandbox, "throttled")
        plan(sandbox, "throttled", retry_after_seconds=7)
        silent, telling = (speak.submit(vendor, text_body(vendor)) for _ in range(2))
        assert silent.status_code == telling.status_code == (200 if vendor == "jimmyai" else 429)
        assert "retry-after" not in silent.headers
        assert telling.headers["retry-after"] == "7"
        assert sandbox.bill.count() == 0

    @pytest.mark.parametrize("kind", ["unauthorized", "no_balance", "model_not_allowed", "moderation", "bad_request"])
    def test_a_planned_refusal_speaks_the_vendors_words(
        self, sandbox: Sandbox, speak: Speaker, vendor: str, kind: str
    ) -> None:
        plan(sandbox, kind)
        response = speak.submit(vendor, text_body(vendor))
        words = refusal_words(vendor, response) + response.text
        told = {
            "unauthorized": ("oken",),
            "no_balance": ("余额不足", "uota"),
            "model_not_allowed": ("seedance",),
            "moderation": ("Sensitive", "policy", "MODERATION"),
            "bad_request": ("planned",),
        }[kind]
        assert any(part in words for part in told), words
        assert sandbox.bill.count() == 0
        speak.buy(vendor)


def speak_path(vendor: str) -> str:
    return {
        "powertokens": "/v1/videos",
        "anyfast": "/v1/video/generations",
        "evolink": "/v1/videos/generations",
        "jimmyai": "/api/open-api/v1/seedance/videos",
    }[vendor]


@pytest.mark.parametrize("vendor", VENDORS)
class TestLook:
    def test_answers_that_are_none(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        job_id = speak.buy(vendor)
        for kind in ("server_error", "html", "garbage_json", "throttled", "lie_not_found"):
            plan(sandbox, kind, "look", vendor=vendor)
        answers = [speak.look(vendor, job_id) for _ in range(5)]
        jimmy = vendor == "jimmyai"
        assert [answer.status_code for answer in answers] == [
            200 if jimmy else 500,
            200,
            200,
            200 if jimmy else 429,
            {"jimmyai": 200, "evolink": 404}.get(vendor, 400),
        ]
        assert answers[1].text.startswith("<!DOCTYPE html>")
        with pytest.raises(ValueError, match="Expecting value"):
            answers[2].json()
        plan(sandbox, "reset", "look")
        with pytest.raises(httpx.ReadError):
            speak.look(vendor, job_id)
        assert speak.finish(vendor, job_id).video_url

    def test_words_that_nobody_documents(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        job_id = speak.buy(vendor)
        plan(sandbox, "unknown_word", "look")
        plan(sandbox, "empty_word", "look")
        assert "contemplating" in speak.answer(vendor, job_id).word
        assert speak.answer(vendor, job_id).word in ("", "/")

    def test_a_stuck_job_never_ends_until_the_plan_is_cleared(
        self, sandbox: Sandbox, speak: Speaker, vendor: str
    ) -> None:
        job_id = speak.buy(vendor)
        plan(sandbox, "stuck", "look")
        speak.end(job_id)
        running = {"powertokens": "running", "anyfast": "IN_PROGRESS/running"}.get(vendor, "processing")
        assert [speak.answer(vendor, job_id).word for _ in range(3)] == [running] * 3
        sandbox.faults.clear()
        assert speak.answer(vendor, job_id).video_url

    @pytest.mark.parametrize(
        ("kind", "retryable"),
        [("failed", True), ("failed", False), ("moderation_failed", False), ("cancelled", False), ("expired", False)],
    )
    def test_bad_endings_last(self, sandbox: Sandbox, speak: Speaker, vendor: str, kind: str, retryable: bool) -> None:
        job_id = speak.buy(vendor)
        plan(sandbox, kind, "look", retryable=retryable)
        answers = [speak.answer(vendor, job_id) for _ in range(2)]
        assert answers[0] == answers[1]
        assert not answers[0].video_url
        words = {
            "cancelled": ("cancelled", "IN_PROGRESS/cancelled"),
            "expired": ("expired", "IN_PROGRESS/expired", "failed"),
        }
        assert answers[0].word in words.get(kind, ("failed", "FAILURE/failed"))
        told = {
            ("failed", True): ("service_error", "unexpected internal error", "Read timed out"),
            ("failed", False): ("invalid_parameters", "not valid", "DURATION_TOO_LONG"),
            ("moderation_failed", False): ("content_policy_violation", "sensitive", "PROVIDER_MODERATION_ERROR"),
        }.get((kind, retryable))
        assert told is None or any(part in answers[0].error for part in told)
        assert sandbox.job(job_id).status == ("failed" if "failed" in kind else kind)

    def test_success_without_a_link_waits_for_the_success(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        fault = plan(sandbox, "success_without_link", "look")
        sandbox.settings.job_seconds = LONG_SECONDS
        job_id = speak.buy(vendor)
        speak.look(vendor, job_id)
        assert fault.fired == 0
        speak.end(job_id)
        answer = speak.answer(vendor, job_id)
        assert answer.word in ("succeeded", "SUCCESS/succeeded", "completed")
        assert not answer.video_url
        assert speak.answer(vendor, job_id).video_url

    def test_a_link_in_the_fail_reason_of_a_success(self, sandbox: Sandbox, speak: Speaker, vendor: str) -> None:
        job_id = speak.buy(vendor)
        speak.end(job_id)
        plan(sandbox, "fail_reason_with_link", "look")
        body = speak.look(vendor, job_id).json()
        told = body.get("data", body)
        assert told["error_message" if vendor == "jimmyai" else "fail_reason"].startswith("http://127.0.0.1")


def test_an_anyfast_failure_keeps_its_reason_in_the_fail_reason(sandbox: Sandbox, speak: Speaker) -> None:
    job_id = speak.buy("anyfast")
    plan(sandbox, "failed", "look")
    data = speak.look("anyfast", job_id).json()["data"]
    assert data["fail_reason"].startswith("InternalServiceError")
    assert "result_url" not in data


def test_plans_choose_vendor_prompt_and_which_call(sandbox: Sandbox, speak: Speaker) -> None:
    fault = plan(sandbox, "throttled", vendor="evolink", prompt="猫", nth=2, times=2)
    assert speak.submit("anyfast", text_body("anyfast", "猫")).status_code == 200
    assert speak.submit("evolink", text_body("evolink", "dog")).status_code == 200
    statuses = [speak.submit("evolink", text_body("evolink", "一只猫")).status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert fault.fired == 2


def test_a_plan_without_end_holds_until_cleared(sandbox: Sandbox, speak: Speaker) -> None:
    plan(sandbox, "throttled", times=None)
    assert [speak.submit("evolink", text_body("evolink")).status_code for _ in range(3)] == [429] * 3
    sandbox.faults.clear()
    speak.buy("evolink")


def test_an_unknown_fault_is_not_planned() -> None:
    with pytest.raises(ValidationError, match="submit knows no fault stuck"):
        Fault(kind="stuck", step="submit")
    assert "stuck" in KINDS["look"]


def test_uploads_suffer_too(sandbox: Sandbox, speak: Speaker) -> None:
    url = sandbox.upload_base_url("jimmyai") + "/api/open-api/v1/files/upload"

    def upload() -> httpx.Response:
        return speak.http.post(url, files={"file": ("a.png", b"x", "image/png")}, headers=speak.headers("jimmyai"))

    plan(sandbox, "throttled", "upload")
    plan(sandbox, "html_200", "upload")
    assert "rate limit" in upload().json()["msg"]
    assert upload().text.startswith("<!DOCTYPE")
    for kind in ("reset", "answer_lost_after_accept"):
        plan(sandbox, kind, "upload")
        with pytest.raises(httpx.TransportError):
            upload()
    assert upload().json()["code"] == "20000"


def test_events_tell_the_moments_of_a_job_in_order(sandbox: Sandbox, speak: Speaker) -> None:
    seen: list[tuple[str, str]] = []
    sandbox.on_event(lambda event: seen.append((event.name, event.job_id)))
    job_id = speak.buy("evolink")
    link = speak.finish("evolink", job_id).video_url
    speak.http.get(link)
    names = list(dict.fromkeys(name for name, _ in seen))
    assert names[:4] == ["submit_received", "submit_accepted", "submit_answered", "look"]
    assert {name for name, an_id in seen if an_id == job_id} >= {"submit_accepted", "look", "media_started"}
