"""The directory store: exclusive creation, atomic publishing, keys that stay inside."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from longtake.domain.errors import StorageError, UnsafeStoreError
from longtake.files.directory import DirectoryStore
from longtake.files.exclusive import copy_apart, part_of


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "out")


def test_a_second_exclusive_create_fails_and_changes_nothing(store):
    assert store.create("a/b.json", b"first")
    assert not store.create("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"


def test_nobody_sees_a_created_file_half_written(store):
    """Readers look all the time while files appear; each is absent or whole."""
    data, torn, stop = b"x" * 200_000, [], threading.Event()

    def read():
        while not stop.is_set():
            for number in range(40):
                seen = store.read(f"a/{number}")
                if seen is not None and seen != data:
                    torn.append(len(seen))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        store.create(f"a/{number}", data)
    stop.set()
    reader.join()
    assert torn == []


def test_without_nameless_files_a_create_is_still_exclusive(store, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE")
    assert store.create("a/b.json", b"first")
    assert not store.create("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"


def test_a_create_leaves_nothing_else_behind(store):
    store.create("a/b.json", b"1")
    store.create("a/b.json", b"2")
    assert store.list("a") == ["a/b.json"]


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a/../../x", "", "a\0b"])
def test_no_key_leaves_the_store(store, key):
    with pytest.raises(StorageError):
        store.write(key, b"")


def test_a_link_replaces_what_was_there(store):
    store.write("d/one", b"1")
    store.write("d/two", b"2")
    store.link("d/one", "d/shown")
    store.link("d/two", "d/shown")
    assert store.read("d/shown") == b"2"
    store.link("d/two", "d/shown")
    assert sorted(store.list("d")) == ["d/one", "d/shown", "d/two"]


def test_publishing_moves_the_file(store, tmp_path):
    local = tmp_path / "film.part"
    local.write_bytes(b"film")
    store.publish(local, "reels/r.mp4")
    assert store.read("reels/r.mp4") == b"film"
    assert not local.exists()


def test_a_store_that_overwrites_cannot_keep_a_ledger(store, monkeypatch):
    def careless(key, data):
        store.write(key, data)
        return True

    monkeypatch.setattr(store, "create", careless)
    with pytest.raises(UnsafeStoreError):
        store.prove_exclusive()
    assert list(store.root.iterdir()) == []


def test_a_home_folder_is_understood():
    assert DirectoryStore(Path("~/x")).root == Path.home() / "x"


@pytest.fixture
def no_nameless_files(monkeypatch):
    """As on NFS, SMB and vfat."""
    monkeypatch.delattr(os, "O_TMPFILE")


@pytest.mark.usefixtures("no_nameless_files")
def test_a_full_disk_leaves_no_torn_record_where_files_cannot_be_nameless(store, monkeypatch):
    store.create("a/first.json", b"1")
    with monkeypatch.context() as full:
        full.setattr("longtake.files.exclusive.os.fsync", _disk_is_full)
        with pytest.raises(OSError, match="No space"):
            store.create("a/b.json", b"second")
    assert store.list("a") == ["a/first.json"]
    assert store.create("a/b.json", b"third")
    assert store.read("a/b.json") == b"third"


@pytest.mark.usefixtures("no_nameless_files")
def test_a_file_system_without_hard_links_still_creates_exclusively(store, monkeypatch):
    monkeypatch.setattr("longtake.files.exclusive.os.link", _not_here)
    assert store.create("a/b.json", b"first")
    assert not store.create("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"
    assert store.list("a") == ["a/b.json"]
    store.prove_exclusive()


@pytest.mark.usefixtures("no_nameless_files")
def test_a_file_system_that_names_nothing_exclusively_is_refused_at_the_start(store, monkeypatch):
    monkeypatch.setattr("longtake.files.exclusive.os.link", _not_here)
    monkeypatch.setattr("longtake.files.exclusive._renameat2", lambda: None)
    with pytest.raises(UnsafeStoreError, match="cannot keep the output"):
        store.prove_exclusive()
    assert list(store.root.iterdir()) == []


def test_what_a_link_shows_is_a_file_of_its_own(store):
    store.write("ledger/clip.mp4", b"paid")
    store.link("ledger/clip.mp4", "reels/r.mp4")
    store.local("reels/r.mp4").write_bytes(b"graded over it")
    assert store.read("ledger/clip.mp4") == b"paid"


def test_a_move_takes_no_other_s_place(store):
    store.write("a/one", b"1")
    store.write("a/two", b"2")
    assert not store.move("a/one", "a/two")
    assert store.read("a/two") == b"2"
    assert store.move("a/one", "a/three")
    assert (store.read("a/one"), store.read("a/three")) == (None, b"1")


def _disk_is_full(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _not_here(*args, **kwargs):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_copy_that_was_killed_on_the_way_is_swept_by_the_next_and_a_live_one_is_not(tmp_path):
    source, target = tmp_path / "clip.mp4", tmp_path / "shown [1].mp4"
    source.write_bytes(b"film")
    dead, live = part_of(target), part_of(target)
    dead.write_bytes(b"fi")
    with live.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        copy_apart(source, target)
        assert (target.read_bytes(), dead.exists(), live.exists()) == (b"film", False, True)


def test_room_is_kept_and_freed_and_a_killed_writer_leaves_nothing_beside_it(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    (tmp_path / "room").write_bytes(b"")  # as one that was killed on the way leaves it
    store.reserve("room", 65536)
    assert (tmp_path / "room").stat().st_blocks * 512 >= 65536
    assert [path.name for path in tmp_path.iterdir()] == ["room"]
    assert store.give_room("room")
    assert not store.give_room("room")


def test_room_that_there_is_not_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="full"):
        DirectoryStore(tmp_path).reserve("room", 65536)
    assert list(tmp_path.iterdir()) == []
