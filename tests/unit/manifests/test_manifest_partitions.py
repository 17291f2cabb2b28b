"""Columns that stand in the names of folders are columns: a lost one would be bought with its default."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest

from longtake.domain.errors import UnreadableManifestError
from longtake.manifests.checker import check_manifest
from longtake.manifests.reader import read_manifest

TABLE = pyarrow.table(
    {
        "reel": ["a", "a", "b/c", "d e%f"],
        "shot": ["001", "002", "1", None],
        "prompt": ["p1", "p2", "p3", "p4"],
        "resolution": ["480p", "720p", "480p", None],
        "take": [1, 2, 1, 1],
    }
)
ROWS = sorted(
    tuple(text.get(name, "") for name in TABLE.column_names)
    for text in (
        {"reel": "a", "shot": "001", "prompt": "p1", "resolution": "480p", "take": "1"},
        {"reel": "a", "shot": "002", "prompt": "p2", "resolution": "720p", "take": "2"},
        {"reel": "b/c", "shot": "1", "prompt": "p3", "resolution": "480p", "take": "1"},
        {"reel": "d e%f", "shot": "", "prompt": "p4", "resolution": "", "take": "1"},
    )
)


def written(folder: Path, columns: list[str]) -> Path:
    pyarrow.parquet.write_to_dataset(TABLE, str(folder), partition_cols=columns)
    return folder


def rows(source: str | Path) -> list[tuple[Any, ...]]:
    return sorted(tuple(text[name] for name in TABLE.column_names) for text in read_manifest(str(source)).text)


def reason(source: str | Path) -> str:
    with pytest.raises(UnreadableManifestError) as found:
        read_manifest(str(source))
    return str(found.value)


@pytest.mark.parametrize("columns", [["resolution"], ["reel"], ["reel", "shot"], ["take", "resolution", "reel"]])
@pytest.mark.parametrize("ending", ["", "/", "/**/*.parquet", "/**"])
def test_a_folder_and_a_glob_have_every_column(tmp_path: Path, columns: list[str], ending: str) -> None:
    folder = written(tmp_path / "h", columns)
    assert rows(f"{folder}{ending}") == ROWS
    assert read_manifest(f"{folder}{ending}").base == str(folder)


def test_the_types_are_those_that_arrow_finds_but_for_names_with_zeros(tmp_path: Path) -> None:
    table = read_manifest(str(written(tmp_path / "h", ["take", "resolution", "shot"]))).typed
    assert table is not None
    assert [str(table.schema.field(name).type) for name in ("take", "resolution", "shot")] == [
        "int64",
        "string",
        "string",
    ]


def test_a_part_of_the_tree_keeps_what_its_folders_say(tmp_path: Path) -> None:
    written(tmp_path / "h", ["resolution", "take"])
    (one,) = (tmp_path / "h/resolution=720p/take=2").iterdir()
    for source in (tmp_path / "h/resolution=720p", one, one.parent, f"{tmp_path}/h/resolution=7*/**/*.parquet"):
        (text,) = read_manifest(str(source)).text
        assert (text["resolution"], text["take"]) == ("720p", "2")


def test_folders_that_name_no_column_and_hidden_ones_are_left_aside(tmp_path: Path) -> None:
    written(tmp_path / "h", ["resolution"])
    for other in ("archive", "_temporary", ".ipynb_checkpoints", "_old=1"):
        shutil.copytree(tmp_path / "h/resolution=480p", tmp_path / "h" / other)
    assert rows(tmp_path / "h") == ROWS
    shutil.rmtree(tmp_path / "h/archive")
    assert rows(f"{tmp_path}/h/**/*.parquet") == ROWS


def test_a_column_that_stands_inside_too_must_say_the_same(tmp_path: Path) -> None:
    for name, inside in (("480p", "480p"), ("720p", "480p")):
        (tmp_path / f"h/resolution={name}").mkdir(parents=True)
        table = pyarrow.table({"prompt": ["p"], "resolution": [inside]})
        pyarrow.parquet.write_table(table, tmp_path / f"h/resolution={name}/part.parquet")
    assert read_manifest(str(tmp_path / "h/resolution=480p")).text == [{"prompt": "p", "resolution": "480p"}]
    words = reason(tmp_path / "h")
    assert "resolution=720p/part.parquet" in words
    assert "column resolution says otherwise" in words
    assert "keep one" in words


def test_one_column_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h/take=1/take=2").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["p"]}), tmp_path / "h/take=1/take=2/part.parquet")
    assert "one column twice" in reason(tmp_path / "h")


def test_a_folder_that_is_nearly_a_column_refuses_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "h/Resolution=480p").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["p"]}), tmp_path / "h/Resolution=480p/part.parquet")
    (found,) = check_manifest(read_manifest(str(tmp_path / "h"))).violations
    assert (found.row, found.column, found.value, found.warning) == (0, "resolution", "Resolution", False)


def test_what_arrow_reads_is_what_is_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "h", ["reel", "resolution"])
    theirs = pyarrow.dataset.dataset(str(folder), partitioning="hive").to_table().select(TABLE.column_names)
    texts = [tuple("" if cell is None else str(cell) for cell in row.values()) for row in theirs.to_pylist()]
    assert sorted(texts) == rows(folder)


def test_files_whose_types_differ_are_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    for name, seconds in (("1", pyarrow.array([5])), ("2", pyarrow.array(["auto"]))):
        table = pyarrow.table({"prompt": ["p"], "duration_seconds": seconds})
        pyarrow.parquet.write_table(table, tmp_path / f"h/{name}.parquet")
    words = reason(tmp_path / "h")
    for expected in ("h/2.parquet", "h/1.parquet", "'duration_seconds'", "string", "int64", "one type"):
        assert expected in words


@pytest.mark.parametrize(
    "other", ["dictionary", "view", "large", "dictionary of views", "bytes", "view of bytes", "dictionary of numbers"]
)
def test_files_that_differ_in_how_a_type_is_stored_are_read_as_one(tmp_path: Path, other: str) -> None:
    text = pyarrow.array(["5", None, "auto"])
    columns = {
        "dictionary": text.dictionary_encode(),
        "view": text.cast(pyarrow.string_view()),
        "large": text.cast(pyarrow.large_string()),
        "dictionary of views": text.dictionary_encode(),
        "bytes": text.cast(pyarrow.binary()),
        "view of bytes": text.cast(pyarrow.binary_view()),
        "dictionary of numbers": pyarrow.array([5, None, 7]).dictionary_encode(),
    }
    first = pyarrow.array([1, 2]) if other == "dictionary of numbers" else pyarrow.array(["1", "2"])
    if other == "dictionary of views":
        first = first.cast(pyarrow.string_view())
    (tmp_path / "h").mkdir()
    for name, seconds in (("1", first), ("2", columns[other])):
        table = pyarrow.table({"prompt": ["p"] * len(seconds), "duration_seconds": seconds})
        pyarrow.parquet.write_table(table, tmp_path / f"h/{name}.parquet")
    last = "7" if other == "dictionary of numbers" else "auto"
    assert read_manifest(str(tmp_path / "h")).cells["duration_seconds"] == ["1", "2", "5", "", last]
