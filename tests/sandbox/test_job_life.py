"""Jobs in time: their life, the limit of jobs per key, and what is remembered of how many ran at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.sandbox.conftest import LONG_SECONDS, Speaker, refusal_words, text_body

VENDORS = ("powertokens", "anyfast", "evolink", "jimmyai")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_job_over_the_limit_of_its_key_is_refused_until_one_ends(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=LONG_SECONDS, jobs_per_key=2, media="stub")) as sandbox:
        speak = Speaker(sandbox)
        first = speak.buy(vendor)
        speak.buy(vendor)
        response = speak.submit(vendor, text_body(vendor))
        assert refusal_words(vendor, response)
        if vendor == "jimmyai":
            assert response.json()["code"] == -1
            assert "rate limit" in response.json()["msg"]
        else:
            assert response.status_code == 429
        assert sandbox.bill.count() == 2
        speak.job_id(vendor, speak.submit(vendor, text_body(vendor), account="other"))
        speak.end(first)
        speak.buy(vendor)
        assert sandbox.peak_in_flight(vendor) == 3


def test_many_submits_at_once_never_pass_the_limit() -> None:
    with Sandbox(SandboxSettings(job_seconds=LONG_SECONDS, jobs_per_key=5, media="stub")) as sandbox:
        speak = Speaker(sandbox)
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(speak.submit("evolink", text_body("evolink")).status_code))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] * 5 + [429] * 15
        assert sandbox.peak_in_flight("evolink") == sandbox.bill.count() == 5


def test_history_tells_when_how_many_jobs_were_in_flight() -> None:
    with Sandbox(SandboxSettings(job_seconds=LONG_SECONDS, media="stub")) as sandbox:
        speak = Speaker(sandbox)
        began = time.monotonic()
        for job_id in [speak.buy("evolink") for _ in range(3)]:
            speak.end(job_id)
        history = sandbox.in_flight_history("evolink")
        assert [count for _, count in history] == [1, 2, 3, 2, 1, 0]
        assert all(began <= at <= time.monotonic() for at, _ in history)
        assert sandbox.in_flight_history("anyfast") == []


def test_a_range_of_lives_is_drawn_from() -> None:
    with Sandbox(SandboxSettings(job_seconds=(5, 10), media="stub")) as sandbox:
        speak = Speaker(sandbox)
        jobs = [sandbox.job(speak.buy("anyfast")) for _ in range(5)]
        lives = [job.ends - job.begins for job in jobs]
        assert all(5 <= life <= 10 for life in lives)
        assert len(set(lives)) == 5


def test_jobs_are_numbered_over_all_vendors_and_found_by_id(shared: Speaker) -> None:
    jobs = [shared.sandbox.job(shared.buy(vendor)) for vendor in VENDORS]
    numbers = [job.number for job in jobs]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert jobs[0] in shared.sandbox.jobs("powertokens")
    with pytest.raises(LookupError, match="no job"):
        shared.sandbox.job("task_nobody")


def test_numbered_by_content_equal_orders_make_equal_clips_in_any_order_of_arrival() -> None:
    clips: list[dict[str, bytes]] = []
    for prompts in (("a", "b"), ("b", "a")):
        with Sandbox(SandboxSettings(job_seconds=0.01, numbering="content")) as sandbox:
            speak = Speaker(sandbox)
            made: dict[str, bytes] = {}
            for prompt in prompts:
                first = speak.buy("evolink", text_body("evolink", prompt))
                link = speak.finish("evolink", first).video_url
                more = {"model": "seedance-2.0-mini-reference-to-video", "video_urls": [link]}
                second = speak.buy("evolink", text_body("evolink", prompt, **more))
                made |= {prompt: sandbox.job(first).clip_bytes, f"{prompt}2": sandbox.job(second).clip_bytes}
            clips.append(made)
    assert clips[0] == clips[1]
    assert len(set(clips[0].values())) == 4


def test_a_stopped_sandbox_no_longer_answers_and_another_takes_its_port() -> None:
    first = Sandbox()
    first.start()
    url = first.url
    assert httpx.get(f"{url}/_sandbox/bill").status_code == 200
    first.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_sandbox/bill")
    with Sandbox(SandboxSettings(port=int(url.rpartition(":")[2]))) as second:
        assert second.url == url


def test_clips_are_rendered_beside_the_desk_not_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    may_render, links_asked = threading.Event(), 8

    def patient(path: Path, **facts: Any) -> None:
        may_render.wait(120)
        path.write_bytes(b"a clip")

    monkeypatch.setattr("longtake.sandbox.clips.shelf.render_clip", patient)
    with Sandbox(SandboxSettings(job_seconds=0.01, jobs_per_key=None)) as sandbox:
        speak = Speaker(sandbox)
        links = [speak.finish("evolink", speak.buy("evolink")).video_url for _ in range(links_asked)]
        with ThreadPoolExecutor(links_asked) as pool:
            downloads = [pool.submit(httpx.get, link, timeout=120) for link in links]
            for _ in range(5):
                speak.finish("anyfast", speak.buy("anyfast"))
            assert not any(download.done() for download in downloads)
            may_render.set()
            assert all(download.result().status_code == 200 for download in downloads)
