"""What a file is, its bytes tell: manifests under any name, other files called by theirs, tables cut at other signs."""

from __future__ import annotations

import gzip
import io
import pickle
import sqlite3
from pathlib import Path

import pyarrow
import pyarrow.feather
import pytest

from longtake.domain.errors import UnreadableManifestError
from longtake.manifests.checker import check_manifest
from longtake.manifests.reader import read_manifest

TEXT = "prompt,reel\nA fox,r\n"


def feather() -> bytes:
    sink = io.BytesIO()
    pyarrow.feather.write_feather(pyarrow.table({"prompt": ["a"]}), sink)
    return sink.getvalue()


def arrow_stream() -> bytes:
    sink = io.BytesIO()
    table = pyarrow.table({"prompt": ["a"]})
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "m.db") as connection:
        connection.execute("create table a (prompt text)")
    return (folder / "m.db").read_bytes()


OTHERS = {
    "UTF-16": TEXT.encode("utf-16-le"),
    "UTF-16 ": TEXT.encode("utf-16-be"),
    "UTF-16  ": TEXT.encode("utf-16"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-32 ": TEXT.encode("utf-32-be"),
    "HTML": b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>",
    "HTML ": b"\xef\xbb\xbf<table><tr><td>prompt</td></tr></table>",
    "XML": b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>',
    "JSON array": b'[\n  {"prompt": "A fox"}\n]',
    "Feather": feather(),
    "Feather ": b"FEA1" + bytes(40),
    "Arrow stream": arrow_stream(),
    "old Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "Python pickle": pickle.dumps({"prompt": ["a"]}),
    "gzip twice": gzip.compress(gzip.compress(TEXT.encode())),
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "PDF": b"%PDF-1.7\n",
    "lz4": b"\x04\x22\x4d\x18abcd",
    "ORC": b"ORC\n\x03",
    "Avro": b"Obj\x01\x04",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_another_kind_named_csv_is_called_what_it_is_and_what_to_do_is_said(
    tmp_path: Path, name: str, packed: bool
) -> None:
    data = OTHERS[name]
    (tmp_path / "m.csv").write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(UnreadableManifestError) as raised:
        read_manifest(str(tmp_path / "m.csv"))
    assert name.strip() in str(raised.value)
    assert "; " in str(raised.value)


def test_a_database_named_csv_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(database(tmp_path))
    with pytest.raises(UnreadableManifestError, match="SQLite"):
        read_manifest(str(tmp_path / "m.csv"))


@pytest.mark.parametrize("head", ["", "\ufeff", "sep={0}\r\n", '\ufeff"sep={0}"\r\n', "SEP={0}{0}{0}\n", "\n \n"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "names", [["prompt", "reel", "my note"], ["Prompt", "REEL", "my note"], ['"prompt"', "reel", "x"]]
)
def test_cells_between_commas_semicolons_tabs_or_pipes_are_read_with_or_without_excels_first_line(
    tmp_path: Path, head: str, sign: str, names: list[str]
) -> None:
    cells = [f'"a{sign}b, ""c"""', "r", ""]
    lines = [sign.join(names), sign.join(cells), sign * 2, sign.join(["d", "r", "e"]) + sign * 2]
    (tmp_path / "m.csv").write_text(head.format(sign) + "\r\n".join(lines) + "\r\n", "utf-8", newline="")
    found = read_manifest(str(tmp_path / "m.csv")).cells
    assert list(found) == [name.strip('"') for name in names]
    assert list(found.values()) == [[f'a{sign}b, "c"', "d"], ["r", "r"], ["", "e"]]


def test_a_sign_that_excels_first_line_names_is_taken(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("sep=^\nprompt^reel\na, b; c^r\n")
    assert read_manifest(str(tmp_path / "m.csv")).cells == {"prompt": ["a, b; c"], "reel": ["r"]}


def test_where_commas_make_out_columns_no_other_sign_cuts_cells(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("prompt,a;reel;shot\nx;y,b;c\n")
    assert read_manifest(str(tmp_path / "m.csv")).cells == {"prompt": ["x;y"], "a;reel;shot": ["b;c"]}


def test_messages_name_the_line_of_the_file_and_the_sign(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("sep=;\nprompt;reel\na;b\nc\n")
    with pytest.raises(UnreadableManifestError, match=r"line 4 \(row 2\) has 1 cells, .*; write a semicolon"):
        read_manifest(str(tmp_path / "m.csv"))


def test_a_capital_header_between_semicolons_is_told_as_nearly_a_column(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("PROMPT;RESOLUTION\na;480p\n")
    checked = check_manifest(read_manifest(str(tmp_path / "m.csv")))
    assert [one.value for one in checked.violations] == ["PROMPT", "RESOLUTION"]
