"""The index of a bucket spares requests and proves nothing: stale, torn, lying, foreign or gone, what is read is so."""

from __future__ import annotations

import gzip
import json

import pytest

from longtake.files.bucket.known_texts import (
    LARGEST_PACK_BYTES,
    KnownTexts,
    content_mark,
    mark_of,
    packed,
    split,
    unpacked,
)
from longtake.files.bucket.requests import seen_as
from longtake.files.s3 import S3Store
from longtake.files.store import Seen
from tests.e2e.s3_server import s3_server

TEXTS = {f"ledger/{number}/accepted.json": b'{"job":"%d","words":"\xc3\xa4\\n"}' % number for number in range(20)}


@pytest.fixture(scope="module")
def server():
    with s3_server() as running:
        running.files().makedirs("texts", exist_ok=True)
        yield running


@pytest.fixture
def opened(server, request):
    """Opens one output of this test, each time as a run would that knows nothing."""
    name = request.node.name.replace("[", "-").rstrip("]").replace(" ", "-")

    def opened(output=f"s3://texts/{name}"):
        return S3Store(output, endpoint_url=server.url, key="k", secret="s")

    return opened


def filled(store):
    for key, data in TEXTS.items():
        assert store.create(key, data)
    store.keep_index()
    return store


def index_of(store):
    (key,) = store.list("index")
    return key


def read_all(server, store):
    """All texts, and how many requests of each kind it took."""
    since = len(server.requests)
    return store.read_seen(store.survey("ledger")), server.counts(since)


def test_what_an_index_holds_is_not_read_again(server, opened):
    filled(opened())
    texts, asked = read_all(server, opened())
    assert texts == TEXTS
    assert asked == {"LIST": 2, "GET": 1}


def test_what_was_written_here_is_not_read_back(server, opened):
    store = opened()
    for key, data in TEXTS.items():
        store.create(key, data)
    assert read_all(server, store) == (TEXTS, {"LIST": 1})


def test_what_is_in_the_store_and_not_in_a_stale_index_is_read(server, opened):
    filled(opened())
    late = {f"ledger/late-{number}/accepted.json": b'{"job":"late %d"}' % number for number in range(9)}
    for key, data in late.items():
        opened().create(key, data)
    texts, asked = read_all(server, opened())
    assert texts == TEXTS | late
    assert asked == {"LIST": 2, "GET": 1 + 9}


def test_what_is_in_the_index_and_no_longer_in_the_store_is_not_there(server, opened):
    store = filled(opened())
    store.remove("ledger/3/accepted.json")
    texts, _ = read_all(server, opened())
    assert texts == {key: data for key, data in TEXTS.items() if "/3/" not in key}


def test_an_index_that_lies_about_every_record_is_not_believed(server, opened):
    store = filled(opened())
    lies = [data.replace(b'"job"', b'"jab"') for data in TEXTS.values()]
    assert {len(lie) for lie in lies} == {len(data) for data in TEXTS.values()}
    store.write(index_of(store), packed(lies))
    texts, asked = read_all(server, opened())
    assert texts == TEXTS
    assert asked["GET"] == 1 + len(TEXTS)


def test_a_record_that_was_written_over_is_read_as_it_is_now(server, opened):
    store = filled(opened())
    other = b'{"job":"x","words":"torn'
    store.write("ledger/7/accepted.json", other)
    texts, _ = read_all(server, opened())
    assert texts == TEXTS | {"ledger/7/accepted.json": other}


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.999])
def test_a_torn_index_costs_requests_alone(server, opened, share):
    store = filled(opened())
    whole = store.read(index_of(store))
    store.write(index_of(store), whole[: int(share * len(whole))])
    texts, asked = read_all(server, opened())
    assert texts == TEXTS
    assert asked["GET"] <= 1 + len(TEXTS)


@pytest.mark.parametrize(
    "data",
    [
        b"not gzip at all",
        gzip.compress(b"[[[[[[" * 1000),
        gzip.compress(b'{"job": 1}\n17\nnull\n"\\ud800"\n\xff\xfe\n'),
        gzip.compress(b"x" * (LARGEST_PACK_BYTES + 1)),
        packed([b"one"]) + b"\0" * 1000 + packed([b"two"]),
    ],
    ids=["no gzip", "brackets", "no texts", "a bomb", "two with rubbish between"],
)
def test_rubbish_for_an_index_costs_requests_alone(server, opened, data):
    store = filled(opened())
    store.write(index_of(store), data)
    assert read_all(server, opened())[0] == TEXTS


def test_another_output_s_index_brings_nothing_in(server, opened):
    store = filled(opened())
    other = opened("s3://texts/another")
    for key in TEXTS:
        other.create(key, b'{"job":"of another output"}' + key.encode())
    other.keep_index()
    store.write(index_of(store), other.read(index_of(other)))
    assert read_all(server, opened())[0] == TEXTS


def test_two_runs_that_write_the_index_take_nothing_from_each_other(server, opened):
    keys = list(TEXTS)
    one, two = opened(), opened()
    for store, own in ((one, keys[::2]), (two, keys[1::2])):
        for key in own:
            store.create(key, TEXTS[key])
    one.keep_index()
    two.keep_index()
    texts, asked = read_all(server, opened())
    assert texts == TEXTS
    assert asked == {"LIST": 2, "GET": 2}


def test_many_files_of_an_index_become_one_and_a_stranger_s_file_stays(server, opened):
    opened().write("index/notes.txt", b"a person's")
    for key, data in TEXTS.items():
        store = opened()
        store.create(key, data)
        store.keep_index()
    assert "index/notes.txt" in store.list("index")
    assert len(store.list("index")) <= 3
    texts, asked = read_all(server, opened())
    assert texts == TEXTS
    assert asked["GET"] <= 2


def test_a_run_that_learned_nothing_writes_no_index(server, opened):
    filled(opened())
    store = opened()
    read_all(server, store)
    since = len(server.requests)
    store.keep_index()
    assert server.counts(since) == {}


def test_an_index_that_cannot_be_read_or_written_is_done_without(server, opened, monkeypatch):
    filled(opened())

    def refuse(*_):
        raise PermissionError("403")

    store = opened()
    with monkeypatch.context() as patch:
        patch.setattr(store._bucket, "get_many", refuse)
        store._index.read()
    assert read_all(server, store)[0] == TEXTS
    monkeypatch.setattr(store._bucket, "put", refuse)
    store.keep_index()


def test_a_mark_that_is_no_md5_of_the_bytes_vouches_for_nothing():
    data = b'{"job":"1"}'
    assert content_mark(seen_as(len(data), f'"{mark_of(data).hex()}"')) == mark_of(data)
    for etag in (f'"{mark_of(data).hex()}-2"', '"kms:0123"', "", f'W/"{mark_of(data).hex()}"'):
        assert content_mark(seen_as(len(data), etag)) is None
    assert content_mark(Seen()) is None
    assert content_mark(None) is None


def test_texts_are_found_again_however_many_there_are():
    known = KnownTexts()
    texts = [json.dumps({"number": number, "filling": "x" * 500}).encode() for number in range(3000)]
    for text in texts:
        known.add(text)
    assert known.find({mark_of(text) for text in texts}).keys() == {mark_of(text) for text in texts}
    assert known.find({mark_of(texts[17])}) == {mark_of(texts[17]): texts[17]}
    packs = known.unwritten_packs()
    assert len(packs) > 3
    assert [text for pack in split(b"".join(packs)) for text in unpacked(pack)] == texts
    known.add(b"\xff\xfe no text")
    known.are_written(packs)
    assert known.unwritten_packs() == []
