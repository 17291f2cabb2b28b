"""One way of a clip: downloaded once, sent to the store once, fetched back by nobody, its pictures decoded once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from longtake.files.local.process_folder import process_folder
from longtake.files.open_store import open_store
from longtake.jobs import download
from longtake.media.checking import viewing
from longtake.media.checking.policy import DriftLimits
from longtake.media.reading import pictures
from longtake.media.workers import WorkerPool
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.s3_server import S3Server, s3_server
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "r", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
CHAIN = [SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""} for n in range(1, 5)]
OUTPUT = "s3://films/way"
ANY_DRIFT = DriftLimits(brightness=None, contrast_ratio=None, colour=None, sharpness_ratio=None)
"""Each link is measured before the next is bought, and none is held."""


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, echo_frames=0)) as running:
        yield running


@pytest.fixture
def asked(monkeypatch):
    """What is asked of the S3 server for films: method (COPY for a copy within the store) and key."""
    found: list[tuple[str, str]] = []
    answer = S3Server.__call__

    def noting(server, environ, start_response):
        method, key = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if key.endswith(".mp4") and method != "HEAD":
            found.append(("COPY" if "HTTP_X_AMZ_COPY_SOURCE" in environ else method, key.rpartition("/way/")[2]))
        return answer(server, environ, start_response)

    monkeypatch.setattr(S3Server, "__call__", noting)
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("films", exist_ok=True)
        yield found


@pytest.fixture
def passes(monkeypatch):
    """How often each file's pictures are decoded, by the hash of its bytes; the decoders work in this process."""
    found: Counter[str] = Counter()
    strictly = pictures.decode_strictly

    def noting(video):
        found[hashlib.sha256(Path(video.container.name).read_bytes()).hexdigest()] += 1
        strictly(video)

    async def here(pool, function, *args, deadline_seconds, progress=None, **kwargs):
        told = {"progress": progress} if progress else {}
        return await asyncio.to_thread(function, *args, **kwargs, **told)

    monkeypatch.setattr(pictures, "decode_strictly", noting)
    monkeypatch.setattr(viewing, "decode_strictly", noting)
    monkeypatch.setattr(WorkerPool, "call", here)
    return found


@pytest.fixture
def downloads(monkeypatch):
    """The parts that are fetched from the vendor."""
    found: list[str] = []
    fetch = download.fetch

    async def noting(client, url, part, bounds=None):
        found.append(url)
        return await fetch(client, url, part, bounds)

    monkeypatch.setattr(download, "fetch", noting)
    return found


def of_clips(asked):
    """How often each clip of the ledger went over the line, by method."""
    found = Counter(method for method, key in asked if key.startswith("ledger/"))
    assert max(Counter(asked).values()) == 1, Counter(asked)
    return found


async def test_a_clip_of_a_chain_comes_once_goes_to_the_store_once_and_is_decoded_once(
    sandbox, asked, passes, downloads, write_manifest
):
    manifest, load = write_manifest(CHAIN), sandbox_accounts(sandbox)
    end = await render_plain(manifest, OUTPUT, load, drift_limits=ANY_DRIFT)
    assert end.verdicts == {"done": 4}, [row.error for row in end.rows]
    hashes = [hashlib.sha256(job.clip_bytes).hexdigest() for job in sandbox.jobs()]
    assert len(set(downloads)) == len(downloads) == 4
    assert of_clips(asked) == {"PUT": 4}
    assert Counter(method for method, key in asked if key.startswith("clips/")) == {"COPY": 4}
    assert passes == dict.fromkeys(hashes, 1)

    store = open_store(OUTPUT)
    receipt = json.loads(store.read("reels/r.json"))
    assert (len(receipt["echoes"]), len(receipt["drift"])) == (3, 4)
    wanted = [f"posters/r{name}.jpg" for name in ("", "/1", "/2", "/3", "/4")]
    assert sorted(store.list("posters")) == sorted(wanted)
    left = list(process_folder().rglob("*"))
    assert [path for path in left if path.is_file()] == []

    for key in ("reels/r.mp4", "reels/r.json"):
        store.remove(key)
    asked.clear()
    passes.clear()
    again = await render_plain(manifest, OUTPUT, load, drift_limits=ANY_DRIFT)
    assert (again.verdicts, again.bought_now, len(downloads)) == ({"done": 4}, 0, 4)
    assert of_clips(asked) == {"GET": 4}
    assert passes == dict.fromkeys(hashes, 1)
    made = json.loads(store.read("reels/r.json"))
    assert [made[name] for name in ("echoes", "drift", "sha256")] == [
        receipt[name] for name in ("echoes", "drift", "sha256")
    ]
