"""Results keep no signature and no inline data; retry.csv keeps both, because it must be rendered."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from longtake.manifests.reader import read_manifest
from longtake.manifests.results.retry_rows import retry_csv
from longtake.manifests.results.writer import results_files, results_table

SIGNED = "https://bucket.example.com/a.png?X-Amz-Signature=abc&X-Amz-Expires=9&v=2"
DATA = "data:image/png;base64,AAECAwQ="
PLAIN = ["https://example.com/A%20b.png?v=1&w=", "s3://bucket/k?x=1", "asset://a", "frames/dawn.jpg", ""]
KEPT_DATA = f"data:image/png;sha256={hashlib.sha256(bytes(range(5))).hexdigest()};bytes=5"


def columns(folder: Path, table: pyarrow.Table) -> dict[str, list[object]]:
    pyarrow.parquet.write_table(table, folder / "m.parquet")
    return results_table(read_manifest(str(folder / "m.parquet")), []).to_dict("list")


def test_signed_links_and_data_stand_in_results_without_what_opens_them(tmp_path: Path) -> None:
    cells = [SIGNED, DATA, f"{SIGNED}|{DATA}|frames/dawn.jpg", "https://user:word@example.com/a.png"]
    told = columns(tmp_path, pyarrow.table({"prompt": list("abcd"), "reference_images": cells, "note": cells}))
    plain = "https://bucket.example.com/a.png?v=2"
    assert told["reference_images"] == [
        plain,
        KEPT_DATA,
        f"{plain}|{KEPT_DATA}|frames/dawn.jpg",
        "https://example.com/a.png",
    ]
    assert told["note"] == cells


@pytest.mark.parametrize("kind", [pyarrow.list_(pyarrow.string()), pyarrow.large_list(pyarrow.large_string())])
def test_lists_stay_lists_and_keep_their_type(tmp_path: Path, kind: pyarrow.DataType) -> None:
    cells = pyarrow.array([[SIGNED, "a.png"], None, []], kind)
    pyarrow.parquet.write_table(
        pyarrow.table({"prompt": ["a", "b", "c"], "reference_images": cells}), tmp_path / "m.parquet"
    )
    manifest = read_manifest(str(tmp_path / "m.parquet"))
    before, after = manifest.frame["reference_images"], results_table(manifest, [])["reference_images"]
    assert after.dtype == before.dtype
    assert after.tolist()[0] == ["https://bucket.example.com/a.png?v=2", "a.png"]
    assert after.isna().tolist() == [False, True, False]


def test_what_holds_no_secret_is_not_touched(tmp_path: Path) -> None:
    told = columns(tmp_path, pyarrow.table({"prompt": ["p"] * len(PLAIN), "first_frame": PLAIN}))
    assert told["first_frame"] == PLAIN


def test_a_broken_cell_of_a_refused_row_is_cut_rather_than_kept(tmp_path: Path) -> None:
    cells = ["data:image/png;base64,not base64 secret", "https://[broken/a?sig=secret"]
    told = columns(tmp_path, pyarrow.table({"prompt": ["a", "b"], "first_frame": cells}))
    assert "secret" not in str(told["first_frame"])


def test_neither_file_of_the_results_holds_a_signature_and_retry_csv_is_exact(tmp_path: Path) -> None:
    with (tmp_path / "m.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "first_frame", "callback_url"], ["p", SIGNED, SIGNED], ["q", DATA, ""]])
    manifest = read_manifest(str(tmp_path / "m.csv"))
    parquet, text = results_files(manifest, [])
    for shown in (pyarrow.parquet.read_table(io.BytesIO(parquet)).to_pylist(), text.decode()):
        assert "Signature" not in str(shown)
        assert "AAEC" not in str(shown)
    again = list(csv.DictReader(io.StringIO(retry_csv(manifest, [], []).decode(), newline="")))
    assert [row["first_frame"] for row in again] == [SIGNED, DATA]
    assert again[0]["callback_url"] == SIGNED
