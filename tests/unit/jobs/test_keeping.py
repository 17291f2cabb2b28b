"""Paid bytes stay until what replaces them is there; what lies there and is right is taken; judged by bytes on disk."""

from __future__ import annotations

import fcntl
import hashlib
import os

import pytest

from longtake.domain.errors import PublishConflictError, StorageError
from longtake.files.directory import DirectoryStore
from longtake.files.open_store import open_store
from longtake.files.s3 import S3Store
from longtake.files.web.fetch import part_file
from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.e2e.s3_server import s3_server
from tests.plain_render import accounts_of, render_plain
from tests.unit.files.test_downloads import clips, manifest
from tests.unit.media_relay import media_relay


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
    relay.manner = None


async def render(relay, folder, output=None):
    return await render_plain(manifest(folder), output or folder / "out", accounts_of(relay.environment()))


async def test_a_damaged_clip_stays_until_the_vendor_gives_it_again(relay, tmp_path):
    await render(relay, tmp_path)
    (clip,) = clips(tmp_path)
    whole = clip.read_bytes()
    damaged = whole + b"\n"
    clip.write_bytes(damaged)
    relay.manner = lambda handler, _: handler.answer(403, b"dead")
    assert (await render(relay, tmp_path)).verdicts == {"lost": 1}
    assert clip.read_bytes() == damaged
    relay.manner = None
    assert (await render(relay, tmp_path)).verdicts == {"done": 1}
    assert clip.read_bytes() == whole
    assert relay.sandbox.bill.count() == len(relay.sandbox.jobs())


async def test_where_the_vendor_gives_other_bytes_than_were_recorded_both_are_kept(relay, tmp_path):
    await render(relay, tmp_path)
    (clip,) = clips(tmp_path)
    damaged = clip.read_bytes() + b"\n"
    clip.write_bytes(damaged)
    other = damaged[:-1] + b"\0\0\0\x0cfreemore"
    relay.manner = lambda handler, _: handler.answer(200, other)
    end = await render(relay, tmp_path)
    assert end.verdicts == {"lost": 1}
    assert clip.read_bytes() == damaged
    (beside,) = clip.parent.glob("other-*.mp4")
    assert beside.read_bytes() == other
    assert beside.name in end.rows[0].error
    # A person puts the whole one back.
    clip.write_bytes(damaged[:-1])
    assert (await render(relay, tmp_path)).verdicts == {"done": 1}


async def test_a_clip_in_the_store_is_taken_though_its_record_is_missing_and_its_link_dead(
    relay, tmp_path, monkeypatch
):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("films", exist_ok=True)
        for output, kind in ((str(tmp_path / "out"), DirectoryStore), ("s3://films/out", S3Store)):
            real = kind.create

            def no_clip_record(self, key, data, real=real):
                if key.endswith("clip.json"):
                    raise StorageError("the run dies here")
                return real(self, key, data)

            with monkeypatch.context() as patch:
                patch.setattr(kind, "create", no_clip_record)
                assert (await render(relay, tmp_path, output)).verdicts != {"done": 1}
            relay.manner = lambda handler, _: handler.answer(404, b"gone")
            relay.asked.clear()
            end = await render(relay, tmp_path, output)
            assert end.verdicts == {"done": 1}, end.rows[0].error
            assert relay.asked == []
            relay.manner = None
            store = open_store(output)
            (key,) = [one for one in store.list("ledger") if one.endswith("clip.mp4")]
            assert hashlib.sha256(store.read(key)).hexdigest() == end.rows[0].sha256
    assert relay.sandbox.bill.count() == len(relay.sandbox.jobs())


def test_a_part_has_one_holder_though_it_was_renamed_between_opening_and_locking(tmp_path, monkeypatch):
    real, stale = fcntl.flock, []

    def renamed_before(descriptor, how):
        # As another process would: its clip gets its final name after we opened the part and before we lock it.
        if not stale:
            stale.append(os.fstat(descriptor).st_ino)
            (tmp_path / "clip.mp4.part").rename(tmp_path / "clip.mp4")
        return real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", renamed_before)
    with part_file(tmp_path, "clip.mp4") as part:
        assert part.stat().st_ino != stale[0]
        with pytest.raises(PublishConflictError), part_file(tmp_path, "clip.mp4"):
            pass


def test_one_who_holds_a_part_under_its_final_name_is_its_only_holder(tmp_path):
    with part_file(tmp_path, "clip.mp4") as part:
        part.write_bytes(b"whole")
        part.replace(tmp_path / "clip.mp4")
        with pytest.raises(PublishConflictError), part_file(tmp_path, "clip.mp4"):
            pass
    with part_file(tmp_path, "clip.mp4"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]
