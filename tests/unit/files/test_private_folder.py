"""Work folders in a temporary folder that others write to: one's own, closed to others, and left clean."""

from __future__ import annotations

import os
import stat

import pytest

from longtake.files import private_folder as place
from longtake.files.s3 import S3Store


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    place._own.cache_clear()
    yield tmp_path / "tmp"
    place.forget_empty()
    place._own.cache_clear()


def work_folder():
    return S3Store("s3://bucket/out", endpoint_url="http://127.0.0.1:9", key="k", secret="s").work_folder("reels/r.mp4")


def test_a_work_folder_is_closed_to_others_whatever_the_umask(temporary):
    before = os.umask(0)
    try:
        folder = work_folder()
    finally:
        os.umask(before)
    assert folder.is_relative_to(temporary)
    while folder != temporary:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder = folder.parent


def test_a_link_that_waits_in_the_temporary_folder_is_not_followed(temporary, tmp_path):
    (tmp_path / "victim").mkdir()
    (temporary / f"longtake-{os.getuid()}").symlink_to(tmp_path / "victim")
    folder = work_folder()
    assert not folder.resolve().is_relative_to(tmp_path / "victim")
    assert list((tmp_path / "victim").iterdir()) == []


@pytest.mark.parametrize("theirs", ["another user's", "open to all"])
def test_a_folder_that_another_could_fill_is_not_used(temporary, theirs):
    waiting = temporary / f"longtake-{os.getuid()}"
    waiting.mkdir()
    if theirs == "open to all":
        waiting.chmod(0o777)
    else:
        os.chown(waiting, 65534, 65534)
    assert not work_folder().is_relative_to(waiting)


def test_what_is_empty_goes_at_the_end_and_what_is_unfinished_stays(temporary):
    (work_folder() / "film.part").write_bytes(b"half")
    empty = S3Store("s3://bucket/other", endpoint_url="http://127.0.0.1:9", key="k", secret="s").work_folder("a/b")
    place.forget_empty()
    assert not empty.exists()
    assert (work_folder() / "film.part").read_bytes() == b"half"


def test_what_a_killed_run_left_long_ago_is_swept(temporary):
    part = work_folder() / "film.part"
    part.write_bytes(b"half")
    for path in (part, *part.parents):
        if path.is_relative_to(temporary):
            os.utime(path, (1, 1))
    place._own.cache_clear()
    assert list(work_folder().iterdir()) == []
