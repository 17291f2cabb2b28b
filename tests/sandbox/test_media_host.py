"""The media host: links that die, Range, no key, and every way a download can go wrong."""

from __future__ import annotations

import time

import httpx
import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.clips import media_host
from longtake.sandbox.faults import Fault
from tests.sandbox.conftest import Speaker


def link_of(speak: Speaker, vendor: str = "evolink") -> str:
    return speak.finish(vendor, speak.buy(vendor)).video_url


def test_a_link_dies_and_a_new_look_brings_a_living_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(SandboxSettings(job_seconds=0.02, link_seconds=600, media="stub")) as sandbox:
        speak = Speaker(sandbox)
        job_id = speak.buy("evolink")
        link = speak.finish("evolink", job_id).video_url
        assert speak.http.get(link).status_code == 200
        now = time.time()
        monkeypatch.setattr(media_host.time, "time", lambda: now + 601)
        assert speak.http.get(link).status_code == 403
        assert speak.http.get(speak.answer("evolink", job_id).video_url).status_code == 200


@pytest.mark.parametrize(("vendor", "days"), [("powertokens", 1), ("anyfast", 1), ("evolink", 1), ("jimmyai", 3)])
def test_links_live_as_long_as_documented(speak: Speaker, vendor: str, days: int) -> None:
    expires = float(httpx.URL(link_of(speak, vendor)).params["Expires"])
    assert expires - time.time() == pytest.approx(days * 86_400, abs=300)


def test_a_link_is_worthless_without_its_signature_or_with_anothers(speak: Speaker) -> None:
    link, other = httpx.URL(link_of(speak)), httpx.URL(link_of(speak))
    assert speak.http.get(link.copy_with(query=None)).status_code == 403
    assert speak.http.get(link.copy_with(query=other.query)).status_code == 403
    later = link.copy_set_param("Expires", str(time.time() + 1e9))
    assert speak.http.get(later).status_code == 403
    assert speak.http.get(link.copy_with(path="/media/evolink/nobody/video.mp4")).status_code == 404


def test_ranges_and_validators_are_honoured(speak: Speaker) -> None:
    link = link_of(speak)
    whole = speak.http.get(link)
    assert whole.headers["content-type"] == "video/mp4"
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    tail = speak.http.get(link, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (tail.status_code, tail.content) == (206, whole.content[1000:])
    assert tail.headers["content-range"] == f"bytes 1000-{len(whole.content) - 1}/{len(whole.content)}"
    first = speak.http.get(link, headers={"Range": "bytes=0-9"})
    assert first.content == whole.content[:10]
    changed = speak.http.get(link, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert changed.status_code == 200
    assert speak.http.get(link, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    head = speak.http.head(link)
    assert (head.status_code, head.headers["content-length"]) == (200, whole.headers["content-length"])


def test_a_key_that_reaches_the_media_host_is_remembered(sandbox: Sandbox, speak: Speaker) -> None:
    link = link_of(speak)
    speak.http.get(link)
    assert sandbox.keys_seen_by_media_host == []
    speak.http.get(link, headers=speak.headers("evolink"))
    assert sandbox.keys_seen_by_media_host == ["Bearer sandbox-evolink-key"]


def test_stub_media_are_one_file_per_format_with_job_code_nought(speak: Speaker) -> None:
    clips = [speak.http.get(link_of(speak)).content for _ in range(2)]
    assert clips[0] == clips[1]


def faulty(speak: Speaker, kind: str, **more: object) -> tuple[str, Fault]:
    fault = Fault(kind=kind, step="media", **more)  # type: ignore[arg-type]
    speak.sandbox.faults.add(fault)
    return link_of(speak), fault


@pytest.mark.parametrize("status", [403, 404])
def test_fault_dead_link(speak: Speaker, status: int) -> None:
    link, fault = faulty(speak, "dead_link", status=status)
    assert speak.http.get(link).status_code == status
    assert (speak.http.get(link).status_code, fault.fired) == (200, 1)


@pytest.mark.parametrize("kind", ["truncated", "reset_midway"])
def test_fault_of_a_transfer_that_breaks_off(speak: Speaker, kind: str) -> None:
    link, fault = faulty(speak, kind)
    received = 0
    with pytest.raises(httpx.TransportError), speak.http.stream("GET", link) as response:
        promised = int(response.headers["content-length"])
        etag = response.headers["etag"]
        for chunk in response.iter_bytes():
            received += len(chunk)
    assert 0 < received < promised
    rest = speak.http.get(link, headers={"Range": f"bytes={received}-", "If-Range": etag})
    assert (rest.status_code, len(rest.content)) == (206, promised - received)
    assert fault.fired == 1


def test_fault_cut_short_is_half_the_file_with_a_length_to_match(speak: Speaker) -> None:
    link, _ = faulty(speak, "cut_short")
    half, whole = speak.http.get(link), speak.http.get(link)
    assert int(half.headers["content-length"]) == len(half.content) == len(whole.content) // 2
    assert whole.content.startswith(half.content)


def test_faults_that_send_something_else_as_mp4(speak: Speaker) -> None:
    link, _ = faulty(speak, "html_as_mp4")
    page = speak.http.get(link)
    assert (page.status_code, page.headers["content-type"]) == (200, "video/mp4")
    assert page.content.startswith(b"<!DOCTYPE html>")
    link, _ = faulty(speak, "garbage")
    assert b"ftyp" not in speak.http.get(link).content


def test_fault_wants_key_lasts_until_it_is_cleared(sandbox: Sandbox, speak: Speaker) -> None:
    link, fault = faulty(speak, "wants_key")
    assert [speak.http.get(link).status_code for _ in range(3)] == [401] * 3
    assert speak.http.get(link, headers=speak.headers("evolink")).status_code == 200
    sandbox.faults.clear()
    assert speak.http.get(link).status_code == 200
    assert fault.fired >= 3


def test_fault_slow_takes_its_time_and_is_whole(speak: Speaker) -> None:
    link, _ = faulty(speak, "slow", seconds=0.4)
    began = time.monotonic()
    slow = speak.http.get(link).content
    assert time.monotonic() - began > 0.3
    assert slow == speak.http.get(link).content


def test_fault_server_error(speak: Speaker) -> None:
    link, _ = faulty(speak, "server_error")
    assert [speak.http.get(link).status_code for _ in range(2)] == [502, 200]
