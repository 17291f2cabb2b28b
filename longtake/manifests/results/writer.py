"""From results back to tables: the results of a manifest, row by row, and the rows that want another run."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pandas
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from longtake.manifests.results.merged import as_text
from longtake.manifests.results.row_result import RowResult
from longtake.manifests.schema import Manifest
from longtake.manifests.signatures import without_signatures

_TIME = pyarrow.timestamp("us", "UTC")
_TYPES: dict[str, pyarrow.DataType] = {
    "take": pyarrow.int64(),
    "width": pyarrow.int64(),
    "height": pyarrow.int64(),
    "clip_seconds": pyarrow.float64(),
    "price_low_usd": pyarrow.float64(),
    "price_high_usd": pyarrow.float64(),
    "submitted_at": _TIME,
    "spent_usd": pyarrow.float64(),
    "attempts": pyarrow.int64(),
    "chosen_take": pyarrow.int64(),
    "finished_at": _TIME,
}
ROWS_AT_ONCE = 1000
"""Of a table that is not in memory whole in more than one form."""
RESULT_COLUMNS: tuple[str, ...] = tuple(name for name in RowResult.model_fields if name != "row")
"""The columns that results add, in their order."""


def results_table(manifest: Manifest, results: Sequence[RowResult]) -> pandas.DataFrame:
    """The manifest's own columns with their types, and the results beside them: one row per manifest row, in its order.

    Args:
        manifest: The manifest as read.
        results: At most one per row; of several the last counts. A row without one has empty result columns.

    Returns:
        A frame of Arrow types; references stand in it without signatures and inline data. A manifest column
        with the name of a result column is called `manifest_<name>`.
    """
    own = without_signatures(manifest.frame).rename(columns=_new_names(list(manifest.cells)))
    added = _told(len(manifest), results).to_pandas(types_mapper=pandas.ArrowDtype)
    return pandas.concat([own, added], axis=1)


def _told(rows: int, results: Iterable[RowResult]) -> pyarrow.Table:
    """The columns that results add, a row for each of the manifest's; few rows at a time are more than columns."""
    batches: list[pyarrow.RecordBatch] = []
    places = [-1] * rows
    waiting: list[RowResult] = []

    def put() -> None:
        columns = [
            pyarrow.array([getattr(result, name) for result in waiting], _TYPES.get(name, pyarrow.string()))
            for name in RESULT_COLUMNS
        ]
        batches.append(pyarrow.RecordBatch.from_arrays(columns, names=list(RESULT_COLUMNS)))
        waiting.clear()

    for number, result in enumerate(results):
        if 0 < result.row <= rows:
            places[result.row - 1] = number
        waiting.append(result)
        if len(waiting) == ROWS_AT_ONCE:
            put()
    put()
    where = pyarrow.array([None if place < 0 else place for place in places], pyarrow.int64())
    return pyarrow.Table.from_batches(batches).take(where).combine_chunks()


def _new_names(columns: Sequence[str]) -> dict[str, str]:
    taken = {*columns, *RESULT_COLUMNS}
    new_names: dict[str, str] = {}
    for column in columns:
        if column in RESULT_COLUMNS:
            name = f"manifest_{column}"
            while name in taken:
                name = f"manifest_{name}"
            taken.add(name)
            new_names[column] = name
    return new_names


def results_arrow(manifest: Manifest, results: Sequence[RowResult]) -> pyarrow.Table:
    """As `results_table`, for those who go on with Arrow."""
    table = pyarrow.Table.from_pandas(results_table(manifest, results), preserve_index=False)
    return table.replace_schema_metadata(None)


def results_files(manifest: Manifest, results: Sequence[RowResult]) -> tuple[bytes, bytes]:
    """The results table as Parquet (exact) and as CSV that no spreadsheet takes for formulas (UTF-8, lists by `|`)."""
    return table_files(results_arrow(manifest, results))


def table_files(table: pyarrow.Table) -> tuple[bytes, bytes]:
    """A table of results as Parquet and as CSV."""
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(table, parquet, compression="zstd")
    names = [str(_harmless(pyarrow.chunked_array([[name]]))[0]) for name in table.column_names]
    text = io.BytesIO()
    for start in range(0, max(1, len(table)), ROWS_AT_ONCE):
        some = table.slice(start, ROWS_AT_ONCE)
        harmless = pyarrow.table([_harmless(as_text(column)) for column in some.columns], names=names)
        pyarrow.csv.write_csv(harmless, text, pyarrow.csv.WriteOptions(include_header=start == 0))
    return parquet.getvalue(), text.getvalue()


# A formula starts with one of these, in full width too; spreadsheets look behind blanks and quotes for it.
_FORMULA = r"^([\s\p{Z}\"'`]*[=+\-@＝＋－＠]|[\t\r])"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"


def _harmless(column: pyarrow.ChunkedArray[Any]) -> pyarrow.ChunkedArray[Any]:
    if not pyarrow.types.is_string(column.type):
        return column
    compute: Any = pyarrow.compute
    risky = compute.and_not(
        compute.match_substring_regex(column, _FORMULA), compute.match_substring_regex(column, _NUMBER)
    )
    return compute.if_else(risky, compute.binary_join_element_wise("'", column, ""), column)
