"""Manifests as Excel workbooks: the cells as a person sees them, and a reason where they say nothing."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

from longtake.domain.errors import UnreadableManifestError
from longtake.manifests.checker import check_manifest
from longtake.manifests.formats import workbook
from longtake.manifests.reader import read_manifest
from tests.unit.workbooks import Raw, date, error, formula, sheet, write_workbook

needs_reader = pytest.mark.skipif(
    importlib.util.find_spec(workbook.LIBRARY) is None, reason="the extra `excel` is not installed"
)


def reason(source: str) -> str:
    with pytest.raises(UnreadableManifestError) as raised:
        read_manifest(source)
    return str(raised.value)


@needs_reader
def test_cells_are_read_as_a_person_sees_them(tmp_path: Path) -> None:
    header = ["prompt", "shot", "seed", "generate_audio", "reference_tail_seconds", "note", "day"]
    rows = [
        ["A fox\nin snow", 1.0, 4006381333931, True, 4.5, formula("from a formula"), date(46143)],
        ["007", "002", -3.0, False, 0.1 + 0.2, formula(""), date(46143.5)],
    ]
    manifest = read_manifest(write_workbook(tmp_path / "m.xlsx", ("Shots", sheet([header, *rows]))))
    assert manifest.cells == {
        "prompt": ["A fox\nin snow", "007"],
        "shot": ["1", "002"],
        "seed": ["4006381333931", "-3"],
        "generate_audio": ["true", "false"],
        "reference_tail_seconds": ["4.5", "0.3"],
        "note": ["from a formula", ""],
        "day": ["2026-05-01", "2026-05-01T12:00:00"],
    }


@needs_reader
def test_shared_texts_a_table_that_begins_below_and_blank_rows_are_read(tmp_path: Path) -> None:
    shared = Raw('<c{} t="s"><v>0</v></c>')
    rows = [["prompt", None, "reel"], [shared, None, "r"], [None, None, None], ["  ", None, None], ["b", None, "r"]]
    xml = sheet(rows, first_row=3, first_column=2)
    source = write_workbook(tmp_path / "named.csv", ("Shots", xml), shared=["snow & ice"])
    assert read_manifest(source).cells == {"prompt": ["snow & ice", "b"], "reel": ["r", "r"]}


@needs_reader
def test_the_one_visible_sheet_that_names_columns_is_the_manifest(tmp_path: Path) -> None:
    notes, shots, old = sheet([["Read me"]]), sheet([["Prompt ", "x"], ["a", "b"]]), sheet([["prompt"], ["old"]])
    sheets = ("Notes", notes), ("Empty", sheet([])), ("Old", old, "hidden"), ("Shots", shots)
    assert read_manifest(write_workbook(tmp_path / "m.xlsx", *sheets)).cells == {"Prompt ": ["a"], "x": ["b"]}
    both = write_workbook(tmp_path / "two.xlsx", *sheets, ("More", old))
    assert "more than one sheet names columns of a manifest: Shots, More" in reason(both)


@needs_reader
def test_a_formula_that_failed_or_was_never_calculated_refuses_its_row_instead_of_buying_a_default(
    tmp_path: Path,
) -> None:
    header = ["prompt", "resolution", "note"]
    rows = [["a", error("#N/A"), error("#REF!")], ["b", formula(None), ""], ["c", "480p", error("#NAME?")]]
    source = write_workbook(tmp_path / "m.xlsx", ("Shots", sheet([header, *rows], first_row=2, first_column=3)))
    checked = check_manifest(read_manifest(source))
    assert [(one.row, one.column, one.value) for one in checked.violations] == [
        (1, "resolution", "#N/A"),
        (2, "resolution", "#NOT CALCULATED"),
    ]
    assert "never calculated" in checked.violations[1].rule
    assert "save" in checked.violations[1].fix


@needs_reader
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no visible sheet has a cell with text"),
        ([["prompt", "reel"]], "no row below the header"),
        ([["prompt", "prompt"], ["a", "b"]], "more than one column is called 'prompt'"),
        ([["prompt"], ["a"], *([[None]] * 5), [None] * 16_383 + ["x"]], "16,384"),
    ],
)
def test_a_sheet_that_holds_no_manifest_is_refused_with_the_reason(tmp_path: Path, rows: list, words: str) -> None:
    xml = sheet(rows)
    if words == "16,384":
        xml = xml.replace('r="XFD8"', 'r="XFD1048576"').replace('<row r="8">', '<row r="1048576">')
    assert words in reason(write_workbook(tmp_path / "m.xlsx", ("Shots", xml)))


@needs_reader
def test_other_files_in_a_zip_are_called_by_their_names(tmp_path: Path) -> None:
    for name, words in {
        "xl/workbook.bin": "xlsb",
        "content.xml": "OpenDocument",
        "Index/Document.iwa": "Numbers",
        "m.csv": "this is a zip file; unpack it",
    }.items():
        with zipfile.ZipFile(tmp_path / "m.xlsx", "w") as archive:
            archive.writestr(name, "prompt\na\n")
        assert words in reason(str(tmp_path / "m.xlsx"))


@needs_reader
@pytest.mark.parametrize("cut", [100, 600, 1500])
def test_a_damaged_workbook_is_refused_in_words(tmp_path: Path, cut: int) -> None:
    source = write_workbook(tmp_path / "m.xlsx", ("Shots", sheet([["prompt"], ["a"]])))
    Path(source).write_bytes(Path(source).read_bytes()[:cut])
    assert "Excel workbook" in reason(source)
    good = write_workbook(tmp_path / "n.xlsx", ("Shots", "<!DOCTYPE a [<!ENTITY b 'c'>]><worksheet>&b;</worksheet>"))
    assert "declares a document type" in reason(good)


def test_without_the_extra_the_message_tells_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LIBRARY", "a_library_that_is_not_there")
    words = reason(write_workbook(tmp_path / "m.xlsx", ("Shots", sheet([["prompt"], ["a"]]))))
    assert "this is an Excel workbook" in words
    assert "pip install 'longtake[excel]'" in words
