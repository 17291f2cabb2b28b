"""A file is given to vendors under the media type of its content, whatever it is called; judged by what arrived."""

from __future__ import annotations

import base64

import httpx
import pytest

from longtake.files.s3 import S3Store
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import CREDENTIALS, s3_server
from tests.media.reference_set import coded, saved, scene, turned, wav
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
NAMES = {
    "webp.jpg": lambda: saved(scene(), "WEBP"),
    "jpeg": lambda: saved(scene(), "JPEG"),
    "PHOTO.JPEG": lambda: saved(scene(), "JPEG", quality=60),
    "gif.png": lambda: saved(scene(), "GIF"),
    "mpo.heic": lambda: turned("MPO", 6),
    "tiff.bin": lambda: saved(scene(), "TIFF"),
}
NOT_EVOLINK = ("gif.png", "tiff.bin")
TYPES = {
    "webp.jpg": "image/webp",
    "jpeg": "image/jpeg",
    "PHOTO.JPEG": "image/jpeg",
    "gif.png": "image/gif",
    "mpo.heic": "image/jpeg",
    "tiff.bin": "image/tiff",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    without_films(monkeypatch)


@pytest.fixture
def rows(tmp_path):
    for name, make in NAMES.items():
        (tmp_path / name).write_bytes(make())
    (tmp_path / "voice").write_bytes(wav())
    (tmp_path / "song.wav").write_bytes(coded("mp3", "libmp3lame"))
    shots = [SHOT | {"id": f"p{place}", "prompt": name, "first_frame": name} for place, name in enumerate(NAMES)]
    sounds = {"voice": "audio/wav", "song.wav": "audio/mpeg"}
    shots += [
        SHOT | {"id": name, "prompt": name, "reference_images": "PHOTO.JPEG", "reference_audios": name}
        for name in sounds
    ]
    return shots, TYPES | sounds


def texts(body):
    """Every text in a request."""
    if isinstance(body, str):
        return [body]
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [text for part in parts for text in texts(part)]


async def test_inline_files_and_uploads_carry_the_type_of_their_content(tmp_path, sandbox, write_manifest, rows):
    shots, types = rows
    for vendor, of_vendor in {
        "anyfast": shots,
        "evolink": [shot for shot in shots if shot["prompt"] not in NOT_EVOLINK],
    }.items():
        manifest = write_manifest([shot | {"vendor": vendor} for shot in of_vendor])
        end = await render_plain(manifest, tmp_path / vendor, sandbox_accounts(sandbox), check=quick_check)
        assert end.verdicts == {"done": len(of_vendor)}
    sent = {
        str(entry.body["content"][0]["text"]): [
            text.partition(";")[0] for text in texts(entry.body) if text.startswith("data:")
        ][-1]
        for entry in sandbox.bill.entries
        if entry.vendor == "anyfast"
    }
    assert sent == {name: f"data:{kind}" for name, kind in types.items()}
    kept = {upload.name: upload.mime_type for upload in sandbox._uploads.of("evolink", "default")}
    assert kept == {
        "webp.webp": "image/webp",
        "jpeg.jpg": "image/jpeg",
        "PHOTO.JPEG": "image/jpeg",
        "mpo.jpg": "image/jpeg",
        "voice.wav": "audio/wav",
        "song.mp3": "audio/mpeg",
    }


async def test_a_data_address_of_the_manifest_goes_out_under_the_type_of_its_content(tmp_path, sandbox, write_manifest):
    webp, named = (base64.b64encode(saved(scene(), form)).decode() for form in ("WEBP", "PNG"))
    rows = [
        SHOT | {"vendor": "anyfast", "id": name, "prompt": name, "first_frame": address}
        for name, address in {
            "wrong": f"data:image/jpeg;base64,{webp}",
            "right": f"data:image/png;base64,{named}",
        }.items()
    ]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": 2}
    sent = {text for entry in sandbox.bill.entries for text in texts(entry.body) if text.startswith("data:")}
    assert sent == {f"data:image/webp;base64,{webp}", f"data:image/png;base64,{named}"}


async def test_links_of_the_clip_store_lead_to_files_of_the_type_of_their_content(
    tmp_path, sandbox, write_manifest, rows, monkeypatch
):
    shots, types = rows
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        server.files().mkdir("media-types")
        store = S3Store("s3://media-types", endpoint_url=server.url, public_endpoint_url=server.url)
        manifest = write_manifest([shot | {"vendor": "powertokens"} for shot in shots])
        load = sandbox_accounts(sandbox)
        end = await render_plain(manifest, tmp_path / "out", load, check=quick_check, clip_store=store)
        assert end.verdicts == {"done": len(shots)}
        told: set[str] = set()
        links = [text for entry in sandbox.bill.entries for text in texts(entry.body) if text.startswith("http")]
        async with httpx.AsyncClient(trust_env=False) as client:
            for link in links:
                told.add((await client.get(link)).headers["content-type"].replace("x-wav", "wav"))
    assert told == set(types.values())
