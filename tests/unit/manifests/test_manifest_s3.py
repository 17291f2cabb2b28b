"""Manifests and references on a real S3 server of the test's own."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from longtake.domain.errors import UnreadableManifestError
from longtake.files.sources import content_digest, copy_source
from longtake.manifests.checker import check_manifest
from longtake.manifests.formats.workbook import LIBRARY
from longtake.manifests.reader import read_manifest
from tests.unit.workbooks import sheet, write_workbook


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> s3fs.S3FileSystem:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    files = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    for name in ("mine", "other"):
        if not files.exists(name):
            files.mkdir(name)
    return files


def parquet(**columns: object) -> bytes:
    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), data)
    return data.getvalue()


@pytest.mark.parametrize("ending", ["", "/", "/**/*.parquet", "/resolution=480p"])
def test_columns_in_the_names_of_folders_are_read_from_a_bucket(bucket: s3fs.S3FileSystem, ending: str) -> None:
    bucket.pipe_file("other/hive/resolution=480p/reel=a%2Fb/part-0.parquet", parquet(prompt=["p"]))
    bucket.pipe_file("other/hive/resolution=480p/reel=__HIVE_DEFAULT_PARTITION__/part-0.parquet", parquet(prompt=["q"]))
    bucket.pipe_file("other/hive/_temporary/resolution=720p/part-0.parquet", parquet(prompt=["none"]))
    rows = read_manifest(f"s3://other/hive{ending}").text
    assert sorted((row["prompt"], row["resolution"], row["reel"]) for row in rows) == [
        ("p", "480p", "a/b"),
        ("q", "480p", ""),
    ]


def test_csv_and_gzip_are_read_from_a_bucket(bucket: s3fs.S3FileSystem) -> None:
    bucket.pipe_file("mine/today/m.csv", "\ufeffprompt,reel\n海,r\n".encode())
    bucket.pipe_file("mine/today/m.csv.gz", gzip.compress(b"prompt\na\n"))
    manifest = read_manifest("s3://mine/today/m.csv")
    assert manifest.text == [{"prompt": "海", "reel": "r"}]
    assert manifest.base == "s3://mine/today"
    assert read_manifest("s3://mine/today/m.csv.gz").cells == {"prompt": ["a"]}


def test_json_lines_workbooks_and_semicolons_are_read_from_a_bucket(bucket: s3fs.S3FileSystem, tmp_path: Path) -> None:
    bucket.pipe_file("mine/today/m.jsonl", b'{"prompt": "a", "shot": 1}\n')
    bucket.pipe_file("mine/today/semicolons.csv", b"sep=;\nprompt;shot\na;1\n")
    for name in ("m.jsonl", "semicolons.csv"):
        assert read_manifest(f"s3://mine/today/{name}").cells == {"prompt": ["a"], "shot": ["1"]}
    if importlib.util.find_spec(LIBRARY):
        bucket.put_file(write_workbook(tmp_path / "m.xlsx", ("S", sheet([["prompt"], ["a"]]))), "mine/today/m.xlsx")
        manifest = read_manifest("s3://mine/today/m.xlsx")
        assert (manifest.cells, manifest.base) == ({"prompt": ["a"]}, "s3://mine/today")


def test_parquet_is_read_as_file_folder_and_glob(bucket: s3fs.S3FileSystem) -> None:
    for name in ("2", "1"):
        bucket.pipe_file(f"mine/parts/part-{name}.parquet", parquet(prompt=[name], l=[["a", name]]))
    bucket.pipe_file("mine/parts/_SUCCESS", b"")
    assert read_manifest("s3://mine/parts/part-1.parquet").cells["l"] == [["a", "1"]]
    assert read_manifest("s3://mine/parts/part-1.parquet").base == "s3://mine/parts"
    for source in ("s3://mine/parts", "s3://mine/parts/", "s3://mine/parts/*.parquet", "s3://mine/**/*.parquet"):
        assert read_manifest(source).cells["prompt"] == ["1", "2"]
    assert read_manifest("s3://mine/parts/").base == "s3://mine/parts"
    assert read_manifest("s3://mine/parts/*.parquet").base == "s3://mine/parts"


def test_a_manifest_written_anew_is_read_anew(bucket: s3fs.S3FileSystem) -> None:
    for prompt in ("old", "new"):
        bucket.pipe_file("mine/changing.csv", f"prompt\n{prompt}\n".encode())
        assert read_manifest("s3://mine/changing.csv").cells["prompt"] == [prompt]


def test_references_are_found_beside_the_manifest_and_in_listed_buckets(bucket: s3fs.S3FileSystem) -> None:
    rows = ["a,stills/a.png", "b,s3://mine/x.png", "c,s3://other/ok/x.png", "d,s3://other/x.png", "e,../x.png"]
    bucket.pipe_file("mine/today/refs.csv", "\n".join(["id,first_frame", *rows]).encode())
    checked = check_manifest(read_manifest("s3://mine/today/refs.csv"), reference_roots=["s3://other/ok"])
    assert checked.refused == {4, 5}
    assert [row.written.request.references[0].source for row in checked.rows[:3]] == [
        "s3://mine/today/stills/a.png",
        "s3://mine/x.png",
        "s3://other/ok/x.png",
    ]


def test_a_digest_and_a_copy_are_of_the_objects_bytes_as_they_are_now(
    bucket: s3fs.S3FileSystem, tmp_path: Path
) -> None:
    for data in (b"one", b"two", b"x" * 3_000_000):
        bucket.pipe_file("mine/a.png", data)
        assert content_digest("s3://mine/a.png") == hashlib.sha256(data).hexdigest()
        copy_source("s3://mine/a.png", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == data
    with pytest.raises(FileNotFoundError):
        content_digest("s3://mine/none.png")


def test_a_lone_row_is_named_by_its_objects_bytes(bucket: s3fs.S3FileSystem) -> None:
    bucket.pipe_file("mine/one/a.png", b"same")
    bucket.pipe_file("mine/two/b.png", b"same")
    for folder, name in (("one", "a"), ("two", "b")):
        bucket.pipe_file(f"mine/{folder}/m.csv", f"prompt,first_frame\np,{name}.png\nq,none.png\n".encode())
    one, two = (check_manifest(read_manifest(f"s3://mine/{folder}/m.csv")) for folder in ("one", "two"))
    assert one.rows[0].reel == two.rows[0].reel
    assert [(item.row, item.column) for item in one.violations] == [(2, "first_frame")]


@pytest.mark.parametrize("source", ["s3://mine/none.csv", "s3://nobucket/m.csv", "s3://mine/none-*.parquet", "s3://"])
def test_what_is_not_there_is_named(bucket: s3fs.S3FileSystem, source: str) -> None:
    with pytest.raises(UnreadableManifestError, match="s3://"):
        read_manifest(source)


def test_a_server_that_does_not_answer_is_named_without_the_key(
    bucket: s3fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnreadableManifestError) as raised:
        read_manifest("s3://mine/today/m.csv")
    assert "hunter2" not in str(raised.value)
    with pytest.raises(OSError, match=r"mine/a\.png|127\.0\.0\.1"):
        content_digest("s3://mine/a.png")
