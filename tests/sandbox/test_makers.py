"""The makers' platforms as their reference has them: strict bodies, a queue, tasks in pages, what DELETE does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.faults import Fault
from longtake.sandbox.vendors.prices import PRICES

MAKERS = {"byteplus": "dreamina", "volcengine": "doubao"}
EITHER = pytest.mark.parametrize("vendor", MAKERS)
TASKS = "/contents/generations/tasks"
HTTP = httpx.Client(timeout=20, trust_env=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(job_seconds=0.1, media="stub")) as sandbox:
        yield sandbox


def body(vendor: str, **more: Any) -> dict[str, Any]:
    model = f"{MAKERS[vendor]}-seedance-2-0-mini-260615"
    return {"model": model, "content": [{"type": "text", "text": "a cat"}], "duration": 4, "resolution": "480p"} | more


def call(sandbox: Sandbox, vendor: str, method: str, path: str = "", **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {sandbox.api_key(vendor)}"}
    return HTTP.request(method, f"{sandbox.base_url(vendor)}{TASKS}{path}", headers=headers, **more)


def buy(sandbox: Sandbox, vendor: str, **more: Any) -> str:
    answer = call(sandbox, vendor, "POST", json=body(vendor, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


@pytest.mark.parametrize(("vendor", "model"), [(vendor, model) for vendor in MAKERS for model in PRICES[vendor]])
def test_every_model_has_a_price_in_the_bill(sandbox: Sandbox, vendor: str, model: str) -> None:
    buy(sandbox, vendor, model=model, resolution="720p")
    assert sandbox.bill.entries[-1].price_usd > 0


def code_of(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "param", "type"}
    return answer.status_code, error["code"]


@EITHER
@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"negative_prompt": "dogs"}, 400, "InvalidParameter"),
        ({"seed": 7}, 400, "InvalidParameter"),
        ({"n": 2}, 400, "InvalidParameter"),
        ({"duration": "5"}, 400, "InvalidParameter"),
        ({"duration": 16}, 400, "InvalidParameter"),
        ({"resolution": "1080p"}, 400, "InvalidParameter"),
        ({"priority": 10}, 400, "InvalidParameter"),
        ({"execution_expires_after": 60}, 400, "InvalidParameter"),
        ({"output_format": "mov"}, 400, "InvalidParameter"),
        ({"content": []}, 400, "InvalidParameter"),
        ({"content": [{"type": "draft_task", "draft_task": {"id": "cgt-1"}}]}, 400, "InvalidParameter"),
        ({"model": "seedance-2.0"}, 404, "InvalidEndpointOrModel.NotFound"),
    ],
)
def test_what_the_reference_does_not_name_is_refused_and_not_billed(
    sandbox: Sandbox, vendor: str, wrong: dict[str, Any], status: int, code: str
) -> None:
    assert code_of(call(sandbox, vendor, "POST", json=body(vendor, **wrong))) == (status, code)
    assert sandbox.bill.count() == 0


@EITHER
def test_a_finished_task_has_its_link_its_last_frame_and_its_tokens(sandbox: Sandbox, vendor: str) -> None:
    job_id = buy(sandbox, vendor, return_last_frame=True, ratio="16:9", safety_identifier="u1")
    assert job_id.startswith("cgt-")
    deadline = time.monotonic() + 60
    while (task := call(sandbox, vendor, "GET", f"/{job_id}").json())["status"] != "succeeded":
        assert "content" not in task
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert set(task["content"]) == {"video_url", "last_frame_url"}
    assert task["usage"]["total_tokens"] == task["usage"]["completion_tokens"] == 97 * 864 * 496 // 1024
    assert (task["duration"], task["ratio"], task["safety_identifier"]) == (4, "16:9", "u1")


@EITHER
def test_what_may_not_run_yet_waits_as_queued(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=1000, queue_share=0.0, jobs_per_key=1, media="stub")) as sandbox:
        first, second = buy(sandbox, vendor), buy(sandbox, vendor)
        states = [call(sandbox, vendor, "GET", f"/{job_id}").json()["status"] for job_id in (first, second)]
        assert states == ["running", "queued"]
        sandbox.settings.jobs_per_key = 0
        for _ in range(118):
            buy(sandbox, vendor)
        full = call(sandbox, vendor, "POST", json=body(vendor))
        assert code_of(full) == (429, "QuotaExceeded")
        assert "has exceeded the quota" in full.json()["error"]["message"]


@EITHER
def test_the_list_comes_in_pages_and_fails_as_it_is_told_to(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=1000, media="stub")) as sandbox:
        bought = [buy(sandbox, vendor, safety_identifier=f"u{number}") for number in range(5)]

        def pages(size: int) -> list[str]:
            answers = [
                call(sandbox, vendor, "GET", params={"page_num": number, "page_size": size}).json()
                for number in range(1, 5 // size + 2)
            ]
            assert {answer["total"] for answer in answers} == {5}
            return [task["id"] for answer in answers for task in answer["items"]]

        assert pages(5) == pages(2) == bought[::-1]
        sandbox.settings.list_order = "oldest"
        assert pages(5) == bought
        sandbox.settings.list_pages = "repeating"
        assert pages(2) == [bought[place] for place in (0, 1, 1, 2, 3, 4)]
        sandbox.settings.list_pages = "skipping"
        assert pages(2) == [bought[place] for place in (0, 1, 3, 4)]
        sandbox.settings.list_late_seconds = 3600
        assert call(sandbox, vendor, "GET").json() == {"items": [], "total": 0}
        assert code_of(call(sandbox, vendor, "GET", params={"page_size": 501})) == (400, "InvalidParameter")


@EITHER
def test_delete_cancels_what_is_queued_and_erases_what_has_ended(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=1000, queue_share=0.5, media="stub")) as sandbox:
        queued, other = buy(sandbox, vendor), buy(sandbox, vendor)
        assert call(sandbox, vendor, "DELETE", f"/{queued}").json() == {}
        assert call(sandbox, vendor, "GET", f"/{queued}").json()["status"] == "cancelled"
        sandbox.job(other).starts = time.monotonic()
        assert code_of(call(sandbox, vendor, "DELETE", f"/{other}"))[0] == 403
        sandbox.job(other).ends = time.monotonic()
        assert call(sandbox, vendor, "DELETE", f"/{other}").json() == {}
        assert code_of(call(sandbox, vendor, "GET", f"/{other}")) == (404, "NotFound.Task")
        sandbox.faults.add(Fault(kind="reset", step="list"))
        with pytest.raises(httpx.HTTPError):
            call(sandbox, vendor, "GET")
