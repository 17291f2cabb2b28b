"""A cell that names several vendors: what is taken, what is refused and how it is mended, and how files keep it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from longtake.domain.identity import Identities, WrittenRow
from longtake.domain.request import ShotRequest
from longtake.manifests.cells import CellError, parse_vendor
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest
from longtake.manifests.results.retry_rows import retry_csv
from longtake.manifests.results.row_result import RowResult
from longtake.manifests.results.writer import results_table

PROMPT = {"reel": "r", "shot": "1", "prompt": "a fox"}


def vendors(checked: CheckedManifest) -> list[str | None]:
    assert not checked.violations
    return [row.written.vendor for row in checked.rows]


def identity(checked: CheckedManifest) -> str:
    row = checked.rows[0]
    return Identities(checked.digest).of_shot(reel=row.reel, shot=row.shot, take=row.take, row=row.written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("evolink", "evolink"),
        ("evolink|anyfast", "evolink|anyfast"),
        ("evolink | anyfast", "evolink|anyfast"),
        ("evolink/a|evolink/b", "evolink/a|evolink/b"),
        ("evolink/a|evolink", "evolink/a|evolink"),
        ("evolink\t|\u00a0anyfast|jimmyai", "evolink|anyfast|jimmyai"),
    ],
)
def test_a_cell_may_name_several_vendors_and_blanks_beside_the_bar_do_not_count(written: str, meant: str) -> None:
    assert parse_vendor(written) == meant


@pytest.mark.parametrize(
    ("written", "rule", "fix"),
    [
        ("evolink|", "missing beside a |", "evolink|anyfast"),
        ("|", "missing beside a |", "evolink|anyfast"),
        ("|evolink", "missing beside a |", "evolink|anyfast"),
        ("evolink||anyfast", "missing beside a |", "evolink|anyfast"),
        ("evolink|evolink", "evolink is named twice", "once"),
        ("evolink|anyfast|evolink/default", "evolink is named twice", "once"),
        ("evolink/a|anyfast|evolink/a", "evolink/a is named twice", "once"),
        ("evolink,anyfast", "this is not a vendor's name", "evolink|anyfast"),
        ("evolink; anyfast", "this is not a vendor's name", "evolink|anyfast"),
        ("evolink|any fast", "'any fast' is not a vendor's name", "evolink/NAME"),
        ("evolink/a/b|anyfast", "'evolink/a/b' is not a vendor's name", "evolink/NAME"),
    ],
)
def test_a_cell_that_names_nobody_or_one_account_twice_is_refused_with_a_fix(written: str, rule: str, fix: str) -> None:
    with pytest.raises(CellError) as raised:
        parse_vendor(written)
    assert rule in raised.value.rule
    assert fix in raised.value.fix


def test_a_refused_cell_is_told_with_its_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("prompt,vendor\na fox,evolink|anyfast\na fox,evolink|\n")
    found = check_manifest(read_manifest(str(tmp_path / "m.csv"))).violations
    assert [(each.row, each.column, each.value) for each in found] == [(2, "vendor", "evolink|")]


def test_a_list_in_parquet_and_json_lines_is_the_same_purchase_as_the_text_in_csv(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("reel,shot,prompt,vendor\nr,1,a fox,evolink | anyfast\n")
    (tmp_path / "m.jsonl").write_text(json.dumps(PROMPT | {"vendor": ["evolink", "anyfast"]}))
    table = pyarrow.Table.from_pylist([PROMPT | {"vendor": ["evolink", "anyfast"]}])
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    found = [check_manifest(read_manifest(str(tmp_path / name))) for name in ("m.csv", "m.jsonl", "m.parquet")]
    assert [vendors(each) for each in found] == [["evolink|anyfast"]] * 3
    assert len({identity(each) for each in found}) == 1


def test_a_list_of_one_is_a_lone_vendor_and_an_empty_one_leaves_it_to_the_run(tmp_path: Path) -> None:
    rows = [PROMPT | {"shot": str(number), "vendor": each} for number, each in enumerate((["evolink"], [], None, [""]))]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "m.parquet")
    assert vendors(check_manifest(read_manifest(str(tmp_path / "m.parquet")))) == ["evolink", None, None, None]


def test_results_keep_the_list_and_a_retry_names_the_same_purchase(tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist([PROMPT | {"vendor": ["evolink", "anyfast"]}])
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    manifest = read_manifest(str(tmp_path / "m.parquet"))
    first = check_manifest(manifest)
    results = [RowResult(row=1, shot_id="r/1", verdict="failed", vendor="anyfast/default")]
    there = results_table(manifest, results)
    assert [list(each) for each in there["manifest_vendor"]] == [["evolink", "anyfast"]]
    assert list(there["vendor"]) == ["anyfast/default"]
    retry = retry_csv(manifest, results, ())
    assert next(csv.DictReader(io.StringIO(retry.decode())))["vendor"] == "evolink|anyfast"
    (tmp_path / "retry.csv").write_bytes(retry)
    assert identity(check_manifest(read_manifest(str(tmp_path / "retry.csv")))) == identity(first)


def of_vendor(vendor: str | None) -> str:
    row = WrittenRow(vendor=vendor, request=ShotRequest(prompt="a fox"))
    return Identities(str).of_shot(reel="r", shot="1", take=1, row=row)


def test_the_identity_takes_the_vendors_as_written_and_a_lone_one_as_ever() -> None:
    assert of_vendor("evolink") == GOLDEN["evolink"]
    assert of_vendor("evolink|anyfast") == GOLDEN["evolink|anyfast"]
    assert len({of_vendor(each) for each in (None, "evolink", "evolink|anyfast", "anyfast|evolink")}) == 4


GOLDEN = {
    "evolink": "1-af6d490162a7006384b05266376717db21e0b69c",
    "evolink|anyfast": "1-0ab536ddc2197f912eefd3c32406961db75dfeb6",
}
