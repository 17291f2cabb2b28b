"""Folders kept in view: asked for once a minute at most, true to what was written here, no other folder among them."""

from __future__ import annotations

import pytest

from longtake.domain.errors import PublishConflictError
from longtake.files.bucket.view import FRESH_SECONDS, View
from longtake.files.s3 import S3Store
from longtake.files.store import Seen
from tests.e2e.s3_server import s3_server


class Shelf:
    """A folder that others write to, and a clock."""

    def __init__(self) -> None:
        self.seconds, self.asked = 0.0, 0
        self.there: dict[str, Seen] = {}

    def survey(self, folder):
        self.asked += 1
        return {key: seen for key, seen in self.there.items() if key.startswith(f"{folder}/")}

    def view(self):
        return View(["clips"], self.survey, lambda: self.seconds)


def test_what_stands_there_is_asked_for_once_a_minute():
    shelf = Shelf()
    view = shelf.view()
    shelf.there["clips/a.mp4"] = Seen(1, "1 a")
    assert [view.seen(f"clips/{name}.mp4") for name in "abc"] == [Seen(1, "1 a"), None, None]
    shelf.there["clips/b.mp4"] = Seen(2, "2 b")
    assert view.seen("clips/b.mp4") is None
    assert shelf.asked == 1
    shelf.seconds += FRESH_SECONDS + 1
    assert view.seen("clips/b.mp4") == Seen(2, "2 b")
    assert shelf.asked == 2


def test_what_is_written_here_is_seen_at_once_also_where_a_list_is_late():
    shelf = Shelf()
    view = shelf.view()
    assert view.seen("clips/a.mp4") is None
    view.note("clips/a.mp4", Seen(1, "1 a"))
    assert view.seen("clips/a.mp4") == Seen(1, "1 a")
    shelf.seconds += FRESH_SECONDS
    view.note("clips/b.mp4", Seen(1, "1 b"))
    shelf.seconds += 1
    assert view.seen("clips/b.mp4") == Seen(1, "1 b")
    assert view.seen("clips/a.mp4") is None
    view.note("clips/b.mp4", None)
    assert view.seen("clips/b.mp4") is None


def test_no_other_folder_is_in_view():
    view = Shelf().view()
    assert view.covers("clips/a/b.mp4")
    assert not view.covers("ledger/1/accepted.json")
    assert not view.covers("clips")
    view.note("ledger/1/accepted.json", None)


@pytest.fixture(scope="module")
def server():
    with s3_server() as running:
        running.files().makedirs("views", exist_ok=True)
        yield running


def test_a_film_that_a_person_put_there_a_moment_ago_is_not_written_over(server):
    store = S3Store("s3://views/out", endpoint_url=server.url, key="k", secret="s")
    store.keep_in_view(["clips"])
    store.write("ledger/1/clip.mp4", b"ours")
    assert store.size("clips/a.mp4") is None
    server.files().pipe_file("views/out/clips/a.mp4", b"a person's own")
    with pytest.raises(PublishConflictError, match="a moment ago"):
        store.link("ledger/1/clip.mp4", "clips/a.mp4")
    assert server.files().cat_file("views/out/clips/a.mp4") == b"a person's own"
    assert store.size("clips/a.mp4") == len(b"a person's own")
    store.link("ledger/1/clip.mp4", "clips/a.mp4")  # who has looked may
    assert store.read("clips/a.mp4") == b"ours"


def test_a_copy_a_write_and_a_publish_are_known_without_a_question(server, tmp_path):
    store = S3Store("s3://views/known", endpoint_url=server.url, key="k", secret="s")
    store.keep_in_view(["clips", "reels"])
    film = tmp_path / "film.mp4"
    for name in ("ledger/1/clip.mp4", "reels/r.mp4"):
        film.write_bytes(b"film")
        store.publish(film, name)
    store.link("ledger/1/clip.mp4", "clips/a.mp4")
    store.write("clips/a.json", b'{"a": 1}')
    since = len(server.requests)
    assert store.size("clips/a.mp4") == store.size("reels/r.mp4") == 4
    assert store.stamp("clips/a.mp4") == store.stamp("reels/r.mp4")
    assert store.read("clips/a.json") == b'{"a": 1}'
    assert store.read("clips/none.json") is None
    assert store.sha256("clips/none.mp4") is None
    store.write("clips/a.json", b'{"a": 1}')
    assert server.counts(since) == {"LIST": 1}
    other = S3Store("s3://views/known", endpoint_url=server.url, key="k", secret="s")
    assert {key: other.stamp(key) for key in ("clips/a.mp4", "reels/r.mp4")} == {
        key: store.stamp(key) for key in ("clips/a.mp4", "reels/r.mp4")
    }
