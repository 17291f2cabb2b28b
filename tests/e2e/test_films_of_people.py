"""Films that people see share no bytes with the ledger's; what a person puts in their place is kept and told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from longtake.files.open_store import open_store
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import alike_clips, no_pictures, quick_check
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

HERO, PAIR = "reels/hero.mp4", "reels/pair.mp4"
GRADED = b"a film that a person graded"


@pytest.fixture(scope="module")
def sandbox():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
        patch.setattr("longtake.rendering.render.make_pictures", no_pictures)
        alike_clips(patch)
        with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None)) as running:
            yield running


@pytest.fixture(scope="module")
def render(sandbox, tmp_path_factory):
    """Renders a film of one clip and one of two."""
    manifest = tmp_path_factory.mktemp("manifest") / "m.csv"
    rows = ["hero,1,alone", "pair,1,pair 1", "pair,2,pair 2"]
    given = [f"{row},evolink,4,480p,16:9" for row in rows]
    manifest.write_text("\n".join(["reel,shot,prompt,vendor,duration_seconds,resolution,ratio", *given]))

    async def run(output, **options):
        return await render_plain(manifest, output, sandbox_accounts(sandbox), check=quick_check, **options)

    return run


@pytest.fixture(scope="module")
def rendered(render, tmp_path_factory) -> Path:
    """An output that is bought once, and copied for each test."""
    output = tmp_path_factory.mktemp("rendered") / "out"
    assert asyncio.run(render(output)).all_done
    return output


@pytest.fixture
async def out(tmp_path, rendered, render, sandbox) -> Path:
    """A copy of its own, in which a run has found everything."""
    output = tmp_path / "out"
    shutil.copytree(rendered, output)
    before = sandbox.bill.count()
    end = await render(output)
    assert (end.all_done, sandbox.bill.count()) == (True, before)
    return output


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("people", exist_ok=True)
        yield open_store(f"s3://people/{tmp_path.name}")


def whole(folder: Path, pattern: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(pattern)}


def put_over(path: Path, data: bytes) -> None:
    """As `cp` does: into the file that is there."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


async def test_writing_into_a_film_that_people_see_leaves_the_ledger_as_it_was(tmp_path, sandbox, render):
    out, before = tmp_path / "fresh", len(sandbox.jobs())
    assert (await render(out)).all_done
    paid = whole(out, "ledger/*/clip.mp4")
    for path in [*out.glob("clips/*/*.mp4"), *out.glob("reels/*.mp4")]:
        put_over(path, GRADED)
    assert whole(out, "ledger/*/clip.mp4") == paid
    assert {hashlib.sha256(data).hexdigest() for data in paid.values()} == {
        hashlib.sha256(job.clip_bytes).hexdigest() for job in sandbox.jobs()[before:]
    }


@pytest.mark.parametrize("key", [HERO, PAIR, "clips/hero/1.mp4"])
@pytest.mark.parametrize("is_same_size", [False, True], ids=["another-size", "same-size-and-time"])
async def test_a_film_of_a_person_is_kept_and_told_and_ours_stands_there_again(out, sandbox, render, key, is_same_size):
    bill = sandbox.bill.count()
    path, ours = out / key, (out / key).read_bytes()
    theirs = bytes(len(ours)) if is_same_size else GRADED
    before = path.stat()
    put_over(path, theirs)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    end = await render(out)
    assert end.all_done
    kept = path.with_name(f"{path.stem}.edited-1.mp4")
    assert (kept.read_bytes(), path.read_bytes()) == (theirs, ours)
    assert sandbox.bill.count() == bill
    assert any(str(kept.relative_to(out)) in notice for notice in end.notices)
    assert str(kept.relative_to(out)) in " ".join(json.loads((out / "report.json").read_text())["notices"])
    put_over(path, b"graded again")
    await render(out)
    assert kept.read_bytes() == theirs
    assert path.with_name(f"{path.stem}.edited-2.mp4").read_bytes() == b"graded again"
    assert not [notice for notice in (await render(out)).notices if "edited" in notice]


async def test_a_person_s_link_in_place_of_a_reel_keeps_what_it_leads_to(tmp_path, out, render):
    graded = tmp_path / "graded.mp4"
    graded.write_bytes(GRADED)
    (out / HERO).unlink()
    (out / HERO).symlink_to(graded)
    await render(out)
    assert graded.read_bytes() == GRADED
    assert (out / "reels/hero.edited-1.mp4").read_bytes() == GRADED
    assert not (out / HERO).is_symlink()


async def test_a_new_wish_for_a_reel_keeps_a_person_s_film_too(out, render):
    put_over(out / PAIR, GRADED)
    await render(out, reel_style={"fade_seconds": 0.01})
    assert (out / "reels/pair.edited-1.mp4").read_bytes() == GRADED
    made = (out / PAIR).read_bytes()
    await render(out)
    assert (out / PAIR).read_bytes() != made  # ours is ours to replace
    assert len(list(out.glob("reels/*.edited-*"))) == 1


async def test_an_output_of_the_last_release_is_parted_from_the_ledger_before_anything_else(out, sandbox, render):
    bill = sandbox.bill.count()
    for key in ("clips/hero/1.mp4", HERO):
        sidecar = out / key.replace(".mp4", ".json")
        told = json.loads(sidecar.read_text())
        paid = out / "ledger" / json.loads((out / "clips/hero/1.json").read_text())["identity"] / "clip.mp4"
        (out / key).unlink()
        (out / key).hardlink_to(paid)
        sidecar.write_text(json.dumps({k: v for k, v in told.items() if k not in ("stamp", "sha256", "partial")}))
    before = whole(out, "ledger/*/clip.mp4")
    end = await render(out)
    assert not end.notices
    assert [path for path in out.glob("**/*.mp4") if path.stat().st_nlink > 1] == []
    for key in ("clips/hero/1.mp4", HERO):
        put_over(out / key, GRADED)
    assert whole(out, "ledger/*/clip.mp4") == before
    await render(out)
    assert (out / "reels/hero.edited-1.mp4").read_bytes() == GRADED
    assert sandbox.bill.count() == bill


async def test_links_of_a_tool_that_found_the_same_bytes_twice_are_parted(out, sandbox, render):
    bill = sandbox.bill.count()
    identity = json.loads((out / "clips/hero/1.json").read_text())["identity"]
    paid, clip, ring = out / "ledger" / identity / "clip.mp4", out / "clips/hero/1.mp4", out / "clips/ring.mp4"
    clip.unlink()
    clip.symlink_to(paid)
    ring.symlink_to(ring)
    await render(out)
    assert not clip.is_symlink()
    bytes_paid_for = paid.read_bytes()
    put_over(clip, GRADED)
    assert paid.read_bytes() == bytes_paid_for
    assert sandbox.bill.count() == bill


async def test_a_run_killed_between_film_and_receipt_takes_its_own_film_for_no_stranger(tmp_path, render, monkeypatch):
    out = tmp_path / "fresh"
    real = DirectoryPublish(monkeypatch)
    end = await render(out)
    assert set(end.reels_missing) == {"pair"}
    assert (out / PAIR).exists()
    real.restore()
    end = await render(out)
    assert end.all_done
    assert not end.notices
    assert list(out.glob("reels/*.edited-*")) == []


class DirectoryPublish:
    """A store that dies when a stitched film has its name."""

    def __init__(self, monkeypatch):
        from longtake.files.directory import DirectoryStore

        self.real, self.patch, self.store = DirectoryStore.publish, monkeypatch, DirectoryStore

        def dies(store, local, key):
            self.real(store, local, key)
            if key.startswith("reels/"):
                raise OSError("killed")

        monkeypatch.setattr(DirectoryStore, "publish", dies)

    def restore(self):
        self.patch.setattr(self.store, "publish", self.real)


@pytest.mark.parametrize("key", [HERO, PAIR, "clips/hero/1.mp4"])
async def test_an_upload_over_a_film_in_a_bucket_is_kept_and_told(sandbox, render, bucket, key):
    await render(bucket.url)
    bill = sandbox.bill.count()
    ours = bucket.read(key)
    bucket.write(key, bytes(len(ours)))
    end = await render(bucket.url)
    assert end.all_done
    kept = key.replace(".mp4", ".edited-1.mp4")
    assert (bucket.read(kept), bucket.read(key)) == (bytes(len(ours)), ours)
    assert any(kept in notice for notice in end.notices)
    assert sandbox.bill.count() == bill
