"""References are fetched, measured and held against each vendor's limits; what was received is kept by hash."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import av
import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.clips import framecode
from tests.sandbox.conftest import MediaShop, Speaker, refusal_words

VENDORS = ("powertokens", "anyfast", "evolink", "jimmyai")


def body(
    vendor: str,
    images: tuple[str, ...] = (),
    videos: tuple[str, ...] = (),
    audios: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """A multimodal body of each vendor, four seconds at 480p unless `more` says otherwise."""
    if vendor == "powertokens":
        kinds = (("reference_image", images), ("reference_video", videos), ("reference_audio", audios))
        items = [{"type": kind, "url": url} for kind, urls in kinds for url in urls]
        filled: dict[str, Any] = {"model": "dreamina-seedance-2-0-mini-260615", "media": items, "size": "480p"}
        return {**filled, "seconds": "4", **more}
    if vendor == "anyfast":
        kinds = (("image", images), ("video", videos), ("audio", audios))
        content = [
            {"type": f"{kind}_url", f"{kind}_url": {"url": url}, "role": f"reference_{kind}"}
            for kind, urls in kinds
            for url in urls
        ]
        return {"model": "seedance-2.0-mini", "content": content, "resolution": "480p", "duration": 4, **more}
    if vendor == "evolink":
        media = {"image_urls": list(images), "video_urls": list(videos), "audio_urls": list(audios)}
        model = "seedance-2.0-mini-reference-to-video"
        return {"model": model, "prompt": "a cat", **media, "quality": "480p", "duration": 4, **more}
    media = {"images": list(images), "reference_videos": list(videos), "reference_audios": list(audios)}
    return {
        "model": "seedance2.0-mini-sp",
        "prompt": "a cat",
        **media,
        "resolution": "480p",
        "duration": 4,
        **more,
    }


def refusal(speak: Speaker, vendor: str, order: dict[str, Any]) -> str:
    billed = speak.sandbox.bill.count()
    words = refusal_words(vendor, speak.submit(vendor, order))
    assert speak.sandbox.bill.count() == billed
    return words


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_cannot_be_fetched_is_refused(shared: Speaker, shop: MediaShop, vendor: str) -> None:
    assert "HTTP 404" in refusal(shared, vendor, body(vendor, images=(shop.url("missing.png"),)))
    assert "could not be fetched" in refusal(shared, vendor, body(vendor, videos=("http://127.0.0.1:1/a.mp4",)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_not_of_its_kind_is_refused(shared: Speaker, shop: MediaShop, vendor: str) -> None:
    page = shop.put("page.html", b"<html>not found</html>")
    for order in (
        body(vendor, images=(page,)),
        body(vendor, videos=(page,)),
        body(vendor, images=(shop.image(),), audios=(page,)),
        body(vendor, images=(shop.video(),)),
        body(vendor, videos=(shop.image(),)),
        body(vendor, videos=(shop.wav(),)),
    ):
        assert "not a readable" in refusal(shared, vendor, order) or "not supported" in refusal(shared, vendor, order)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((299, 400), "width"),
        ((400, 299), "height"),
        ((6001, 4000), "width"),
        ((300, 760), "aspect"),
        ((1000, 390), "aspect"),
    ],
)
def test_a_picture_outside_the_limits_is_refused(
    shared: Speaker, shop: MediaShop, vendor: str, size: tuple[int, int], words: str
) -> None:
    assert words in refusal(shared, vendor, body(vendor, images=(shop.image(*size),)))


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("size", [(300, 300), (300, 750), (1000, 400), (6000, 3000)])
def test_a_picture_on_the_limit_is_taken(shared: Speaker, shop: MediaShop, vendor: str, size: tuple[int, int]) -> None:
    shared.buy(vendor, body(vendor, images=(shop.image(*size),)))


def test_evolink_takes_fewer_picture_formats_than_the_others(shared: Speaker, shop: MediaShop) -> None:
    for kind in ("gif", "bmp", "tiff"):
        assert "not supported" in refusal(shared, "evolink", body("evolink", images=(shop.image(kind=kind),)))
        shared.buy("anyfast", body("anyfast", images=(shop.image(kind=kind),)))


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"frames": 47}, "length"),
        ({"frames": 361}, "length"),
        ({"frames": 60, "fps": 20}, "frame rate"),
        ({"frames": 140, "fps": 61}, "frame rate"),
        ({"width": 640, "height": 480}, "width x height"),
        ({"width": 1400, "height": 500}, "aspect"),
    ],
)
def test_a_video_outside_the_limits_is_refused(
    shared: Speaker, shop: MediaShop, vendor: str, facts: dict[str, int], words: str
) -> None:
    assert words in refusal(shared, vendor, body(vendor, videos=(shop.video(**facts),)))


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("facts", [{"frames": 48}, {"frames": 360}, {"frames": 150, "fps": 60}])
def test_a_video_on_the_limit_is_taken(shared: Speaker, shop: MediaShop, vendor: str, facts: dict[str, int]) -> None:
    shared.buy(vendor, body(vendor, videos=(shop.video(**facts),)))


def test_pixel_bounds_of_reference_videos_differ_by_vendor(shared: Speaker, shop: MediaShop) -> None:
    floor, large = shop.video(640, 640), shop.video(1920, 1080, 48)
    for vendor in VENDORS:
        shared.buy(vendor, body(vendor, videos=(floor,)))
    for vendor in VENDORS:
        shared.buy(vendor, body(vendor, videos=(large,)))
    wide = shop.video(2208, 960, 48)
    assert "width x height" in refusal(shared, "evolink", body("evolink", videos=(wide,)))
    shared.buy("powertokens", body("powertokens", videos=(wide,)))


def test_jimmyai_md_wants_720_lines_or_more(shared: Speaker, shop: MediaShop) -> None:
    more = {"model": "seedance2.0-md", "resolution": "720p"}
    assert "shorter side" in refusal(shared, "jimmyai", body("jimmyai", videos=(shop.video(),), **more))
    shared.buy("jimmyai", body("jimmyai", videos=(shop.video(1280, 720),), **more))


@pytest.mark.parametrize("vendor", VENDORS)
def test_videos_and_sounds_are_limited_in_total(shared: Speaker, shop: MediaShop, vendor: str) -> None:
    five, six = shop.video(frames=120), shop.video(frames=144)
    shared.buy(vendor, body(vendor, videos=(five,) * 3))
    assert "videos together" in refusal(shared, vendor, body(vendor, videos=(five, five, six)))
    picture = (shop.image(),)
    shared.buy(vendor, body(vendor, images=picture, audios=(shop.wav(5),) * 3))
    assert "audios together" in refusal(shared, vendor, body(vendor, images=picture, audios=(shop.wav(5.1),) * 3))
    assert "length" in refusal(shared, vendor, body(vendor, images=picture, audios=(shop.wav(1.9),)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_files_are_limited_in_bytes(shared: Speaker, shop: MediaShop, vendor: str) -> None:
    heavy = shop.put("heavy.wav", shop.wav_bytes(3) + b"\0" * (15 * 1024 * 1024))
    assert "larger than 15 MB" in refusal(shared, vendor, body(vendor, images=(shop.image(),), audios=(heavy,)))


@pytest.mark.parametrize("vendor", ["powertokens", "anyfast"])
def test_a_refused_reference_comes_as_the_upstreams_error_in_the_relays_text(
    shared: Speaker, shop: MediaShop, vendor: str
) -> None:
    answer = shared.submit(vendor, body(vendor, images=(shop.url("missing.png"),))).json()
    assert answer["code"] == "fail_to_fetch_task"
    assert '"InvalidParameter"' in answer["message"]


def test_inline_data_is_taken_where_documented(shared: Speaker, shop: MediaShop) -> None:
    picture = "data:image/png;base64," + base64.b64encode(shop.image_bytes()).decode()
    sound = "data:audio/wav;base64," + base64.b64encode(shop.wav_bytes()).decode()
    job = shared.sandbox.job(shared.buy("anyfast", body("anyfast", images=(picture,), audios=(sound,))))
    assert job.reference_hashes == tuple(
        hashlib.sha256(content).hexdigest() for content in (shop.image_bytes(), shop.wav_bytes())
    )
    shared.buy("powertokens", body("powertokens", images=(picture,)))
    broken = "data:image/png;base64,!!"
    assert "not base64" in refusal(shared, "anyfast", body("anyfast", images=(broken,)))


def test_assets_exist_only_when_created_or_ready_made(shared: Speaker) -> None:
    for vendor in ("powertokens", "anyfast"):
        shared.buy(vendor, body(vendor, images=("asset://asset-sandbox-face",)))
        assert "no such asset" in refusal(shared, vendor, body(vendor, images=("asset://asset-unknown",)))


def test_a_private_address_cannot_be_reached_when_the_sandbox_stands_on_the_internet(shop: MediaShop) -> None:
    with Sandbox(SandboxSettings(allow_loopback_references=False)) as sandbox:
        for vendor in VENDORS:
            words = refusal(Speaker(sandbox), vendor, body(vendor, images=(shop.image(),)))
            assert "cannot be reached" in words


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_chain_hands_on_the_previous_clip_byte_for_byte(vendor: str) -> None:
    with Sandbox(SandboxSettings(job_seconds=0.02)) as sandbox:
        speak = Speaker(sandbox)
        first = speak.buy(vendor)
        link = speak.finish(vendor, first).video_url
        second = speak.buy(vendor, body(vendor, videos=(link,)))
        clip = sandbox.job(first).clip_bytes
        assert sandbox.job(second).reference_hashes == (hashlib.sha256(clip).hexdigest(),)
        reference = sandbox.bill.entries[-1].references[0]
        assert (reference.size_bytes, reference.seconds) == (len(clip), pytest.approx(97 / 24))
        assert "?" not in reference.url


def test_echo_frames_repeat_the_tail_of_the_reference(shop: MediaShop) -> None:
    with Sandbox(SandboxSettings(job_seconds=0.02, echo_frames=3)) as sandbox:
        job = sandbox.job(Speaker(sandbox).buy("evolink", body("evolink", videos=(shop.video(frames=72),))))
        with av.open(str(job.clip_path)) as container:
            stream = container.streams.video[0]
            codes = [framecode.read(frame.to_ndarray()[: stream.height]) for frame in container.decode(stream)]
        assert codes[:3] == [(1, 69), (1, 70), (1, 71)]
        assert codes[3:] == [(job.number, index) for index in range(3, 97)]


def test_adaptive_follows_the_video_before_the_picture(shared: Speaker, shop: MediaShop) -> None:
    tall, square = shop.video(496, 864), shop.image(800, 800)
    job = shared.sandbox.job(shared.buy("anyfast", body("anyfast", images=(square,), videos=(tall,))))
    assert (job.width, job.height) == (496, 864)
    job = shared.sandbox.job(shared.buy("anyfast", body("anyfast", images=(square,))))
    assert (job.width, job.height) == (640, 640)
    frame = {"media": [{"type": "first_frame", "url": square}]}
    job = shared.sandbox.job(shared.buy("powertokens", {**body("powertokens"), **frame}))
    assert (job.width, job.height) == (640, 640)
