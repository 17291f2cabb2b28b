"""A manifest with more than sixty different faults is refused in one pass, and no vendor hears of it."""

from __future__ import annotations

import functools
import io
import wave

import pytest

from longtake.domain.errors import InvalidManifestError
from longtake.domain.request import Role
from longtake.manifests.schema import COLUMNS
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.plain_render import render_plain, sandbox_accounts
from tests.unit.media_server import media_server, picture, video

REFERENCE_COLUMNS = {role.column for role in Role}


def sound(seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(16000 * seconds))
    return file.getvalue()


@functools.cache
def files():
    """What the host gives, by path; made when it is asked for, since every process of the tests reads this module."""
    return {
        "/fine.png": picture(640, 480, "PNG"),
        "/fine.webp": picture(640, 480, "WEBP"),
        "/fine.gif": picture(640, 480, "GIF"),
        "/small.png": picture(200, 200),
        "/wide.png": picture(2000, 400),
        "/tall.png": picture(300, 2000),
        "/huge.png": picture(7000, 3000),
        "/fine.mp4": video(640, 640, 3),
        "/short.mp4": video(640, 640, 1),
        "/long.mp4": video(640, 640, 16),
        "/half.mp4": video(640, 640, 9),
        "/slow.mp4": video(640, 640, 3, fps=10),
        "/tiny.mp4": video(640, 480, 3),
        "/fine.wav": sound(3),
        "/short.wav": sound(1),
        "/long.wav": sound(20),
        "/half.wav": sound(9),
        "/page.png": b"<html>not found</html>",
        "/cut.mp4": video(640, 640, 3)[:-700],
        "/forbidden.png": 403,
        "/inside.png": "http://10.1.2.3/secret.png",
    }


RIGHT = {"vendor": "evolink", "prompt": "a cat", "duration_seconds": "5"}

# Column and some words of the rule, then the cells that differ from a right row; names of files become addresses.
FAULTS: list[tuple[str, str, dict[str, str]]] = [
    # the cells themselves
    ("prompt", "no column 'missing'", {"prompt": "a {missing} thing"}),
    ("prompt", "is not a column's plain name", {"prompt": "a {vendor.title} thing"}),
    ("prompt", "is no placeholder", {"prompt": "a } thing"}),
    ("vendor", "there is no vendor", {"vendor": "nobody"}),
    ("vendor", "not a vendor's name", {"vendor": "evo link!"}),
    ("model", "EvoLink has", {"model": "seedance-9"}),
    ("duration_seconds", "neither whole seconds nor auto", {"duration_seconds": "5s"}),
    ("seed", "not a whole number", {"vendor": "powertokens", "seed": "many"}),
    ("generate_audio", "neither true nor false", {"generate_audio": "perhaps"}),
    ("take", "takes count from 1", {"take": "0"}),
    ("variants", "1 to 100 variants", {"variants": "1000"}),
    ("continue_from", "a shot continues from", {"continue_from": "picture", "reel": "cf1", "shot": "2"}),
    ("continue_from", "no shot before it", {"continue_from": "clip", "reel": "cf2", "shot": "1"}),
    ("shot", "a row with a reel needs a shot", {"reel": "nameless"}),
    ("callback_url", "well-formed", {"callback_url": "not an address"}),
    ("first_frame", "no such file", {"first_frame": "nowhere.png"}),
    ("first_frame", "leaves its folder", {"first_frame": "../outside.png"}),
    ("first_frame", "addresses are not taken", {"first_frame": "ftp://example.com/a.png"}),
    ("first_frame", "not a well-formed data URI", {"first_frame": "data:image/png,plain"}),
    ("first_frame", "of video, not image", {"first_frame": "data:video/mp4;base64,AAAA"}),
    ("first_frame", "takes one value", {"first_frame": "/fine.png|/fine.webp"}),
    ("reference_tail_seconds", "not a number of seconds", {"reference_tail_seconds": "some"}),
    # what a model takes
    ("duration_seconds", "4 to 15 s", {"duration_seconds": "3"}),
    ("duration_seconds", "4 to 12 s", {"vendor": "jimmyai", "model": "sd2_mx_720p", "duration_seconds": "13"}),
    ("duration_seconds", "cannot choose", {"vendor": "anyfast", "duration_seconds": "auto"}),
    ("resolution", "480p, 720p", {"resolution": "1080p"}),
    ("resolution", "requires resolution", {"vendor": "anyfast", "model": "seedance-2.0-ultra"}),
    ("ratio", "this model takes", {"ratio": "2:1"}),
    ("ratio", "16:9, 9:16, 1:1", {"vendor": "jimmyai", "model": "seedance2.0-md", "ratio": "4:3"}),
    ("seed", "cannot honour seed", {"seed": "7"}),
    ("seed", "a seed lies in", {"vendor": "powertokens", "seed": "5000000000"}),
    ("watermark", "cannot honour watermark", {"vendor": "jimmyai", "watermark": "true"}),
    ("web_search", "cannot honour web_search", {"vendor": "powertokens", "web_search": "true"}),
    ("web_search", "works in mode", {"vendor": "anyfast", "web_search": "true", "reference_images": "/fine.png"}),
    ("safety_identifier", "at most 64", {"vendor": "powertokens", "safety_identifier": "x" * 65}),
    ("callback_url", "https addresses only", {"callback_url": "http://example.com/hook"}),
    ("callback_url", "private addresses", {"callback_url": "https://192.168.0.1/hook"}),
    ("callback_url", "at most 2048", {"callback_url": f"https://example.com/{'x' * 2040}"}),
    ("prompt", "requires a prompt", {"prompt": " "}),
    ("prompt", "without media a prompt", {"vendor": "anyfast", "prompt": ""}),
    ("prompt", "at most 10000", {"prompt": "word " * 10_500}),
    ("prompt", "at most 5000", {"vendor": "jimmyai", "model": "seedance2.0-md", "prompt": "x" * 5001}),
    ("prompt", "speaks of '视频2'", {"prompt": "接视频2"}),
    ("prompt", "speaks of '@Image3'", {"prompt": "like @Image3"}),
    # what references may be together
    (
        "first_frame",
        "cannot be mixed",
        {"vendor": "anyfast", "first_frame": "/fine.png", "reference_images": "/fine.png"},
    ),
    ("first_frame", "a last frame needs a first", {"last_frame": "/fine.png"}),
    (
        "last_frame",
        "only with a last frame",
        {"vendor": "jimmyai", "model": "seedance2.0-md", "first_frame": "/fine.png"},
    ),
    ("reference_audios", "cannot be the only reference", {"vendor": "anyfast", "reference_audios": "/fine.wav"}),
    ("reference_images", "takes 9 image(s), 10", {"reference_images": "|".join(["/fine.png"] * 10)}),
    ("reference_videos", "takes 3 video(s), 4", {"reference_videos": "|".join(["/fine.mp4"] * 4)}),
    ("reference_videos", "last 18.00 s in all", {"reference_videos": "/half.mp4|/half.mp4"}),
    (
        "reference_audios",
        "last 18.00 s in all",
        {"reference_images": "/fine.png", "reference_audios": "/half.wav|/half.wav"},
    ),
    # what the files are
    ("first_frame", "300 is required", {"first_frame": "/small.png"}),
    ("first_frame", "2.5 is taken", {"first_frame": "/wide.png"}),
    ("first_frame", "0.4 is required", {"first_frame": "/tall.png"}),
    ("first_frame", "6000 is taken", {"first_frame": "/huge.png"}),
    ("first_frame", "gif is not taken", {"first_frame": "/fine.gif"}),
    ("reference_videos", "2 is required", {"reference_videos": "/short.mp4"}),
    ("reference_videos", "15 is taken", {"reference_videos": "/long.mp4"}),
    ("reference_videos", "24 is required", {"reference_videos": "/slow.mp4"}),
    ("reference_videos", "409600 is required", {"reference_videos": "/tiny.mp4"}),
    (
        "reference_videos",
        "720 is required",
        {"vendor": "jimmyai", "model": "seedance2.0-md", "reference_videos": "/tiny.mp4"},
    ),
    ("reference_audios", "2 is required", {"reference_images": "/fine.png", "reference_audios": "/short.wav"}),
    ("reference_audios", "15 is taken", {"reference_images": "/fine.png", "reference_audios": "/long.wav"}),
    ("reference_images", "this is video, not image", {"reference_images": "/fine.mp4"}),
    ("reference_images", "an HTML or XML page", {"reference_images": "/page.png"}),
    ("reference_videos", "cut short", {"reference_videos": "/cut.mp4"}),
    ("reference_images", "HTTP 403", {"reference_images": "/forbidden.png"}),
    ("reference_images", "HTTP 404", {"reference_images": "/gone.png"}),
    ("reference_images", "private address", {"reference_images": "/inside.png"}),
]


@pytest.fixture
def faulty(monkeypatch, write_manifest):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with media_server() as host, Sandbox(SandboxSettings(media="stub")) as sandbox:
        host.files = files()

        def cell(column, value):
            if column not in REFERENCE_COLUMNS:
                return value
            return "|".join(host.url + part if part.startswith("/") else part for part in value.split("|"))

        rows = [
            {column: cell(column, value) for column, value in (RIGHT | {"id": f"fault-{number}"} | cells).items()}
            for number, (_, _, cells) in enumerate(FAULTS)
        ]
        for row in rows:
            if "reel" in row:
                del row["id"]
        # A chain needs a shot to go on from.
        rows.append(RIGHT | {"reel": "cf1", "shot": "1"})
        yield sandbox, write_manifest(rows)


async def test_more_than_sixty_faults_are_found_in_one_pass(tmp_path, faulty):
    sandbox, manifest = faulty
    options = RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"))
    prepared = await prepare(options, load_account=sandbox_accounts(sandbox))
    found = prepared.plan.refusals
    by_row = {
        number: [violation for violation in found if violation.row == number] for number in range(1, len(FAULTS) + 2)
    }
    wrong = {
        number: (column, words, [str(violation) for violation in by_row[number]])
        for number, (column, words, _) in enumerate(FAULTS, 1)
        if [violation.column for violation in by_row[number]] != [column] or words not in by_row[number][0].rule
    }
    assert wrong == {}
    assert len(found) == len(FAULTS) >= 60
    assert len({(violation.column, violation.rule) for violation in found}) >= 60
    for violation in found:
        assert violation.row
        assert violation.column in COLUMNS
        assert violation.rule
        assert violation.fix


async def test_the_run_is_refused_and_no_vendor_hears_of_it(tmp_path, faulty):
    sandbox, manifest = faulty
    with pytest.raises(InvalidManifestError) as refused:
        await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox))
    assert len(refused.value.violations) == len(FAULTS)
    assert str(refused.value).count("\n") >= len(FAULTS)
    assert sandbox.bill.request_count() == 0
    assert not (tmp_path / "out" / "ledger").exists()
