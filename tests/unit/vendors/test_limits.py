"""Every limit of every vendor refuses by name; what is within the limits is not touched."""

from __future__ import annotations

from typing import Any

import pytest

from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.domain.violations import Violation
from longtake.vendors import VENDORS
from longtake.vendors.limits import Limits, MediaLimits, check, tokens_at_least

FACTS: dict[str, dict[str, Any]] = {
    "image": {"container": "png", "width": 800, "height": 600},
    "video": {
        "container": "mp4",
        "codec": "h264",
        "width": 864,
        "height": 496,
        "duration_seconds": 5.0,
        "fps": 24.0,
    },
    "audio": {"container": "wav", "duration_seconds": 5.0},
}


def reference(role: str, source: str = "", **facts: Any) -> Reference:
    kind = Role(role).kind
    measured = MediaFacts(**{"kind": kind, "size_bytes": 1000, **FACTS[kind], **facts})
    return Reference(role=role, source=source or f"https://example.com/{kind}", facts=measured)


def found(vendor: str, **wish: Any) -> list[Violation]:
    return VENDORS[vendor].violations(ShotRequest(**{"prompt": "a cat", **wish}))


def image(**facts: Any) -> Reference:
    return reference("reference_image", **facts)


def video(**facts: Any) -> Reference:
    return reference("reference_video", **facts)


def audio(**facts: Any) -> Reference:
    return reference("reference_audio", **facts)


def first(**facts: Any) -> Reference:
    return reference("first_frame", **facts)


def last(**facts: Any) -> Reference:
    return reference("last_frame", **facts)


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    # PowerTokens
    ("powertokens", {"model": "seedance-9"}, "model", "dreamina-seedance-2-0-mini-260615"),
    ("powertokens", {"prompt": ""}, "prompt", "without media a prompt is required"),
    ("powertokens", {"duration_seconds": 3}, "duration_seconds", "4 to 15 s"),
    ("powertokens", {"duration_seconds": 16}, "duration_seconds", "4 to 15 s"),
    ("powertokens", {"resolution": "1080p"}, "resolution", "480p, 720p"),
    ("powertokens", {"ratio": "2:1"}, "ratio", "adaptive"),
    ("powertokens", {"seed": -2}, "seed", "-1 to 4294967295"),
    ("powertokens", {"seed": 2**32}, "seed", "-1 to 4294967295"),
    ("powertokens", {"safety_identifier": "u" * 65}, "safety_identifier", "at most 64"),
    ("powertokens", {"web_search": True}, "web_search", "cannot honour"),
    ("powertokens", {"content_filter": False}, "content_filter", "cannot honour"),
    ("powertokens", {"callback_url": "https://example.com"}, "callback_url", "cannot honour"),
    ("powertokens", {"references": [video(source="data:video/mp4;base64,AAAA")]}, "reference_videos", "not as data"),
    ("powertokens", {"references": [video(width=3840, height=2161)]}, "reference_videos", "at most 8295044"),
    ("powertokens", {"references": [image()] * 10}, "reference_images", "takes 9 image(s), 10"),
    ("powertokens", {"references": [image(), audio(source="data:audio/wav;base64,AAAA")]}, "reference_audios", "data"),
    ("powertokens", {"references": [image(source="data:text/html;base64,AA==")]}, "reference_images", "data:image/"),
    ("powertokens", {"references": [image(source="data:image/png,raw")]}, "reference_images", "base64"),
    ("powertokens", {"references": [image(source="/home/me/a.png")]}, "reference_images", "not as file"),
    # Anyfast
    ("anyfast", {"duration_seconds": "auto"}, "duration_seconds", "cannot choose the duration"),
    ("anyfast", {"seed": 1}, "seed", "cannot honour"),
    ("anyfast", {"return_last_frame": True}, "return_last_frame", "cannot honour"),
    ("anyfast", {"safety_identifier": "u"}, "safety_identifier", "cannot honour"),
    ("anyfast", {"web_search": True, "references": [image()]}, "web_search", "mode text only"),
    ("anyfast", {"model": "seedance-fast", "resolution": "1080p"}, "resolution", "480p, 720p"),
    ("anyfast", {"model": "seedance-2.0-ultra"}, "resolution", "requires resolution"),
    ("anyfast", {"model": "seedance-2.0-ultra", "resolution": "480p"}, "resolution", "720p, 1080p, 2k"),
    ("anyfast", {"references": [video(source="data:video/mp4;base64,AAAA")]}, "reference_videos", "not as data"),
    ("anyfast", {"references": [video(), audio(container="m4a")]}, "reference_audios", "m4a is not taken"),
    ("anyfast", {"references": [image(), audio(duration_seconds=1.9)]}, "reference_audios", "at least 2"),
    ("anyfast", {"references": [image(), audio(size_bytes=15 * 2**20 + 1)]}, "reference_audios", "at most 15000000"),
    ("anyfast", {"references": [image(), *[audio(duration_seconds=6)] * 3]}, "reference_audios", "18.00 s in all"),
    ("anyfast", {"references": [image(source="data:image/png;base64," + "A" * 70_000_000)]}, "reference_images", "MB"),
    # EvoLink
    ("evolink", {"prompt": " "}, "prompt", "requires a prompt"),
    ("evolink", {"prompt": "word " * 10_001}, "prompt", "10001 tokens"),
    ("evolink", {"prompt": "猫" * 10_001}, "prompt", "10001 tokens"),
    ("evolink", {"duration_seconds": "auto"}, "duration_seconds", "cannot choose"),
    ("evolink", {"resolution": "1080p"}, "resolution", "480p, 720p"),
    ("evolink", {"model": "seedance-2.0-fast", "resolution": "1080p"}, "resolution", "480p, 720p"),
    ("evolink", {"seed": 1}, "seed", "cannot honour"),
    ("evolink", {"watermark": False}, "watermark", "cannot honour"),
    ("evolink", {"return_last_frame": True}, "return_last_frame", "cannot honour"),
    ("evolink", {"web_search": True}, "web_search", "cannot honour"),
    ("evolink", {"model": "seedance-2.0", "web_search": True, "references": [first()]}, "web_search", "cannot honour"),
    ("evolink", {"model": "seedance-2.0-text-to-video", "references": [image()]}, "reference_images", "mode text only"),
    ("evolink", {"model": "seedance-2.0-image-to-video"}, "prompt", "first_frame only"),
    ("evolink", {"model": "seedance-2.0-image-to-video", "references": [video()]}, "reference_videos", "takes 0"),
    ("evolink", {"model": "seedance-2.0-mini-reference-to-video", "references": [first()]}, "first_frame", "reference"),
    ("evolink", {"references": [last()]}, "first_frame", "a last frame needs a first frame"),
    ("evolink", {"references": [first(), first()]}, "first_frame", "there is one"),
    ("evolink", {"references": [first(), image()]}, "first_frame", "cannot be mixed"),
    ("evolink", {"references": [first(), audio()]}, "first_frame", "cannot be mixed"),
    ("evolink", {"references": [audio()]}, "reference_audios", "cannot be the only reference"),
    ("evolink", {"references": [image(source="asset://a")]}, "reference_images", "not as asset"),
    ("evolink", {"references": [image(source="data:image/png;base64,AAAA")]}, "reference_images", "not as data"),
    ("evolink", {"references": [image(container="gif")]}, "reference_images", "gif is not taken"),
    ("evolink", {"references": [image(size_bytes=30 * 2**20 + 1)]}, "reference_images", "at most 30000000"),
    ("evolink", {"references": [image(width=299, height=400)]}, "reference_images", "shorter side, at least 300"),
    ("evolink", {"references": [image(width=6001, height=5000)]}, "reference_images", "longer side, at most 6000"),
    ("evolink", {"references": [image(width=1000, height=390)]}, "reference_images", "at most 2.5"),
    ("evolink", {"references": [image(width=390, height=1000)]}, "reference_images", "at least 0.4"),
    ("evolink", {"references": [video(width=640, height=639)]}, "reference_videos", "at least 409600"),
    ("evolink", {"references": [video(width=2207, height=946)]}, "reference_videos", "at most 2086876"),
    ("evolink", {"references": [video(duration_seconds=1.9)]}, "reference_videos", "at least 2"),
    ("evolink", {"references": [video(duration_seconds=15.04)]}, "reference_videos", "at most 15"),
    ("evolink", {"references": [video(duration_seconds=8)] * 2}, "reference_videos", "16.00 s in all"),
    ("evolink", {"references": [video()] * 4}, "reference_videos", "takes 3 video(s), 4"),
    ("evolink", {"references": [video(fps=23.976)]}, "reference_videos", "at least 24"),
    ("evolink", {"references": [video(fps=61)]}, "reference_videos", "at most 60"),
    ("evolink", {"references": [video(container="webm")]}, "reference_videos", "webm is not taken"),
    ("evolink", {"references": [video(codec="av1")]}, "reference_videos", "av1 coding is not taken"),
    ("evolink", {"references": [video(size_bytes=50 * 2**20 + 1)]}, "reference_videos", "at most 50000000"),
    ("evolink", {"references": [video(kind="image")]}, "reference_videos", "this is image, not video"),
    ("evolink", {"callback_url": "http://example.com/hook"}, "callback_url", "https addresses only"),
    ("evolink", {"callback_url": "https://10.1.2.3/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://172.31.0.1/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://192.168.1.1/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://127.1/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://0x7f000001/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://2130706433/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://[::1]/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://[::ffff:10.0.0.1]/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://169.254.169.254/"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://localhost/hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://LOCALHOST./hook"}, "callback_url", "private"),
    ("evolink", {"callback_url": "https://[nonsense/hook"}, "callback_url", "not an address"),
    ("evolink", {"callback_url": "https://example.com/" + "x" * 2030}, "callback_url", "at most 2048"),
    # JimmyAI
    ("jimmyai", {"prompt": ""}, "prompt", "requires a prompt"),
    ("jimmyai", {"resolution": "1080p"}, "resolution", "480p, 720p"),
    ("jimmyai", {"ratio": "adaptive"}, "ratio", "16:9"),
    ("jimmyai", {"generate_audio": False}, "generate_audio", "cannot honour"),
    ("jimmyai", {"references": [image(source="http://example.com/a.png")]}, "reference_images", "not as http"),
    ("jimmyai", {"references": [image(source="asset://a")]}, "reference_images", "not as asset"),
    ("jimmyai", {"references": [image(), first()]}, "first_frame", "cannot be mixed"),
    ("jimmyai", {"references": [audio()]}, "reference_audios", "cannot be the only reference"),
    ("jimmyai", {"model": "seedance2.0-mini", "references": [video()]}, "reference_videos", "takes 0 video(s)"),
    (
        "jimmyai",
        {"model": "sd2_mx_fast_720p", "references": [video(source="asset://v")]},
        "reference_videos",
        "takes 0",
    ),
    (
        "jimmyai",
        {"model": "seedance2.0-mini-video", "references": [first(), video()]},
        "first_frame",
        "cannot be mixed",
    ),
    ("jimmyai", {"model": "seedance2.0-of-fast-sp", "resolution": "1080p"}, "resolution", "480p, 720p"),
    ("jimmyai", {"model": "seedance2.0-md", "duration_seconds": 16}, "duration_seconds", "1 to 15"),
    ("jimmyai", {"model": "seedance2.0-md", "prompt": "a" * 5001}, "prompt", "at most 5000"),
    ("jimmyai", {"model": "seedance2.0-md", "resolution": "480p"}, "resolution", "720p"),
    ("jimmyai", {"model": "seedance2.0-md", "ratio": "4:3"}, "ratio", "16:9, 9:16, 1:1"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [first()]}, "last_frame", "only with a last frame"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [image()] * 5}, "reference_images", "takes 4"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [image(), audio()]}, "reference_audios", "takes 0"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [video()]}, "reference_videos", "at least 720"),
    (
        "jimmyai",
        {"model": "seedance2.0-md", "references": [video(width=3840, height=2161)]},
        "reference_videos",
        "2160",
    ),
    ("jimmyai", {"model": "seedance2.0-md", "references": [image(container="gif")]}, "reference_images", "gif"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [last()]}, "first_frame", "a last frame needs a first"),
    ("jimmyai", {"model": "seedance2.0-fast-i2v", "references": [image()], "ratio": "4:3"}, "ratio", "16:9, 9:16, 1:1"),
    ("jimmyai", {"model": "seedance2.0-fast-i2v", "references": [image()], "prompt": "a" * 5001}, "prompt", "5000"),
    ("powertokens", {"prompt": "a cat \ud83d"}, "prompt", "its character 7 is half of one"),
    ("powertokens", {"safety_identifier": "\ude00"}, "safety_identifier", "half of one"),
    (
        "jimmyai",
        {"model": "seedance2.0-fast-md", "references": [video(width=900, height=900, size_bytes=110_000_000)] * 2},
        "reference_videos",
        "220.0 MB in all",
    ),
    ("jimmyai", {"model": "seedance2.0-fast-i2v"}, "prompt", "mode first_and_last_frame, first_frame, reference only"),
    ("jimmyai", {"model": "seedance2.0-fast-i2v", "references": [image(), video()]}, "reference_videos", "takes 0"),
    ("jimmyai", {"model": "seedance2.0-fast-i2v", "references": [image(), audio()]}, "reference_audios", "takes 0"),
    ("jimmyai", {"model": "seedance2.0-std", "references": [first(), last(), audio()]}, "first_frame", "mixed"),
    ("jimmyai", {"model": "seedance2.0-std", "references": [image(), *[audio()] * 4]}, "reference_audios", "takes 3"),
    ("jimmyai", {"model": "sd2_mx_720p", "duration_seconds": 13}, "duration_seconds", "4 to 12"),
    ("jimmyai", {"model": "sd2_mx_720p", "resolution": "1080p"}, "resolution", "720p"),
    ("jimmyai", {"model": "sd2_mx_4k", "references": [image()]}, "reference_images", "not as https"),
    ("jimmyai", {"model": "sd2_mx_720p", "references": [video(source="asset://v")]}, "reference_videos", "takes 0"),
    ("jimmyai", {"model": "sd2_mx_video_720p", "references": [video()]}, "reference_videos", "not as https"),
]


@pytest.mark.parametrize(("vendor", "wish", "column", "words"), REFUSED, ids=range(len(REFUSED)))
def test_rule_refuses_and_names_column_rule_and_fix(vendor: str, wish: dict[str, Any], column: str, words: str) -> None:
    violations = [each for each in found(vendor, **wish) if not each.warning]
    assert [each for each in violations if each.column == column and words in each.rule], violations
    assert all(each.fix and each.rule and len(str(each)) < 600 for each in violations)


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("powertokens", {"duration_seconds": "auto", "seed": -1}),
    ("powertokens", {"duration_seconds": 13, "seed": 4294967295, "safety_identifier": "u" * 64}),
    ("powertokens", {"prompt": "", "references": [video()]}),
    ("powertokens", {"model": "seedance-2.0", "resolution": "1080p"}),
    ("powertokens", {"references": [video(width=1920, height=1080, size_bytes=200_000_000)]}),
    ("powertokens", {"web_search": False}),
    ("evolink", {"web_search": False, "return_last_frame": False}),
    ("evolink", {"web_search": False, "references": [first()]}),
    ("anyfast", {"return_last_frame": False}),
    ("jimmyai", {"web_search": False, "model": "sd2_mx_720p"}),
    ("jimmyai", {"model": "seedance2.0-std", "references": [image(), video(), audio()], "ratio": "21:9"}),
    ("jimmyai", {"model": "seedance2.0-md", "references": [video(width=3840, height=2160)]}),
    ("jimmyai", {"model": "seedance2.0-md", "references": [video(width=2560, height=1440)]}),
    ("jimmyai", {"model": "seedance2.0-mini-video", "references": [video()]}),
    ("jimmyai", {"model": "seedance2.0-of-sp", "references": [first(source="asset://a")]}),
    ("jimmyai", {"model": "seedance2.0-sp", "references": [video(source="asset://a")]}),
    ("powertokens", {"references": [image(source="data:image/png;base64,AAAA"), video(source="asset://v")]}),
    ("anyfast", {"prompt": "", "references": [first()]}),
    ("anyfast", {"web_search": True}),
    ("anyfast", {"web_search": False, "references": [image()]}),
    ("anyfast", {"model": "seedance-2.0", "return_last_frame": True, "resolution": "4k"}),
    ("anyfast", {"references": [image(source="data:application/octet-stream;base64,AAAA")]}),
    ("evolink", {"prompt": "word " * 999}),
    ("evolink", {"references": [video(width=640, height=640)]}),
    ("evolink", {"references": [video(width=2206, height=946)]}),
    ("evolink", {"references": [video(duration_seconds=15.0)]}),
    ("evolink", {"references": [video(source="https://example.com/v.mp4?sig=1"), image(), audio()]}),
    ("evolink", {"references": [first(), last()]}),
    ("evolink", {"model": "seedance-2.0-fast", "web_search": True, "content_filter": False}),
    ("evolink", {"callback_url": "https://example.com:8443/hook?x=1"}),
    ("evolink", {"callback_url": "https://8.8.8.8/hook"}),
    ("jimmyai", {"references": [image(source="http://127.0.0.1:8000/a.png"), video(source="http://localhost:1/v")]}),
    ("jimmyai", {"references": [first(), audio()]}),
    ("jimmyai", {"model": "seedance2.0-sp", "references": [image(), audio(source="asset://a")], "resolution": "1080p"}),
    ("jimmyai", {"model": "seedance2.0-md", "duration_seconds": 4, "references": [first(), last()], "ratio": "1:1"}),
    ("jimmyai", {"model": "sd2_mx_video_2k", "references": [video(source="asset://v")], "ratio": "adaptive"}),
    ("jimmyai", {"model": "sd2_mx_2k", "resolution": "2k", "duration_seconds": 12}),
]


@pytest.mark.parametrize(("vendor", "wish"), ALLOWED, ids=range(len(ALLOWED)))
def test_request_at_the_edge_of_the_limits_is_taken(vendor: str, wish: dict[str, Any]) -> None:
    assert [each for each in found(vendor, **wish) if not each.warning] == []


DOUBTED: list[tuple[str, dict[str, Any], str, str]] = [
    ("evolink", {"model": "seedance-2.0-reference-to-video"}, "prompt", "2026-11-21"),
    ("evolink", {"references": [image(size_bytes=30_000_001)]}, "reference_images", "at most 30000000"),
    ("evolink", {"references": [video(size_bytes=50 * 2**20)]}, "reference_videos", "at most 50000000"),
    ("anyfast", {"references": [image(), audio(size_bytes=15_000_001)]}, "reference_audios", "at most 15000000"),
    ("anyfast", {"references": [image(source="data:image/png;base64," + "A" * 64_500_000)]}, "reference_images", "MB"),
    ("jimmyai", {"ratio": "21:9"}, "ratio", "STD and the full route only"),
    ("jimmyai", {"model": "seedance2.0-sp", "references": [first(), audio()]}, "reference_audios", "upstream"),
    ("jimmyai", {"model": "sd2_mx_4k", "references": [first(source="asset://a"), audio(source="asset://b")]},
     "reference_audios", "upstream"),
    ("jimmyai", {"model": "seedance2.0-std", "references": [last()]}, "last_frame", "upstream"),
    ("jimmyai", {"model": "seedance2.0-fast-i2v", "references": [first(), last()]}, "first_frame", "its own page"),
    ("jimmyai", {"model": "seedance2.0-md", "duration_seconds": 3}, "duration_seconds", "4 to 15"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [video(width=720, height=1280, fps=23.976)]},
     "reference_videos", "by upstream"),
    ("jimmyai", {"model": "seedance2.0-md", "references": [video(width=720, height=1280, duration_seconds=1.5)]},
     "reference_videos", "by upstream"),
    ("jimmyai", {"model": "seedance2.0-fast-sp", "references": [video()]}, "reference_videos", "newer page"),
    ("jimmyai", {"model": "seedance2.0-sp", "resolution": "480p"}, "resolution", "its own page"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "wish", "column", "words"), DOUBTED, ids=range(len(DOUBTED)))
def test_what_the_document_allows_and_another_page_denies_is_sent_with_a_warning(
    vendor: str, wish: dict[str, Any], column: str, words: str
) -> None:
    (warning,) = found(vendor, **wish)
    assert (warning.column, warning.warning) == (column, True)
    assert words in warning.rule


def test_a_model_without_videos_names_the_one_that_takes_them() -> None:
    for wire, other in (("seedance2.0-mini", "seedance2.0-mini-video"), ("sd2_mx_fast_720p", "sd2_mx_video_fast_720p")):
        (refused,) = found("jimmyai", model=wire, references=[video(source="asset://v" if "mx" in wire else "")])
        assert other in refused.fix


def test_a_false_that_asks_for_nothing_is_left_out_of_the_body() -> None:
    for adapter in VENDORS.values():
        for model in adapter.models:
            idle = ShotRequest(prompt="a", model=model.wire, web_search=False, return_last_frame=False)
            body = str(adapter.encode(idle).json)
            for name in {"web_search", "return_last_frame"} - model.limits.options:
                assert name not in body, (model.wire, name)


def test_several_faults_are_named_at_once() -> None:
    columns = {
        each.column
        for each in found(
            "evolink", prompt="", duration_seconds=99, ratio="9:1", seed=3, references=[audio(duration_seconds=1)]
        )
    }
    assert columns == {"prompt", "duration_seconds", "ratio", "seed", "reference_audios"}


def test_last_frame_of_another_ratio_is_warned_about_and_taken() -> None:
    warnings = found("evolink", references=[first(width=800, height=600), last(width=600, height=800)])
    assert [(each.column, each.warning) for each in warnings] == [("last_frame", True)]


def test_prompt_longer_than_advised_is_warned_about_and_taken() -> None:
    for prompt in ("猫" * 501, "word " * 1001):
        warnings = found("powertokens", prompt=prompt)
        assert [(each.column, each.warning) for each in warnings] == [("prompt", True)]
    assert found("powertokens", prompt="猫" * 500) == []


def test_signed_links_and_inline_data_do_not_get_into_messages() -> None:
    texts = [
        str(each)
        for each in found("jimmyai", references=[image(source="http://example.com/a.png?X-Amz-Signature=secret")])
        + found("evolink", references=[image(source="data:image/png;base64," + "B" * 500)])
        + found("evolink", callback_url="http://example.com/hook?token=secret")
    ]
    assert len(texts) == 3
    assert not any("secret" in text or "B" * 200 in text for text in texts)


def test_unmeasured_references_are_held_against_counts_and_schemes_only() -> None:
    bare = Reference(role="reference_image", source="https://example.com/a.png")
    assert check(ShotRequest(prompt="a", references=(bare,)), Limits(image=MediaLimits(max_count=1, max_bytes=1))) == []


def test_tokens_are_counted_on_the_low_side() -> None:
    assert tokens_at_least("") == 0
    assert tokens_at_least("two words") == 2
    assert tokens_at_least("x" * 33) == 3
    assert tokens_at_least("视频1 and 视频2") == 7


def test_an_empty_prompt_that_the_vendor_takes_is_warned_about() -> None:
    wish = next(wish for vendor, wish in ALLOWED if vendor == "anyfast" and wish.get("prompt") == "")
    [warning] = found("anyfast", **wish)
    assert (warning.column, warning.warning) == ("prompt", True)
    assert "the prompt is empty" in warning.rule
