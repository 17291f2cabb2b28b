"""From results back to tables: the results of a manifest, row by row, and the rows that want another run."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from pydantic import BaseModel, ConfigDict

from longtake.manifests.cells import parse_take
from longtake.manifests.reader import cells_of
from longtake.manifests.references import absolute
from longtake.manifests.schema import LONE_SHOT, Cell, Manifest, joined
from longtake.manifests.signatures import without_signatures
from longtake.manifests.templates import TemplateError, escaped, fill_in
from longtake.request import Role
from longtake.verdicts import Verdict


class RowResult(BaseModel):
    """How one row ended.

    `reported_usage` is what the vendor told of it, as JSON.

    Prices in US dollars, sizes in pixels of the clip, times in UTC (Unix seconds and ISO 8601 are taken too).
    """

    model_config = ConfigDict(frozen=True)

    row: int
    shot_id: str
    take: int | None = None
    verdict: Verdict
    vendor: str | None = None
    wire_model: str | None = None
    job_id: str | None = None
    clip: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    clip_seconds: float | None = None
    price_low_usd: float | None = None
    price_high_usd: float | None = None
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    next_action: str | None = None
    reported_usage: str | None = None


_TIME = pyarrow.timestamp("us", "UTC")
_TYPES: dict[str, pyarrow.DataType] = {
    "take": pyarrow.int64(),
    "width": pyarrow.int64(),
    "height": pyarrow.int64(),
    "clip_seconds": pyarrow.float64(),
    "price_low_usd": pyarrow.float64(),
    "price_high_usd": pyarrow.float64(),
    "submitted_at": _TIME,
    "finished_at": _TIME,
}
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
    by_row = {result.row: result for result in results}
    ordered = [by_row.get(row) for row in range(1, len(manifest) + 1)]
    own = without_signatures(manifest.frame).rename(columns=_new_names(list(manifest.cells)))
    columns: dict[str, Any] = {}
    for name in RESULT_COLUMNS:
        values = [getattr(result, name) if result else None for result in ordered]
        columns[name] = pyarrow.array(values, _TYPES.get(name, pyarrow.string()))
    added = pyarrow.table(columns).to_pandas(types_mapper=pandas.ArrowDtype)
    return pandas.concat([own, added], axis=1)


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


def results_files(manifest: Manifest, results: Sequence[RowResult]) -> tuple[bytes, bytes]:
    """The results table as Parquet (exact) and as CSV that no spreadsheet takes for formulas (UTF-8, lists by `|`)."""
    table = pyarrow.Table.from_pandas(results_table(manifest, results), preserve_index=False)
    table = table.replace_schema_metadata(None)
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(table, parquet, compression="zstd")
    harmless = pyarrow.table(
        [_harmless(_plain(column)) for column in table.columns],
        names=[str(_harmless(pyarrow.chunked_array([[name]]))[0]) for name in table.column_names],
    )
    text = io.BytesIO()
    pyarrow.csv.write_csv(harmless, text)
    return parquet.getvalue(), text.getvalue()


# A formula starts with one of these, in full width too; spreadsheets look behind blanks and quotes for it.
_FORMULA = r"^([\s\p{Z}\"'`]*[=+\-@＝＋－＠]|[\t\r])"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"


def _plain(column: pyarrow.ChunkedArray[Any]) -> pyarrow.ChunkedArray[Any]:
    """The column as CSV can hold it: numbers and flags as they are, all else as text."""
    kind: Any = column.type
    types: Any = pyarrow.types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_string(kind):
        return column
    texts = [joined(cell) or None for cell in cells_of(column)]
    return pyarrow.chunked_array([pyarrow.array(texts, pyarrow.string())])


def _harmless(column: pyarrow.ChunkedArray[Any]) -> pyarrow.ChunkedArray[Any]:
    if not pyarrow.types.is_string(column.type):
        return column
    compute: Any = pyarrow.compute
    risky = compute.and_not(
        compute.match_substring_regex(column, _FORMULA), compute.match_substring_regex(column, _NUMBER)
    )
    return compute.if_else(risky, compute.binary_join_element_wise("'", column, ""), column)


def retry_csv(manifest: Manifest, results: Sequence[RowResult], raise_take: Collection[int]) -> bytes:
    """The whole reels that want another run, as a manifest of its own.

    A row keeps its identity but for a raised `take`: prompts are written filled in, relative references absolute, and a
    row without reel gets the reel and shot that it was given. A refused row is left as it was written, to be mended.
    References outside the folder of the retry are refused unless `check_manifest` is given the first manifest's `base`
    among its `reference_roots`.

    Args:
        manifest: The manifest as read.
        results: One per row; a reel with a row that is not `done`, or has no result, is written.
        raise_take: Rows that must be bought again: their `take` is one higher.

    Returns:
        CSV, exact and not escaped for spreadsheets; the header alone when nothing wants another run.
    """
    by_row = {result.row: result for result in results}
    rows = dict(enumerate(manifest.text, 1))
    reel_of = {number: _reel(number, row, by_row.get(number)) for number, row in rows.items()}
    wanted = {reel for number, reel in reel_of.items() if not _is_done(by_row.get(number))}
    again: list[dict[str, str]] = []
    for number, row in rows.items():
        if reel_of[number] in wanted:
            again.append(_standing_alone(row, by_row.get(number), manifest.base))
            if number in raise_take:
                again[-1]["take"] = str(parse_take(again[-1].get("take", "").strip() or "1") + 1)
    names = list(dict.fromkeys([*manifest.cells, *(name for row in again for name in row)]))
    text = io.StringIO(newline="")
    # Every cell is quoted, so that a lone carriage return in a prompt comes back as it was.
    lines = csv.DictWriter(text, names, restval="", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writeheader()
    lines.writerows(again)
    return text.getvalue().encode()


def _is_done(result: RowResult | None) -> bool:
    return result is not None and result.verdict is Verdict.DONE


def _shot(row: Mapping[str, Cell]) -> str:
    return joined(row.get("shot", "")).strip()


def _reel(number: int, row: Mapping[str, Cell], result: RowResult | None) -> str:
    """The row's reel; for a lone row that has no result a name that no reel has."""
    if reel := joined(row.get("reel", "")).strip():
        return reel
    return result.shot_id.removesuffix(f"/{_shot(row) or LONE_SHOT}") if result else f"\0{number}"


def _standing_alone(row: Mapping[str, Cell], result: RowResult | None, base: str) -> dict[str, str]:
    """The row's cells as they mean the same in another folder and under other values of reel, shot and take."""
    again = {name: joined(cell) for name, cell in row.items()}
    for role in Role:
        values = [value.strip() for value in again.get(role.column, "").split("|")]
        if any(values):
            again[role.column] = "|".join(absolute(value, base) for value in values if value)
    if result is None or result.verdict is Verdict.REFUSED:
        return again
    prompt = joined(row.get("prompt", ""), ", ")
    with contextlib.suppress(TemplateError):
        again["prompt"] = escaped(fill_in(prompt, row.keys() - {"prompt"}, lambda name: joined(row[name], ", ")))
    if not again.get("reel", "").strip():
        shot = _shot(row) or LONE_SHOT
        again |= {"reel": result.shot_id.removesuffix(f"/{shot}"), "shot": shot}
    return again
