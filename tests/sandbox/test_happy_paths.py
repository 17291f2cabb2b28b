"""Every documented model, from its body to its clip, over HTTP."""

from __future__ import annotations

import io
import time
from typing import Any

import av
import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.clips import framecode
from longtake.sandbox.vendors.prices import PRICES
from tests.sandbox.conftest import MediaShop, Speaker, text_body

EVOLINK_TIERS = ("", "fast-", "mini-")
VENDORS = ("powertokens", "anyfast", "evolink", "jimmyai")


def powertokens(model: str, *items: tuple[str, str], **more: Any) -> dict[str, Any]:
    media = [{"type": kind, "text" if kind == "text" else "url": value} for kind, value in items]
    return {"model": model, "media": media, **more}


def anyfast(model: str, *items: tuple[str, str], **more: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for role, value in items:
        if role == "text":
            content.append({"type": "text", "text": value})
            continue
        kind = {"reference_video": "video_url", "reference_audio": "audio_url"}.get(role, "image_url")
        content.append({"type": kind, kind: {"url": value}, "role": role})
    return {"model": model, "content": content, **more}


def modes(shop: MediaShop) -> list[tuple[tuple[str, str], ...]]:
    text = ("text", "a cat")
    return [
        (text,),
        (text, ("first_frame", shop.image())),
        (("first_frame", shop.image()),),
        (text, ("first_frame", shop.image()), ("last_frame", shop.image(480, 640))),
        (text, ("reference_image", shop.image(kind="jpeg")), ("reference_image", shop.image(kind="webp"))),
        (text, ("reference_video", shop.video()), ("reference_audio", shop.wav()), ("reference_audio", shop.mp3())),
        (("reference_video", shop.video()), ("reference_video", shop.video()), ("reference_image", shop.image())),
    ]


@pytest.mark.parametrize("model", PRICES["powertokens"])
def test_powertokens_takes_every_mode_of_every_model(shared: Speaker, shop: MediaShop, model: str) -> None:
    for items in modes(shop):
        job_id = shared.buy("powertokens", powertokens(model, *items, seconds="13", size="480p"))
        assert job_id.startswith("task_")
        assert shared.finish("powertokens", job_id).word == "succeeded"
        assert shared.sandbox.job(job_id).seconds == 13


def test_powertokens_documented_example_is_taken_word_for_word(shared: Speaker, shop: MediaShop) -> None:
    body = powertokens(
        "dreamina-seedance-2-0-mini-260615",
        ("text", "补充的提示词"),
        ("reference_image", shop.image()),
        ("reference_video", shop.video()),
        ("reference_audio", shop.mp3()),
        seconds="-1",
        size="720p",
        ratio="16:9",
        generate_audio=False,
        return_last_frame=False,
        safety_identifier="user_123",
        seed=4294967295,
        watermark=True,
    )
    job = shared.sandbox.job(shared.buy("powertokens", body))
    assert 4 <= job.seconds <= 15
    assert (job.width, job.height) == (1280, 720)


@pytest.mark.parametrize("model", PRICES["anyfast"])
def test_anyfast_takes_every_mode_of_every_model(shared: Speaker, shop: MediaShop, model: str) -> None:
    for items in modes(shop):
        job_id = shared.buy("anyfast", anyfast(model, *items, duration=4, resolution="720p"))
        assert job_id.startswith("cgt-")
        assert shared.finish("anyfast", job_id).word == "SUCCESS/succeeded"
    searched = anyfast(model, ("text", "news"), resolution="720p", tools=[{"type": "web_search"}], watermark=True)
    assert shared.sandbox.job(shared.buy("anyfast", searched)).order.web_search


@pytest.mark.parametrize("tier", EVOLINK_TIERS)
def test_evolink_takes_each_of_its_nine_models(shared: Speaker, shop: MediaShop, tier: str) -> None:
    common = {
        "prompt": "视频1延长",
        "duration": 4,
        "quality": "480p",
        "aspect_ratio": "adaptive",
        "content_filter": False,
    }
    bodies = [
        {"model": f"seedance-2.0-{tier}text-to-video", **common},
        {"model": f"seedance-2.0-{tier}image-to-video", **common, "image_urls": [shop.image()]},
        {"model": f"seedance-2.0-{tier}image-to-video", **common, "image_urls": [shop.image(), shop.image(480, 640)]},
        {
            "model": f"seedance-2.0-{tier}reference-to-video",
            **common,
            "image_urls": [shop.image()] * 9,
            "video_urls": [shop.video()] * 3,
            "audio_urls": [shop.wav()] * 3,
        },
    ]
    for body in bodies:
        job_id = shared.buy("evolink", body)
        assert job_id.startswith("task-unified-")
        assert shared.finish("evolink", job_id).word == "completed"


@pytest.mark.parametrize("model", [model for model in PRICES["jimmyai"] if not model.startswith("sd2_mx_")])
def test_jimmyai_takes_every_route(shared: Speaker, shop: MediaShop, model: str) -> None:
    body: dict[str, Any] = {"model": model, "prompt": "a cat", "duration": 5, "ratio": "9:16"}
    job = shared.sandbox.job(shared.buy("jimmyai", body))
    assert (job.width, job.height) == (720, 1280)
    assert shared.finish("jimmyai", job.job_id).word == "completed"
    shared.buy("jimmyai", {**body, "images": [shop.image()] * 4})
    shared.buy("jimmyai", {**body, "first_image": shop.image(), "last_image": shop.image()})
    if model != "seedance2.0-fast-i2v":
        video = shop.video(1280, 720) if model.endswith("md") else shop.video()
        shared.buy("jimmyai", {**body, "reference_videos": [video] * 3})


@pytest.mark.parametrize("model", [model for model in PRICES["jimmyai"] if model.startswith("sd2_mx_")])
def test_jimmyai_full_models_take_audited_assets(shared: Speaker, model: str) -> None:
    body: dict[str, Any] = {
        "model": model,
        "prompt": "a cat",
        "images": ["asset://asset-sandbox-1"],
        "ratio": "Adaptive",
    }
    body["reference_audios"] = ["asset://asset-sandbox-2"]
    if "video" in model:
        body["reference_videos"] = ["asset://asset-sandbox-3"]
    job = shared.sandbox.job(shared.buy("jimmyai", body))
    assert job.order.resolution == model.rpartition("_")[2]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_job_passes_through_the_documented_words(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=1000, queue_share=0.5, media="stub")) as sandbox:
        speak = Speaker(sandbox)
        job_id = speak.buy(vendor)
        job, words = sandbox.job(job_id), [speak.answer(vendor, job_id).word]
        for moment in ("starts", "ends"):
            setattr(job, moment, time.monotonic())
            words.append(speak.answer(vendor, job_id).word)
    expected = {
        "powertokens": ["queued", "running", "succeeded"],
        "anyfast": ["QUEUED/queued", "IN_PROGRESS/running", "SUCCESS/succeeded"],
        "evolink": ["pending", "processing", "completed"],
        "jimmyai": ["queued", "processing", "completed"],
    }
    assert words == expected[vendor]


def test_first_answers_hold_the_documented_words_and_fields(shared: Speaker) -> None:
    answers = {vendor: shared.submit(vendor, text_body(vendor)).json() for vendor in VENDORS}
    assert set(answers["powertokens"]) == {"id", "task_id", "object", "model", "status", "progress", "created_at"}
    assert (answers["powertokens"]["status"], answers["powertokens"]["object"]) == ("pending", "video")
    assert (answers["anyfast"]["status"], answers["anyfast"]["progress"]) == ("", 0)
    assert answers["anyfast"]["id"] == answers["anyfast"]["task_id"]
    assert (answers["evolink"]["status"], answers["evolink"]["type"]) == ("pending", "video")
    assert answers["evolink"]["task_info"]["video_duration"] == 4
    assert answers["evolink"]["usage"]["credits_reserved"] > 0
    assert answers["jimmyai"]["data"]["status"] == "queued"


def test_anyfast_success_holds_its_link_in_three_places_and_counts_tokens(shared: Speaker) -> None:
    body = text_body("anyfast", duration=5, resolution="720p")
    job_id = shared.buy("anyfast", body)
    shared.finish("anyfast", job_id)
    envelope = shared.look("anyfast", job_id).json()
    assert envelope["code"] == "success"
    data = envelope["data"]
    assert data["result_url"] == data["fail_reason"] == data["data"]["content"]["video_url"]
    assert data["progress"] == "100%"
    assert data["data"]["usage"]["total_tokens"] == 108_900


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_clip_behind_the_link_is_the_jobs_own(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=0.05)) as sandbox:
        speak = Speaker(sandbox)
        job_id = speak.buy(vendor)
        clip = speak.http.get(speak.finish(vendor, job_id).video_url).content
        assert clip == sandbox.job(job_id).clip_bytes
        with av.open(io.BytesIO(clip)) as container:
            stream = container.streams.video[0]
            seen = [framecode.read(frame.to_ndarray()[: stream.height]) for frame in container.decode(stream)]
        assert seen == [(sandbox.job(job_id).number, index) for index in range(97)]


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast"])
def test_a_last_frame_is_returned_only_where_it_was_asked_for(shared: Speaker, vendor: str) -> None:
    body = text_body(vendor, return_last_frame=True)
    if vendor == "anyfast":
        body["model"] = "seedance-fast"
    asked = shared.finish(vendor, shared.buy(vendor, body))
    assert shared.http.get(asked.last_frame_url).content.startswith(b"\x89PNG")
    assert not shared.finish(vendor, shared.buy(vendor)).last_frame_url


def test_a_vendor_offers_no_route_that_its_documents_lack(shared: Speaker) -> None:
    for vendor in VENDORS:
        base, headers = shared.sandbox.base_url(vendor), shared.headers(vendor)
        for path in ("/v1/videos", "/v1/tasks", "/v1/video/generations", "/bill", "/api/open-api/v1/videos"):
            assert shared.http.get(base + path, headers=headers).status_code in (404, 405)
        job_id = shared.buy(vendor)
        path = {"evolink": "/v1/tasks/", "jimmyai": "/api/open-api/v1/videos/"}.get(vendor, "/v1/videos/")
        assert shared.http.delete(base + path + job_id, headers=headers).status_code in (404, 405)


def test_silent_clips_where_sound_is_switched_off(shared: Speaker) -> None:
    for vendor in ("powertokens", "anyfast", "evolink"):
        job_id = shared.buy(vendor, text_body(vendor, generate_audio=False))
        with av.open(str(shared.sandbox.job(job_id).clip_path)) as container:
            assert not container.streams.audio
