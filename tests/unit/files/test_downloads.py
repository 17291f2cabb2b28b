"""A paid clip is downloaded whatever its host does, or is waited for; judged by the bill and by the bytes on disk."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import itertools
import re
import threading
import time
import zlib

import pytest

from longtake.domain.errors import UnreadableClipError
from longtake.files.web import fetch_bounds
from longtake.files.web.fetch_bounds import FetchBounds
from longtake.jobs import download as delivery
from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.e2e.quick_steps import quick_check
from tests.plain_render import accounts_of, render_plain
from tests.unit.media_relay import break_off, drip, give, media_relay, without_end


@pytest.fixture(scope="module")
def relay():
    with (
        Sandbox(SandboxSettings(job_seconds=0.1, jobs_per_key=None, media="stub")) as sandbox,
        media_relay(sandbox) as one,
    ):
        yield one


@pytest.fixture(autouse=True)
def quick(monkeypatch, relay):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr(delivery, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(delivery._Errand, "pause_seconds", 0.05)
    relay.manner = None
    relay.asked.clear()


def manifest(folder, *prompts):
    path = folder / "m.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "prompt", "vendor", "duration_seconds", "resolution", "ratio"])
        for prompt in prompts or ("a red ball",):
            table.writerow([prompt.replace(" ", "-"), prompt, "evolink", 4, "480p", "16:9"])
    return path


async def rendered(relay, folder, *prompts, max_wait_seconds=20.0, **options):
    load = accounts_of(relay.environment(), max_wait_seconds=max_wait_seconds)
    return await render_plain(manifest(folder, *prompts), folder / "out", load, **options)


def billed(relay, folder):
    """Purchases of this test: each has a folder of its own in the ledger, and the sandbox's bill names its job."""
    return len(list((folder / "out/ledger").glob("*/accepted.json")))


def clips(folder):
    return sorted((folder / "out/ledger").glob("*/clip.mp4"))


def left_over(folder):
    return sorted(
        path.name
        for path in (folder / "out/ledger").glob("*/*")
        if path.suffix != ".json" and path.name != "clip.mp4" and path.is_file()
    )


def chunked(clip, size=10_000):
    """S3's signed chunks, as they stay on objects that were stored wrongly."""
    pieces = [clip[start : start + size] for start in range(0, len(clip), size)]
    return b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), b"0" * 64, piece) for piece in [*pieces, b""])


def two_members(clip):
    half = len(clip) // 2
    return gzip.compress(clip[:half]) + gzip.compress(clip[half:])


def raw_deflate(clip):
    work = zlib.compressobj(wbits=-15)
    return work.compress(clip) + work.flush()


WRAPPED = {
    "gzip": (gzip.compress, "gzip"),
    "gzip without a word": (gzip.compress, None),
    "x-gzip": (gzip.compress, "x-gzip"),
    "two members of gzip": (two_members, "gzip"),
    "gzip twice": (lambda clip: gzip.compress(gzip.compress(clip)), "gzip, gzip"),
    "deflate": (zlib.compress, "deflate"),
    "raw deflate": (raw_deflate, "deflate"),
    "deflate without a word": (zlib.compress, None),
    "plain under gzip": (bytes, "gzip"),
    "plain under aws-chunked": (bytes, "aws-chunked"),
    "plain under none": (bytes, "none"),
    "plain under UTF-8": (bytes, "UTF-8"),
    "plain under br": (bytes, "br"),
    "chunks": (chunked, "aws-chunked"),
    "chunks without a word": (chunked, None),
    "gzip in chunks": (lambda clip: chunked(gzip.compress(clip)), "gzip,aws-chunked"),
}


@pytest.mark.parametrize("breaks_off", [False, True])
@pytest.mark.parametrize("name", WRAPPED)
async def test_a_clip_that_its_host_wraps_comes_home_as_it_is(relay, tmp_path, name, breaks_off):
    wrap, header = WRAPPED[name]
    truth = []

    def manner(handler, clip):
        truth.append(hashlib.sha256(clip).hexdigest())
        headers = {"Content-Encoding": header} if header else {}
        if breaks_off and len(truth) == 1:
            return break_off(handler, wrap(clip), **headers)
        return give(handler, wrap(clip), **headers)

    relay.manner = manner
    end = await rendered(relay, tmp_path)
    assert end.verdicts == {"done": 1}
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in clips(tmp_path)] == truth[:1]
    assert left_over(tmp_path) == []
    assert len(relay.asked) == 1 + breaks_off


AWAY = {
    "400": lambda handler, clip: handler.answer(400, b"Bad Request"),
    "401": lambda handler, clip: handler.answer(401, b"who are you"),
    "402": lambda handler, clip: handler.answer(402, b"pay"),
    "407": lambda handler, clip: handler.answer(407, b"a proxy"),
    "408": lambda handler, clip: handler.answer(408, b""),
    "429": lambda handler, clip: handler.answer(429, b"slow down"),
    "451": lambda handler, clip: handler.answer(451, b"not here"),
    "500": lambda handler, clip: handler.answer(500, b""),
    "503": lambda handler, clip: handler.answer(503, b"", Retry_After="1"),
    "204": lambda handler, clip: handler.answer(204, b""),
    "304": lambda handler, clip: handler.answer(304, b""),
    "redirects without end": lambda handler, clip: handler.answer(302, b"", Location=handler.path),
    "a name that does not resolve": lambda handler, clip: handler.answer(302, b"", Location="http://no.invalid/x"),
    "a port where nobody listens": lambda handler, clip: handler.answer(302, b"", Location="http://127.0.0.1:9/x"),
    "a page under 200": lambda handler, clip: handler.answer(200, b"<html>we are back soon</html>"),
    "JSON under 200": lambda handler, clip: handler.answer(200, b'{"error": "busy"}', Content_Type="video/mp4"),
    "nothing under 200": lambda handler, clip: handler.answer(200, b""),
    "a closed connection": lambda handler, clip: setattr(handler, "close_connection", True),
}


@pytest.mark.parametrize("name", AWAY)
async def test_a_host_that_is_away_is_waited_for_and_its_clip_never_lost(relay, tmp_path, name):
    relay.manner = AWAY[name]
    begun = time.monotonic()
    end = await rendered(relay, tmp_path, max_wait_seconds=1.5)
    assert end.verdicts == {"still_running": 1}
    assert time.monotonic() - begun > 1.4
    # Far more often than a dead link is asked for before its clip counts as lost.
    assert len(relay.asked) > delivery.DOWNLOAD_TRIES
    assert left_over(tmp_path) == []
    relay.manner = None
    end = await rendered(relay, tmp_path)
    assert end.verdicts == {"done": 1}
    assert billed(relay, tmp_path) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_dead_link_is_asked_for_anew_and_is_lost_only_when_every_one_is_dead(relay, tmp_path, status):
    dead = []

    def manner(handler, clip):
        dead.append(handler.path)
        return handler.answer(status, b"gone") if len(dead) < 3 else give(handler, clip)

    relay.manner = manner
    assert (await rendered(relay, tmp_path)).verdicts == {"done": 1}
    other = tmp_path / "other"
    other.mkdir()
    relay.manner = lambda handler, clip: handler.answer(status, b"gone")
    relay.asked.clear()
    assert (await rendered(relay, other, "another ball")).verdicts == {"lost": 1}
    assert len(relay.asked) == delivery.DOWNLOAD_TRIES


@pytest.mark.parametrize("status", [400, 403, 404, 405, 416, 501])
async def test_a_host_that_refuses_ranges_is_asked_for_the_whole(relay, tmp_path, status):
    def manner(handler, clip):
        if handler.headers.get("range"):
            return handler.answer(status, b"no ranges")
        return break_off(handler, clip) if len(relay.asked) == 1 else give(handler, clip)

    relay.manner = manner
    assert (await rendered(relay, tmp_path)).verdicts == {"done": 1}
    assert [bool(one) for one in relay.asked] == [False, True, False]


def _promising_more(handler, clip, body, *, gives_ranges):
    """Tells a length that never comes, and ends the connection."""
    place = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("range") or "")
    first = int(place[1]) if place and gives_ranges else 0
    if first >= len(body):
        return handler.answer(416, b"", **{"Content-Range": f"bytes */{len(clip) + 5000}"})
    handler.send_response(206 if first else 200)
    if first:
        handler.send_header("Content-Range", f"bytes {first}-{len(clip) + 4999}/{len(clip) + 5000}")
    handler.send_header("Content-Length", str(len(clip) + 5000 - first))
    handler.end_headers()
    handler.wfile.write(body[first:])
    handler.close_connection = True
    return None


@pytest.mark.parametrize("gives_ranges", [False, True])
async def test_a_whole_clip_is_kept_though_its_host_always_promises_more(relay, tmp_path, gives_ranges):
    whole = []

    def manner(handler, clip):
        whole.append(clip)
        return _promising_more(handler, clip, clip, gives_ranges=gives_ranges)

    relay.manner = manner
    end = await rendered(relay, tmp_path)
    assert end.verdicts == {"done": 1}
    assert [path.read_bytes() for path in clips(tmp_path)] == whole[:1]
    assert left_over(tmp_path) == []
    assert billed(relay, tmp_path) == 1


@pytest.mark.parametrize("gives_ranges", [False, True])
async def test_a_host_that_always_ends_early_is_asked_for_a_day_and_then_the_clip_is_lost(
    relay, tmp_path, monkeypatch, gives_ranges
):
    relay.manner = lambda handler, clip: _promising_more(
        handler, clip, clip[: len(clip) // 2], gives_ranges=gives_ranges
    )
    end = await rendered(relay, tmp_path)
    assert end.verdicts == {"still_running": 1}
    assert "no whole clip" in end.rows[0].error
    assert "24 h" in end.rows[0].error
    monkeypatch.setattr(delivery, "SHORT_PATIENCE_SECONDS", 0)
    end = await rendered(relay, tmp_path)
    assert end.verdicts == {"lost": 1}
    assert "ends at the same byte" in end.rows[0].error
    assert billed(relay, tmp_path) == 1


async def test_half_a_body_without_a_length_is_no_clip_where_the_host_gives_no_ranges(relay, tmp_path):
    whole = []

    def manner(handler, clip):
        whole.append(clip)
        if len(relay.asked) > 1:
            return handler.answer(200, clip)
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(clip[: len(clip) // 2])
        handler.close_connection = True
        return None

    relay.manner = manner
    end = await rendered(relay, tmp_path, check=quick_check)  # which takes a film's header at its word
    assert end.verdicts == {"done": 1}
    assert [path.read_bytes() for path in clips(tmp_path)] == whole[:1]


async def test_a_part_that_nobody_asked_for_and_that_names_no_place_is_the_whole(relay, tmp_path):
    relay.manner = lambda handler, clip: handler.answer(206, clip)
    assert (await rendered(relay, tmp_path, max_wait_seconds=2)).verdicts == {"done": 1}


async def test_what_came_is_not_fetched_again_and_a_body_without_a_length_is_not_taken_for_whole(relay, tmp_path):
    def manner(handler, clip):
        if len(relay.asked) > 1:
            return give(handler, clip)
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(clip[:50_000])
        handler.close_connection = True
        return None

    relay.manner = manner
    assert (await rendered(relay, tmp_path)).verdicts == {"done": 1}
    assert relay.asked[-1] == "bytes=50000-"


async def test_a_host_that_drips_or_never_ends_holds_up_neither_the_run_nor_the_disk(relay, tmp_path, monkeypatch):
    bounds = FetchBounds(largest_bytes=300_000, total_seconds=60, window_seconds=0.3)
    monkeypatch.setattr(FetchBounds, "of", classmethod(lambda cls, wanted: bounds))
    relay.manner = drip
    begun = time.monotonic()
    end = await rendered(relay, tmp_path, "a slow ball")
    assert end.verdicts == {"still_running": 1}
    assert "bytes a second" in end.rows[0].error
    assert time.monotonic() - begun < 15
    assert len(relay.asked) <= delivery.VAIN_TRIES + 1
    relay.asked.clear()
    relay.manner = without_end
    end = await rendered(relay, tmp_path, "an endless ball")
    assert [row.verdict for row in end.rows] == ["still_running"]
    assert "300000 bytes" in end.rows[0].error
    assert len(relay.asked) == 1
    assert not [name for name in left_over(tmp_path) if "endless" in name]
    relay.manner = None
    assert (await rendered(relay, tmp_path, "a slow ball", "an endless ball")).verdicts == {"done": 2}
    assert left_over(tmp_path) == []


async def test_a_host_that_drips_above_the_least_rate_is_left_after_the_total_time(relay, tmp_path, monkeypatch):
    bounds = FetchBounds(total_seconds=0.4, least_bytes_per_second=1, window_seconds=0.2)
    monkeypatch.setattr(FetchBounds, "of", classmethod(lambda cls, wanted: bounds))
    relay.manner = drip
    end = await rendered(relay, tmp_path)
    assert end.verdicts == {"still_running": 1}
    assert "not done after" in end.rows[0].error


async def test_the_bounds_follow_from_what_the_clip_can_be():
    from longtake.ledger.records import Expectation

    small = FetchBounds.of(Expectation(clip_seconds=4, width=864, height=496))
    large = FetchBounds.of(Expectation(clip_seconds=15, width=3840, height=2160))
    assert (
        small.largest_bytes
        == fetch_bounds.LEAST_BYTES
        < large.largest_bytes
        < FetchBounds.of(Expectation()).largest_bytes * 1.1
    )
    assert small.total_seconds < large.total_seconds


async def test_a_slow_machine_makes_no_absent_host_of_one_damaged_file(relay, tmp_path):
    checked = []

    async def slow_check(path, sha256):
        checked.append(sha256)
        if len(checked) < 3:
            await asyncio.sleep(2.1)
            raise UnreadableClipError("damaged")
        return await quick_check(path, sha256)

    assert (await rendered(relay, tmp_path, max_wait_seconds=2.0, check=slow_check)).verdicts == {"done": 1}
    assert billed(relay, tmp_path) == 1


async def test_the_media_host_is_told_who_asks(relay, tmp_path):
    assert (await rendered(relay, tmp_path)).verdicts == {"done": 1}
    assert all(agent.startswith("longtake/") for agent in relay.agents)


async def test_the_event_loop_goes_on_while_the_disk_is_slow(relay, tmp_path, monkeypatch):
    """Judged by the loop's own beat: no wait for disk may stop it."""
    from longtake.files.web import fetch as download

    def slowed(function):
        def call(*arguments):
            time.sleep(0.3)
            return function(*arguments)

        return call

    for name in ("_write_and_close", "_open_at", "_finish", "whole_part"):
        monkeypatch.setattr(download, name, slowed(getattr(download, name)))
    beats, stop = [], threading.Event()

    async def beat():
        while not stop.is_set():
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    beating = asyncio.create_task(beat())
    assert (await rendered(relay, tmp_path)).verdicts == {"done": 1}
    stop.set()
    await beating
    assert sum(later - earlier > 0.28 for earlier, later in itertools.pairwise(beats)) == 0
