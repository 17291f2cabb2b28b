"""What each vendor's document forbids is refused in that vendor's own words, and costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from longtake.sandbox.app import Sandbox
from tests.sandbox.conftest import PATHS, Speaker, refusal_words, text_body

IMAGE = "http://127.0.0.1:1/a.png"
VIDEO = "http://127.0.0.1:1/a.mp4"
SOUND = "http://127.0.0.1:1/a.wav"
STANDARD = "dreamina-seedance-2-0-260128"


def media(*items: tuple[str, str]) -> dict[str, Any]:
    return {"media": [{"type": kind, "text" if kind == "text" else "url": value} for kind, value in items]}


def content(*items: tuple[str, str | None, str]) -> dict[str, Any]:
    return {
        "content": [
            {"type": kind, kind: {"url": value}} | ({"role": role} if role else {}) for kind, role, value in items
        ]
    }


def image(role: str | None = None) -> tuple[str, str | None, str]:
    return ("image_url", role, IMAGE)


POWERTOKENS: list[tuple[dict[str, Any], str]] = [
    ({"model": "seedance-2.0-mini"}, "model"),
    ({"model": None}, "model"),
    ({"media": None}, "media"),
    ({"media": []}, "media"),
    ({"media": [{"type": "text"}]}, "text items need text"),
    ({"media": [{"type": "text", "text": ""}]}, "media.0.text"),
    ({"media": [{"type": "picture", "url": IMAGE}]}, "media.0.type"),
    ({"media": [{"type": "reference_image"}]}, "needs a url"),
    ({"media": [{"type": "reference_image", "url": IMAGE, "role": "x"}]}, "media.0.role"),
    ({"seconds": 5}, "seconds"),
    ({"seconds": "3"}, "seconds"),
    ({"seconds": "16"}, "seconds"),
    ({"size": "1080p"}, "1080p is not supported"),
    ({"size": "1080p", "model": "dreamina-seedance-2-0-fast-260128"}, "1080p is not supported"),
    ({"size": "4k", "model": STANDARD}, "size"),
    ({"ratio": "2:1"}, "ratio"),
    ({"seed": -2}, "seed"),
    ({"seed": 4294967296}, "seed"),
    ({"seed": "1"}, "seed"),
    ({"watermark": "yes"}, "watermark"),
    ({"generate_audio": 1}, "generate_audio"),
    ({"safety_identifier": "x" * 65}, "safety_identifier"),
    ({"duration": 5}, "duration"),
    (media(("last_frame", IMAGE)), "last_frame needs a first_frame"),
    (media(("first_frame", IMAGE), ("first_frame", IMAGE)), "at most one first_frame"),
    (media(("first_frame", IMAGE), ("reference_image", IMAGE)), "cannot be mixed"),
    (media(("first_frame", IMAGE), ("reference_audio", SOUND)), "cannot be mixed"),
    (media(("text", "x"), ("reference_audio", SOUND)), "needs an image or a video"),
    (media(*[("reference_image", IMAGE)] * 10), "at most 9"),
    (media(*[("reference_video", VIDEO)] * 4), "at most 3 reference videos"),
    (media(("reference_image", IMAGE), *[("reference_audio", SOUND)] * 4), "at most 3 reference audios"),
    (media(("reference_video", "data:video/mp4;base64,AAAA")), "data address is not accepted"),
    (media(("reference_image", "/tmp/a.png")), "address is not accepted"),
]

ANYFAST: list[tuple[dict[str, Any], str]] = [
    ({"model": "seedance-9"}, "model"),
    ({"content": None}, "content"),
    ({"content": []}, "content"),
    ({"content": [{"type": "text"}]}, "need text"),
    ({"content": [{"type": "image_url"}]}, "need image_url"),
    ({"content": [{"type": "image_url", "image_url": IMAGE}]}, "content.0.image_url"),
    ({"content": [{"type": "image_url", "image_url": {"url": IMAGE}, "text": "x"}]}, "hold nothing else"),
    (content(("image_url", "reference_video", IMAGE)), "cannot be a reference_video"),
    (content(("video_url", "first_frame", VIDEO)), "cannot be a first_frame"),
    ({"duration": "5"}, "duration"),
    ({"duration": 3}, "duration"),
    ({"duration": 16}, "duration"),
    ({"duration": -1}, "duration"),
    ({"resolution": "1080p"}, "1080p is not supported by seedance-2.0-mini"),
    ({"resolution": "1080p", "model": "seedance-fast"}, "1080p is not supported"),
    ({"resolution": "480p", "model": "seedance-2.0-ultra"}, "480p is not supported"),
    ({"resolution": None, "model": "seedance-2.0-ultra"}, "required"),
    ({"ratio": "2:1"}, "ratio"),
    ({"watermark": 1}, "watermark"),
    ({"seed": 3}, "seed"),
    ({"return_last_frame": True}, "return_last_frame"),
    ({"tools": [{"type": "calculator"}]}, "tools.0.type"),
    (content(image("reference_image")) | {"tools": [{"type": "web_search"}]}, "text-to-video only"),
    (content(image("last_frame")), "last_frame needs"),
    (content(image("first_frame"), image("reference_image")), "cannot be mixed"),
    (content(("audio_url", "reference_audio", SOUND)), "needs an image or a video"),
    (content(*[image("reference_image")] * 10), "at most 9"),
    (content(*[("video_url", "reference_video", VIDEO)] * 4), "at most 3 reference videos"),
    (content(("video_url", "reference_video", "data:video/mp4;base64,AAAA")), "data address"),
]

I2V = "seedance-2.0-fast-image-to-video"
R2V = "seedance-2.0-reference-to-video"
EVOLINK: list[tuple[dict[str, Any], str]] = [
    ({"model": "seedance-2.0"}, "model"),
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "词" * 10_001}, "10000 tokens"),
    ({"prompt": "a " * 10_001}, "10000 tokens"),
    ({"duration": "5"}, "duration"),
    ({"duration": 3}, "duration"),
    ({"duration": 16}, "duration"),
    ({"duration": -1}, "duration"),
    ({"quality": "2k"}, "quality"),
    ({"quality": "1080p"}, "1080p is not supported by mini"),
    ({"quality": "1080p", "model": "seedance-2.0-fast-text-to-video"}, "1080p is not supported by fast"),
    ({"aspect_ratio": "2:1"}, "aspect_ratio"),
    ({"generate_audio": "no"}, "generate_audio"),
    ({"content_filter": 0}, "content_filter"),
    ({"seed": 1}, "seed"),
    ({"watermark": False}, "watermark"),
    ({"return_last_frame": True}, "return_last_frame"),
    ({"safety_identifier": "u"}, "safety_identifier"),
    ({"model_params": {"web_search": True}}, "model_params"),
    ({"model_params": {"web_search": True}, "model": R2V}, "model_params"),
    ({"model_params": {"depth": 1}, "model": "seedance-2.0-text-to-video"}, "model_params.depth"),
    ({"image_urls": [IMAGE]}, "takes no media"),
    ({"video_urls": [VIDEO]}, "takes no media"),
    ({"model": I2V}, "1 or 2 images"),
    ({"model": I2V, "image_urls": [IMAGE] * 3}, "1 or 2 images"),
    ({"model": I2V, "image_urls": [IMAGE], "video_urls": [VIDEO]}, "no videos"),
    ({"model": R2V, "image_urls": [IMAGE] * 10}, "image_urls"),
    ({"model": R2V, "video_urls": [VIDEO] * 4}, "video_urls"),
    ({"model": R2V, "image_urls": [IMAGE], "audio_urls": [SOUND] * 4}, "audio_urls"),
    ({"model": R2V, "audio_urls": [SOUND]}, "audio alone"),
    ({"model": R2V, "image_urls": IMAGE}, "image_urls"),
    ({"model": R2V, "image_urls": ["data:image/png;base64,AAAA"]}, "data address"),
    ({"model": R2V, "video_urls": ["asset://asset-sandbox-1"]}, "asset address"),
    ({"callback_url": "http://example.com/done"}, "HTTPS only"),
    ({"callback_url": "https://127.0.0.1/done"}, "internal"),
    ({"callback_url": "https://10.1.2.3/done"}, "internal"),
    ({"callback_url": "https://192.168.1.1/done"}, "internal"),
    ({"callback_url": "https://localhost/done"}, "internal"),
    ({"callback_url": "https://example.com/" + "x" * 2048}, "callback_url"),
]

ASSET = "asset://asset-sandbox-1"
HTTPS = "https://127.0.0.1:1/a.png"
FULL = {"model": "sd2_mx_720p", "resolution": None, "duration": 4}
MD = {"model": "seedance2.0-md", "resolution": "720p"}
FAST_I2V = {"model": "seedance2.0-fast-i2v", "resolution": "720p"}
STD = {"model": "seedance2.0-std", "resolution": "720p"}
JIMMYAI: list[tuple[dict[str, Any], str]] = [
    ({"model": "seedance-2.0-mini"}, "model"),
    ({"model": None}, "model"),
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"duration": None}, "duration: required"),
    ({"duration": "5"}, "duration"),
    ({"duration": 3}, "duration"),
    ({"duration": 16}, "duration"),
    ({"resolution": "1080p"}, "resolution"),
    ({"ratio": "2:1"}, "ratio"),
    ({"ratio": "adaptive"}, "ratio"),
    ({"seed": 1}, "seed"),
    ({"generate_audio": False}, "generate_audio"),
    ({"orientation": "square"}, "orientation"),
    ({"images": [HTTPS], "first_image": HTTPS}, "cannot be used together"),
    ({"images": [HTTPS], "last_image": HTTPS}, "cannot be used together"),
    ({"reference_audios": [HTTPS]}, "cannot be used alone"),
    ({"images": [HTTPS] * 10}, "at most 9"),
    ({"reference_videos": [HTTPS] * 4}, "at most 3"),
    ({"images": ["http://example.com/a.png"]}, "https:// addresses only"),
    ({"images": [ASSET]}, "asset address"),
    ({"images": ["data:image/png;base64,AAAA"]}, "data address"),
    ({**FULL, "duration": 13}, "duration"),
    ({**FULL, "resolution": "1080p"}, "resolution"),
    ({**FULL, "images": [HTTPS]}, "http address"),
    ({**FULL, "reference_audios": [HTTPS], "images": [ASSET]}, "http address"),
    ({**FULL, "reference_videos": [ASSET]}, "at most 0"),
    ({**FULL, "model": "sd2_mx_fast_1080p", "reference_videos": [ASSET]}, "at most 0"),
    ({**FULL, "model": "sd2_mx_fast_4k"}, "model"),
    ({**MD, "resolution": "1080p"}, "resolution"),
    ({**MD, "ratio": "4:3"}, "ratio"),
    ({**MD, "duration": 0}, "duration"),
    ({**MD, "prompt": "x" * 5001}, "5000 characters"),
    ({**MD, "images": [HTTPS] * 5}, "at most 4"),
    ({**MD, "first_image": HTTPS}, "needs both"),
    ({**MD, "images": [HTTPS], "reference_audios": [HTTPS]}, "at most 0"),
    ({**MD, "reference_videos": [HTTPS] * 4}, "at most 3"),
    ({**FAST_I2V, "images": [HTTPS], "reference_videos": [HTTPS]}, "at most 0"),
    ({**FAST_I2V, "images": [HTTPS], "reference_audios": [HTTPS]}, "at most 0"),
    ({**FAST_I2V, "images": [HTTPS] * 10}, "at most 9"),
    ({**STD, "images": [HTTPS] * 10}, "at most 9"),
    ({**STD, "images": [HTTPS], "reference_audios": [HTTPS] * 4}, "at most 3"),
    ({**STD, "first_image": HTTPS, "reference_audios": [HTTPS]}, "not in frame mode"),
    ({**STD, "duration": 3}, "duration"),
    ({**STD, "resolution": "480p"}, "resolution"),
]

CASES = [
    (vendor, changes, words)
    for vendor, cases in (
        ("powertokens", POWERTOKENS),
        ("anyfast", ANYFAST),
        ("evolink", EVOLINK),
        ("jimmyai", JIMMYAI),
    )
    for changes, words in cases
]


@pytest.mark.parametrize(("vendor", "changes", "words"), CASES)
def test_a_broken_rule_is_refused_and_not_billed(
    shared: Speaker, vendor: str, changes: dict[str, Any], words: str
) -> None:
    billed = shared.sandbox.bill.count()
    body = {key: value for key, value in {**text_body(vendor), **changes}.items() if value is not None}
    response = shared.submit(vendor, body)
    assert words in refusal_words(vendor, response)
    if vendor != "jimmyai":
        assert response.status_code == 400
    assert shared.sandbox.bill.count() == billed


def test_the_bases_of_these_cases_are_themselves_accepted(shared: Speaker) -> None:
    for vendor in ("powertokens", "anyfast", "evolink", "jimmyai"):
        shared.buy(vendor)
    for base in (FULL, MD, FAST_I2V, STD):
        body = {key: value for key, value in {**text_body("jimmyai"), **base}.items() if value is not None}
        shared.buy("jimmyai", body)


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast", "evolink", "jimmyai"])
@pytest.mark.parametrize("key", ["", "Bearer", "Bearer wrong", "Bearer xsandbox-{}-key", "Basic sandbox-{}-key"])
def test_a_wrong_key_is_refused_at_every_step(shared: Speaker, vendor: str, key: str) -> None:
    headers = {"Authorization": key.format(vendor)} if key else {}
    base = shared.sandbox.base_url(vendor)
    job_id = shared.buy(vendor)
    submit_path, look_path = PATHS[vendor]
    look = shared.http.get(base + look_path.format(job_id), headers=headers)
    submit = shared.http.post(base + submit_path, json=text_body(vendor), headers=headers)
    for response in (look, submit):
        assert refusal_words(vendor, response)
        if vendor == "jimmyai":
            assert response.json()["code"] == "20001"
        else:
            assert response.status_code == 401


def test_one_vendors_key_does_not_open_another(shared: Speaker) -> None:
    response = shared.http.post(
        shared.sandbox.base_url("evolink") + "/v1/videos/generations",
        json=text_body("evolink"),
        headers=shared.headers("anyfast"),
    )
    assert response.json() == {
        "error": {"code": "unauthorized", "message": "Invalid or expired token", "type": "authentication_error"}
    }


def test_powertokens_also_takes_the_bare_key(shared: Speaker) -> None:
    response = shared.http.post(
        shared.sandbox.base_url("powertokens") + "/v1/videos",
        json=text_body("powertokens"),
        headers={"Authorization": shared.sandbox.api_key("powertokens")},
    )
    assert response.status_code == 200


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast", "evolink", "jimmyai"])
def test_an_unknown_job_and_another_accounts_job_are_both_not_found(shared: Speaker, vendor: str) -> None:
    expected = {
        "powertokens": (400, "task_not_exist"),
        "anyfast": (400, "task_not_exist"),
        "evolink": (404, "does not exist"),
        "jimmyai": (200, "does not exist"),
    }[vendor]
    for response in (shared.look(vendor, "task_nobody"), shared.look(vendor, shared.buy(vendor), account="other")):
        assert response.status_code == expected[0]
        assert expected[1] in refusal_words(vendor, response)


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast", "evolink", "jimmyai"])
@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"text"'])
def test_a_body_that_is_no_json_object_is_refused(shared: Speaker, vendor: str, raw: bytes) -> None:
    url = shared.sandbox.base_url(vendor) + PATHS[vendor][0]
    response = shared.http.post(url, content=raw, headers=shared.headers(vendor))
    assert "not a JSON object" in refusal_words(vendor, response)


def test_a_body_over_64_mb_is_too_large(sandbox: Sandbox, speak: Speaker) -> None:
    body = text_body("evolink", prompt="x" * (64 * 1024 * 1024))
    response = speak.submit("evolink", body)
    assert response.status_code == 413
    assert refusal_words("evolink", response)
    assert sandbox.bill.count() == 0
