"""Manifests as JSON Lines: every value as a cell, types kept for the results, and a reason where a line is none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from longtake.domain.errors import UnreadableManifestError
from longtake.manifests.checker import check_manifest
from longtake.manifests.formats.arrow_cells import cells_of
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import joined

ROWS = [
    {"prompt": 'A fox, "red"\nin snow', "reel": "r", "shot": 1, "seed": 42, "generate_audio": True, "note": None},
    {"prompt": "für {price} €", "reel": "r", "shot": 2, "seed": None, "price": 4.5, "tags": ["a", "b", ""]},
    {},
    {"prompt": "7", "reel": "r", "shot": 3.0, "reference_tail_seconds": 4.0, "extra": {"a": [1]}, "tags": []},
]


def write(path: Path, *rows: object, data: bytes = b"") -> str:
    path.write_bytes(data or b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
    return str(path)


def reason(source: str) -> str:
    with pytest.raises(UnreadableManifestError) as raised:
        read_manifest(source)
    return str(raised.value)


@pytest.mark.parametrize("name", ["m.jsonl", "m.ndjson", "m.csv", "m.jsonl.gz"])
def test_values_become_the_cells_that_a_person_would_write_whatever_the_file_is_called(
    tmp_path: Path, name: str
) -> None:
    source = write(tmp_path / name, *ROWS)
    if name.endswith(".gz"):
        Path(source).write_bytes(gzip.compress(b"\xef\xbb\xbf\n" + Path(source).read_bytes()))
    assert read_manifest(source).cells == {
        "prompt": ['A fox, "red"\nin snow', "für {price} €", "7"],
        "reel": ["r", "r", "r"],
        "shot": ["1", "2", "3"],
        "seed": ["42", "", ""],
        "generate_audio": ["true", "", ""],
        "note": ["", "", ""],
        "price": ["", "4.5", ""],
        "tags": ["", ["a", "b"], ""],
        "reference_tail_seconds": ["", "", "4"],
        "extra": ["", "", '{"a": [1]}'],
    }


def test_types_are_kept_where_a_column_has_one_and_say_the_same_as_the_cells(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "m.jsonl", *ROWS, {"prompt": "x", "shot": "b", "seed": 2**70}))
    table = manifest.typed
    assert table is not None
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types["generate_audio"] == "bool"
    assert types["price"] == types["reference_tail_seconds"] == "double"
    assert types["tags"].startswith("list<")
    assert {types[name] for name in ("prompt", "shot", "seed", "note", "extra")} == {"string"}
    assert {name: list(map(joined, cells_of(table.column(name)))) for name in table.column_names} == {
        name: list(map(joined, cells)) for name, cells in manifest.cells.items()
    }


def test_a_row_asks_for_the_same_as_in_csv_and_has_its_name(tmp_path: Path) -> None:
    row = {"prompt": "A {animal}", "vendor": "evolink", "duration_seconds": 5, "animal": "fox", "generate_audio": False}
    (tmp_path / "m.csv").write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    one, other = (check_manifest(read_manifest(str(tmp_path / "m.csv"))), None)
    other = check_manifest(read_manifest(write(tmp_path / "m.jsonl", row)))
    assert one.rows == other.rows
    assert not one.violations


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}\n{}\n", "there is no row"),
        (b'{"prompt":"a"}\n["b"]\n', "line 2: this is no JSON object (it holds a list)"),
        (b'{"prompt":"a"}\n\n{"prompt":"b"\n', "line 3: this is no JSON object"),
        (b'{\n "prompt": "a"\n}\n', "JSON over several lines"),
        (b'{"prompt":{"0":"a","1":"b"},"reel":{"0":"r"}}', "orient='records', lines=True"),
        (b'[{"prompt":"a"}]', "this is a JSON array"),
        (b'{"prompt":"a","prompt":"b"}', "line 1: 'prompt' is there twice"),
        (b'{"seed":NaN}', "line 1: NaN is no number of JSON"),
        (b'{"seed":1e999}', "line 1: seed holds a number that is too large"),
        (b'{"seed":' + b"9" * 5000 + b"}", "line 1: this is no JSON object"),
        (b'{"prompt":' + b"[" * 100_000 + b"}", "line 1: it is nested too deep"),
        (b'{"prompt":"\\ud83d"}', "line 1: 'prompt' holds half a letter"),
        (b'{"prompt":"a"}\n{"prompt":"caf\xe9"}', "line 2: byte 0xe9 is not UTF-8"),
        (b"prompt,reel\na,b\n", "line 1: this is no JSON object"),
        (b"", "the file is empty"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_reason(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "m.jsonl").write_bytes(data)
    assert words in reason(str(tmp_path / "m.jsonl"))


def test_a_key_that_is_nearly_a_column_refuses_the_manifest(tmp_path: Path) -> None:
    checked = check_manifest(read_manifest(write(tmp_path / "m.jsonl", {"prompt": "a", "Resolution": "480p"})))
    assert [(one.row, one.column, one.value) for one in checked.violations] == [(0, "resolution", "Resolution")]
