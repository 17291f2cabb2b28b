"""References are looked at for real, by ranged reads, and never on private hosts."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import os
import re
import socket
import subprocess
import sys
import wave
import zlib
from importlib.metadata import version

import pytest

from longtake.domain.identity import WrittenRow
from longtake.domain.request import Reference, Role, ShotRequest
from longtake.files.web import ranged
from longtake.files.web.guard import GuardedClient
from longtake.manifests.schema import ManifestRow
from longtake.planning.references.measure import measure_references, reference_sources, reference_violations
from tests.e2e.s3_server import s3_server
from tests.unit.hostile import LOOK
from tests.unit.media_server import media_server, picture, trickle, video


@pytest.fixture
def host():
    with media_server() as host:
        yield host


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")


async def measured(*sources, **more):
    async with GuardedClient(timeout_seconds=10) as media:
        return await measure_references([(source, "video") for source in sources], media=media, **more)


async def test_remote_pictures_videos_and_sounds_are_measured(host, allowed):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(16000 * 3))
    host.files = {"/a.png": picture(), "/b.mp4": video(), "/c.wav": sound.getvalue()}
    facts, problems = await measured(*(host.url + path for path in host.files))
    assert problems == {}
    still, film, tone = facts.values()
    assert (still.kind, still.container, still.width, still.height) == ("image", "png", 640, 480)
    assert (film.kind, film.width, film.height, film.fps, film.duration_seconds) == ("video", 320, 240, 24.0, 2.0)
    assert film.size_bytes == len(host.files["/b.mp4"])
    assert (tone.kind, tone.duration_seconds) == ("audio", 3.0)


async def test_only_the_bytes_needed_of_a_large_video_are_fetched(host, allowed):
    large = video(640, 480, seconds=4, noise=True)
    assert len(large) > 20 * ranged.BLOCK_BYTES
    host.files = {"/large.mp4": large}
    facts, problems = await measured(f"{host.url}/large.mp4")
    assert not problems
    assert facts[f"{host.url}/large.mp4"].duration_seconds == 4.0
    assert host.sent_bytes < 6 * ranged.BLOCK_BYTES < len(large) / 3


async def test_a_server_without_ranges_is_read_as_a_whole_up_to_a_bound(host, allowed, monkeypatch):
    host.files, host.ranges = {"/b.mp4": video()}, False
    facts, _ = await measured(f"{host.url}/b.mp4")
    assert facts[f"{host.url}/b.mp4"].duration_seconds == 2.0
    monkeypatch.setattr(ranged, "WHOLE_FILE_LIMIT_BYTES", 1000)
    _, problems = await measured(f"{host.url}/b.mp4")
    assert "gives no ranges" in problems[f"{host.url}/b.mp4"]


async def test_the_host_of_a_reference_is_told_who_asks(host, allowed):
    told = []

    def give(handler):
        told.append(handler.headers["user-agent"])
        handler.give(picture())

    host.files = {"/a.png": give}
    await measured(f"{host.url}/a.png")
    assert set(told) == {f"longtake/{version('longtake')}"}


def test_no_file_and_no_host_brings_a_library_s_words_to_the_screen(host, tmp_path):
    from tests.media.reference_set import PICTURES, SOUNDS, huge_png

    def dying(handler):
        if handler.headers.get("range") in (None, f"bytes=0-{ranged.BLOCK_BYTES - 1}") and len(host.requests) == 1:
            return handler.give(large_video())
        handler.close_connection = True
        return handler.connection.close()

    host.files = {"/dying.mp4": dying}
    paths = [tmp_path / f"{number}" for number in range(len(PICTURES) + len(SOUNDS) + 3)]
    made = [*(case.make for case in PICTURES.values()), *(sound.make for sound in SOUNDS.values())]
    made += [
        lambda: huge_png(13_500),
        lambda: large_video()[: len(large_video()) // 2],
        lambda: b"\xff\xd8\xff\xe1\0\x20Exif\0\0II*\0" + bytes(99),
    ]
    for path, make in zip(paths, made, strict=True):
        path.write_bytes(make())
    ran = subprocess.run(
        [sys.executable, "-c", LOOK, *map(str, paths), f"{host.url}/dying.mp4"],
        capture_output=True,
        text=True,
        env=os.environ | {"LONGTAKE_ALLOW_HOSTS": "127.0.0.1"},
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "refused" in ran.stdout
    for word in ("Traceback", "Warning", "libav", "Error:"):
        assert word not in ran.stdout


async def test_each_distinct_source_is_fetched_once(host, allowed):
    host.files = {"/a.png": picture()}
    facts, _ = await measured(*[f"{host.url}/a.png"] * 50)
    assert len(facts) == 1
    assert len(host.requests) == 1


async def test_assets_of_the_vendor_are_not_measured():
    assert await measured("asset://abc") == ({}, {})


async def test_local_files_and_data_uris_are_measured(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(picture(32, 16))
    uri = f"data:image/png;base64,{base64.b64encode(picture(8, 4)).decode()}"
    broken = "data:image/png;base64,@@@"
    missing = str(tmp_path / "no.png")
    os.mkfifo(tmp_path / "pipe")
    facts, problems = await measured(str(path), uri, broken, missing, str(tmp_path / "pipe"))
    assert (facts[str(path)].width, facts[uri].width) == (32, 8)
    assert "base64" in problems[broken]
    assert problems[missing]
    assert "not a regular file" in problems[str(tmp_path / "pipe")]


@functools.cache
def bomb():
    return gzip.compress(bytes(300 * 2**20), 1)


BAD = {
    "/gone": (404, "HTTP 404"),
    "/broken": (500, "HTTP 500"),
    "/empty": (b"", "empty"),
    "/page.html": (b"<html>no clip here</html>", "HTML"),
    "/list.m3u8": (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/secret\n", "playlist"),
    "/cut.mp4": (lambda handler: handler.give(video()[:-500]), "damaged"),
    "/webm": (b"\x1a\x45\xdf\xa3" + bytes(500), "WebM"),
    "/brotli": (lambda handler: handler.give(b"\x0b\x02\x80no picture", **{"Content-Encoding": "br"}), "compressed"),
    "/bomb": (lambda handler: handler.give(bomb(), **{"Content-Encoding": "gzip"}), "unpacked it has more"),
    "/liar": (lambda handler: handler.answer(206, b"abc", **{"Content-Range": "bytes 7-9/100"}), "ranges are wrong"),
    "/huge": (lambda handler: handler.answer(206, b"a" * 99, **{"Content-Range": f"bytes 0-98/{2**40}"}), "cut short"),
    "/loop": ("/loop", "redirects"),
    "/elsewhere": ("ftp://127.0.0.1/x", "not a plain http"),
    "/file": ("file:///etc/passwd", "not a plain http"),
}


def no_ranges(status):
    return lambda handler: handler.answer(status, b"") if handler.headers.get("range") else handler.give(picture())


def encoded(name, wrap=bytes):
    return lambda handler: handler.give(wrap(picture()), **{"Content-Encoding": name})


def of_unknown_size(handler):
    if not handler.headers.get("range"):
        return handler.give(picture())
    return handler.answer(206, picture()[:100], **{"Content-Range": "bytes 0-99/*"})


ODD = {
    **{f"/no-ranges-{status}": no_ranges(status) for status in (400, 403, 404, 405, 416)},
    **{f"/stored-as-{name}": encoded(name) for name in ("aws-chunked", "none", "UTF-8", "gzip", "identity")},
    "/gzip": encoded("gzip", gzip.compress),
    "/deflate": encoded("deflate", zlib.compress),
    "/unknown-size": of_unknown_size,
}


async def test_a_reference_whose_host_has_odd_manners_is_read(host, allowed):
    host.files = dict(ODD)
    facts, problems = await measured(*(host.url + path for path in ODD))
    assert problems == {}
    assert {facts[host.url + path].width for path in ODD} == {640}


def large_video():
    return video(640, 480, seconds=4, noise=True)


def later(manner):
    """A host that gives the first part well, and every later one in another manner."""

    def answer(handler):
        if handler.headers.get("range") in (None, f"bytes=0-{ranged.BLOCK_BYTES - 1}"):
            return handler.give(large_video())
        return manner(handler)

    return answer


def in_small_parts(handler):
    """Gives at most 64 KiB at once."""
    place = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("range") or "")
    if not place:
        return handler.give(large_video())
    first, last = int(place[1]), min(int(place[2]), int(place[1]) + 65535)
    span = f"bytes {first}-{last}/{len(large_video())}"
    return handler.answer(206, large_video()[first : last + 1], **{"Content-Range": span})


WAYWARD = {
    "/whole-later": later(lambda handler: handler.answer(200, large_video())),
    "/refused-later": later(lambda handler: handler.answer(403, b"")),
    "/unsatisfiable-later": later(lambda handler: handler.answer(416, b"")),
    "/nameless-later": later(lambda handler: handler.answer(206, large_video()[:99])),
    "/elsewhere-later": later(
        lambda handler: handler.answer(206, large_video()[:99], **{"Content-Range": f"bytes 0-98/{len(large_video())}"})
    ),
    "/small-parts": in_small_parts,
    "/part-for-the-whole": lambda handler: handler.answer(206, large_video()),
    "/unknown-for-the-whole": lambda handler: handler.answer(
        206, large_video(), **{"Content-Range": f"bytes 0-{len(large_video()) - 1}/*"}
    ),
}


@pytest.mark.parametrize("path", WAYWARD)
async def test_a_film_whose_host_keeps_to_no_range_is_read_as_a_whole(host, allowed, path):
    host.files = dict(WAYWARD)
    facts, problems = await measured(host.url + path)
    assert problems == {}
    assert facts[host.url + path].duration_seconds == 4.0


async def test_every_unreadable_source_is_told_with_its_reason(host, allowed):
    host.files = {path: given for path, (given, _) in BAD.items()}
    _, problems = await measured(*(host.url + path for path in BAD))
    missing = {
        path: problems.get(host.url + path)
        for path, (_, word) in BAD.items()
        if word not in problems.get(host.url + path, "")
    }
    assert missing == {}


async def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(host, allowed):
    head = bytearray(picture(8, 8))
    head[16:24] = (60000).to_bytes(4, "big") * 2
    host.files = {"/bomb.png": bytes(head)}
    _, problems = await measured(f"{host.url}/bomb.png")
    assert "60000" in problems[f"{host.url}/bomb.png"] or "pictur" in problems[f"{host.url}/bomb.png"]


async def test_a_server_that_trickles_is_given_up_at_the_deadline(host, allowed):
    host.files = {"/slow": trickle, "/a.png": picture()}
    facts, problems = await measured(f"{host.url}/slow", f"{host.url}/a.png", deadline_seconds=1.0)
    assert "within 1 s" in problems[f"{host.url}/slow"]
    assert f"{host.url}/a.png" in facts


async def test_a_fault_that_passes_is_tried_again(host, allowed):
    answers = iter([503, 429])

    def moody(handler):
        status = next(answers, None)
        handler.give(picture()) if status is None else handler.answer(status, b"")

    host.files = {"/a.png": moody}
    facts, problems = await measured(f"{host.url}/a.png")
    assert facts, problems


async def test_a_file_that_changes_while_it_is_read_is_refused(host, allowed):
    large = video(640, 480, seconds=4, noise=True)
    sizes = iter([large])

    def changing(handler):
        handler.give(next(sizes, large + b"x"))

    host.files = {"/a.mp4": changing}
    _, problems = await measured(f"{host.url}/a.mp4")
    assert "changes" in problems[f"{host.url}/a.mp4"]


async def test_loopback_is_refused_unless_it_is_named(host):
    host.files = {"/a.png": picture()}
    for name in ("127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]"):
        url = f"http://{name}:{host.port}/a.png"
        _, problems = await measured(url)
        assert "LONGTAKE_ALLOW_HOSTS" in problems[url] or "plain http" in problems[url], (name, problems)
    assert host.requests == []


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "fd00::1", "fe80::1"],
)
async def test_a_name_that_resolves_to_a_private_address_is_refused(address, monkeypatch):
    def resolve(host, port, **more):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr("longtake.files.web.guard.socket.getaddrinfo", resolve)
    _, problems = await measured("https://media.example.com/a.png")
    assert "private address" in problems["https://media.example.com/a.png"]


async def test_a_name_with_one_private_address_among_public_ones_is_refused(host, monkeypatch):
    def resolve(name, port, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr("longtake.files.web.guard.socket.getaddrinfo", resolve)
    _, problems = await measured(f"http://media.example.com:{host.port}/a.png")
    assert "private address" in problems[f"http://media.example.com:{host.port}/a.png"]
    assert host.requests == []


async def test_a_redirect_to_a_private_host_is_refused(host, monkeypatch):
    # The first hop is allowed by name; the name it sends us to resolves inside.
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "front.example.com")
    real = socket.getaddrinfo

    def resolve(name, port, **more):
        return real("127.0.0.1", port, **more)

    monkeypatch.setattr("longtake.files.web.guard.socket.getaddrinfo", resolve)
    host.files = {"/a.png": f"http://inside.example.com:{host.port}/b.png", "/b.png": picture()}
    url = f"http://front.example.com:{host.port}/a.png"
    _, problems = await measured(url)
    assert "inside.example.com is at the private address" in problems[url]
    assert [path for path, _ in host.requests] == ["/a.png"]


async def test_an_allowed_host_is_allowed_by_name(host, monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "other.example, localhost")
    host.files = {"/a.png": picture()}
    facts, _ = await measured(f"http://localhost:{host.port}/a.png")
    assert facts


async def test_problems_hold_no_signature(host, allowed):
    host.files = {"/a.png": 403}
    url = f"{host.url}/a.png?X-Amz-Signature=secret&X-Amz-Credential=key"
    _, problems = await measured(url)
    row = ManifestRow(
        row=7,
        reel="r",
        shot="1",
        lone=False,
        written=WrittenRow(request=ShotRequest(references=(Reference(role=Role.LAST_FRAME, source=url),))),
    )
    assert reference_sources([row]) == [(url, "image")]
    (violation,) = reference_violations([row], problems)
    assert "secret" not in str(violation)
    assert (violation.row, violation.shot_id, violation.column) == (7, "r/1", "last_frame")
    assert violation.value == f"{host.url}/a.png"
    assert "HTTP 403" in violation.rule


async def test_many_sources_are_looked_at_together_and_in_a_bounded_number(host, allowed):
    now = most = 0

    def counted(handler):
        nonlocal now, most
        now += 1
        most = max(most, now)
        import time

        time.sleep(0.05)
        now -= 1
        handler.give(picture(8, 8))

    host.files = {f"/{number}": counted for number in range(30)}
    facts, _ = await measured(*(host.url + path for path in host.files), at_once=5)
    assert len(facts) == 30
    assert 2 <= most <= 5


async def test_objects_of_a_bucket_are_read_by_ranges(monkeypatch):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        files = server.files()
        files.mkdir("references")
        large = video(640, 480, seconds=2, noise=True)
        for name, data in {"a.png": picture(), "b.mp4": large}.items():
            files.pipe_file(f"references/{name}", data)
        facts, problems = await measured(
            "s3://references/a.png", "s3://references/b.mp4", "s3://references/no.png", "s3://nobody/a.png"
        )
    assert facts["s3://references/a.png"].width == 640
    assert facts["s3://references/b.mp4"].duration_seconds == 2.0
    assert problems["s3://references/no.png"] == "there is no such object"
    assert "s3://nobody/a.png" in problems
