"""The example storyboard rendered into a bucket: everything lies there, and only there; an unsafe bucket is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from longtake.domain.errors import UnsafeStoreError
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.conftest import frame_codes
from tests.e2e.quick_steps import no_pictures, quick_check
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

STORYBOARD = Path(__file__).parents[2] / "examples/storyboard.parquet"
SHOTS = ["lighthouse/1", "day/1", "courier/1", "courier/2", "courier/3"]


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.2, jobs_per_key=None)) as running:
        yield running


@pytest.fixture
def server(monkeypatch):
    with s3_server() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.files().makedirs("films", exist_ok=True)
        yield running


async def test_the_storyboard_is_rendered_into_a_bucket_and_bought_once(tmp_path, sandbox, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output, load = "s3://films/storyboard", sandbox_accounts(sandbox)
    end = await render_plain(STORYBOARD, output, load)
    assert end.all_done, [row.error for row in end.rows]
    store = open_store(output)
    jobs = {job.order.prompt: job for job in sandbox.jobs()}
    assert len(jobs) == sandbox.bill.count() == 5

    purchases = Ledger(store).load()
    assert {purchase.state(0) for purchase in purchases.values()} == {State.DONE}
    assert sorted(purchase.intent.shot_id for purchase in purchases.values()) == sorted(SHOTS)

    results = pyarrow.parquet.read_table(io.BytesIO(store.read("results.parquet"))).to_pylist()
    assert [(row["shot_id"], row["verdict"]) for row in results] == [(shot_id, "done") for shot_id in SHOTS]
    texts = list(csv.DictReader(io.StringIO(store.read("results.csv").decode("utf-8-sig"), newline="")))
    assert [row["sha256"] for row in texts] == [row["sha256"] for row in results]
    for row in results:
        assert store.read(row["clip"]) == sandbox.job(row["job_id"]).clip_bytes
        assert store.sha256(row["clip"]) == row["sha256"]
        sidecar = json.loads(store.read(row["clip"].removesuffix(".mp4") + ".json"))
        assert (sidecar["shot_id"], sidecar["job_id"]) == (row["shot_id"], row["job_id"])

    reels = sorted(key for key in store.list("reels") if key.endswith(".mp4"))
    assert reels == ["reels/courier.mp4", "reels/day.mp4", "reels/lighthouse.mp4"]
    film = tmp_path / "courier.mp4"
    film.write_bytes(store.read("reels/courier.mp4"))
    courier = [sandbox.job(row["job_id"]).number for row in results[2:]]
    assert frame_codes(film) == [(number, frame) for number in courier for frame in range(97)]
    receipt = json.loads(store.read("reels/courier.json"))
    assert receipt["frames"] == 3 * 97
    assert [clip["shot_id"] for clip in receipt["clips"]] == SHOTS[2:]
    film.unlink()
    assert list(tmp_path.iterdir()) == []
    assert not [key for key in server.files().find("films") if "part" in key or "probe" in key]

    requests = sandbox.bill.request_count()
    made = {key: server.files().info(f"films/storyboard/{key}")["LastModified"] for key in reels}
    again = await render_plain(STORYBOARD, output, load)
    assert again.all_done
    assert again.bought_now == 0
    assert (sandbox.bill.count(), sandbox.bill.request_count()) == (5, requests)
    assert {key: server.files().info(f"films/storyboard/{key}")["LastModified"] for key in reels} == made


async def test_a_missing_object_is_fetched_again_and_not_bought_again(sandbox, server, write_manifest, monkeypatch):
    monkeypatch.setattr("longtake.rendering.render.make_pictures", no_pictures)
    output, load = "s3://films/holes", sandbox_accounts(sandbox)
    shot = {"id": "x", "vendor": "evolink", "prompt": "p", "duration_seconds": 4, "resolution": "480p"}
    manifest = write_manifest([shot])
    await render_plain(manifest, output, load, check=quick_check)
    (clip,) = [key for key in server.files().find("films/holes/ledger") if key.endswith("clip.mp4")]
    for name in (clip, "films/holes/clips/x/1.mp4", "films/holes/reels/x.mp4"):
        server.files().rm_file(name)
    end = await render_plain(manifest, output, load, check=quick_check)
    assert end.all_done
    assert sandbox.bill.count() == 1
    for name in (clip, "films/holes/clips/x/1.mp4", "films/holes/reels/x.mp4"):
        assert server.files().cat_file(name) == sandbox.jobs()[0].clip_bytes


async def test_a_bucket_that_lets_a_second_exclusive_create_succeed_is_refused(sandbox, server):
    server.forgets_conditions = True
    with pytest.raises(UnsafeStoreError, match="second exclusive create"):
        await render_plain(STORYBOARD, "s3://films/unsafe", sandbox_accounts(sandbox))
    assert sandbox.bill.request_count() == 0
    assert server.files().find("films/unsafe") == []


async def test_a_bucket_whose_answers_get_lost_is_not_taken_for_an_unsafe_one(server):
    server.loses_answers = True
    open_store("s3://films/lossy").prove_exclusive()
    assert len(server.lost) == 1


@pytest.mark.parametrize(
    "output", ["s3://no-such-bucket/out", pytest.param("s3://films/out", marks=pytest.mark.slow, id="nobody-there")]
)
async def test_a_bucket_that_cannot_be_written_is_refused_before_anything_is_bought(
    sandbox, server, monkeypatch, output
):
    if "films" in output:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnsafeStoreError, match="cannot keep the output") as refused:
        await render_plain(STORYBOARD, output, sandbox_accounts(sandbox))
    assert "hunter2" not in str(refused.value)
    assert sandbox.bill.request_count() == 0
