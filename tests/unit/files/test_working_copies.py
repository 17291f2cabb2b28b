"""Copies of a remote store's clips: sent and fetched once, within a bound, gone at the end; judged by bytes on disk."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from longtake.domain.errors import StorageError
from longtake.files.directory import DirectoryStore
from longtake.files.local import copies as module
from longtake.files.local import process_folder as place
from longtake.files.local.copies import WorkingCopies
from longtake.files.local.process_folder import process_folder, scratch_folder
from longtake.files.private_folder import private_folder
from tests.house.memory_store import MemoryStore


class Far(MemoryStore):
    """A remote store that counts what is fetched, and refuses what a test says."""

    def __init__(self, name: str) -> None:
        super().__init__(f"memory://{name}")
        self.fetched: Counter[str] = Counter()
        self.is_full = False

    def fetch(self, key: str, target: Path) -> Path:
        self.fetched[key] += 1
        return super().fetch(key, target)

    def publish(self, local: Path, key: str) -> None:
        if self.is_full:
            raise OSError("no room")
        super().publish(local, key)


@pytest.fixture
def far(request):
    store = Far(request.node.name)
    yield store
    store.copies.clear()
    assert not list(process_folder("copies").iterdir())


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(store, folder, data, key="ledger/1/clip.mp4"):
    part = folder / "clip.mp4.part"
    part.write_bytes(data)
    store.copies.publish(part, key, sha(data))
    return key


def test_what_was_published_is_at_hand_and_never_fetched(far, tmp_path):
    key = put(far, tmp_path, b"film")
    got = far.copies.fetch(key, sha(b"film"), tmp_path / "one.mp4")
    assert (got.read_bytes(), far.read(key), far.fetched) == (b"film", b"film", {})
    assert not (tmp_path / "clip.mp4.part").exists()


def test_of_many_who_want_a_clip_at_once_one_fetches_it(far, tmp_path):
    far.write("ledger/1/clip.mp4", b"film")
    threads = [
        threading.Thread(target=far.copies.fetch, args=("ledger/1/clip.mp4", sha(b"film"), tmp_path / f"{n}.mp4"))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"film"}
    assert far.fetched == {"ledger/1/clip.mp4": 1}


def test_a_copy_that_is_let_go_stays_with_whoever_reads_it_and_is_fetched_anew_for_the_next(far, tmp_path):
    key = put(far, tmp_path, b"film")
    got = far.copies.fetch(key, sha(b"film"), tmp_path / "one.mp4")
    far.copies.release([sha(b"film")])
    assert got.read_bytes() == b"film"
    assert far.copies.fetch(key, sha(b"film"), tmp_path / "two.mp4").read_bytes() == b"film"
    assert far.fetched == {key: 1}


def test_copies_keep_their_bound_and_the_latest_stay(far, tmp_path):
    few = WorkingCopies(far, most_bytes=10)
    for number in range(4):
        (tmp_path / "part").write_bytes(bytes([number]) * 4)
        few.publish(tmp_path / "part", f"ledger/{number}/clip.mp4", sha(bytes([number]) * 4))
    assert sum(path.stat().st_size for path in process_folder("copies").iterdir()) == 8
    for number in (3, 2, 0):
        few.fetch(f"ledger/{number}/clip.mp4", sha(bytes([number]) * 4), tmp_path / f"{number}.mp4")
    assert far.fetched == {"ledger/0/clip.mp4": 1}
    few.clear()


def test_nothing_is_kept_where_the_disk_is_nearly_full(far, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOM_BYTES", 2**80)
    key = put(far, tmp_path, b"film")
    assert not list(process_folder("copies").iterdir())
    assert far.copies.fetch(key, sha(b"film"), tmp_path / "one.mp4").read_bytes() == b"film"


def test_a_clip_that_the_store_did_not_take_is_no_copy(far, tmp_path):
    far.is_full = True
    with pytest.raises(OSError, match="no room"):
        put(far, tmp_path, b"film")
    assert (tmp_path / "clip.mp4.part").read_bytes() == b"film"
    assert not list(process_folder("copies").iterdir())


def test_other_bytes_than_were_recorded_reach_nobody(far, tmp_path):
    far.write("ledger/1/clip.mp4", b"another film")
    with pytest.raises(StorageError, match="other bytes"):
        far.copies.fetch("ledger/1/clip.mp4", sha(b"film"), tmp_path / "one.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_was_swept_by_others_is_fetched_anew(far, tmp_path):
    key = put(far, tmp_path, b"film")
    for path in process_folder("copies").iterdir():
        path.unlink()
    assert far.copies.fetch(key, sha(b"film"), tmp_path / "one.mp4").read_bytes() == b"film"


def test_of_a_folder_the_files_themselves_are_used(tmp_path):
    store = DirectoryStore(tmp_path / "out")
    key = put(store, tmp_path, b"film")
    assert store.copies.fetch(key, sha(b"film"), tmp_path / "one.mp4") == tmp_path / "out" / key
    assert not (tmp_path / "one.mp4").exists()


HOLDS = """
import sys, time
from longtake.files.local.process_folder import process_folder
(process_folder("copies") / "film").write_bytes(b"film")
print(process_folder(), flush=True)
sys.stdin.read()
"""


def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_kept_is_swept_by_the_next_and_what_a_live_one_keeps_is_not(tmp_path):
    killed, left = holder(tmp_path)
    alive, kept = holder(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "copies/film").exists()
    ended, own = holder(tmp_path)
    assert not left.exists()
    assert (kept / "copies/film").read_bytes() == b"film"
    for process in (alive, ended):
        process.communicate("")
    assert not kept.exists()
    assert not own.exists()
    assert not list(tmp_path.rglob("film"))


def test_a_scratch_folder_is_of_this_process_and_gone_after_its_block():
    with scratch_folder() as folder:
        assert folder.parent == process_folder()
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert process_folder().is_relative_to(private_folder("processes"))
    assert place._own.cache_info().currsize == 1
