"""Films of the ledger on S3 that changed since they were recorded: seen in the list that is asked for anyway."""

from __future__ import annotations

from collections import Counter

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
OUTPUT = "s3://film-stamps/out"


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.2, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("longtake.rendering.report.EVERY_SECONDS", 600.0)
    with s3_server() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.files().makedirs("film-stamps", exist_ok=True)
        if running.files().exists("film-stamps/out"):  # of the test before: what answers is one for all
            running.files().rm("film-stamps/out", recursive=True)
        yield running


@pytest.fixture
def render(sandbox, server, write_manifest, monkeypatch):
    """Renders two lone shots; tells how it ended and how often the ledger's films were read or asked about."""
    without_films(monkeypatch)
    manifest = write_manifest([SHOT | {"id": f"lone-{n}", "prompt": f"row {n}"} for n in range(2)])

    async def run():
        since = len(server.requests)
        end = await render_plain(manifest, OUTPUT, sandbox_accounts(sandbox), check=quick_check)
        looks = [key for kind, key in server.requests[since:] if kind in ("GET", "HEAD") and key.endswith("/clip.mp4")]
        return end, Counter(looks)

    return run


def paid() -> dict[str, bytes]:
    """The films of the ledger."""
    store = open_store(OUTPUT)
    return {key: store.read(key) for key in store.list("ledger") if key.endswith(".mp4")}


async def test_other_bytes_of_the_same_size_are_noticed_and_fetched_again_for_nothing(sandbox, server, render):
    await render()
    films, bought = paid(), sandbox.bill.count()
    key = min(films)
    server.files().pipe_file(f"film-stamps/out/{key}", bytes(len(films[key])))
    end, asked = await render()
    assert end.all_done
    assert (end.bought_now, sandbox.bill.count()) == (0, bought)
    assert paid() == films
    assert set(asked) == {f"/film-stamps/out/{key}"}
    _, later = await render()
    assert not later  # it is as it was recorded again


async def test_a_film_with_another_stamp_and_the_same_bytes_is_looked_at_once(sandbox, server, render):
    await render()
    films, bought, key = paid(), sandbox.bill.count(), min(paid())
    began = Ledger(open_store(OUTPUT)).load()
    # As a tool copies it that sends it in parts: the ETag of such an object is no MD5.
    files, data = server.files(), films[key]
    part = files.call_s3("create_multipart_upload", Bucket="film-stamps", Key=f"out/{key}")
    about = {"Bucket": "film-stamps", "Key": f"out/{key}", "UploadId": part["UploadId"]}
    tag = files.call_s3("upload_part", PartNumber=1, Body=data, **about)["ETag"]
    files.call_s3("complete_multipart_upload", MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **about)
    asked: list[Counter[str]] = []
    for _ in range(3):
        end, counts = await render()
        assert end.all_done
        asked.append(counts)
    assert sandbox.bill.count() == bought
    assert paid() == films
    assert set(asked[0]) == {f"/film-stamps/out/{key}"}
    assert asked[1:] == [Counter(), Counter()]
    again = Ledger(open_store(OUTPUT)).load()
    assert all(purchase.clip.at == began[identity].clip.at for identity, purchase in again.items())
    assert all(purchase.clip_bytes for purchase in again.values())


async def test_records_without_a_stamp_go_by_the_size_alone(sandbox, server, render, monkeypatch):
    monkeypatch.setattr("longtake.files.s3.S3Store.listed_stamp", lambda store, key: None)  # as releases before
    await render()
    bought, key = sandbox.bill.count(), min(films := paid())
    server.files().pipe_file(f"film-stamps/out/{key}", bytes(len(films[key])))
    end, asked = await render()
    assert end.all_done
    assert not asked
    assert sandbox.bill.count() == bought
